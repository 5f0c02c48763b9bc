"""Deleting from the hot cache: the least recently used first, what is in use never."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What was handed out so recently may be about to be opened by its path.
IN_USE_S = 60
# A draft is written in one go: one of this age belongs to a process that was killed.
_DRAFT_AGE_S = 600
# A lock file in a folder without entries; those who locked it have found the folder empty for a day.
_LOCK_AGE_S = 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the cache as the sweep found it."""

    used_at: float  # seconds since the epoch; infinite: a draft
    size_bytes: int
    path: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep left and took."""

    kept_bytes: int
    kept_files: int
    evicted_bytes: int
    evicted_files: int


class Sweeper:
    """One pass over the folder `root`. Others may write and read meanwhile."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._now = time.time()

    def entries(self) -> list[Entry]:
        """Every entry there is, and the drafts of those that are about to be. What the dead left is deleted on the way."""
        return list(self._walk(str(self._root), is_root=True))

    def evict(self, entries: list[Entry], excess_bytes: int) -> Swept:
        """Delete at least `excess_bytes`, as far as nobody uses them."""
        kept_bytes, kept_files = sum(entry.size_bytes for entry in entries), len(entries)
        evicted_bytes = evicted_files = 0
        for entry in sorted(entries, key=lambda entry: entry.used_at):
            if evicted_bytes >= excess_bytes or entry.used_at > self._now - IN_USE_S:
                break
            if _delete_unused(entry.path, used_at=entry.used_at):
                evicted_bytes += entry.size_bytes
                evicted_files += 1
        return Swept(kept_bytes - evicted_bytes, kept_files - evicted_files, evicted_bytes, evicted_files)

    def _walk(self, folder: str, *, is_root: bool = False) -> Iterator[Entry]:
        has_entries = False
        hidden: list[os.DirEntry[str]] = []
        for child in _list(folder):
            if child.name.startswith("."):
                hidden.append(child)
            elif child.is_dir(follow_symlinks=False):
                has_entries = True
                yield from self._walk(child.path)
            else:
                has_entries = True
                with contextlib.suppress(FileNotFoundError):
                    status = child.stat(follow_symlinks=False)
                    yield Entry(status.st_atime, status.st_size, child.path)
        if not is_root:
            for child in hidden:
                yield from self._drafts(child, has_entries=has_entries)
            with contextlib.suppress(OSError):  # not empty, or gone
                Path(folder).rmdir()

    def _drafts(self, child: os.DirEntry[str], *, has_entries: bool) -> Iterator[Entry]:
        """A draft that somebody writes. That of a killed process is deleted, as is a lock in a folder that nobody fills any more."""
        with contextlib.suppress(FileNotFoundError):
            status = child.stat(follow_symlinks=False)
            age_s = self._now - status.st_mtime
            is_draft = child.name.endswith(".part")
            if age_s > _DRAFT_AGE_S if is_draft else age_s > _LOCK_AGE_S and not has_entries:
                _delete_unused(child.path)
            elif is_draft:
                yield Entry(math.inf, status.st_size, child.path)


def _list(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return list(listing)
    except FileNotFoundError:
        return []


def _delete_unused(path: str, *, used_at: float = math.inf) -> bool:
    """Delete a file unless a reader holds it, by `flock` or a record lock, or somebody used it after `used_at`. True: it is gone."""
    try:
        with Path(path).open("r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(opened.fileno()).st_atime > used_at:
                return False
            Path(path).unlink()
    except (BlockingIOError, PermissionError):  # fcntl(2) says EAGAIN or EACCES
        return False
    except FileNotFoundError:
        return True
    return True
