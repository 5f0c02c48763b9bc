"""Rows of long lists whose places are known by now: who counts off a page starts at the nearest one, and not at an end of the list.

Kept in the memory of this process, for lists that stay as they are: of one that has changed nothing is known.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

_LISTS = 256  # that were asked for last
_ROWS = 200  # of each of them


class Landmarks:
    """Values of rows by their places, counted from 0, in each list. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lists: LRUCache[Hashable, LRUCache[int, list[Any]]] = LRUCache(_LISTS)

    def around(self, which: Hashable, first: int, last: int) -> tuple[tuple[int, list[Any]] | None, tuple[int, list[Any]] | None]:
        """The nearest known row at `first` or before, and the nearest at `last` or after, with their places."""
        with self._lock:
            known = self._lists.get(which, ())
            before = max((place for place in known if place <= first), default=None)
            after = min((place for place in known if place >= last), default=None)
            return (None if before is None else (before, known[before])), (None if after is None else (after, known[after]))

    def note(self, which: Hashable, rows: Iterable[tuple[int, list[Any]]]) -> None:
        """Some rows of that list are at these places."""
        with self._lock:
            known = self._lists.setdefault(which, LRUCache(_ROWS))
            known.update(rows)


landmarks = Landmarks()
