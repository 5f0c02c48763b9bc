"""ffmpeg, run: a graph of ffmpeg-python in, progress on the way, the end of its log when it fails. No Django here.

Processes go through `mam.lib.process`: own group, memory limit, killed with us. `command` is for who reads the output from pipes.
"""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ffmpeg

from mam.lib import process
from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOG_LINES = 50  # kept of a failure
_LINE_CHARS = 400
_PROGRESS_PERIOD_S = 0.5
MEMORY_LIMIT_BYTES = 6 * 1024**3  # of address space; an 8K decoder beside four encoders needs half of it


class FfmpegFailedError(MamError):
    """ffmpeg ended with an error, or did not end in time. `log_tail`: the last lines it wrote."""

    code = "ffmpeg_failed"
    template = gettext_noop("ffmpeg did not finish: %(detail)s")

    def __init__(self, log_tail: str = "", **params: str | int | float) -> None:
        super().__init__(**params)
        self.log_tail = log_tail


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: frames encoded by the first video output, media time written, and its pace against real time."""

    frame: int = 0
    out_time_us: int = 0
    speed: float = 0.0  # media seconds a second; 0: not known yet


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that went well."""

    progress: Progress
    cpu_ms: int  # user and system time
    seconds: float
    log_tail: str  # warnings


def command(
    graph: ffmpeg.nodes.OutputStream, *, log_level: str = "warning", threads: int | None = None, progress_fd: int | None = None
) -> list[str]:
    """The words of the ffmpeg call for `graph`: reads nothing from a terminal, overwrites, bounded log."""
    words = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", f"level+{log_level}", "-y"]
    if progress_fd is not None:
        words += ["-nostats", "-stats_period", str(_PROGRESS_PERIOD_S), "-progress", f"pipe:{progress_fd}"]
    if threads is not None:
        words += ["-filter_threads", str(threads), "-filter_complex_threads", str(threads)]
    return [*words, *(str(word) for word in ffmpeg.get_args(graph))]


def run(
    graph: ffmpeg.nodes.OutputStream,
    *,
    timeout_s: float,
    cancelled: threading.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
    cwd: Path | None = None,
) -> Finished:
    """Run `graph` to its end. What `on_progress` raises stops it.

    Raises FfmpegFailedError (also for a time-out), process.ProcessCancelledError, process.ProgramMissingError.
    """
    log: deque[str] = deque(maxlen=LOG_LINES)
    reader = _ProgressReader(on_progress)
    try:
        completed = process.run(
            command(graph, progress_fd=1),
            timeout_s=timeout_s,
            cancelled=cancelled,
            on_output=reader.feed,
            on_error_output=lambda line: log.append(line[:_LINE_CHARS]),
            capture_limit_bytes=64 * 1024,
            memory_limit_bytes=memory_limit_bytes,
            cwd=cwd,
        )
    except process.ProcessTimeoutError as error:
        raise FfmpegFailedError("\n".join(log), detail=str(error)) from error
    tail = "\n".join(log)
    if completed.returncode:
        raise FfmpegFailedError(tail, detail=_reason(log, completed.returncode))
    return Finished(progress=reader.last, cpu_ms=completed.cpu_ms, seconds=completed.seconds, log_tail=tail)


def probe(
    url: str, options: Mapping[str, Any], *, entries: str, timeout_s: float = 60, cancelled: threading.Event | None = None
) -> dict[str, Any]:
    """What ffprobe says of an input, with the options that ffmpeg would get; `entries` as in `-show_entries`. Raises as `run` does."""
    arguments = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    words = ["ffprobe", "-hide_banner", "-loglevel", "level+error", *arguments, "-of", "json", "-show_entries", entries, "-i", url]
    try:
        completed = process.run(words, timeout_s=timeout_s, cancelled=cancelled, memory_limit_bytes=MEMORY_LIMIT_BYTES)
    except process.ProcessTimeoutError as error:
        raise FfmpegFailedError(detail=str(error)) from error
    if completed.returncode:
        log = deque(completed.stderr.decode(errors="replace").splitlines(), maxlen=LOG_LINES)
        raise FfmpegFailedError("\n".join(log), detail=_reason(log, completed.returncode))
    found: dict[str, Any] = json.loads(completed.stdout)
    return found


def _reason(log: deque[str], returncode: int) -> str:
    """The last error it wrote; how it ended where it wrote none."""
    errors = [line for line in log if "[error]" in line or "[fatal]" in line]
    if errors:
        return errors[-1]
    return f"signal {-returncode}" if returncode < 0 else f"status {returncode}"


class _ProgressReader:
    """Parses `-progress`: lines of NAME=VALUE, a report ends with "progress"."""

    def __init__(self, on_progress: Callable[[Progress], None] | None) -> None:
        self.last = Progress()
        self._on_progress = on_progress
        self._next = self.last

    def feed(self, line: str) -> None:
        name, _, value = line.partition("=")
        value = value.strip()
        if name == "frame":
            self._next = replace(self._next, frame=_integer(value))
        elif name == "out_time_us":
            self._next = replace(self._next, out_time_us=max(0, _integer(value)))
        elif name == "speed":
            self._next = replace(self._next, speed=_pace(value))
        elif name == "progress":
            self.last = self._next
            if self._on_progress is not None:
                self._on_progress(self.last)


def _integer(text: str) -> int:
    """0 for "N/A"."""
    try:
        return int(text)
    except ValueError:
        return 0


def _pace(text: str) -> float:
    """ "1.5x" as a number; 0 for "N/A"."""
    try:
        pace = float(text.removesuffix("x"))
    except ValueError:
        return 0.0
    return pace if math.isfinite(pace) else 0.0
