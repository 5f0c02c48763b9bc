"""Where files are, noted before they are moved, so that the move can be taken back. Inside the caller's transaction.

Locks all catalogs, a small table, before the files: which ones taking back touches depends on what rules and curators did meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypedDict

from catalog.choices import Placement
from catalog.models import Catalog, Content, MediaFile, Series
from catalog.services import arranging
from catalog.services.known import lock_files
from catalog.services.placement import lock_catalogs
from mam.lib.bulk import among, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    from mam.accounts.models import User

# Of the work a file is in: what `_work` finds or makes it by.
_WORK_KEYS = ("series__catalog__key", "series__catalog__name", "series__key", "series__name", "series__year", "key", "title")


class Places(TypedDict):
    """Where files were before a move and after it, as JSON."""

    places: list[list[Any]]  # [file, content, part, placement]
    works: list[list[Any]]  # [content, *_WORK_KEYS]: a work that becomes empty goes away
    now: list[list[Any]]  # [file, content]


def lock_for_moves(file_ids: Collection[int]) -> None:
    """Lock all catalogs, then these files."""
    lock_catalogs(Catalog.objects.order_by().values_list("pk", flat=True))
    lock_files(file_ids)


def note_places(file_ids: Collection[int]) -> Places:
    """Where files, locked by `lock_for_moves`, are. `note_moved` completes it."""
    rows = MediaFile.objects.filter(pk__in=among(file_ids)).order_by("pk").values_list("pk", "content", "part_number", "placement")
    places: list[list[Any]] = [list(row) for row in rows]
    works = Content.objects.filter(pk__in=among({row[1] for row in places if row[1] is not None})).order_by("pk")
    return Places(places=places, works=[list(row) for row in works.values_list("pk", *_WORK_KEYS)], now=[])


def note_moved(noted: Places) -> None:
    """Where they are after the move."""
    rows = MediaFile.objects.filter(pk__in=among(row[0] for row in noted["places"])).order_by("pk").values_list("pk", "content")
    noted["now"] = [list(row) for row in rows]


def place_back(noted: Places, user: User | None) -> None:
    """What rules had placed is given back to them; what curators had, to the work it was in, made anew if it went away.

    Files that somebody has moved again since then stay where they are.
    """
    moved_to = dict(noted["now"])
    lock_for_moves(moved_to)
    curated = MediaFile.objects.filter(pk__in=among(moved_to), placement=Placement.CURATOR)
    there = {pk for pk, content_id in curated.values_list("pk", "content") if moved_to[pk] == content_id}
    rows = [row for row in noted["places"] if row[0] in there]
    works = {pk: keys for pk, *keys in noted["works"]}
    homes: defaultdict[int | None, list[int]] = defaultdict(list)
    for pk, content_id, _part, placement in rows:
        if placement != Placement.RULE:
            homes[content_id].append(pk)
    for content_id, ids in homes.items():
        arranging.move_files(file_ids=ids, content=_work(content_id, *works[content_id]) if content_id else None, user=user)
    update_rows(MediaFile, ["part_number"], [(part, pk) for pk, _content, part, placement in rows if placement != Placement.RULE])
    arranging.release_files(file_ids=[row[0] for row in rows if row[3] == Placement.RULE], user=user)


def _work(
    pk: int, catalog_key: str, catalog_name: str, series_key: str, series_name: str, year: int | None, key: str, title: str
) -> Content:
    """The content that had this id, wherever it is now; or the one with these keys."""
    found = Content.objects.select_related("series").filter(pk=pk).first()
    if found is not None:
        return found
    catalog, _ = Catalog.objects.get_or_create(key=catalog_key, defaults={"name": catalog_name})
    series, _ = Series.objects.get_or_create(catalog=catalog, key=series_key, defaults={"name": series_name, "year": year})
    return Content.objects.get_or_create(series=series, key=key, defaults={"title": title})[0]
