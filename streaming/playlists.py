"""Texts of HLS playlists (RFC 8216) and of the storyboard's WebVTT. Pure: what is in them comes in, text goes out.

Lengths are exact: a segment's EXTINF is the difference of its rounded borders, so that rounding never adds up over a long film.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

VERSION = 7  # of the protocol: EXT-X-MAP in media playlists wants 6, fragmented MP4 is at home in 7
MICROSECONDS = 1_000_000
_AUDIO_GROUP, _SUBTITLE_GROUP = "sound", "subtitles"


@dataclass(frozen=True, slots=True)
class VideoEntry:
    """One quality in a multivariant playlist. Bandwidths in bits a second, of the picture alone."""

    uri: str
    codecs: str
    width_px: int
    height_px: int
    rate: Fraction | None
    peak_bps: int
    average_bps: int  # 0: not known before it is made


@dataclass(frozen=True, slots=True)
class SoundEntry:
    """One audio track. `name` is for people and unique in its playlist."""

    uri: str
    name: str
    language: str  # RFC 5646, "" where unknown
    is_default: bool
    channels: int
    codecs: str
    peak_bps: int
    average_bps: int


@dataclass(frozen=True, slots=True)
class SubtitleEntry:
    """One subtitle track."""

    uri: str
    name: str
    language: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its borders on the timeline in seconds, where it is, and (in one object with others) its bytes."""

    start: Fraction
    end: Fraction
    uri: str
    offset: int | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class InitSegment:
    """What comes before the first segment of fragmented MP4."""

    uri: str
    length: int | None = None  # from the beginning of the object; None: the whole


@dataclass(frozen=True, slots=True)
class Sheets:
    """The pictures of a storyboard: cells of sheets, row by row."""

    urls: Sequence[str]
    columns: int
    rows: int
    width_px: int  # of a cell
    height_px: int
    starts_ms: Sequence[int]  # when each picture's time begins; the first at 0
    duration_ms: int


def multivariant(videos: Sequence[VideoEntry], sounds: Sequence[SoundEntry], subtitles: Sequence[SubtitleEntry]) -> str:
    """The playlist that names all others; without picture each variant is a sound. At least one of both is needed (ValueError)."""
    if not videos and not sounds:
        raise ValueError("a stream without picture and sound")
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if videos or len(sounds) > 1:
        lines += [_sound_line(sound, is_carried=not videos and sound is _main(sounds)) for sound in sounds]
    lines += [_subtitle_line(subtitle) for subtitle in subtitles]
    if videos:
        for video in videos:
            lines += _variant(video, sounds, has_subtitles=bool(subtitles))
    else:
        lines += _sound_variant(sounds, has_subtitles=bool(subtitles))
    return "\n".join(lines) + "\n"


def media(segments: Sequence[Segment], init: InitSegment | None) -> str:
    """The playlist of one track, whole and final."""
    longest = max((segment.end - segment.start for segment in segments), default=Fraction(1))
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{max(1, _rounded(longest))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    if init is not None:
        part = "" if init.length is None else f',BYTERANGE="{init.length}@0"'
        lines.append(f'#EXT-X-MAP:URI="{init.uri}"{part}')
    for segment in segments:
        lines.append(f"#EXTINF:{_seconds(segment)},")
        if segment.length is not None:
            lines.append(f"#EXT-X-BYTERANGE:{segment.length}@{segment.offset}")
        lines.append(segment.uri)
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def back_to_back(uri: str, *, timescale: int, first_byte: int, segments: Iterable[Sequence[int]]) -> Iterator[Segment]:
    """Segments that lie one after the other in one object, as `[duration in ticks, length in bytes]`, after `first_byte` bytes."""
    ticks, offset = 0, first_byte
    for duration, length in segments:
        yield Segment(Fraction(ticks, timescale), Fraction(ticks + duration, timescale), uri, offset, length)
        ticks, offset = ticks + duration, offset + length


def one_by_one(durations: Sequence[Fraction], uri_of: Callable[[int], str]) -> list[Segment]:
    """Segments that each have an address of their own; durations in seconds."""
    ends = list(accumulate(durations))
    return [Segment(end - duration, end, uri_of(index)) for index, (duration, end) in enumerate(zip(durations, ends, strict=True))]


def whole(uri: str, *, timescale: int, ticks: int) -> list[Segment]:
    """One segment that is a whole object."""
    return [Segment(Fraction(0), Fraction(max(1, ticks), timescale), uri)]


def storyboard(sheets: Sheets) -> str:
    """WebVTT whose cues are addresses of cells: `sheet.jpg#xywh=x,y,width,height` (Media Fragments URI 1.0, 4.2.2)."""
    cells = sheets.columns * sheets.rows
    ends = [*sheets.starts_ms[1:], max(sheets.duration_ms, (sheets.starts_ms or [0])[-1] + 1)]
    cues = ["WEBVTT"]
    for number, (start, end) in enumerate(zip(sheets.starts_ms, ends, strict=True)):
        row, column = divmod(number % cells, sheets.columns)
        place = f"{column * sheets.width_px},{row * sheets.height_px},{sheets.width_px},{sheets.height_px}"
        cues.append(f"{_clock(start)} --> {_clock(end)}\n{sheets.urls[number // cells]}#xywh={place}")
    return "\n\n".join(cues) + "\n"


def _variant(video: VideoEntry, sounds: Sequence[SoundEntry], *, has_subtitles: bool) -> list[str]:
    peak = video.peak_bps + max((sound.peak_bps for sound in sounds), default=0)
    attributes = [f"BANDWIDTH={peak}"]
    if video.average_bps:
        attributes.append(f"AVERAGE-BANDWIDTH={video.average_bps + max((sound.average_bps for sound in sounds), default=0)}")
    attributes.append(f'CODECS="{",".join([video.codecs, *_codecs(sounds)])}"')
    attributes.append(f"RESOLUTION={video.width_px}x{video.height_px}")
    if video.rate is not None:
        attributes.append(f"FRAME-RATE={float(video.rate):.3f}")
    if sounds:
        attributes.append(f'AUDIO="{_AUDIO_GROUP}"')
    if has_subtitles:
        attributes.append(f'SUBTITLES="{_SUBTITLE_GROUP}"')
    return [f"#EXT-X-STREAM-INF:{','.join(attributes)}", video.uri]


def _sound_variant(sounds: Sequence[SoundEntry], *, has_subtitles: bool) -> list[str]:
    """One variant, the main sound; the others are its alternatives."""
    main = _main(sounds)
    attributes = [f"BANDWIDTH={max(sound.peak_bps for sound in sounds)}"]
    if main.average_bps:
        attributes.append(f"AVERAGE-BANDWIDTH={max(sound.average_bps for sound in sounds)}")
    attributes.append(f'CODECS="{",".join(_codecs(sounds))}"')
    if len(sounds) > 1:
        attributes.append(f'AUDIO="{_AUDIO_GROUP}"')
    if has_subtitles:
        attributes.append(f'SUBTITLES="{_SUBTITLE_GROUP}"')
    return [f"#EXT-X-STREAM-INF:{','.join(attributes)}", main.uri]


def _main(sounds: Sequence[SoundEntry]) -> SoundEntry:
    return next((sound for sound in sounds if sound.is_default), sounds[0])


def _codecs(sounds: Sequence[SoundEntry]) -> list[str]:
    return list(dict.fromkeys(sound.codecs for sound in sounds))


def _sound_line(sound: SoundEntry, *, is_carried: bool) -> str:
    """`is_carried`: the variant's own playlist is this sound."""
    attributes = [*_group_attributes("AUDIO", _AUDIO_GROUP, sound), f'CHANNELS="{sound.channels}"']
    if not is_carried:
        attributes.append(f'URI="{sound.uri}"')
    return f"#EXT-X-MEDIA:{','.join(attributes)}"


def _subtitle_line(subtitle: SubtitleEntry) -> str:
    attributes = [*_group_attributes("SUBTITLES", _SUBTITLE_GROUP, subtitle), "FORCED=NO", f'URI="{subtitle.uri}"']
    return f"#EXT-X-MEDIA:{','.join(attributes)}"


def _group_attributes(type_: str, group: str, entry: SoundEntry | SubtitleEntry) -> list[str]:
    attributes = [f"TYPE={type_}", f'GROUP-ID="{group}"', f'NAME="{quotable(entry.name)}"']
    if entry.language:
        attributes.append(f'LANGUAGE="{quotable(entry.language)}"')
    attributes.append(f"DEFAULT={'YES' if entry.is_default else 'NO'}")
    attributes.append(f"AUTOSELECT={'YES' if entry.is_default or entry.language else 'NO'}")
    return attributes


def quotable(text: str) -> str:
    """`text` as a quoted string may hold it (RFC 8216, 4.2): neither quotes nor line ends nor other control characters."""
    return "".join(" " if ord(char) < 32 or ord(char) == 127 else "'" if char == '"' else char for char in text).strip()


def _seconds(segment: Segment) -> str:
    length = _micros(segment.end) - _micros(segment.start)
    return f"{length // MICROSECONDS}.{length % MICROSECONDS:06d}"


def _micros(seconds: Fraction) -> int:
    return round(seconds * MICROSECONDS)


def _rounded(seconds: Fraction) -> int:
    """To the nearest whole second, halves up: no EXTINF, rounded so, may exceed EXT-X-TARGETDURATION."""
    return int(seconds + Fraction(1, 2))


def _clock(ms: int) -> str:
    """WebVTT's HH:MM:SS.mmm."""
    seconds, rest = divmod(ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
