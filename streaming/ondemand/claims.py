"""Who makes which segment, and who waits for it, over all processes of a machine: one small file per track.

A claim is a lock on sixteen bytes of the file (open file description locks, fcntl(2)): byte range i is segment i. The kernel takes it
back from whoever dies. The same bytes hold when the segment was last asked for and by whom, so that the one who makes it knows how far
to go on, whichever process the viewers talk to.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_VIEWER_BYTES = 8
_ROW = struct.Struct("<d8s")  # seconds since 1970, viewer
_FLOCK = struct.Struct("@hhqqi4x")  # type, whence, start, length, pid (0: an open file description's)
_NAME = ".claims"


def viewer_of(token: str) -> bytes:
    """Tells viewers apart in eight bytes; "" stands for nobody in particular."""
    return hashlib.blake2b(token.encode(), digest_size=_VIEWER_BYTES).digest() if token else bytes(_VIEWER_BYTES)


@dataclass(frozen=True, slots=True)
class Asked:
    """What viewers want of a stretch of a track. Times in seconds since 1970."""

    last_s: dict[bytes, float]  # viewer -> the last time
    furthest: int  # the highest segment asked for lately; -1: none


class Claims:
    """One holder of claims on the segments of one track. Two of them, in one process or in several, exclude each other."""

    def __init__(self, directory: Path) -> None:
        self._descriptor = _open(directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back all claims."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def claim(self, index: int) -> bool:
        """Take a segment; False if another holder has it."""
        try:
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_WRLCK, index))
        except (BlockingIOError, PermissionError):  # fcntl(2): EAGAIN or EACCES
            return False
        return True

    def release(self, index: int) -> None:
        """Give a segment back."""
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, _lock(fcntl.F_UNLCK, index))

    def is_free(self, index: int) -> bool:
        """Whether no other holder has the segment."""
        answer = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, _lock(fcntl.F_WRLCK, index))
        return bool(_FLOCK.unpack(answer)[0] == fcntl.F_UNLCK)

    def ask(self, index: int, viewer: bytes) -> None:
        """Say that a viewer (eight bytes, as `viewer_of` makes them) wants the segment now."""
        os.pwrite(self._descriptor, _ROW.pack(time.time(), viewer), index * _ROW.size)

    def asked(self, first: int, last: int, *, within_s: float) -> Asked:
        """What was asked for of the segments `first` to `last` within the last `within_s` seconds."""
        data = os.pread(self._descriptor, (last + 1 - first) * _ROW.size, first * _ROW.size)
        since = time.time() - within_s
        last_s: dict[bytes, float] = {}
        furthest = -1
        for index, (at_s, viewer) in enumerate(_ROW.iter_unpack(data[: len(data) // _ROW.size * _ROW.size]), start=first):
            if at_s > since:
                last_s[viewer] = max(at_s, last_s.get(viewer, 0.0))
                furthest = index
        return Asked(last_s, furthest)


def _open(directory: Path) -> int:
    """The file of a track, made when it is not there; never one that the cache's sweep has just deleted."""
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the empty folder was swept meanwhile
            continue
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _lock(kind: int, index: int) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, index * _ROW.size, _ROW.size, 0)
