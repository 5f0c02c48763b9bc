"""What happens while a sync works, or after it was stopped: files change, sources go, other programs write, people press buttons."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from django.db import connections
from django.utils import timezone

from catalog.choices import Presence, SourceState
from catalog.models import MediaFile, Source
from ingest.models import ScanState
from mam.jobs.errors import JobCancelledError
from mam.jobs.models import Job, JobState
from sync import errors
from sync.choices import MatchReason, MatchStatus, PartState, PlanState
from sync.matching import recompute
from sync.matching.recompute import match_touched
from sync.matching.touches import touch_rows
from sync.models import Match, Plan, PlanPart, Target, TargetRow, Touch
from sync.ott.models import OttContent, OttFile
from sync.services import applying, planning, syncing
from sync.services.history import Actor
from sync.targets.database import DatabaseTarget
from tests.factories import make_content, make_file, make_scan, make_user
from tests.sync.driving import move, rows, run, set_presence, sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mam.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "ott"]), pytest.mark.usefixtures("ott_file")]


@pytest.fixture
def row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseTarget, "batch_rows", 1)


@pytest.fixture
def before_writing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], None]:
    """Have something called before each batch is written, with its number and the job's context; until it returns something true."""

    def install(act: Callable[..., Any]) -> None:
        real = applying._write

        def write(plan: Plan, part: PlanPart, adapter: Any, ctx: Any) -> list[str]:
            if act(part.number, ctx):
                monkeypatch.setattr(applying, "_write", real)
            return real(plan, part, adapter, ctx)

        monkeypatch.setattr(applying, "_write", write)

    return install


def full(number: int, _ctx: Any) -> None:
    """The second batch finds no room."""
    if number >= 1:
        raise errors.TargetFullError(target="x")


def match() -> None:
    """As the clock has done each second."""
    match_touched(by=Actor())


# --- files that change meanwhile --------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["insert", "update"])
def test_a_file_that_moves_while_its_row_is_written_is_followed(
    source: Source, target: Target, before_writing: Callable[..., None], kind: str
) -> None:
    file = make_file("WSOP/day1.mp4", source=source, size_bytes=100)
    if kind == "update":
        sync(target)
        move(file, "HCL")

    def change(*_args: Any) -> bool:
        MediaFile.objects.filter(pk=file.pk).update(size_bytes=200)
        move(file, "PAD")
        match()
        return True

    before_writing(change)
    sync(target)
    sync(target)
    assert rows() == [("PAD/day1.mp4", "active")]
    assert OttFile.objects.using("ott").get().size_bytes == 200
    assert Match.objects.get(file=file).status == MatchStatus.SYNCED


def test_what_a_probe_finds_while_the_row_is_written_is_not_lost(
    source: Source, target: Target, before_writing: Callable[..., None]
) -> None:
    file = make_file("WSOP/day1.mp4", source=source)

    def probe(*_args: Any) -> bool:
        MediaFile.objects.filter(pk=file.pk).update(video_codec="hevc", duration_ms=99_000)
        match()
        return True

    before_writing(probe)
    sync(target)
    sync(target)
    row = OttFile.objects.using("ott").get()
    assert (row.codec, row.duration_sec) == ("hevc", 99)


@pytest.mark.parametrize("way", ["in place", "replaced"])
def test_a_file_that_is_being_written_keeps_its_entry(source: Source, target: Target, way: str) -> None:
    file = make_file("WSOP/a.mp4", source=source, size_bytes=100)
    sync(target)
    if way == "in place":
        MediaFile.objects.filter(pk=file.pk).update(presence=Presence.GROWING, size_bytes=50)
    else:
        MediaFile.objects.filter(pk=file.pk).update(absent_since=timezone.now())
        make_file("WSOP/a.mp4", source=source, size_bytes=50, presence=Presence.GROWING)
    sync(target)
    assert rows() == [("WSOP/a.mp4", "active")]
    assert list(Match.objects.values_list("status", "reason", "action")) == [(MatchStatus.NOT_SYNCED, MatchReason.GROWING, "")]


def test_a_copy_does_not_inherit_from_a_file_that_is_being_written(source: Source, target: Target) -> None:
    file = make_file("WSOP/a.mp4", source=source, size_bytes=100)
    make_file("BACKUP/a.mp4", source=source, size_bytes=100)
    sync(target)
    set_presence(file, Presence.GROWING)
    sync(target)
    assert rows() == [("WSOP/a.mp4", "active")]


def test_nothing_is_planned_for_a_match_that_is_between_two_rows(source: Source, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [make_file(f"WSOP/{name}.mp4", source=source, size_bytes=100) for name in "ab"]
    sync(target)
    for file in files:
        move(file, "HCL")
    match()
    seen: list[Any] = []
    real = recompute._take

    def take(space: Any, part: str, by: Actor) -> None:
        seen.extend(planning.actions(Target.objects.get()))
        real(space, part, by)

    monkeypatch.setattr(recompute, "_take", take)
    monkeypatch.setattr(recompute, "SLICE", 1)
    TargetRow.objects.update(file=None)
    TargetRow.objects.filter(path="WSOP/a.mp4").update(path="X/b.mp4", path_key="x/b.mp4", name_key="b.mp4")
    TargetRow.objects.filter(path="WSOP/b.mp4").update(path="X/a.mp4", path_key="x/a.mp4", name_key="a.mp4")
    touch_rows(list(TargetRow.objects.values_list("pk", flat=True)))
    match()
    assert seen
    assert all(one.before is not None for one in seen)


def test_what_depended_on_a_match_that_is_gone_is_found_after_an_interruption(
    source: Source, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _second, other = (make_file(path, source=source, size_bytes=100) for path in ("WSOP/a.mp4", "BACKUP/a.mp4", "WSOP/b.mp4"))
    match()
    monkeypatch.setattr(recompute, "SLICE", 1)
    MediaFile.objects.filter(pk__in=[first.pk, other.pk]).delete()
    with monkeypatch.context() as patch:
        patch.setattr(recompute, "_take", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            match()
    match()
    assert list(Match.objects.values_list("path", "status")) == [("BACKUP/a.mp4", "new")]
    assert not Touch.objects.exists()


# --- other programs ---------------------------------------------------------------------------------------------------
def test_a_row_that_another_program_takes_away_comes_back(source: Source, target: Target) -> None:
    for name in "ab":
        make_file(f"WSOP/{name}.mp4", source=source)
        sync(target)
    OttFile.objects.using("ott").filter(nas_path="WSOP/b.mp4").delete()  # what it was before the last sync
    sync(target)
    assert sorted(rows()) == [("WSOP/a.mp4", "active"), ("WSOP/b.mp4", "active")]


@pytest.mark.parametrize("is_kept", [True, False], ids=["older", "none"])
def test_a_target_that_is_put_back_is_brought_up_to_date(source: Source, target: Target, ott_file: Path, is_kept: bool) -> None:
    file = make_file("WSOP/a.mp4", source=source)
    sync(target)
    connections["ott"].close()
    with closing(sqlite3.connect(ott_file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = ott_file.with_name("kept.db")
    shutil.copy(ott_file, kept)
    move(file, "HCL")
    sync(target)
    connections["ott"].close()
    for suffix in ("", "-wal", "-shm"):
        ott_file.with_name(f"{ott_file.name}{suffix}").unlink(missing_ok=True)
    if is_kept:
        kept.rename(ott_file)
    sync(target)
    assert rows() == [("HCL/a.mp4", "active")]


@pytest.mark.usefixtures("row_by_row")
def test_rows_that_another_program_has_changed_stop_only_their_batches(
    source: Source, target: Target, before_writing: Callable[..., None]
) -> None:
    files = [make_file(f"WSOP/{number}.mp4", source=source) for number in range(8)]
    sync(target)
    for file in files:
        move(file, "HCL")

    def change(*_args: Any) -> bool:
        OttFile.objects.using("ott").filter(nas_path__in=[f"WSOP/{number}.mp4" for number in range(3)]).update(size_bytes=1)
        return True

    before_writing(change)
    assert sync(target)["state"] == PlanState.PARTIAL
    states = list(Plan.objects.latest("pk").parts.order_by("number").values_list("state", flat=True))
    assert states == [PartState.PARKED] * 3 + [PartState.DONE] * 5


def test_works_that_another_program_takes_away_come_back_after_a_reconciliation(source: Source, target: Target) -> None:
    make_file("WSOP/a.mp4", source=source, content=make_content(title="Day 1"))
    sync(target)
    OttContent.objects.using("ott").all().delete()
    syncing.request_reconcile(target=target, user=None)
    run()
    sync(target)
    assert OttContent.objects.using("ott").get().name == "Day 1"


def test_a_reconciliation_changes_nothing_of_what_another_program_has_made(source: Source, target: Target, ott_file: Path) -> None:
    with closing(sqlite3.connect(ott_file)) as connection, connection:
        connection.execute("CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT, size_bytes INTEGER, extra TEXT)")
        connection.execute("INSERT INTO files VALUES (1, 'a.mp4', 5, 'x')")
    before = ott_file.read_bytes()
    syncing.request_reconcile(target=target, user=None)
    assert run().state == JobState.SUCCEEDED
    connections["ott"].close()
    assert ott_file.read_bytes() == before
    assert TargetRow.objects.get().path == "a.mp4"


@pytest.mark.usefixtures("row_by_row")
def test_a_target_that_takes_nothing_any_more_stops_the_run(source: Source, target: Target, before_writing: Callable[..., None]) -> None:
    for number in range(8):
        make_file(f"b/{number}.mp4", source=source)

    def refuse(*_args: Any) -> None:
        raise errors.TargetBusyError(target="x")

    before_writing(refuse)
    syncing.request_sync(target=target, user=None)
    assert run().state == JobState.FAILED
    plan = Plan.objects.earliest("pk")
    assert (plan.state, plan.parked_parts, plan.done_parts) == (PlanState.FAILED, applying.PARKED_IN_A_ROW - 1, 0)
    assert rows() == []


# --- plans that were stopped ------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("row_by_row")
def test_what_is_left_of_a_plan_is_not_done_once_it_is_not_wanted_any_more(
    source: Source, target: Target, operator: User, monkeypatch: pytest.MonkeyPatch, before_writing: Callable[..., None]
) -> None:
    files = [make_file(f"WSOP/{name}.mp4", source=source) for name in "ab"]
    sync(target)
    for file in files:
        set_presence(file, Presence.MISSING)
    real = applying._write
    before_writing(full)
    sync(target)
    plan = Plan.objects.latest("pk")
    assert (plan.state, plan.done_parts) == (PlanState.PARTIAL, 1)
    monkeypatch.setattr(applying, "_write", real)
    for file in files:
        set_presence(file, Presence.PRESENT)
    sync(target)
    syncing.apply_plan(plan=plan, user=operator)
    job = run()
    assert (job.state, job.error_code) == (JobState.FAILED, "plan_stale")
    assert {status for _path, status in rows()} == {"active"}


@pytest.mark.usefixtures("row_by_row")
def test_a_plan_that_was_stopped_and_is_brought_to_its_end_has_no_error(
    source: Source, target: Target, operator: User, before_writing: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        make_file(f"WSOP/{number}.mp4", source=source)
    real = applying._write
    before_writing(full)
    sync(target)
    monkeypatch.setattr(applying, "_write", real)
    syncing.apply_plan(plan=Plan.objects.get(), user=operator)
    assert (run().result or {})["errors"] == 0
    assert (Plan.objects.get().state, Plan.objects.get().error_code) == (PlanState.APPLIED, "")


@pytest.mark.usefixtures("row_by_row")
def test_a_cancelled_plan_is_not_gone_on_with_and_can_be_undone(
    source: Source, target: Target, operator: User, before_writing: Callable[..., None]
) -> None:
    files = [make_file(f"WSOP/{number}.mp4", source=source) for number in range(3)]

    def cancel(number: int, ctx: Any) -> bool:
        if number == 1:
            ctx.interrupt(JobCancelledError())
        return number == 1

    before_writing(cancel)
    syncing.request_sync(target=target, user=None)
    assert run().state == JobState.CANCELLED
    plan = Plan.objects.get()
    assert (plan.state, plan.done_parts) == (PlanState.PARTIAL, 2)
    set_presence(files[2], Presence.MISSING)
    Source.objects.update(state=SourceState.OFFLINE)
    assert sync(target)["added"] == 0
    assert [path for path, _status in rows()] == ["WSOP/0.mp4", "WSOP/1.mp4"]
    Source.objects.update(state=SourceState.ONLINE)
    syncing.undo_plan(plan=plan, user=operator)
    run()
    assert {status for _path, status in rows()} == {"deleted"}


def test_a_plan_that_may_not_be_made_any_more_waits(source: Source, target: Target, operator: User) -> None:
    files = [make_file(f"WSOP/{number}.mp4", source=source) for number in range(4)]
    sync(target)
    set_presence(files[0], Presence.MISSING)
    syncing.make_plan(target=target, user=operator)
    run()
    plan = Plan.objects.latest("pk")
    assert plan.state == PlanState.READY
    Source.objects.update(state=SourceState.OFFLINE)
    syncing.apply_plan(plan=plan, user=operator)
    assert (run().result or {})["state"] == PlanState.HELD
    assert {status for _path, status in rows()} == {"active"}
    syncing.approve_plan(plan=plan, user=make_user("administrator"), reason="탈락한 영상")
    run()
    assert sorted(status for _path, status in rows()) == ["active", "active", "active", "deleted"]


def test_a_scan_that_could_not_read_everything_is_not_believed(source: Source, target: Target) -> None:
    make_file("WSOP/a.mp4", source=source)
    make_scan(source, state=ScanState.DONE, mode="full", finished_at=timezone.now(), unreadable_directories=5)
    assert sync(target)["state"] == PlanState.HELD


def test_a_target_that_lost_many_rows_is_not_filled_again_before_somebody_has_looked(
    source: Source, target: Target, operator: User
) -> None:
    for number in range(5):
        make_file(f"WSOP/{number}.mp4", source=source)
    Target.objects.update(guard_percent=20)
    sync(target)
    OttFile.objects.using("ott").filter(nas_path__in=["WSOP/0.mp4", "WSOP/1.mp4"]).delete()  # an old copy of it, say
    for _ in range(2):
        assert sync(target)["state"] == PlanState.HELD
        plan = Plan.objects.latest("pk")
        assert plan.holds == [{"code": "target_lost", "params": {"count": 2, "total": 5}}]
        syncing.discard_plan(plan=plan, user=operator)
    sync(target)
    syncing.approve_plan(plan=Plan.objects.latest("pk"), user=make_user("administrator"), reason="복원했습니다")
    run()
    assert len(rows()) == 5
    make_file("WSOP/new.mp4", source=source)
    assert sync(target)["state"] == PlanState.APPLIED


def test_a_target_whose_rows_are_back_is_trusted_again(source: Source, target: Target) -> None:
    for number in range(3):
        make_file(f"WSOP/{number}.mp4", source=source)
    Target.objects.update(guard_percent=20)
    sync(target)
    lost = list(OttFile.objects.using("ott").all())
    OttFile.objects.using("ott").all().delete()
    assert sync(target)["state"] == PlanState.HELD
    OttFile.objects.using("ott").bulk_create(lost)
    sync(target)
    make_file("WSOP/new.mp4", source=source)
    assert sync(target)["state"] == PlanState.APPLIED


# --- undoing and discarding -------------------------------------------------------------------------------------------
def test_undoing_asks_an_administrator_too(source: Source, target: Target, operator: User) -> None:
    for number in range(10):
        make_file(f"WSOP/{number}.mp4", source=source)
    Target.objects.update(guard_percent=10)
    sync(target)
    syncing.undo_plan(plan=Plan.objects.get(), user=operator)
    assert (run().result or {})["state"] == PlanState.HELD
    assert {status for _path, status in rows()} == {"active"}
    undo = Plan.objects.get(undo_of__isnull=False)
    syncing.approve_plan(plan=undo, user=make_user("administrator"), reason="잘못 올렸습니다")
    run()
    assert {status for _path, status in rows()} == {"deleted"}


def test_a_plan_that_changed_nothing_is_not_undone(
    source: Source, target: Target, operator: User, before_writing: Callable[..., None]
) -> None:
    make_file("WSOP/a.mp4", source=source)

    def refuse(*_args: Any) -> None:
        raise errors.TargetFullError(target="x")

    before_writing(refuse)
    syncing.request_sync(target=target, user=None)
    run()
    with pytest.raises(errors.PlanStateError):
        syncing.undo_plan(plan=Plan.objects.earliest("pk"), user=operator)
    assert Target.objects.get().is_automatic


def test_a_plan_whose_time_has_come_is_not_discarded(source: Source, target: Target, operator: User) -> None:
    make_file("WSOP/a.mp4", source=source)
    syncing.make_plan(target=target, user=operator)
    run()
    plan = Plan.objects.get()
    syncing.apply_plan(plan=plan, user=operator)
    with pytest.raises(errors.PlanStateError):
        syncing.discard_plan(plan=plan, user=operator)
    Plan.objects.update(state=PlanState.DISCARDED)  # by whoever was faster
    assert (run().state, rows()) == (JobState.FAILED, [])


def test_an_undo_that_was_discarded_can_be_asked_for_again(source: Source, target: Target, operator: User) -> None:
    make_file("WSOP/a.mp4", source=source)
    Target.objects.update(guard_percent=10)
    sync(target)
    plan = Plan.objects.get()
    syncing.undo_plan(plan=plan, user=operator)
    run()
    syncing.discard_plan(plan=Plan.objects.get(undo_of=plan), user=operator)
    syncing.undo_plan(plan=plan, user=operator)
    run()
    assert Plan.objects.get(undo_of=plan).state == PlanState.HELD
    assert not Job.objects.filter(state=JobState.FAILED).exists()
