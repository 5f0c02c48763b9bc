"""A long MP4 or MOV shown with short sample tables: all that a description needs of megabytes of index.

The tables of a track hold one entry a frame; a day of video has 50 MB of them. FFmpeg reads them all before it says anything, and
needs none of them for that but the first. The rest of the index is kept, the freed space is an empty box, no offset changes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mam.lib.media.blocks import Overlay
from mam.lib.media.isobmff import Box, boxes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mam.lib.media.blocks import BlockFile

_WORTH_IT_BYTES = 1024 * 1024  # a smaller index is read as it is
_WHOLE_BYTES = 32 * 1024  # boxes up to this size are kept as they are
_WINDOW_BYTES = 12 * 1024 + 32  # read at each place: a header, and the entries that are kept
_KEPT = 1024  # entries of a shortened table: more samples and chunks than the streams are analysed for
_NESTED = frozenset({b"trak", b"mdia", b"minf", b"stbl"})
_ENTRY_BYTES = {b"stss": 4, b"stco": 4, b"co64": 8}


class UnexpectedLayoutError(Exception):
    """The index is not laid out as we know it: leave it alone."""


def shortened(file: BlockFile, moov: Box) -> Overlay | None:
    """The overlay of the shortened index; None where it is short already, or odd."""
    if moov.end - moov.start < _WORTH_IT_BYTES or moov.end > file.size_bytes:
        return None
    view = _Window(file)
    try:
        payload = _shortened_children(view, moov)
    except UnexpectedLayoutError:
        return None
    content = struct.pack("!I4s", 8 + len(payload), b"moov") + payload
    gap = moov.end - moov.start - len(content)
    if gap < 16:
        return None
    return Overlay(moov.start, moov.end, content + struct.pack("!I4sQ", 1, b"free", gap))


class _Window:
    """Reads a little at a time: for a walk over headers that lie far apart."""

    def __init__(self, file: BlockFile) -> None:
        self._file = file
        self._pieces: list[tuple[int, bytes]] = []

    def peek(self, offset: int, length: int) -> bytes:
        """`length` bytes at `offset`; fewer only at the end of the file."""
        for start, data in reversed(self._pieces):
            if start <= offset and offset + length <= start + len(data):
                return data[offset - start : offset - start + length]
        data = self._file.peek_uncached(offset, max(length, _WINDOW_BYTES))
        self._pieces.append((offset, data))
        return data[:length]


def _shortened_children(view: _Window, parent: Box) -> bytes:
    return b"".join(_shortened(view, box) for box in boxes(view, parent.payload, parent.end))


def _shortened(view: _Window, box: Box) -> bytes:
    size = box.end - box.start
    if size <= _WHOLE_BYTES:
        return view.peek(box.start, size)
    if box.type == b"stbl":
        return _packed(box.type, b"".join(_shortened_tables(view, box)))
    if box.type in _NESTED:
        return _packed(box.type, _shortened_children(view, box))
    return b""  # cover pictures and the like


def _shortened_tables(view: _Window, table: Box) -> Iterator[bytes]:
    for box in boxes(view, table.payload, table.end):
        if box.end - box.start <= _WHOLE_BYTES or box.type not in _SHORTENERS:
            yield _shortened(view, box)
        else:
            yield _packed(box.type, _SHORTENERS[box.type](view, box))


def _fewer_entries(view: _Window, box: Box) -> bytes:
    """Version and flags, count, entries: the first of them."""
    width = _ENTRY_BYTES[box.type]
    count = struct.unpack("!I", view.peek(box.payload + 4, 4))[0]
    kept = min(count, _KEPT)
    return view.peek(box.payload, 4) + struct.pack("!I", kept) + view.peek(box.payload + 8, kept * width)


def _fewer_runs(view: _Window, box: Box) -> bytes:
    """`stsc`: version and flags, count, (first chunk, samples in a chunk, description): those of chunks that are kept."""
    count = struct.unpack("!I", view.peek(box.payload + 4, 4))[0]
    entries = view.peek(box.payload + 8, min(count, _KEPT) * 12)
    kept = [entry for entry in struct.iter_unpack("!III", entries) if entry[0] <= _KEPT]
    return view.peek(box.payload, 4) + struct.pack("!I", len(kept)) + b"".join(struct.pack("!III", *entry) for entry in kept)


def _fewer_sizes(view: _Window, box: Box) -> bytes:
    """`stsz`: version and flags, common size (0: a table), count, sizes."""
    common, count = struct.unpack("!II", view.peek(box.payload + 4, 8))
    if common:
        raise UnexpectedLayoutError  # it has no table, so it cannot be that long
    kept = min(count, _KEPT)
    return view.peek(box.payload, 4) + struct.pack("!II", 0, kept) + view.peek(box.payload + 12, kept * 4)


def _even_durations(view: _Window, box: Box) -> bytes:
    """`stts` of a variable rate: the same number of samples and the same sum, so that length and average rate stay.

    The sum needs the whole table, read in pieces that are not kept.
    """
    count = struct.unpack("!I", view.peek(box.payload + 4, 4))[0]
    end = min(box.end, box.payload + 8 + count * 8)
    samples = total = 0
    for start in range(box.payload + 8, end, _WHOLE_BYTES):
        data = view.peek(start, min(_WHOLE_BYTES, end - start))
        for number, delta in struct.iter_unpack("!II", data[: len(data) // 8 * 8]):
            samples += number
            total += number * delta
    if not samples:
        raise UnexpectedLayoutError
    delta, longer = divmod(total, samples)
    entries = [(samples - longer, delta), (longer, delta + 1)]
    return view.peek(box.payload, 4) + struct.pack("!I", len(entries)) + b"".join(struct.pack("!II", *entry) for entry in entries)


_SHORTENERS: dict[bytes, Callable[[_Window, Box], bytes]] = {
    b"stss": _fewer_entries,
    b"stco": _fewer_entries,
    b"co64": _fewer_entries,
    b"stsc": _fewer_runs,
    b"stsz": _fewer_sizes,
    b"stts": _even_durations,
}


def _packed(kind: bytes, payload: bytes) -> bytes:
    return struct.pack("!I4s", 8 + len(payload), kind) + payload
