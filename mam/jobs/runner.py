"""What a worker does with jobs: claim one, keep its lease alive, run it, end it exactly once."""

from __future__ import annotations

import datetime
import logging
import threading
import time
import traceback
import uuid
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from mam.jobs import activity, log, registry
from mam.jobs.context import JobContext, lease_end
from mam.jobs.errors import (
    JobCancelledError,
    JobInterruptedError,
    LeaseLostError,
    SupersededError,
    WorkerStoppingError,
)
from mam.jobs.models import Job, JobLog, JobState, LogLevel
from mam.lib.errors import MamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNEXPECTED = "unexpected"  # the code, also of a failed request, for what nobody foresaw

_logger = logging.getLogger(__name__)
_BEAT_S = 0.5  # how soon a cancel or a shutdown is seen
_CANDIDATES = 8  # looked at per query; several, since other workers want the first as well
_TRACEBACK_CHARS = 8000  # its end says where


def claim(queue: str) -> Job | None:
    """Take the best claimable job of `queue`: the most urgent, then the oldest, whose key is not running. None: nothing.

    One conditional UPDATE decides; its row count says whether we have it.
    """
    while True:
        candidates = list(_claimable(queue).values_list("pk", flat=True)[:_CANDIDATES])
        for pk in candidates:
            job = take(pk)
            if job is not None:
                return job
        if not candidates:
            return None


def drain(queue: str, *, limit: int, may_go_on: Callable[[], bool] = lambda: True) -> int:
    """Run jobs until none is claimable, `limit` were run, or `may_go_on` says no; return how many were run."""
    count = 0
    while count < limit and not activity.is_stopping() and may_go_on():
        activity.touch()
        job = claim(queue)
        if job is None:
            break
        execute(job)
        count += 1
    return count


def execute(job: Job, *, beats: bool = True) -> None:
    """Run a claimed job to its end (or back into its queue). Never raises for what the task does.

    `beats=False` runs it without the thread that keeps the lease: for tests inside a transaction.
    """
    context = JobContext(job)
    with _heartbeat(context) if beats else nullcontext():
        settle = _run(job, context)
    if context.is_finished:
        return
    try:
        with log.commit_ordered():
            log.write_lines(settle())
    except LeaseLostError:
        _logger.warning("job %s was given to another worker; this run does not count", job.pk)


def has_claimable(queue: str) -> bool:
    """Whether a worker of `queue` would get a job now."""
    return bool(_claimable(queue).exists())


def _claimable(queue: str) -> Any:
    same_key = Job.objects.filter(key=OuterRef("key"), state=JobState.RUNNING).exclude(key="")
    waiting = Job.objects.filter(state=JobState.QUEUED, queue=queue, not_before__lte=timezone.now())
    return waiting.filter(~Exists(same_key)).order_by("priority", "pk")


def take(pk: int) -> Job | None:
    """Claim one row; None when somebody else has it or its key began to run meanwhile."""
    owner = uuid.uuid4()
    try:
        with log.commit_ordered():
            if not Job.objects.filter(pk=pk, state=JobState.QUEUED).update(
                state=JobState.RUNNING,
                owner=owner,
                lease_until=lease_end(),
                attempt=F("attempt") + 1,
                started_at=timezone.now(),
                progress_done=0,
                progress_total=None,
                progress_note="",
            ):
                return None
            job = Job.objects.get(pk=pk)
            log.write_lines([JobLog(job=job, level=job.level, code=log.STARTED, params={"attempt": job.attempt})])
            return job
    except IntegrityError:
        return None


def _run(job: Job, context: JobContext) -> Callable[[], list[JobLog]]:
    """Call the task; return how its job is to be ended, as a function for the ending transaction."""
    try:
        result = registry.get_kind(job.kind).run(context)
    except MamError as error:
        if context.interruption is not None:  # whatever stopped the task, it was stopped because of this
            return _interrupted(job, context, context.interruption)
        return _failed(job, context, _Failure(error.code, error.params, error.is_permanent))
    except Exception as error:  # a task's bug fails its job, not the worker; log and logger keep it whole
        _logger.exception("job %s (%s) failed unexpectedly", job.pk, job.kind)
        text = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARS:]
        params = {"error": f"{type(error).__name__}: {error}"[:500]}
        return _failed(job, context, _Failure(UNEXPECTED, params, is_permanent=True, traceback=text))
    return lambda: [context.succeed(result, error_code="", error_params={})]


def _interrupted(job: Job, context: JobContext, reason: JobInterruptedError) -> Callable[[], list[JobLog]]:
    if isinstance(reason, JobCancelledError):
        return lambda: [context.end(JobState.CANCELLED, log.CANCELLED)]
    if isinstance(reason, WorkerStoppingError):
        return lambda: _put_back(context, log.RELEASED, at=timezone.now(), params={}, attempt=job.attempt - 1, cancel_requested=False)

    def lost() -> list[JobLog]:
        raise reason

    return lost


@dataclass(frozen=True, slots=True)
class _Failure:
    code: str
    params: dict[str, Any]
    is_permanent: bool
    traceback: str = ""


def _failed(job: Job, context: JobContext, failure: _Failure) -> Callable[[], list[JobLog]]:
    lines = [JobLog(job_id=job.pk, level=LogLevel.ERROR, code=failure.code, params=failure.params)]
    if failure.traceback:
        lines.insert(0, JobLog(job_id=job.pk, level=LogLevel.ERROR, code=log.TRACEBACK, params={"text": failure.traceback}))
    fields = {"error_code": failure.code, "error_params": failure.params}

    def settle() -> list[JobLog]:
        if failure.is_permanent or job.attempt >= job.max_attempts:
            return [*lines, context.end(JobState.FAILED, log.FAILED, level=LogLevel.ERROR, **fields)]
        seconds = backoff_s(job.attempt)
        at = timezone.now() + datetime.timedelta(seconds=seconds)
        return [*lines, *_put_back(context, log.RETRYING, at=at, params={"seconds": seconds}, **fields)]

    return settle


def backoff_s(attempt: int) -> int:
    """Seconds to wait after the `attempt`-th try: 1, 2, 4, ..."""
    return 1 << min(attempt - 1, 10)


def _put_back(context: JobContext, code: str, *, at: datetime.datetime, params: dict[str, Any], **fields: Any) -> list[JobLog]:
    """Queue the job again; when the same work waits as another job, end this one: that one does it."""
    try:
        with transaction.atomic():
            return [context.put_back(code, not_before=at, params=params, **fields)]
    except IntegrityError:
        return [end_superseded(context)]


def end_superseded(context: JobContext) -> JobLog:
    """End a job in whose place another one waits."""
    return context.end(JobState.FAILED, SupersededError.code, level=LogLevel.WARNING, error_code=SupersededError.code, error_params={})


@contextmanager
def _heartbeat(context: JobContext) -> Iterator[None]:
    """Keeps the job's lease alive in a thread of its own, and tells the context when the work has to stop."""
    ended = threading.Event()
    thread = threading.Thread(target=_beat_until, args=(context, ended), name=f"job-{context.job_id}-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _beat_until(context: JobContext, ended: threading.Event) -> None:
    lease_s: float = settings.MAM_JOB_LEASE_S
    pause_s = min(_BEAT_S, lease_s / 6)
    extended_at = heard_at = time.monotonic()
    try:
        while not ended.wait(pause_s):
            now = time.monotonic()
            try:
                if now - extended_at >= lease_s / 3:
                    _extend(context)
                    extended_at = now
                _listen(context)
                heard_at = now
            except (OperationalError, InterfaceError) as error:
                _logger.warning("job %s: no heartbeat: %s", context.job_id, error)
                connection.close()
                if now - heard_at > lease_s:
                    context.interrupt(LeaseLostError())
    finally:
        connections.close_all()


def _extend(context: JobContext) -> None:
    if not context.row.update(lease_until=lease_end()):
        context.interrupt(LeaseLostError())


def _listen(context: JobContext) -> None:
    """One look at the row: is it still ours, and are we asked to stop?"""
    activity.touch()
    is_cancelled = context.row.values_list("cancel_requested", flat=True).first()
    if context.is_finished:
        return
    if is_cancelled is None:
        context.interrupt(LeaseLostError())
    elif is_cancelled:
        context.interrupt(JobCancelledError())
    elif activity.is_stopping():
        context.interrupt(WorkerStoppingError())
    context.write_progress()
