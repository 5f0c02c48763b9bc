"""The upkeep of what is counted while it changes: the totals of folders, and the cubes of all apps. Folded when there is need, compared
with a rebuild each night, and put right. What the database knows of its tables is brought up to date then, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from catalog.models import Source
from catalog.services import rollups
from mam.jobs import nightly
from mam.jobs.models import JobPriority, LogLevel
from mam.jobs.services import enqueue
from mam.lib import cubes, messages
from mam.lib.bulk import refresh_statistics
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mam.jobs.context import JobContext

CHECK_JOB = "catalog.check_counts"
SETTLE_JOB = "catalog.settle_counts"
_SHOWN = 20  # wrong counts of a kind that get a line of the log each

messages.register(
    {
        "counts_right": gettext_noop("%(name)s: every count is right."),
        "counts_repaired": gettext_noop("%(name)s: %(wrong)s counts were wrong and have been put right."),
        "count_repaired": gettext_noop("%(where)s: %(missing)s were missing (below zero: too many)."),
    }
)


def tend_cubes() -> None:
    """The clock's: make few rows of many, and have compared what was in doubt."""
    for cube in cubes.registered():
        if cube.is_scattered(connection):
            cube.fold(connection)
        if cube.doubts_are_over(connection):
            enqueue(kind=SETTLE_JOB, key=SETTLE_JOB, priority=JobPriority.LOW)


def request_due_check() -> None:
    """The clock's question: have everything compared if it is time."""
    if nightly.is_due(kind=CHECK_JOB, hour=settings.MAM_UPKEEP_HOUR):
        enqueue(kind=CHECK_JOB, key=CHECK_JOB, priority=JobPriority.LOW)


def check_counts(ctx: JobContext) -> dict[str, Any]:
    """Compare all counts with what is there, put right what is wrong, and say what it was. Returns how many were: name -> number."""
    found = {}
    for source in Source.objects.order_by("pk"):
        ctx.check()
        name = f"folders of {source.name}"
        found[name] = _report(ctx, name, {one.path or "/": one.missing for one in rollups.verify(source=source)})
    refresh_statistics()
    return found | settle_counts(ctx)


def settle_counts(ctx: JobContext) -> dict[str, Any]:
    """The part of `check_counts` that is about cubes."""
    found = {}
    for cube in cubes.registered():
        ctx.check()
        wrong = {}
        for row in cube.settle(connection):
            values = dict(zip(cube.columns, row, strict=True))
            missing = {name: values.pop(name) for name in cube.measures}
            wrong[" ".join(f"{name}={value}" for name, value in values.items())] = missing
        found[f"cube {cube.name}"] = _report(ctx, f"cube {cube.name}", wrong)
    return found


def _report(ctx: JobContext, name: str, wrong: Mapping[str, Mapping[str, int]]) -> int:
    """Write into the log what was wrong of one set of counts: where -> what was missing."""
    for where, missing in list(wrong.items())[:_SHOWN]:
        text = ", ".join(f"{value} {what}" for what, value in missing.items() if value)
        ctx.log("count_repaired", level=LogLevel.WARNING, where=where, missing=text)
    if wrong:
        ctx.log("counts_repaired", level=LogLevel.WARNING, name=name, wrong=len(wrong))
    else:
        ctx.log("counts_right", name=name)
    return len(wrong)
