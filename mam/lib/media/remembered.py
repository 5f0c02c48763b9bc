"""Small reads of files that are opened again and again, kept in memory: what a demuxer looks at before it plays.

Each seek of a viewer is a new encoder, and each encoder walks the same headers: of a two-hour MXF seven hundred of them, which over a
share takes seconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mam.lib.media.outcomes import ReadableFile

    class PiecesFile(ReadableFile, Protocol):
        """One of which many pieces can be read at once."""

        def read_pieces(self, offsets: Sequence[int], length: int) -> list[bytes]:
            """What `read_at` gives for each offset."""


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

    file: PiecesFile
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
        data = self.memory.get((self.version, offset, length))
        if data is None:
            data = self.file.read_at(offset, length)
            self.memory.keep((self.version, offset, length), data)
        return data

    def remember(self, offsets: Sequence[int]) -> None:
        """Read the pieces at `offsets` that are not remembered, all at once: a reader is going to ask for them one by one."""
        size = self.memory.piece_bytes
        pieces = {offset: (self.version, offset, min(size, self.size_bytes - offset)) for offset in offsets}
        missing = [offset for offset, key in pieces.items() if self.memory.get(key) is None]
        for offset, data in zip(missing, self.file.read_pieces(missing, size), strict=True):
            self.memory.keep(pieces[offset], data)
