"""The hot cache: within its budget, whole entries only, nothing taken from a reader, whoever dies."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mam.lib.storages import ObjectMissingError
from streaming.stores import hot_sweep
from streaming.stores.hot import BLOCK_BYTES, HotCache

if TYPE_CHECKING:
    from collections.abc import Callable

KB = 1000
OBJECT = random.Random(3).randbytes(5 * BLOCK_BYTES + 777)
NAME = "streams/07/7-0123/v720.mp4"


@pytest.fixture
def cache(tmp_path: Path) -> HotCache:
    return HotCache(tmp_path / "media", budget_bytes=100 * KB, reserve_bytes=0)


def entry(cache: HotCache, number: int) -> Path:
    return cache.root / "segments" / "07" / "7-abc" / "v720" / f"{number}.m4s"


def age(path: Path, seconds: float) -> None:
    """As if it had been used so long ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))


def files(cache: HotCache) -> list[Path]:
    """Everything in it that is an entry."""
    return [path for path in cache.root.rglob("*") if path.is_file() and not any(part.startswith(".") for part in path.parts)]


def total_bytes(cache: HotCache) -> int:
    return sum(path.stat().st_size for path in files(cache))


def put_old(cache: HotCache, *numbers: int, size_bytes: int = 20 * KB) -> None:
    """Entries that nobody used for an hour, the first the longest."""
    for place, number in enumerate(numbers):
        cache.put(entry(cache, number), bytes(size_bytes))
        age(entry(cache, number), 3600 - place)


def test_what_is_put_is_read(cache: HotCache) -> None:
    cache.put(entry(cache, 1), b"segment")
    with cache.reading(entry(cache, 1)) as opened:
        assert opened.read() == b"segment"
    assert cache.used_bytes() == total_bytes(cache) == 7


def test_what_is_not_there_is_said(cache: HotCache) -> None:
    with pytest.raises(FileNotFoundError), cache.reading(entry(cache, 1)):
        pass
    assert not cache.use(entry(cache, 1))


def test_the_longest_unused_goes_when_there_is_too_much(cache: HotCache) -> None:
    put_old(cache, 1, 2, 3, 4, 5)
    assert cache.use(entry(cache, 1))  # used again, just now
    cache.put(entry(cache, 6), bytes(20 * KB))
    assert sorted(path.name for path in files(cache)) == ["1.m4s", "4.m4s", "5.m4s", "6.m4s"]
    assert cache.used_bytes() == total_bytes(cache) == 80 * KB


def test_what_is_being_read_stays(cache: HotCache) -> None:
    put_old(cache, 1, 2, 3, 4, 5)
    with cache.reading(entry(cache, 1)) as opened:
        age(entry(cache, 1), 7200)
        cache.put(entry(cache, 6), bytes(20 * KB))
        assert entry(cache, 1).exists()
        assert len(opened.read()) == 20 * KB
    age(entry(cache, 1), 7200)
    cache.put(entry(cache, 7), bytes(40 * KB))
    assert not entry(cache, 1).exists()


def test_what_another_process_reads_stays(cache: HotCache) -> None:
    put_old(cache, 1, 2, 3, 4, 5)
    reader = subprocess.Popen(["flock", "--shared", entry(cache, 1), "sh", "-c", "echo reading; read -r _"], stdin=-1, stdout=-1)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"reading\n"
    cache.put(entry(cache, 6), bytes(20 * KB))
    assert entry(cache, 1).exists()
    reader.kill()
    reader.communicate()
    age(entry(cache, 1), 7200)
    cache.put(entry(cache, 7), bytes(40 * KB))
    assert not entry(cache, 1).exists()


def test_what_was_handed_out_a_moment_ago_stays(cache: HotCache) -> None:
    """nginx opens a file by the path it was given."""
    for number in range(8):
        cache.put(entry(cache, number), bytes(20 * KB))
    assert len(files(cache)) == 8
    for path in files(cache):
        age(path, hot_sweep.IN_USE_S + 1)
    cache.sweep()
    assert total_bytes(cache) <= 90 * KB


def test_a_disk_that_is_nearly_full_makes_the_budget_smaller(cache: HotCache) -> None:
    put_old(cache, 1, 2, 3)
    swept = HotCache(cache.root, budget_bytes=100 * KB, reserve_bytes=1 << 60).sweep()
    assert swept is not None
    assert (swept.evicted_files, files(cache), cache.used_bytes()) == (3, [], 0)


def test_empty_folders_go_with_their_last_entry(cache: HotCache) -> None:
    put_old(cache, 1, 2)
    HotCache(cache.root, budget_bytes=0, reserve_bytes=0).sweep()
    cache.sweep()
    assert [path for path in cache.root.iterdir() if not path.name.startswith(".")] == []
    cache.put(entry(cache, 1), b"x")
    assert entry(cache, 1).exists()


def test_a_lock_that_others_hold_beside_segments_stays(cache: HotCache) -> None:
    """The encoders' locks: beside entries, when young, and when held."""
    locks = [cache.directory_of(file_id=number, fingerprint="f", track="v0") / ".lock" for number in range(4)]
    for lock in locks:
        lock.parent.mkdir(parents=True)
        lock.touch()
        age(lock, 100_000)
    cache.put(locks[0].with_name("0.m4s"), b"x")
    age(locks[1], 10)
    holder = subprocess.Popen(["flock", locks[2], "sh", "-c", "echo held; read -r _"], stdin=-1, stdout=-1)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    cache.sweep()
    assert [lock.exists() for lock in locks] == [True, True, True, False]
    holder.kill()
    holder.communicate()


def test_only_one_sweeps_at_a_time(cache: HotCache) -> None:
    put_old(cache, 1)
    with cache._locked("sweep"):
        assert cache.sweep() is None
    assert cache.sweep() is not None


# --- objects of another machine ---------------------------------------------------------------------------------------
class Store:
    """Counts what is fetched from it."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, int]] = []

    def fetch(self, name: str, offset: int, length: int) -> bytes:
        if name != NAME:
            raise ObjectMissingError(name=name)
        self.requests.append((offset, length))
        return OBJECT[offset : offset + length]


@pytest.fixture
def wide(tmp_path: Path) -> HotCache:
    return HotCache(tmp_path / "media", budget_bytes=100_000 * KB, reserve_bytes=0)


def test_any_range_is_as_in_the_store(wide: HotCache) -> None:
    store, chance = Store(), random.Random(4)
    for _ in range(200):
        offset = chance.randrange(len(OBJECT))
        length = chance.randrange(min(3 * BLOCK_BYTES, len(OBJECT) - offset + 1))
        assert wide.read_through(NAME, offset, length, fetch=store.fetch) == OBJECT[offset : offset + length]
    assert len(store.requests) <= 6  # each brought a block that was not here
    assert wide.read_through(NAME, len(OBJECT) - 5, 100, fetch=store.fetch) == OBJECT[-5:]
    assert wide.read_through(NAME, len(OBJECT) + 5, 100, fetch=store.fetch) == b""


def test_neighbours_come_in_one_request_and_only_once(wide: HotCache) -> None:
    store = Store()
    wide.read_through(NAME, BLOCK_BYTES + 5, 2 * BLOCK_BYTES, fetch=store.fetch)
    assert store.requests == [(BLOCK_BYTES, 3 * BLOCK_BYTES)]
    wide.read_through(NAME, BLOCK_BYTES, 3 * BLOCK_BYTES, fetch=store.fetch)
    assert len(store.requests) == 1
    assert wide.used_bytes() == total_bytes(wide)


@pytest.mark.parametrize(
    "damage", [lambda path: os.truncate(path, 1000), lambda path: os.truncate(path, 0), Path.unlink], ids=["short", "empty", "gone"]
)
def test_a_torn_block_is_fetched_again(wide: HotCache, damage: Callable[[Path], None]) -> None:
    store = Store()
    assert wide.read_through(NAME, 0, 10, fetch=store.fetch) == OBJECT[:10]
    (block,) = files(wide)
    damage(block)
    assert wide.read_through(NAME, 0, 10, fetch=store.fetch) == OBJECT[:10]
    assert len(store.requests) == 2


def test_a_block_whose_bytes_changed_is_fetched_again(wide: HotCache) -> None:
    store = Store()
    wide.read_through(NAME, 0, 10, fetch=store.fetch)
    (block,) = files(wide)
    data = bytearray(block.read_bytes())
    data[1000] ^= 1
    block.write_bytes(data)
    assert wide.read_through(NAME, 990, 10, fetch=store.fetch) == OBJECT[990:1000]
    assert len(store.requests) == 2


def test_readers_at_once_cost_one_request(wide: HotCache) -> None:
    store, gate = Store(), threading.Barrier(8)

    def read() -> bytes:
        gate.wait(20)
        return wide.read_through(NAME, 100, 200, fetch=store.fetch)

    with ThreadPoolExecutor(8) as threads:
        answers = [future.result(20) for future in [threads.submit(read) for _ in range(8)]]
    assert set(answers) == {OBJECT[100:300]}
    assert len(store.requests) == 1


def test_a_missing_object_is_missing_and_nothing_is_kept_of_it(wide: HotCache) -> None:
    with pytest.raises(ObjectMissingError):
        wide.read_through("streams/07/7-0123/other", 0, 10, fetch=Store().fetch)
    assert files(wide) == []


def test_a_cache_that_cannot_be_written_is_no_reason_not_to_answer(wide: HotCache) -> None:
    wide.root.mkdir()
    (wide.root / "blocks").write_text("in the way")
    assert wide.read_through(NAME, 100, 200, fetch=Store().fetch) == OBJECT[100:300]


# --- many processes, and their deaths ---------------------------------------------------------------------------------
WRITER = """
import sys
from pathlib import Path
from streaming.stores.hot import HotCache
cache = HotCache(Path(sys.argv[1]), budget_bytes=100_000, reserve_bytes=0)
number = 0
while True:
    number += 1
    cache.put(cache.root / "segments" / sys.argv[2] / f"{number}.m4s", bytes(5_000))
    if number == 3:
        print("writing", flush=True)
"""


def start_writer(cache: HotCache, name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, cache.root, name], stdout=subprocess.PIPE)


def test_killed_writers_leave_whole_entries_and_a_count_that_a_sweep_puts_right(cache: HotCache, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    for round_number in range(3):
        writers = [start_writer(cache, f"{round_number}-{number}") for number in range(2)]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"writing\n"
        time.sleep(chance.random() / 5)  # any moment will do
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    assert {path.stat().st_size for path in files(cache)} == {5_000}
    assert cache.used_bytes() >= total_bytes(cache)
    monkeypatch.setattr(hot_sweep, "IN_USE_S", 0)
    monkeypatch.setattr(hot_sweep, "_DRAFT_AGE_S", 0)
    cache.sweep()
    assert cache.used_bytes() == total_bytes(cache) <= 100 * KB
    assert not list(cache.root.rglob("*.part"))
    cache.put(entry(cache, 1), b"and the locks are free")
