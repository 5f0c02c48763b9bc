"""The one door to other programs: every child runs in a session of its own and dies with us.

A child started here
- leads its own session and process group, which is killed as a whole when it is stopped,
- gets SIGKILL from the kernel when this process dies, also by `kill -9` (PR_SET_PDEATHSIG, set by util-linux' `setpriv`:
  no `preexec_fn`, which is not safe beside threads),
- runs under a memory limit when one is given (`prlimit`), and never writes a core file.

PR_SET_PDEATHSIG fires when the *thread* that started the child ends (prctl(2)), so one thread that lives as long as the
process starts all of them. It reaches the child, not what the child starts: give programs directly, not through a shell.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# `$0` is our pid. When we died before PR_SET_PDEATHSIG was set, the shell has another parent by now: nobody waits for it.
_GUARD = '[ "$PPID" = "$0" ] || exit 143; exec "$@"'
_policy: list[str] = []  # the command that sets it, if children have one of their own
_POLL_S = 0.1  # how soon a cancel event is seen
_CHUNK_BYTES = 65536
_TAIL_CHARS = 500  # of the error output, kept in ProcessFailedError


class ProcessError(MamError):
    """A program did not do its work."""

    code = "process_error"
    template = gettext_noop("The program %(program)s did not finish.")


class ProgramMissingError(ProcessError):
    code = "program_missing"
    template = gettext_noop("The program %(program)s is not installed.")


class ProcessFailedError(ProcessError):
    code = "process_failed"
    template = gettext_noop("The program %(program)s ended with status %(status)s: %(detail)s")


class ProcessTimeoutError(ProcessError):
    code = "process_timeout"
    template = gettext_noop("The program %(program)s was stopped after %(seconds)s seconds.")
    is_permanent = False


class ProcessCancelledError(ProcessError):
    code = "process_cancelled"
    template = gettext_noop("The program %(program)s was stopped because its work was cancelled.")


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended. `stdout` holds the first, `stderr` the last `capture_limit_bytes` bytes."""

    args: tuple[str, ...]
    returncode: int  # negative: the signal that killed it
    stdout: bytes
    stderr: bytes
    is_truncated: bool  # more was written than is kept
    seconds: float
    cpu_ms: int = 0  # user and system time of the program itself

    def raise_for_status(self) -> Completed:
        """Return self; ProcessFailedError (with the end of the error output) unless it ended with 0."""
        if self.returncode:
            detail = self.stderr.decode(errors="replace").strip()[-_TAIL_CHARS:]
            raise ProcessFailedError(program=self.args[0], status=self.returncode, detail=detail)
        return self


class GroupPopen(subprocess.Popen[bytes]):
    """A child that leads its own process group. As a context manager it kills the group at the end."""

    def kill_group(self) -> None:
        """Kill the child and everything in its group; harmless when it has ended and was waited for."""
        self._signal_group(signal.SIGKILL)

    def pause(self) -> None:
        """Let the group stand still, until `resume` or its end."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal_group(signal.SIGCONT)

    def _signal_group(self, number: signal.Signals) -> None:
        # The number stays ours as long as we have not waited: no other group can have got it.
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def stop(self, *, grace_s: float) -> int:
        """Ask the child to end by SIGTERM, kill its group when it has not after `grace_s`; return its status."""
        if self.poll() is None:
            self.terminate()
            _wait_exit(self.pid, grace_s)
        self.kill_group()
        return self.wait()

    def __exit__(self, *exc_info: Any) -> None:
        self.kill_group()
        super().__exit__(*exc_info)


def let_children_give_way() -> None:
    """What this process and its forks start from now on runs only when a processor has nothing else to do (SCHED_IDLE, sched(7)).

    Niceness is not enough: who wakes up waits for the slice of a nice one to end, and a demuxer that asks for its file in a thousand
    small pieces wakes up a thousand times.
    """
    _policy[:] = ["chrt", "--idle", "0"]


def start(
    args: Sequence[str],
    *,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    memory_limit_bytes: int | None = None,
    pass_fds: Sequence[int] = (),
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
) -> GroupPopen:
    """Start a program and return at once. `memory_limit_bytes` limits its address space.

    ProgramMissingError when it is not on PATH. The caller waits for it, or uses it as a context manager.
    """
    path = None if env is None else env.get("PATH")
    if shutil.which(args[0], path=path) is None:
        raise ProgramMissingError(program=args[0])
    command = _wrapped(args, memory_limit_bytes)

    def spawn() -> GroupPopen:
        return GroupPopen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=tuple(pass_fds),
            cwd=cwd,
            env=env,
            start_new_session=True,
        )

    return _spawner.submit(spawn)


def run(
    args: Sequence[str],
    *,
    timeout_s: float,
    cancelled: threading.Event | None = None,
    input: bytes = b"",
    on_output: Callable[[str], None] | None = None,
    on_error_output: Callable[[str], None] | None = None,
    capture_limit_bytes: int = 16 * 1024 * 1024,
    memory_limit_bytes: int | None = None,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program to its end and return how it ended; a status other than 0 is not an error here.

    `on_output` and `on_error_output` get each line (without its end; `\\r` ends one too) as soon as it is there; what they
    raise stops the program. `cancelled` is seen within 0.1 s. Whatever happens, everything in the program's process group
    has got SIGKILL when this returns. Raises ProgramMissingError, ProcessTimeoutError, ProcessCancelledError.
    """
    started = time.monotonic()
    child = start(
        args,
        stdin=subprocess.PIPE if input else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        memory_limit_bytes=memory_limit_bytes,
        cwd=cwd,
        env=env,
    )
    with child:
        stdout = _Sink(capture_limit_bytes, on_output, keeps_end=False)
        stderr = _Sink(capture_limit_bytes, on_error_output, keeps_end=True)
        with _Pump(child, input, stdout, stderr) as pump:
            while not pump.step(_POLL_S):
                if cancelled is not None and cancelled.is_set():
                    raise ProcessCancelledError(program=args[0])
                if time.monotonic() - started > timeout_s:
                    raise ProcessTimeoutError(program=args[0], seconds=f"{timeout_s:g}")
        child.kill_group()  # what it left running in its group, before its number is free again
        cpu_ms = _cpu_ms(child.pid)
        returncode = child.wait()
    for sink in (stdout, stderr):
        sink.finish()
    return Completed(
        args=tuple(args),
        returncode=returncode,
        stdout=bytes(stdout.kept),
        stderr=bytes(stderr.kept),
        is_truncated=stdout.is_truncated or stderr.is_truncated,
        seconds=time.monotonic() - started,
        cpu_ms=cpu_ms,
    )


def _cpu_ms(pid: int) -> int:
    """Processor time of a child that has ended and was not waited for yet (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")


def _wrapped(args: Sequence[str], memory_limit_bytes: int | None) -> list[str]:
    limits = [*_policy, "prlimit", "--core=0"]
    if memory_limit_bytes is not None:
        limits.append(f"--as={memory_limit_bytes}")
    return ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _GUARD, str(os.getpid()), *limits, *args]


def _wait_exit(pid: int, timeout_s: float) -> None:
    """Wait until the child has ended (without reaping it), at most `timeout_s`."""
    fd = os.pidfd_open(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            selector.select(timeout_s)
    finally:
        os.close(fd)


@dataclass(slots=True)
class _Sink:
    """Where one output stream goes: a bounded capture and a callback per line."""

    limit_bytes: int
    on_line: Callable[[str], None] | None
    keeps_end: bool
    kept: bytearray = field(default_factory=bytearray)
    is_truncated: bool = False
    _partial: bytes = b""

    def feed(self, data: bytes) -> None:
        self.kept += data
        excess = len(self.kept) - self.limit_bytes
        if excess > 0:
            self.is_truncated = True
            del self.kept[slice(0, excess) if self.keeps_end else slice(self.limit_bytes, None)]
        if self.on_line is not None:
            *lines, self._partial = (self._partial + data).replace(b"\r", b"\n").split(b"\n")
            self._emit(lines)
            self._partial = self._partial[-self.limit_bytes :]

    def finish(self) -> None:
        self._emit([self._partial])
        self._partial = b""

    def _emit(self, lines: Sequence[bytes]) -> None:
        if self.on_line is not None:
            for line in lines:
                if line:
                    self.on_line(line.decode(errors="replace"))


class _Pump:
    """Moves bytes between a child's pipes and us without threads, until the child itself has ended."""

    def __init__(self, child: GroupPopen, data: bytes, stdout: _Sink, stderr: _Sink) -> None:
        self._data = memoryview(data)
        self._stdin = child.stdin
        self._selector = selectors.DefaultSelector()
        # The end of the child counts, not the end of its output: a process it left behind may hold the pipes open.
        self._pidfd = os.pidfd_open(child.pid)
        self._selector.register(self._pidfd, selectors.EVENT_READ)
        self._outputs: dict[IO[bytes], _Sink] = {}
        for pipe, sink in ((child.stdout, stdout), (child.stderr, stderr)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self._outputs[pipe] = sink
                self._selector.register(pipe, selectors.EVENT_READ)
        if self._stdin is not None:
            os.set_blocking(self._stdin.fileno(), False)
            self._selector.register(self._stdin, selectors.EVENT_WRITE)

    def __enter__(self) -> _Pump:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._selector.close()
        os.close(self._pidfd)

    def step(self, timeout_s: float) -> bool:
        """Move what can be moved, waiting at most `timeout_s`; True once the child has ended and its output is read."""
        has_ended = False
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj == self._pidfd:
                has_ended = True
            elif key.fileobj is self._stdin:
                self._write()
            else:
                self._read(key.fileobj)  # type: ignore[arg-type]  # registered above: one of our pipes
        if has_ended:
            for pipe in list(self._outputs):
                while self._read(pipe):
                    pass
        return has_ended

    def _read(self, pipe: IO[bytes]) -> bool:
        """Read one chunk; False when there is nothing (more) to read now."""
        if pipe not in self._outputs:
            return False
        try:
            data = os.read(pipe.fileno(), _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(pipe)
            del self._outputs[pipe]
            return False
        self._outputs[pipe].feed(data)
        return True

    def _write(self) -> None:
        if self._stdin is None:
            return
        try:
            written = os.write(self._stdin.fileno(), self._data[:_CHUNK_BYTES])
        except BrokenPipeError:
            written = len(self._data)  # it does not want the rest
        self._data = self._data[written:]
        if not self._data:
            self._selector.unregister(self._stdin)
            self._stdin.close()


class _Spawner:
    """The thread that starts children (see the module's text); made on first use, and anew after a fork."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, spawn: Callable[[], GroupPopen]) -> GroupPopen:
        with self._lock:
            if self._executor is None:
                self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-spawner")
            future = self._executor.submit(spawn)
        return future.result()


_spawner = _Spawner()
