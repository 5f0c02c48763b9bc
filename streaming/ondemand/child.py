"""The ffmpeg process of a run: output when there is some, its log, and its end."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from mam.lib import ffmpeg, process

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK_BYTES = 256 * 1024
_LINE_BYTES = 400
_END_S = 5.0
# ffmpeg takes a failed read for the end of the file, and goes on with what it has.
_READ_ERRORS = ("Input/output error", "Stale file handle", "Transport endpoint", "timed out", "Connection reset", "Server returned")


class Child:
    """ffmpeg with one output, to its standard output. As a context manager; killed at its end."""

    def __init__(self, graph: Any) -> None:
        self._process = process.start(
            ffmpeg.command(graph, log_level="error"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            memory_limit_bytes=ffmpeg.MEMORY_LIMIT_BYTES,
        )
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101  (asked for above)
        self._output, self._errors = self._process.stdout.fileno(), self._process.stderr.fileno()
        self._log: deque[str] = deque(maxlen=ffmpeg.LOG_LINES)
        self._line = b""
        self._is_paused = False
        self._both, self._quiet = selectors.DefaultSelector(), selectors.DefaultSelector()
        self._both.register(self._output, selectors.EVENT_READ)
        self._both.register(self._errors, selectors.EVENT_READ)
        self._quiet.register(self._errors, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._both.close()
        self._quiet.close()
        self._process.__exit__(kind, error, trace)

    def read(self, timeout_s: float) -> bytes | None:
        """The next bytes of output; None if none came in time, b"" at its end. What was logged before them is known then."""
        if self._is_paused:
            self._process.resume()
            self._is_paused = False
        ready = {key.fd for key, _ in self._both.select(timeout_s)}
        if self._errors in ready:
            self._read_log()
        if self._output not in ready:
            return None
        data = os.read(self._output, _CHUNK_BYTES)
        if not data:
            while self._quiet.get_map():  # the last words come after the output's end
                self._read_log()
        return data

    def idle(self, timeout_s: float) -> None:
        """Let it stand still: it would work on until its pipe is full, which of a small picture is long. Its log is read."""
        if not self._is_paused:
            self._process.pause()
            self._is_paused = True
        if self._quiet.select(timeout_s):
            self._read_log()

    def wait(self) -> int:
        """Its status, once it has closed its output; it is killed if it does not end then."""
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill_group()
            return self._process.wait()

    @property
    def log_tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self._log)

    @property
    def has_read_error(self) -> bool:
        """It says that its input broke off."""
        return any(error in line for line in self._log for error in _READ_ERRORS)

    def complaint(self, status: int) -> str:
        """The last error it named, else how it ended."""
        return self._log[-1] if self._log else f"status {status}"

    def _read_log(self) -> None:
        data = os.read(self._errors, _CHUNK_BYTES)
        if not data:
            for selector in (self._both, self._quiet):
                selector.unregister(self._errors)
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LINE_BYTES:]
        self._log.extend(line.decode(errors="replace")[:_LINE_BYTES] for line in lines if line.strip())
