"""Objects in the `renditions` storage: written once under a name that nobody knew before, read by range, deleted."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from streaming.choices import RenditionKind

if TYPE_CHECKING:
    from collections.abc import Iterable

# The prefixes of the store: what differs in use and in time to live lies apart.
FOLDERS: dict[str, str] = {
    RenditionKind.POSTER: "thumbnails",
    RenditionKind.STORYBOARD: "thumbnails",
    RenditionKind.WAVEFORM: "thumbnails",
    RenditionKind.PROXY: "proxies",
    RenditionKind.HLS: "streams",
}


@dataclass(frozen=True, slots=True)
class MadeObject:
    """Bytes that lie in the storage under a name that nobody else knows yet."""

    name: str
    content_type: str
    size_bytes: int
    checksum: str  # SHA-256, hex


def storage() -> Storage:
    """Where renditions lie."""
    return storages["renditions"]


def folder_for(*, file_id: int, kind: str) -> str:
    """A new folder for the objects of one making: `<prefix>/<file id % 256, hex>/<file id>-<uuid>`."""
    return f"{FOLDERS[kind]}/{file_id % 256:02x}/{file_id}-{uuid.uuid4().hex}"


def file_id_of(name: str) -> int | None:
    """Whose object `name` is, by its name alone; None if it is no name of ours."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] not in FOLDERS.values():
        return None
    owner, _, unique = parts[2].partition("-")
    if not (owner.isascii() and owner.isdigit() and unique):
        return None
    return int(owner) if parts[1] == f"{int(owner) % 256:02x}" else None


def put(name: str, data: bytes | Path, *, content_type: str) -> MadeObject:
    """Store `data` under `name`, which must be new. Nobody sees it before a row names it. Raises what the storage raises."""
    if isinstance(data, Path):
        with data.open("rb") as opened:
            checksum = hashlib.file_digest(opened, "sha256").hexdigest()
            opened.seek(0)
            stored = storage().save(name, File(opened, name=name))
        return MadeObject(stored, content_type, data.stat().st_size, checksum)
    stored = storage().save(name, ContentFile(data, name=name))
    return MadeObject(stored, content_type, len(data), hashlib.sha256(data).hexdigest())


def read_range(name: str, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`; shorter at the end of the object. FileNotFoundError when it is not there."""
    with storage().open(name) as opened:
        opened.seek(offset)
        data: bytes = opened.read(length)
        return data


def discard(names: Iterable[str]) -> None:
    """Delete objects that nobody shows (any more). What cannot be deleted now is found by the sweep for orphans."""
    for name in names:
        storage().delete(name)
