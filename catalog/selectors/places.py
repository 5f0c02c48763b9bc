"""Sources and folders, as they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.errors import ObjectNotFoundError
from catalog.models import Folder, MediaFile, Source
from catalog.selectors.scope import get_visible, visible
from mam.lib.bulk import in_order

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader


@dataclass(frozen=True, slots=True)
class SourceCard:
    """A source and its root folder, whose totals are the source's. None: it was never scanned."""

    source: Source
    root: Folder | None


def list_sources(*, user: Reader) -> list[SourceCard]:
    """All sources by name. Two queries."""
    sources = list(visible(Source.objects.all(), user))
    roots = {folder.source_id: folder for folder in Folder.objects.filter(parent=None)}
    return [SourceCard(source=source, root=roots.get(source.pk)) for source in sources]


def list_overlapping(*, user: Reader, source: Source) -> list[Source]:
    """The other sources with the same address, or one above or below it: without globs their files are in the library twice."""
    address = _address(source)
    others = visible(Source.objects.exclude(pk=source.pk), user)
    return [other for other in others if address.startswith(_address(other)) or _address(other).startswith(address)]


def _address(source: Source) -> str:
    """With a "/" at its end. SMB does not tell large letters from small ones."""
    address = f"{source.url.rstrip('/')}/"
    return address.casefold() if address.startswith("smb:") else address


def get_root(*, user: Reader, source_id: int) -> Folder:
    """The root folder of a source; ObjectNotFoundError as long as it was never scanned."""
    root = visible(Folder.objects.select_related("source"), user).filter(source=source_id, parent=None).first()
    if root is None:
        raise ObjectNotFoundError
    return root


def get_folder(*, user: Reader, folder_id: int) -> Folder:
    """One folder, with its source."""
    return get_visible(Folder.objects.select_related("source"), user, folder_id)


def folder_ancestors(folder: Folder) -> list[Folder]:
    """The folders above `folder`, the root first. One query."""
    return in_order(Folder.objects.all(), folder.ancestor_ids)


def list_subfolders(*, user: Reader, folder: Folder, with_missing: bool = True) -> QuerySet[Folder]:
    """The folders directly in `folder`, by (name_key, id)."""
    rows = visible(Folder.objects.all(), user).filter(parent=folder)
    return (rows if with_missing else rows.filter(is_missing=False)).order_by("name_key", "id")


def list_folder_files(*, user: Reader, folder: Folder) -> QuerySet[MediaFile]:
    """The files directly in `folder`, missing ones too, by FILE_ORDER (the index of the folder), for keyset pages."""
    return visible(MediaFile.objects.all(), user).filter(folder=folder).order_by("name_key", "id")
