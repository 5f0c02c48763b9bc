"""The last resort for what the library cannot open: the `ffprobe` program, on a loopback range server over the same file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mam.lib import process
from mam.lib.media import text
from mam.lib.media.description import MAX_CHAPTERS, MAX_STREAMS, Chapter, Description, Kind, Stream, from_wire, to_wire
from mam.lib.media.formats import FORMAT_WHITELIST
from mam.lib.media.outcomes import MIB, ProbeOutcome, Reason, Stage
from mam.lib.media.rangeserver import serving

if TYPE_CHECKING:
    from mam.lib.media.outcomes import Budget, ReadableFile

_MEMORY_LIMIT_BYTES = 2048 * MIB
_ARGUMENTS = (
    *("ffprobe", "-v", "error", "-hide_banner", "-print_format", "json", "-show_format", "-show_streams", "-show_chapters"),
    *("-probesize", "5000000", "-analyzeduration", "5000000"),
    # The demuxers allowed open nothing else; nothing but our own server could be opened by mistake.
    *("-format_whitelist", FORMAT_WHITELIST, "-protocol_whitelist", "http,tcp"),
)
_KINDS = {"video": Kind.VIDEO, "audio": Kind.AUDIO, "subtitle": Kind.SUBTITLE}
_UNSAID = ("unknown", "unspecified", "N/A", "reserved")
Json = Mapping[str, Any]


def describe_with_ffprobe(file: ReadableFile, *, budget: Budget) -> ProbeOutcome:
    """Describe `file` by the program, within `budget`; never raises for what it holds, lets through what `read_at` raises."""
    started = time.monotonic()
    failure = ProbeOutcome(ok=False, reason=Reason.UNSUPPORTED, stage=Stage.FFPROBE)
    outcome = failure
    with serving(file, budget) as server:
        try:
            completed = process.run(
                [*_ARGUMENTS, server.url],
                timeout_s=budget.seconds,
                memory_limit_bytes=_MEMORY_LIMIT_BYTES,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            )
            if completed.returncode == 0:
                outcome = _outcome(completed.stdout, file.size_bytes) or failure
        except process.ProcessTimeoutError:
            outcome = replace(failure, reason=Reason.TIMEOUT)
        except process.ProgramMissingError:
            pass
    if server.error is not None:
        raise server.error
    if server.is_over_budget:
        outcome = replace(failure, reason=Reason.BUDGET)
    return replace(
        outcome,
        bytes_read=server.bytes_read,
        requests=server.requests,
        elapsed_ms=round((time.monotonic() - started) * 1000),
    )


def _outcome(output: bytes, size_bytes: int) -> ProbeOutcome | None:
    """None if it describes nothing."""
    try:
        found = json.loads(output.decode("utf-8", "surrogateescape"))
        # Through the wire form, so that the same checks hold for both ways.
        description = from_wire(to_wire(description_of(found, size_bytes=size_bytes)))
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError, RecursionError):
        return None
    if not any(stream.is_understood for stream in description.streams):
        return None
    return ProbeOutcome(ok=True, description=description, raw={"ffprobe": text.clean_json(found)}, stage=Stage.FFPROBE)


def description_of(found: Json, *, size_bytes: int) -> Description:
    """What `ffprobe -print_format json` printed, as a description. Raises the errors of malformed values."""
    format_ = found["format"]
    streams = found.get("streams", [])[:MAX_STREAMS]
    tags = [format_.get("tags", {}), *(stream.get("tags", {}) for stream in streams)]
    label, is_drop_frame = next((found for found in (text.timecode(_tag(item, "timecode")) for item in tags) if found[0]), ("", False))
    ticks, base = _duration(format_)
    return Description(
        container=text.clean(format_["format_name"], 64),
        size_bytes=size_bytes,
        duration_ticks=ticks,
        duration_base=base,
        bit_rate_bps=_integer(format_.get("bit_rate")),
        recorded_at=next((time for time in (text.recording_time(_tag(item, "creation_time")) for item in tags) if time), None),
        start_timecode=label,
        is_drop_frame=is_drop_frame,
        rotation=next((_rotation(stream) for stream in streams if stream.get("codec_type") == "video"), 0),
        chapters=tuple(map(_chapter, found.get("chapters", [])[:MAX_CHAPTERS])),
        streams=tuple(map(_stream, streams)),
    )


def _stream(stream: Json) -> Stream:
    flags = stream.get("disposition", {})
    tags = stream.get("tags", {})
    kind = Kind.DATA if flags.get("attached_pic") else _KINDS.get(stream.get("codec_type", ""), Kind.DATA)
    is_video, is_audio = kind is Kind.VIDEO, kind is Kind.AUDIO
    rates = (_ratio(stream.get("avg_frame_rate")), _ratio(stream.get("r_frame_rate"))) if is_video else (None, None)
    return Stream(
        index=int(stream["index"]),
        kind=kind,
        codec=_said(stream.get("codec_name"), 32),
        profile=_said(stream.get("profile"), 64),
        language=text.language(_tag(tags, "language")),
        title=text.clean(_tag(tags, "title"), 255),
        bit_rate_bps=_integer(stream.get("bit_rate")),
        is_default=bool(flags.get("default")),
        width_px=_integer(stream.get("width")) if is_video else None,
        height_px=_integer(stream.get("height")) if is_video else None,
        frame_rate=rates[0] or rates[1],
        pixel_format=_said(stream.get("pix_fmt"), 32) if is_video else "",
        field_order=_said(stream.get("field_order"), 16),
        sample_aspect=_ratio(stream.get("sample_aspect_ratio")) if is_video else None,
        color_primaries=_said(stream.get("color_primaries"), 32),
        color_transfer=_said(stream.get("color_transfer"), 32),
        color_space=_said(stream.get("color_space"), 32),
        color_range=_said(stream.get("color_range"), 16),
        channels=_integer(stream.get("channels")) if is_audio else None,
        channel_layout=_said(stream.get("channel_layout"), 64) if is_audio else "",
        sample_rate_hz=_integer(stream.get("sample_rate")) if is_audio else None,
    )


def _chapter(chapter: Json) -> Chapter:
    start, end = (max(0, round(Fraction(chapter[side]) * 1000)) for side in ("start_time", "end_time"))
    return Chapter(start, max(start, end), text.clean(_tag(chapter.get("tags", {}), "title"), 255))


def _duration(format_: Json) -> tuple[int | None, Fraction]:
    seconds = format_.get("duration")
    if seconds is None or Fraction(seconds) <= 0:
        return None, Fraction(1)
    return round(Fraction(seconds) * 1_000_000), Fraction(1, 1_000_000)


def _rotation(stream: Json) -> int:
    for data in stream.get("side_data_list", []):
        if "rotation" in data:  # counter-clockwise
            return round(-float(data["rotation"]) / 90) * 90 % 360
    return 0


def _tag(tags: Json, name: str) -> str:
    return next((value for key, value in tags.items() if key.lower() == name and isinstance(value, str)), "")


def _said(value: object, max_length: int) -> str:
    return text.clean(value, max_length) if isinstance(value, str) and value not in _UNSAID else ""


def _integer(value: object) -> int | None:
    number = int(str(value)) if value not in (None, "N/A") else 0
    return number if number > 0 else None


def _ratio(value: object) -> Fraction | None:
    """ "30000/1001" or "1:1"; None for "0/0" and the like."""
    numerator, _, denominator = str(value or "0").replace(":", "/").partition("/")
    if not int(numerator) or not int(denominator or "1"):
        return None
    return Fraction(int(numerator), int(denominator or "1"))
