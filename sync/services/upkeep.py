"""The nightly comparison of what sync counts with what there is. (Its cube is compared with all others.)"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from mam.jobs import nightly
from mam.jobs.models import JobPriority, LogLevel
from mam.jobs.services import enqueue
from sync.matching import folders
from sync.models import Target

if TYPE_CHECKING:
    from mam.jobs.context import JobContext

CHECK_JOB = "sync.check"


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
    return wrong
