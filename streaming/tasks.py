"""Jobs and clock functions of streaming: thin, idempotent, ids in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from catalog.models import Source
from mam.jobs.models import JobPriority
from mam.jobs.registry import job
from mam.jobs.services import enqueue
from mam.lib.errors import gettext_noop
from streaming import selectors
from streaming.making import posters
from streaming.services import orphans
from streaming.services import posters as services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mam.jobs.context import JobContext

POSTERS_KIND = "streaming.posters"
TIDY_KIND = "streaming.tidy"
# Longer than a job can lie between storing a poster and publishing it.
_ORPHAN_AGE = timedelta(hours=6)


def enqueue_posters(file_ids: Iterable[int]) -> None:
    """A step of ingest: have posters made of the videos among `file_ids` that lack one. One waiting job per source."""
    for source in Source.objects.filter(pk__in=services.want_posters(file_ids=file_ids)):
        _enqueue(source)


def enqueue_due_posters() -> None:
    """Clock: posters that are still wanted, because a source was offline or a job failed."""
    for source in selectors.list_sources_wanting_posters():
        _enqueue(source)


def enqueue_tidy() -> None:
    """Clock: the daily look at all posters."""
    enqueue(kind=TIDY_KIND, key="posters:tidy", priority=JobPriority.LOW)


def _enqueue(source: Source) -> None:
    enqueue(kind=POSTERS_KIND, params={"source_id": source.pk}, subject=source.name, key=f"posters:{source.pk}")


@job(kind=POSTERS_KIND, queue="media", max_attempts=3, label=gettext_noop("Make posters"))
def make_posters(ctx: JobContext) -> dict[str, Any] | None:
    """Make the posters that one source wants (params: source_id)."""
    source = Source.objects.filter(pk=ctx.params["source_id"], is_enabled=True).first()
    return posters.make_wanted(ctx, source) if source else None


@job(kind=TIDY_KIND, queue="fast", max_attempts=1, label=gettext_noop("Tidy posters"))
def tidy_posters(ctx: JobContext) -> dict[str, Any]:
    """Want what was forgotten, delete what nobody shows."""
    services.want_outdated_posters()
    ctx.check()
    return {"deleted": orphans.purge_orphans(older_than=_ORPHAN_AGE)}
