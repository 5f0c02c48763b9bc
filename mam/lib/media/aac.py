"""AAC packets in time: out of an ADTS stream (ISO/IEC 13818-7, 6.2), into the fragments of an MP4 track.

An encoder's first packet is priming: with it cut away, packet k covers samples [1024 k, 1024 (k + 1)).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKET_SAMPLES = 1024
_RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_SYNC_FLAGS = 0x0200_0000  # sample_depends_on = 2: on no other
_UNITY = struct.pack("!9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000)


class AdtsError(ValueError):
    """The bytes are not an ADTS stream."""


class AdtsReader:
    """Cuts an ADTS stream into bare packets, as it comes. `config` is its AudioSpecificConfig once the first packet was there."""

    def __init__(self) -> None:
        self.config = b""
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now. AdtsError if it is no ADTS."""
        self._rest += data
        packets, position = [], 0
        while position + 7 <= len(self._rest):
            head = self._rest[position : position + 7]
            if head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
                raise AdtsError("no ADTS header where one must be")
            size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
            if position + size > len(self._rest):
                break
            self.config = self.config or _config(head)
            skip = 7 if head[1] & 1 else 9  # with a checksum
            packets.append(self._rest[position + skip : position + size])
            position += size
        self._rest = self._rest[position:]
        return packets


def _config(head: bytes) -> bytes:
    """AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): object type, rate and channels."""
    object_type = (head[2] >> 6) + 1
    rate = head[2] >> 2 & 15
    channels = (head[2] & 1) << 2 | head[3] >> 6
    return struct.pack("!H", object_type << 11 | rate << 7 | channels << 3)


def rate_of(config: bytes) -> int:
    """Samples a second that an AudioSpecificConfig names. AdtsError for one that names none of the usual."""
    index = (config[0] & 7) << 1 | config[1] >> 7
    if index >= len(_RATES_HZ):
        raise AdtsError("an unusual sample rate")
    return _RATES_HZ[index]


def fragment(packets: Sequence[bytes], *, decode_time: int, sequence: int) -> bytes:
    """A `moof` and `mdat` with `packets`; `decode_time` in samples, `sequence` from 1."""
    return fragment_of([len(packet) for packet in packets], b"".join(packets), decode_time=decode_time, sequence=sequence)


def fragment_of(sizes: Sequence[int], data: bytes, *, decode_time: int, sequence: int) -> bytes:
    """As `fragment`, of packets that lie one after the other in `data`; `sizes` in bytes."""
    table = struct.pack(f"!{len(sizes)}I", *sizes)
    head_bytes = 8 + 16 + (8 + 24 + 20 + 20 + len(table))  # moof, mfhd; traf with tfhd, tfdt and the head of trun
    trun = _full(b"trun", 0, 0x201, struct.pack("!Ii", len(sizes), head_bytes + 8), table)
    tfhd = _full(b"tfhd", 0, 0x020028, struct.pack("!III", 1, PACKET_SAMPLES, _SYNC_FLAGS))
    tfdt = _full(b"tfdt", 1, 0, struct.pack("!Q", decode_time))
    moof = _box(b"moof", _full(b"mfhd", 0, 0, struct.pack("!I", sequence)), _box(b"traf", tfhd, tfdt, trun))
    return moof + _box(b"mdat", data)


def init(config: bytes, *, channels: int, timescale: int, language: str = "und") -> bytes:
    """The init segment of a track of AAC with this AudioSpecificConfig."""
    entry = _box(b"mp4a", bytes(6), struct.pack("!HQHHIHH", 1, 0, channels, 16, 0, timescale if timescale < 65536 else 0, 0), _esds(config))
    table = _box(
        b"stbl",
        _full(b"stsd", 0, 0, struct.pack("!I", 1), entry),
        *(_full(kind, 0, 0, bytes(size)) for kind, size in ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4))),
    )
    data_here = _box(b"dinf", _full(b"dref", 0, 0, struct.pack("!I", 1), _full(b"url ", 0, 1)))
    media = _box(
        b"mdia",
        _full(b"mdhd", 0, 0, struct.pack("!IIIIHH", 0, 0, timescale, 0, _packed(language), 0)),
        _full(b"hdlr", 0, 0, struct.pack("!I4s12x", 0, b"soun"), b"SoundHandler\0"),
        _box(b"minf", _full(b"smhd", 0, 0, bytes(4)), data_here, table),
    )
    tkhd = _full(b"tkhd", 0, 7, struct.pack("!IIIII8xhhHH", 0, 0, 1, 0, 0, 0, 1, 0x100, 0), _UNITY, bytes(8))
    mvhd = _full(b"mvhd", 0, 0, struct.pack("!IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x100), _UNITY, bytes(24), struct.pack("!I", 2))
    mvex = _box(b"mvex", _full(b"trex", 0, 0, struct.pack("!IIIII", 1, 1, 0, 0, 0)))
    moov = _box(b"moov", mvhd, _box(b"trak", tkhd, media), mvex)
    return _box(b"ftyp", b"iso6", bytes(4), b"iso6cmfcmp41") + moov


def _esds(config: bytes) -> bytes:
    """ES_Descriptor (ISO/IEC 14496-1, 7.2.6.5): MPEG-4 audio, an audio stream, bit rates not said."""
    info = _descriptor(5, config)
    decoder = _descriptor(4, struct.pack("!BB3xII", 0x40, 0x15, 0, 0), info)
    return _full(b"esds", 0, 0, _descriptor(3, struct.pack("!HB", 1, 0), decoder, _descriptor(6, b"\x02")))


def _descriptor(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes([tag, 0x80, 0x80, 0x80, len(body)]) + body  # lengths in four bytes, as everybody writes them


def _packed(language: str) -> int:
    """ISO 639-2 in fifteen bits; "und" for anything else."""
    code = language if len(language) == 3 and language.isascii() and language.islower() and language.isalpha() else "und"
    return sum((ord(letter) - 0x60) << shift for letter, shift in zip(code, (10, 5, 0), strict=True))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack("!I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack("!I", version << 24 | flags), *parts)
