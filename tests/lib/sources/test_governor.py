"""The read governor: one contract for every ledger, and readers of several processes that keep to one budget."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
import redis

from mam.lib.sources import Limits, open_source
from mam.lib.sources.errors import TooManyOpenError
from mam.lib.sources.governor import Governor
from mam.lib.sources.ledgers import FileLedger, MemoryLedger, RedisLedger
from mam.lib.sources.pool import Timing
from tests.fixtures.processes import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from mam.lib.sources import Ledger

LEDGERS = ["memory", "file", pytest.param("redis", marks=pytest.mark.redis)]
ERRORS = (OSError, redis.RedisError)


def on_redis(url: str, name: str, machine: Ledger) -> RedisLedger:
    return RedisLedger(redis.Redis.from_url(url, socket_timeout=1), name, machine, errors=ERRORS)


@pytest.fixture
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    if request.param == "memory":
        return MemoryLedger()
    machine = FileLedger(tmp_path / "ledger")
    return machine if request.param == "file" else on_redis(request.getfixturevalue("redis_url"), str(tmp_path), machine)


@pytest.mark.parametrize("ledger", LEDGERS, indirect=True)
def test_time_is_booked_one_after_the_other_and_a_second_is_saved_up(ledger: Ledger) -> None:
    assert ledger.book(5) <= 0  # at once: nobody was there
    assert ledger.book(3) == pytest.approx(4, abs=0.3)
    assert ledger.book(0) == pytest.approx(7, abs=0.3)


@pytest.mark.parametrize("ledger", LEDGERS, indirect=True)
def test_threads_share_it(ledger: Ledger) -> None:
    threads = [threading.Thread(target=ledger.book, args=(0.5,)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.book(0) == pytest.approx(19, abs=1)


@pytest.mark.parametrize("ledger", LEDGERS, indirect=True)
def test_so_many_files_are_open_and_no_more(ledger: Ledger) -> None:
    first, second = ledger.hold(2), ledger.hold(2)
    assert first is not None and second is not None
    assert ledger.hold(2) is None
    first.release()
    third = ledger.hold(2)
    assert third is not None
    assert ledger.hold(2) is None
    second.release()
    third.release()


def test_who_opens_one_too_many_waits_and_is_told_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    now_s = [0.0]

    def sleep(seconds: float) -> None:
        now_s[0] += seconds
        if 3 < now_s[0] < 3.06:
            one.close()

    fs = open_source(tmp_path.as_uri(), limits=Limits(open_files=1), timing=Timing(lambda: now_s[0], sleep))
    one = fs.open("clip.mp4")
    with fs.open("clip.mp4") as two:
        assert two.read_at(0, 4) == b"clip"
        assert now_s[0] < 4
        with pytest.raises(TooManyOpenError):
            fs.open("clip.mp4")
    with pytest.raises(Exception, match="missing"):
        fs.open("missing")
    fs.open("clip.mp4").close()  # what failed to open is not counted


def test_what_is_limited_is_read_here_and_by_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    assert open_source(tmp_path.as_uri(), limits=Limits()).local_path("clip.mp4") is not None
    assert open_source(tmp_path.as_uri(), limits=Limits(bytes_per_s=1_000_000)).local_path("clip.mp4") is None


def test_pieces_count_as_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(bytes(2_000_000))
    slept_s: list[float] = []
    timing = Timing(lambda: sum(slept_s), slept_s.append)
    fs = open_source(tmp_path.as_uri(), limits=Limits(bytes_per_s=100_000), ledger=MemoryLedger(timing.monotonic), timing=timing)
    with fs.open("clip.mp4") as clip:
        assert [len(piece) for piece in clip.read_pieces(range(0, 1_000_000, 10_000), 10_000)] == [10_000] * 100
    assert sum(slept_s) == pytest.approx(10, abs=1.5)


def test_limits_are_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Limits(bytes_per_s=0)


READER = """
import sys, time
from pathlib import Path
from mam.lib.sources import Limits, open_source
from mam.lib.sources.ledgers import FileLedger
root, ledger, megabytes = sys.argv[1:]
fs = open_source(Path(root).as_uri(), limits=Limits(bytes_per_s=20_000_000, open_files=3), ledger=FileLedger(Path(ledger)))
with fs.open("film.mxf") as film:
    print("open", flush=True)
    for number in range(int(megabytes)):
        film.read_at(number * 1_000_000, 1_000_000)
"""


def start_reader(tmp_path: Path, megabytes: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", READER, str(tmp_path), str(tmp_path / "ledger"), str(megabytes)]
    return subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE)


@pytest.mark.processes
def test_processes_of_a_machine_share_one_budget(tmp_path: Path) -> None:
    (tmp_path / "film.mxf").write_bytes(bytes(40_000_000))
    readers = [start_reader(tmp_path, 40) for _ in range(3)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"open\n"
    began = time.monotonic()
    assert [reader.wait(60) for reader in readers] == [0, 0, 0]
    for reader in readers:
        reader.communicate()
    assert time.monotonic() - began > (120 - 20) / 20 * 0.8  # each alone would need a second


@pytest.mark.processes
def test_the_open_files_of_a_killed_process_are_closed(tmp_path: Path) -> None:
    (tmp_path / "film.mxf").write_bytes(bytes(40_000_000))
    ledger = FileLedger(tmp_path / "ledger")
    reader = start_reader(tmp_path, 10_000)
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"open\n"
    assert ledger.hold(1) is None
    reader.kill()
    reader.communicate()
    assert ledger.hold(1) is not None


@pytest.mark.redis
def test_machines_share_one_budget_through_redis(redis_url: str, tmp_path: Path) -> None:
    one, other = (on_redis(redis_url, "nas", FileLedger(tmp_path / name)) for name in ("one", "other"))
    one.book(5)
    assert other.book(1) == pytest.approx(4, abs=0.3)
    held = one.hold(1)
    assert held is not None
    assert other.hold(1) is None
    held.release()
    again = other.hold(1)
    assert again is not None
    again.release()


def test_without_redis_each_machine_keeps_its_own(tmp_path: Path) -> None:
    machine = FileLedger(tmp_path / "ledger")
    ledger = on_redis("redis://127.0.0.1:1/0", "nas", machine)
    assert ledger.book(5) <= 0
    assert machine.book(0) == pytest.approx(4, abs=0.3)
    assert ledger.hold(1) is not None
    assert machine.hold(1) is None


def test_a_ledger_of_before_a_restart_of_the_machine_is_forgotten(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path / "ledger")
    ledger.book(10_000_000)  # as the clock of a machine that ran for months
    assert ledger.book(1) <= 0


def test_without_a_limit_nothing_is_booked(tmp_path: Path) -> None:
    governor = Governor(Limits(open_files=5), FileLedger(tmp_path / "ledger"), Timing())
    governor.take(10**12)
    assert governor.block_bytes is None
