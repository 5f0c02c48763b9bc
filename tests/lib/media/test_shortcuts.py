"""What FFmpeg is shown instead of the whole index: the same answers, from a fraction of the bytes."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mam.lib.media import Kind, LocalFile
from mam.lib.media.blocks import BlockFile
from mam.lib.media.isobmff import Box, boxes, find, fragmented_duration, layout, rotation
from mam.lib.media.sampletables import shortened
from tests.lib.media.readers import MemoryFile
from tests.lib.media.test_descriptions import described, ffprobe
from tests.media import box

if TYPE_CHECKING:
    from mam.lib.media import MediaWorkers
    from tests.media import ClipLibrary

FASTSTART = ("-movflags", "faststart")


@pytest.mark.parametrize(("target", "arguments"), [("index_end.mp4", ()), ("index_start.mp4", FASTSTART), ("index_end.mov", ())])
def test_long_sample_tables_are_skipped(target: str, arguments: tuple[str, ...], clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    path = clips.loop("moov_end.mp4", target, times=700, arguments=arguments)
    with LocalFile(path) as file:
        outcome = media_workers.probe(file, name=target)
    theirs = ffprobe(path)
    path.unlink()
    assert outcome.ok and outcome.description is not None
    ours = outcome.description
    assert outcome.bytes_read < 600_000  # the index alone has 1.6 MB
    assert outcome.requests <= 14
    assert ours.duration_ms == pytest.approx(theirs.duration_ms, abs=50)
    assert ours.bit_rate_bps == pytest.approx(theirs.bit_rate_bps, rel=0.001)
    assert [replace(stream, bit_rate_bps=None) for stream in ours.streams] == [
        replace(stream, bit_rate_bps=None, frame_rate=stream.frame_rate if stream.kind is Kind.VIDEO else None) for stream in theirs.streams
    ]


def test_a_long_mxf_is_not_walked_partition_by_partition(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    path = clips.loop("op1a.mxf", "partitions.mxf", times=100)
    with LocalFile(path) as file:
        outcome = media_workers.probe(file, name="partitions.mxf")
    theirs = ffprobe(path)
    assert outcome.ok and outcome.description is not None
    assert outcome.requests <= 8
    assert outcome.description.duration_ms == theirs.duration_ms


def table(kind: bytes, count: int, entries: bytes, before: bytes = b"") -> bytes:
    return box(kind, bytes(4) + before + struct.pack("!I", count) + entries)


def index_of(*tables: bytes) -> bytes:
    """A file of nothing but an index with one track of these tables, and a box behind it."""
    nested = b"".join(tables)
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        nested = box(kind, nested)
    return nested + box(b"mdat", bytes(1000))


def opened(data: bytes) -> tuple[BlockFile, Box]:
    file = BlockFile(MemoryFile(data).read_at, len(data))
    found = layout(file).moov
    assert found is not None
    return file, found


def test_a_variable_rate_keeps_its_length_and_number_of_frames() -> None:
    durations = [40 + number % 7 for number in range(200_000)]
    stts = table(b"stts", len(durations), b"".join(struct.pack("!II", 1, duration) for duration in durations))
    file, moov = opened(index_of(stts))
    overlay = shortened(file, moov)
    assert overlay is not None
    file.overlays = (overlay,)
    short = find(file, moov.payload, moov.end, b"trak", b"mdia", b"minf", b"stbl", b"stts")
    assert short is not None and short.end - short.start == 32
    entries = list(struct.iter_unpack("!II", file.peek(short.payload + 8, 16)))
    assert sum(count for count, _ in entries) == len(durations)
    assert sum(count * duration for count, duration in entries) == sum(durations)


def test_chunks_and_their_runs_stay_in_step() -> None:
    runs = table(b"stsc", 30_000, b"".join(struct.pack("!III", 1 + number * 3, 2, 1) for number in range(30_000)))
    chunks = table(b"stco", 90_000, bytes(4 * 90_000))
    sizes = table(b"stsz", 200_000, bytes(4 * 200_000), before=bytes(4))
    file, moov = opened(index_of(runs, sizes, chunks))
    overlay = shortened(file, moov)
    assert overlay is not None
    file.overlays = (overlay,)
    inside = find(file, moov.payload, moov.end, b"trak", b"mdia", b"minf", b"stbl")
    assert inside is not None
    parts = {part.type: file.peek(part.payload, part.end - part.payload) for part in boxes(file, inside.payload, inside.end)}
    kept_chunks = struct.unpack_from("!I", parts[b"stco"], 4)[0]
    count = struct.unpack_from("!I", parts[b"stsc"], 4)[0]
    assert struct.unpack_from("!I", parts[b"stsc"], 8 + (count - 1) * 12)[0] <= kept_chunks
    assert [part.type for part in boxes(file, 0, file.size_bytes)] == [b"moov", b"free", b"mdat"]


@pytest.mark.parametrize("size", [0, 1, 7, 2**31, 2**32 - 1])
def test_damaged_sizes_end_a_walk(size: int) -> None:
    data = struct.pack("!I4s", 16, b"ftyp") + bytes(8) + struct.pack("!I4s", size, b"moov") + bytes(100)
    file = BlockFile(MemoryFile(data).read_at, len(data))
    walked = list(boxes(file, 0, len(data)))
    assert len(walked) <= 2
    layout(file)


def test_a_short_index_is_left_as_it_is(clips: ClipLibrary) -> None:
    file, moov = opened(clips["moov_end.mp4"].read_bytes())
    assert shortened(file, moov) is None


@pytest.mark.parametrize("name", ["fragmented.mp4", "fragmented_bare.mp4", "fragmented_sidx.mp4"])
def test_the_last_fragment_tells_the_duration(name: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    file, moov = opened(clips[name].read_bytes())
    duration = fragmented_duration(file, moov)
    assert duration is not None
    assert round(duration * 1000) == described(media_workers, clips[name]).duration_ms


def test_rotation_is_in_the_track_header(clips: ClipLibrary) -> None:
    assert rotation(*opened(clips["rotated.mp4"].read_bytes())) == 270
    assert rotation(*opened(clips["moov_end.mp4"].read_bytes())) == 0
