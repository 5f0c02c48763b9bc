"""A limit on bytes per second, shared by all readers of a source, so that a scan leaves the NAS to those who work on it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mam.lib.sources.pool import Timing


class Throttle:
    """A token bucket that holds one second's worth. A read larger than that is paid by the reads after it."""

    def __init__(self, bytes_per_s: int, timing: Timing) -> None:
        if bytes_per_s <= 0:
            raise ValueError("a read limit must be above zero")
        self._rate = bytes_per_s
        self._timing = timing
        self._lock = threading.Lock()
        self._paid_until_s = timing.monotonic() - 1.0  # the moment at which everything taken so far is paid

    @property
    def block_bytes(self) -> int:
        """The most that should be read in one piece: a quarter of a second's worth, at least 64 KiB."""
        return max(64 * 1024, self._rate // 4)

    def take(self, length_bytes: int) -> None:
        """Wait until `length_bytes` more may be read."""
        with self._lock:
            now_s = self._timing.monotonic()
            start_s = max(self._paid_until_s, now_s - 1.0)
            self._paid_until_s = start_s + length_bytes / self._rate
            wait_s = start_s - now_s
        if wait_s > 0:
            self._timing.sleep(wait_s)
