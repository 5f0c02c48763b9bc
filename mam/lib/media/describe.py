"""PyAV's view of a container as a `Description`. Runs in the worker process only: what it calls may abort the process.

What PyAV 18.1 must not be asked: `AudioLayout.channels`, and anything that lets a layout object be freed. It shares the map of a
custom channel order with the codec context without owning it, and frees it a second time (FACTS, Probing 4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from mam.lib.media import text
from mam.lib.media.colors import FIELD_ORDERS, MATRICES, PRIMARIES, RANGES, TRANSFERS
from mam.lib.media.description import MAX_CHAPTERS, MAX_STREAMS, Chapter, Description, Kind, Stream
from mam.lib.media.formats import FORMAT_WHITELIST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.layout import AudioLayout
    from av.codec.context import CodecContext
    from av.container.input import InputContainer
    from av.stream import Stream as AnyStream

    from mam.lib.media.blocks import BlockFile

_MICROSECOND = Fraction(1, 1_000_000)
_SAME_END = Fraction(1, 1000)  # FFmpeg's duration is the end of some stream, rounded to microseconds
_SAME_RATE = Fraction(1, 2000)  # half the distance of 24 and 23.976
_NEAR_RATE = Fraction(1, 20)
_MAX_DURATION_S = 10 * 366 * 24 * 3600  # longer is damage
_MAX_RATE = 1000  # frames a second; above it, it is the clock of a stream without a rate
_UNORDERED = re.compile(r"\d+ channels")
_KINDS = {"video": Kind.VIDEO, "audio": Kind.AUDIO, "subtitle": Kind.SUBTITLE}
_kept_layouts: list[AudioLayout] = []  # never freed, see above; the worker is replaced before they are many


NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


class RefusedError(Exception):
    """The file asked for another file or address."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the streams FFmpeg looks at before it says what they are."""

    bytes: int
    microseconds: int


HEAD = Limits(bytes=1_000_000, microseconds=1_000_000)
DEEP = Limits(bytes=5_000_000, microseconds=5_000_000)


def open_container(file: BlockFile, limits: Limits = HEAD, options: Mapping[str, str] = NO_OPTIONS) -> InputContainer:
    """Open for looking or decoding. Raises av.FFmpegError, and what the file's fetch function raises."""
    return av.open(
        file,
        "r",
        options={
            "probesize": str(limits.bytes),
            "analyzeduration": str(limits.microseconds),
            # A playlist, or a reference movie, named like a video must not make us read anything but itself.
            "format_whitelist": FORMAT_WHITELIST,
            "protocol_whitelist": "none",
            **options,
        },
        metadata_errors="surrogateescape",
        buffer_size=65536,
        io_open=_refuse,
    )


def _refuse(url: str, flags: int, options: dict[str, str]) -> None:
    raise RefusedError


def decoder_of(stream: AnyStream) -> CodecContext | None:
    """The stream's codec context: None for a codec without a decoder, whatever PyAV's types say."""
    return stream.codec_context


def describe(
    container: InputContainer,
    *,
    size_bytes: int,
    rotation: int = 0,
    duration: Fraction | None = None,
    is_partial: bool = False,
    has_sizes: bool = True,
) -> Description:
    """The description of an open container.

    Args:
        rotation: degrees clockwise, which PyAV does not tell.
        duration: seconds, where FFmpeg was kept from finding it.
        has_sizes: the sizes of all samples are there; without them the bit rates of streams are not known.
        is_partial: average rates come from a part of the file (fragments), so the base rate is better where both are near.
    """
    prefers_base = is_partial or container.format.name == "mxf"  # FACTS, Probing 2
    streams = tuple(_stream(stream, prefers_base=prefers_base) for stream in list(container.streams)[:MAX_STREAMS])
    if not has_sizes:
        streams = tuple(replace(stream, bit_rate_bps=None) for stream in streams)
    ticks, base = _duration(container, duration)
    length = ticks * base if ticks is not None else Fraction(0)
    told = container.bit_rate if duration is None else 0  # FFmpeg's is wrong where it was kept from finding the duration
    bit_rate = told if told > 0 else int(size_bytes * 8 / length) if length else 0
    start_timecode, is_drop_frame = _start_timecode(container)
    return Description(
        container=text.clean(container.format.name, 64),
        size_bytes=size_bytes,
        duration_ticks=ticks,
        duration_base=base,
        bit_rate_bps=bit_rate if 0 < bit_rate < 2**63 else None,
        recorded_at=next((time for time in map(text.recording_time, _creation_times(container)) if time), None),
        start_timecode=start_timecode,
        is_drop_frame=is_drop_frame,
        rotation=rotation,
        chapters=tuple(_chapters(container)),
        streams=streams,
    )


def lacks_something(container: InputContainer, description: Description) -> bool:
    """A field is missing that more bytes may give (FACTS, Probing 2)."""
    known = {stream.index: stream for stream in description.streams}
    return any(_lacks(stream, known[stream.index]) for stream in container.streams if stream.index in known)


def _lacks(stream: AnyStream, found: Stream) -> bool:
    if found.kind is Kind.VIDEO:
        has_profiles = decoder_of(stream) is not None and bool(stream.profiles)
        return not (found.pixel_format and found.width_px and found.frame_rate) or (has_profiles and not found.profile)
    return found.kind is Kind.AUDIO and not (found.channels and found.sample_rate_hz)


def raw_of(container: InputContainer) -> dict[str, Any]:
    """Everything else the file says about itself, bounded, for the raw result."""
    return {
        "library": f"FFmpeg {av.ffmpeg_version_info}, PyAV {av.__version__}",
        "format": {"name": container.format.name, "start_us": container.start_time, "tags": text.tags(container.metadata)},
        "streams": [_raw_stream(stream) for stream in list(container.streams)[:MAX_STREAMS]],
    }


def _raw_stream(stream: AnyStream) -> dict[str, Any]:
    return {
        "index": stream.index,
        "type": stream.type,
        "time_base": str(stream.time_base),
        "start": stream.start_time,
        "duration": stream.duration,
        "frames": stream.frames,
        "codec_tag": text.clean(stream.codec_context.codec_tag, 16) if decoder_of(stream) else "",
        "disposition": [flag.name for flag in type(stream.disposition) if flag in stream.disposition],
        "tags": text.tags(stream.metadata),
    }


# --- the whole file ---------------------------------------------------------------------------------------------------
def _duration(container: InputContainer, known: Fraction | None) -> tuple[int | None, Fraction]:
    """(ticks, base): in the base of the stream that ends with the file if there is one, else in microseconds."""
    length = known if known is not None else container.duration * _MICROSECOND if container.duration else None
    if length is None or not 0 < length < _MAX_DURATION_S:
        return None, Fraction(1)
    bases = [(stream.duration, stream.time_base) for stream in container.streams if stream.time_base and stream.type in ("video", "audio")]
    if known is None:
        for ticks, base in bases:
            if ticks and base and abs(ticks * base - length) <= _SAME_END:
                return ticks, base
        return container.duration, _MICROSECOND
    for _ticks, base in bases:
        if base and (length / base).denominator == 1:
            return int(length / base), base
    return round(length / _MICROSECOND), _MICROSECOND


def _creation_times(container: InputContainer) -> Iterator[str]:
    """What may say when it was recorded, best first: Apple's has the camera's zone, a track's outlives a remux."""
    metadata = [container.metadata, *(stream.metadata for stream in container.streams)]
    for name in ("com.apple.quicktime.creationdate", "creation_time", "date", "timestamp"):
        for values in metadata:
            yield next((value for key, value in values.items() if key.lower() == name), "")


def _start_timecode(container: InputContainer) -> tuple[str, bool]:
    """A timecode track says it on its stream and on the picture's, MXF on the whole file."""
    for metadata in (*(stream.metadata for stream in container.streams), container.metadata):
        label, is_drop_frame = text.timecode(metadata.get("timecode", ""))
        if label:
            return label, is_drop_frame
    return "", False


def _chapters(container: InputContainer) -> Iterator[Chapter]:
    for chapter in container.chapters()[:MAX_CHAPTERS]:
        base = chapter["time_base"]
        if not base:
            continue
        start, end = (max(0, round(chapter[side] * base * 1000)) for side in ("start", "end"))
        if end >= start and end < 2**63:
            yield Chapter(start, end, text.clean(chapter["metadata"].get("title", ""), 255))


# --- streams ----------------------------------------------------------------------------------------------------------
def _stream(stream: AnyStream, *, prefers_base: bool) -> Stream:
    is_cover = bool(stream.disposition & stream.disposition.attached_pic)
    kind = Kind.DATA if is_cover else _KINDS.get(stream.type, Kind.DATA)
    values: dict[str, Any] = {}
    if kind is Kind.VIDEO and isinstance(stream, VideoStream):
        values = _video(stream, prefers_base=prefers_base)
    elif kind is Kind.AUDIO and isinstance(stream, AudioStream):
        values = _audio(stream)
    title = stream.metadata.get("title") or stream.metadata.get("name", "")
    return Stream(
        index=stream.index,
        kind=kind,
        codec=_codec(stream),
        profile=text.clean(stream.profile or "", 64) if decoder_of(stream) else "",
        language=text.language(stream.metadata.get("language", "")),
        title=text.clean(title, 255),
        is_default=bool(stream.disposition & stream.disposition.default),
        **values,
    )


def _codec(stream: AnyStream) -> str:
    if decoder_of(stream) is not None:
        return text.clean(stream.codec_context.codec.canonical_name, 32)
    return text.clean(stream.name or "", 32) if stream.type == "data" else ""


def _video(stream: VideoStream, *, prefers_base: bool) -> dict[str, Any]:
    if decoder_of(stream) is None:
        return {}
    context = stream.codec_context
    return {
        "bit_rate_bps": _positive(context.bit_rate),
        "width_px": _positive(context.width),
        "height_px": _positive(context.height),
        "frame_rate": frame_rate(stream.average_rate, stream.base_rate, prefers_base=prefers_base),
        "pixel_format": context.pix_fmt or "",
        "field_order": FIELD_ORDERS.get(context.field_order, ""),
        "sample_aspect": _bounded(stream.sample_aspect_ratio),
        "color_primaries": PRIMARIES.get(context.color_primaries, ""),
        "color_transfer": TRANSFERS.get(context.color_trc, ""),
        "color_space": MATRICES.get(context.colorspace, ""),
        "color_range": RANGES.get(context.color_range, ""),
    }


def frame_rate(average: Fraction | None, base: Fraction | None, *, prefers_base: bool) -> Fraction | None:
    """The exact rate. The base rate is what the timestamps fit into; it is snapped to broadcast rates, the average is not."""
    average, base = (_bounded(rate) if rate and rate <= _MAX_RATE else None for rate in (average, base))
    if average is None or base is None:
        return average or base
    tolerance = _NEAR_RATE if prefers_base else _SAME_RATE
    return base if abs(average - base) <= base * tolerance else average


def _audio(stream: AudioStream) -> dict[str, Any]:
    if decoder_of(stream) is None:
        return {}
    context = stream.codec_context
    layout = context.layout
    _kept_layouts.append(layout)
    channels = layout.nb_channels
    return {
        "bit_rate_bps": _positive(context.bit_rate),
        "channels": channels if 0 < channels <= 32767 else None,
        "channel_layout": _layout_name(layout) if channels > 0 else "",
        "sample_rate_hz": _positive(context.sample_rate),
    }


def _layout_name(layout: AudioLayout) -> str:
    """ "stereo", "5.1(side)", "2 channels (FR+FL)"; "" where the file gives only their number."""
    return "" if _UNORDERED.fullmatch(layout.name) else text.clean(layout.name, 64)


def _positive(value: int | None) -> int | None:
    return value if value and 0 < value < 2**31 else None


def _bounded(value: Fraction | None) -> Fraction | None:
    """A positive fraction that two 32-bit columns can hold."""
    return value if value is not None and value > 0 and value.numerator < 2**31 and value.denominator < 2**31 else None
