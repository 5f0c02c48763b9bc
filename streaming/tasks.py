"""Jobs and clock functions of streaming: thin, idempotent, ids in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.models import Source
from mam.jobs.registry import job
from mam.jobs.services import enqueue
from mam.lib.errors import gettext_noop
from streaming import selectors
from streaming.choices import RenditionKind
from streaming.making import hls, posters, proxy, storyboard, waveform, workshop
from streaming.making.jobs import make
from streaming.ondemand import adopt
from streaming.services import posters as services
from streaming.services import renditions, upkeep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mam.jobs.context import JobContext

POSTERS_KIND = "streaming.posters"


def enqueue_posters(file_ids: Iterable[int]) -> None:
    """A step of ingest: have posters made of the videos among `file_ids` that lack one. One waiting job per source."""
    for source in Source.objects.filter(pk__in=services.want_posters(file_ids=file_ids)):
        _enqueue(source)


def enqueue_due_posters() -> None:
    """Clock: posters that are still wanted, because a source was offline or a job failed."""
    for source in selectors.list_sources_wanting_posters():
        _enqueue(source)


def enqueue_due_renditions() -> None:
    """Clock: everything else that is still wanted, because a source was offline or a worker was killed."""
    renditions.want_forgotten()


def enqueue_tidy() -> None:
    """Clock: the nightly look at all renditions."""
    upkeep.request_due_tidy()


def _enqueue(source: Source) -> None:
    enqueue(kind=POSTERS_KIND, params={"source_id": source.pk}, subject=source.name, key=f"posters:{source.pk}")


@job(kind=POSTERS_KIND, queue="media", max_attempts=3, label=gettext_noop("Make posters"))
def make_posters(ctx: JobContext) -> dict[str, Any] | None:
    """Make the posters that one source wants (params: source_id)."""
    source = Source.objects.filter(pk=ctx.params["source_id"], is_enabled=True).first()
    return posters.make_wanted(ctx, source) if source else None


@job(kind=upkeep.TIDY_KIND, queue="fast", max_attempts=3, label=gettext_noop("Tidy renditions"))
def tidy(ctx: JobContext) -> dict[str, Any]:
    """Want what was forgotten, delete what nobody uses, compare what is stored, repair what is damaged."""
    return upkeep.tidy(ctx)


# --- renditions of one file (params: file_id) ------------------------------------------------------------------------
def sweep_workshops() -> None:
    """Clock: delete what killed workers of this machine left behind."""
    workshop.sweep()


@job(kind="streaming.hls", queue="media", max_attempts=3, label=gettext_noop("Make an HLS stream"))
def make_hls(ctx: JobContext) -> dict[str, Any] | None:
    """Make the stream that players get: by copy where that is enough, else the ladder."""
    return make(ctx, kind=RenditionKind.HLS, maker=hls.make_hls)


@job(kind=adopt.KIND, queue="media", max_attempts=3, label=gettext_noop("Keep what was played"))
def adopt_played(ctx: JobContext) -> dict[str, Any] | None:
    """Make a prepared stream of the segments that viewers had made on demand."""
    return adopt.adopt(ctx)


@job(kind="streaming.proxy", queue="media", max_attempts=3, label=gettext_noop("Make a proxy"))
def make_proxy(ctx: JobContext) -> dict[str, Any] | None:
    """Make the MP4 for editors and downloads."""
    return make(ctx, kind=RenditionKind.PROXY, maker=proxy.make_proxy)


@job(kind="streaming.storyboard", queue="media", max_attempts=3, label=gettext_noop("Make a storyboard"))
def make_storyboard(ctx: JobContext) -> dict[str, Any] | None:
    """Make the small pictures that show what is where."""
    return make(ctx, kind=RenditionKind.STORYBOARD, maker=storyboard.make_storyboard)


@job(kind="streaming.waveform", queue="media", max_attempts=3, label=gettext_noop("Make a waveform"))
def make_waveform(ctx: JobContext) -> dict[str, Any] | None:
    """Make the picture of the sound."""
    return make(ctx, kind=RenditionKind.WAVEFORM, maker=waveform.make_waveform)
