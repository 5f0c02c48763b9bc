"""`mam.lib.process` with real programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from mam.lib import process
from tests.fixtures.processes import eventually

PROJECT = Path(__file__).resolve().parents[2]


def is_alive(pid: int) -> bool:
    """A zombie has ended: it only waits to be buried."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_program_gives_status_and_both_outputs() -> None:
    done = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout_s=10)
    assert (done.returncode, done.stdout, done.stderr, done.is_truncated) == (3, b"out\n", b"err\n", False)
    with pytest.raises(process.ProcessFailedError) as failure:
        done.raise_for_status()
    assert failure.value.params == {"program": "sh", "status": 3, "detail": "err"}


def test_success_gives_itself_back() -> None:
    done = process.run(["true"], timeout_s=10)
    assert done.raise_for_status() is done


def test_arguments_reach_the_program_as_they_are() -> None:
    arguments = ["", "a b", "$HOME", "-n", "'\"", "한글", "*", "--"]
    program = "import sys; sys.stdout.write('\\0'.join(sys.argv[1:]))"
    done = process.run([sys.executable, "-c", program, *arguments], timeout_s=10)
    assert done.stdout.decode().split("\0") == arguments


def test_a_missing_program_is_named() -> None:
    with pytest.raises(process.ProgramMissingError) as failure:
        process.run(["no-such-program"], timeout_s=10)
    assert failure.value.params == {"program": "no-such-program"}


def test_input_larger_than_a_pipe_comes_back_whole() -> None:
    data = os.urandom(1_000_000)
    assert process.run(["cat"], input=data, timeout_s=10).stdout == data


def test_a_program_may_leave_its_input_unread() -> None:
    assert process.run(["true"], input=bytes(1_000_000), timeout_s=10).returncode == 0


def test_lines_arrive_while_the_program_runs() -> None:
    seen: list[str] = []
    stop = threading.Event()

    def on_line(line: str) -> None:
        seen.append(line)
        if line == "second":
            stop.set()

    with pytest.raises(process.ProcessCancelledError):
        process.run(["sh", "-c", r"printf 'first\rsecond\n'; sleep 1000"], timeout_s=60, cancelled=stop, on_output=on_line)
    assert seen == ["first", "second"]


def test_the_last_line_needs_no_end() -> None:
    lines: list[str] = []
    errors: list[str] = []
    process.run(["sh", "-c", "printf 'a\nb'; printf c >&2"], timeout_s=10, on_output=lines.append, on_error_output=errors.append)
    assert (lines, errors) == (["a", "b"], ["c"])


def test_what_is_kept_is_bounded_start_of_output_end_of_errors() -> None:
    script = "i=0; while [ $i -lt 2000 ]; do echo $i; echo $i >&2; i=$((i+1)); done"
    done = process.run(["sh", "-c", script], timeout_s=30, capture_limit_bytes=1000)
    assert done.is_truncated
    assert (len(done.stdout), len(done.stderr)) == (1000, 1000)
    assert done.stdout.startswith(b"0\n1\n2\n")
    assert done.stderr.endswith(b"1998\n1999\n")


@pytest.mark.parametrize("reason", ["timeout", "cancel"])
def test_stopping_kills_the_whole_group(reason: str, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    stop = threading.Event()
    expected = process.ProcessTimeoutError if reason == "timeout" else process.ProcessCancelledError
    script = f"sleep 1000 & echo $! > {pids}; echo $$ >> {pids}; echo ready; wait"
    with pytest.raises(expected):
        process.run(
            ["sh", "-c", script],
            timeout_s=1 if reason == "timeout" else 60,
            cancelled=stop,
            on_output=lambda _: stop.set() if reason == "cancel" else None,
        )
    eventually(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()), within_s=2)


def test_a_child_left_behind_neither_blocks_nor_survives(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    done = process.run(["sh", "-c", f"sleep 1000 & echo $! > {pid_file}; echo out"], timeout_s=60)
    assert done.stdout == b"out\n"
    assert time.monotonic() - started < 10
    eventually(lambda: not is_alive(int(pid_file.read_text())), within_s=2)


def test_a_callback_that_raises_stops_the_program() -> None:
    def refuse(line: str) -> None:
        raise RuntimeError(line)

    with pytest.raises(RuntimeError, match="x"):
        process.run(["sh", "-c", "echo x; sleep 1000"], timeout_s=60, on_output=refuse)


def test_memory_is_limited() -> None:
    greedy = [sys.executable, "-c", "bytearray(2_000_000_000)"]
    done = process.run(greedy, timeout_s=30, memory_limit_bytes=500_000_000)
    assert done.returncode != 0
    assert b"MemoryError" in done.stderr


def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    """PR_SET_PDEATHSIG counts the death of a thread as the parent's; ours is started by one that stays."""
    children: list[process.GroupPopen] = []
    thread = threading.Thread(target=lambda: children.append(process.start(["sleep", "1000"])))
    thread.start()
    thread.join()
    with children[0] as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.3)
        assert is_alive(child.pid)
    assert not is_alive(child.pid)


def test_stop_asks_first_and_kills_who_does_not_listen() -> None:
    polite = process.start(["sleep", "1000"])
    assert polite.stop(grace_s=30) == -signal.SIGTERM
    deaf = process.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], stdout=subprocess.PIPE)
    assert deaf.stdout is not None
    with deaf.stdout:
        deaf.stdout.readline()
        assert deaf.stop(grace_s=0.2) == -signal.SIGKILL


@pytest.mark.parametrize("delay_ms", [0, 1, 2, 5, 20, 100])
def test_kill_9_of_the_parent_leaves_no_child(delay_ms: int) -> None:
    """Also in the moment in which the child is being started."""
    mark = f"{os.getpid()}.{delay_ms}"
    program = "import sys; from mam.lib import process; print('go', flush=True); process.start(['sleep', sys.argv[1]]).wait()"
    length = f"1000.{mark.replace('.', '')}"  # recognisable, and no other sleep has it
    parent = subprocess.Popen([sys.executable, "-c", program, length], cwd=PROJECT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        parent.stdout.readline()
        threading.Event().wait(delay_ms / 1000)
        parent.kill()
        parent.wait()
    eventually(lambda: not _sleepers(length), within_s=10, what="the child ended with its parent")


def _sleepers(length: str) -> list[psutil.Process]:
    found = []
    for candidate in psutil.process_iter(["cmdline", "status"]):
        if length in (candidate.info["cmdline"] or []) and candidate.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(candidate)
    return found
