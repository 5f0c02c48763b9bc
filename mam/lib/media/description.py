"""The technical description of a media file, as typed values, and its form on the wire.

The worker process that makes it has read hostile bytes, so `from_wire` trusts nothing: types, ranges and lengths are checked
against what the catalog can store.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeVar

MAX_STREAMS = 256
MAX_CHAPTERS = 1000
_FIRST_YEAR, _LAST_YEAR = 1900, 9000  # times at the ends of the calendar cannot be shown in every zone
_INT32_MAX = 2**31 - 1
_INT64_MAX = 2**63 - 1
_T = TypeVar("_T")


class MalformedDescriptionError(ValueError):
    """What came over the wire is no description."""


class Kind(StrEnum):
    """What a stream carries. A cover picture is data: it is no picture track."""

    VIDEO = "video"
    AUDIO = "audio"
    SUBTITLE = "subtitle"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Chapter:
    """A named part of the timeline, half-open."""

    start_ms: int
    end_ms: int
    title: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One elementary stream. Texts are clean and bounded; None or "" is what the file does not say."""

    index: int
    kind: Kind
    codec: str = ""
    profile: str = ""
    language: str = ""
    title: str = ""
    bit_rate_bps: int | None = None
    is_default: bool = False
    # video
    width_px: int | None = None  # coded, before aspect and rotation
    height_px: int | None = None
    frame_rate: Fraction | None = None
    pixel_format: str = ""
    field_order: str = ""  # progressive, tt, bb, tb, bt
    sample_aspect: Fraction | None = None
    color_primaries: str = ""
    color_transfer: str = ""
    color_space: str = ""
    color_range: str = ""
    # audio
    channels: int | None = None
    channel_layout: str = ""
    sample_rate_hz: int | None = None

    @property
    def is_understood(self) -> bool:
        """There is enough to say what it is: a picture with a size, sound with a rate, or a subtitle of a known kind."""
        if self.kind is Kind.VIDEO:
            return bool(self.codec and self.width_px and self.height_px)
        if self.kind is Kind.AUDIO:
            return bool(self.codec and self.channels and self.sample_rate_hz)
        return self.kind is Kind.SUBTITLE and bool(self.codec)


@dataclass(frozen=True, slots=True)
class Description:
    """A whole file. `duration_ticks` counts `duration_base` seconds: the exact length of the stream that ends last."""

    container: str  # FFmpeg's name of the demuxer: "mov,mp4,m4a,3gp,3g2,mj2"
    size_bytes: int
    duration_ticks: int | None = None
    duration_base: Fraction = Fraction(1)
    bit_rate_bps: int | None = None
    recorded_at: datetime | None = None
    start_timecode: str = ""  # "01:00:00;02"; ";" before the frames where labels are dropped
    is_drop_frame: bool = False
    rotation: int = 0  # degrees clockwise to turn the picture for viewing: 0, 90, 180, 270
    chapters: tuple[Chapter, ...] = ()
    streams: tuple[Stream, ...] = ()

    @property
    def duration(self) -> Fraction | None:
        """Length in seconds, exact."""
        return None if self.duration_ticks is None else self.duration_ticks * self.duration_base

    @property
    def duration_ms(self) -> int | None:
        """Length in milliseconds, rounded."""
        return None if self.duration is None else round(self.duration * 1000)

    def first(self, kind: Kind) -> Stream | None:
        """The first stream of `kind`."""
        return next((stream for stream in self.streams if stream.kind is kind), None)


# --- wire -------------------------------------------------------------------------------------------------------------
def to_wire(description: Description) -> dict[str, Any]:
    """JSON form; `from_wire` takes it back."""
    values = {item.name: _plain(getattr(description, item.name)) for item in fields(Description)}
    values["chapters"] = [_record(chapter) for chapter in description.chapters]
    values["streams"] = [_record(stream) for stream in description.streams]
    return values


def _record(value: Chapter | Stream) -> dict[str, Any]:
    return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, StrEnum) else value


def from_wire(values: object) -> Description:
    """The description that `to_wire` wrote. Raises MalformedDescriptionError for anything the catalog could not hold."""
    record = _Record(values)
    description = Description(
        container=record.text("container", 64),
        size_bytes=record.integer("size_bytes", _INT64_MAX) or 0,
        duration_ticks=record.integer("duration_ticks", _INT64_MAX),
        duration_base=record.fraction("duration_base") or Fraction(1),
        bit_rate_bps=record.integer("bit_rate_bps", _INT64_MAX),
        recorded_at=record.time("recorded_at"),
        start_timecode=record.text("start_timecode", 16),
        is_drop_frame=record.flag("is_drop_frame"),
        rotation=record.integer("rotation", 270) or 0,
        chapters=tuple(_chapter(_Record(item)) for item in record.items("chapters", MAX_CHAPTERS)),
        streams=tuple(_stream(_Record(item)) for item in record.items("streams", MAX_STREAMS)),
    )
    if description.rotation % 90 or len({stream.index for stream in description.streams}) != len(description.streams):
        raise MalformedDescriptionError("rotation or stream numbers")
    if (description.duration_ms or 0) > _INT64_MAX:
        raise MalformedDescriptionError("duration")
    return description


def _chapter(record: _Record) -> Chapter:
    return Chapter(
        start_ms=record.integer("start_ms", _INT64_MAX) or 0,
        end_ms=record.integer("end_ms", _INT64_MAX) or 0,
        title=record.text("title", 255),
    )


def _stream(record: _Record) -> Stream:
    kind = record.text("kind", 16)
    if kind not in set(Kind):
        raise MalformedDescriptionError(f"kind {kind!r}")
    return Stream(
        index=record.integer("index", 32767) or 0,
        kind=Kind(kind),
        codec=record.text("codec", 32),
        profile=record.text("profile", 64),
        language=record.text("language", 16),
        title=record.text("title", 255),
        bit_rate_bps=record.integer("bit_rate_bps", _INT64_MAX),
        is_default=record.flag("is_default"),
        width_px=record.integer("width_px", _INT32_MAX),
        height_px=record.integer("height_px", _INT32_MAX),
        frame_rate=record.fraction("frame_rate"),
        pixel_format=record.text("pixel_format", 32),
        field_order=record.text("field_order", 16),
        sample_aspect=record.fraction("sample_aspect"),
        color_primaries=record.text("color_primaries", 32),
        color_transfer=record.text("color_transfer", 32),
        color_space=record.text("color_space", 32),
        color_range=record.text("color_range", 16),
        channels=record.integer("channels", 32767),
        channel_layout=record.text("channel_layout", 64),
        sample_rate_hz=record.integer("sample_rate_hz", _INT32_MAX),
    )


class _Record:
    """One JSON object, read with suspicion."""

    def __init__(self, values: object) -> None:
        if not isinstance(values, dict):
            raise MalformedDescriptionError("not an object")
        self._values = values

    def _get(self, name: str, wanted: type[_T]) -> _T | None:
        value = self._values.get(name)
        if value is not None and type(value) is not wanted:
            raise MalformedDescriptionError(f"{name}: {type(value).__name__}")
        return value

    def text(self, name: str, max_length: int) -> str:
        value = self._get(name, str) or ""
        if len(value) > max_length or "\0" in value or (not value.isascii() and not _is_encodable(value)):
            raise MalformedDescriptionError(name)
        return value

    def integer(self, name: str, maximum: int) -> int | None:
        value = self._get(name, int)
        if value is not None and not 0 <= value <= maximum:
            raise MalformedDescriptionError(name)
        return value

    def flag(self, name: str) -> bool:
        return self._get(name, bool) or False

    def fraction(self, name: str) -> Fraction | None:
        pair = self._get(name, list)
        if pair is None:
            return None
        if len(pair) != 2 or not all(type(part) is int and 0 < part <= _INT32_MAX for part in pair):
            raise MalformedDescriptionError(name)
        return Fraction(pair[0], pair[1])

    def time(self, name: str) -> datetime | None:
        text = self._get(name, str)
        if text is None:
            return None
        try:
            value = datetime.fromisoformat(text)
        except ValueError as error:
            raise MalformedDescriptionError(name) from error
        if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
            raise MalformedDescriptionError(name)
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)

    def items(self, name: str, maximum: int) -> list[object]:
        values = self._get(name, list) or []
        if len(values) > maximum:
            raise MalformedDescriptionError(name)
        return values


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
