"""The processes of `manage.py up`: forked from the supervisor, which has loaded everything already.

Loading Django costs each process more than all else in a start (1 to 2 s of CPU); a fork has it at once, and shares the
memory. Forking is safe because the supervisor has one thread, always.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from mam.jobs import forks

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES = 65536
_LONGEST_BACKOFF_S = 30.0
_SOUND_AFTER_S = 60.0  # a child that ran for so long is restarted at once


@dataclass(slots=True)
class Child:
    """One process of the system, which leads its own session. `say(text, name)` gets its output line by line."""

    name: str
    target: Callable[[], None]  # runs in the child; the child ends when it returns
    say: Callable[[str, str], None]
    is_restarted: bool = True
    pid: int | None = None
    output: int | None = None  # read end of its stdout and stderr
    status: int = 0  # of its last end; negative: the signal
    start_at: float = 0.0  # not before (monotonic)
    _started_at: float = 0.0
    _failures: int = 0
    _partial: bytes = b""

    def start(self) -> None:
        """Fork it. Only with a single thread and without database connections."""
        self._started_at = time.monotonic()
        reader, writer = os.pipe()
        sys.stdout.flush()
        parent_pid = os.getpid()
        gc.freeze()  # the collector would touch, and so copy, every page that is shared
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            self._be_child(parent_pid, writer)
        os.close(writer)
        os.set_blocking(reader, False)
        self.pid, self.output = pid, reader

    def relay(self) -> None:
        """Hand on what it has printed since the last call."""
        while self.output is not None:
            try:
                data = os.read(self.output, _CHUNK_BYTES)
            except BlockingIOError:
                return
            *lines, self._partial = (self._partial + data).split(b"\n")
            if not data and self._partial:
                lines, self._partial = [self._partial], b""
            for line in lines:
                self.say(line.decode(errors="replace"), self.name)
            if not data:
                os.close(self.output)
                self.output = None

    def has_ended(self) -> bool:
        """Whether it is not running; notes its status and when it may be started again."""
        if self.pid is None:
            return True
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return False
        self.kill_group()  # what it left behind in its session
        self.relay()
        self._note_end(os.waitstatus_to_exitcode(status))
        return True

    def terminate(self) -> None:
        """Ask it to end."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGTERM)

    def kill_group(self) -> None:
        """Kill it and all that stayed in its group."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _note_end(self, status: int) -> None:
        now = time.monotonic()
        self.pid, self.status = None, status
        self._failures = 0 if now - self._started_at > _SOUND_AFTER_S else self._failures + 1
        self.start_at = now + min(_LONGEST_BACKOFF_S, 2.0 ** (self._failures - 1)) if self._failures else now

    def _be_child(self, parent_pid: int, output: int) -> NoReturn:
        status = 1
        try:
            forks.follow_parent(parent_pid)
            forks.set_name(f"mam-{self.name}")
            os.setsid()  # Ctrl-C in the terminal is for the supervisor, which tells us
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            _use_output(output)
            self.target()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except BaseException:  # noqa: BLE001 - the end of this process: nobody above could show it
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                logging.shutdown()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)


def _use_output(output: int) -> None:
    """Let stdout and stderr go to `output`, and nothing come from stdin."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(nothing)
    os.close(output)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a text stream unless somebody replaced it
