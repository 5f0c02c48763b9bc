"""The history: every change becomes a row, in one chain, and whoever touches it is found out."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import UTC, timedelta
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, ProgrammingError, connection, transaction
from django.db.models import F
from django.utils import timezone

from mam.accounts.context import request_id_context
from mam.jobs.registry import forget, job
from mam.jobs.services import enqueue
from mam.jobs.testing import run_pending
from sync.choices import HistoryEvent, HistoryFault, HistorySide
from sync.models import HistoryHead, HistoryRow, Target
from sync.services import history
from sync.services.history import Actor, Broken, Change, record, verify
from tests.sync.factories import make_target
from tests.threads import at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mam.accounts.models import User
    from mam.jobs.context import JobContext

pytestmark = pytest.mark.django_db

BY = Actor("kim@example.test", 5)


@pytest.fixture
def target() -> Target:
    return make_target()


def added(number: int = 1, **fields: Any) -> Change:
    path = f"WSOP/2024/file {number}.mp4"
    values: dict[str, Any] = {"event": HistoryEvent.ADDED, "side": HistorySide.SOURCE, "subject": f"file:{number}", "path": path}
    return Change(**(values | {"after": {"status": "new", "path": path, "size_bytes": number}} | fields))


def write(target: Target, *changes: Change, by: Actor = BY) -> list[HistoryRow]:
    """The rows that became of the changes, each written in a transaction of its own."""
    for change in changes:
        with transaction.atomic():
            record(target, [change], by=by)
    return list(HistoryRow.objects.order_by("-pk")[: len(changes)])[::-1]


# --- what is written --------------------------------------------------------------------------------------------------
def test_a_change_is_kept_with_who_and_why(target: Target) -> None:
    change = added(7, catalog_id=3, catalog_name="WSOP", before={"status": "deleted"}, plan_id=9, reason="restored by hand")
    (row,) = write(target, change, by=Actor("kim@example.test", 5, "r-1"))
    assert (row.pk, row.target_id, row.event, row.side, row.subject, row.path) == (
        *(1, target.pk, "added", "source", "file:7", "WSOP/2024/file 7.mp4"),
    )
    assert (row.catalog_id, row.catalog_name, row.actor, row.job_id, row.request_id) == (3, "WSOP", "kim@example.test", 5, "r-1")
    assert (row.plan_id, row.reason, row.before) == (9, "restored by hand", {"status": "deleted"})
    assert row.after == {"status": "new", "path": "WSOP/2024/file 7.mp4", "size_bytes": 7}
    assert timezone.now() - timedelta(minutes=1) < row.at <= timezone.now()


def test_many_changes_keep_their_order_and_are_counted(target: Target) -> None:
    with transaction.atomic():
        assert record(target, (added(number) for number in range(20)), by=BY) == 20
        assert record(target, [], by=BY) == 0
    assert list(HistoryRow.objects.order_by("pk").values_list("pk", "subject")) == [(n + 1, f"file:{n}") for n in range(20)]
    assert verify().broken is None


def test_changes_go_to_the_database_while_they_are_made(target: Target) -> None:
    def changes() -> Iterator[Change]:
        for number in range(12_000):
            if number % 1_000 == 0:
                behind.append(number - HistoryRow.objects.count())
            yield added(number)

    behind: list[int] = []
    with transaction.atomic():
        assert record(target, changes(), by=BY) == 12_000
    assert max(behind) <= 5_000
    assert verify().rows == 12_000


def test_a_digest_can_be_made_by_any_program(target: Target) -> None:
    """As the module says it is made, from what the tables hold."""
    write(target, added(1), added(2, path='드라마/1화 "특별".mp4\n', before={"b": [1, "가"], "a": None}, plan_id=4, reason="\\ \t"))
    last = "0" * 64
    for row in HistoryRow.objects.order_by("pk"):
        line = [row.pk, row.target_id, f"{row.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}+00:00", row.event, row.side, row.subject, row.path]
        line += [row.catalog_id, row.catalog_name, row.actor, row.job_id, row.request_id, row.plan_id, row.reason]
        parts = [json.dumps(part, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for part in (line, row.before, row.after)]
        last = hashlib.sha256("\n".join([last, *parts]).encode()).hexdigest()
        assert row.digest == last
    assert (verify().digest, HistoryHead.objects.get().digest, HistoryHead.objects.get().last_id) == (last, last, 2)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "드라마",
            unicodedata.normalize("NFD", "드라마"),
            "🎬",
            "\u2028\u00a0\ufeff",
            '"\\/\b\f\n\r\t\x01\x7f',
            "</script>",
            "N" * 5_000,
        ),
        *(0, -1, 2**62, True, None, ["a", ""], {"z": 1, "가": None, "a": "b"}),
    ],
    ids=repr,
)
def test_whatever_is_said_is_kept_as_it_is(target: Target, value: Any) -> None:
    path = value if isinstance(value, str) else "x"
    (row,) = write(target, added(1, path=path, reason=path[:900], before={"value": value, "": ""}, after={"b": value, "a": value}))
    assert (row.path, row.before, row.after) == (path, {"value": value, "": ""}, {"b": value, "a": value})
    assert verify().broken is None


def test_a_history_that_is_not_part_of_the_change_is_refused() -> None:
    if connection.in_atomic_block:
        connection.in_atomic_block = False
    try:
        with pytest.raises(transaction.TransactionManagementError):
            record(Target(pk=1), [added()], by=BY)
    finally:
        connection.in_atomic_block = True


def test_a_change_that_fails_leaves_the_chain_whole(target: Target) -> None:
    def changes() -> Iterator[Change]:
        yield from (added(number) for number in range(6_000))
        raise OSError

    write(target, added(1))
    with transaction.atomic():
        with pytest.raises(OSError):
            record(target, changes(), by=BY)
        record(target, [added(2)], by=BY)
    assert [row.subject for row in HistoryRow.objects.order_by("pk")] == ["file:1", "file:2"]
    assert verify().broken is None


def test_an_event_that_there_is_not_is_refused(target: Target) -> None:
    with pytest.raises(KeyError):
        write(target, added(1, event="vanished"))
    assert not HistoryRow.objects.exists()


# --- who and when -----------------------------------------------------------------------------------------------------
def test_a_person_is_named_with_the_request(administrator: User) -> None:
    with request_id_context("r-7"):
        assert Actor.of_user(administrator) == Actor(administrator.email, None, "r-7")
        assert Actor.of_user(None) == Actor("", None, "r-7")


def test_a_job_acts_for_whoever_asked_for_it(administrator: User) -> None:
    found: list[Actor] = []

    def work(ctx: JobContext) -> None:
        found.append(Actor.of_job(ctx))

    job(kind="tests.history")(work)
    try:
        asked = enqueue(kind="tests.history", user=administrator, request_id="r-8")
        alone = enqueue(kind="tests.history")
        run_pending(kinds=["tests.history"])
    finally:
        forget("tests.history")
    assert found == [Actor(administrator.email, asked.pk, "r-8"), Actor("", alone.pk, "")]


def test_time_does_not_run_backward_unless_a_clock_was_set_right(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()

    def write_at(at: datetime) -> datetime:
        monkeypatch.setattr("sync.services.history.timezone.now", lambda: at)
        return write(target, added())[0].at

    assert write_at(now) == now
    assert write_at(now - timedelta(seconds=3)) == now
    assert write_at(now + timedelta(seconds=1)) == now + timedelta(seconds=1)
    assert write_at(now - timedelta(days=1)) == now - timedelta(days=1)
    assert verify().broken is None


@pytest.mark.parametrize("microsecond", [0, 1, 120_000])
def test_every_time_reads_as_it_was_written(target: Target, monkeypatch: pytest.MonkeyPatch, microsecond: int) -> None:
    at = timezone.now().replace(microsecond=microsecond)
    monkeypatch.setattr("sync.services.history.timezone.now", lambda: at)
    assert write(target, added())[0].at == at
    assert verify().broken is None


# --- writers at the same time -----------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_time_make_one_chain() -> None:
    targets = [make_target(), make_target()]

    def work(number: int) -> Callable[[], None]:
        def run() -> None:
            for turn in range(15):
                try:
                    with transaction.atomic():
                        record(targets[turn % 2], (added(number) for _ in range(turn)), by=Actor(job_id=number))
                        if turn % 5 == 4:
                            raise OSError  # taken back: no number is lost by it
                except OSError:
                    pass

        return run

    at_once(*(work(number) for number in range(6)))
    written = 6 * sum(turn for turn in range(15) if turn % 5 != 4)
    assert list(HistoryRow.objects.order_by("pk").values_list("pk", flat=True)) == list(range(1, written + 1))
    assert (verify().rows, verify().broken) == (written, None)
    for number in range(6):  # what is written together stands together
        mine = list(HistoryRow.objects.filter(job_id=number).order_by("pk").values_list("pk", "at"))
        assert len({at for _pk, at in mine}) == 11
        assert sum(two - one > 1 for (one, _), (two, _) in pairwise(mine)) < 11


@pytest.mark.django_db(transaction=True)
def test_rows_appear_in_the_order_of_their_numbers() -> None:
    """A reader that has seen a number has seen all before it."""
    target, gaps = make_target(), []

    def write_some() -> None:
        for _ in range(25):
            with transaction.atomic():
                record(target, [added(), added()], by=BY)

    def read() -> None:
        while True:
            numbers = list(HistoryRow.objects.values_list("pk", flat=True))
            if sorted(numbers) != list(range(1, len(numbers) + 1)):
                gaps.append(numbers)
            if len(numbers) >= 4 * 50 or gaps:
                return

    at_once(*[write_some] * 4, read)
    assert gaps == []


@pytest.mark.django_db(transaction=True)
def test_what_is_added_while_it_is_verified_is_verified_too() -> None:
    target = make_target()
    with transaction.atomic():
        record(target, (added(number) for number in range(5_000)), by=BY)
    seen: list[tuple[int, int]] = []

    def on_progress(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 1:
            write(target, added(1), added(2))

    found = verify(on_progress)
    assert seen == [(5_000, 5_000)]
    assert (found.rows, found.broken) == (5_002, None)


# --- tampering --------------------------------------------------------------------------------------------------------
def swap(one: int, two: int) -> None:
    for pk, new in ((one, -1), (two, one), (-1, two)):
        HistoryRow.objects.filter(pk=pk).update(id=new)


def swap_words(one: int, two: int) -> None:
    first, second = HistoryRow.objects.get(pk=one), HistoryRow.objects.get(pk=two)
    for pk, other in ((one, second), (two, first)):
        fields = {name: getattr(other, name) for name in ("subject", "path", "before", "after")}
        HistoryRow.objects.filter(pk=pk).update(**fields)


def insert(pk: int, *, is_well_made: bool = False) -> None:
    """Put a forged row in, the rest moved on."""
    HistoryRow.objects.filter(pk__gte=pk).update(id=-F("id") - 1)
    HistoryRow.objects.filter(pk__lt=0).update(id=-F("id"))
    row = HistoryRow.objects.get(pk=pk - 1)
    before = row.digest
    row.pk, row.subject = pk, "file:666"
    row.save(force_insert=True)
    if is_well_made:
        set_right_digest(row, before)


def set_right_digest(row: HistoryRow, before: str) -> None:
    (read,) = history._rows(row.pk - 1, row.pk)
    HistoryRow.objects.filter(pk=row.pk).update(digest=read.digest_after(before))


def append(pk: int) -> None:
    row = HistoryRow.objects.get(pk=10)
    before = row.digest
    row.pk = pk
    row.save(force_insert=True)
    set_right_digest(row, before)


def forge_to_the_end(pk: int) -> None:
    """A row changed, and all digests from there on made anew."""
    HistoryRow.objects.filter(pk=pk).update(path="else")
    for row in HistoryRow.objects.filter(pk__gte=pk).order_by("pk"):
        set_right_digest(row, HistoryRow.objects.get(pk=row.pk - 1).digest)


def delete(*pks: int) -> None:
    HistoryRow.objects.filter(pk__in=pks).delete()


def change(pk: int, **fields: Any) -> None:
    HistoryRow.objects.filter(pk=pk).update(**fields)


TAMPERINGS: dict[str, tuple[Callable[[], Any], int, HistoryFault]] = {
    "the first row changed": (lambda: change(1, path="else"), 1, HistoryFault.CHANGED),
    "a row in the middle changed": (lambda: change(4, path="else"), 4, HistoryFault.CHANGED),
    "the last row changed": (lambda: change(10, reason="none"), 10, HistoryFault.CHANGED),
    "another time": (lambda: change(4, at=timezone.now() - timedelta(days=1)), 4, HistoryFault.CHANGED),
    "another person": (lambda: change(4, actor="lee@example.test"), 4, HistoryFault.CHANGED),
    "another event": (lambda: change(4, event="deleted"), 4, HistoryFault.CHANGED),
    "another side": (lambda: change(4, side="target"), 4, HistoryFault.CHANGED),
    "another file": (lambda: change(4, subject="file:5"), 4, HistoryFault.CHANGED),
    "another catalog": (lambda: change(4, catalog_id=2), 4, HistoryFault.CHANGED),
    "another name of it": (lambda: change(4, catalog_name="HCL"), 4, HistoryFault.CHANGED),
    "another target": (lambda: change(4, target_id=99), 4, HistoryFault.CHANGED),
    "another job": (lambda: change(4, job_id=None), 4, HistoryFault.CHANGED),
    "another request": (lambda: change(4, request_id="x"), 4, HistoryFault.CHANGED),
    "another plan": (lambda: change(4, plan_id=1), 4, HistoryFault.CHANGED),
    "another before": (lambda: change(4, before={"status": "new"}), 4, HistoryFault.CHANGED),
    "another after": (lambda: change(4, after={}), 4, HistoryFault.CHANGED),
    "a digest changed": (lambda: change(4, digest="0" * 64), 4, HistoryFault.DIGEST),
    "the last digest changed": (lambda: change(10, digest="0" * 64), 10, HistoryFault.DIGEST),
    "a row changed with its digest": (lambda: change(4, path="else", digest="0" * 64), 4, HistoryFault.ORDER),
    "the first row deleted": (lambda: delete(1), 1, HistoryFault.MISSING),
    "a row deleted": (lambda: delete(4), 4, HistoryFault.MISSING),
    "rows deleted": (lambda: delete(4, 5, 6), 4, HistoryFault.MISSING),
    "the last row deleted": (lambda: delete(10), 10, HistoryFault.END_CUT),
    "the last rows deleted": (lambda: delete(8, 9, 10), 8, HistoryFault.END_CUT),
    "all rows deleted": (lambda: delete(*range(1, 11)), 1, HistoryFault.END_CUT),
    "neighbours swapped": (lambda: swap(4, 5), 4, HistoryFault.ORDER),
    "rows swapped": (lambda: swap(3, 7), 3, HistoryFault.ORDER),
    "what rows say swapped": (lambda: swap_words(3, 7), 3, HistoryFault.CHANGED),
    "a row put in": (lambda: insert(4), 4, HistoryFault.ORDER),
    "a row with a right digest put in": (lambda: insert(4, is_well_made=True), 5, HistoryFault.ORDER),
    "a row put before the first": (lambda: insert_first(0), 0, HistoryFault.ADDED),
    "a row put behind the last": (lambda: append(11), 11, HistoryFault.ADDED),
    "a row put far behind the last": (lambda: append(20), 20, HistoryFault.ADDED),
    "all digests made anew": (lambda: forge_to_the_end(4), 10, HistoryFault.END),
    "the note of the last row changed": (lambda: HistoryHead.objects.update(digest="0" * 64), 10, HistoryFault.END),
    "the note of the last row set back": (lambda: HistoryHead.objects.update(last_id=9), 9, HistoryFault.END),
    "the note of the last row deleted": (lambda: HistoryHead.objects.all().delete(), 10, HistoryFault.END),
}


def insert_first(pk: int) -> None:
    row = HistoryRow.objects.get(pk=1)
    row.pk = pk
    row.save(force_insert=True)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_and_the_first_wrong_row_is_named(target: Target, name: str) -> None:
    write(target, *(added(number, catalog_id=1, catalog_name="WSOP", before={"status": "x"}) for number in range(1, 11)))
    assert verify().broken is None
    tamper, row, fault = TAMPERINGS[name]
    tamper()
    found = verify()
    assert found.broken == Broken(row, fault)
    whole = {HistoryFault.ADDED: min(row, 10), HistoryFault.END: row}
    assert found.rows == whole.get(fault, row - 1)


@pytest.mark.parametrize("column", ["at", "path", "target_id", "plan_id", "before", "digest"])
@pytest.mark.parametrize("value", ["nonsense", b"\xff\x00"], ids=["text", "bytes"])
def test_what_is_no_value_of_a_column_is_refused_or_found(target: Target, column: str, value: Any) -> None:
    write(target, *(added(number) for number in range(1, 4)))
    try:
        with transaction.atomic():
            forge(column, value)
    except (DataError, ProgrammingError):
        assert verify().broken is None
    else:
        assert verify().broken == Broken(2, HistoryFault.DIGEST if column == "digest" else HistoryFault.CHANGED)


def forge(column: str, value: Any) -> None:
    """Write a value into the second row, past all that looks at it. DataError or ProgrammingError where the database has types."""
    unchecked = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if unchecked:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        try:
            cursor.execute(f"UPDATE sync_historyrow SET {column} = %s WHERE id = 2", [value])  # noqa: S608  (a column of the test)
        finally:
            if unchecked:
                cursor.execute("PRAGMA ignore_check_constraints = OFF")


def test_a_broken_history_goes_on_and_stays_broken(target: Target) -> None:
    write(target, added(1), added(2), added(3))
    delete(3)
    write(target, added(4))
    assert verify().broken == Broken(3, HistoryFault.MISSING)


@pytest.mark.parametrize("pk", [11, 20])
def test_a_row_that_stands_in_the_way_stops_nobody(target: Target, pk: int) -> None:
    write(target, *(added(number) for number in range(10)))
    append(pk)
    (row, *_more) = write(target, added(1), added(2))
    assert row.pk == pk + 1
    # A forged row with the right digest shows by what follows it.
    assert verify().broken == (Broken(12, HistoryFault.ORDER) if pk == 11 else Broken(11, HistoryFault.MISSING))


def test_a_history_whose_end_was_forgotten_does_not_pass_for_whole(target: Target) -> None:
    write(target, added(1), added(2), added(3))
    delete(3)
    HistoryHead.objects.all().delete()
    write(target, added(4), added(5))
    assert verify().broken == Broken(3, HistoryFault.ORDER)


# --- the command ------------------------------------------------------------------------------------------------------
def test_the_command_says_that_all_is_well(target: Target) -> None:
    out = StringIO()
    call_command("verify_history", stdout=out)
    (_one, last) = write(target, added(1), added(2))
    call_command("verify_history", stdout=out)
    assert last.digest in out.getvalue()


def test_the_command_names_the_first_broken_row_and_fails(target: Target) -> None:
    write(target, *(added(number) for number in range(1, 1_235)))
    change(1_230, path="else")
    change(1_232, path="else")
    with pytest.raises(CommandError, match="1230") as failure:
        call_command("verify_history")
    assert failure.value.returncode == 1
