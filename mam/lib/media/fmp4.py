"""Fragmented MP4 with one track (ISO/IEC 14496-12, CMAF): what lies where in it, and moving its fragments in time.

Reads what our own encoders wrote; files of others go to the worker processes. Nothing but box heads and `moof`s is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD_BYTES = 16
_MAX_META_BYTES = 64 * 1024 * 1024  # of a `moov` or `moof`
_NOT_SYNC = 0x0001_0000  # sample_is_non_sync_sample
TFHD_BASE_OFFSET, TFHD_DESCRIPTION, TFHD_DURATION, TFHD_SIZE, TFHD_FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20
TRUN_OFFSET, TRUN_FIRST_FLAGS, TRUN_DURATION, TRUN_SIZE, TRUN_FLAGS, TRUN_CTS = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800
_ESDS_TAG, _DECODER_CONFIG_TAG, _SPECIFIC_INFO_TAG = 0x03, 0x04, 0x05


class Fmp4Error(ValueError):
    """The bytes are not a fragmented MP4 with one track, or end in the middle of it."""


class NoFragmentError(Fmp4Error):
    """A whole file with an init segment, and nothing else in it."""


class Box(NamedTuple):
    """A box: its type, where it begins, where its content begins, where it ends."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a fragment in decode order, a list a field. Times in ticks of the track."""

    offsets: list[int]  # of their bytes, from the start of the fragment
    sizes: list[int]  # bytes
    decode_times: list[int]
    durations: list[int]
    compositions: list[int]  # presentation minus decode time; may be negative
    syncs: list[bool]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def shown(self) -> list[int]:
        """When each is presented."""
        return list(map(add, self.decode_times, self.compositions))


@dataclass(frozen=True, slots=True)
class Fragment:
    """A `moof` with its `mdat`."""

    offset: int  # in the file
    head_bytes: int  # of the `moof`
    size_bytes: int
    decode_time: int  # `tfdt`
    duration: int  # of all its samples, in ticks
    start: int  # the earliest presentation time in it, in ticks
    samples: int
    is_sync: bool  # begins with a keyframe


@dataclass(frozen=True, slots=True)
class TrackDefaults:
    """What `trex` says about samples for which nothing else is said."""

    duration: int = 0
    size_bytes: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Init:
    """An init segment (`ftyp` and `moov`) and what it says."""

    data: bytes
    timescale: int
    codecs: str  # RFC 6381
    audio_config: bytes  # AudioSpecificConfig of an AAC track, else b""
    defaults: TrackDefaults


@dataclass(frozen=True, slots=True)
class FragmentedTrack:
    """A whole file: init segment, then fragments without holes."""

    init: Init
    fragments: tuple[Fragment, ...]


# --- boxes ------------------------------------------------------------------------------------------------------------
def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes in `data` from `start` to `end`. Fmp4Error where one is not whole."""
    end = len(data) if end is None else end
    while start < end:
        box = _head(data[start : min(end, start + _HEAD_BYTES)], start)
        if box.end > end:
            raise Fmp4Error(f"the box {box.kind!r} is not whole")
        yield box
        start = box.end


def find(data: bytes, path: str, start: int = 0, end: int | None = None) -> Box | None:
    """The first box at `path` ("moov/trak/mdia"); None if there is none."""
    box = None
    for kind in path.encode("ascii").split(b"/"):
        box = next((box for box in boxes(data, start, end) if box.kind == kind), None)
        if box is None:
            return None
        start, end = box.body, box.end
    return box


def _need(data: bytes, path: str, start: int = 0, end: int | None = None) -> Box:
    box = find(data, path, start, end)
    if box is None:
        raise Fmp4Error(f"no {path}")
    return box


def _head(data: bytes, start: int) -> Box:
    """The box whose first bytes these are. A size of 0 ("to the end of the file") is not allowed in a stream."""
    if len(data) < 8:
        raise Fmp4Error("a box is cut off")
    size, kind = struct.unpack_from("!I4s", data)
    body = 8
    if size == 1 and len(data) >= _HEAD_BYTES:
        size, body = struct.unpack_from("!Q", data, 8)[0], _HEAD_BYTES
    if size < body:
        raise Fmp4Error(f"the box {kind!r} has {size} bytes")
    return Box(kind, start, start + body, start + size)


# --- a pipe -----------------------------------------------------------------------------------------------------------
class FragmentCutter:
    """Cuts what an encoder writes into a pipe: `init` once it is complete, and whole fragments (`moof` and `mdat`) as they come."""

    def __init__(self) -> None:
        self.init: Init | None = None
        self._rest = bytearray()
        self._head = b""  # of what comes next: `ftyp` before its `moov`, `moof` before its `mdat`

    def feed(self, data: bytes) -> list[bytes]:
        """The fragments that are complete now. Fmp4Error if the stream is something else."""
        self._rest += data
        fragments = []
        while len(self._rest) >= _HEAD_BYTES:
            box = _head(bytes(self._rest[:_HEAD_BYTES]), 0)
            if box.end > _MAX_META_BYTES:
                raise Fmp4Error(f"a box {box.kind!r} of {box.end} bytes")
            if box.end > len(self._rest):
                break
            part = bytes(self._rest[: box.end])
            del self._rest[: box.end]
            if box.kind == b"mdat" and self.init is not None and self._head:
                fragments.append(self._head + part)
                self._head = b""
            elif box.kind == b"moov":
                self.init, self._head = read_init(self._head + part), b""
            elif box.kind in (b"ftyp", b"moof") and not self._head:
                self._head = part
            else:
                raise Fmp4Error(f"a box {box.kind!r} has no place here")
        return fragments


# --- a file -----------------------------------------------------------------------------------------------------------
def read_track(file: BinaryIO) -> FragmentedTrack:
    """Index a file from its start. Fmp4Error if it is not a whole one with an init segment and at least one fragment: NoFragmentError
    where it lacks nothing but that.
    """
    size = file.seek(0, 2)
    position, init_data = 0, b""
    init: Init | None = None
    fragments: list[Fragment] = []
    moof: tuple[int, bytes] | None = None
    while position < size:
        file.seek(position)
        box = _head(file.read(_HEAD_BYTES), position)
        if box.end > size:
            raise Fmp4Error(f"the box {box.kind!r} is not whole")
        if box.kind in (b"ftyp", b"moov"):
            init_data += _read(file, box)
            if box.kind == b"moov":
                init = read_init(init_data)
        elif box.kind == b"moof":
            moof = position, _read(file, box)
        elif box.kind == b"mdat" and moof is not None and init is not None:
            fragments.append(_fragment(moof[1], moof[0], box.end, init.defaults))
            moof = None
        else:
            raise Fmp4Error(f"a box {box.kind!r} has no place here")
        position = box.end
    if init is None or moof is not None:
        raise Fmp4Error("no init segment, or half of a fragment")
    if not fragments:
        raise NoFragmentError("no fragment")
    return FragmentedTrack(init, tuple(fragments))


def _read(file: BinaryIO, box: Box) -> bytes:
    if box.end - box.start > _MAX_META_BYTES:
        raise Fmp4Error(f"a box {box.kind!r} of {box.end - box.start} bytes")
    file.seek(box.start)
    return file.read(box.end - box.start)


def _fragment(moof: bytes, offset: int, end: int, defaults: TrackDefaults) -> Fragment:
    samples = read_samples(moof, defaults)
    if not samples:
        raise Fmp4Error("a fragment without samples")
    return Fragment(
        offset=offset,
        head_bytes=len(moof),
        size_bytes=end - offset,
        decode_time=samples.decode_times[0],
        duration=sum(samples.durations),
        start=min(samples.shown),
        samples=len(samples),
        is_sync=samples.syncs[0],
    )


def read_init(data: bytes) -> Init:
    """What an init segment says. Fmp4Error if there is not exactly one track in it."""
    moov = _need(data, "moov")
    if sum(box.kind == b"trak" for box in boxes(data, moov.body, moov.end)) != 1:
        raise Fmp4Error("not one track")
    mdhd = _need(data, "moov/trak/mdia/mdhd")
    timescale = struct.unpack_from("!I", data, mdhd.body + (20 if data[mdhd.body] == 1 else 12))[0]
    codecs, audio_config = _codecs(data)
    trex = find(data, "moov/mvex/trex")
    defaults = TrackDefaults(*struct.unpack_from("!III", data, trex.body + 12)) if trex else TrackDefaults()
    return Init(data=data, timescale=timescale, codecs=codecs, audio_config=audio_config, defaults=defaults)


def _codecs(data: bytes) -> tuple[str, bytes]:
    """(RFC 6381 name, AudioSpecificConfig) of the sample entry."""
    stsd = _need(data, "moov/trak/mdia/minf/stbl/stsd")
    entry = next(boxes(data, stsd.body + 8, stsd.end), None)
    if entry is None:
        raise Fmp4Error("no sample entry")
    if entry.kind in (b"avc1", b"avc3"):
        config = _need(data, "avcC", entry.body + 78, entry.end)  # 78: the fields of a VisualSampleEntry
        return f"{entry.kind.decode()}.{data[config.body + 1 : config.body + 4].hex()}", b""
    if entry.kind == b"mp4a":
        config = _need(data, "esds", entry.body + 28, entry.end)  # 28: the fields of an AudioSampleEntry
        audio_config = _audio_config(data[config.body + 4 : config.end])
        return f"mp4a.40.{_object_type(audio_config)}", audio_config
    return entry.kind.decode("latin-1"), b""


def _object_type(audio_config: bytes) -> int:
    """MPEG-4 audio object type (ISO/IEC 14496-3, 1.6.2.1); 2 is AAC-LC."""
    kind = audio_config[0] >> 3
    return kind if kind != 31 else 32 + ((audio_config[0] & 7) << 3 | audio_config[1] >> 5)


def _audio_config(esds: bytes) -> bytes:
    """The AudioSpecificConfig inside of an ES_Descriptor (ISO/IEC 14496-1, 7.2.6.5)."""
    position = 0
    while position + 2 <= len(esds):
        tag, position = esds[position], position + 1
        length = 0
        while position < len(esds):
            byte, position = esds[position], position + 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if tag == _SPECIFIC_INFO_TAG and length >= 2:
            return esds[position : position + length]
        # Go into the descriptors that hold others: past ES_ID and flags, or past the decoder's fields.
        position += {_ESDS_TAG: 3, _DECODER_CONFIG_TAG: 13}.get(tag, length)
    raise Fmp4Error("no AudioSpecificConfig")


# --- fragments --------------------------------------------------------------------------------------------------------
def read_samples(moof: bytes, defaults: TrackDefaults) -> Samples:
    """The samples of a fragment whose `moof` begins at 0 (`mdat` follows it)."""
    traf = _need(moof, "moof/traf")
    duration, size, flags = _track_fragment_defaults(moof, _need(moof, "tfhd", traf.body, traf.end), defaults)
    time = _decode_time(moof, _need(moof, "tfdt", traf.body, traf.end))
    samples = Samples([], [], [], [], [], [])
    offset = len(moof) + 8
    for trun in (box for box in boxes(moof, traf.body, traf.end) if box.kind == b"trun"):
        has = int.from_bytes(moof[trun.body + 1 : trun.body + 4])
        (count,) = struct.unpack_from("!I", moof, trun.body + 4)
        position = trun.body + 8
        if has & TRUN_OFFSET:
            offset, position = struct.unpack_from("!i", moof, position)[0], position + 4
        first_flags = flags
        if has & TRUN_FIRST_FLAGS:
            first_flags, position = struct.unpack_from("!I", moof, position)[0], position + 4
        columns = _columns(moof[position : trun.end], has, count)
        sizes = columns.get(TRUN_SIZE) or (size,) * count
        durations = columns.get(TRUN_DURATION) or (duration,) * count
        own_flags = columns.get(TRUN_FLAGS) or (flags if samples else first_flags, *(flags,) * (count - 1))[:count]
        *offsets, offset = accumulate(sizes, initial=offset)
        *times, time = accumulate(durations, initial=time)
        samples.offsets.extend(offsets)
        samples.sizes.extend(sizes)
        samples.decode_times.extend(times)
        samples.durations.extend(durations)
        samples.compositions.extend(columns.get(TRUN_CTS) or (0,) * count)
        samples.syncs.extend([not bits & _NOT_SYNC for bits in own_flags])
    return samples


def _columns(table: bytes, has: int, count: int) -> dict[int, tuple[int, ...]]:
    """The columns of a `trun` by field. Composition offsets are read as signed: nobody writes one of 2^31 ticks."""
    fields = trun_fields(has)
    row = trun_row(has)
    if len(table) < row.size * count:
        raise Fmp4Error("a table of samples is cut off")
    if not fields or not count:
        return {}
    return dict(zip(fields, zip(*row.iter_unpack(table[: row.size * count]), strict=True), strict=True))


def trun_fields(has: int) -> list[int]:
    """The fields that each row of a `trun` with these flags has, in order."""
    return [field for field in (TRUN_DURATION, TRUN_SIZE, TRUN_FLAGS, TRUN_CTS) if has & field]


def trun_row(has: int) -> struct.Struct:
    """One row of a `trun` with these flags."""
    return struct.Struct("!" + "".join("i" if field == TRUN_CTS else "I" for field in trun_fields(has)))


def _track_fragment_defaults(moof: bytes, tfhd: Box, defaults: TrackDefaults) -> tuple[int, int, int]:
    """(duration, size, flags) of samples that say nothing themselves."""
    has = int.from_bytes(moof[tfhd.body + 1 : tfhd.body + 4])
    position = tfhd.body + 8 + (8 if has & TFHD_BASE_OFFSET else 0) + (4 if has & TFHD_DESCRIPTION else 0)
    values = []
    for field, default in ((TFHD_DURATION, defaults.duration), (TFHD_SIZE, defaults.size_bytes), (TFHD_FLAGS, defaults.flags)):
        if has & field:
            values.append(struct.unpack_from("!I", moof, position)[0])
            position += 4
        else:
            values.append(default)
    return values[0], values[1], values[2]


def _decode_time(moof: bytes, tfdt: Box) -> int:
    value: int = struct.unpack_from("!Q" if moof[tfdt.body] == 1 else "!I", moof, tfdt.body + 4)[0]
    return value


def restamped(fragment: bytes, *, decode_time: int, sequence: int) -> bytes:
    """A fragment (`moof` and `mdat`) moved to another time: `tfdt` in ticks, and its number in the track, from 1."""
    tfdt, mfhd = _need(fragment, "moof/traf/tfdt"), _need(fragment, "moof/mfhd")
    moved = bytearray(fragment)
    struct.pack_into("!Q" if fragment[tfdt.body] == 1 else "!I", moved, tfdt.body + 4, decode_time)
    struct.pack_into("!I", moved, mfhd.body + 4, sequence)
    return bytes(moved)
