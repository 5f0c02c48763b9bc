"""Rows written in bulk are the rows Django would have written, on whatever database the tests run on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.models import Catalog, Collection, Series
from mam.lib.bulk import (
    add_to_rows,
    database_time,
    ids_by,
    insert_objects,
    insert_rows,
    prefer_indexes,
    refresh_statistics,
    reserve_ids,
    update_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.django_db

THEN = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
ODD_NAMES = ["탭\t줄\n끝", "\\N", "NULL", "{1,2}", "'quoted' \"%s\" %", "🂡", " ", "a" * 200]
COLUMNS = ["id", "name", "description", "created_at", "position"]


def rows_of(ids: Sequence[int], names: Sequence[str]) -> list[tuple[Any, ...]]:
    return [(pk, name, name[::-1], database_time(THEN), number) for number, (pk, name) in enumerate(zip(ids, names, strict=True))]


def stored(*columns: str) -> list[tuple[Any, ...]]:
    return list(Collection.objects.order_by("pk").values_list(*columns))


def test_reserved_ids_belong_to_nobody_else() -> None:
    before = Collection.objects.create(name="before")
    ids = reserve_ids(Collection, 3)
    insert_rows(Collection, COLUMNS, rows_of(ids, ["a", "b", "c"]))
    after = Collection.objects.create(name="after")
    assert stored("pk", "name") == [(before.pk, "before"), *zip(ids, ["a", "b", "c"], strict=True), (after.pk, "after")]


def test_ids_of_deleted_rows_do_not_come_back() -> None:
    gone = Collection.objects.create(name="gone")
    gone_id = gone.pk
    gone.delete()
    assert reserve_ids(Collection, 1)[0] > gone_id


def test_no_ids_can_be_reserved() -> None:
    assert reserve_ids(Collection, 0) == []


def test_inserted_values_are_read_back_whatever_is_in_them() -> None:
    ids = reserve_ids(Collection, len(ODD_NAMES))
    insert_rows(Collection, COLUMNS, iter(rows_of(ids, ODD_NAMES)))
    assert stored("pk", "name", "description", "created_at", "parent_id") == [
        (pk, name, name[::-1], THEN, None) for pk, name in zip(ids, ODD_NAMES, strict=True)
    ]


def test_inserted_objects_are_what_django_would_have_saved() -> None:
    saved = Collection.objects.create(name="saved", created_at=THEN, query="tag:홀덤")
    made = [Collection(name=name, created_at=THEN, query=saved.query, parent=saved) for name in ODD_NAMES]
    insert_objects(Collection, made)
    columns = [field.attname for field in Collection._meta.concrete_fields]
    assert stored(*columns)[1:] == [tuple(getattr(one, column) for column in columns) for one in made]
    assert all(one.pk > saved.pk for one in made)
    made[0].name = "changed"
    made[0].save()
    assert Collection.objects.get(pk=made[0].pk).name == "changed"


def test_no_objects_are_inserted() -> None:
    insert_objects(Collection, [])
    assert stored("pk") == []


def test_updates_reach_their_own_rows_with_any_value() -> None:
    parent = Collection.objects.create(name="parent", position=7)
    ids = [Collection.objects.create(name=f"{number}", parent=parent).pk for number in range(len(ODD_NAMES))]
    parents = [None if number % 2 else parent.pk for number in range(len(ids))]
    rows = zip(ODD_NAMES, parents, [database_time(THEN)] * len(ids), ids, strict=True)
    update_rows(Collection, ["name", "parent_id", "created_at"], rows)
    assert stored("pk", "name", "parent_id", "created_at")[1:] == list(zip(ids, ODD_NAMES, parents, [THEN] * len(ids), strict=True))
    assert (parent.name, parent.position) == Collection.objects.values_list("name", "position").get(pk=parent.pk)


def test_a_column_of_nothing_but_null_is_written() -> None:
    parent = Collection.objects.create(name="parent")
    child = Collection.objects.create(name="child", parent=parent)
    update_rows(Collection, ["parent_id"], [(None, child.pk)])
    assert stored("parent_id") == [(None,), (None,)]


def test_sums_are_added_to_what_is_there() -> None:
    first, second = (Collection.objects.create(name=name, position=10) for name in ("a", "b"))
    add_to_rows(Collection, ["position"], [(5, first.pk), (-3, second.pk)])
    assert stored("position") == [(15,), (7,)]


def test_rows_are_found_by_pairs_of_a_number_and_a_text() -> None:
    catalogs = [Catalog.objects.create(key=f"{n}", name=f"{n}") for n in range(2)]
    made = {
        (one.pk, key): Series.objects.create(catalog=one, key=key, name="s").pk for one in catalogs for key in ODD_NAMES if len(key) < 120
    }
    wanted = [*made, (catalogs[0].pk, "unknown"), (0, ODD_NAMES[0])]
    assert ids_by(Series, ("catalog_id", "key"), wanted) == made
    assert ids_by(Series, ("catalog_id", "key"), []) == {}


def test_a_row_that_may_not_be_takes_all_others_with_it() -> None:
    ids = reserve_ids(Collection, 2)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(Collection, COLUMNS, rows_of([*ids, ids[0]], ["a", "b", "c"]))
    assert stored("pk") == []
    insert_rows(Collection, COLUMNS, rows_of(ids, ["a", "b"]))
    assert stored("name") == [("a",), ("b",)]


@pytest.mark.django_db(transaction=True)
def test_rows_refused_outside_of_a_transaction_do_not_come_with_the_next() -> None:
    ids = reserve_ids(Collection, 3)
    with pytest.raises(IntegrityError):
        insert_rows(Collection, COLUMNS, rows_of([ids[0], ids[0]], ["a", "b"]))
    insert_rows(Collection, COLUMNS, rows_of(ids[2:], ["c"]))
    assert stored("name") == [("c",)]


def test_nothing_to_write_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        update_rows(Collection, ["name"], [])
        add_to_rows(Collection, ["position"], iter(()))
    assert not queries.captured_queries


def test_a_few_of_many_rows_are_read_by_an_index_before_there_are_statistics() -> None:
    parents = [Collection.objects.create(name=f"{number}").pk for number in range(40)]
    ids = reserve_ids(Collection, 4_000)
    rows = [(pk, f"{pk}", "", database_time(THEN), 0, parents[pk % len(parents)]) for pk in ids]
    insert_rows(Collection, [*COLUMNS, "parent_id"], rows)
    prefer_indexes()
    plan = Collection.objects.filter(parent_id__in=parents).explain()
    assert "USING" in plan or "Index" in plan, plan
    assert "Seq Scan" not in plan, plan


def test_a_database_that_does_not_look_by_itself_is_told_to() -> None:
    insert_rows(Collection, COLUMNS, rows_of(reserve_ids(Collection, 50), [f"c{number}" for number in range(50)]))
    with CaptureQueriesContext(connection) as captured:
        refresh_statistics()
    if connection.vendor == "postgresql":
        assert not captured
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'catalog_collection'")
        sizes = [int(stat.split()[0]) for (stat,) in cursor.fetchall()]
    assert sizes
    assert min(sizes) >= 50
