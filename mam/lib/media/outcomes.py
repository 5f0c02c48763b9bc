"""What a look into a media file may cost, and what comes of it. Plain values: both sides of the process border use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mam.lib.media.description import Description

MIB = 1024 * 1024


class ReadableFile(Protocol):
    """A file on any source, open for ranged reads by one thread at a time."""

    @property
    def size_bytes(self) -> int:
        """Size when it was opened."""

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; fewer only at the end of the file. May raise what its source raises."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one look may cost. Kept by the process that reads, not by the one that is looked after."""

    bytes: int
    requests: int
    seconds: float


# 99 of 100 real files need less than 2 MB and five requests (FACTS, Probing 2 and 3); this is where a look is given up.
PROBE_BUDGET = Budget(bytes=24 * MIB, requests=192, seconds=10.0)
# One frame of a long file: the whole sample table (6 MB for two hours), then a group of pictures at each of three places.
FRAME_BUDGET = Budget(bytes=64 * MIB, requests=256, seconds=20.0)
# A hundred keyframes; of what is all keyframes and large, that many megabytes. Over a slow network each of them takes a second.
SHEET_BUDGET = Budget(bytes=512 * MIB, requests=4000, seconds=300.0)


class Reason(StrEnum):
    """Why a look gave nothing, or what is wrong with a file that could be described. Stored as `catalog.choices.ProbeReason`."""

    EMPTY = "empty"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    BUDGET = "budget"
    UNREADABLE = "unreadable"


class Stage(StrEnum):
    """How far a probe had to go."""

    HEAD = "head"  # 1 MB and one second of streams at most
    DEEP = "deep"  # 5 MB and five seconds: a field was missing after the head
    FFPROBE = "ffprobe"  # the library could not open it, the program was asked


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """The answer to a probe. `ok`: there is a description; it may come with `reason` "truncated" for a file cut off after its header."""

    ok: bool
    reason: Reason | None = None
    description: Description | None = None
    raw: dict[str, Any] = field(default_factory=dict)  # JSON; free of NUL and lone surrogates
    stage: Stage = Stage.HEAD
    bytes_read: int = 0
    requests: int = 0
    elapsed_ms: int = 0
    waited_ms: int = 0  # the part of `elapsed_ms` spent in `ReadableFile.read_at`
    sample_hash: str = ""  # 32 hex digits over size, first and last 64 KiB; "" if not all of these could be read
    detail: str = ""  # the library's own words, for staff


@dataclass(frozen=True, slots=True)
class FrameOutcome:
    """The answer to a request for a picture: a JPEG as it should be looked at (rotation, aspect and dynamic range applied)."""

    ok: bool
    reason: Reason | None = None
    jpeg: bytes = b""
    width_px: int = 0
    height_px: int = 0
    at_ms: int | None = None  # where on the timeline the frame lies; None if the file does not say
    bytes_read: int = 0
    requests: int = 0
    elapsed_ms: int = 0
    waited_ms: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SheetOutcome:
    """The answer to a request for many small pictures: cells of one JPEG, row by row, each as it should be looked at.

    `reason` of one that is `ok`: why not all of them are their own (over budget, out of time).
    """

    ok: bool
    reason: Reason | None = None
    jpeg: bytes = b""
    tile_width_px: int = 0
    tile_height_px: int = 0
    pictures: int = 0  # that were really read; the others repeat the one before
    cpu_ms: int = 0  # of the worker
    bytes_read: int = 0
    requests: int = 0
    elapsed_ms: int = 0
    waited_ms: int = 0
    detail: str = ""
