"""Which files a list may show, known before any of them is read: from the bitmaps of the search, and from small indexes.

A list of a million files in some order finds its page by walking the index of that order. Where few files are wanted, or all of them lie
far away, it would walk past the whole library. So a condition says here what it knows of its files: at least all of those that meet it.
Whoever lists still asks the condition itself of each.

The bitmaps lag behind the files by moments. What changed and is not in them yet is noted (`SearchChange`, by triggers, in the transaction
of the change), so those files may always be shown. The notes are read before the bitmaps: a note goes with the writing of the bitmaps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import TYPE_CHECKING

from django.db import connection
from pyroaring import BitMap

from catalog.models import MediaFile, SearchChange
from catalog.search.postings import known_postings
from mam.lib.bulk import among
from mam.lib.keyset import keyset_page, reading_after, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from django.db.models import Q, QuerySet

    from catalog.models import SearchEntry
    from mam.lib.keyset import KeysetPage, Reading

FEW = 20_000  # so many are read by their ids and sorted in 100 ms
_SOON_SORTED = 2_000
MANY_NOTES = 20_000  # while more changes wait for the index, as at a first scan, its bitmaps are not asked
_STEP = 8  # how much more is looked at each time that a page is not full yet
_WALKED = 20_000  # entries of an index at once, which take some milliseconds: those wanted may begin behind a hundred thousand others


@dataclass(frozen=True, slots=True)
class Having:
    """Files with one of `tokens` and none of `without`."""

    tokens: frozenset[str]
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is known of the files of a list: they are in every one of these. `ids`: primary keys that are right at this moment."""

    having: tuple[tuple[Having, ...], ...] = ()  # each: in one of them
    ids: tuple[BitMap, ...] = ()
    entries: tuple[QuerySet[SearchEntry], ...] = ()  # of the search; they lag as the bitmaps do
    folders: Q | None = None  # of files: they lie in these folders, and are so few that they can be sorted
    is_by_name: bool = False  # an index has them by their names

    def to(self, *one_of: Having) -> Narrowing:
        """Also with one of these."""
        return replace(self, having=(*self.having, one_of))

    def to_ids(self, ids: BitMap | None) -> Narrowing:
        """Also among these; None: no further."""
        return self if ids is None else replace(self, ids=(*self.ids, ids))

    def to_entries(self, entries: QuerySet[SearchEntry]) -> Narrowing:
        """Also among these entries of the search."""
        return replace(self, entries=(*self.entries, entries))

    def to_folders(self, folders: Q, *, is_one: bool = False) -> Narrowing:
        """Also in these folders, or in this one."""
        both = folders if self.folders is None else self.folders & folders
        return replace(self, folders=both, is_by_name=self.is_by_name or is_one)

    def candidates(self) -> BitMap | None:
        """The files that may be in the list; None: any. As many queries as there are `entries`, and two."""
        parts = list(self.ids)
        if self.having or self.entries:
            noted = list(SearchChange.objects.order_by("pk").values_list("file_id", flat=True)[: MANY_NOTES + 1])
            if len(noted) <= MANY_NOTES:
                indexed = [ids for entries in self.entries if (ids := ids_of(entries)) is not None]
                indexed += [self._having()] if self.having else []
                parts += [ids | BitMap(noted) for ids in indexed]
        return reduce(and_, parts) if parts else None

    def _having(self) -> BitMap:
        have = known_postings.of({token for one_of in self.having for one in one_of for token in one.tokens | one.without})

        def having(one: Having) -> BitMap:
            return reduce(or_, (have[token] for token in one.tokens), BitMap()) - BitMap().union(*(have[token] for token in one.without))

        return reduce(and_, (reduce(or_, map(having, one_of), BitMap()) for one_of in self.having))


def ids_of(rows: QuerySet[Any, Any], column: str = "pk", at_most: int = FEW) -> BitMap | None:
    """The ids of files that `rows` name in `column`; None where they are more than `at_most`. One query."""
    statement, params = rows.order_by().values_list(column, flat=True)[: at_most + 1].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        found = cursor.fetchall()
    return BitMap(pk for (pk,) in found) if len(found) <= at_most else None


def list_page(files: QuerySet[MediaFile], narrowing: Narrowing, ordering: Sequence[str], cursor: str | None, limit: int) -> KeysetPage[Any]:
    """A page of `files`, its rows with their id and the columns of the order. Raises what `keyset_page` raises."""
    columns = {"id", *(name.removeprefix("-") for name in ordering)} - {"pk"}
    rows: Any = files.values(*columns)
    candidates = narrowing.candidates()
    if candidates is not None and len(candidates) <= FEW:
        if len(candidates) > _SOON_SORTED:  # a page of so many is soon found on the way, if they are not far away
            page, is_full = _page_on_the_way(rows, candidates, ordering, cursor, limit, parts=1)
            if is_full:
                return page
        return keyset_page(rows.filter(pk__in=among(candidates)), ordering, cursor, limit, is_small=True)
    if narrowing.folders is not None and not (narrowing.is_by_name and "name_key" in columns):
        return keyset_page(rows.filter(narrowing.folders), ordering, cursor, limit, is_small=True)
    if candidates is None or narrowing.is_by_name:
        return keyset_page(rows, ordering, cursor, limit)
    return _page_on_the_way(rows, candidates, ordering, cursor, limit)[0]


def _page_on_the_way(
    rows: Any, candidates: BitMap, ordering: Sequence[str], cursor: str | None, limit: int, parts: int | None = None
) -> tuple[KeysetPage[Any], bool]:
    """Looks at candidates in the order of reading, at more of them until the page is full or nothing is left.

    The page, and whether it is full; `parts`: not further than so many parts of the way.
    """
    reading = reading_after(MediaFile.objects.all(), ordering, cursor)
    page: KeysetPage[Any] = keyset_page(rows.none(), ordering, cursor, limit)
    seen: list[int] = []
    size = 2 * (limit + 1)
    for part in islice(_in_order(candidates, ordering, cursor, reading, size), parts):
        in_part = iter(part)
        while some := list(islice(in_part, size)):  # most likely the first ones fill the page
            seen += some
            page = keyset_page(rows.filter(pk__in=among(seen)), ordering, cursor, limit, is_small=True)
            if (page.previous if reading.is_backward else page.next) is not None:
                return page, True
            size *= _STEP
    return page, False


def _in_order(candidates: BitMap, ordering: Sequence[str], cursor: str | None, reading: Reading, count: int) -> Iterator[Iterable[int]]:
    """Candidates after the cursor, as they follow in the order: about `count` of them, then more and more."""
    if ordering[0].removeprefix("-") in {"pk", "id"}:
        yield from _by_id(candidates, reading, count)
        return
    every = max(1, candidates.max() // len(candidates))  # if they are evenly spread, every so many rows are one
    for ids in walk(MediaFile.objects.all(), ordering, cursor, count * every, _STEP, _WALKED):
        yield [pk for pk in ids if pk in candidates]


def _by_id(candidates: BitMap, reading: Reading, count: int) -> Iterator[Iterable[int]]:
    if reading.is_descending:
        end = len(candidates) if reading.first is None else candidates.rank(reading.first - 1)
        while end:
            start = max(0, end - count)
            yield candidates[start:end]
            end, count = start, count * _STEP
    else:
        start = 0 if reading.first is None else candidates.rank(reading.first)
        while start < len(candidates):
            yield candidates[start : start + count]
            start, count = start + count, count * _STEP
