"""The proxy: one MP4 that every program opens, with the source's number of frames; timecode burnt in if the preset says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ffmpeg
from django.conf import settings

from mam.lib.errors import MamError, gettext_noop
from streaming import encoding
from streaming.making.ladder import sound_of
from streaming.making.timeline import read_timeline
from streaming.making.workshop import workshop
from streaming.services.renditions import Made

if TYPE_CHECKING:
    from pathlib import Path

    from streaming.encoding import PictureFacts, Rung
    from streaming.making.jobs import Making
    from streaming.making.timeline import Timeline


class NoPictureError(MamError):
    code = "no_picture"
    template = gettext_noop("The file has no picture.")


def make_proxy(making: Making) -> Made:
    """Make the proxy. Raises NoPictureError, and what `Making.source` and `Making.encode` raise."""
    picture = encoding.picture_facts(making.file)
    if picture is None:
        raise NoPictureError
    preset = settings.MAM_PRESETS["proxy"]
    rung = encoding.rung_of(picture, preset)
    needed = int(2 * rung.max_bps * picture.duration / 8)  # faststart writes it twice
    with workshop(needed_bytes=needed) as directory:
        path = directory / "proxy.mp4"
        with making.source() as source:
            timeline = read_timeline(source, cancelled=making.ctx.cancelled)
            graph = _graph(making, ffmpeg.input(source.url, **source.options), picture, rung, timeline, path)
            finished = making.encode(graph, rate=picture.rate, duration=picture.duration)
        proxy = making.put(path.name, path, content_type="video/mp4")
    return Made(
        objects=[proxy],
        details={"frames": finished.progress.frame, "rate": [picture.rate.numerator, picture.rate.denominator]},
        cpu_ms=finished.cpu_ms,
        width_px=rung.width_px,
        height_px=rung.height_px,
        preset=f"{rung.name} {preset['speed']}{' timecode' if preset['has_timecode'] else ''}",
    )


def _graph(making: Making, source: Any, picture: PictureFacts, rung: Rung, timeline: Timeline, path: Path) -> Any:
    video = encoding.video_filters(timeline.shifted(source[str(picture.stream_index)]), picture, rung)
    preset = settings.MAM_PRESETS["proxy"]
    if preset["has_timecode"]:
        video = _with_timecode(video, making.file.start_timecode or "00:00:00:00", picture, rung)
    audio = encoding.audio_facts(making.file)
    sounds = [sound_of(source, one, timeline) for one in audio]
    languages = {f"metadata:s:a:{number}": f"language={one.language}" for number, one in enumerate(audio) if one.language}
    options = encoding.video_options(rung, encoding.grid_for(picture)) | {"preset": preset["speed"]}
    sound_options = encoding.audio_options(2) if audio else {}
    return ffmpeg.output(
        video, *sounds, str(path), f="mp4", movflags="faststart", map_metadata=-1, map_chapters=-1, **options, **sound_options, **languages
    )


def _with_timecode(video: Any, start: str, picture: PictureFacts, rung: Rung) -> Any:
    """The label of each frame at the bottom; ";" before its frames makes it a drop-frame one."""
    return video.filter(
        "drawtext",
        timecode=start,
        timecode_rate=f"{picture.rate.numerator}/{picture.rate.denominator}",
        font="monospace",
        fontsize=max(8, rung.height_px // 18),
        fontcolor="white",
        box=1,
        boxcolor="black@0.6",
        boxborderw=max(2, rung.height_px // 90),
        x="(w-tw)/2",
        y="h-th-h/24",
    )
