"""Private directories in which renditions are made, on the disk of the data directory; gone with whoever worked in them.

The kernel's lock on a directory says that somebody works in it: it is released with the process, however that ends. What nobody
holds is deleted when the next one comes, and by the clock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from django.conf import settings

from mam.lib.errors import MamError, gettext_noop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RESERVE_BYTES = 1024**3  # left free for the database and everybody else
_GB = 1e9


class DiskSpaceError(MamError):
    """Making it would fill the disk."""

    code = "disk_space"
    template = gettext_noop("There is not enough space on the disk: %(needed_gb)s GB are needed, %(free_gb)s GB are free.")
    http_status = 507
    is_permanent = False


@contextmanager
def workshop(*, needed_bytes: int) -> Iterator[Path]:
    """An empty directory of our own, deleted in the end. DiskSpaceError if `needed_bytes` do not fit on its disk."""
    sweep()
    check_space(needed_bytes)
    path, descriptor = _take()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def check_space(needed_bytes: int = 0) -> None:
    """DiskSpaceError if less than `needed_bytes` and a reserve are free."""
    free = shutil.disk_usage(_root()).free - RESERVE_BYTES
    if free < needed_bytes or free < 0:
        raise DiskSpaceError(needed_gb=f"{(needed_bytes + RESERVE_BYTES) / _GB:.1f}", free_gb=f"{(free + RESERVE_BYTES) / _GB:.1f}")


def sweep() -> int:
    """Delete the directories of processes that are no more; return how many."""
    return sum(_delete_if_left(path) for path in _root().iterdir())


def _root() -> Path:
    root: Path = settings.DATA_DIR / "work"
    root.mkdir(parents=True, exist_ok=True)
    return root


def _take() -> tuple[Path, int]:
    while True:
        path = _root() / uuid.uuid4().hex
        path.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if _lock(descriptor) and path.exists():
            return path, descriptor
        os.close(descriptor)  # a sweep came between making and locking it


def _lock(descriptor: int) -> bool:
    """Take it; False if somebody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _delete_if_left(path: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _lock(descriptor):
                shutil.rmtree(path, ignore_errors=True)
                return True
        finally:
            os.close(descriptor)
    return False
