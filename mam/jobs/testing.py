"""For tests of other apps: runs queued jobs here and now, without workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mam.jobs import runner
from mam.jobs.models import Job, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIMIT = 1000  # jobs that enqueue each other for ever are a bug, to be seen as one


def run_pending(queue: str | None = None, *, kinds: Iterable[str] | None = None) -> list[Job]:
    """Run what waits (also what waits for later, and what the jobs enqueue) in the order a worker would; return the jobs.

    Works inside a test's transaction. Retries are run as well, without waiting. AssertionError after 1,000 jobs.
    """
    ran: list[Job] = []
    waiting = Job.objects.filter(state=JobState.QUEUED)
    if queue is not None:
        waiting = waiting.filter(queue=queue)
    if kinds is not None:
        waiting = waiting.filter(kind__in=list(kinds))
    while (pk := waiting.order_by("priority", "pk").values_list("pk", flat=True).first()) is not None:
        job = runner.take(pk)
        if job is None:
            raise AssertionError(f"job {pk} waits for a running one with the same key")
        runner.execute(job, beats=False)
        job.refresh_from_db()
        ran.append(job)
        if len(ran) >= _LIMIT:
            raise AssertionError(f"more than {_LIMIT} jobs: do they enqueue each other for ever?")
    return ran
