"""Files: one in full, many in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.choices import HERE, FileKind, Presence
from catalog.models import MediaFile
from catalog.selectors.scope import get_visible, visible
from mam.lib.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader

FILE_ORDER = ("name_key", "id")
NEWEST_FIRST = ("-first_seen_at", "-id")
_TAGGING = ("mediafile_id", "tag_id", "tag__name", "tag__color")
_TAGGINGS = Prepared(lambda ids: MediaFile.tags.through.objects.filter(mediafile__in=ids).order_by("tag__key").values_list(*_TAGGING))


def list_files(*, user: Reader) -> QuerySet[MediaFile]:
    """All files with what a list shows of each (folder, source, content up to its catalog); the caller filters and orders."""
    return visible(MediaFile.objects.select_related("folder", "source", "content__series__catalog"), user)


def get_file(*, user: Reader, file_id: int) -> MediaFile:
    """One file with folder, source, content, streams, tags, players and collections: a fixed number of queries."""
    files = list_files(user=user).prefetch_related("streams", "tags", "players", "collections")
    return get_visible(files, user, file_id)


def tags_of_files(file_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """What a list shows of the tags of files that somebody may see: id, name and color by file, by their keys. One query."""
    found: dict[int, list[dict[str, Any]]] = {}
    for file_id, tag_id, name, color in _TAGGINGS.rows(file_ids):
        found.setdefault(file_id, []).append({"id": tag_id, "name": name, "color": color})
    return found


def list_duplicates(*, user: Reader, file: MediaFile, limit: int = 50) -> list[MediaFile]:
    """Other files with the same size and the same first and last bytes, most likely copies. [] before analysis."""
    if not file.sample_hash:
        return []
    same = list_files(user=user).filter(sample_hash=file.sample_hash, size_bytes=file.size_bytes)
    return list(same.exclude(pk=file.pk).exclude(presence=Presence.MISSING).order_by("id")[:limit])


def list_recent_files(*, user: Reader, limit: int = 24) -> list[MediaFile]:
    """The videos found last that are there."""
    videos = list_files(user=user).filter(kind=FileKind.VIDEO, presence__in=HERE)
    return list(videos.order_by(*NEWEST_FIRST)[:limit])
