"""Prepared queries find what Django's find, after rollbacks, on new connections, and behind a pooler."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.forms import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Tag
from mam.lib.prepared import Prepared
from sync.models import Target
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


def test_objects_are_as_djangos() -> None:
    target = Target.objects.create(name="OTT", options={"project": "poker", "names": ["가", "나"]}, last_sync_at=timezone.now())
    other = Target.objects.create(name="Other")
    prepared = Prepared(lambda ids: Target.objects.filter(pk__in=ids).order_by("pk"))
    for _ in range(8):
        with CaptureQueriesContext(connection) as queries:
            found = prepared.objects([other.pk, target.pk])
        assert len(queries) == 1
        assert found == [target, other]
        assert [model_to_dict(one) for one in found] == [model_to_dict(one) for one in Target.objects.order_by("pk")]
        assert found[0].last_sync_at == target.last_sync_at
    found[0].name = "OTT 2"
    found[0].save()  # it is known to be in the database
    assert [one.name for one in prepared.objects([target.pk])] == ["OTT 2"]
    assert prepared.objects([]) == []


def test_it_may_be_about_no_ids() -> None:
    first = make_tag("bluff")
    make_tag("call")
    prepared = Prepared(lambda _ids: Tag.objects.order_by("pk").values_list("name")[:1])
    assert [prepared.rows() for _ in range(8)] == [[("bluff",)]] * 8
    assert Prepared(lambda _ids: Tag.objects.filter(name__gt="").order_by("pk")[:1]).objects() == [first]
    assert Prepared(lambda _ids: Tag.objects.order_by("pk")).rows()[0][0] == first.pk  # nothing to fill in at all


def test_another_thread_reads_by_its_own_connection() -> None:
    target = Target.objects.create(name="OTT", options={"a": 1}, last_sync_at=timezone.now())
    prepared = Prepared(lambda ids: Target.objects.filter(pk__in=ids))
    assert prepared.objects([target.pk]) == [target]

    def read() -> tuple[list[Target], int]:
        try:
            return prepared.objects([target.pk]), id(connection.connection)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        found, theirs = threads.submit(read).result()
    assert [(one.options, one.last_sync_at) for one in found] == [({"a": 1}, target.last_sync_at)]
    assert theirs != id(connection.connection)
