"""Partitions of MXF (SMPTE ST 377-1), through all of which FFmpeg walks back for the index, one read each.

Who only looks is shown the file without its index; who plays it reads the partitions' heads beforehand, all at once.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from mam.lib.media.blocks import BLOCK_BYTES, HEAD_BLOCKS, Overlay
from mam.lib.media.rangeserver import FIRST_CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.media.blocks import BlockFile
    from mam.lib.media.outcomes import ReadableFile

_PACK_KEY = re.compile(re.escape(bytes.fromhex("060e2b34020501010d01020101")) + rb"([\x02\x03])([\x01-\x04])\x00", re.DOTALL)
_HEADER, _CLOSED_AND_COMPLETE = b"\x02", b"\x04"
_KEY_BYTES = 16
_FOOTER_OFFSET = 24  # in a pack's value: where FooterPartition lies
_MAX_RUN_IN = BLOCK_BYTES
_INDEX_KEY = bytes.fromhex("060e2b34020501010d01020101110100")  # of the random index pack, at the end of the file
_MAX_INDEX_BYTES = 24 * 1024  # two thousand partitions: five hours of one every ten seconds
_INDEX_ENTRY = struct.Struct(">IQ")  # BodySID, offset of the partition


def without_index(file: BlockFile) -> tuple[Overlay, ...]:
    """Overlays that hide footer partition and random index pack; () for anything but an MXF whose header is closed and complete.

    Such a header holds all there is to know, the lengths included.
    """
    head = file.peek(0, HEAD_BLOCKS * BLOCK_BYTES)
    first = _PACK_KEY.search(head, 0, _MAX_RUN_IN + _KEY_BYTES)
    if first is None or first.groups() != (_HEADER, _CLOSED_AND_COMPLETE) or file.size_bytes < len(head):
        return ()
    # The header and the body partitions up to the first essence: each names the footer.
    footers = [Overlay(offset, offset + 8, b"") for offset in _footer_fields(head)]
    return (*footers, Overlay(file.size_bytes - 4, file.size_bytes, b""))


def partitions(file: ReadableFile) -> list[int]:
    """Where the partitions begin, as the random index pack at the end says; [] for what is no MXF, has none, or thousands of them."""
    first = _PACK_KEY.search(file.read_at(0, FIRST_CHUNK_BYTES))
    if first is None:
        return []
    length = int.from_bytes(file.read_at(file.size_bytes - 4, 4), "big")  # of the whole pack
    if not _KEY_BYTES < length <= min(_MAX_INDEX_BYTES, file.size_bytes):
        return []
    pack = file.read_at(file.size_bytes - length, length)
    if not pack.startswith(_INDEX_KEY):
        return []
    entries = _value_at(pack, _KEY_BYTES)
    count = max(0, length - 4 - entries) // _INDEX_ENTRY.size
    offsets = [_INDEX_ENTRY.unpack_from(pack, entries + index * _INDEX_ENTRY.size)[1] + first.start() for index in range(count)]
    return [offset for offset in offsets if offset < file.size_bytes]


def _footer_fields(head: bytes) -> Iterator[int]:
    """Offsets of the FooterPartition fields of all partition packs in `head`."""
    for match in _PACK_KEY.finditer(head):
        value = _value_at(head, match.end())
        if value + _FOOTER_OFFSET + 8 <= len(head) - 4:
            yield value + _FOOTER_OFFSET


def _value_at(data: bytes, at: int) -> int:
    """Where the value begins whose length (BER) lies at `at`."""
    first = data[at] if at < len(data) else 0
    return at + 1 + (first & 0x7F if first & 0x80 else 0)
