"""What a running task sees of its job: parameters, log, progress, "may I go on?", and the fenced way to write results."""

from __future__ import annotations

import datetime
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from mam.jobs import log, wake
from mam.jobs.errors import JobInterruptedError, LeaseLostError
from mam.jobs.models import Job, JobLog, JobState, LogLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

_PROGRESS_PAUSE_S = 0.25


def lease_end() -> Any:
    """The database's own now plus the length of a lease: the clocks of the machines need not agree."""
    return Now() + datetime.timedelta(seconds=settings.MAM_JOB_LEASE_S)


class _Publishing(threading.local):
    """The lines logged in the transaction that this thread has open; None outside of one."""

    lines: list[JobLog] | None = None


class JobContext:
    """Handed to the task. Thread-safe; each thread of the task may log, report progress and ask `check()`.

    `cancelled` is set when the work has to stop (cancelled, lease lost, worker shutting down): hand it to
    `mam.lib.process.run`, and call `check()` often in loops of one's own.
    """

    def __init__(self, job: Job) -> None:
        if job.owner is None:
            raise ValueError("only a claimed job can run")
        self.job_id = job.pk
        self.params: dict[str, Any] = job.params
        self.attempt = job.attempt
        self.requested_by_id = job.requested_by_id
        self.request_id = job.request_id
        self.level = job.level
        self.cancelled = threading.Event()
        self.is_finished = False  # publish(completes=True) has ended the job
        self._owner = job.owner
        self._is_routine = False
        self._interruption: JobInterruptedError | None = None
        self._lock = threading.Lock()
        self._pending_progress: dict[str, Any] = {}
        self._progress_written_at = -_PROGRESS_PAUSE_S
        self._publishing = _Publishing()

    @property
    def row(self) -> QuerySet[Job]:
        """The job's row, as long as it is ours: the condition of every write (fencing)."""
        return Job.objects.filter(pk=self.job_id, owner=self._owner, state=JobState.RUNNING)

    @property
    def interruption(self) -> JobInterruptedError | None:
        """Why the work has to stop; None while it may go on."""
        return self._interruption

    def interrupt(self, reason: JobInterruptedError) -> None:
        """Tell the task to stop. The first reason stays, but a lost lease outweighs the others: nothing may be written."""
        with self._lock:
            if self._interruption is None or isinstance(reason, LeaseLostError):
                self._interruption = reason
        self.cancelled.set()

    def check(self) -> None:
        """Return if the work may go on; else JobCancelledError, LeaseLostError or WorkerStoppingError. Costs nothing."""
        if self._interruption is not None:
            raise self._interruption

    def log(self, code: str, level: LogLevel = LogLevel.INFO, **params: str | float | None) -> None:
        """Write a line (a code registered in `mam.lib.messages`). Inside of `publish()` it becomes part of that transaction."""
        line = JobLog(job_id=self.job_id, level=level, code=code, params=params)
        if self._publishing.lines is not None:
            self._publishing.lines.append(line)
            return
        with log.commit_ordered():
            log.write_lines([line])

    def progress(self, done: int, total: int | None = None, *, unit: str = "", note: str = "") -> None:
        """Say how far the work is. Written at most four times a second; the last report is always written in the end.

        `unit`: "files", "bytes", "frames" or "" for plain counts. `note`: what is being worked on now.
        """
        report = {
            "progress_done": done,
            "progress_total": total,
            "progress_unit": unit[:16],
            "progress_note": note[:255],
        }
        with self._lock:
            self._pending_progress = report
            is_due = time.monotonic() - self._progress_written_at >= _PROGRESS_PAUSE_S
        if is_due:
            self.write_progress()

    def write_progress(self) -> None:
        """Write the last report that was held back, if any."""
        report = self.take_progress()
        if report:
            if not self.row.update(**report):
                self.interrupt(LeaseLostError())
            transaction.on_commit(wake.notify)

    def take_progress(self) -> dict[str, Any]:
        """The held-back report (to be written with the job's end); empty when everything was written."""
        with self._lock:
            report, self._pending_progress = self._pending_progress, {}
            if report:
                self._progress_written_at = time.monotonic()
        return report

    @contextmanager
    def publish(self, *, completes: bool = False, result: dict[str, Any] | None = None) -> Iterator[None]:
        """A transaction in which the job is certainly still ours; results are written inside, and nothing slow is done.

        Raises LeaseLostError (before anything is written) when it is not, and what `check()` raises. With `completes` the
        job succeeds with `result` in the same transaction, so that effect and end are one; without it, what is written must
        bear being written again by the next attempt.
        """
        self.check()
        with log.commit_ordered():
            # Locks the row to the end of the transaction; the reaper waits for it and then sees the new lease.
            if not self.row.update(lease_until=lease_end()):
                self.interrupt(LeaseLostError())
                self.check()
            lines: list[JobLog] = []
            self._publishing.lines = lines
            try:
                yield
            finally:
                self._publishing.lines = None
            if completes:
                lines.append(self.succeed(result))
            log.write_lines(lines)  # last: they lock the log
        self.is_finished = completes

    def note_nothing_new(self) -> None:
        """Nothing came of the work. If nobody asked for it either, lists of jobs leave it out."""
        self._is_routine = self.requested_by_id is None

    def succeed(self, result: dict[str, Any] | None, **fields: Any) -> JobLog:
        """`end` of a job that has done its work."""
        return self.end(JobState.SUCCEEDED, log.SUCCEEDED, level=self.level, result=result, is_routine=self._is_routine, **fields)

    def end(self, state: JobState, code: str, *, level: LogLevel = LogLevel.INFO, **fields: Any) -> JobLog:
        """Write the job's end inside the caller's transaction; return the line that goes with it. LeaseLostError if not ours."""
        if not self.row.update(state=state, owner=None, lease_until=None, finished_at=timezone.now(), **self.take_progress(), **fields):
            raise LeaseLostError
        return JobLog(job_id=self.job_id, level=level, code=code)

    def put_back(self, code: str, *, not_before: datetime.datetime, params: dict[str, Any], **fields: Any) -> JobLog:
        """Return the job to its queue inside the caller's transaction; return the line that goes with it.

        LeaseLostError if not ours; IntegrityError when the same work is waiting as another job.
        """
        if not self.row.update(state=JobState.QUEUED, owner=None, lease_until=None, not_before=not_before, **fields):
            raise LeaseLostError
        return JobLog(job_id=self.job_id, level=LogLevel.WARNING, code=code, params=params)
