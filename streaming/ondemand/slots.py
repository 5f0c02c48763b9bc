"""How many encoders run at once on this machine, whatever the number of processes: one lock file each.

The kernel frees the slot of whoever dies.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streaming.ondemand.departures import Departures

if TYPE_CHECKING:
    from pathlib import Path


class Slot:
    """One encoder's place. Held until `release`, or until this process is no more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back. Once only."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Slots:
    """`count` places of one kind in `directory`, which all processes of the machine share."""

    directory: Path
    kind: str
    count: int

    @property
    def departures(self) -> Departures:
        """The viewers who do not wait any more for what an encoder in one of these places makes."""
        return Departures(self.directory / f"{self.kind}.left")

    def take(self) -> Slot | None:
        """A free place; None if there is none."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for number in range(self.count):
            descriptor = os.open(self.directory / f"{self.kind}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return Slot(descriptor)
        return None
