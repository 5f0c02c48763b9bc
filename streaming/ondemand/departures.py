"""Which viewers have gone elsewhere, over all processes of a machine: what somebody asked for before that is not wanted by them any more.

A table in one file, a row a viewer, by a part of the viewer's bytes. Two who share a row forget each other's departure: then an encoder
runs on for some seconds, and nobody gets less.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ROWS = 4096
_ROW = struct.Struct("<8sd?")


@dataclass(frozen=True, slots=True)
class Departure:
    """A viewer asks for another place or another size."""

    at_s: float  # since 1970
    is_wanting: bool  # and waits for an encoder, of which none is free


@dataclass(frozen=True, slots=True)
class Departures:
    """The table in `path`, which is made when it is not there."""

    path: Path

    def note(self, viewer: bytes, *, is_wanting: bool = False) -> None:
        """`viewer` (of `claims.viewer_of`) has just gone elsewhere; `is_wanting`: has gone before, and cannot get an encoder."""
        if not any(viewer):  # nobody in particular
            return
        before = self.find(viewer) if is_wanting else None
        at_s = before.at_s if before else time.time()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, _ROW.pack(viewer, at_s, is_wanting), _place(viewer))
        finally:
            os.close(descriptor)

    def find(self, viewer: bytes) -> Departure | None:
        """When `viewer` last went elsewhere; None if that is not known."""
        try:
            with self.path.open("rb", buffering=0) as opened:
                row = os.pread(opened.fileno(), _ROW.size, _place(viewer))
        except FileNotFoundError:
            return None
        if len(row) < _ROW.size or not any(viewer) or not row.startswith(viewer):
            return None
        _, at_s, is_wanting = _ROW.unpack(row)
        return Departure(at_s, is_wanting)


def _place(viewer: bytes) -> int:
    return int.from_bytes(viewer[:2], "little") % _ROWS * _ROW.size
