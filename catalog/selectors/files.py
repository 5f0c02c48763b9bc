"""Files: one in full, many in order, and the search by words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.db.models.functions import Lower

from catalog import text
from catalog.choices import FileKind, Presence
from catalog.models import Folder, MediaFile, Tag
from catalog.selectors.scope import get_visible, visible

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from catalog.models import Source
    from catalog.selectors.scope import Reader

FILE_ORDER = ("name_key", "id")
NEWEST_FIRST = ("-first_seen_at", "-id")
COUNT_CAP = 10_001  # counts stop here and are shown as "10,000+" (FACTS, Database 2)
_MAX_WORDS = 8


def list_files(*, user: Reader) -> QuerySet[MediaFile]:
    """All files with what a list shows of each (folder, source, content up to its catalog); the caller filters and orders."""
    return visible(MediaFile.objects.select_related("folder", "source", "content__series__catalog"), user)


def get_file(*, user: Reader, file_id: int) -> MediaFile:
    """One file with folder, source, content, streams, tags, players and collections: a fixed number of queries."""
    files = list_files(user=user).prefetch_related("streams", "tags", "players", "collections")
    return get_visible(files, user, file_id)


def list_duplicates(*, user: Reader, file: MediaFile, limit: int = 50) -> list[MediaFile]:
    """Other files with the same size and the same first and last bytes, most likely copies. [] before analysis."""
    if not file.sample_hash:
        return []
    same = list_files(user=user).filter(sample_hash=file.sample_hash, size_bytes=file.size_bytes)
    return list(same.exclude(pk=file.pk).exclude(presence=Presence.MISSING).order_by("id")[:limit])


def list_recent_files(*, user: Reader, limit: int = 24) -> list[MediaFile]:
    """The videos found last that are there."""
    videos = list_files(user=user).filter(kind=FileKind.VIDEO, presence__in=[Presence.PRESENT, Presence.GROWING])
    return list(videos.order_by(*NEWEST_FIRST)[:limit])


def search_files(
    *,
    user: Reader,
    query: str,
    kinds: list[str] | None = None,
    source: Source | None = None,
    folder: Folder | None = None,
    with_missing: bool = False,
) -> QuerySet[MediaFile]:
    """Files in which each word of `query` occurs in the name, the title, a tag or the path; NEWEST_FIRST, for keyset pages.

    Spelling is compared as `catalog.text.fold` does. A query without words finds nothing. `folder`: it and everything below.
    """
    files = matching(list_files(user=user), query).order_by(*NEWEST_FIRST)
    if kinds:
        files = files.filter(kind__in=kinds)
    if source is not None:
        files = files.filter(source=source)
    if folder is not None:
        below = Folder.objects.filter(Q(pk=folder.pk) | Q(lineage__startswith=folder.subtree_prefix))
        files = files.filter(folder__in=below.values("pk"))
    return files if with_missing else files.exclude(presence=Presence.MISSING)


def matching(files: QuerySet[MediaFile], query: str) -> QuerySet[MediaFile]:
    """`files` narrowed to those in which each word of `query` occurs; none for a query without words."""
    words = text.words(query)[:_MAX_WORDS]
    if not words:
        return files.none()
    files = files.alias(title_key=Lower("title"))
    for word in words:
        files = files.filter(_holds(word))
    return files


def count_capped(rows: QuerySet[MediaFile], cap: int = COUNT_CAP) -> int:
    """How many rows there are, counting no further than `cap`."""
    return rows.order_by()[:cap].count()


def _holds(word: str) -> Q:
    """The word occurs in one of the places people remember. Sub-selects are run once a query, not once a row."""
    folders = Folder.objects.filter(path_key__contains=word).values("pk")
    tagged = MediaFile.tags.through.objects.filter(tag__in=Tag.objects.filter(key__contains=word)).values("mediafile_id")
    return Q(name_key__contains=word) | Q(title_key__contains=word) | Q(folder__in=folders) | Q(pk__in=tagged)
