"""As much of H.264 in MP4 (ISO/IEC 14496-15) as tells where decoding can begin."""

from __future__ import annotations

from mam.lib.media.fmp4 import Fmp4Error, boxes, find

_NON_IDR, _PARTITION_A, _IDR = 1, 2, 5  # nal_unit_type (ITU-T H.264, table 7-1)


def nal_length_bytes(init: bytes) -> int:
    """How many bytes the length before each NAL unit has, by an init segment. Fmp4Error if it is not one of H.264."""
    stsd = find(init, "moov/trak/mdia/minf/stbl/stsd")
    entry = next(boxes(init, stsd.body + 8, stsd.end), None) if stsd else None
    config = find(init, "avcC", entry.body + 78, entry.end) if entry and entry.kind in (b"avc1", b"avc3") else None
    if config is None:
        raise Fmp4Error("no H.264")
    return (init[config.body + 4] & 3) + 1


def begins_with_idr(sample: bytes, length_bytes: int) -> bool:
    """Whether the first slice of a sample (or of its beginning) is one of an IDR picture: nothing from before is needed after it."""
    position = 0
    while position + length_bytes < len(sample):
        kind = sample[position + length_bytes] & 31
        if kind in (_NON_IDR, _PARTITION_A, _IDR):
            return kind == _IDR
        position += length_bytes + int.from_bytes(sample[position : position + length_bytes])
    return False
