"""Worker processes that look into media files, from the side that holds the files.

One process per look at a time; threads that call wait for the network, not for each other. A worker that dies, hangs or
breaks the protocol costs the file it had, and is replaced. Bytes are read here, within the budget, by the calling thread.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import socket
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from signal import Signals
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from mam.lib import process
from mam.lib.errors import MamError, gettext_noop
from mam.lib.media.answers import DiedError, frame_outcome, probe_outcome, sheet_outcome
from mam.lib.media.ffprobe import describe_with_ffprobe
from mam.lib.media.outcomes import FRAME_BUDGET, MIB, PROBE_BUDGET, SHEET_BUDGET, FrameOutcome, ProbeOutcome, Reason, SheetOutcome
from mam.lib.media.text import clean
from mam.lib.media.wire import RANGE, Channel, ClosedError, Message, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from types import TracebackType

    from mam.lib.media.outcomes import Budget, ReadableFile

_ROOT = Path(__file__).resolve().parents[3]
_START_S = 30.0  # a loaded machine takes its time to load the libraries
_START_ATTEMPTS = 3
_MAX_READ_BYTES = 4 * MIB
_MEMORY_LIMIT_BYTES = 3 * 1024 * MIB  # of address space; an 8K decoder needs one and a half
_TASKS_PER_WORKER = 500  # then a fresh one: libraries leak, and layouts are kept on purpose (see `describe`)
_DEFAULT_SIZE = 8
_IDLE_S = 60.0  # then a worker, which takes some 50 MB, is ended
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})$")
_DETAIL_LENGTH = 500
_Outcome = TypeVar("_Outcome", ProbeOutcome, FrameOutcome, SheetOutcome)


class MediaWorkerError(MamError):
    """The worker program does not start: this installation is broken, no file is to blame."""

    code = "media_worker_failed"
    template = gettext_noop("The program that analyses media files does not start: %(detail)s")


@dataclass(slots=True)
class _Meter:
    """What one look has cost so far."""

    budget: Budget
    started: float
    bytes_read: int = 0
    requests: int = 0
    waited_s: float = 0.0

    @property
    def deadline(self) -> float:
        return self.started + self.budget.seconds

    def read(self, file: ReadableFile, offset: int, length: int) -> bytes | None:
        """The bytes; None if they would go over the budget."""
        if self.requests >= self.budget.requests or self.bytes_read + length > self.budget.bytes:
            return None
        self.requests += 1
        before = time.monotonic()
        data = file.read_at(offset, length)
        self.waited_s += time.monotonic() - before
        self.bytes_read += len(data)
        return data

    def billed(self, outcome: _Outcome) -> _Outcome:
        """The outcome with its costs."""
        return replace(
            outcome,
            bytes_read=self.bytes_read,
            requests=self.requests,
            elapsed_ms=round((time.monotonic() - self.started) * 1000),
            waited_ms=round(self.waited_s * 1000),
        )


class _Worker:
    """One child process and its channel. Used by one thread at a time."""

    def __init__(self, memory_limit_bytes: int) -> None:
        ours, theirs = socket.socketpair()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed in kill)
        self._channel = Channel(ours)
        self._tasks = 0
        self._is_clean = True
        self.idle_since = 0.0  # by the monotonic clock, while nobody has it
        try:
            self.process = process.start(
                [sys.executable, "-E", "-s", "-B", "-X", "faulthandler", "-m", "mam.lib.media.worker", str(theirs.fileno())],
                stderr=self._errors,
                memory_limit_bytes=memory_limit_bytes,
                pass_fds=(theirs.fileno(),),
                cwd=_ROOT,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            )
        except BaseException:
            ours.close()
            self._errors.close()
            raise
        finally:
            theirs.close()
        self._await_ready()

    @property
    def is_usable(self) -> bool:
        """It is alive, between two tasks, and not due for replacement."""
        return self._is_clean and self._tasks < _TASKS_PER_WORKER and self.process.poll() is None

    def run(self, task: dict[str, Any], file: ReadableFile, meter: _Meter) -> tuple[dict[str, Any], bytes]:
        """Give it a task and read for it until it answers: (result, blob).

        Raises DiedError, TimeoutError at the meter's deadline, and whatever `file.read_at` raises; after any of these
        the worker is not usable.
        """
        self._is_clean = False
        self._tasks += 1
        try:
            self._channel.send(Message.TASK, json.dumps(task).encode(), deadline=meter.deadline)
            answer, blob = self._serve(file, meter)
            result = json.loads(answer)
        except ClosedError as error:
            raise DiedError(self._last_words()) from error
        except (ProtocolError, ValueError, RecursionError) as error:
            raise DiedError(f"nonsense from the worker: {error}") from error
        if not isinstance(result, dict):
            raise DiedError("nonsense from the worker: no object")
        # After these, an exception may still be stored away in the library and come up in the next task.
        self._is_clean = result.get("reason") not in (Reason.BUDGET, Reason.CRASHED)
        return result, blob

    def _serve(self, file: ReadableFile, meter: _Meter) -> tuple[bytes, bytes]:
        blob = b""
        while True:
            kind, payload = self._channel.receive(deadline=meter.deadline)
            if kind is Message.RESULT:
                return payload, blob
            if kind is Message.BLOB:
                blob = payload
                continue
            if kind is not Message.READ or len(payload) != RANGE.size:
                raise ProtocolError(f"{kind.name} of {len(payload)} bytes")
            offset, length = RANGE.unpack(payload)
            if length > _MAX_READ_BYTES or offset + length > file.size_bytes:
                raise ProtocolError(f"a read of {length} bytes at {offset}")
            data = meter.read(file, offset, length)
            if data is None:
                self._channel.send(Message.REFUSED, deadline=meter.deadline)
            else:
                self._channel.send(Message.DATA, data, deadline=meter.deadline)

    def kill(self) -> None:
        """End it, at once."""
        with self.process:  # kills its group and waits
            self._channel.close()
            self._errors.close()

    def _await_ready(self) -> None:
        try:
            kind, _payload = self._channel.receive(deadline=time.monotonic() + _START_S)
            if kind is Message.READY:
                return
            detail = kind.name
        except (ClosedError, ProtocolError, TimeoutError):
            detail = self._last_words()
        self.kill()
        raise MediaWorkerError(detail=detail)

    def _last_words(self) -> str:
        """Which signal or status ended it, and the end of what it wrote."""
        self.process.kill_group()
        status = self.process.wait()
        how = Signals(-status).name if -status in set(Signals) else f"status {status}"
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4000))
        return clean(f"{how}: {self._errors.read().decode(errors='replace')}", _DETAIL_LENGTH)


class MediaWorkers:
    """A pool of worker processes. Safe to use from many threads; processes are started when needed, and end when they are not."""

    def __init__(self, size: int = _DEFAULT_SIZE, *, memory_limit_bytes: int = _MEMORY_LIMIT_BYTES) -> None:
        self._memory_limit_bytes = memory_limit_bytes
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []  # the longest idle one first
        self._reaper: threading.Timer | None = None
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all idle workers, and each busy one when its task is over. Calls after this raise RuntimeError."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            reaper, self._reaper = self._reaper, None
        if reaper is not None:
            reaper.cancel()
            reaper.join()
        for worker in idle:
            worker.kill()

    def probe(self, file: ReadableFile, *, name: str, budget: Budget = PROBE_BUDGET) -> ProbeOutcome:
        """Describe `file`. `name` is only asked for its extension, where the content does not tell the format.

        Never raises for what the file holds; lets through what `file.read_at` raises. MediaWorkerError if no worker starts.
        """
        meter = _Meter(budget, time.monotonic())
        if file.size_bytes == 0:
            return ProbeOutcome(ok=False, reason=Reason.EMPTY)
        extension = _EXTENSION.search(name)
        task = {"do": "probe", "size_bytes": file.size_bytes, "extension": extension[1].lower() if extension else ""}
        outcome = self._probe(task, file, meter)
        if outcome.reason is Reason.UNSUPPORTED:
            # Another FFmpeg, with other demuxers and all of its time, before a file is called unsupported.
            described = describe_with_ffprobe(file, budget=_rest(meter))
            if described.ok:
                outcome = replace(described, sample_hash=outcome.sample_hash, detail=outcome.detail)
            meter.bytes_read += described.bytes_read
            meter.requests += described.requests
            meter.waited_s += described.waited_ms / 1000
        return meter.billed(outcome)

    def frame(self, file: ReadableFile, *, at: Fraction, max_width_px: int = 1280, budget: Budget = FRAME_BUDGET) -> FrameOutcome:
        """A picture of `file` near the share `at` (0 to 1) of its duration, a little later if it is black there.

        Rotation and pixel aspect are applied, HDR is mapped to SDR, fields are woven. Raises as `probe` does.
        """
        meter = _Meter(budget, time.monotonic())
        if file.size_bytes == 0:
            return FrameOutcome(ok=False, reason=Reason.EMPTY)
        task = {"do": "frame", "size_bytes": file.size_bytes, "at": [at.numerator, at.denominator], "max_width_px": max_width_px}
        try:
            result, blob = self._run(task, file, meter)
            outcome = frame_outcome(result, blob)
        except TimeoutError:
            outcome = FrameOutcome(ok=False, reason=Reason.TIMEOUT)
        except DiedError as error:
            outcome = FrameOutcome(ok=False, reason=Reason.CRASHED, detail=str(error))
        return meter.billed(outcome)

    def sheet(
        self, file: ReadableFile, *, at: Sequence[Fraction], columns: int, tile_width_px: int, budget: Budget = SHEET_BUDGET
    ) -> SheetOutcome:
        """Small pictures of `file` near the shares `at` of its duration, each of the keyframe before it, as cells of one JPEG.

        What could not be read within the budget is shown by the picture before it. Otherwise as `frame`.
        """
        meter = _Meter(budget, time.monotonic())
        if file.size_bytes == 0:
            return SheetOutcome(ok=False, reason=Reason.EMPTY)
        shares = [[share.numerator, share.denominator] for share in at]
        task = {"do": "sheet", "size_bytes": file.size_bytes, "at": shares, "columns": columns, "tile_width_px": tile_width_px}
        try:
            outcome = sheet_outcome(*self._run(task, file, meter))
        except TimeoutError:
            outcome = SheetOutcome(ok=False, reason=Reason.TIMEOUT)
        except DiedError as error:
            outcome = SheetOutcome(ok=False, reason=Reason.CRASHED, detail=str(error))
        return meter.billed(outcome)

    # --- inside -----------------------------------------------------------------------------------------------------
    def _probe(self, task: dict[str, Any], file: ReadableFile, meter: _Meter) -> ProbeOutcome:
        try:
            result, _blob = self._run(task, file, meter)
            return probe_outcome(result)
        except TimeoutError:
            return ProbeOutcome(ok=False, reason=Reason.TIMEOUT)
        except DiedError as error:
            return ProbeOutcome(ok=False, reason=Reason.CRASHED, detail=str(error))

    def _run(self, task: dict[str, Any], file: ReadableFile, meter: _Meter) -> tuple[dict[str, Any], bytes]:
        for is_last in (False, True):
            try:
                with self._borrowed() as worker:
                    meter.started = time.monotonic()  # starting a worker, or waiting for one, is not the file's fault
                    return worker.run(task, file, meter)
            except DiedError:
                if is_last or meter.requests:
                    raise
                # It died without having seen a byte: while it was idle, most likely. Not the file's fault either.
        raise AssertionError("the last round returns or raises")

    @contextmanager
    def _borrowed(self) -> Iterator[_Worker]:
        with self._slots:
            worker = self._take()
            try:
                yield worker
            finally:
                if not self._give_back(worker):
                    worker.kill()

    def _take(self) -> _Worker:
        while True:
            with self._lock:
                if self._is_closed:
                    raise RuntimeError("the media workers are closed")
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return self._start()
            if worker.is_usable:
                return worker
            worker.kill()

    def _start(self) -> _Worker:
        """A new worker. One that is killed while it starts (the machine was short of memory) is no broken installation."""
        for _ in range(_START_ATTEMPTS - 1):
            with suppress(MediaWorkerError):
                return _Worker(self._memory_limit_bytes)
        return _Worker(self._memory_limit_bytes)

    def _give_back(self, worker: _Worker) -> bool:
        with self._lock:
            if self._is_closed or not worker.is_usable:
                return False
            worker.idle_since = time.monotonic()
            self._idle.append(worker)
            self._reaper = self._reaper or self._next_reaper()
            return True

    def _next_reaper(self) -> threading.Timer:
        reaper = threading.Timer(self._idle[0].idle_since + _IDLE_S - time.monotonic(), self._reap)
        reaper.daemon = True
        reaper.start()
        return reaper

    def _reap(self) -> None:
        """End the workers that nobody has wanted for a while."""
        with self._lock:
            before = time.monotonic() - _IDLE_S
            ended = list(takewhile(lambda worker: worker.idle_since <= before, self._idle))
            del self._idle[: len(ended)]
            self._reaper = self._next_reaper() if self._idle else None
        for worker in ended:
            worker.kill()


def _rest(meter: _Meter) -> Budget:
    """What is left of the budget."""
    return replace(
        meter.budget,
        bytes=max(0, meter.budget.bytes - meter.bytes_read),
        requests=max(0, meter.budget.requests - meter.requests),
        seconds=max(0.0, meter.deadline - time.monotonic()),
    )


# --- one pool for the process ----------------------------------------------------------------------------------------
class _Shared:
    """The pool of this process: made on first use, and anew after a fork."""

    def __init__(self) -> None:
        self.reset()
        os.register_at_fork(after_in_child=self.reset)
        atexit.register(self.close)

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._workers: MediaWorkers | None = None

    def get(self) -> MediaWorkers:
        with self._lock:
            if self._workers is None:
                self._workers = MediaWorkers()
            return self._workers

    def close(self) -> None:
        with self._lock:
            if self._workers is not None:
                self._workers.close()
                self._workers = None


_shared = _Shared()


def shared_workers() -> MediaWorkers:
    """The pool that everything in this process shares; closed when the process ends."""
    return _shared.get()
