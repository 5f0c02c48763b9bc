"""The match table: pages of matches at any depth, in any order, narrowed; how many there are is summed, never counted.

Which index finds a page is decided here, from what the cube says of how many are wanted. Of the words of a search the catalog's engine
knows the files; entries of the target that no file has are looked through.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, In

from catalog import selectors as library
from catalog import text
from catalog.errors import ObjectNotFoundError
from catalog.search.query import parse
from catalog.selectors.kept import keep, library_version
from mam.accounts.access import require
from mam.lib.bulk import among, chunks
from mam.lib.keyset import jump, keyset_page
from sync.choices import MatchStatus
from sync.models import Match, MatchCell
from sync.selectors.filters import NO_CATALOG
from sync.selectors.rows import read_copies, read_rows
from sync.selectors.scope import VIEW

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from django.db.models import QuerySet

    from catalog.search.query import Query, Term
    from catalog.selectors.scope import Reader
    from mam.lib.keyset import KeysetPage
    from sync.models import Target
    from sync.selectors.filters import MatchFilter
    from sync.selectors.rows import Copy, MatchRow

NEWEST = "newest"
ORDERS: Mapping[str, tuple[str, ...]] = {  # each is an index of Match
    NEWEST: ("-id",),
    "oldest": ("id",),
    "path": ("path_key", "id"),
    "-path": ("-path_key", "-id"),
    "name": ("name_key", "size_bytes", "id"),
    "-name": ("-name_key", "-size_bytes", "-id"),
    "size": ("size_bytes", "id"),
    "-size": ("-size_bytes", "-id"),
}
PER_PAGE, MAX_PER_PAGE = 20, 200
FOUND_FILES = 10_000  # newest files with the words of a search that are shown
_FEW = 20_000  # so many are read by one index and sorted in 30 ms
_FEW_OF = 4  # reading one row costs as much as walking past so many in an index that has all that is asked
_GONE_LOOKED_AT = 10_000  # newest entries without a file in which words are looked for
_CELLS = MatchCell._meta.db_table
_COUNTS = f"""SELECT status, SUM(matches), SUM(CASE WHEN {{catalog}} THEN matches ELSE 0 END),
    SUM(CASE WHEN {{extension}} THEN matches ELSE 0 END), SUM(CASE WHEN {{catalog}} AND {{extension}} THEN matches ELSE 0 END)
    FROM {_CELLS} WHERE target_id = %s GROUP BY status HAVING SUM(matches) <> 0"""  # noqa: S608  (our own names)
_IN_BOTH = (MatchStatus.SYNCED.value, MatchStatus.SYNCED_WITH_DUPLICATES.value)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many matches a target has, and how many are wanted. `by_status`: all of the target's."""

    by_status: Mapping[str, int]
    total: int  # that are wanted
    of_statuses: int  # wanted by their status alone, and so on
    of_catalog: int
    of_extension: int

    @property
    def everything(self) -> int:
        """All matches of the target."""
        return sum(self.by_status.values())

    @property
    def summary(self) -> dict[str, int]:
        """The three numbers above the table."""
        return {
            "synced": sum(self.by_status.get(status, 0) for status in _IN_BOTH),
            "not_synced": self.by_status.get(MatchStatus.NOT_SYNCED, 0),
            "duplicates_excluded": self.by_status.get(MatchStatus.DUPLICATE, 0),
        }


@dataclass(frozen=True)
class MatchPage:
    """A page of the table. `number` None: it was asked for by a cursor. `is_capped`: more were found than are shown."""

    ids: list[int]
    total: int
    number: int | None
    next: str | None
    previous: str | None
    counts: Counts
    is_capped: bool = False

    @cached_property
    def rows(self) -> list[MatchRow]:
        """The matches, in order. One query."""
        return read_rows(self.ids)

    @cached_property
    def copies(self) -> dict[int, list[Copy]]:
        """The first copies of those that have some. One query, or none."""
        return read_copies(self.rows)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a page is to be looked for. `is_small`: find all, then sort. `ids`: all of them are known, in their order."""

    matches: QuerySet[Match]
    total: int
    is_small: bool = False
    ids: list[int] | None = None
    is_capped: bool = False


# --- the table --------------------------------------------------------------------------------------------------------
def list_matches(
    *,
    user: Reader,
    target: Target,
    wanted: MatchFilter,
    sort: str = NEWEST,
    number: int = 1,
    cursor: str | None = None,
    limit: int = PER_PAGE,
) -> MatchPage:
    """A page of the matches that are wanted, in an order of ORDERS: the one of that number, or where `cursor` says.

    A fixed number of queries. InvalidCursorError, CursorMismatchError.
    """
    require(user, VIEW)
    counts = count_matches(target, wanted)
    found = _find(user, target, wanted, sort, counts)
    if cursor:
        page = keyset_page(_keys_only(found.matches, sort), ORDERS[sort], cursor, limit, is_small=found.is_small)
    else:
        number = min(max(number, 1), max(1, -(-found.total // limit)))
        page = _jump(found, sort, number, limit, unchanged=_unchanged(target, wanted, sort, found.total))
    ids = [row.pk for row in page.items]
    return MatchPage(ids, found.total, None if cursor else number, page.next, page.previous, counts, found.is_capped)


def list_match_ids(*, user: Reader, target: Target, wanted: MatchFilter, sort: str = NEWEST, at_once: int = 1_000) -> Iterator[list[int]]:
    """All matches that are wanted, some at a time, in an order of ORDERS: of any number of them no more than those are in memory."""
    require(user, VIEW)
    found = _find(user, target, wanted, sort, count_matches(target, wanted))
    if found.ids is not None:
        yield from chunks(found.ids, at_once)
        return
    rows: Any = found.matches.values("id", *(name.removeprefix("-") for name in ORDERS[sort]))
    cursor: str | None = ""
    while cursor is not None:
        page = keyset_page(rows, ORDERS[sort], cursor, at_once, is_small=found.is_small)
        yield [row["id"] for row in page.items]
        cursor = page.next


def count_matches(target: Target, wanted: MatchFilter) -> Counts:
    """How many there are, and how many are wanted but for the words. One query over a few hundred cells."""
    catalog, extension = ("1 = 1" if wanted.catalog_id is None else "catalog_id = %s"), ("extension = %s" if wanted.extension else "1 = 1")
    in_catalog, of_extension = ([] if wanted.catalog_id is None else [wanted.catalog_id]), ([wanted.extension] if wanted.extension else [])
    with connection.cursor() as cursor:  # Django makes this SQL as long as the database takes to answer it
        cursor.execute(
            _COUNTS.format(catalog=catalog, extension=extension),
            [*in_catalog, *of_extension, *in_catalog, *of_extension, target.pk],
        )
        rows = {status: [int(count) for count in counts] for status, *counts in cursor.fetchall()}
    of_statuses = [row for status, row in rows.items() if not wanted.statuses or status in wanted.statuses]
    return Counts(
        by_status={status: row[0] for status, row in rows.items()},
        total=sum(row[3] for row in of_statuses),
        of_statuses=sum(row[0] for row in of_statuses),
        of_catalog=sum(row[1] for row in rows.values()),
        of_extension=sum(row[2] for row in rows.values()),
    )


def get_match(*, user: Reader, match_id: int) -> Match:
    """One match. ObjectNotFoundError."""
    require(user, VIEW)
    match = Match.objects.filter(pk=match_id).first()
    if match is None:
        raise ObjectNotFoundError
    return match


def list_copies(*, user: Reader, match: Match) -> QuerySet[Match]:
    """The other files of the same name and size that would sync if they could, for keyset pages by id: the first seen of all syncs."""
    require(user, VIEW)
    alike = Match.objects.filter(target=match.target_id, name_key=match.name_key, size_bytes=match.size_bytes, file__isnull=False)
    if not (match.copies or match.status == MatchStatus.DUPLICATE):
        return alike.none()
    return alike.filter(Q(copies__gt=0) | Q(status=MatchStatus.DUPLICATE)).exclude(pk=match.pk)


def _keys_only(matches: QuerySet[Match], sort: str) -> QuerySet[Match]:
    return matches.only(*(name.removeprefix("-") for name in ORDERS[sort]))


def _unchanged(target: Target, wanted: MatchFilter, sort: str, total: int) -> Hashable | None:
    """Of `jump`. None inside a transaction: what only that sees is nobody else's, and versions come again when it is rolled back."""
    return None if connection.in_atomic_block else ("matches", target.pk, target.match_version, wanted, sort, total)


def _jump(found: _Found, sort: str, number: int, limit: int, *, unchanged: Hashable | None) -> KeysetPage[Match]:
    """The page of that number, which is one that there is."""
    if found.ids is None:
        matches, is_small = _keys_only(found.matches, sort), found.is_small
        return jump(matches, ORDERS[sort], number, limit, found.total, is_small=is_small, unchanged=unchanged)
    start = (number - 1) * limit
    around = found.ids[max(0, start - limit) : start + limit + 1]  # also what tells whether there is a page before, and after
    few = Match.objects.filter(pk__in=around)
    return jump(_keys_only(few, sort), ORDERS[sort], 2 if start else 1, limit, len(around), is_small=True)


# --- which index ------------------------------------------------------------------------------------------------------
def _find(user: Reader, target: Target, wanted: MatchFilter, sort: str, counts: Counts) -> _Found:
    query = parse(wanted.words)
    if query:
        ids, is_capped = _keep_found(user, target, wanted, sort, query, counts)
        return _Found(Match.objects.filter(pk__in=among(ids)), len(ids), is_small=True, ids=ids, is_capped=is_capped)
    conditions = _conditions(wanted, counts)
    narrowest = _by_own_index(conditions, sort, counts)
    matches = Match.objects.filter(target=target)
    for one in conditions:
        matches = matches.filter(one.by_index if one is narrowest else one.by_looking)
    return _Found(matches, counts.total, is_small=narrowest is not None and narrowest.count <= _FEW)


def _by_own_index(conditions: list[_Condition], sort: str, counts: Counts) -> _Condition | None:
    """The condition whose own index finds the page soonest; None: the index of the order, in which the conditions are looked up."""
    found = min((one for one in conditions if one.has_index), key=lambda one: one.count, default=None)
    if found is None or found.count <= _FEW:
        return found
    is_by_id = ORDERS[sort][0].removeprefix("-") == "id" and len(found.values) == 1  # several values lie in several places
    return found if is_by_id and (len(conditions) == 1 or found.count * _FEW_OF <= counts.everything) else None


@dataclass(frozen=True, slots=True)
class _Condition:
    """`column` has one of `values` (NO_CATALOG: it has none), as `count` matches do. `has_index`: one that begins with it, then ids."""

    column: str
    values: tuple[str | int, ...]
    count: int
    has_index: bool = True

    @property
    def by_index(self) -> Q:
        if self.values == (NO_CATALOG,):
            return Q(**{f"{self.column}__isnull": True})
        return Q(**{self.column: self.values[0]} if len(self.values) == 1 else {f"{self.column}__in": self.values})

    @property
    def by_looking(self) -> Q:
        """In the index of an order. SQLite would rather take an index of the column, and sort; PostgreSQL knows how many there are."""
        if connection.vendor == "postgresql":
            return self.by_index
        column = Coalesce(self.column, Value(NO_CATALOG) if self.column == "catalog_id" else Value(""))
        return Q(Exact(column, self.values[0]) if len(self.values) == 1 else In(column, self.values))


def _conditions(wanted: MatchFilter, counts: Counts) -> list[_Condition]:
    found = []
    if wanted.statuses:
        found.append(_Condition("status", wanted.statuses, counts.of_statuses))
    if wanted.catalog_id is not None:
        found.append(_Condition("catalog_id", (wanted.catalog_id,), counts.of_catalog))
    if wanted.extension:
        found.append(_Condition("extension", (wanted.extension,), counts.of_extension, has_index=False))
    return found


# --- words ------------------------------------------------------------------------------------------------------------
def _keep_found(user: Reader, target: Target, wanted: MatchFilter, sort: str, query: Query, counts: Counts) -> tuple[list[int], bool]:
    """Ids of the matches with the words, which meet the other conditions too, in order; whether there are more."""
    version = library_version()
    return keep(
        lambda: _with_words(user, target, wanted, sort, query, counts),
        version=None if version is None else (*version, target.match_version),
        user=user,
        about=("matching", target.pk, wanted, sort),
    )


def _with_words(user: Reader, target: Target, wanted: MatchFilter, sort: str, query: Query, counts: Counts) -> tuple[list[int], bool]:
    file_ids, is_capped = library.find_matching(user=user, query=query, sort="newest", limit=FOUND_FILES, with_missing=True)
    matches = Match.objects.filter(target=target)
    for one in _conditions(wanted, counts):
        matches = matches.filter(one.by_looking)
    ids = list(matches.filter(file__in=among(file_ids)).order_by().values_list("pk", flat=True))
    if (not wanted.statuses or MatchStatus.DELETED in wanted.statuses) and not any(term.field for term in query.terms):
        ids += _gone_with_words(target, matches, query)
        is_capped |= counts.by_status.get(MatchStatus.DELETED, 0) > _GONE_LOOKED_AT
    return _in_order(ids, sort), is_capped


def _gone_with_words(target: Target, matches: QuerySet[Match], query: Query) -> list[int]:
    """Entries that no file has, by their paths: nothing else of them is known."""
    newest = Match.objects.filter(target=target, status=MatchStatus.DELETED).order_by("-pk").values("pk")[:_GONE_LOOKED_AT]
    named = reduce(and_, (~_has(term) if term.is_excluded else _has(term) for term in query.terms))
    return list(matches.filter(named, pk__in=newest).order_by().values_list("pk", flat=True))


def _in_order(ids: list[int], sort: str) -> list[int]:
    order = ORDERS[sort]
    if order[0].removeprefix("-") == "id":
        return sorted(ids, reverse=order[0] == "-id")
    # Coalesce: without an index of the order, which both databases would rather walk, past all others.
    columns = [Coalesce(name.removeprefix("-"), name.removeprefix("-")) for name in order]
    terms = [column.desc() if name.startswith("-") else column.asc() for name, column in zip(order, columns, strict=True)]
    return list(Match.objects.filter(pk__in=among(ids)).order_by(*terms).values_list("pk", flat=True))


def _has(term: Term) -> Q:
    return Q(path_key__contains=text.fold(term.text))
