"""The interface of both storages, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator
    from datetime import datetime, timedelta
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An object as a listing shows it."""

    name: str
    size_bytes: int
    modified_at: datetime  # aware


class Readable(Protocol):
    """What bytes are read from: an open file, or whatever gives at most `length` bytes a call and b"" at its end."""

    def read(self, length: int, /) -> bytes:
        """The next bytes."""


class ByteStore(Protocol):
    """Objects by name ("a/b/c"). Thread-safe. Every method raises `StorageError`s and nothing else of its backend."""

    def write(self, name: str, source: Readable, *, content_type: str, cancelled: threading.Event | None = None) -> None:
        """Store what `source` gives from where it stands, under a name that is new. Until this returns there is no such object.

        `source` is read once, forwards. Once `cancelled` is set: UploadCancelledError, between two reads or requests.
        """

    def adopt(self, name: str, path: Path, *, content_type: str, cancelled: threading.Event | None = None) -> None:
        """Store the file at `path`, which nobody changes any more: without copying it where that is possible."""

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer at the end of the object, none after it. ObjectMissingError."""

    def stat(self, name: str) -> StoredEntry:
        """Size and time of one object. ObjectMissingError."""

    def list_entries(self, prefix: str) -> Iterator[StoredEntry]:
        """All objects whose name begins with `prefix`, which is "" or ends with a slash."""

    def delete_many(self, names: Iterable[str]) -> None:
        """Delete objects; what is not there is no error."""

    def local_path(self, name: str) -> Path | None:
        """Where the object lies on this machine; None when only the store can read it."""

    def presigned_url(self, name: str, *, expires_s: int, method: Literal["GET", "PUT"] = "GET") -> str | None:
        """An address that needs no login until it expires; None when the storage has none."""

    def purge_unfinished(self, prefix: str, *, older_than: timedelta) -> int:
        """Forget what began to be stored below `prefix` before `now - older_than` and never ended; how many there were."""
