"""Reads of jobs. Whoever has `jobs.view_job` sees all of them; the views and consumers ask for it."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from django.db.models import Max

from mam.jobs.models import ACTIVE, Job, JobLog, JobState, LogLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

# Tab of the Jobs page -> states, and the order of its rows: what waits in the order of its start, the rest newest first.
TABS: dict[str, tuple[list[JobState], list[str]]] = {
    "running": ([JobState.RUNNING], ["-pk"]),
    "waiting": ([JobState.QUEUED], ["priority", "pk"]),
    "failed": ([JobState.FAILED], ["-pk"]),
    "done": ([JobState.SUCCEEDED, JobState.CANCELLED], ["-pk"]),
}
COUNT_LIMIT = 1000  # counting stops here ("1,000+"): a count of all finished jobs would read all of them
LOOKED_BACK = 100_000  # lines; a search for rare ones would read the whole log


def list_jobs(*, tab: str, kind: str = "", queue: str = "", with_routine: bool = False) -> QuerySet[Job]:
    """Jobs of a tab (a key of TABS), without an order. Empty `kind` and `queue` stand for all."""
    jobs = Job.objects.filter(state__in=TABS[tab][0]).select_related("requested_by")
    if not with_routine:
        jobs = jobs.filter(is_routine=False)
    if kind:
        jobs = jobs.filter(kind=kind)
    if queue:
        jobs = jobs.filter(queue=queue)
    return jobs


def count_jobs(*, with_routine: bool = False) -> dict[str, int]:
    """How many jobs are in each tab; COUNT_LIMIT means that many or more. One query a tab, each over an index."""
    return {tab: list_jobs(tab=tab, with_routine=with_routine).order_by()[:COUNT_LIMIT].count() for tab in TABS}


def count_active() -> dict[str, int]:
    """How many jobs run and wait: {"running": n, "waiting": n}, each at most COUNT_LIMIT."""
    return {
        name: Job.objects.filter(state=state).order_by()[:COUNT_LIMIT].count()
        for name, state in (("running", JobState.RUNNING), ("waiting", JobState.QUEUED))
    }


def list_active_ids(*, kinds: Sequence[str]) -> list[int]:
    """Ids of the jobs of some kinds that run or wait, at most COUNT_LIMIT."""
    active = Job.objects.filter(state__in=ACTIVE, kind__in=kinds)
    return list(active.order_by("pk").values_list("pk", flat=True)[:COUNT_LIMIT])


def list_log(*, after: int = 0, job_id: int | None = None, kinds: Sequence[str] | None = None, limit: int = 500) -> list[JobLog]:
    """At most `limit` lines with ids above `after`, oldest first; of one job or of all, of jobs of some kinds or of all."""
    lines = JobLog.objects.filter(pk__gt=after)
    if job_id is not None:
        lines = lines.filter(job_id=job_id)
    if kinds is not None:
        lines = lines.filter(job__kind__in=kinds)
    return list(lines.order_by("pk")[:limit])


def list_log_tail(*, job_id: int, limit: int = 500) -> list[JobLog]:
    """The last `limit` lines of a job, oldest first."""
    return list(JobLog.objects.filter(job_id=job_id).order_by("-pk")[:limit])[::-1]


def list_log_tail_of_kinds(*, kinds: Sequence[str], limit: int = 1000) -> list[JobLog]:
    """The last `limit` lines of jobs of some kinds, and as many of level DEBUG, with their jobs, oldest first.

    As far as they are among the LOOKED_BACK last of all.
    """
    lines = JobLog.objects.filter(pk__gt=last_log_id() - LOOKED_BACK, job__kind__in=kinds).select_related("job").order_by("-pk")
    news, details = lines.filter(level__gte=LogLevel.INFO)[:limit], lines.filter(level__lt=LogLevel.INFO)[:limit]
    return sorted([*news, *details], key=attrgetter("pk"))


def last_log_id() -> int:
    """The highest line id there is; 0 for an empty log."""
    return JobLog.objects.aggregate(last=Max("pk"))["last"] or 0


def log_cursor(text: str) -> int | None:
    """The `after` of an address as a line id; None when it is missing or not a number that can be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
