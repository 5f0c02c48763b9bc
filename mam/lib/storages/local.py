"""A folder of this machine (or of a mounted share) as a store of bytes."""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage

from mam.lib.storages.base import StoredEntry
from mam.lib.storages.errors import ObjectMissingError, StorageError, StorageFullError, StorageOfflineError, UploadCancelledError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator

    from mam.lib.storages.base import Readable

_CHUNK_BYTES = 1024 * 1024
_MODE = 0o644  # nginx sends them as another user
_DRAFT = ".part"
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_OFFLINE = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENOTCONN}  # a mounted share whose server is away


class LocalStorage(FileSystemStorage):
    """Objects are files. A new one is a draft in its folder until it is complete, then renamed: never half there."""

    def write(self, name: str, source: Readable, *, content_type: str, cancelled: threading.Event | None = None) -> None:
        """See `ByteStore.write`. Files keep no content type."""
        with self._draft(name) as draft:
            with draft.open("xb") as target:
                while chunk := source.read(_CHUNK_BYTES):
                    if cancelled is not None and cancelled.is_set():
                        raise UploadCancelledError(name=name)
                    target.write(chunk)
            self._publish(draft, name)

    def adopt(self, name: str, path: Path, *, content_type: str, cancelled: threading.Event | None = None) -> None:
        """See `ByteStore.adopt`: on one file system the file gets a second name."""
        with self._draft(name) as draft:
            try:
                draft.hardlink_to(path)
            except OSError:  # another file system, or one without links
                with path.open("rb") as source:
                    self.write(name, source, content_type=content_type, cancelled=cancelled)
            else:
                self._publish(draft, name)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """See `ByteStore.read_range`."""
        with self._translated(name), self._place(name).open("rb") as opened:
            opened.seek(offset)
            return opened.read(length)

    def stat(self, name: str) -> StoredEntry:
        """See `ByteStore.stat`."""
        with self._translated(name):
            return _entry(name, self._place(name).stat())

    def list_entries(self, prefix: str) -> Iterator[StoredEntry]:
        """See `ByteStore.list_entries`. What vanishes meanwhile is left out."""
        return (entry for entry in self._walk(Path(self.location, prefix), prefix) if not entry.name.endswith(_DRAFT))

    def _walk(self, folder: Path, prefix: str) -> Iterator[StoredEntry]:
        with self._translated(prefix):
            try:
                with os.scandir(folder) as listing:
                    children = sorted(listing, key=lambda child: child.name)
            except (FileNotFoundError, NotADirectoryError):
                return
        for child in children:
            if child.is_dir(follow_symlinks=False):
                yield from self._walk(Path(child.path), f"{prefix}{child.name}/")
                continue
            with contextlib.suppress(FileNotFoundError):
                yield _entry(f"{prefix}{child.name}", child.stat(follow_symlinks=False))

    def delete_many(self, names: Iterable[str]) -> None:
        """See `ByteStore.delete_many`. Folders that became empty go too."""
        for name in names:
            with self._translated(name):
                place = self._place(name)
                place.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # other objects are in it, or it is gone already
                    place.parent.rmdir()

    def local_path(self, name: str) -> Path | None:
        """See `ByteStore.local_path`."""
        return self._place(name)

    def presigned_url(self, name: str, *, expires_s: int, method: Literal["GET", "PUT"] = "GET") -> str | None:
        """None: a folder has no addresses."""
        return None

    def purge_unfinished(self, prefix: str, *, older_than: datetime.timedelta) -> int:
        """See `ByteStore.purge_unfinished`: drafts of killed processes."""
        latest = datetime.datetime.now(datetime.UTC) - older_than
        entries = self._walk(Path(self.location, prefix), prefix)
        left = [entry.name for entry in entries if entry.name.endswith(_DRAFT) and entry.modified_at < latest]
        self.delete_many(left)
        return len(left)

    def _place(self, name: str) -> Path:
        try:
            return Path(self.path(name))
        except SuspiciousFileOperation as error:
            raise ObjectMissingError(name=name) from error

    @contextlib.contextmanager
    def _draft(self, name: str) -> Iterator[Path]:
        """A name beside that of the object, in a folder that exists; gone afterwards."""
        place = self._place(name)
        draft = place.with_name(f".{place.name}.{uuid.uuid4().hex}{_DRAFT}")
        with self._translated(name):
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                yield draft
            finally:
                draft.unlink(missing_ok=True)

    def _publish(self, draft: Path, name: str) -> None:
        draft.chmod(_MODE)
        draft.rename(self._place(name))

    @contextlib.contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectMissingError(name=name) from error
        except OSError as error:
            if error.errno in _NO_SPACE:
                raise StorageFullError from error
            if error.errno in _OFFLINE:
                raise StorageOfflineError(reason=error.strerror or "") from error
            raise StorageError(reason=error.strerror or type(error).__name__) from error


def _entry(name: str, status: os.stat_result) -> StoredEntry:
    return StoredEntry(name, status.st_size, datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC))
