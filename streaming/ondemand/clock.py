"""When things happen in a source, on its own clock: where media time 0 lies, and how exact its timestamps are.

Asked once per version of a file, of ffprobe, whose answers are those of the encoders; kept in the hot cache.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mam.lib import ffmpeg
from streaming.ondemand.once import one_at_a_time

if TYPE_CHECKING:
    from pathlib import Path

    from streaming.inputs import SourceInput
    from streaming.ondemand.plan import OnDemandPlan
    from streaming.stores.hot import HotCache

_ENTRIES = ":".join(
    (
        "format=format_name,start_time",
        "stream=index,codec_type,codec_name,profile,start_pts,time_base,sample_rate",
        "stream_disposition=attached_pic",
    )
)
# Enough for all but a few files (FACTS, Probing 2); where a start is missing, ffprobe may look as far as it likes.
FAST = {"probesize": 1_000_000, "analyzeduration": 1_000_000}
DEEP: dict[str, int] = {}
_NAME = "clock.json"
# Formats in which ffmpeg finds a time by halving the file: it lands on any packet, not on a keyframe.
_WITHOUT_INDEX = {"mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v", "mpegtsraw"}
# Samples in a packet, of codecs in which all packets are alike.
_PACKET_SAMPLES = {"aac": 1024, "mp3": 1152, "mp2": 1152, "dts": 512, "ac3": 1536, "eac3": 1536}


@dataclass(frozen=True, slots=True)
class SoundClock:
    """Timestamps of one audio stream, in seconds of the source's clock."""

    start: Fraction  # of the first packet
    step: Fraction | None  # length of a packet, where timestamps are coarser than samples and have to be made exact; else None
    rate_hz: int


@dataclass(frozen=True, slots=True)
class SourceClock:
    """The clock of a file. `zero`: when its first video frame (of a file without one: anything) is shown; media time 0."""

    zero: Fraction
    has_index: bool
    sounds: dict[int, SoundClock]  # by stream index


def read_clock(source: SourceInput, plan: OnDemandPlan, cache: HotCache) -> SourceClock:
    """The clock of the file that `source` opens. Raises FfmpegFailedError and its kin."""
    path = _path_of(plan, cache)
    with one_at_a_time(path):  # picture and sound begin at once: one look is enough for both
        found = _kept(path)
        if found is None:
            found = _look(source, plan)
            cache.put(path, json.dumps(found).encode())
    return _clock(found, plan)


def is_known(plan: OnDemandPlan, cache: HotCache) -> bool:
    """Whether `read_clock` needs no look at the source."""
    return _path_of(plan, cache).exists()


def _path_of(plan: OnDemandPlan, cache: HotCache) -> Path:
    return cache.directory_of(file_id=plan.file_id, fingerprint=plan.version, track="source") / _NAME


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found


def _look(source: SourceInput, plan: OnDemandPlan) -> dict[str, Any]:
    needed = {facts.stream_index for facts in plan.audio} | ({plan.picture.stream_index} if plan.picture else set())
    found: dict[str, Any] = {}
    for effort in (FAST, DEEP):
        found = ffmpeg.probe(source.url, source.options | effort, entries=_ENTRIES)
        if needed <= {stream["index"] for stream in found.get("streams", []) if "start_pts" in stream}:
            break
    return found


def _clock(found: dict[str, Any], plan: OnDemandPlan) -> SourceClock:
    streams = {stream["index"]: stream for stream in found.get("streams", [])}
    zero = Fraction(found.get("format", {}).get("start_time", 0))
    if plan.picture is not None:
        zero = _start(streams.get(plan.picture.stream_index, {}), zero)
    return SourceClock(
        zero=zero,
        has_index=_WITHOUT_INDEX.isdisjoint(found.get("format", {}).get("format_name", "").split(",")),
        sounds={facts.stream_index: _sound(streams.get(facts.stream_index, {}), zero) for facts in plan.audio},
    )


def _start(stream: dict[str, Any], otherwise: Fraction) -> Fraction:
    return int(stream["start_pts"]) * Fraction(stream["time_base"]) if "start_pts" in stream else otherwise


def _sound(stream: dict[str, Any], zero: Fraction) -> SoundClock:
    rate_hz = int(stream.get("sample_rate", 0)) or 48_000
    samples = _PACKET_SAMPLES.get(stream.get("codec_name", ""))
    is_coarse = Fraction(stream.get("time_base", "1/90000")) > Fraction(2, rate_hz)
    step = Fraction(samples, rate_hz) if samples and is_coarse and "HE" not in stream.get("profile", "") else None
    return SoundClock(_start(stream, zero), step, rate_hz)
