"""Making posters: one frame near a tenth of each video, from partial reads, many at once so that latency hides."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from catalog.services.sources import open_file_system
from mam.jobs.errors import JobInterruptedError
from mam.lib import messages
from mam.lib.errors import gettext_noop
from mam.lib.media import shared_workers
from mam.lib.sources.errors import AuthFailedError, ShareMissingError, SourceError
from streaming import selectors
from streaming.choices import RenditionKind
from streaming.errors import MediaChangedError
from streaming.services import posters as services
from streaming.services.posters import FailedPoster, MadePoster
from streaming.services.renditions import Made
from streaming.stores import objects as store

if TYPE_CHECKING:
    from catalog.models import Source
    from mam.jobs.context import JobContext
    from mam.lib.media import MediaWorkers
    from mam.lib.sources import SourceFileSystem
    from streaming.models import Rendition

POSITION = Fraction(1, 10)  # the beginning is black or a slate more often than not
MAX_WIDTH_PX = 1280
BATCH = 32  # made, then published in one transaction
THREADS = 8  # they wait for the source; the pictures are decoded by the workers' processes

messages.register(
    {
        "posters_started": gettext_noop("Making %(files)s posters for %(source)s."),
        "posters_done": gettext_noop("Posters done: %(made)s made, %(failed)s not possible."),
        "poster_failed": gettext_noop("No poster of %(file)s: %(reason)s"),
        "poster_no_frame": gettext_noop("No picture could be read from the file (%(reason)s)."),
    }
)


def make_wanted(ctx: JobContext, source: Source) -> dict[str, int]:
    """Make all posters that `source` wants. Raises what the source raises when it is not there: then nothing counts as failed.

    Idempotent: what was published stays, what was not is wanted still.
    """
    services.want_missing_posters(source=source)
    total = selectors.count_wanted_posters(source=source)
    made = failed = 0
    if not total:
        return {"made": made, "failed": failed}
    ctx.log("posters_started", files=total, source=source.name)
    studio = _Studio(open_file_system(source), shared_workers())
    with ThreadPoolExecutor(THREADS, thread_name_prefix="poster") as threads:
        while wanted := selectors.list_wanted_posters(source=source, limit=BATCH):
            results = _make_batch(ctx, studio, threads, wanted)
            _publish(ctx, results)
            made += sum(isinstance(result, MadePoster) for result in results)
            failed += sum(isinstance(result, FailedPoster) for result in results)
            ctx.progress(made + failed, max(total, made + failed), unit="files", note=wanted[-1].file.name)
    ctx.log("posters_done", made=made, failed=failed)
    return {"made": made, "failed": failed}


def _make_batch(ctx: JobContext, studio: _Studio, threads: ThreadPoolExecutor, wanted: list[Rendition]) -> list[MadePoster | FailedPoster]:
    futures = [threads.submit(studio.make, rendition) for rendition in wanted]
    try:
        results = []
        for future in futures:
            ctx.check()
            results.append(future.result())
    except BaseException:
        _abandon(futures)
        raise
    return results


def _abandon(futures: list[Future[MadePoster | FailedPoster]]) -> None:
    for future in futures:
        if not future.cancel() and future.exception() is None:  # waits for what is being made
            services.discard_poster(future.result())


def _publish(ctx: JobContext, results: list[MadePoster | FailedPoster]) -> None:
    try:
        with ctx.publish():
            for result in results:
                services.publish_poster(result)
                if isinstance(result, FailedPoster):
                    reason = messages.render(result.error_code, result.error_params)
                    ctx.log("poster_failed", file=result.rendition.file.name, reason=reason)
    except JobInterruptedError:  # raised before anything is written; of all else nobody knows whether it was committed
        for result in results:
            services.discard_poster(result)
        raise


@dataclass(frozen=True, slots=True)
class _Studio:
    """What a poster is made with. Used by many threads."""

    file_system: SourceFileSystem
    workers: MediaWorkers

    def make(self, rendition: Rendition) -> MadePoster | FailedPoster:
        """Decode one frame and store it under a new name. Raises SourceError when the source, not the file, is the trouble."""
        file = rendition.file
        try:
            with self.file_system.open(file.path) as opened:
                if opened.size_bytes != file.size_bytes:
                    return FailedPoster(rendition, MediaChangedError.code, {})
                frame = self.workers.frame(opened, at=POSITION, max_width_px=MAX_WIDTH_PX)
        except SourceError as error:
            return _blame(rendition, error)
        if not frame.ok:
            return FailedPoster(rendition, "poster_no_frame", {"reason": str(frame.reason)})
        name = f"{store.folder_for(file_id=file.pk, kind=RenditionKind.POSTER)}/poster.jpg"
        stored = store.put(name, frame.jpeg, content_type="image/jpeg")
        return MadePoster(rendition, Made(objects=[stored], width_px=frame.width_px, height_px=frame.height_px))


def _blame(rendition: Rendition, error: SourceError) -> FailedPoster:
    """The file's own trouble is its failure; the source's is raised, or a night offline would use up every file's attempts."""
    if not error.is_permanent or isinstance(error, AuthFailedError | ShareMissingError):
        raise error
    return FailedPoster(rendition, error.code, error.params)
