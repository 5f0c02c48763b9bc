"""Objects in the `renditions` storage: written once under a name that nobody knew before, read by range, deleted.

What lies on another machine is read through the local cache (`streaming.stores.hot`).
"""

from __future__ import annotations

import io
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import xxhash
from django.conf import settings
from django.core.files.storage import storages

from mam.lib.storages import StorageError
from streaming.stores import hot

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable

    from mam.lib.storages import ByteStore
    from mam.lib.storages.base import Readable

_CHUNK_BYTES = 1024 * 1024
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MadeObject:
    """Bytes that lie in the storage under a name that nobody else knows yet."""

    name: str
    content_type: str
    size_bytes: int
    checksum: str  # as `Checksum` makes it


def storage() -> ByteStore:
    """Where renditions lie."""
    return cast("ByteStore", storages["renditions"])


def folders() -> list[str]:
    """The prefixes of the store: what differs in use and in time to live lies apart."""
    return sorted({policy["folder"] for policy in settings.MAM_RENDITIONS.values()})


def folder_for(*, file_id: int, kind: str) -> str:
    """A new folder for the objects of one making: `<prefix>/<file id % 256, hex>/<file id>-<uuid>`."""
    return f"{settings.MAM_RENDITIONS[kind]['folder']}/{file_id % 256:02x}/{file_id}-{uuid.uuid4().hex}"


def file_id_of(name: str) -> int | None:
    """Whose object `name` is, by its name alone; None if it is no name of ours."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] not in folders():
        return None
    owner, _, unique = parts[2].partition("-")
    if not (owner.isascii() and owner.isdigit() and unique):
        return None
    return int(owner) if parts[1] == f"{int(owner) % 256:02x}" else None


def put(name: str, data: bytes | Path | Readable, *, content_type: str, cancelled: threading.Event | None = None) -> MadeObject:
    """Store `data` under `name`, which must be new. Nobody sees it before a row names it.

    A path is a file that nobody changes any more; it stays where it is. A stream is read once. Raises StorageErrors: then there is
    no such object.
    """
    if isinstance(data, Path):
        checksum = Checksum()
        with data.open("rb") as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                checksum.update(chunk)
        storage().adopt(name, data, content_type=content_type, cancelled=cancelled)
    else:
        source = _Hashing(io.BytesIO(data) if isinstance(data, bytes) else data)
        storage().write(name, source, content_type=content_type, cancelled=cancelled)
        checksum = source.checksum
    return MadeObject(name, content_type, checksum.size_bytes, checksum.hexdigest())


def read_range(name: str, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`; shorter at the end of the object. ObjectMissingError, StorageErrors."""
    store = storage()
    if store.local_path(name) is not None:
        return store.read_range(name, offset, length)
    return hot.cache().read_through(name, offset, length, fetch=store.read_range)


def local_path(name: str) -> Path | None:
    """The file that is the object, for nginx or `sendfile`; None when it has to be fetched (then: `read_range`)."""
    return storage().local_path(name)


def presigned_url(name: str, *, expires_s: int) -> str | None:
    """An address at the store itself that needs no login until it expires; None for a local folder."""
    return storage().presigned_url(name, expires_s=expires_s)


def discard(names: Iterable[str]) -> None:
    """Delete objects that nobody shows (any more). What cannot be deleted now is found by the sweep for orphans."""
    names = list(names)
    try:
        storage().delete_many(names)
    except StorageError as error:
        _logger.warning("%s objects are left for the sweep: %s", len(names), error)


class Checksum:
    """Size and XXH3 (128 bits) of bytes as they come: it finds what a disk or a network changed, as in ASC MHL, thirty times as fast as
    SHA-256. It is no proof against somebody who may write into the store.
    """

    def __init__(self) -> None:
        self._digest = xxhash.xxh3_128()
        self.size_bytes = 0

    def update(self, data: bytes) -> None:
        """The next bytes."""
        self._digest.update(data)
        self.size_bytes += len(data)

    def hexdigest(self) -> str:
        """Of all bytes until now: 32 hexadecimal digits."""
        return self._digest.hexdigest()


class _Hashing:
    """Notes what is read through it."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.checksum = Checksum()

    def read(self, length: int, /) -> bytes:
        """The next bytes of the source."""
        data = self._source.read(length)
        self.checksum.update(data)
        return data
