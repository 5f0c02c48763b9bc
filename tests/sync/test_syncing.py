"""A sync from end to end, with a real target: what is done there, what is held, and what is taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from catalog.choices import Presence, SourceState
from catalog.models import Source
from ingest.models import ScanState
from mam.accounts.errors import PermissionDeniedError
from mam.jobs.models import Job, JobLog, JobState
from mam.jobs.services import enqueue
from mam.jobs.testing import run_pending
from sync import errors
from sync.choices import HistoryEvent, HistorySide, MatchStatus, PlanState
from sync.models import DriftReport, HistoryRow, Match, Plan, PlanPart, Target, TargetRow
from sync.ott.models import OttContent, OttFile
from sync.services import syncing, upkeep
from tests.factories import make_content, make_file, make_scan, make_user
from tests.sync.driving import move, rows, run, set_presence, sync

if TYPE_CHECKING:
    from mam.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "ott"]), pytest.mark.usefixtures("ott_file")]


def test_a_new_file_goes_up(source: Source, target: Target) -> None:
    file = make_file("WSOP/2024/day1.mp4", source=source, content=make_content(title="Day 1"))
    make_file("WSOP/2024/raw.mxf", source=source)
    result = sync(target)
    assert (result["added"], result["errors"], result["state"]) == (1, 0, PlanState.APPLIED)
    row = OttFile.objects.using("ott").get()
    assert (row.nas_path, row.size_bytes, row.hls_compatible, row.status) == ("WSOP/2024/day1.mp4", file.size_bytes, True, "active")
    assert Match.objects.get(file=file).status == MatchStatus.SYNCED
    assert TargetRow.objects.get().remote_id == str(row.pk)
    assert OttContent.objects.using("ott").get().name == "Day 1"
    target.refresh_from_db()
    assert target.last_result["added"] == 1
    assert target.last_sync_at is not None


def test_a_file_that_moves_keeps_its_id(source: Source, target: Target) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    sync(target)
    before = OttFile.objects.using("ott").get().pk
    move(file, "HCL")
    assert sync(target)["updated"] == 1
    row = OttFile.objects.using("ott").get()
    assert (row.pk, row.nas_path) == (before, "HCL/day1.mp4")
    assert HistoryRow.objects.filter(event=HistoryEvent.MOVED, side="target").get().before["path"] == "WSOP/day1.mp4"


def test_a_file_that_is_gone_is_marked_and_restored_when_it_comes_back(source: Source, target: Target) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    sync(target)
    set_presence(file, Presence.MISSING)
    assert sync(target)["deleted"] == 1
    row = OttFile.objects.using("ott").get()
    assert row.status == "deleted"
    assert row.deleted_at is not None
    set_presence(file, Presence.PRESENT)
    assert sync(target)["restored"] == 1
    row.refresh_from_db()
    assert row.status == "active"
    assert row.deleted_at is None


def test_a_sync_without_changes_changes_nothing(source: Source, target: Target) -> None:
    make_file("WSOP/day1.mp4", source=source)
    sync(target)
    plans, history = Plan.objects.count(), HistoryRow.objects.count()
    assert sync(target)["added"] == 0
    assert (Plan.objects.count(), HistoryRow.objects.count()) == (plans, history)


def test_too_many_deletions_wait_for_an_administrator(source: Source, target: Target, operator: User) -> None:
    files = [make_file(f"WSOP/{number}.mp4", source=source) for number in range(4)]
    sync(target)
    Target.objects.update(guard_percent=10)
    set_presence(files[0], Presence.MISSING)
    assert sync(target)["state"] == PlanState.HELD
    assert ("WSOP/0.mp4", "active") in rows()
    plan = Plan.objects.get(state=PlanState.HELD)
    assert [hold["code"] for hold in plan.holds] == ["share"]

    administrator = make_user("administrator")
    with pytest.raises(PermissionDeniedError):
        syncing.approve_plan(plan=plan, user=operator, reason="really")
    with pytest.raises(errors.ApprovalReasonMissingError):
        syncing.approve_plan(plan=plan, user=administrator, reason="  ")
    with pytest.raises(errors.PlanStateError):
        syncing.apply_plan(plan=plan, user=operator)
    syncing.approve_plan(plan=plan, user=administrator, reason="방송이 끝났습니다")
    assert run().state == JobState.SUCCEEDED
    assert ("WSOP/0.mp4", "deleted") in rows()
    approval = HistoryRow.objects.get(event=HistoryEvent.PLAN_APPROVED)
    assert (approval.reason, approval.actor, approval.plan_id) == ("방송이 끝났습니다", administrator.email, plan.pk)


def test_a_number_of_deletions_is_a_limit_too(source: Source, target: Target) -> None:
    files = [make_file(f"WSOP/{number}.mp4", source=source) for number in range(4)]
    sync(target)
    Target.objects.update(guard_rows=1)
    for file in files[:2]:
        set_presence(file, Presence.MISSING)
    assert sync(target)["state"] == PlanState.HELD


def test_any_plan_is_held_while_the_source_is_offline(source: Source, target: Target) -> None:
    make_file("WSOP/day1.mp4", source=source)
    Source.objects.update(state=SourceState.OFFLINE)
    assert sync(target)["state"] == PlanState.HELD
    assert Plan.objects.get().holds == [{"code": "source_offline", "params": {"source": "ARCHIVE"}}]
    assert rows() == []


def test_a_held_plan_says_why_it_is_held_now(source: Source, target: Target) -> None:
    files = [make_file(f"WSOP/{name}.mp4", source=source) for name in "abc"]
    sync(target)
    Target.objects.update(guard_percent=10)
    set_presence(files[0], Presence.MISSING)
    assert sync(target) == sync(target)  # the same plan
    Source.objects.update(state=SourceState.OFFLINE)
    sync(target)
    plan = Plan.objects.get(state=PlanState.HELD)
    assert [one["code"] for one in plan.holds] == ["share", "source_offline"]


def test_what_is_marked_as_deleted_is_told_with_its_catalog(source: Source, target: Target) -> None:
    content = make_content()
    files = [make_file(f"WSOP/{number}.mp4", source=source, content=content) for number in range(12)]
    sync(target)
    set_presence(files[0], Presence.MISSING)
    sync(target)
    set_presence(files[0], Presence.PRESENT)
    sync(target)
    told = HistoryRow.objects.filter(side=HistorySide.TARGET).order_by("pk").values_list("event", "catalog_name")
    catalog = content.series.catalog
    assert list(told)[-2:] == [("deleted", catalog.name), ("restored", catalog.name)]


def test_files_that_are_still_being_written_are_told_of(source: Source, target: Target) -> None:
    make_file("WSOP/a.mp4", source=source, presence=Presence.GROWING)
    assert sync(target)["growing"] == 1
    assert JobLog.objects.get(code="sync_growing").params == {"count": 1}


def test_any_plan_is_held_after_a_scan_that_did_not_end_well(source: Source, target: Target) -> None:
    make_file("WSOP/day1.mp4", source=source)
    make_scan(source, state=ScanState.FAILED, mode="gated", finished_at=timezone.now())
    assert sync(target)["state"] == PlanState.HELD
    assert Plan.objects.get().holds[0]["code"] == "scan_incomplete"


def test_a_half_empty_share_deletes_nothing(source: Source, target: Target) -> None:
    files = [make_file(f"WSOP/{number}.mp4", source=source) for number in range(4)]
    sync(target)
    for file in files[:2]:
        set_presence(file, Presence.HELD)
    assert sync(target)["deleted"] == 0
    assert {status for _, status in rows()} == {"active"}


def test_a_plan_is_refused_when_another_program_has_changed_the_target(source: Source, target: Target, operator: User) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    sync(target)
    move(file, "HCL")
    syncing.make_plan(target=target, user=operator)
    run()
    plan = Plan.objects.get(state=PlanState.READY)
    OttFile.objects.using("ott").update(size_bytes=1)
    syncing.apply_plan(plan=plan, user=operator)
    job = run()
    assert (job.state, job.error_code) == (JobState.FAILED, "plan_stale")
    plan.refresh_from_db()
    assert plan.state == PlanState.STALE
    assert rows() == [("WSOP/day1.mp4", "active")]


def test_a_plan_is_refused_when_the_archive_has_changed(source: Source, target: Target, operator: User) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    syncing.make_plan(target=target, user=operator)
    run()
    move(file, "HCL")
    syncing.apply_plan(plan=Plan.objects.get(), user=operator)
    assert run().error_code == "plan_stale"
    assert rows() == []


def test_a_plan_that_was_made_before_can_be_applied(source: Source, target: Target, operator: User) -> None:
    make_file("WSOP/day1.mp4", source=source)
    syncing.make_plan(target=target, user=operator)
    run()
    assert rows() == []
    syncing.apply_plan(plan=Plan.objects.get(), user=operator)
    assert run().state == JobState.SUCCEEDED
    assert rows() == [("WSOP/day1.mp4", "active")]


def test_a_plan_that_waits_stays_while_nothing_changes(source: Source, target: Target, operator: User) -> None:
    make_file("WSOP/day1.mp4", source=source)
    Source.objects.update(state=SourceState.OFFLINE)
    for _ in range(2):
        assert sync(target)["state"] == PlanState.HELD
    assert Plan.objects.get().parts.count() == 1


def test_a_newer_plan_takes_the_place_of_one_that_waits(source: Source, target: Target, operator: User) -> None:
    for name in ("day1", "day2"):
        make_file(f"WSOP/{name}.mp4", source=source)
        syncing.make_plan(target=target, user=operator)
        run()
    assert list(Plan.objects.order_by("pk").values_list("state", flat=True)) == [PlanState.STALE, PlanState.READY]


def test_undo_restores_the_rows_as_they_were(source: Source, target: Target, operator: User) -> None:
    moved, gone, back = (make_file(f"WSOP/{name}.mp4", source=source) for name in ("moved", "gone", "back"))
    sync(target)
    set_presence(back, Presence.MISSING)
    sync(target)
    before = list(OttFile.objects.using("ott").order_by("id").values("id", "nas_path", "size_bytes", "status", "deleted_at"))
    move(moved, "HCL")
    set_presence(gone, Presence.MISSING)
    set_presence(back, Presence.PRESENT)
    new = make_file("WSOP/new.mp4", source=source)
    sync(target)
    plan = Plan.objects.latest("pk")
    assert plan.counts == {"update": 1, "delete": 1, "restore": 1, "insert": 1}

    syncing.undo_plan(plan=plan, user=operator)
    assert run().state == JobState.SUCCEEDED
    after = list(OttFile.objects.using("ott").order_by("id").values("id", "nas_path", "size_bytes", "status", "deleted_at"))
    assert after[:3] == before
    assert (after[3]["nas_path"], after[3]["status"]) == ("WSOP/new.mp4", "deleted")
    assert {match.status for match in Match.objects.filter(file__in=[moved, new])} == {MatchStatus.MOVED, MatchStatus.NEW}
    target.refresh_from_db()
    assert not target.is_automatic
    setting = HistoryRow.objects.get(event=HistoryEvent.SETTING_CHANGED, subject=f"target:{target.pk}")
    assert (setting.after, setting.plan_id) == ({"is_automatic": False}, plan.pk)
    with pytest.raises(errors.PlanUndoneError):
        syncing.undo_plan(plan=plan, user=operator)
    assert sync(target)["updated"] == 1


def test_what_old_plans_did_is_forgotten_entry_by_entry_and_cannot_be_undone_then(source: Source, target: Target, operator: User) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    sync(target)
    syncing.request_reconcile(target=target, user=operator)
    run()
    move(file, "HCL")
    sync(target)
    old, new = Plan.objects.order_by("pk")
    long_ago = timezone.now() - timedelta(days=181)
    Plan.objects.filter(pk=old.pk).update(finished_at=long_ago)
    DriftReport.objects.update(created_at=long_ago)
    enqueue(kind=upkeep.CHECK_JOB, key=upkeep.CHECK_JOB)
    run_pending()
    assert set(PlanPart.objects.values_list("plan", flat=True)) == {new.pk}
    assert DriftReport.objects.count() == 1  # the last one
    with pytest.raises(errors.PlanForgottenError):
        syncing.undo_plan(plan=old, user=operator)
    syncing.undo_plan(plan=new, user=operator)
    assert run().state == JobState.SUCCEEDED
    assert rows() == [("WSOP/day1.mp4", "active")]


def test_a_second_request_gets_the_job_of_the_first(source: Source, target: Target, operator: User) -> None:
    first = syncing.request_sync(target=target, user=operator)
    assert syncing.request_sync(target=target, user=make_user("operator")) == first
    Job.objects.filter(pk=first.pk).update(state=JobState.RUNNING, owner="00000000-0000-0000-0000-000000000001")
    assert syncing.request_sync(target=target, user=operator) == first


def test_another_request_waits_for_the_running_one_and_a_third_is_told(source: Source, target: Target, operator: User) -> None:
    first = syncing.request_sync(target=target, user=operator)
    with pytest.raises(errors.SyncBusyError):
        syncing.request_reconcile(target=target, user=operator)
    Job.objects.filter(pk=first.pk).update(state=JobState.RUNNING, owner="00000000-0000-0000-0000-000000000001")
    second = syncing.request_reconcile(target=target, user=operator)
    assert second != first
    assert syncing.request_reconcile(target=target, user=operator) == second


@pytest.mark.parametrize("act", [syncing.request_sync, syncing.request_reconcile, syncing.make_plan])
def test_viewers_may_do_nothing(target: Target, act: Any) -> None:
    with pytest.raises(PermissionDeniedError):
        act(target=target, user=make_user("viewer"))


def test_a_reconciliation_tells_what_differs_and_changes_nothing(source: Source, target: Target) -> None:
    files = [make_file(f"WSOP/{name}.mp4", source=source) for name in ("equal", "changed", "gone")]
    sync(target)
    OttFile.objects.using("ott").filter(nas_path="WSOP/changed.mp4").update(size_bytes=5)
    set_presence(files[2], Presence.MISSING)
    make_file("WSOP/new.mp4", source=source)
    before = list(OttFile.objects.using("ott").order_by("id").values())
    syncing.request_reconcile(target=target, user=None)
    assert run().state == JobState.SUCCEEDED
    report = DriftReport.objects.get()
    assert report.counts == {"=": 1, "+": 1, "-": 1, "*": 1, "!": 0}
    assert sorted(report.lines.values_list("sign", "path")) == [("*", "WSOP/changed.mp4"), ("+", "WSOP/new.mp4"), ("-", "WSOP/gone.mp4")]
    assert report.lines.get(sign="*").details == {"size_bytes": [files[1].size_bytes, 5]}
    assert list(OttFile.objects.using("ott").order_by("id").values()) == before
    assert not Plan.objects.filter(state=PlanState.READY).exists()


def test_what_another_program_changed_is_put_right_and_told(source: Source, target: Target) -> None:
    make_file("WSOP/day1.mp4", source=source, size_bytes=77)
    sync(target)
    OttFile.objects.using("ott").update(size_bytes=5)
    assert sync(target)["updated"] == 1
    assert OttFile.objects.using("ott").get().size_bytes == 77
    changes = HistoryRow.objects.filter(event=HistoryEvent.CHANGED, side="target").order_by("pk")
    assert [(row.before["size_bytes"], row.after["size_bytes"]) for row in changes] == [(77, 5), (5, 77)]


def test_the_log_tells_what_was_done(source: Source, target: Target) -> None:
    make_file("WSOP/day1.mp4", source=source)
    sync(target)
    codes = list(JobLog.objects.filter(job__kind=syncing.SYNC_JOB).order_by("pk").values_list("code", flat=True))
    began, ended = codes[:4], codes[4:]
    assert began == ["job_queued", "job_started", "sync_started", "sync_reading"]
    assert ended == ["sync_read", "sync_matched", "sync_planned", "sync_applying", "sync_done", "job_succeeded"]


def test_syncs_come_when_they_are_due(source: Source, target: Target) -> None:
    now = timezone.now()
    assert syncing.enqueue_due(now) == []
    assert syncing.enqueue_due(now + timedelta(minutes=29)) == []
    assert len(syncing.enqueue_due(now + timedelta(minutes=31))) == 1
    run_pending()
    assert syncing.enqueue_due(now + timedelta(minutes=29)) == []
    Target.objects.update(is_automatic=False)
    assert syncing.enqueue_due(now + timedelta(days=1)) == []
