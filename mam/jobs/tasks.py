"""What the clock calls to keep the queues sound, and what a queue message runs."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from mam.jobs import hints, log, runner
from mam.jobs.errors import SupersededError, WorkerLostError
from mam.jobs.models import Job, JobLog, JobState, LogLevel

# A worker process starts afresh now and then, which bounds what leaks in it (ours or a library's).
_JOBS_PER_MESSAGE = 200
_REAPED_AT_ONCE = 500
_PURGED_AT_ONCE = 500  # small transactions: other writers wait for each
_PURGES_PER_CALL = 40


def work(queue: str) -> None:
    """What a queue message runs: jobs of `queue` until none is claimable."""
    if runner.drain(queue, limit=_JOBS_PER_MESSAGE) == _JOBS_PER_MESSAGE:
        hints.send(queue)


def reap() -> None:
    """Take jobs from workers that stopped answering, and wake workers for jobs whose message was lost. Idempotent."""
    expired = Job.objects.filter(state=JobState.RUNNING, lease_until__lt=Now()).order_by("lease_until")
    for job in expired[:_REAPED_AT_ONCE]:
        _take_back(job)
    hints.send_missing()


def purge_old() -> None:
    """Delete jobs (and their log) that ended more than `settings.MAM_JOB_KEEP_DAYS` days ago, oldest first, in batches."""
    limit = timezone.now() - datetime.timedelta(days=settings.MAM_JOB_KEEP_DAYS)
    ended = Job.objects.filter(Q(state=JobState.SUCCEEDED) | Q(state=JobState.FAILED) | Q(state=JobState.CANCELLED), finished_at__lt=limit)
    for _ in range(_PURGES_PER_CALL):
        batch = list(ended.order_by("pk").values_list("pk", flat=True)[:_PURGED_AT_ONCE])
        with transaction.atomic():
            JobLog.objects.filter(job__in=batch).delete()
            Job.objects.filter(pk__in=batch).delete()
        if len(batch) < _PURGED_AT_ONCE:
            return


def _take_back(job: Job) -> None:
    """Queue the job again, or end it when that is not possible; nothing when its worker came back meanwhile."""
    if job.cancel_requested:
        _end(job, JobState.CANCELLED, log.CANCELLED, {})
    elif job.attempt >= job.max_attempts:
        _end(job, JobState.FAILED, WorkerLostError.code, {"attempts": job.attempt})
    else:
        try:
            _write(job, log.RETURNED, {}, state=JobState.QUEUED, not_before=timezone.now())
        except IntegrityError:  # the same work waits as another job
            _end(job, JobState.FAILED, SupersededError.code, {})


def _end(job: Job, state: JobState, code: str, params: dict[str, int]) -> None:
    fields = {"error_code": code, "error_params": params} if state == JobState.FAILED else {}
    _write(job, code, params, state=state, finished_at=timezone.now(), **fields)


def _write(job: Job, code: str, params: dict[str, int], **fields: object) -> None:
    """One fenced write: it counts only while the same owner's lease is still expired."""
    with log.commit_ordered():
        expired = Job.objects.filter(pk=job.pk, owner=job.owner, state=JobState.RUNNING, lease_until__lt=Now())
        if expired.update(owner=None, lease_until=None, **fields):
            log.write_lines([JobLog(job=job, code=code, params=params, level=LogLevel.WARNING)])
            if fields["state"] == JobState.QUEUED:
                hints.send(job.queue)
