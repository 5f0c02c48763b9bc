"""Rows of a target as plans keep them: JSON lists, for a plan may have a million of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sync.choices import Action
from sync.targets.base import FileFields, TargetFile, Write

if TYPE_CHECKING:
    from collections.abc import Iterable


# What a row says of its file, in the order of `pack`; and when it was marked as deleted, after these.
FIELDS = ("path", "size_bytes", "extension", "is_hls", "codec", "width_px", "height_px", "duration_ms", "content_id", "is_deleted")


class Planned(NamedTuple):
    """One action of a plan; `before` and `after` packed (`pack`), None where there is no row."""

    action: str
    match_id: int | None  # whose action it was; None when it takes another one back
    file_id: int | None
    row_id: int | None  # of the mirror
    remote_id: str
    before: list[Any] | None
    after: list[Any] | None


def pack(file: TargetFile) -> list[Any]:
    """What a row says, as JSON: FIELDS, and deleted_at (ISO 8601)."""
    fields = file.fields
    return [
        *(fields.path, fields.size_bytes, fields.extension, fields.is_hls, fields.codec, fields.width_px, fields.height_px),
        *(fields.duration_ms, fields.content_id, file.is_deleted, file.deleted_at.isoformat() if file.deleted_at else None),
    ]


def unpack(remote_id: str, values: list[Any]) -> TargetFile:
    """The inverse of `pack`."""
    *fields, is_deleted, deleted_at = values
    return TargetFile(remote_id, FileFields(*fields), is_deleted, datetime.fromisoformat(deleted_at) if deleted_at else None)


def document(remote_id: str, values: Iterable[Any]) -> dict[str, Any]:
    """A row of the target as the history keeps it, from what `pack` made of it."""
    return {"remote_id": remote_id, **dict(zip(FIELDS, values, strict=False))}


def as_write(planned: Planned) -> Write:
    """What the target is to be told."""
    if planned.after is None:
        raise ValueError(f"nothing is to be written for {planned.action}")
    before = unpack(planned.remote_id, planned.before) if planned.before is not None else None
    after = unpack(planned.remote_id, planned.after)
    return Write(planned.remote_id, after.fields, after.is_deleted, before, after.deleted_at)


def inverse(planned: Planned, remote_id: str) -> Planned:
    """What takes an applied action back. A row that was inserted is marked as deleted: rows are never removed."""
    if planned.before is None:
        after = [*(planned.after or [])]
        after[-2:] = [True, None]
        return Planned(Action.DELETE, None, planned.file_id, planned.row_id, remote_id, planned.after, after)
    was_deleted, is_deleted = planned.before[-2], (planned.after or planned.before)[-2]
    action = Action.UPDATE if was_deleted == is_deleted else Action.DELETE if was_deleted else Action.RESTORE
    return Planned(action, None, planned.file_id, planned.row_id, remote_id, planned.after, planned.before)
