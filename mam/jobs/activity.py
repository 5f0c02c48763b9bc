"""Two numbers that a worker's processes share: "stop", said by the parent, and when any of them last did something.

Plain shared memory without a lock: a process may be killed at any instruction, and a lock it held would stay held.
"""

from __future__ import annotations

import mmap
import struct
import time

_NUMBERS = struct.Struct("=d")
_STOP_OFFSET, _TOUCHED_OFFSET = 0, 8
# Anonymous and shared: processes forked from this one see the same page. Nobody else does.
_page = mmap.mmap(-1, mmap.PAGESIZE)


def begin() -> None:
    """Take a page of our own: a new worker, also one that was forked itself, shares with its own processes only."""
    global _page
    _page = mmap.mmap(-1, mmap.PAGESIZE)


def touch() -> None:
    """A job was looked for or is being worked on, now."""
    _NUMBERS.pack_into(_page, _TOUCHED_OFFSET, time.monotonic())


def idle_s() -> float:
    """Seconds since the last `touch()` of any process that shares the page."""
    touched_at: float = _NUMBERS.unpack_from(_page, _TOUCHED_OFFSET)[0]
    return time.monotonic() - touched_at


def request_stop() -> None:
    """Tell all processes that share the page: finish or put back what you have, and take no more."""
    _NUMBERS.pack_into(_page, _STOP_OFFSET, 1.0)


def is_stopping() -> bool:
    """Whether `request_stop()` was called."""
    return bool(_NUMBERS.unpack_from(_page, _STOP_OFFSET)[0])
