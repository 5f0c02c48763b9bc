"""The nightly look at all renditions: wishes that were forgotten, what nobody uses, what is damaged, what belongs to nothing. What
players reported long ago goes as well.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings

from mam.accounts.access import require
from mam.jobs import nightly
from mam.jobs.models import JobPriority
from mam.jobs.services import enqueue
from mam.lib import messages
from mam.lib.errors import gettext_noop
from streaming.services import fixity, posters, purging, renditions, watching
from streaming.stores import hot

if TYPE_CHECKING:
    from mam.accounts.models import User
    from mam.jobs.context import JobContext
    from mam.jobs.models import Job
    from streaming.services.fixity import FixityReport, Step

TIDY_KIND = "streaming.tidy"

messages.register(
    {
        "renditions_purged": gettext_noop(
            "Nobody used %(renditions)s renditions (%(kind)s) for a long time: %(size_bytes)s bytes deleted."
        ),
        "renditions_verified": gettext_noop(
            "Renditions compared: %(listed)s objects listed, %(read)s read back, %(missing)s missing, %(changed)s changed, "
            "%(orphans)s belong to nothing."
        ),
        "renditions_wanted_again": gettext_noop("%(renditions)s damaged renditions are made again."),
    }
)


def request_tidy(*, user: User | None) -> Job:
    """Have all renditions looked at as soon as a worker is free. `user` needs `streaming.make_rendition` (None: the system)."""
    if user is not None:
        require(user, renditions.MAKE_RENDITION)
    return enqueue(kind=TIDY_KIND, key="renditions:tidy", priority=JobPriority.LOW, user=user)


def request_due_tidy() -> None:
    """The clock's question: have it done if it is time."""
    if nightly.is_due(kind=TIDY_KIND, hour=settings.MAM_UPKEEP_HOUR):
        request_tidy(user=None)


def tidy(ctx: JobContext) -> dict[str, Any]:
    """Do all of it; the numbers of what was done. Each part bears being done again. StoreSuspectError, StorageErrors."""
    watching.purge_old_faults()
    posters.want_outdated_posters()
    purged = purging.purge_unused(check=ctx.check)
    for kind in purged:
        ctx.log("renditions_purged", **asdict(kind))
    swept = hot.cache().sweep()
    report = fixity.verify(budget_bytes=settings.MAM_VERIFY_BYTES, repair=True, on_step=_reporting_to(ctx))
    _log(ctx, report)
    return asdict(report) | {
        "purged": sum(kind.renditions for kind in purged),
        "purged_bytes": sum(kind.size_bytes for kind in purged),
        "evicted_bytes": swept.evicted_bytes if swept else 0,
    }


def _reporting_to(ctx: JobContext) -> fixity.OnStep:
    def on_step(step: Step) -> None:
        ctx.check()
        ctx.progress(step.done, step.total, unit=step.unit, note=step.note)

    return on_step


def _log(ctx: JobContext, report: FixityReport) -> None:
    ctx.log(
        "renditions_verified",
        listed=report.listed,
        read=report.read,
        missing=report.missing,
        changed=report.changed,
        orphans=report.orphans,
    )
    if report.wanted_again:
        ctx.log("renditions_wanted_again", renditions=report.wanted_again)
