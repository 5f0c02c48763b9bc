"""Writes lines of the job log so that their ids are visible in the order of the numbers.

A live reader keeps one number, "I have everything up to here". On PostgreSQL a number is drawn before its transaction
commits, so without care 7 could appear after a reader has seen 8, and be lost to it. Writers therefore take a lock that
lasts to the end of their (short) transaction. SQLite has one writer at a time anyway.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from mam.jobs import wake
from mam.jobs.models import JobLog, LogLevel
from mam.lib import messages
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_COMMIT_ORDER_LOCK = 0x4D414D_4A4C  # "MAM JL": any number that nobody else takes

# Lines by which the live feed learns that a job's state changed; each is written in the transaction of the change.
QUEUED, STARTED, SUCCEEDED, FAILED, CANCELLED = "job_queued", "job_started", "job_succeeded", "job_failed", "job_was_cancelled"
RETRYING, CANCEL_REQUESTED, RELEASED, RETURNED = "job_retrying", "job_cancel_requested", "job_released", "job_returned"
REQUEUED, TRACEBACK = "job_requeued", "job_traceback"

messages.register(
    {
        QUEUED: gettext_noop("Waiting in the queue."),
        STARTED: gettext_noop("Started, attempt %(attempt)s."),
        SUCCEEDED: gettext_noop("Done."),
        FAILED: gettext_noop("Failed."),
        CANCELLED: gettext_noop("Cancelled."),
        RETRYING: gettext_noop("Trying again in %(seconds)s s."),
        CANCEL_REQUESTED: gettext_noop("Cancelling was asked for."),
        RELEASED: gettext_noop("The worker is shutting down; back in the queue."),
        RETURNED: gettext_noop("The worker stopped answering; back in the queue."),
        REQUEUED: gettext_noop("Put into the queue again by hand."),
        TRACEBACK: "%(text)s",
    }
)


@contextmanager
def commit_ordered() -> Iterator[None]:
    """A short transaction in which log lines may be written; wakes live readers when it commits.

    Inside of another transaction it takes its lock for as long as that one lasts: write the lines last.
    """
    with transaction.atomic():
        yield
        transaction.on_commit(wake.notify)


def write(job_id: int, code: str, params: dict[str, Any] | None = None, level: LogLevel = LogLevel.INFO) -> None:
    """Write one line, in a transaction of its own or as the last step of the caller's."""
    with commit_ordered():
        write_lines([JobLog(job_id=job_id, level=level, code=code, params=params or {})])


def write_lines(lines: Sequence[JobLog]) -> None:
    """Write lines as the last step of `commit_ordered()`."""
    if not lines:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_COMMIT_ORDER_LOCK])
    JobLog.objects.bulk_create(lines)
