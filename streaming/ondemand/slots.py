"""How many encoders run at once on this machine, whatever the number of processes: one lock file each.

A slot's file says whose viewer it works for and whether that viewer has gone elsewhere. The kernel frees the slot of whoever dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OWNER_BYTES = 32
_LEFT_AT = _OWNER_BYTES  # the byte after the owner: a `Left`


class Left(bytes, Enum):
    """Whether the viewer an encoder was started for has gone elsewhere."""

    NO = b"0"
    YES = b"1"
    WANTED = b"2"  # and waits for a place, of which there is no other


class Slot:
    """One encoder's place. Held until `release`, or until this process is no more."""

    def __init__(self, descriptor: int, owner: bytes) -> None:
        self._descriptor = descriptor
        self.owner = owner
        os.pwrite(descriptor, owner + Left.NO.value, 0)

    @property
    def left(self) -> Left:
        """Whether the viewer it was taken for asks for something else by now."""
        return Left(os.pread(self._descriptor, 1, _LEFT_AT))

    def release(self) -> None:
        """Give it back. Once only."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class Slots:
    """`count` places of one kind in `directory`, which all processes of the machine share."""

    directory: Path
    kind: str
    count: int

    def take(self, viewer: str) -> Slot | None:
        """A free place; None if there is none. `viewer` tells viewers apart, "" stands for nobody in particular."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for number in range(self.count):
            descriptor = os.open(self._path(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return Slot(descriptor, _digest(viewer))
        return None

    def leave(self, viewer: str, how: Left = Left.YES) -> None:
        """Tell the encoders that `viewer` had asked for that this viewer is elsewhere now."""
        if not viewer:
            return
        owner = _digest(viewer)
        for number in range(self.count):
            path = self._path(number)
            if path.exists():
                with path.open("r+b", buffering=0) as opened:
                    if opened.read(_OWNER_BYTES) == owner:
                        os.pwrite(opened.fileno(), how.value, _LEFT_AT)

    def _path(self, number: int) -> Path:
        return self.directory / f"{self.kind}-{number}"


def _digest(viewer: str) -> bytes:
    return hashlib.blake2b(viewer.encode(), digest_size=_OWNER_BYTES).digest() if viewer else bytes(_OWNER_BYTES)
