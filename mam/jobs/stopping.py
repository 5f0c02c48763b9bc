"""A flag that a signal handler may set while the main thread waits for it."""

from __future__ import annotations

import os
import select


class StopFlag:
    """Like `threading.Event`, whose `set()` in a signal handler can wait for a lock that the interrupted `wait()` holds."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._is_set = False

    def set(self) -> None:
        """Set it, for good. May be called anywhere, also in signal handlers and threads."""
        if not self._is_set:
            self._is_set = True
            os.write(self._writer, b"!")

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def wait(self, timeout_s: float) -> bool:
        """Return whether it is set, as soon as it is, at the latest after `timeout_s`."""
        if not self._is_set:
            select.select([self._reader], [], [], timeout_s)
        return self._is_set

    def fileno(self) -> int:
        """Readable once it is set: to wait for it beside other things."""
        return self._reader

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)
