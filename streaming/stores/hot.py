"""The hot tier: bytes near the viewers, in a local folder with a budget. Everything in it can be made or fetched again.

Two things lie here: segments made on demand (`directory_of`), and blocks of objects whose store is on another machine
(`read_through`). Any number of processes use one folder:

- an entry appears whole, by rename; its time of last use is the file's access time (nginx makes validators of the other one);
- the sweep deletes what was used longest ago, never what a reader holds (a shared lock on the file) or was handed out within
  the last seconds (nginx opens files by their path);
- how many bytes there are is counted in one small file, added to before an entry appears: a process killed in between leaves the
  count too high, and the next sweep counts anew.

Names that begin with a dot are no entries: drafts, locks, the count.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import struct
import time
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

from streaming.stores.hot_sweep import Sweeper, Swept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK_BYTES = 2 * 1024 * 1024  # of fetched objects: a segment of 4 s is one or two
_HEAD = struct.Struct("<II")  # of a block's file: length and CRC-32 of what follows, so that a torn write is no block
_NUMBER = struct.Struct("<q")
_USED_STEP_S = 30  # a use is noted at most so often
_FOLDER_TRIES = 10
_STRIPES = 64  # locks against fetching one block twice
_DISK_RESERVE_BYTES = 2 * 1024**3  # left free on the disk whatever the budget says


def cache() -> HotCache:
    """The cache that the settings describe."""
    return HotCache(Path(settings.STORAGES["cache"]["OPTIONS"]["location"]), settings.MAM_CACHE_BYTES)


@dataclass(frozen=True, slots=True)
class HotCache:
    """A folder, and how many bytes it may hold. Thread-safe, process-safe."""

    root: Path
    budget_bytes: int
    reserve_bytes: int = _DISK_RESERVE_BYTES

    # --- segments made on demand -------------------------------------------------------------------------------------
    def directory_of(self, *, file_id: int, fingerprint: str, track: str) -> Path:
        """Where what was made of one version of a file lies. Made by the first `put`."""
        return self.root / "segments" / f"{file_id % 256:02x}" / f"{file_id}-{fingerprint}" / track

    def put(self, path: Path, data: bytes) -> None:
        """Make `data` the entry at `path`, below `root`. Deletes other entries when there are too many bytes."""
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        try:
            _write_new(draft, data)
            self.add(len(data))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def add(self, size_bytes: int) -> None:
        """Count bytes that are about to appear (`put` does), and sweep when they are too many."""
        with self._count() as count:
            count.value += size_bytes
            used_bytes = count.value
        if used_bytes > self.limit_bytes(used_bytes):
            self.sweep()

    @contextlib.contextmanager
    def reading(self, path: Path) -> Iterator[BinaryIO]:
        """The entry, open; it is not swept meanwhile. FileNotFoundError when there is none (any more)."""
        with path.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH)
            self.use(path)
            yield opened

    def use(self, path: Path) -> bool:
        """Note that somebody needs the entry now, so that it stays for the next seconds at least. False: there is none."""
        try:
            status = path.stat()
            if time.time() - status.st_atime > _USED_STEP_S:
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
        except FileNotFoundError:
            return False
        return True

    # --- objects of another machine ----------------------------------------------------------------------------------
    def read_through(self, name: str, offset: int, length: int, *, fetch: Callable[[str, int, int], bytes]) -> bytes:
        """`length` bytes of the object from `offset`, fewer at its end; what is not here comes from `fetch(name, offset, length)`.

        Missing neighbours are fetched in one request, and one reader at a time fetches a block. Raises what `fetch` raises.
        """
        if length <= 0:
            return b""
        first, last = offset // BLOCK_BYTES, (offset + length - 1) // BLOCK_BYTES
        blocks = {number: block for number in range(first, last + 1) if (block := self._block(name, number)) is not None}
        missing = [number for number in range(first, last + 1) if number not in blocks]
        if missing:
            blocks |= self._fetch(name, missing[0], missing[-1], fetch)
        start = offset - first * BLOCK_BYTES
        return b"".join(blocks.get(number, b"") for number in range(first, last + 1))[start : start + length]

    def _fetch(self, name: str, first: int, last: int, fetch: Callable[[str, int, int], bytes]) -> dict[int, bytes]:
        with self._stripe(f"{name}:{first}"):
            found = {number: block for number in range(first, last + 1) if (block := self._block(name, number)) is not None}
            if len(found) == last + 1 - first:  # another reader was faster
                return found
            data = fetch(name, first * BLOCK_BYTES, (last + 1 - first) * BLOCK_BYTES)
            blocks = {}
            for number in range(first, last + 1):
                start = (number - first) * BLOCK_BYTES
                if block := data[start : start + BLOCK_BYTES]:
                    blocks[number] = block
                    with contextlib.suppress(OSError):  # a full disk is no reason not to answer
                        self.put(self._block_path(name, number), _HEAD.pack(len(block), zlib.crc32(block)) + block)
            return blocks

    def _block(self, name: str, number: int) -> bytes | None:
        """A block that is here and whole."""
        try:
            with self.reading(self._block_path(name, number)) as opened:
                data = opened.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(data) < _HEAD.size:
            return None
        block = data[_HEAD.size :]
        return block if _HEAD.unpack_from(data) == (len(block), zlib.crc32(block)) else None

    def _block_path(self, name: str, number: int) -> Path:
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        return self.root / "blocks" / digest[:2] / digest / str(number)

    @contextlib.contextmanager
    def _stripe(self, key: str) -> Iterator[None]:
        """One of a few locks, over all processes of the machine; the kernel takes it from whoever dies."""
        with self._locked(f"fetch-{zlib.crc32(key.encode()) % _STRIPES}"):
            yield

    # --- the budget --------------------------------------------------------------------------------------------------
    def used_bytes(self) -> int:
        """What is here by the count. Exact after a sweep, a little too much after a kill."""
        with self._count() as count:
            return count.value

    def limit_bytes(self, used_bytes: int) -> int:
        """What may be here: the budget, less when the disk is nearly full."""
        return min(self.budget_bytes, used_bytes + shutil.disk_usage(self.root).free - self.reserve_bytes)

    def sweep(self) -> Swept | None:
        """Count anew and delete what was used longest ago, down to nine tenths of what may be here. None: another one sweeps."""
        with self._locked("sweep", is_patient=False) as is_mine:
            if not is_mine:
                return None
            with self._count() as count:
                before = count.value
            sweeper = Sweeper(self.root)
            entries = sweeper.entries()
            there_bytes = sum(entry.size_bytes for entry in entries)
            limit_bytes = self.limit_bytes(there_bytes)
            swept = sweeper.evict(entries, there_bytes - limit_bytes * 9 // 10 if there_bytes > limit_bytes else 0)
            with self._count() as count:
                count.value = swept.kept_bytes + max(0, count.value - before)  # and what was added meanwhile
            return swept

    @contextlib.contextmanager
    def _count(self) -> Iterator[_Count]:
        """The count, ours alone meanwhile. Eight bytes in one write: no kill leaves half a number."""
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "count", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            stored = os.pread(descriptor, _NUMBER.size, 0)
            count = _Count(_NUMBER.unpack(stored)[0] if stored else 0)
            before = count.value
            yield count
            if count.value != before:
                os.pwrite(descriptor, _NUMBER.pack(count.value), 0)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _locked(self, name: str, *, is_patient: bool = True) -> Iterator[bool]:
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX if is_patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


@dataclass(slots=True)
class _Count:
    value: int


def _write_new(draft: Path, data: bytes) -> None:
    """Write a file in a folder that a sweep may just find empty and delete."""
    for _ in range(_FOLDER_TRIES):
        draft.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(data)
        except FileNotFoundError:
            continue
        return
    raise FileNotFoundError(draft)
