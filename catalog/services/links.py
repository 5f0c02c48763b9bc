"""What tags and players have in common: rows that link them with files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.models import MediaFile
from catalog.services.common import audit, audit_files
from mam.lib.bulk import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalog.models import Player, Tag
    from mam.accounts.models import User


def link(target: Tag | Player, file_ids: Iterable[int], user: User | None) -> list[int]:
    """Link `target` with files; return those that were not linked with it. Files that are gone are passed over. Inside a transaction."""
    name, through = _table(target)
    added: list[int] = []
    for chunk in chunks(sorted(set(file_ids))):
        has = through.objects.filter(**{name: target}, mediafile__in=chunk).values("mediafile_id")
        lacking = list(MediaFile.objects.filter(pk__in=chunk).exclude(pk__in=has).order_by("pk").values_list("pk", flat=True))
        through.objects.bulk_create([through(mediafile_id=pk, **{name: target}) for pk in lacking], ignore_conflicts=True)
        added += lacking
    if added:
        audit(user, f"{name}.add", target, {}, {"files": added})
        audit_files(user, f"file.add_{name}", added, {}, {name: str(target)})
    return added


def unlink(target: Tag | Player, file_ids: Iterable[int], user: User | None) -> list[int]:
    """Take the links of `target` with files away; return those that had one. Inside a transaction."""
    name, through = _table(target)
    removed: list[int] = []
    for chunk in chunks(sorted(set(file_ids))):
        rows = through.objects.filter(**{name: target}, mediafile__in=chunk)
        removed += rows.order_by("mediafile_id").values_list("mediafile_id", flat=True)
        rows.delete()
    if removed:
        audit(user, f"{name}.remove", target, {"files": removed}, {})
        audit_files(user, f"file.remove_{name}", removed, {name: str(target)}, {})
    return removed


def _table(target: Tag | Player) -> tuple[str, type[Any]]:
    """What the links call the target, and their model."""
    return str(target._meta.model_name), target.files.through
