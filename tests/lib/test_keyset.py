"""Keyset pages against the sorted list, on whatever database the tests run on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mam.jobs.models import Job
from mam.lib.keyset import CursorMismatchError, InvalidCursorError, jump, keyset_page

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, tzinfo=UTC)
# Few values, so that ties are the rule. `progress_total` and `finished_at` may be NULL.
JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["", "a", "b", "가나"]),
            "priority": st.sampled_from([0, 50]),
            "progress_total": st.sampled_from([None, 1, 2]),
            "finished_at": st.sampled_from([None, START, START + timedelta(microseconds=1)]),
        }
    ),
    max_size=14,
)
COLUMNS = st.lists(st.sampled_from(["kind", "priority", "progress_total", "finished_at", "id"]), unique=True, max_size=4)


def make_jobs(rows: Sequence[dict[str, Any]]) -> list[Job]:
    Job.objects.all().delete()
    return [Job.objects.create(queue="fast", **row) for row in rows]


def sorted_by(jobs: list[Job], ordering: Sequence[str]) -> list[Job]:
    """Python's own idea of the order: NULLs last, ties by id in the direction of the last column."""
    last_direction = "-" if ordering and ordering[-1].startswith("-") else ""
    for name in reversed([*ordering, f"{last_direction}id"]):
        field = name.removeprefix("-")
        values = sorted(
            (job for job in jobs if getattr(job, field) is not None), key=lambda job: getattr(job, field), reverse=name != field
        )
        jobs = values + [job for job in jobs if getattr(job, field) is None]
    return jobs


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=JOBS, columns=COLUMNS, signs=st.lists(st.sampled_from(["", "-"]), min_size=4, max_size=4), limit=st.integers(1, 5))
def test_paging_forwards_and_backwards_equals_the_sorted_list(
    db: None, rows: list[dict[str, Any]], columns: list[str], signs: list[str], limit: int
) -> None:
    ordering = [sign + column for sign, column in zip(signs, columns, strict=False)]
    expected = sorted_by(make_jobs(rows), ordering)
    queryset = Job.objects.order_by("created_at")  # an order of its own must not matter

    forwards, page = [], keyset_page(queryset, ordering, None, limit)
    assert page.previous is None
    pages = [page]
    while True:
        forwards += page.items
        if page.next is None:
            break
        page = keyset_page(queryset, ordering, page.next, limit)
        pages.append(page)
    assert forwards == expected

    backwards = list(page.items)
    while page.previous is not None:
        page = keyset_page(queryset, ordering, page.previous, limit)
        backwards = page.items + backwards
        assert page.next is not None
    assert backwards == expected


def test_a_page_stays_in_place_while_rows_come_and_go() -> None:
    jobs = make_jobs([{"kind": "a"}, {"kind": "b"}, {"kind": "c"}, {"kind": "d"}])
    first = keyset_page(Job.objects.all(), ["kind"], None, 2)
    Job.objects.create(kind="aa", queue="fast")
    jobs[1].delete()
    assert [job.kind for job in keyset_page(Job.objects.all(), ["kind"], first.next, 2).items] == ["c", "d"]


def test_orders_through_relations_and_by_pk() -> None:
    jobs = make_jobs([{"kind": "a"}, {"kind": "b"}])
    page = keyset_page(Job.objects.select_related("requested_by"), ["requested_by__email", "-pk"], None, 1)
    assert page.items == [jobs[1]]
    assert keyset_page(Job.objects.all(), ["requested_by__email", "-pk"], page.next, 1).items == [jobs[0]]


def test_a_damaged_cursor_is_refused() -> None:
    make_jobs([{"kind": "a"}, {"kind": "b"}])
    cursor = keyset_page(Job.objects.all(), ["kind"], None, 1).next
    assert cursor is not None
    for damaged in ["", ".", "x", cursor[:-1], "A" + cursor, cursor.replace(".", ":"), "가"]:
        if damaged:
            with pytest.raises(InvalidCursorError):
                keyset_page(Job.objects.all(), ["kind"], damaged, 1)


def test_a_cursor_of_another_order_is_refused() -> None:
    make_jobs([{"kind": "a"}, {"kind": "b"}])
    cursor = keyset_page(Job.objects.all(), ["kind"], None, 1).next
    for ordering in (["-kind"], ["priority"], ["kind", "priority"]):
        with pytest.raises(CursorMismatchError):
            keyset_page(Job.objects.all(), ordering, cursor, 1)


def test_a_cursor_needs_no_escaping_in_an_address() -> None:
    make_jobs([{"kind": "가/?&=+ %"}, {"kind": "나"}])
    cursor = keyset_page(Job.objects.all(), ["kind", "created_at"], None, 1).next
    assert cursor is not None
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_reads_ranges_and_never_counts_or_skips() -> None:
    make_jobs([{"kind": "a", "priority": number % 3} for number in range(30)])
    page = keyset_page(Job.objects.all(), ["priority"], None, 4)
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            page = keyset_page(Job.objects.all(), ["priority"], page.next, 4)
        assert 1 <= len(queries) <= 2
        for query in queries.captured_queries:
            assert "COUNT" not in query["sql"]
            assert "OFFSET" not in query["sql"]
            assert " OR " not in query["sql"]


@pytest.mark.parametrize("ordering", [["-state", "-id"], ["-id"]])
def test_each_range_is_served_by_the_index_from_its_very_row(ordering: list[str]) -> None:
    # Few of many, so that no other way is as good to the database's mind.
    Job.objects.bulk_create(Job(kind="a", queue="fast", state="done" if number % 50 else "queued") for number in range(5000))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE jobs_job")  # what it knows of the table is else a matter of chance
    page = keyset_page(Job.objects.all(), ordering, keyset_page(Job.objects.all(), ordering, None, 5).next, 5)
    with CaptureQueriesContext(connection) as queries:
        keyset_page(Job.objects.all(), ordering, page.next, 5)
    for query in queries.captured_queries:
        assert begins_at_its_row(query["sql"])


def begins_at_its_row(sql: str) -> bool:
    """Whether the database enters an index at the range's first row and reads on from there, without reading or sorting others."""
    if connection.vendor == "postgresql":
        # which would rather read so small a table as a whole
        switches = ["SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off"]
        explain, wanted, unwanted = "EXPLAIN", "Index Cond", ["Seq Scan", "Sort", "Filter"]
    else:
        switches, explain, wanted, unwanted = [], "EXPLAIN QUERY PLAN", "SEARCH", ["SCAN", "TEMP B-TREE"]
    with connection.cursor() as cursor:
        for switch in switches:
            cursor.execute(switch)
        cursor.execute(f"{explain} {sql}")
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    return wanted in plan and not any(word in plan for word in unwanted)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=JOBS, columns=COLUMNS, signs=st.lists(st.sampled_from(["", "-"]), min_size=4, max_size=4), size=st.integers(1, 5))
def test_a_page_by_its_number_is_the_page_that_paging_comes_to(
    db: None, rows: list[dict[str, Any]], columns: list[str], signs: list[str], size: int
) -> None:
    ordering = [sign + column for sign, column in zip(signs, columns, strict=False)]
    make_jobs(rows)
    walked, number, cursor = keyset_page(Job.objects.all(), ordering, None, size), 1, None
    while True:
        assert keyset_page(Job.objects.all(), ordering, cursor, size, is_small=True) == walked
        assert jump(Job.objects.all(), ordering, number, size, len(rows)) == walked
        assert jump(Job.objects.all(), ordering, number, size, len(rows), is_small=True) == walked
        if walked.next is None:
            break
        cursor = walked.next
        walked, number = keyset_page(Job.objects.all(), ordering, cursor, size), number + 1
    back = keyset_page(Job.objects.all(), ordering, walked.previous, size, is_small=True)
    assert back == keyset_page(Job.objects.all(), ordering, walked.previous, size)
    assert jump(Job.objects.all(), ordering, number + 5, size, len(rows)) == walked  # beyond the last


def test_the_rows_of_a_page_are_read_by_their_keys_alone() -> None:
    make_jobs([{"kind": "ab"[number % 2]} for number in range(9)])
    some = Job.objects.filter(kind="a")

    with CaptureQueriesContext(connection) as queries:
        page = jump(some, ["id"], 2, 2, 5, rows=Job.objects.all())

    assert page == jump(some, ["id"], 2, 2, 5)
    keys, rows = (query["sql"].partition(" WHERE ")[2] for query in queries)
    assert "kind" in keys
    assert "kind" not in rows


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=JOBS,
    columns=COLUMNS,
    signs=st.lists(st.sampled_from(["", "-"]), min_size=4, max_size=4),
    size=st.integers(1, 5),
    numbers=st.lists(st.integers(1, 14), max_size=14),
    is_small=st.booleans(),
)
def test_pages_that_were_read_before_lead_to_the_same_pages(
    db: None, rows: list[dict[str, Any]], columns: list[str], signs: list[str], size: int, numbers: list[int], is_small: bool
) -> None:
    ordering = [sign + column for sign, column in zip(signs, columns, strict=False)]
    make_jobs(rows)
    one_list = object()
    for number in numbers:
        counted = jump(Job.objects.all(), ordering, number, size, len(rows))
        assert jump(Job.objects.all(), ordering, number, size, len(rows), is_small=is_small, unchanged=one_list) == counted


def test_a_page_is_counted_off_from_the_nearest_one_that_was_read() -> None:
    make_jobs([{"kind": str(number)} for number in range(9)])
    one_list, another = object(), object()
    jump(Job.objects.all(), ["id"], 3, 1, 9, unchanged=one_list)
    with CaptureQueriesContext(connection) as queries:
        again, after, before, far, other = (
            jump(Job.objects.all(), ["id"], number, 1, 9, unchanged=which)
            for number, which in ((3, one_list), (4, one_list), (2, one_list), (7, one_list), (3, another))
        )
    assert [page.items[0].kind for page in (again, after, before, far, other)] == ["2", "3", "1", "6", "2"]
    skipped = [re.findall(r"OFFSET (\d+)", query["sql"]) for query in queries if "kind" not in query["sql"]]
    assert skipped == [[], [], ["2"], ["2"]]


def test_a_page_by_its_number_reads_only_its_own_rows_in_full() -> None:
    make_jobs([{"kind": str(number)} for number in range(9)])
    with CaptureQueriesContext(connection) as queries:
        page = jump(Job.objects.all(), ["id"], 4, 2, 9)
    assert [job.kind for job in page.items] == ["6", "7"]
    keys, _rows = (query["sql"] for query in queries)
    assert "kind" not in keys and "OFFSET 1" in keys  # from the nearer end


def test_rows_of_values_have_the_same_cursors_as_objects() -> None:
    make_jobs([{"kind": "a"}, {"kind": "b"}, {"kind": "c"}])
    rows = keyset_page(Job.objects.values("id", "kind"), ["kind"], None, 2)  # type: ignore[type-var]
    assert rows.next == keyset_page(Job.objects.all(), ["kind"], None, 2).next
