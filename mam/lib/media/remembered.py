"""Small reads of files that are opened again and again, kept in memory: what a demuxer looks at before it plays.

Each seek of a viewer is a new encoder, and each encoder walks the same headers: of a two-hour MXF seven hundred of them, which over a
share takes seconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mam.lib.media.outcomes import ReadableFile


class Memory:
    """Pieces of files, the longest unused forgotten first. Shared by threads."""

    def __init__(self, limit_bytes: int, *, piece_bytes: int) -> None:
        self.piece_bytes = piece_bytes  # larger reads are streamed and not kept
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._pieces: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """What was kept, if it still is."""
        with self._lock:
            data = self._pieces.get(key)
            if data is not None:
                self._pieces.move_to_end(key)
            return data

    def keep(self, key: Hashable, data: bytes) -> None:
        """Keep `data`, forgetting others for it."""
        with self._lock:
            self._used_bytes += len(data) - len(self._pieces.pop(key, b""))
            self._pieces[key] = data
            while self._used_bytes > self._limit_bytes:
                self._used_bytes -= len(self._pieces.popitem(last=False)[1])


@dataclass(frozen=True, slots=True)
class RememberedFile:
    """A `ReadableFile` whose small reads are answered from `memory`. `version` names the file and its content."""

    file: ReadableFile
    version: Hashable
    memory: Memory

    @property
    def size_bytes(self) -> int:
        """Size when it was opened."""
        return self.file.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        """As that of the file, without asking it again for a piece that is remembered."""
        if length > self.memory.piece_bytes:
            return self.file.read_at(offset, length)
        key = (self.version, offset, length)
        data = self.memory.get(key)
        if data is None:
            data = self.file.read_at(offset, length)
            self.memory.keep(key, data)
        return data
