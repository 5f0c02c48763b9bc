"""The box structure of MP4 and MOV (ISO/IEC 14496-12, QuickTime File Format): what the FFmpeg API does not tell or reads dearly.

Rotation (PyAV has it only on decoded frames), whether the file was cut off, and the length of a fragmented file without
an index, which FFmpeg would find by walking every fragment (FACTS, Probing 3 and 6). Reads a few headers, never the media.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from mam.lib.media.blocks import Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.media.blocks import BlockFile

_MAX_BOXES = 4096  # at one level; hostile files hold millions of empty ones
_MAX_TOP_LEVEL = 64  # before the walk asks for more requests than it is worth; fragmented files have thousands
_MAX_INDEX_BYTES = 16 * 1024 * 1024
_MAX_SEARCH_BYTES = 8 * 1024 * 1024
_SEARCH_STEP_BYTES = 256 * 1024
_MAX_RUN_BYTES = 1024 * 1024
_FRAGMENT_START = b"moof\0\0\0\x10mfhd"  # a fragment begins with its header of 16 bytes; five letters alone occur in media
_FIRST_FRAGMENT_BOXES = 4  # moof and mdat of two tracks
# What a file of this family can start with. "mdat" first is common: camera files with the index at the end.
_FIRST_TYPES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid", b"moof", b"sidx"})


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type and where its payload lies. `end` may lie behind the end of the file."""

    type: bytes
    start: int
    payload: int
    end: int


class State(Enum):
    """What the top level says."""

    OTHER = "other"  # not of this family
    COMPLETE = "complete"
    CUT_OFF = "cut off"  # the last box is longer than the file, or there is media without its index


@dataclass(frozen=True, slots=True)
class Layout:
    """The top level of a file."""

    state: State
    moov: Box | None = None
    has_fragments: bool = False
    has_index: bool = False  # of fragments, at the start (`sidx`): FFmpeg uses it


class Peekable(Protocol):
    """Something to read headers from."""

    def peek(self, offset: int, length: int) -> bytes:
        """Bytes at `offset`; fewer only at the end."""


def boxes(file: Peekable, start: int, end: int) -> Iterator[Box]:
    """The boxes in [start, end), as far as they make sense."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        head = file.peek(start, 16)
        if len(head) < 8:
            return
        size, kind = struct.unpack_from("!I4s", head)
        payload = start + 8
        if size == 1 and len(head) == 16:
            size = struct.unpack_from("!Q", head, 8)[0]
            payload = start + 16
        elif size == 0:  # to the end of what holds it
            size = end - start
        if size < payload - start:
            return
        yield Box(kind, start, payload, start + size)
        start += size


def find(file: BlockFile, start: int, end: int, *path: bytes) -> Box | None:
    """The first box at `path` below [start, end)."""
    box = next((box for box in boxes(file, start, end) if box.type == path[0]), None)
    if box is None or len(path) == 1:
        return box
    return find(file, box.payload, box.end, *path[1:])


def layout(file: BlockFile) -> Layout:
    """Walk the top level: up to the first fragment in fragmented files."""
    moov: Box | None = None
    has_media = has_index = has_fragments = False
    for number, box in enumerate(boxes(file, 0, file.size_bytes)):
        if number == 0 and box.type not in _FIRST_TYPES:
            return Layout(State.OTHER)
        if box.type == b"moov":
            moov = box
        has_media |= box.type == b"mdat"
        has_index |= box.type == b"sidx"
        has_fragments |= box.type == b"moof"
        if box.end > file.size_bytes:
            return Layout(State.CUT_OFF, moov if box.type != b"moov" else None, has_fragments, has_index)
        if number >= _MAX_TOP_LEVEL or (moov and has_fragments):
            break
    else:
        if moov is None and not has_media:
            return Layout(State.OTHER)
    if moov is None:
        return Layout(State.CUT_OFF, None, has_fragments, has_index)
    return Layout(State.COMPLETE, moov, has_fragments, has_index)


def rotation(file: BlockFile, moov: Box) -> int:
    """Degrees clockwise to turn the first picture track for viewing: 0, 90, 180 or 270 (the matrix in its `tkhd`)."""
    for track in boxes(file, moov.payload, min(moov.end, file.size_bytes)):
        if track.type != b"trak":
            continue
        handler = find(file, track.payload, track.end, b"mdia", b"hdlr")
        if handler is None or file.peek(handler.payload + 8, 4) != b"vide":
            continue
        header = find(file, track.payload, track.end, b"tkhd")
        return _rotation_of(file.peek(header.payload, 96)) if header else 0
    return 0


def _rotation_of(track_header: bytes) -> int:
    # version 1 has 64-bit times and duration: the matrix lies 12 bytes later.
    offset = 52 if track_header[:1] == b"\1" else 40
    if len(track_header) < offset + 16:
        return 0
    a, b, _u, c, d = struct.unpack_from("!5i", track_header, offset)
    if a == d == 0 and b and c:
        return 90 if b > 0 else 270
    return 180 if a < 0 and d < 0 else 0


# --- fragments --------------------------------------------------------------------------------------------------------
def fragmented_duration(file: BlockFile, moov: Box) -> Fraction | None:
    """Seconds to the end of the last fragment; None where the file does not lead there in a few reads.

    Counts from the timeline's zero: decode time of the last fragment of each track (`tfdt`) plus its samples (`trun`).
    """
    end = min(moov.end, file.size_bytes)
    scales = dict(_timescales(file, moov.payload, end))
    defaults = dict(_default_durations(file, moov.payload, end))
    starts = _last_fragments_by_index(file) or _last_fragments_by_search(file, moov.end)
    ends = [moment for start in starts for moment in _fragment_ends(file, start, scales, defaults)]
    return max(ends, default=None)


def _last_fragments_by_index(file: BlockFile) -> set[int]:
    """Offsets of each track's last fragment, out of the `mfra` at the end (14496-12, 8.8.9)."""
    tail = file.peek(max(0, file.size_bytes - 16), 16)
    length = _u32(tail, 12)
    if tail[4:8] != b"mfro" or not 16 <= length <= min(file.size_bytes, _MAX_INDEX_BYTES):
        return set()
    index = next(boxes(file, file.size_bytes - length, file.size_bytes), None)
    if index is None or index.type != b"mfra":
        return set()
    return {offset for box in boxes(file, index.payload, index.end) if box.type == b"tfra" for offset in _last_entry(file, box)}


def _last_entry(file: BlockFile, box: Box) -> list[int]:
    """The fragment offset in the last entry of a `tfra`; [] if it has none."""
    head = file.peek(box.payload, 16)
    is_wide = head[:1] == b"\1"
    numbers = sum((_u32(head, 8) >> shift & 3) + 1 for shift in (0, 2, 4))
    width = (16 if is_wide else 8) + numbers
    count = _u32(head, 12)
    entry = file.peek(box.payload + 16 + (count - 1) * width, 16) if count else b""
    if box.payload + 16 + count * width > box.end or len(entry) < 16:
        return []
    return [struct.unpack_from("!Q", entry, 8)[0] if is_wide else _u32(entry, 4)]


def _last_fragments_by_search(file: BlockFile, first: int) -> set[int]:
    """Offsets of the last fragments, looked for from the end: at most as far back as the first ones are long, and a bit."""
    reach = sum(box.end - box.start for box in islice(boxes(file, first, file.size_bytes), _FIRST_FRAGMENT_BOXES))
    stop = max(first, file.size_bytes - min(2 * reach, _MAX_SEARCH_BYTES))
    end = file.size_bytes
    while end > stop:
        start = max(stop, end - _SEARCH_STEP_BYTES)
        data = file.peek(start, end - start + len(_FRAGMENT_START))  # a little more: one may lie across the border
        found = {start + match.start() - 4 for match in re.finditer(re.escape(_FRAGMENT_START), data)}
        if found:
            return found
        end = start
    return set()


def fragment_near(file: BlockFile, moov: Box, share: Fraction) -> int | None:
    """Offset of the first fragment behind the share (0 to 1) of the file's bytes; None if none begins within a few MiB."""
    start = max(moov.end, int(file.size_bytes * share))
    stop = min(file.size_bytes, start + _MAX_SEARCH_BYTES)
    while start < stop:
        data = file.peek(start, _SEARCH_STEP_BYTES + len(_FRAGMENT_START))
        position = data.find(_FRAGMENT_START)
        if position >= 4:
            return start + position - 4
        start += _SEARCH_STEP_BYTES
    return None


def blank(start: int, end: int) -> Overlay:
    """An overlay that shows one empty box in [start, end); at least 16 bytes."""
    return Overlay(start, end, struct.pack("!I4sQ", 1, b"free", end - start))


def _timescales(file: BlockFile, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(track id, ticks a second) of each track."""
    for track in boxes(file, start, end):
        if track.type != b"trak":
            continue
        header = find(file, track.payload, track.end, b"tkhd")
        media = find(file, track.payload, track.end, b"mdia", b"mdhd")
        if header and media:
            yield _after_times(file, header), _after_times(file, media)


def _after_times(file: BlockFile, box: Box) -> int:
    """The 32-bit field behind creation and modification time: track id of `tkhd`, time scale of `mdhd`."""
    data = file.peek(box.payload, 24)
    offset = 20 if data[:1] == b"\1" else 12
    return _u32(data, offset)


def _default_durations(file: BlockFile, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(track id, default sample duration) of each `trex`."""
    extends = find(file, start, end, b"mvex")
    if extends is None:
        return
    for box in boxes(file, extends.payload, extends.end):
        if box.type == b"trex":
            data = file.peek(box.payload, 24)
            yield _u32(data, 4), _u32(data, 12)


def _fragment_ends(file: BlockFile, start: int, scales: dict[int, int], defaults: dict[int, int]) -> Iterator[Fraction]:
    """Where the samples of each track in the fragment at `start` end, in seconds."""
    fragment = next(boxes(file, start, file.size_bytes), None)
    if fragment is None or fragment.type != b"moof" or fragment.end > file.size_bytes:
        return
    for track in boxes(file, fragment.payload, fragment.end):
        header = find(file, track.payload, track.end, b"tfhd") if track.type == b"traf" else None
        decode_time = find(file, track.payload, track.end, b"tfdt") if header else None
        if header is None or decode_time is None:
            continue
        track_id, duration = _fragment_header(file.peek(header.payload, 32))
        scale = scales.get(track_id, 0)
        if not scale:
            continue
        data = file.peek(decode_time.payload, 12)
        ticks = struct.unpack_from("!Q", data, 4)[0] if data[:1] == b"\1" and len(data) == 12 else _u32(data, 4)
        for run in boxes(file, track.payload, track.end):
            if run.type == b"trun":
                ticks += _run_ticks(
                    file.peek(run.payload, min(run.end - run.payload, _MAX_RUN_BYTES)), duration or defaults.get(track_id, 0)
                )
        yield Fraction(ticks, scale)


def _fragment_header(data: bytes) -> tuple[int, int]:
    """(track id, default sample duration or 0) of a `tfhd`."""
    flags = _u32(data, 0) & 0xFFFFFF
    offset = 8 + (8 if flags & 0x01 else 0) + (4 if flags & 0x02 else 0)
    return _u32(data, 4), _u32(data, offset) if flags & 0x08 else 0


def _run_ticks(data: bytes, default: int) -> int:
    """Ticks all samples of a `trun` last."""
    flags = _u32(data, 0) & 0xFFFFFF
    count = _u32(data, 4)
    if not flags & 0x100:
        return count * default
    width = 4 * sum(bool(flags & flag) for flag in (0x100, 0x200, 0x400, 0x800))
    offset = 8 + (4 if flags & 0x01 else 0) + (4 if flags & 0x04 else 0)
    return sum(_u32(data, position) for position in range(offset, min(len(data) - 3, offset + count * width), width))


def _u32(data: bytes, offset: int) -> int:
    """Big-endian 32 bits; 0 where the data is too short."""
    return int.from_bytes(data[offset : offset + 4], "big") if len(data) >= offset + 4 else 0
