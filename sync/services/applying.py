"""Does what a plan says: batch after batch at the target, then in the mirror. Killed anywhere, it goes on where the target stopped."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.models import Catalog
from mam.jobs.errors import JobCancelledError
from mam.jobs.models import LogLevel
from mam.lib import messages
from mam.lib.bulk import among, chunks, insert_rows, reserve_ids, update_rows
from mam.lib.errors import gettext_noop
from sync.choices import Action, HistoryEvent, HistorySide, PartState, PlanState
from sync.errors import PlanStaleError, TargetError
from sync.matching import settling
from sync.matching.recompute import match_touched
from sync.matching.touches import touch_rows
from sync.models import Match, Plan, PlanPart, Target, TargetRow
from sync.services import history, mirror, planning
from sync.services.documents import Planned, as_write, document, unpack
from sync.services.history import Actor, Change
from sync.targets.base import Batch, TargetFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mam.jobs.context import JobContext
    from sync.matching.recompute import Publish
    from sync.targets.base import OttTarget

WAITS_S = (1, 2, 4)  # before an error of the target is met again
PARKED_IN_A_ROW = 3  # batches; then no other is tried
TOGETHER = 20  # batches that the mirror is told of in one transaction

messages.register(
    {
        "sync_applying": gettext_noop("Writing %(rows)s entries in %(parts)s batches."),
        "sync_resumed": gettext_noop("Going on after batch %(done)s of %(parts)s."),
        "sync_waiting": gettext_noop("%(error)s Trying again in %(seconds)s s."),
        "sync_parked": gettext_noop("Batch %(number)s was put aside: %(error)s"),
        "sync_done": gettext_noop("%(added)s added, %(updated)s updated, %(restored)s restored, %(deleted)s marked as deleted."),
        "sync_stopped": gettext_noop("The target cannot be written to; %(left)s of %(parts)s batches are left. %(error)s"),
    }
)
_EVENTS = {Action.INSERT: HistoryEvent.SYNCED, Action.DELETE: HistoryEvent.DELETED, Action.RESTORE: HistoryEvent.RESTORED}


class _Stopped(Exception):
    """The target takes nothing any more; what is left stays as it is."""

    def __init__(self, error: TargetError) -> None:
        super().__init__(str(error))
        self.error = error


def apply(*, plan: Plan, adapter: OttTarget, ctx: JobContext, is_fresh: bool = False) -> Plan:
    """Bring a plan to its end: applied or partial; or held, where it has to wait by now. `is_fresh`: it was made just now by this job.

    TargetError when nothing could be done. PlanStaleError when either side is not as the plan found it; then nothing is written, or nothing
    more of a plan that was stopped.
    """
    by = Actor.of_job(ctx)
    error = None
    try:
        _prepare(plan, adapter, ctx, by, is_fresh=is_fresh)
        if plan.state == PlanState.HELD:
            return plan
        _apply_all(plan, _waiting(plan), adapter, ctx, by)
    except _Stopped as stopped:
        error = stopped.error
    except JobCancelledError:
        _note_cancelled(plan)
        raise
    match_touched(by=by, publish=ctx.publish)
    ended = _end(plan, error, ctx)
    if ended.state == PlanState.FAILED and plan.last_error is not None:
        raise plan.last_error
    return ended


def _prepare(plan: Plan, adapter: OttTarget, ctx: JobContext, by: Actor, *, is_fresh: bool) -> None:
    """Find that what the plan says, or what is left of it, is still wanted; begin."""
    applied = adapter.applied(str(plan.uuid))
    plan.is_resumed = applied > 0 or plan.state != PlanState.READY
    if plan.is_resumed:
        ctx.log("sync_resumed", done=applied, parts=plan.total_parts)
        _begin(plan, ctx)
        unknown = max(0, applied - plan.parts.filter(state=PartState.DONE).count())  # here; the first ones that wait are there
        _apply_all(plan, islice(_waiting(plan), unknown), adapter, ctx, by)
        _check_is_wanted(plan, ctx, by)
    elif not is_fresh:
        _check_is_current(plan, adapter, by, ctx)
    holds = _holds_of_now(plan) if plan.undo_of_id or not (is_fresh or plan.is_resumed) else []
    if holds:
        plan.state, plan.holds = PlanState.HELD, holds
        with ctx.publish():
            plan.save(update_fields=["state", "holds"])
    elif not plan.is_resumed:
        ctx.log("sync_applying", rows=plan.total_rows, parts=plan.total_parts)
        _begin(plan, ctx)


def _holds_of_now(plan: Plan) -> list[dict[str, Any]]:
    """Why it has to wait by now: sources may have gone since it was made, and the guard may be another. Not if somebody has approved it."""
    return [] if plan.approved_at else planning.holds(Target.objects.get(pk=plan.target_id), Counter(plan.counts))


def _begin(plan: Plan, ctx: JobContext) -> None:
    """From now on nothing is known of the target but what it says: whatever happens, the next sync reads it."""
    plan.state, plan.error_code, plan.error_params = PlanState.APPLYING, "", {}
    plan.started_at, plan.job_id = plan.started_at or timezone.now(), ctx.job_id
    with ctx.publish():
        plan.save(update_fields=["state", "error_code", "error_params", "started_at", "job"])
        approved = mirror.NOTHING_LOST if plan.approved_at else {}
        Target.objects.filter(pk=plan.target_id).update(fingerprint="", **approved)


def _check_is_wanted(plan: Plan, ctx: JobContext, by: Actor) -> None:
    """What is left of a plan that was stopped is all that is to be done, and nobody has to be asked first. (Undoing looks at the rows.)"""
    match_touched(by=by, publish=ctx.publish)
    if plan.undo_of_id or (planning.is_what_is_left(plan) and not _holds_of_now(plan)):
        return
    _stop(plan, PlanState.PARTIAL if plan.done_parts else PlanState.STALE, ctx.publish)
    raise PlanStaleError(plan=plan.pk)


def _note_cancelled(plan: Plan) -> None:
    """Somebody has stopped it: no job goes on with it by itself."""
    with transaction.atomic():
        done = Plan.objects.filter(pk=plan.pk).values_list("done_parts", flat=True)[0]
        if plan.state == PlanState.APPLYING:
            _stop(plan, PlanState.PARTIAL if done else PlanState.DISCARDED, transaction.atomic)


def _stop(plan: Plan, state: PlanState, publish: Publish) -> None:
    plan.state, plan.finished_at = state, timezone.now()
    with publish():
        plan.save(update_fields=["state", "finished_at"])


def _check_is_current(plan: Plan, adapter: OttTarget, by: Actor, ctx: JobContext) -> None:
    """Both sides, and what would be done about them, are what the plan says. (Undoing looks at the rows themselves, batch by batch.)"""
    match_touched(by=by, publish=ctx.publish)
    target = Target.objects.get(pk=plan.target_id)
    is_same_there = adapter.fingerprint() == plan.target_fingerprint == target.fingerprint
    if plan.undo_of_id or (is_same_there and planning.digest_of_now(target, adapter.batch_rows) == plan.digest):
        return
    _stop(plan, PlanState.STALE, ctx.publish)
    raise PlanStaleError(plan=plan.pk)


def _waiting(plan: Plan) -> Iterator[PlanPart]:
    number = -1
    while part := plan.parts.filter(state=PartState.WAITING, number__gt=number).order_by("number").first():
        yield part
        number = part.number


def _apply_all(plan: Plan, parts: Iterable[PlanPart], adapter: OttTarget, ctx: JobContext, by: Actor) -> None:
    for some in chunks(parts, TOGETHER):
        _apply_parts(plan, some, adapter, ctx, by)


def _apply_parts(plan: Plan, parts: Sequence[PlanPart], adapter: OttTarget, ctx: JobContext, by: Actor) -> None:
    done: list[tuple[PlanPart, list[str]]] = []
    try:
        for part in parts:
            ctx.check()
            try:
                done.append((part, _write(plan, part, adapter, ctx)))
                plan.failures_in_a_row = 0
            except TargetError as error:
                _park(plan, part, error, adapter, ctx)
    finally:  # what the target has is noted, whatever stopped us; if that fails too, the target says so next time
        if done and (publish := _publish_after(ctx)):
            _note(plan, done, publish, by)
    match_touched(by=by, publish=ctx.publish)
    ctx.progress(plan.done_parts, plan.total_parts)


def _publish_after(ctx: JobContext) -> Publish | None:
    """How the end is written down: whoever was cancelled still has the job; who has lost it or has to go at once writes nothing."""
    if ctx.interruption is None:
        return ctx.publish
    return transaction.atomic if isinstance(ctx.interruption, JobCancelledError) else None


def _write(plan: Plan, part: PlanPart, adapter: OttTarget, ctx: JobContext) -> list[str]:
    """The remote ids of a batch that is there now. TargetError after all attempts."""
    batch = Batch(str(plan.uuid), part.number, plan.created_at, [as_write(Planned(*one)) for one in part.actions])
    for seconds in WAITS_S:
        try:
            return adapter.apply(batch)
        except TargetError as error:
            if error.is_permanent:
                raise
            ctx.log("sync_waiting", level=LogLevel.WARNING, error=str(error), seconds=seconds)
            ctx.cancelled.wait(seconds)
            ctx.check()
    return adapter.apply(batch)


def _park(plan: Plan, part: PlanPart, error: TargetError, adapter: OttTarget, ctx: JobContext) -> None:
    """Put a batch aside. _Stopped when no other would fare better."""
    plan.failures_in_a_row += not error.is_permanent  # what is wrong with some rows says nothing of the next ones
    plan.last_error = error
    if error.stops_all or plan.failures_in_a_row >= PARKED_IN_A_ROW:
        raise _Stopped(error) from error
    try:
        adapter.applied(str(plan.uuid))
    except TargetError as other:
        raise _Stopped(other) from error
    ctx.log("sync_parked", level=LogLevel.ERROR, number=part.number + 1, error=str(error))
    with ctx.publish():
        PlanPart.objects.filter(pk=part.pk).update(state=PartState.PARKED, error_code=error.code, error_params=error.params)
        Plan.objects.filter(pk=plan.pk).update(parked_parts=F("parked_parts") + 1)


# --- what the main database is told -----------------------------------------------------------------------------------
def _note(plan: Plan, done: Sequence[tuple[PlanPart, list[str]]], publish: Publish, by: Actor) -> None:
    written = [(Planned(*one), remote_id) for part, ids in done for one, remote_id in zip(part.actions, ids, strict=True)]
    with publish():
        row_ids = _write_mirror(plan, written)
        done_on = [(one, remote_id, pk) for (one, remote_id), pk in zip(written, row_ids, strict=True)]
        settled = settling.settle(plan.target, [(one.match_id, pk) for one, _, pk in done_on if one.match_id])
        touch_rows(pk for pk in row_ids if pk not in settled)
        catalogs = _catalogs(done_on)
        changes = (_change(plan, one, remote_id, pk, settled.get(pk), catalogs.get(pk, (0, ""))) for one, remote_id, pk in done_on)
        history.record(plan.target, changes, by=by)
        update_rows(PlanPart, ["state", "remote_ids"], ((PartState.DONE.value, json.dumps(ids), part.pk) for part, ids in done))
        Plan.objects.filter(pk=plan.pk).update(done_parts=F("done_parts") + len(done))
    plan.done_parts += len(done)


def _write_mirror(plan: Plan, written: Sequence[tuple[Planned, str]]) -> list[int]:
    """The mirror's rows as they are at the target now, each bound to its file; their ids, in the order of `written`."""
    known = _known(plan, [remote_id for one, remote_id in written if one.row_id is None])
    pks = iter(reserve_ids(TargetRow, sum(one.row_id is None and remote_id not in known for one, remote_id in written)))
    fresh, old, row_ids = [], [], []
    for one, remote_id in written:
        pk = one.row_id or known.get(remote_id)
        values = mirror.stored(_as_it_is(plan, one, remote_id))
        if pk is None:
            pk = next(pks)
            fresh.append((pk, plan.target_id, remote_id, one.file_id, *values))
        else:
            old.append((one.file_id, *values, pk))
        row_ids.append(pk)
    insert_rows(TargetRow, ["id", "target_id", "remote_id", "file_id", *mirror.COLUMNS], fresh)
    update_rows(TargetRow, ["file_id", *mirror.COLUMNS], old)
    return row_ids


def _known(plan: Plan, remote_ids: Sequence[str]) -> dict[str, int]:
    """Rows that the mirror has, though the plan did not know them: made by the plan it takes back, or read after a run that was killed."""
    found: dict[str, int] = {}
    if plan.is_resumed or plan.undo_of_id:
        for part in chunks(remote_ids):
            found |= dict(TargetRow.objects.filter(target=plan.target_id, remote_id__in=part).values_list("remote_id", "pk"))
    return found


def _as_it_is(plan: Plan, one: Planned, remote_id: str) -> TargetFile:
    file = unpack(remote_id, one.after or [])
    deleted_at = (file.deleted_at or plan.created_at) if file.is_deleted else None
    return TargetFile(remote_id, file.fields, file.is_deleted, deleted_at)


def _catalogs(done_on: Sequence[tuple[Planned, str, int]]) -> dict[int, tuple[int, str]]:
    """Row -> id and name of the catalog that its file is in, or was."""
    names = dict(Catalog.objects.values_list("pk", "name"))
    row_of = {one.match_id: pk for one, _, pk in done_on if one.match_id}
    known = Match.objects.filter(pk__in=among(row_of), catalog__isnull=False).values_list("pk", "catalog_id")
    found = {row_of[match_id]: catalog_id for match_id, catalog_id in known}
    others = [pk for one, _, pk in done_on if not one.match_id]  # of a plan that takes another back
    if others:
        found |= dict(Match.objects.filter(row__in=among(others), catalog__isnull=False).values_list("row_id", "catalog_id"))
    return {pk: (catalog_id, names.get(catalog_id, "")) for pk, catalog_id in found.items()}


def _change(plan: Plan, one: Planned, remote_id: str, row_id: int, status: str | None, catalog: tuple[int, str]) -> Change:
    """`status`: of the file now, where it is known without matching it anew."""
    before = {} if one.before is None else document(remote_id, one.before)
    after = document(remote_id, one.after or [])
    if status and one.file_id:
        after["status"] = status
    moved = before.get("path") not in {None, after["path"]}
    catalog_id, catalog_name = catalog
    event = _EVENTS.get(Action(one.action)) or (HistoryEvent.MOVED if moved else HistoryEvent.CHANGED)
    return Change(
        event=event,
        side=HistorySide.TARGET,
        subject=f"file:{one.file_id}" if one.file_id else f"row:{row_id}",
        path=after["path"],
        catalog_id=catalog_id,
        catalog_name=catalog_name,
        before=before,
        after=after,
        plan_id=plan.pk,
    )


def _end(plan: Plan, error: TargetError | None, ctx: JobContext) -> Plan:
    plan = Plan.objects.get(pk=plan.pk)
    left = plan.total_parts - plan.done_parts - plan.parked_parts
    plan.state = PlanState.APPLIED
    if left or plan.parked_parts:
        plan.state = PlanState.PARTIAL if plan.done_parts else PlanState.FAILED
    if error is not None:
        plan.error_code, plan.error_params = error.code, error.params
        ctx.log("sync_stopped", level=LogLevel.ERROR, left=left, parts=plan.total_parts, error=str(error))
    plan.finished_at = timezone.now()
    counts = _counts_done(plan)
    with ctx.publish():
        plan.save()
        ctx.log("sync_done", level=LogLevel.INFO if plan.state == PlanState.APPLIED else LogLevel.WARNING, **counts)
    return plan


def _counts_done(plan: Plan) -> dict[str, int]:
    """What is at the target of what was planned, in rows."""
    counts = dict(plan.counts)
    for part in plan.parts.exclude(state=PartState.DONE).iterator():
        for one in part.actions:
            counts[one[0]] -= 1
    names = {"added": Action.INSERT, "updated": Action.UPDATE, "restored": Action.RESTORE, "deleted": Action.DELETE}
    return {name: counts.get(action, 0) for name, action in names.items()}


def result_of(plan: Plan) -> dict[str, Any]:
    """What a sync came to: of `Target.last_result` and of jobs."""
    return _counts_done(plan) | {"errors": plan.parked_parts + bool(plan.error_code), "state": plan.state, "plan": plan.pk}
