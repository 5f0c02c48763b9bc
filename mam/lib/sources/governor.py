"""How much of a source we may take: bytes a second, and files open at once, over all readers wherever they run.

People work on the NAS while scans, probes, encoders and viewers read from it. What readers share is a `Ledger`: in the memory of this
process, in a file of this machine, or in Redis for all machines (`mam.lib.sources.ledgers`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mam.lib.sources.errors import TooManyOpenError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.sources.pool import Timing

_OPEN_WAIT_S = 20.0
_POLL_S = 0.05
_LEAST_BLOCK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be taken of a source; None: as much as it gives."""

    bytes_per_s: int | None = None
    open_files: int | None = None

    def __post_init__(self) -> None:
        if any(limit is not None and limit <= 0 for limit in (self.bytes_per_s, self.open_files)):
            raise ValueError("a limit must be above zero")

    def __bool__(self) -> bool:
        return self.bytes_per_s is not None or self.open_files is not None


class Hold(Protocol):
    """A file counted as open."""

    def release(self) -> None:
        """It is closed. Once only."""


class Ledger(Protocol):
    """What all readers of one source write down. Thread-safe."""

    def book(self, seconds: float) -> float:
        """Book `seconds` of the source's time, after everything booked so far; return how long to wait before using them.

        Up to one second that nobody used is saved up.
        """

    def hold(self, limit: int) -> Hold | None:
        """Count one more open file; None if `limit` are open already."""


class Governor:
    """Keeps the readers of one source within its limits."""

    def __init__(self, limits: Limits, ledger: Ledger, timing: Timing) -> None:
        self._limits = limits
        self._ledger = ledger
        self._timing = timing

    @property
    def block_bytes(self) -> int | None:
        """The most that should be read in one piece: a quarter of a second's worth, at least 64 KiB; None: no limit."""
        rate = self._limits.bytes_per_s
        return max(_LEAST_BLOCK_BYTES, rate // 4) if rate else None

    def take(self, length_bytes: int) -> None:
        """Wait until `length_bytes` more may be read."""
        if self._limits.bytes_per_s:
            wait_s = self._ledger.book(length_bytes / self._limits.bytes_per_s)
            if wait_s > 0:
                self._timing.sleep(wait_s)

    def open_file(self, target: str) -> Hold | None:
        """Count a file that is about to be opened; wait for another to be closed. None: nobody counts. TooManyOpenError after 20 s."""
        if not self._limits.open_files:
            return None
        give_up_s = self._timing.monotonic() + _OPEN_WAIT_S
        while (hold := self._ledger.hold(self._limits.open_files)) is None:
            if self._timing.monotonic() > give_up_s:
                raise TooManyOpenError(target=target, limit=self._limits.open_files)
            self._timing.sleep(_POLL_S)
        return hold


@contextmanager
def released_on_error(hold: Hold | None) -> Iterator[None]:
    """Give `hold` back if the block fails."""
    try:
        yield
    except BaseException:
        if hold is not None:
            hold.release()
        raise
