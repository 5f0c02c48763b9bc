"""When all segments of a track have been made on demand they become a prepared one: put together, stored, and published.

Only while no job makes the whole stream, with every size and subtitles: one that waits for its turn replaces them then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections
from django.urls import reverse

from catalog.choices import Presence
from catalog.models import MediaFile
from mam.jobs.models import JobPriority
from mam.jobs.services import enqueue
from mam.lib.media import aac, fmp4
from streaming.choices import RenditionKind, TrackKind
from streaming.making import tracks
from streaming.making.workshop import workshop
from streaming.ondemand.headers import make_init
from streaming.ondemand.plan import plan_for, segments_directory
from streaming.services import adoption
from streaming.services.renditions import Made, MadeTrack
from streaming.stores import hot, objects

if TYPE_CHECKING:
    from pathlib import Path

    from mam.jobs.context import JobContext
    from streaming.ondemand.plan import OnDemandPlan, OnDemandTrack
    from streaming.stores.hot import HotCache

KIND = "streaming.adopt"
_CHUNK_BYTES = 1024 * 1024


def request(file: MediaFile) -> None:
    """Enqueue the job, from a thread that is not Django's; not while another job makes all tracks."""
    try:
        if adoption.tracks_of(file) is None:
            return
        enqueue(
            kind=KIND,
            params={"file_id": file.pk},
            subject=file.name,
            subject_url=reverse("catalog:file_detail", args=[file.pk]),
            key=f"adopt:{file.pk}",
            priority=JobPriority.NORMAL,  # before ladders: the film is prepared by copying some files
        )
    finally:
        connections.close_all()


def is_complete(cache: HotCache, plan: OnDemandPlan, track: str) -> bool:
    """Whether every segment of a track is in the cache."""
    directory = _directory(cache, plan, track)
    return all((directory / f"{index}.m4s").exists() for index in range(plan.grid.count))


def adopt(ctx: JobContext) -> dict[str, Any] | None:
    """Publish the complete tracks of a file (params: file_id); None when there is nothing to publish, here or now.

    The cache belongs to a machine: a worker of another one finds nothing.
    """
    file = MediaFile.objects.select_related("source", "folder").filter(pk=ctx.params["file_id"], presence=Presence.PRESENT).first()
    plan = plan_for(file) if file else None
    if file is None or plan is None:
        return None
    cache = hot.cache()
    there = adoption.tracks_of(file)
    if there is None:
        return None
    found = [track for track in plan.tracks if track.name not in there and is_complete(cache, plan, track.name)]
    if not found or not _is_playable(plan, there | {track.name for track in found}):
        return None
    made = _Adoption(ctx, plan, cache).made(found)
    try:
        with ctx.publish():
            is_published = adoption.publish(file, made)
    except BaseException:
        made.discard()
        raise
    if not is_published:
        made.discard()
    return {"published": is_published, "tracks": sorted(track.name for track in found)}


def _is_playable(plan: OnDemandPlan, names: set[str]) -> bool:
    """Somebody without the source would see and hear it."""
    sees = not plan.rungs or any(rung.name in names for rung in plan.rungs)
    return sees and all(facts.name in names for facts in plan.audio if facts.is_default)


def _directory(cache: HotCache, plan: OnDemandPlan, track: str) -> Path:
    return segments_directory(cache, file_id=plan.file_id, version=plan.version, track=track)


class _Adoption:
    """Puts tracks together."""

    def __init__(self, ctx: JobContext, plan: OnDemandPlan, cache: HotCache) -> None:
        self._ctx = ctx
        self._plan = plan
        self._cache = cache
        self._folder = objects.folder_for(file_id=plan.file_id, kind=RenditionKind.HLS)

    def made(self, found: list[OnDemandTrack]) -> Made:
        """What is stored then. Nothing is left of it when this raises."""
        stored: list[MadeTrack] = []
        try:
            for track in found:
                stored.append(self._stored(track))
                self._ctx.check()
        except BaseException:
            objects.discard(one.object.name for one in stored)
            raise
        top = next((track for track in found if track.kind == TrackKind.VIDEO), None)
        rate = self._plan.grid.rate
        return Made(
            tracks=stored,
            details={"method": "on_demand", "frames": self._plan.grid.total_frames, "rate": [rate.numerator, rate.denominator]}
            if top
            else {"method": "on_demand"},
            width_px=top.width_px if top else None,
            height_px=top.height_px if top else None,
            preset="on demand",
        )

    def _stored(self, track: OnDemandTrack) -> MadeTrack:
        directory = _directory(self._cache, self._plan, track.name)
        if not (directory / "init.mp4").exists():
            self._cache.put(directory / "init.mp4", make_init(self._plan, track.name))
        parts = [directory / "init.mp4", *(directory / f"{index}.m4s" for index in range(self._plan.grid.count))]
        with workshop(needed_bytes=sum(part.stat().st_size for part in parts)) as room:
            path = room / f"{track.name}.mp4"
            self._join(parts, path)
            measures = self._measures(track, path)
            content_type = tracks.VIDEO_TYPE if track.kind == TrackKind.VIDEO else tracks.AUDIO_TYPE
            return MadeTrack(
                object=objects.put(f"{self._folder}/{path.name}", path, content_type=content_type, cancelled=self._ctx.cancelled),
                name=track.name,
                kind=track.kind,
                language=track.language,
                title=track.title,
                is_default=track.is_default,
                width_px=track.width_px,
                height_px=track.height_px,
                frame_rate_num=track.rate.numerator if track.rate else None,
                frame_rate_den=track.rate.denominator if track.rate else None,
                channels=track.channels,
                **measures,
            )

    def _join(self, parts: list[Path], path: Path) -> None:
        with path.open("wb") as out:
            for number, part in enumerate(parts):
                with self._cache.reading(part) as opened:
                    while chunk := opened.read(_CHUNK_BYTES):
                        out.write(chunk)
                self._ctx.progress(number + 1, len(parts), note=path.stem)
                self._ctx.check()

    def _measures(self, track: OnDemandTrack, path: Path) -> dict[str, Any]:
        """Looked up in the bytes, so that a segment that is not what it should be is noticed here."""
        if track.kind == TrackKind.VIDEO:
            packed, _frames = tracks.index_video(path, self._plan.grid)
            return tracks.measures(packed)
        with path.open("rb") as file:
            whole = fmp4.read_track(file)
        packets = [self._plan.first_packet(index) for index in range(self._plan.grid.count)]
        if [fragment.decode_time for fragment in whole.fragments] != [first * aac.PACKET_SAMPLES for first in packets]:
            raise tracks.EncodeIncompleteError(detail=f"a gap in {track.name}")
        segments = tuple((fragment.duration, fragment.size_bytes) for fragment in whole.fragments)
        return tracks.measures(tracks.Packed(whole.init.codecs, whole.init.timescale, len(whole.init.data), segments))
