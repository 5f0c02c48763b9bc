"""How many requests of one kind a server gets at once: as many as allowed while it answers as it did, fewer when it slows down.

Additive increase, multiplicative decrease (as TCP does, RFC 5681): several who do so share a server fairly without knowing of each other.
People at the NAS, and viewers, notice a scan that makes everything slow; the scan itself hardly notices that it waits.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mam.lib.sources.pool import Timing

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOWER = 4.0  # times the usual latency
NOTICED_S = 0.1  # an answer within this time is never slow, whatever the usual latency
_SAMPLES = 4  # answers that a verdict rests on: one slow folder says nothing of the server
_DRIFT = 0.002  # of the distance to what is measured, each time: another disk, another time of day become the usual


@dataclass(slots=True)
class Turn:
    """One request. Whoever makes it says how much it asked for, so that large answers are not taken for slow ones."""

    units: float = 1.0


class Pace:
    """Lets at most `limit` callers through at once; `limit` is between 1 and `most`. Thread-safe."""

    def __init__(self, most: int, timing: Timing | None = None) -> None:
        self.most = max(1, most)
        self._limit = self.most
        self._timing = timing or Timing()
        self._changed = threading.Condition()
        self._under_way = 0
        self._usual_s: dict[int, float] = {}  # by size of the request (`_size`)
        self._recent: list[tuple[float, float]] = []  # (seconds, times the usual of its size) of requests since the last verdict

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return self._limit

    @property
    def is_slowed(self) -> bool:
        """Fewer than allowed are let through."""
        return self._limit < self.most

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for a place; the block is the request. One that fails says nothing of the server's pace."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self._limit)
            self._under_way += 1
        turn = Turn()
        started_s = self._timing.monotonic()
        try:
            yield turn
            self._note(self._timing.monotonic() - started_s, turn.units)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _note(self, seconds: float, units: float) -> None:
        with self._changed:
            usual_s = self._usual_s.setdefault(_size(units), seconds)
            self._usual_s[_size(units)] = min(seconds, usual_s + _DRIFT * (seconds - usual_s))
            self._recent.append((seconds, seconds / max(usual_s, 1e-9)))
            if len(self._recent) < max(_SAMPLES, self._limit):
                return
            seconds, times = (_median(values) for values in zip(*self._recent, strict=True))
            self._recent.clear()
            self._judge(seconds, times)

    def _judge(self, seconds: float, times: float) -> None:
        if seconds > NOTICED_S and times > SLOWER:
            self._limit = max(1, self._limit // 2)
        elif self._limit < self.most:
            self._limit += 1
            self._changed.notify_all()


def _size(units: float) -> int:
    """Requests of one size take about as long: between one power of two and the next. A round trip costs small ones most of their time."""
    return int(max(units, 1.0)).bit_length()


def _median(values: tuple[float, ...]) -> float:
    return sorted(values)[len(values) // 2]
