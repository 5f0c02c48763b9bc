"""What is remembered of a file: nothing is asked of the source twice, and the partitions of an MXF all at once."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest

from mam.lib import ffmpeg
from mam.lib.media import mxf
from mam.lib.media.rangeserver import FIRST_CHUNK_BYTES, serving
from mam.lib.media.remembered import Memory, RememberedFile
from tests.lib.media.readers import MemoryFile

if TYPE_CHECKING:
    from tests.media import ClipLibrary

DATA = random.Random(5).randbytes(100_000)
INDEX_KEY = bytes.fromhex("060e2b34020501010d01020101110100")


def test_small_reads_are_asked_of_the_source_once() -> None:
    file, memory = MemoryFile(DATA), Memory(100_000, piece_bytes=1000)
    first, again = (RememberedFile(file, "version 1", memory) for _ in range(2))
    assert first.read_at(10, 1000) == again.read_at(10, 1000) == DATA[10:1010]
    assert first.read_at(10, 2000) == DATA[10:2010]
    assert RememberedFile(file, "version 2", memory).read_at(10, 1000) == DATA[10:1010]
    assert file.reads == [(10, 1000), (10, 2000), (10, 1000)]


def test_the_longest_unused_is_forgotten_first() -> None:
    file, memory = MemoryFile(DATA), Memory(3_000, piece_bytes=1000)
    remembered = RememberedFile(file, "version", memory)
    for offset in (0, 1000, 2000, 0, 3000, 0, 1000):
        remembered.read_at(offset, 1000)
    assert [offset for offset, _ in file.reads] == [0, 1000, 2000, 3000, 1000]


def test_pieces_are_read_at_once_and_only_those_that_are_not_there() -> None:
    file = MemoryFile(DATA)
    remembered = RememberedFile(file, "version", Memory(100_000, piece_bytes=1000))
    remembered.remember([5, 50_000, 99_900])
    remembered.remember([5, 60_000])
    remembered.remember([5, 60_000])
    assert len(file.reads) == 2
    assert remembered.read_at(50_000, 1000) == DATA[50_000:51_000]
    assert remembered.read_at(60_000, 1000) == DATA[60_000:61_000]
    assert remembered.read_at(99_900, 100) == DATA[99_900:]
    assert len(file.reads) == 2


def looked_at(file: MemoryFile, *, is_prepared: bool) -> int:
    """How often the source is asked while ffprobe looks at `file`."""
    remembered = RememberedFile(file, "version", Memory(64 * 1024 * 1024, piece_bytes=FIRST_CHUNK_BYTES))
    before = len(file.reads)
    if is_prepared:
        remembered.remember(mxf.partitions(remembered))
    with serving(remembered) as server:
        assert ffmpeg.probe(server.url, {"seekable": 1}, entries="format=duration")["format"]["duration"]
    return len(file.reads) - before


def test_the_partitions_of_a_long_mxf_cost_one_read(clips: ClipLibrary) -> None:
    path = clips.loop("op1a.mxf", "partitions.mxf", times=100)
    file = MemoryFile.of(path)
    offsets = mxf.partitions(file)
    assert len(offsets) > 20
    assert looked_at(file, is_prepared=False) > len(offsets)
    assert looked_at(file, is_prepared=True) < 20


def index_pack(entries: bytes, length: int | None = None) -> bytes:
    size = 16 + 4 + len(entries) + 4
    return INDEX_KEY + b"\x83" + (len(entries) + 4).to_bytes(3, "big") + entries + struct.pack(">I", size if length is None else length)


HEADER = bytes.fromhex("060e2b34020501010d01020101020400") + bytes(200)


@pytest.mark.parametrize(
    ("data", "offsets"),
    [
        (b"", []),
        (b"abc", []),
        (HEADER, []),
        (HEADER + index_pack(struct.pack(">IQIQ", 0, 0, 1, 100)), [0, 100]),
        (b"run-in" + HEADER + index_pack(struct.pack(">IQ", 1, 100)), [106]),
        (HEADER + index_pack(struct.pack(">IQIQ", 1, 2**63, 1, 100)), [100]),
        (HEADER + index_pack(b"short"), []),
        (HEADER + index_pack(struct.pack(">IQ", 1, 100), length=2**32 - 1), []),
        (HEADER + index_pack(struct.pack(">IQ", 1, 100), length=17), []),
        (b"no header" * 40 + index_pack(struct.pack(">IQ", 1, 100)), []),
        (HEADER + index_pack(struct.pack(">IQ", 1, 100) * 3000), []),
    ],
)
def test_a_damaged_or_hostile_index_names_nothing_outside(data: bytes, offsets: list[int]) -> None:
    assert mxf.partitions(MemoryFile(data)) == offsets
