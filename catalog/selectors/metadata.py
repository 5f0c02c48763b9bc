"""Exports of curated metadata, and the imports of a user."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from catalog.models import MediaFile, MetadataImport
from catalog.search.engines import CAP, Matches
from catalog.search.resolve import resolve
from catalog.selectors.scope import CURATE, get_one
from catalog.selectors.search import ORDERS, list_matching_ids, matching
from catalog.services.metadata_csv import COLUMNS, Problem, Writer
from catalog.services.metadata_states import load_states
from mam.accounts.access import require
from mam.lib.bulk import chunks
from mam.lib.keyset import keyset_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from django.db.models import QuerySet

    from catalog.search.query import Query
    from catalog.selectors.scope import Reader

PAGE_FILES = 1000


# --- export -----------------------------------------------------------------------------------------------------------
def list_matching_pages(*, user: Reader, query: Query, sort: str) -> Iterator[list[int]]:
    """Ids of all files that `search` finds, a page at a time; by relevance only as long as there are few enough to be counted."""
    require(user, CURATE)
    resolved = resolve(query)
    matches = Matches(resolved.wanted)
    if resolved.has_phrases or (matches.is_whole and not resolved.is_everything):
        return chunks(list_matching_ids(user=user, query=query, sort=sort, limit=CAP), PAGE_FILES)
    return _by_order(matches, ORDERS[sort]) if sort in ORDERS and sort != "newest" else _by_age(matches)


def list_all_pages() -> Iterator[list[int]]:
    """Ids of every file, missing ones too, a page at a time."""
    last = 0
    files = MediaFile.objects.order_by("pk").values_list("pk", flat=True)
    while ids := list(files.filter(pk__gt=last)[:PAGE_FILES]):
        yield ids
        last = ids[-1]


def list_found_pages(query: Query) -> Iterator[list[int]]:
    """As `list_matching_pages`, for the system itself; the newest first."""
    resolved = resolve(query)
    pages = _by_age(Matches(resolved.wanted))
    if not resolved.has_phrases:
        return pages
    exact = set(matching(MediaFile.objects.all(), str(query)).values_list("pk", flat=True))
    return ([pk for pk in ids if pk in exact] for ids in pages)


def write_table(pages: Iterable[list[int]]) -> Iterator[bytes]:
    """The files of `pages` as CSV: the head, then the lines of each page. No more than a page is in memory."""
    writer = Writer()
    yield writer.head(COLUMNS)
    for ids in pages:
        yield writer.lines(state.row() for state in load_states(ids).values())


def _by_age(matches: Matches) -> Iterator[list[int]]:
    up_to: int | None = None
    while ids := matches.newest(PAGE_FILES, up_to):
        yield ids
        up_to = ids[-1] - 1


def _by_order(matches: Matches, order: tuple[str, ...]) -> Iterator[list[int]]:
    columns = [name.removeprefix("-") for name in order]
    cursor: str | None = ""
    while cursor is not None:
        page = keyset_page(matches.entries.only(*columns), order, cursor, PAGE_FILES)
        yield [entry.pk for entry in page.items]
        cursor = page.next


# --- imports ----------------------------------------------------------------------------------------------------------
def list_imports(*, user: Reader) -> QuerySet[MetadataImport]:
    """Those of `user`, the newest first."""
    require(user, CURATE)
    return MetadataImport.objects.select_related("requested_by", "job").filter(requested_by=user.pk).order_by("-pk")


def get_import(*, user: Reader, import_id: int) -> MetadataImport:
    """One of them. ObjectNotFoundError."""
    return get_one(list_imports(user=user), import_id)


def list_problems(found: MetadataImport) -> Iterator[Problem]:
    """All there are so far, by line: those that keep lines from being applied, and those met when it was. Part by part."""
    parts = found.parts.order_by("number").values_list("problems", "left_out").iterator(chunk_size=1)
    by_part = (sorted([*problems, *left_out], key=lambda problem: problem[0]) for problems, left_out in parts)
    return (Problem(*problem) for problem in chain(found.problems, chain.from_iterable(by_part)))


def list_changes(found: MetadataImport, limit: int) -> list[dict[str, Any]]:
    """The first files that it changes, as `catalog.services.metadata_check.Change` keeps them."""
    plans = found.parts.filter(plan__isnull=False).order_by("number").values_list("plan", flat=True).iterator(chunk_size=1)
    return list(islice((change for plan in plans for change in plan or ()), limit))
