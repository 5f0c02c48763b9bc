"""Matching few files looks at few, however many there are."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from catalog.models import MediaFile
from sync.matching.recompute import match_touched
from sync.matching.touches import touch_rows
from sync.models import Match, TargetRow
from sync.services.history import Actor
from tests.factories import make_file, make_source
from tests.sync.factories import make_target, make_target_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.models import Source
    from sync.models import Target

pytestmark = pytest.mark.django_db

FEW, MANY = 200, 2_000  # files


def cost_of(change: Callable[[], Any]) -> int:
    """Of matching after it: SQLite's instructions, by the hundred; rows that PostgreSQL reads where it need not read all of a table."""
    change()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            before = _rows_read()
            match_touched(by=Actor())
            cursor.execute("SET LOCAL enable_seqscan = on")
        return _rows_read() - before
    steps = itertools.count()
    connection.connection.set_progress_handler(lambda: next(steps) and 0, 100)
    try:
        match_touched(by=Actor())
    finally:
        connection.connection.set_progress_handler(None, 0)
    return next(steps)


def _rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE relname !~ '^m_'")
        return int(cursor.fetchone()[0])


def grow(source: Source, target: Target, count: int) -> None:
    """Up to so many files, most of them with their rows."""
    for number in range(MediaFile.objects.count(), count):
        file = make_file(f"{number % 20}/clip {number}.mp4", source=source)
        if number % 7:
            make_target_row(target, file=file)
    match_touched(by=Actor())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def costs(source: Source) -> dict[str, int]:
    """Of matching what has changed, by what it is."""
    count = MediaFile.objects.count()
    file = MediaFile.objects.filter(pk=MediaFile.objects.order_by("-pk")[5].pk)
    row = TargetRow.objects.filter(pk=TargetRow.objects.order_by("-pk")[9].pk)

    def of_row(change: Callable[[], Any]) -> int:
        touch_rows(list(row.values_list("pk", flat=True)))
        return cost_of(change)

    return {
        "probed": cost_of(lambda: file.update(duration_ms=count)),
        "resized": cost_of(lambda: file.update(size_bytes=count)),
        "added": cost_of(lambda: make_file("1/added.mp4", source=source)),
        "gone": cost_of(MediaFile.objects.filter(name="added.mp4").delete),
        "row": of_row(lambda: row.update(is_deleted=True)),
        "row gone": of_row(row.delete),
    }


def test_what_one_change_costs_does_not_grow_with_the_archive() -> None:
    source = make_source()
    target = make_target(sources={source: ""})
    grow(source, target, FEW)
    few = costs(source)
    grow(source, target, MANY)
    many = costs(source)
    assert Match.objects.filter(file__isnull=False).count() == MANY
    assert {name: cost for name, cost in many.items() if cost > 2 * few[name]} == {}, few
