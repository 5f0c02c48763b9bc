"""Matching few files looks at few, however many there are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

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
    from collections.abc import Iterator

    from catalog.models import Source
    from sync.models import Target

pytestmark = pytest.mark.django_db

FEW, MANY = 200, 2_000  # files


@contextmanager
def counting() -> Iterator[list[int]]:
    """What is done meanwhile: SQLite's instructions, by the hundred; rows that PostgreSQL reads where it need not read all of a table."""
    found: list[int] = []
    if connection.vendor == "sqlite":
        steps = 0

        def step() -> int:
            nonlocal steps
            steps += 1
            return 0

        connection.ensure_connection()
        connection.connection.set_progress_handler(step, 100)
        try:
            yield found
        finally:
            connection.connection.set_progress_handler(None, 0)
        found.append(steps)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        before = _rows_read()
        yield found
        found.append(_rows_read() - before)
        cursor.execute("SET LOCAL enable_seqscan = on")


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
    found = {}
    file, row = MediaFile.objects.order_by("-pk")[5], TargetRow.objects.order_by("-pk")[9]
    for name in ("probed", "resized", "added", "gone", "row", "row gone"):
        if name == "probed":
            MediaFile.objects.filter(pk=file.pk).update(duration_ms=MediaFile.objects.count())
        elif name == "resized":
            MediaFile.objects.filter(pk=file.pk).update(size_bytes=MediaFile.objects.count())
        elif name == "added":
            added = make_file("1/added.mp4", source=source)
        elif name == "gone":
            MediaFile.objects.filter(pk=added.pk).delete()
        else:
            touch_rows([row.pk])
            TargetRow.objects.filter(pk=row.pk).update(is_deleted=True)
            if name == "row gone":
                TargetRow.objects.filter(pk=row.pk).delete()
        with counting() as counted:
            match_touched(by=Actor())
        found[name] = counted[0]
    return found


def test_what_one_change_costs_does_not_grow_with_the_archive() -> None:
    source = make_source()
    target = make_target(sources={source: ""})
    grow(source, target, FEW)
    few = costs(source)
    grow(source, target, MANY)
    many = costs(source)
    assert Match.objects.filter(file__isnull=False).count() == MANY
    assert {name: cost for name, cost in many.items() if cost > 2 * few[name]} == {}, few
