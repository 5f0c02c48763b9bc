"""Memory of this process that is its own: pages of files, as SQLite maps them, are the kernel's to take away."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

_EVERY_S = 0.05


def own_bytes() -> int:
    """Now."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) * 1024


class Peak:
    """The most while the block runs, looked at twenty times a second: `before` and `most`, in bytes."""

    def __enter__(self) -> Self:
        self.before = self.most = own_bytes()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._is_over.wait(_EVERY_S):
            self.most = max(self.most, own_bytes())

    def __exit__(self, *exc_info: object) -> None:
        self._is_over.set()
        self._thread.join()
