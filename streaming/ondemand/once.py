"""One at a time: what many ask for at once is made by the first of them, the others find it made."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_guard = threading.Lock()
_locks: WeakValueDictionary[Path, threading.Lock] = WeakValueDictionary()


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Among the threads of this process, nobody else is here with `path`. Look first whether it is there by now."""
    with _guard:
        lock = _locks.setdefault(path, threading.Lock())
    with lock:
        yield
