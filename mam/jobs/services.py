"""What people and programs do with jobs: enqueue, cancel, retry. (What workers do with them: `runner`.)"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from mam.accounts import access
from mam.accounts.context import current_request_id
from mam.accounts.services import record_audit
from mam.jobs import hints, log, registry
from mam.jobs.errors import JobStateError
from mam.jobs.models import Job, JobPriority, JobState

if TYPE_CHECKING:
    from mam.accounts.models import User

CONTROL = "jobs.control_job"
_KEY_RACE_ROUNDS = 5  # each round lost means that another process claimed or enqueued the same key just now


def enqueue(
    *,
    kind: str,
    params: dict[str, Any] | None = None,
    subject: str = "",
    subject_url: str = "",
    key: str = "",
    priority: int = JobPriority.NORMAL,
    user: User | None = None,
    request_id: str = "",
    delay_s: float = 0,
) -> Job:
    """Queue work of a registered kind; it starts after the caller's transaction commits, `delay_s` later at the earliest.

    With `key` there is one waiting job per key: the waiting one is returned (moved forward when this call is more urgent or
    sooner, its params kept), and a running one is followed, never doubled. UnknownJobKindError for a kind nobody has.
    """
    spec = registry.get_kind(kind)
    job = Job(
        kind=kind,
        queue=spec.queue,
        max_attempts=spec.max_attempts,
        params=params or {},
        subject=subject[:255],
        subject_url=subject_url,
        key=key,
        priority=priority,
        not_before=timezone.now() + datetime.timedelta(seconds=delay_s),
        requested_by=user,
        request_id=request_id or current_request_id(),
    )
    with transaction.atomic():
        for _ in range(_KEY_RACE_ROUNDS):
            waiting = _move_forward(job) if key else None
            if waiting is not None:
                return waiting
            if _insert(job):
                break
        else:
            raise IntegrityError(f"the key {key!r} stays taken, yet no job waits with it")
        transaction.on_commit(lambda: _announce(job, log.QUEUED))
    return job


def cancel(*, job: Job, user: User | None) -> Job:
    """Cancel a waiting job at once; ask a running one to stop (seen within a second). Return the job as it is now.

    `user` needs `jobs.control_job` (None: the system itself). JobStateError when it has ended already.
    """
    _require(user)
    with transaction.atomic():
        row = Job.objects.filter(pk=job.pk)
        before = _state_of(job)
        code = log.CANCELLED
        if not row.filter(state=JobState.QUEUED).update(state=JobState.CANCELLED, finished_at=timezone.now()):
            code = log.CANCEL_REQUESTED
            if not row.filter(state=JobState.RUNNING).update(cancel_requested=True):
                job.refresh_from_db()
                raise JobStateError(state=job.state)
        job.refresh_from_db()
        _audit(user, "jobs.job.cancel", job, before)
        transaction.on_commit(lambda: log.write(job.pk, code))
    return job


def retry(*, job: Job, user: User | None) -> Job:
    """Put a failed or cancelled job back into its queue with all its attempts. Return it, or the waiting job with its key.

    `user` needs `jobs.control_job` (None: the system itself). JobStateError when it has not failed or been cancelled.
    """
    _require(user)
    with transaction.atomic():
        before = _state_of(job)
        try:
            with transaction.atomic():
                count = Job.objects.filter(pk=job.pk, state__in=[JobState.FAILED, JobState.CANCELLED]).update(**_fresh())
        except IntegrityError:  # the same work is waiting already
            return Job.objects.get(key=job.key, state=JobState.QUEUED)
        job.refresh_from_db()
        if not count:
            raise JobStateError(state=job.state)
        _audit(user, "jobs.job.retry", job, before)
        transaction.on_commit(lambda: _announce(job, log.REQUEUED))
    return job


def _insert(job: Job) -> bool:
    """Insert the row; False when another process queued the same key first."""
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        if not job.key:
            raise
        job.pk = None
        return False
    return True


def _move_forward(wish: Job) -> Job | None:
    """The waiting job with the same key, as urgent and as soon as the wish; None when none waits."""
    waiting = Job.objects.filter(key=wish.key, state=JobState.QUEUED).first()
    if waiting is None:
        return None
    priority, not_before = min(waiting.priority, wish.priority), min(waiting.not_before, wish.not_before)
    if (priority, not_before) == (waiting.priority, waiting.not_before):
        return waiting
    if not Job.objects.filter(pk=waiting.pk, state=JobState.QUEUED).update(priority=priority, not_before=not_before):
        return None
    waiting.priority, waiting.not_before = priority, not_before
    transaction.on_commit(lambda: hints.send(waiting.queue, at=not_before))
    return waiting


def _fresh() -> dict[str, Any]:
    """The fields of a job that starts over."""
    return {
        "state": JobState.QUEUED,
        "not_before": timezone.now(),
        "attempt": 0,
        "cancel_requested": False,
        "error_code": "",
        "error_params": {},
        "result": None,
        "progress_done": 0,
        "progress_total": None,
        "progress_unit": "",
        "progress_note": "",
        "started_at": None,
        "finished_at": None,
    }


def _announce(job: Job, code: str) -> None:
    with log.commit_ordered():
        hints.send(job.queue, at=job.not_before)
        log.write(job.pk, code, level=job.level)


def _require(user: User | None) -> None:
    if user is not None:
        access.require(user, CONTROL)


def _state_of(job: Job) -> dict[str, Any]:
    return {"state": str(job.state), "cancel_requested": job.cancel_requested}


def _audit(user: User | None, action: str, job: Job, before: dict[str, Any]) -> None:
    record_audit(actor=user, action=action, obj=job, before=before, after=_state_of(job), request_id=current_request_id())
