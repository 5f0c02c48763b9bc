"""Files and works as documents, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync.targets.rows import ACTIVE, DELETED, PARTS, file_of, values_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from google.cloud.firestore import Client, DocumentReference, DocumentSnapshot

    from sync.targets.base import FileFields, TargetFile, Work, Write

FILES, MARKS = "files", "_sync_metadata"
# Part of a row -> the field of its document: the names of the columns in a database.
FIELDS = {
    "path": "nas_path",
    "filename": "filename",
    "size": "size_bytes",
    "extension": "extension",
    "codec": "codec",
    "resolution": "resolution",
    "duration_s": "duration_sec",
    "hls": "hls_compatible",
    "content": "content_id",
}
_READ = ("path", "size", "extension", "codec", "resolution", "duration_s", "hls", "content")
READ_FIELDS = [*(FIELDS[part] for part in _READ), "status", "deleted_at"]


def file_in(snapshot: DocumentSnapshot[Any]) -> TargetFile:
    """A document as a row."""
    fields = snapshot.to_dict() or {}
    values = {part: fields.get(FIELDS[part]) for part in _READ}
    return file_of(snapshot.id, **values, status=fields.get("status"), deleted_at=fields.get("deleted_at"))


def as_kept(file: TargetFile) -> TargetFile:
    """What a document gives back of a row that it was given."""
    fields = fields_of(file.fields)
    return file_of(file.remote_id, **{part: fields[FIELDS[part]] for part in _READ}, status=DELETED if file.is_deleted else ACTIVE)


def fields_of(fields: FileFields) -> dict[str, Any]:
    """A file as a document keeps it."""
    values = dict(zip(PARTS, values_of(fields), strict=True))
    return {name: values[part] for part, name in FIELDS.items()}


def status_of(write: Write, at: datetime) -> dict[str, Any]:
    """Whether a file is deleted, and since when."""
    return {"status": DELETED, "deleted_at": write.deleted_at or at} if write.is_deleted else {"status": ACTIVE, "deleted_at": None}


def changes(write: Write, before: TargetFile, at: datetime) -> dict[str, Any]:
    """The fields of a document that have to change; those of other programs are not among them."""
    was = fields_of(before.fields)
    changed = {name: value for name, value in fields_of(write.fields).items() if was[name] != value}
    if write.is_deleted != before.is_deleted or (write.is_deleted and write.deleted_at and write.deleted_at != before.deleted_at):
        changed |= status_of(write, at)
    return changed | {"updated_at": at} if changed else {}


def work_reference(client: Client, work: Work) -> DocumentReference:
    """catalogs/{id}/series/{id}/contents/{id}, or players/{id}."""
    collections = ("players",) if work.kind == "player" else ("catalogs", "series", "contents")
    path = [part for pair in zip(collections, (*work.parent, work.id), strict=False) for part in pair]
    return client.document(*path)


def work_fields(work: Work) -> Mapping[str, Any]:
    """A work as a document keeps it."""
    return {"name": work.name, **work.details}
