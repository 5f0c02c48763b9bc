"""Files and workers that misbehave: each costs its own outcome, never the pool, the caller or another file."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from mam.lib.media import Budget, LocalFile, MediaWorkers, Reason
from mam.lib.media import pool as pool_module
from mam.lib.media.pool import MediaWorkerError
from tests.fixtures.processes import eventually
from tests.lib.media.readers import MemoryFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.media import ClipLibrary

PLENTY = Budget(bytes=64 * 1024 * 1024, requests=1000, seconds=30)


@pytest.fixture
def workers() -> Iterator[MediaWorkers]:
    with MediaWorkers(2) as pool:
        yield pool


def children() -> set[int]:
    """Process ids of all workers of this process."""
    pids = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended, or a zombie
            if "mam.lib.media.worker" in " ".join(child.cmdline()):
                pids.add(child.pid)
    return pids


def probes_well(workers: MediaWorkers, clips: ClipLibrary) -> bool:
    return workers.probe(MemoryFile.of(clips["film.mkv"]), name="film.mkv").ok


@pytest.mark.processes
def test_a_killed_worker_costs_only_its_file(clips: ClipLibrary, workers: MediaWorkers) -> None:
    others = children()

    def kill(number: int) -> None:
        for pid in children() - others:
            os.kill(pid, signal.SIGKILL)

    outcome = workers.probe(MemoryFile.of(clips["film.mkv"], before_read=kill), name="film.mkv")
    assert (outcome.ok, outcome.reason) == (False, Reason.CRASHED)
    assert "SIGKILL" in outcome.detail
    assert probes_well(workers, clips)


@pytest.mark.processes
def test_workers_killed_at_random_points_never_stop_the_others(clips: ClipLibrary, workers: MediaWorkers) -> None:
    others, dice = children(), random.Random(7)

    def maybe_kill(number: int) -> None:
        victims = sorted(children() - others)
        if victims and dice.random() < 0.1:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(victims), signal.SIGKILL)

    def probe(name: str) -> Reason | None:
        try:
            return workers.probe(MemoryFile.of(clips[name], before_read=maybe_kill), name=name).reason
        except MediaWorkerError:  # on a slow machine one may be killed each time it is started
            return Reason.CRASHED

    with ThreadPoolExecutor(4) as threads:
        reasons = list(threads.map(probe, ["film.mkv", "moov_end.mp4", "op1a.mxf", "tone.wav"] * 10))
    assert set(reasons) <= {None, Reason.CRASHED}
    assert None in reasons
    assert probes_well(workers, clips)


@pytest.mark.processes
def test_an_idle_worker_that_died_is_replaced_without_blaming_the_next_file(clips: ClipLibrary, workers: MediaWorkers) -> None:
    others = children()
    assert probes_well(workers, clips)
    (pid,) = children() - others
    psutil.Process(pid).kill()
    assert probes_well(workers, clips)


@pytest.mark.processes
def test_a_stopped_worker_runs_into_the_time_limit(clips: ClipLibrary, workers: MediaWorkers) -> None:
    others = children()

    def stop(number: int) -> None:
        for pid in children() - others:
            os.kill(pid, signal.SIGSTOP)

    budget = Budget(bytes=1 << 26, requests=100, seconds=0.5)
    outcome = workers.probe(MemoryFile.of(clips["film.mkv"], before_read=stop), name="film.mkv", budget=budget)
    assert outcome.reason is Reason.TIMEOUT
    assert outcome.waited_ms < outcome.elapsed_ms / 2
    assert children() == others  # it is gone, not left behind
    assert probes_well(workers, clips)


def test_a_slow_source_runs_into_the_time_limit(clips: ClipLibrary, workers: MediaWorkers) -> None:
    never = threading.Event()

    def wait(number: int) -> None:
        never.wait(0.2)

    budget = Budget(bytes=1 << 26, requests=100, seconds=0.3)
    file = MemoryFile.of(clips["film.mkv"], before_read=wait)
    outcome = workers.probe(file, name="film.mkv", budget=budget)
    assert outcome.reason is Reason.TIMEOUT
    assert outcome.waited_ms >= 300  # the source's fault, and it shows
    assert len(file.reads) == 2
    assert probes_well(workers, clips)


@pytest.mark.parametrize(
    "budget", [Budget(bytes=200_000, requests=100, seconds=30), Budget(bytes=1 << 26, requests=2, seconds=30)], ids=["bytes", "requests"]
)
def test_a_file_over_budget_is_given_up(budget: Budget, clips: ClipLibrary, workers: MediaWorkers) -> None:
    file = MemoryFile.of(clips["op1a.mxf"])
    outcome = workers.probe(file, name="op1a.mxf", budget=budget)
    assert (outcome.ok, outcome.reason) == (False, Reason.BUDGET)
    assert sum(length for _, length in file.reads) <= budget.bytes
    assert len(file.reads) <= budget.requests
    assert probes_well(workers, clips)


def test_errors_of_the_source_reach_the_caller(clips: ClipLibrary, workers: MediaWorkers) -> None:
    def fail(number: int) -> None:
        if number == 1:
            raise ConnectionResetError("the server went away")

    with pytest.raises(ConnectionResetError):
        workers.probe(MemoryFile.of(clips["moov_end.mp4"], before_read=fail), name="moov_end.mp4")
    with pytest.raises(ConnectionResetError):
        workers.frame(MemoryFile.of(clips["moov_end.mp4"], before_read=fail), at=Fraction(1, 10))
    assert probes_well(workers, clips)


def test_a_file_that_became_shorter_is_no_crash(clips: ClipLibrary, workers: MediaWorkers) -> None:
    file = MemoryFile.of(clips["moov_end.mp4"])
    file.data = file.data[: len(file.data) // 2]
    outcome = workers.probe(file, name="moov_end.mp4")
    assert not outcome.ok
    assert outcome.reason in (Reason.TRUNCATED, Reason.UNSUPPORTED)


def test_a_worker_that_runs_out_of_memory_is_a_crash_of_the_file(clips: ClipLibrary) -> None:
    with MediaWorkers(1, memory_limit_bytes=200 * 1024 * 1024) as workers:
        outcome = workers.frame(MemoryFile(_huge_picture()), at=Fraction(0))
        assert outcome.reason is Reason.CRASHED
        assert probes_well(workers, clips)


def _huge_picture() -> bytes:
    """A GIF of a few pixels on a canvas of 15,000 by 15,000."""
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "color=s=64x64:d=0.1", "-f", "gif", "-"]
    gif = bytearray(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    gif[6:10] = (15_000).to_bytes(2, "little") * 2
    return bytes(gif)


@pytest.mark.processes
def test_a_worker_has_no_secret_and_nothing_open(clips: ClipLibrary, workers: MediaWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    others = children()
    with Path("/dev/zero").open("rb") as ours:
        os.set_inheritable(ours.fileno(), True)
        assert probes_well(workers, clips)
    (pid,) = children() - others
    worker = psutil.Process(pid)
    assert set(worker.environ()) <= {"PATH", "LANG", "LC_CTYPE", "PWD", "SHLVL", "_", "OLDPWD"}
    opened = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}  # noqa: PTH115, PTH208
    assert not {name for name in opened if not name.startswith(("socket:", "/dev/null", "pipe:", "/tmp/"))}  # noqa: S108  (its stderr)
    assert worker.rlimit(psutil.RLIMIT_NOFILE)[1] < 64
    assert worker.num_threads() == 1


_PARENT = """
import sys
from mam.lib.media import MediaWorkers
from mam.lib.media.pool import MediaWorkerError
from tests.lib.media.readers import MemoryFile
from pathlib import Path
pool = MediaWorkers(1)
assert pool.probe(MemoryFile.of(Path(sys.argv[1])), name="film.mkv").ok
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.processes
def test_workers_die_with_their_parent(clips: ClipLibrary) -> None:
    arguments = [sys.executable, "-c", _PARENT, str(clips["film.mkv"])]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"ready\n"
        orphans = psutil.Process(parent.pid).children(recursive=True)
        assert orphans
        parent.kill()
        _gone, alive = psutil.wait_procs(orphans, timeout=10)
        assert not alive


def test_hundreds_of_probes_leak_nothing(clips: ClipLibrary, workers: MediaWorkers) -> None:
    names = ["film.mkv", "moov_end.mp4", "truncated.mp4", "empty.mp4", "swapped_channels.mov"]
    probe_all(workers, clips, names * 2)
    before = len(psutil.Process().open_files()) + psutil.Process().num_fds()
    threads = threading.active_count()
    probe_all(workers, clips, names * 60)
    assert len(psutil.Process().open_files()) + psutil.Process().num_fds() <= before + 4
    assert threading.active_count() <= threads


def probe_all(workers: MediaWorkers, clips: ClipLibrary, names: list[str]) -> None:
    for name in names:
        with LocalFile(clips[name]) as file:
            workers.probe(file, name=name)


def test_threads_share_the_workers_and_hide_latency(clips: ClipLibrary) -> None:
    def slow(number: int) -> None:
        time.sleep(0.02)  # a round trip

    def probe(_: int) -> bool:
        return pool.probe(MemoryFile.of(clips["film.mkv"], before_read=slow), name="film.mkv", budget=PLENTY).ok

    with MediaWorkers(8) as pool, ThreadPoolExecutor(8) as threads:
        assert all(threads.map(probe, range(8)))  # all started
        started = time.monotonic()
        assert all(threads.map(probe, range(40)))
        together = time.monotonic() - started
        started = time.monotonic()
        assert all(map(probe, range(10)))
        alone = (time.monotonic() - started) * 4
    assert together < alone


def test_a_closed_pool_ends_its_workers() -> None:
    others = children()
    workers = MediaWorkers(1)
    workers.probe(MemoryFile(b"nothing of interest"), name="x.mp4")
    assert children() > others
    workers.close()
    assert children() == others
    with pytest.raises(RuntimeError):
        workers.probe(MemoryFile(b"nothing of interest"), name="x.mp4")


def test_workers_that_nobody_wants_end(clips: ClipLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "_IDLE_S", 0.3)
    others = children()
    with MediaWorkers(3) as pool:
        for _ in range(2):
            with ThreadPoolExecutor(3) as asking:
                assert all(asking.map(lambda _: pool.probe(MemoryFile.of(clips["film.mkv"]), name="film.mkv").ok, range(6)))
            assert children() > others
            eventually(lambda: children() == others)
    assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
