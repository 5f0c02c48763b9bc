"""Where readers of a source write down what they take: this process, this machine, all machines."""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mam.lib.sources.governor import Hold, Ledger

SAVED_S = 1.0  # of unused time
_PAID = struct.Struct("<d")  # seconds of CLOCK_MONOTONIC, which all processes of a machine share
_FLOCK = struct.Struct("@hhqqi4x")
_ABSURD_S = 3600.0  # booked so far ahead: the machine was started anew since, and its clock with it
_logger = logging.getLogger(__name__)


def _booked(paid_until_s: float, now_s: float, seconds: float) -> tuple[float, float]:
    """(paid until, seconds to wait)."""
    start_s = max(paid_until_s, now_s - SAVED_S) if paid_until_s - now_s < _ABSURD_S else now_s
    return start_s + seconds, start_s - now_s


# --- this process -----------------------------------------------------------------------------------------------------
class MemoryLedger:
    """For one process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._paid_until_s = monotonic() - SAVED_S
        self._open = 0

    def book(self, seconds: float) -> float:
        with self._lock:
            self._paid_until_s, wait_s = _booked(self._paid_until_s, self._monotonic(), seconds)
        return wait_s

    def hold(self, limit: int) -> Hold | None:
        with self._lock:
            if self._open >= limit:
                return None
            self._open += 1
        return _Counted(self._release)

    def _release(self) -> None:
        with self._lock:
            self._open -= 1


class _Counted:
    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release

    def release(self) -> None:
        self._release()


# --- this machine -----------------------------------------------------------------------------------------------------
class FileLedger:
    """For all processes of a machine: a small file. Open files are locks on its bytes, which the kernel takes back from the dead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # the file's lock keeps processes apart, not the threads that use one descriptor
        self._descriptor: int | None = None

    def book(self, seconds: float) -> float:
        with self._lock:
            if self._descriptor is None:
                self._descriptor = self._open()
            with _locked(self._descriptor):
                data = os.pread(self._descriptor, _PAID.size, 0)
                paid_until_s = _PAID.unpack(data)[0] if len(data) == _PAID.size else 0.0
                paid_until_s, wait_s = _booked(paid_until_s, time.monotonic(), seconds)
                os.pwrite(self._descriptor, _PAID.pack(paid_until_s), 0)
        return wait_s

    def hold(self, limit: int) -> Hold | None:
        descriptor = self._open()
        for number in range(limit):
            with suppress(BlockingIOError, PermissionError):  # fcntl(2): EAGAIN or EACCES
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_WRLCK, _PAID.size + number))
                return _Descriptor(descriptor)
        os.close(descriptor)
        return None

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _open(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class _Descriptor:
    """A lock, held by an open file description of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _lock(fcntl.F_WRLCK, 0))
    try:
        yield
    finally:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_UNLCK, 0))


def _lock(kind: int, byte: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0)


# --- all machines -----------------------------------------------------------------------------------------------------
_LEASE_S = 15.0  # an open file counts so long after its process was last heard of
_RENEW_S = 5.0
_AGAIN_S = 5.0  # without Redis the machine's own ledger is used, for so long
# Both by the clock of Redis: those of the machines need not agree.
_BOOK = """
local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000
local start = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now - tonumber(ARGV[2]))
redis.call('SET', KEYS[1], string.format('%.6f', start + tonumber(ARGV[1])), 'EX', 3600)
return tostring(start - now)
"""
_HOLD = """
local t = redis.call('TIME'); local now = t[1] + t[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[3] == 'new' and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('EXPIRE', KEYS[1], 60)
return 1
"""


class RedisLedger:
    """For all machines that share a Redis. While it does not answer, `machine` is asked: the limit then holds for each machine."""

    def __init__(self, client: Any, name: str, machine: Ledger, *, errors: tuple[type[Exception], ...]) -> None:
        self._client = client
        self._paid_key, self._open_key = f"{name}:paid", f"{name}:open"
        self._machine = machine
        self._errors = errors
        self._lost_until_s = 0.0
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._renewing: threading.Thread | None = None

    def book(self, seconds: float) -> float:
        answer = self._ask(_BOOK, self._paid_key, seconds, SAVED_S)
        return self._machine.book(seconds) if answer is None else float(answer)

    def hold(self, limit: int) -> Hold | None:
        token = uuid.uuid4().hex
        answer = self._ask(_HOLD, self._open_key, token, _LEASE_S, "new", limit)
        if answer is None:
            return self._machine.hold(limit)
        if not int(answer):
            return None
        with self._lock:
            self._held.add(token)
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._renew, name="governor-renew", daemon=True)
                self._renewing.start()
        return _Counted(lambda: self._release(token))

    def _release(self, token: str) -> None:
        with self._lock:
            self._held.discard(token)
        with suppress(*self._errors):  # it runs out by itself
            self._client.zrem(self._open_key, token)

    def _renew(self) -> None:
        while True:
            time.sleep(_RENEW_S)
            with self._lock:
                held = list(self._held)
                if not held:
                    self._renewing = None
                    return
            for token in held:
                self._ask(_HOLD, self._open_key, token, _LEASE_S, "again", 0)

    def _ask(self, script: str, key: str, *arguments: str | float) -> Any:
        """What the script returns; None while Redis does not answer."""
        if time.monotonic() < self._lost_until_s:
            return None
        try:
            return self._client.eval(script, 1, key, *arguments)
        except self._errors as error:
            self._lost_until_s = time.monotonic() + _AGAIN_S
            _logger.warning("read limits hold for each machine by itself: %s", error)
            return None
