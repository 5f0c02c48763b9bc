"""Is the file all there? What the headers promise, against the size it has."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mam.lib.media import isobmff

if TYPE_CHECKING:
    from mam.lib.media.blocks import BlockFile

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})  # RIFF: still being written, or RF64


def is_cut_off(file: BlockFile, layout: isobmff.Layout) -> bool:
    """The container says that it is longer than the file is, or its index was never written."""
    if layout.state is isobmff.State.CUT_OFF:
        return True
    head = file.peek(0, 64)
    return _is_riff_cut_off(head, file.size_bytes) or _is_matroska_cut_off(head, file.size_bytes)


def _is_riff_cut_off(head: bytes, size_bytes: int) -> bool:
    """AVI and WAV: the size in the first chunk (a pad byte may be missing)."""
    if head[:4] != b"RIFF" or len(head) < 12:
        return False
    promised = struct.unpack_from("<I", head, 4)[0]
    return promised not in _UNKNOWN_SIZES and promised + 8 > size_bytes + 1


def _is_matroska_cut_off(head: bytes, size_bytes: int) -> bool:
    """The size of the segment, unless it was written as unknown (RFC 8794, 6.2)."""
    if head[:4] != _EBML:
        return False
    header = _variable_size(head, 4)
    if header is None:
        return False
    start = header[0] + (header[1] or 0)
    if head[start : start + 4] != _SEGMENT:
        return False
    segment = _variable_size(head, start + 4)
    return segment is not None and segment[1] is not None and segment[0] + segment[1] > size_bytes


def _variable_size(data: bytes, offset: int) -> tuple[int, int | None] | None:
    """(where it ends, value or None for "unknown") of the EBML size at `offset`; None when the data ends before."""
    if offset >= len(data) or not data[offset]:
        return None
    width = 9 - data[offset].bit_length()
    if offset + width > len(data):
        return None
    mask = (1 << 7 * width) - 1
    value = int.from_bytes(data[offset : offset + width], "big") & mask
    return offset + width, None if value == mask else value
