"""Prepared queries find what Django's find, after rollbacks, on new connections, and behind a pooler."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from catalog.models import Tag
from mam.lib.prepared import Prepared
from tests.factories import make_tag

pytestmark = pytest.mark.django_db(transaction=True)


def query() -> Prepared:
    """Names of tags; made anew, as in another process."""
    return Prepared(lambda ids: Tag.objects.filter(pk__in=ids).order_by("name").values_list("name"))


def test_it_finds_some_again_and_again_in_one_query_each() -> None:
    tags = [make_tag(name) for name in ("bluff", "allin", "call")]
    prepared = query()
    for _ in range(8):  # PostgreSQL makes up its mind after five
        with CaptureQueriesContext(connection) as queries:
            assert prepared.rows([tags[0].pk, tags[1].pk]) == [("allin",), ("bluff",)]
        assert len(queries) == 1
    assert prepared.rows([]) == []


def test_ids_may_stand_in_many_places() -> None:
    tag = make_tag("bluff")
    tags = Tag.objects.order_by()
    prepared = Prepared(lambda ids: tags.filter(pk__in=ids).values_list("name").union(tags.filter(pk__in=ids).values_list("key"), all=True))
    assert prepared.rows([tag.pk]) == [("bluff",), ("bluff",)]


def test_it_goes_on_after_a_rollback_and_on_a_new_connection() -> None:
    tag, prepared = make_tag("bluff"), query()
    with transaction.atomic():
        assert prepared.rows([tag.pk]) == [("bluff",)]
        transaction.set_rollback(True)
    assert prepared.rows([tag.pk]) == [("bluff",)]
    connection.close()
    assert prepared.rows([tag.pk]) == [("bluff",)]


def test_behind_a_pooler_nothing_is_left_on_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    tag = make_tag("bluff")
    with CaptureQueriesContext(connection) as queries:
        assert query().rows([tag.pk]) == [("bluff",)]
    assert not any("EXECUTE" in one["sql"] for one in queries)


def test_a_migration_that_changes_a_column_makes_a_new_plan() -> None:
    tag, prepared = make_tag("7"), query()
    for _ in range(6):
        assert prepared.rows([tag.pk]) == [("7",)]
    table = connection.ops.quote_name(Tag._meta.db_table)
    is_postgresql = connection.vendor == "postgresql"
    change = f"ALTER TABLE {table} ALTER COLUMN name TYPE varchar(321)" if is_postgresql else f"ANALYZE {table}"
    with connection.cursor() as cursor:
        cursor.execute(change)
    try:
        assert prepared.rows([tag.pk]) == prepared.rows([tag.pk]) == [("7",)]
    finally:
        if is_postgresql:
            length = Tag._meta.get_field("name").max_length
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {table} ALTER COLUMN name TYPE varchar({length})")


def test_it_keeps_what_else_is_asked() -> None:
    tags = [make_tag(name) for name in ("bluff", "100 %", "[]", "50 %")]
    prepared = Prepared(
        lambda ids: Tag.objects.filter(name__contains="%", pk__gt=0).filter(Q(pk__in=ids, name__in=["bluff", "100 %"])).values_list("name")
    )
    for _ in range(8):
        assert prepared.rows([tag.pk for tag in tags]) == [("100 %",)]
        assert prepared.rows([tags[0].pk, tags[3].pk]) == []
