"""HLS playlists as text (RFC 8216), and the storyboard as WebVTT. Pure: values in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MEDIA_TYPE = "application/vnd.apple.mpegurl"
VERSION = 7  # EXT-X-MAP without I-FRAMES-ONLY needs 6, fMP4 with it 7 in practice
AUDIO_GROUP, SUBTITLE_GROUP = "audio", "subtitles"
_MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes at an address: all of them, or `length` from `offset`."""

    uri: str
    offset: int = 0
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A media segment."""

    duration: Fraction  # seconds
    piece: Piece


@dataclass(frozen=True, slots=True)
class Variant:
    """A picture (or, without a size, sound alone) in one quality."""

    uri: str
    codecs: str
    average_bps: int
    peak_bps: int
    width_px: int | None = None
    height_px: int | None = None
    rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """A track of sound or subtitles beside the picture."""

    uri: str
    name: str
    language: str = ""
    is_default: bool = False
    channels: int | None = None
    codecs: str = ""
    average_bps: int = 0
    peak_bps: int = 0


def multivariant(variants: Sequence[Variant], *, audio: Sequence[Alternative] = (), subtitles: Sequence[Alternative] = ()) -> str:
    """The multivariant playlist. Variants in the order in which a player should try them; of sound, one track is the default."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [_media("AUDIO", AUDIO_GROUP, track, name) for track, name in _named(audio)]
    lines += [_media("SUBTITLES", SUBTITLE_GROUP, track, name) for track, name in _named(subtitles)]
    for variant in variants:
        lines += [_stream_inf(variant, audio, subtitles), variant.uri]
    return "\n".join(lines) + "\n"


def media(segments: Sequence[Segment], *, init: Piece | None = None) -> str:
    """The media playlist of a whole track."""
    durations = _rounded([segment.duration for segment in segments])
    target = max((round_half_up(micros) for micros in durations), default=1)
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", f"#EXT-X-TARGETDURATION:{max(1, target)}", "#EXT-X-MEDIA-SEQUENCE:0"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if init is not None:
        lines.append(f"#EXT-X-MAP:URI={_quoted(init.uri)}" + (f',BYTERANGE="{init.length}@{init.offset}"' if init.length else ""))
    for segment, micros in zip(segments, durations, strict=True):
        lines.append(f"#EXTINF:{micros // _MICRO}.{micros % _MICRO:06},")
        if segment.piece.length is not None:
            lines.append(f"#EXT-X-BYTERANGE:{segment.piece.length}@{segment.piece.offset}")
        lines.append(segment.piece.uri)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def storyboard(details: dict[str, Any], sheet_uri: Callable[[int], str]) -> str:
    """WebVTT whose cues name a part of a sheet (`#xywh`). `details`: of the rendition, see `streaming.making.storyboard`."""
    columns, rows = details["columns"], details["rows"]
    width, height, count = details["tile_width_px"], details["tile_height_px"], details["count"]
    lines = ["WEBVTT", ""]
    for number in range(count):
        sheet, place = divmod(number, columns * rows)
        x, y = place % columns * width, place // columns * height
        start_ms = round(Fraction(details["duration_ms"] * number, count))
        end_ms = round(Fraction(details["duration_ms"] * (number + 1), count))
        lines += [f"{_clock(start_ms)} --> {_clock(end_ms)}", f"{sheet_uri(sheet)}#xywh={x},{y},{width},{height}", ""]
    return "\n".join(lines)


def round_half_up(micros: int) -> int:
    """Microseconds to the nearest second, as 4.3.3.1 wants a duration compared with the target."""
    return (micros + _MICRO // 2) // _MICRO


def _rounded(durations: Iterable[Fraction]) -> list[int]:
    """In microseconds, so that the sum of the first n is never off by more than half of one: players add them up."""
    result, end, shown = [], Fraction(0), 0
    for duration in durations:
        end += duration
        now = round(end * _MICRO)
        result.append(now - shown)
        shown = now
    return result


def _named(tracks: Sequence[Alternative]) -> Iterable[tuple[Alternative, str]]:
    """Tracks with names that differ within their group (4.3.4.1.1)."""
    taken: set[str] = set()
    for number, track in enumerate(tracks, start=1):
        name = track.name or track.language or str(number)
        while name in taken:
            name = f"{track.name or track.language} {number}".strip()
            number += 1
        taken.add(name)
        yield track, name


def _media(kind: str, group: str, track: Alternative, name: str) -> str:
    attributes = [f"TYPE={kind}", f'GROUP-ID="{group}"', f"NAME={_quoted(name)}"]
    if track.language and _is_language(track.language):
        attributes.append(f'LANGUAGE="{track.language}"')
    attributes += [f"DEFAULT={'YES' if track.is_default else 'NO'}", "AUTOSELECT=YES"]
    if kind == "SUBTITLES":
        attributes.append("FORCED=NO")
    if track.channels:
        attributes.append(f'CHANNELS="{track.channels}"')
    return "#EXT-X-MEDIA:" + ",".join([*attributes, f"URI={_quoted(track.uri)}"])


def _stream_inf(variant: Variant, audio: Sequence[Alternative], subtitles: Sequence[Alternative]) -> str:
    peak = variant.peak_bps + max((track.peak_bps for track in audio), default=0)
    average = variant.average_bps + max((track.average_bps for track in audio), default=0)
    codecs = [variant.codecs, *sorted({track.codecs for track in audio if track.codecs})]
    attributes = [f"BANDWIDTH={max(1, peak)}", f"AVERAGE-BANDWIDTH={max(1, average)}", f'CODECS="{",".join(codecs)}"']
    if variant.width_px and variant.height_px:
        attributes.append(f"RESOLUTION={variant.width_px}x{variant.height_px}")
    if variant.rate:
        attributes.append(f"FRAME-RATE={ceil(variant.rate * 1000 - Fraction(1, 2)) / 1000:.3f}")
    if audio:
        attributes.append(f'AUDIO="{AUDIO_GROUP}"')
    if subtitles:
        attributes.append(f'SUBTITLES="{SUBTITLE_GROUP}"')
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def _quoted(text: str) -> str:
    """A quoted string: names come from files, and line breaks and quotes may not be in it (4.2)."""
    return '"' + "".join(" " if char in "\r\n" or ord(char) < 32 else "'" if char == '"' else char for char in text) + '"'


def _is_language(tag: str) -> bool:
    """Looks like a language of RFC 5646: the file may say anything."""
    return all(part.isascii() and part.isalnum() and len(part) <= 8 for part in tag.split("-"))


def _clock(milliseconds: int) -> str:
    seconds, ms = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
