"""A seekable file over ranged reads: what is read once stays, and each read over the network brings what is likely needed next.

Blocks of 64 KiB, 128 KiB at the start, read-ahead doubling to 512 KiB while reading goes straight on (FACTS, Probing 2).
Lives in the worker process; the fetch function asks the process that holds the connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, SEEK_SET
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_BYTES = 64 * 1024
HEAD_BLOCKS = 2
MAX_READ_AHEAD_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Overlay:
    """Bytes shown instead of those of the file in [start, end): `content`, then zeros."""

    start: int
    end: int
    content: bytes

    def read(self, position: int, length: int) -> bytes:
        """Up to `length` bytes from `position`, which lies inside."""
        length = min(length, self.end - position)
        piece = self.content[position - self.start : position - self.start + length]
        return piece + bytes(length - len(piece))


class BlockFile:
    """A file object as PyAV wants it (read, seek, tell), and `peek` for our own parsers. One thread."""

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int, name: str = "media") -> None:
        self.name = name  # PyAV guesses by its extension where content does not tell
        self.size_bytes = size_bytes
        self.overlays: tuple[Overlay, ...] = ()  # apart from each other, in order
        self._fetch = fetch
        self._position = 0
        self._blocks: dict[int, bytes] = {}
        self._next_block = 0  # the block after the last fetch
        self._window = 1

    # --- as PyAV uses it --------------------------------------------------------------------------------------------
    def read(self, length: int = -1) -> bytes:
        """Bytes from the current position; fewer than `length` only at the end."""
        end = self.size_bytes if length < 0 else min(self.size_bytes, self._position + length)
        pieces = []
        while self._position < end:
            piece = self._piece(self._position, end)
            if not piece:  # the file became shorter than it was when opened
                break
            pieces.append(piece)
            self._position += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Move; never before the start. Positions after the end are allowed, as in any file."""
        base = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """The current position."""
        return self._position

    # --- for our own parsers ----------------------------------------------------------------------------------------
    def peek(self, offset: int, length: int) -> bytes:
        """Bytes at `offset` without moving; fewer than `length` only at the end."""
        position = self._position
        self._position = offset
        try:
            return self.read(length)
        finally:
            self._position = position

    def peek_uncached(self, offset: int, length: int) -> bytes:
        """Just these bytes, in one request unless they are there already: for a header amid what nobody will read."""
        blocks = range(offset // BLOCK_BYTES, (offset + length - 1) // BLOCK_BYTES + 1)
        if all(block in self._blocks for block in blocks):
            return self.peek(offset, length)
        return self._fetch(offset, max(0, min(length, self.size_bytes - offset)))

    # --- inside -----------------------------------------------------------------------------------------------------
    def _piece(self, position: int, end: int) -> bytes:
        for overlay in self.overlays:
            if overlay.start <= position < overlay.end:
                return overlay.read(position, end - position)
            if position < overlay.start:
                end = min(end, overlay.start)
                break
        block, offset = divmod(position, BLOCK_BYTES)
        data = self._blocks.get(block)
        if data is None:
            self._load(block, (end - 1) // BLOCK_BYTES)
            data = self._blocks[block]
        return data[offset : offset + end - position]

    def _load(self, first: int, last: int) -> None:
        """Fetch from block `first` on: to `last`, and as far ahead as this reader earned, up to the next block that is there."""
        is_straight_on = first == self._next_block and bool(self._blocks)
        self._window = min(self._window * 2, MAX_READ_AHEAD_BLOCKS) if is_straight_on else 1
        ahead = HEAD_BLOCKS if first == 0 else self._window
        stop = min(max(last + 1, first + ahead), first + MAX_READ_AHEAD_BLOCKS)
        stop = min(stop, -(-self.size_bytes // BLOCK_BYTES))
        known = next((block for block in range(first + 1, stop) if block in self._blocks), stop)
        offset = first * BLOCK_BYTES
        data = self._fetch(offset, min(known * BLOCK_BYTES, self.size_bytes) - offset)
        for block in range(first, known):
            start = (block - first) * BLOCK_BYTES
            self._blocks[block] = data[start : start + BLOCK_BYTES]
        self._next_block = known
