"""The block cache: the right bytes, in few requests, none twice."""

from __future__ import annotations

import random
from io import SEEK_CUR, SEEK_END

from hypothesis import given
from hypothesis import strategies as st

from mam.lib.media.blocks import BLOCK_BYTES, HEAD_BLOCKS, MAX_READ_AHEAD_BLOCKS, BlockFile, Overlay

DATA = random.Random(1).randbytes(5 * 1024 * 1024 + 17)


class Fetches:
    def __init__(self, data: bytes = DATA) -> None:
        self.data = data
        self.made: list[tuple[int, int]] = []

    def __call__(self, offset: int, length: int) -> bytes:
        self.made.append((offset, length))
        return self.data[offset : offset + length]


@given(st.lists(st.tuples(st.integers(0, len(DATA) + 100_000), st.integers(0, 300_000)), max_size=20))
def test_reads_are_those_of_a_plain_file(reads: list[tuple[int, int]]) -> None:
    fetches = Fetches()
    file = BlockFile(fetches, len(DATA))
    for offset, length in reads:
        assert file.seek(offset) == offset
        assert file.read(length) == DATA[offset : offset + length]
        assert file.tell() == offset + len(DATA[offset : offset + length])
    blocks = [block for offset, length in fetches.made for block in range(offset // BLOCK_BYTES, -(-(offset + length) // BLOCK_BYTES))]
    assert len(blocks) == len(set(blocks))  # nothing is read twice


@given(
    st.lists(st.tuples(st.integers(0, len(DATA)), st.integers(1, 200_000)), min_size=1, max_size=10),
    st.lists(st.tuples(st.integers(0, 1000), st.binary(max_size=100)), min_size=1, max_size=4),
)
def test_overlays_hide_what_is_below(reads: list[tuple[int, int]], parts: list[tuple[int, bytes]]) -> None:
    overlays = []
    for number, (distance, content) in enumerate(parts):
        start = 1_000_000 * number + distance
        overlays.append(Overlay(start, start + 120, content))
    shown = bytearray(DATA)
    for overlay in overlays:
        shown[overlay.start : overlay.end] = overlay.content.ljust(120, b"\0")
    file = BlockFile(Fetches(), len(DATA))
    file.overlays = tuple(overlays)
    for offset, length in reads:
        assert file.peek(offset, length) == shown[offset : offset + length]


def test_the_first_read_brings_the_head() -> None:
    fetches = Fetches()
    BlockFile(fetches, len(DATA)).read(10)
    assert fetches.made == [(0, HEAD_BLOCKS * BLOCK_BYTES)]


def test_reading_straight_on_reads_ahead_more_and_more() -> None:
    fetches = Fetches()
    file = BlockFile(fetches, len(DATA))
    while file.read(32768):
        pass
    lengths = [length // BLOCK_BYTES for _, length in fetches.made]
    assert lengths[:4] == [2, 2, 4, 8]
    assert max(lengths) == MAX_READ_AHEAD_BLOCKS
    assert sum(length for _, length in fetches.made) == len(DATA)


def test_jumping_about_reads_one_block_each() -> None:
    fetches = Fetches()
    file = BlockFile(fetches, len(DATA))
    file.read(1)
    for offset in (3_000_000, 1_000_000, 4_000_000):
        file.seek(offset)
        file.read(1)
    assert [length for _, length in fetches.made[1:]] == [BLOCK_BYTES] * 3


def test_seeking_as_files_do() -> None:
    file = BlockFile(Fetches(), len(DATA))
    assert file.seek(-10, SEEK_END) == len(DATA) - 10
    assert file.read() == DATA[-10:]
    file.seek(100)
    assert file.seek(-40, SEEK_CUR) == 60
    assert file.seek(-1000) == 0
    file.seek(len(DATA) + 5)
    assert file.read(5) == b""


def test_a_file_that_became_shorter_ends_early() -> None:
    file = BlockFile(Fetches(DATA[:100_000]), len(DATA))
    assert file.read(300_000) == DATA[:100_000]


def test_uncached_peeks_read_just_that_and_use_what_is_there() -> None:
    fetches = Fetches()
    file = BlockFile(fetches, len(DATA))
    file.read(1)
    assert file.peek_uncached(10, 50) == DATA[10:60]
    assert file.peek_uncached(2_000_000, 50) == DATA[2_000_000:2_000_050]
    assert fetches.made[1:] == [(2_000_000, 50)]
