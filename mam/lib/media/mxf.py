"""MXF (SMPTE ST 377-1) shown without its index: FFmpeg walks back through every partition for it, one read each.

Only where the header says that it is closed and complete, so that it holds all there is to know, the lengths included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mam.lib.media.blocks import BLOCK_BYTES, HEAD_BLOCKS, Overlay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.media.blocks import BlockFile

_PACK_KEY = re.compile(re.escape(bytes.fromhex("060e2b34020501010d01020101")) + rb"([\x02\x03])([\x01-\x04])\x00", re.DOTALL)
_HEADER, _CLOSED_AND_COMPLETE = b"\x02", b"\x04"
_KEY_BYTES = 16
_FOOTER_OFFSET = 24  # in a pack's value: where FooterPartition lies
_MAX_RUN_IN = BLOCK_BYTES


def without_index(file: BlockFile) -> tuple[Overlay, ...]:
    """Overlays that hide footer partition and random index pack; () for anything but a complete MXF."""
    head = file.peek(0, HEAD_BLOCKS * BLOCK_BYTES)
    first = _PACK_KEY.search(head, 0, _MAX_RUN_IN + _KEY_BYTES)
    if first is None or first.groups() != (_HEADER, _CLOSED_AND_COMPLETE) or file.size_bytes < len(head):
        return ()
    # The header and the body partitions up to the first essence: each names the footer.
    footers = [Overlay(offset, offset + 8, b"") for offset in _footer_fields(head)]
    return (*footers, Overlay(file.size_bytes - 4, file.size_bytes, b""))


def _footer_fields(head: bytes) -> Iterator[int]:
    """Offsets of the FooterPartition fields of all partition packs in `head`."""
    for match in _PACK_KEY.finditer(head):
        length = head[match.end() : match.end() + 1]
        if not length:
            return
        value = match.end() + 1 + (length[0] & 0x7F if length[0] & 0x80 else 0)  # BER
        if value + _FOOTER_OFFSET + 8 <= len(head) - 4:
            yield value + _FOOTER_OFFSET
