"""The frame of every making: what is wanted, the work itself with its progress, and one step that publishes or explains.

A maker (ladder, remux, proxy, ...) gets a `Making`, reads the source, stores objects through it and returns `Made`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import ENOSPC
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from catalog.choices import Presence
from catalog.models import MediaFile
from mam.lib import ffmpeg
from mam.lib.errors import MamError, gettext_noop
from mam.lib.storages import StorageError
from streaming.inputs import ffmpeg_input
from streaming.making.workshop import check_space
from streaming.models import Rendition
from streaming.services import renditions
from streaming.stores import objects as store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mam.jobs.context import JobContext
    from streaming.inputs import SourceInput
    from streaming.services.renditions import Made
    from streaming.stores.objects import MadeObject

    Maker = Callable[["Making"], Made]

_BASE_TIMEOUT_S = 3600
_TIMEOUT_FACTOR = 60  # a small machine tone-maps 4K at a thirtieth of real time


class MakingFailedError(MamError):
    """A fault of ours, found in the log of the job: what it says there is not for viewers."""

    code = "making_failed"
    template = gettext_noop("A fault of the system kept this from being made. The log of its job says more.")


@dataclass(slots=True)
class Making:
    """One rendition while it is made. Objects that were stored are deleted again unless they are published."""

    ctx: JobContext
    file: MediaFile  # with source and folder
    rendition: Rendition  # as it was when the work began
    stored: list[MadeObject] = field(default_factory=list)
    _folder: str = ""

    def put(self, name: str, data: bytes | Path, *, content_type: str) -> MadeObject:
        """Store an object of this rendition. Nobody sees it before all of them are published."""
        self._folder = self._folder or store.folder_for(file_id=self.file.pk, kind=self.rendition.kind)
        made = store.put(f"{self._folder}/{name}", data, content_type=content_type, cancelled=self.ctx.cancelled)
        self.stored.append(made)
        self.ctx.check()
        return made

    def discard(self) -> None:
        """Delete what was stored until now."""
        store.discard([made.name for made in self.stored])
        self.stored.clear()
        self._folder = ""

    @contextmanager
    def source(self) -> Iterator[SourceInput]:
        """The file as an input of ffmpeg; what is wrong with the source outweighs what ffmpeg said about it, and comes last of all."""
        with ffmpeg_input(self.file) as source:
            try:
                yield source
            except ffmpeg.FfmpegFailedError:
                source.verify()
                raise
            source.verify()

    def encode(self, graph: Any, *, rate: Fraction | None, duration: Fraction) -> ffmpeg.Finished:
        """Run ffmpeg; the job shows frames (seconds where `rate` is None), pace and what is left. `duration` 0: not known."""
        unit, per_second = ("frames", rate) if rate else ("", Fraction(1))
        total = round(duration * per_second)

        def report(progress: ffmpeg.Progress) -> None:
            check_space()
            done = progress.frame if rate else progress.out_time_us // 1_000_000
            note = pace(progress, (total - done) / per_second)
            self.ctx.progress(min(done, total) if total else done, total or None, unit=unit, note=note)

        timeout_s = _BASE_TIMEOUT_S + _TIMEOUT_FACTOR * float(duration)
        try:
            return ffmpeg.run(graph, timeout_s=timeout_s, cancelled=self.ctx.cancelled, on_progress=report)
        except ffmpeg.FfmpegFailedError:
            check_space()
            raise


def pace(progress: ffmpeg.Progress, seconds_left: Fraction) -> str:
    """ "3.1× · 4:05": speed against real time, and how long it will take; "" while nobody knows."""
    if progress.speed <= 0:
        return ""
    left = max(0, round(float(seconds_left) / progress.speed))
    hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
    clock = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{progress.speed:.1f}× · {clock}"


def make(ctx: JobContext, *, kind: str, maker: Maker) -> dict[str, Any] | None:
    """Make `kind` of the file that the job names (params: file_id) and publish it; None when it is not wanted (any more).

    A failure of the file is noted in the rendition with the end of ffmpeg's log, and so is what nobody foresaw. What may pass (a source
    that is offline, a file that changed meanwhile, a full disk) is raised only: the job is tried again. What is wanted of a file that is
    absent, or of a source that is switched off, is wanted still.
    """
    file = MediaFile.objects.select_related("source", "folder").filter(pk=ctx.params["file_id"]).first()
    rendition = Rendition.objects.filter(file=file, kind=kind, state=Rendition.State.WANTED).first() if file else None
    if file is None or rendition is None or file.presence != Presence.PRESENT or not file.source.is_enabled:
        return None
    if rendition.source_fingerprint != file.fingerprint:
        renditions.want(file=file, kind=kind)
        return None
    making = Making(ctx, file, rendition)
    try:
        made = maker(making)
    except MamError as error:
        making.discard()
        ctx.check()
        if error.is_permanent and not isinstance(error, StorageError):  # a wrong key is no fault of the file's
            renditions.fail(ctx, rendition, error, log_tail=getattr(error, "log_tail", ""))
        raise
    except Exception as error:
        making.discard()
        ctx.check()
        if isinstance(error, OSError) and error.errno == ENOSPC:
            check_space()
        else:
            renditions.fail(ctx, rendition, MakingFailedError())
        raise
    except BaseException:
        making.discard()
        raise
    is_published = renditions.publish(ctx, rendition, made)
    return {"published": is_published, "size_bytes": sum(one.size_bytes for one in made.all_objects()), "cpu_ms": made.cpu_ms}
