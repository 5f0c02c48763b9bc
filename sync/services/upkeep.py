"""The nightly work: what sync counts is compared with what there is (its cube with all others), and what is old is forgotten."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from mam.jobs import nightly
from mam.jobs.models import JobPriority, LogLevel
from mam.jobs.services import enqueue
from mam.lib.bulk import among
from sync.choices import PlanState
from sync.matching import folders
from sync.models import DriftLine, DriftReport, Plan, PlanPart, Target

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from mam.jobs.context import JobContext

CHECK_JOB = "sync.check"
_ENDED = (PlanState.APPLIED, PlanState.STALE, PlanState.DISCARDED)  # nobody goes on with these
_AT_ONCE = 200  # parts, of some hundred actions each
_LINES_AT_ONCE = 10_000


def request_due_check() -> None:
    """The clock's question: have everything compared if it is time."""
    if Target.objects.exists() and nightly.is_due(kind=CHECK_JOB, hour=settings.MAM_UPKEEP_HOUR):
        enqueue(kind=CHECK_JOB, key=CHECK_JOB, priority=JobPriority.LOW)


def check(ctx: JobContext) -> dict[str, Any]:
    """Compare and put right, and say how many counts were wrong: name of the target -> folders."""
    wrong = {}
    for target in Target.objects.order_by("pk"):
        ctx.check()
        found = len(folders.verify(target))
        wrong[target.name] = found
        if found:
            ctx.log("counts_repaired", level=LogLevel.WARNING, name=target.name, wrong=found)
        else:
            ctx.log("counts_right", name=target.name)
    forget_old(ctx)
    return wrong


def forget_old(ctx: JobContext) -> None:
    """Delete what plans did, entry by entry, and comparisons but the last, that are older than `settings.MAM_PLAN_KEEP_DAYS`.

    The plans' numbers stay, and so does the history, which has each change.
    """
    limit = timezone.now() - timedelta(days=settings.MAM_PLAN_KEEP_DAYS)
    _delete(ctx, PlanPart.objects.filter(plan__in=Plan.objects.filter(state__in=_ENDED, finished_at__lt=limit)), _AT_ONCE)
    last = DriftReport.objects.order_by().values("target").annotate(last=Max("pk")).values("last")
    reports = DriftReport.objects.filter(created_at__lt=limit).exclude(pk__in=last)
    _delete(ctx, DriftLine.objects.filter(report__in=reports), _LINES_AT_ONCE)
    reports.delete()


def _delete(ctx: JobContext, rows: QuerySet[Any], at_once: int) -> None:
    while some := list(rows.order_by("pk").values_list("pk", flat=True)[:at_once]):
        ctx.check()
        rows.model._default_manager.filter(pk__in=among(some)).delete()
