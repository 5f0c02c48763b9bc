"""Files as the pool sees them, with what tests need to know or to happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class MemoryFile:
    """Bytes as a `ReadableFile`; remembers what was read. `before_read` runs before each read, with its number from 0."""

    def __init__(self, data: bytes, before_read: Callable[[int], None] | None = None) -> None:
        self.data = data
        self.size_bytes = len(data)
        self.reads: list[tuple[int, int]] = []
        self._before_read = before_read

    def read_at(self, offset: int, length: int) -> bytes:
        if self._before_read:
            self._before_read(len(self.reads))
        self.reads.append((offset, length))
        return self.data[offset : offset + length]

    def read_pieces(self, offsets: Sequence[int], length: int) -> list[bytes]:
        """What `read_at` gives for each; all of them count as one read."""
        self.reads += [(offsets[0], length)] if offsets else []
        return [self.data[offset : offset + length] for offset in offsets]

    @classmethod
    def of(cls, path: Path, before_read: Callable[[int], None] | None = None) -> MemoryFile:
        return cls(path.read_bytes(), before_read)
