"""What people and the clock ask of sync, and the jobs that do it: one at a time for each target, whatever it is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from catalog.models import Source
from catalog.services.common import check_access, lock
from mam.accounts.models import User
from mam.jobs.models import ACTIVE, Job, JobPriority, JobState, LogLevel
from mam.jobs.services import enqueue
from mam.lib import messages
from mam.lib.errors import gettext_noop
from sync.choices import HistoryEvent, HistorySide, MatchReason, PlanState, TargetState
from sync.errors import (
    ApprovalReasonMissingError,
    PlanForgottenError,
    PlanStaleError,
    PlanStateError,
    PlanUndoneError,
    SyncBusyError,
    TargetError,
)
from sync.matching.notes import is_behind
from sync.matching.recompute import match_touched
from sync.models import MatchCell, Plan, Target
from sync.selectors.scope import MANAGE, RUN
from sync.services import alerts, applying, history, mirror, planning, reconcile, undoing, works
from sync.services.history import Actor, Change
from sync.services.settings import ensure_default_target, ensure_sources
from sync.targets.opening import open_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mam.jobs.context import JobContext
    from sync.targets.base import OttTarget

SYNC_JOB, PLAN_JOB, APPLY_JOB, RECONCILE_JOB = "sync.sync", "sync.plan", "sync.apply", "sync.reconcile"
MATCH_JOB = "sync.match"
_TO_BE_APPLIED = (PlanState.READY, PlanState.FAILED, PlanState.PARTIAL, PlanState.APPLYING)
_PUT_OFF = {MatchReason.GROWING.value: "sync_growing", MatchReason.HELD.value: "sync_vanished"}  # -> how the log says it
RETRY_S = 60  # after a sync that failed
REASON_MAX = 1000

messages.register(
    {
        "sync_started": gettext_noop("Sync of %(target)s."),
        "sync_reading": gettext_noop("Reading the target."),
        "sync_read": gettext_noop(
            "%(rows)s entries in the target; since the last time %(added)s added, %(changed)s changed, %(gone)s gone."
        ),
        "sync_matched": gettext_noop("%(changed)s matches changed."),
        "sync_nothing": gettext_noop("Both sides are equal. Nothing to do."),
        "sync_nothing_yet": gettext_noop("There is nothing else to do."),
        "sync_growing": gettext_noop("Files that are still being written, and come with a later sync: %(count)s."),
        "sync_vanished": gettext_noop("Files that vanished at once, and whose entries stay until an administrator decides: %(count)s."),
        "sync_planned": gettext_noop(
            "Plan %(plan)s: %(insert)s to add, %(update)s to update, %(restore)s to restore, %(delete)s to mark as deleted."
        ),
        "sync_held": gettext_noop("Plan %(plan)s waits for an administrator."),
        "sync_works": gettext_noop("%(count)s catalogs, series, contents and players written."),
        "sync_target_error": gettext_noop("%(error)s"),
    }
)


# --- asking -----------------------------------------------------------------------------------------------------------
def request_sync(*, target: Target, user: User | None) -> Job:
    """Have the target made equal to the archive, as far as the guard lets; the running job if that is being done already."""
    check_access(user, RUN)
    return _enqueue(SYNC_JOB, target, user)


def request_reconcile(*, target: Target, user: User | None) -> Job:
    """Have both sides compared, row by row; a `DriftReport` tells what was found. The running job if that is being done already."""
    check_access(user, RUN)
    return _enqueue(RECONCILE_JOB, target, user)


def make_plan(*, target: Target, user: User | None) -> Job:
    """Have a plan made and not applied."""
    check_access(user, RUN)
    return _enqueue(PLAN_JOB, target, user)


@transaction.atomic
def apply_plan(*, plan: Plan, user: User | None) -> Job:
    """Have a plan applied that is ready, or one gone on with that was stopped. PlanStateError."""
    check_access(user, RUN)
    row = _lock(plan, *_TO_BE_APPLIED)
    return _go(row, user)


@transaction.atomic
def approve_plan(*, plan: Plan, user: User, reason: str) -> Job:
    """Have a held plan applied; the history keeps who wanted it and why. PlanStateError, ApprovalReasonMissingError."""
    check_access(user, MANAGE)
    row = _lock(plan, PlanState.HELD)
    words = " ".join(reason.split())[:REASON_MAX]
    if not words:
        raise ApprovalReasonMissingError
    row.state, row.approved_by, row.approved_at, row.approval_reason = PlanState.READY, user, timezone.now(), words
    row.save()
    after = {"counts": row.counts, "holds": row.holds}
    change = Change(
        event=HistoryEvent.PLAN_APPROVED,
        side=HistorySide.SYSTEM,
        subject=f"plan:{row.pk}",
        before={},
        after=after,
        plan_id=row.pk,
        reason=words,
    )
    history.record(row.target, [change], by=Actor.of_user(user))
    return _go(row, user)


@transaction.atomic
def discard_plan(*, plan: Plan, user: User | None) -> Plan:
    """Say that a plan shall not be applied. PlanStateError when it has been, or is being."""
    check_access(user, RUN)
    row = _lock(plan, PlanState.READY, PlanState.HELD)
    if row.job is not None and row.job.kind == APPLY_JOB and row.job.state in ACTIVE:
        raise PlanStateError(plan=row.pk, state=PlanState.APPLYING)
    row.state, row.finished_at = PlanState.DISCARDED, timezone.now()
    row.save()
    return row


@transaction.atomic
def undo_plan(*, plan: Plan, user: User | None) -> Job:
    """Have the rows made what they were before the plan, as far as the guard lets. The schedule rests then, or it would do the same again.

    PlanStateError for a plan that changed nothing, PlanUndoneError, PlanForgottenError.
    """
    check_access(user, RUN)
    row = _lock(plan, PlanState.APPLIED, PlanState.PARTIAL, PlanState.FAILED)
    if not row.done_parts:
        raise PlanStateError(plan=row.pk, state=row.state)
    if row.is_forgotten:
        raise PlanForgottenError(plan=row.pk)
    Plan.objects.filter(undo_of=row, state=PlanState.DISCARDED, done_parts=0).delete()
    if Plan.objects.filter(undo_of=row).exists():
        raise PlanUndoneError(plan=row.pk)
    if Target.objects.filter(pk=row.target_id, is_automatic=True).update(is_automatic=False):
        change = Change(
            event=HistoryEvent.SETTING_CHANGED,
            side=HistorySide.SYSTEM,
            subject=f"target:{row.target_id}",
            path=row.target.name,
            before={"is_automatic": True},
            after={"is_automatic": False},
            plan_id=row.pk,
        )
        history.record(row.target, [change], by=Actor.of_user(user))
    return _go(undoing.make_undo(plan=row, user=user), user)


def _lock(plan: Plan, *states: PlanState) -> Plan:
    row = lock(plan)
    if row.state not in states:
        raise PlanStateError(plan=row.pk, state=row.state)
    return row


def _go(plan: Plan, user: User | None) -> Job:
    job = _enqueue(APPLY_JOB, plan.target, user, plan_id=plan.pk)
    Plan.objects.filter(pk=plan.pk).update(job=job)
    return job


def _enqueue(kind: str, target: Target, user: User | None, **params: int) -> Job:
    """One job at a time works on a target: who asks for what is being done gets that. SyncBusyError when another thing waits already."""
    key, wanted = f"sync:{target.pk}", {"target_id": target.pk, **params}
    for job in Job.objects.filter(key=key, state__in=ACTIVE).order_by("-pk"):
        if (job.kind, job.params) == (kind, wanted) and not job.cancel_requested:
            return job
        if job.state == JobState.QUEUED:
            raise SyncBusyError
    job = enqueue(
        kind=kind,
        params=wanted,
        subject=target.name,
        subject_url=reverse("sync:dashboard"),
        key=key,
        priority=JobPriority.HIGH,
        user=user,
    )
    if (job.kind, job.params) != (kind, wanted):  # another came first just now
        raise SyncBusyError
    return job


# --- the clock --------------------------------------------------------------------------------------------------------
def enqueue_due(now: datetime) -> list[Job]:
    """Syncs whose time has come. There is a target from the first source on, and every source is published there."""
    jobs: list[Job] = []
    if not Source.objects.exists():
        return jobs
    ensure_default_target()
    for target in Target.objects.order_by("pk"):
        ensure_sources(target)
        if target.next_sync_at is None:  # the first scan is to be over when the first sync comes by itself
            Target.objects.filter(pk=target.pk, next_sync_at=None).update(next_sync_at=now + timedelta(seconds=target.interval_s))
        elif target.is_automatic and target.next_sync_at <= now:
            try:
                jobs.append(_enqueue(SYNC_JOB, target, None))
            except SyncBusyError:
                continue  # after that
    return jobs


def enqueue_match() -> Job | None:
    """A matching, when something has changed and there is a target."""
    if not is_behind() or not Target.objects.exists():
        return None
    return enqueue(kind=MATCH_JOB, key=MATCH_JOB, priority=JobPriority.NORMAL)


# --- the jobs ---------------------------------------------------------------------------------------------------------
def run_match(ctx: JobContext) -> dict[str, Any]:
    """Match what has changed."""
    return {"changed": match_touched(by=Actor.of_job(ctx), publish=ctx.publish, on_progress=lambda done: ctx.progress(done))}


def run_sync(ctx: JobContext) -> dict[str, Any]:
    """Look at both sides, plan, and apply the plan unless it is held."""
    return _with_target(ctx, lambda target, adapter: _sync(target, adapter, ctx))


def run_plan(ctx: JobContext) -> dict[str, Any]:
    """Look at both sides, and plan."""

    def act(target: Target, adapter: OttTarget) -> dict[str, Any]:
        plan = _plan(target, adapter, ctx)
        return {"plan": plan.pk if plan else None}

    return _with_target(ctx, act, is_sync=False)


def run_apply(ctx: JobContext) -> dict[str, Any]:
    """Apply a plan that was made before."""
    plan = Plan.objects.select_related("target").get(pk=ctx.params["plan_id"])
    if plan.state not in _TO_BE_APPLIED:  # it was discarded, or another job was faster
        raise PlanStateError(plan=plan.pk, state=plan.state)

    return _with_target(ctx, lambda _target, adapter: _apply(plan, adapter, ctx))


def run_reconcile(ctx: JobContext) -> dict[str, Any]:
    """Compare both sides and tell what differs."""

    def act(target: Target, adapter: OttTarget) -> dict[str, Any]:
        look(target, adapter, ctx, is_thorough=True)
        return reconcile.report(target=target, ctx=ctx)

    return _with_target(ctx, act, is_sync=False)


def look(target: Target, adapter: OttTarget, ctx: JobContext, *, is_thorough: bool = False) -> None:
    """Make the mirror and the matches what both sides are now."""
    by = Actor.of_job(ctx)
    ctx.log("sync_reading")
    found = mirror.refresh(
        target=target, adapter=adapter, by=by, publish=ctx.publish, is_thorough=is_thorough, on_progress=lambda rows: ctx.progress(rows)
    )
    ctx.log("sync_read", rows=found.rows, added=found.added, changed=found.changed, gone=found.gone)
    changed = match_touched(by=by, publish=ctx.publish)
    if changed:
        ctx.log("sync_matched", changed=changed)


def _sync(target: Target, adapter: OttTarget, ctx: JobContext) -> dict[str, Any]:
    ctx.log("sync_started", target=target.name)
    unfinished = Plan.objects.filter(target=target, state=PlanState.APPLYING).order_by("pk").first()
    if unfinished is not None:  # of a job that was killed
        try:
            return _apply(unfinished, adapter, ctx)
        except PlanStaleError as error:  # what is left of it is another plan's now
            ctx.log("sync_target_error", level=LogLevel.WARNING, error=str(error))
    plan = _plan(target, adapter, ctx)
    if plan is None:
        if not _publish_works(target, adapter, ctx):
            ctx.note_nothing_new()
        return {"added": 0, "updated": 0, "restored": 0, "deleted": 0, "errors": 0, **_put_off(target), "state": PlanState.APPLIED}
    if plan.state == PlanState.HELD:
        return {"added": 0, "updated": 0, "restored": 0, "deleted": 0, "errors": 0, "state": PlanState.HELD, "plan": plan.pk}
    _publish_works(target, adapter, ctx)
    return _apply(plan, adapter, ctx, is_fresh=True)


def _apply(plan: Plan, adapter: OttTarget, ctx: JobContext, *, is_fresh: bool = False) -> dict[str, Any]:
    """What came of it."""
    ended = applying.apply(plan=plan, adapter=adapter, ctx=ctx, is_fresh=is_fresh)
    if ended.state == PlanState.HELD:
        _tell_hold(plan.target, ended, ctx)
    return applying.result_of(ended)


def _publish_works(target: Target, adapter: OttTarget, ctx: JobContext) -> int:
    """Files name the contents they belong to, so those come first. How many there were to write."""
    count = works.publish_works(target=target, adapter=adapter, ctx=ctx)
    if count:
        ctx.log("sync_works", count=count)
    return count


def _plan(target: Target, adapter: OttTarget, ctx: JobContext) -> Plan | None:
    """A new plan, in the place of those that wait, unless one of them says the same; None when there is nothing to do."""
    look(target, adapter, ctx)
    plan = planning.make(target=target, batch_rows=adapter.batch_rows, user=_user_of(ctx), publish=ctx.publish)
    waiting = Plan.objects.filter(target=target, state__in=[PlanState.READY, PlanState.HELD], undo_of=None, approved_at=None)
    same = waiting.filter(digest=plan.digest, state=plan.state, holds=plan.holds).exclude(pk=plan.pk).first() if plan else None
    if plan and same:  # somebody may be reading it
        with ctx.publish():
            plan.delete()
        plan = same
    with ctx.publish():
        waiting.exclude(pk=plan.pk if plan else 0).update(state=PlanState.STALE, finished_at=timezone.now())
        if plan:
            Plan.objects.filter(pk=plan.pk).update(job_id=ctx.job_id)
    put_off = _put_off(target)
    for name, count in put_off.items():
        ctx.log(_PUT_OFF[name], count=count)
    if plan is None:
        ctx.log("sync_nothing_yet" if put_off else "sync_nothing")
        return None
    counts = {action: plan.counts.get(action, 0) for action in planning.ORDER}
    ctx.log("sync_planned", plan=plan.pk, **counts)
    if plan.state == PlanState.HELD:
        _tell_hold(target, plan, ctx, is_new=not same)
    return plan


def _put_off(target: Target) -> dict[str, int]:
    """How many files are left for later, by the reason."""
    cells = MatchCell.objects.filter(target_id=target.pk, reason__in=list(_PUT_OFF)).values("reason")
    return dict(cells.annotate(files=Sum("matches")).filter(files__gt=0).values_list("reason", "files"))


def _tell_hold(target: Target, plan: Plan, ctx: JobContext, *, is_new: bool = True) -> None:
    ctx.log("sync_held", level=LogLevel.WARNING, plan=plan.pk)
    if is_new:
        alerts.announce_hold(target=target, plan=plan)


def _user_of(ctx: JobContext) -> User | None:
    return User.objects.filter(pk=ctx.requested_by_id).first() if ctx.requested_by_id else None


def _with_target(ctx: JobContext, act: Callable[[Target, OttTarget], dict[str, Any]], *, is_sync: bool = True) -> dict[str, Any]:
    """Run `act` with the open target, and write down how it went."""
    target = Target.objects.get(pk=ctx.params["target_id"])
    ensure_sources(target)
    try:
        with open_target(target) as adapter:
            if is_sync or not adapter.exists():  # whoever only looks changes nothing of what is there
                adapter.prepare()
            result = act(target, adapter)
    except TargetError as error:
        ctx.log("sync_target_error", level=LogLevel.ERROR, error=str(error))
        _note_state(target, ctx, error=error, result={"errors": 1, "state": PlanState.FAILED} if is_sync else None)
        alerts.announce_error(target=target, error=error)
        raise
    _note_state(target, ctx, error=None, result=result if is_sync else None)
    if result.get("errors"):
        alerts.announce_result(target=target, result=result)
    return result


def _note_state(target: Target, ctx: JobContext, *, error: TargetError | None, result: dict[str, Any] | None) -> None:
    now = timezone.now()
    fields: dict[str, Any] = {
        "state": TargetState.ONLINE if error is None else TargetState.OFFLINE,
        "state_code": error.code if error else "",
        "state_params": error.params if error else {},
        "state_at": now,
    }
    if result is not None:
        pause = timedelta(seconds=target.interval_s if error is None else min(RETRY_S, target.interval_s))
        fields |= {"last_sync_at": now, "last_result": result, "next_sync_at": now + pause}
    with ctx.publish():
        Target.objects.filter(pk=target.pk).update(**fields)
