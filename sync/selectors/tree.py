"""The matches as they lie: folders below the roots of published sources, with what lies below each, and the files in them.

A place is opened a page at a time: its folders by name, then its files. Its counts are those that matching keeps; nothing is counted here.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core import signing
from django.db import connection
from django.db.models import Sum

from catalog import text
from catalog.errors import ObjectNotFoundError
from catalog.models import Folder
from mam.accounts.access import require
from mam.lib.keyset import InvalidCursorError, keyset_page
from sync.choices import MatchStatus
from sync.models import FolderMatches, Match, MatchCell
from sync.selectors.rows import read_rows
from sync.selectors.scope import VIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from catalog.selectors.scope import Reader
    from sync.models import Target
    from sync.selectors.rows import MatchRow

MAX_DEPTH = 4
PLACES = 100  # of one place, in a page
MAX_PLACES = 200
OPENED = 50  # places at most whose contents are in one answer
IN_BOTH = (MatchStatus.SYNCED.value, MatchStatus.SYNCED_WITH_DUPLICATES.value)
_FOLDERS, _FILES = "d", "f"
_SIGNER = signing.Signer(salt="sync.tree")


@dataclass(slots=True)
class Place:
    """A folder, or all of a source (`path` is what its paths begin with). `is_opened`: folders and files are those of a page of it."""

    folder_id: int
    name: str
    path: str  # as at the target
    counts: Counter[str] = field(default_factory=Counter)  # status -> matches in it and below
    own: Counter[str] = field(default_factory=Counter)  # directly in it
    is_opened: bool = False
    folders: list[Place] = field(default_factory=list)
    files: list[MatchRow] = field(default_factory=list)
    next: str | None = None  # cursor of what follows in it

    @property
    def total(self) -> int:
        """Matches in it and below."""
        return self.counts.total()

    @property
    def synced(self) -> int:
        """Those that are on both sides, as they are."""
        return sum(self.counts[status] for status in IN_BOTH)

    @property
    def can_be_opened(self) -> bool:
        """There is something in it."""
        return self.total > 0


@dataclass(slots=True)
class Tree:
    """What was asked for. Of the top also files that lie in no folder, and how many entries of the target no file has."""

    places: list[Place]
    files: list[MatchRow] = field(default_factory=list)
    next: str | None = None
    gone: int = 0


@dataclass(frozen=True, slots=True)
class GonePage:
    """Entries of the target that no file has, the newest first."""

    files: list[MatchRow]
    total: int
    next: str | None


class _Position(NamedTuple):
    """Where a page of a place begins: after the folder or the file of that name and id; from the first one of its kind without."""

    kind: str
    folder_id: int
    name_key: str = ""
    pk: int = 0


class _Root(NamedTuple):
    """The root folder of a published source."""

    folder_id: int
    source_id: int
    prefix: str


# --- asking -----------------------------------------------------------------------------------------------------------
def list_tree(
    *,
    user: Reader,
    target: Target,
    path: str = "",
    folder_id: int | None = None,
    depth: int = 1,
    statuses: Sequence[str] = (),
    cursor: str | None = None,
    limit: int = PLACES,
) -> Tree:
    """The top of the tree, or the places at `path` (or the one with that folder), opened `depth` levels deep: the top is the first level.

    `statuses`: only folders and files that have one. `cursor`: the page that follows in the place it came from. Of many places the first
    OPENED are opened. A fixed number of queries for each level. ObjectNotFoundError, InvalidCursorError.
    """
    require(user, VIEW)
    opener = _Opener(target, tuple(statuses), limit)
    roots = _roots(target)
    position = _read_cursor(cursor) if cursor else None
    if path.strip("/") or folder_id is not None:
        folders = list(Folder.objects.filter(pk=folder_id)) if folder_id is not None else _resolve(roots, path)
        places = opener.places_of(folders, roots)
        if not places:
            raise ObjectNotFoundError
        tree = Tree(places)
        opener.open(places, depth, position)
        return tree
    tree = _top(opener, roots, position)
    opener.open(tree.places, depth - 1)
    tree.gone = _count_gone(target)
    return tree


def list_gone(*, user: Reader, target: Target, cursor: str | None = None, limit: int = PLACES) -> GonePage:
    """Entries of the target that no file has. InvalidCursorError, CursorMismatchError."""
    require(user, VIEW)
    page = keyset_page(Match.objects.filter(target=target, status=MatchStatus.DELETED).only("pk"), ["-pk"], cursor, limit)
    return GonePage(read_rows([match.pk for match in page.items]), _count_gone(target), page.next)


def _count_gone(target: Target) -> int:
    cells = MatchCell.objects.filter(target_id=target.pk, status=MatchStatus.DELETED)
    return int(cells.aggregate(n=Sum("matches", default=0))["n"])


def _top(opener: _Opener, roots: list[_Root], position: _Position | None) -> Tree:
    """What is directly below the roots of sources; those with a beginning of their own are places themselves."""
    plain = next((root.folder_id for root in roots if not root.prefix), None)
    wanted = [root.folder_id for root in roots if root.folder_id == plain or (root.prefix and position is None)]
    places = opener.places_of(Folder.objects.filter(pk__in=wanted), roots)
    tree = Tree(sorted((place for place in places if place.folder_id != plain), key=lambda place: text.fold(place.name)))
    top = next((place for place in places if place.folder_id == plain), None)
    if top is not None:
        opener.fill([top], position)
        tree.places += top.folders
        tree.files, tree.next = top.files, top.next
    return tree


def _roots(target: Target) -> list[_Root]:
    """Of the sources that are published, in a fixed order. One query."""
    published = target.sources.filter(is_included=True, source__folders__isnull=False, source__folders__parent=None).order_by("pk")
    return [_Root(*values) for values in published.values_list("source__folders", "source_id", "prefix")]


def _resolve(roots: list[_Root], path: str) -> list[Folder]:
    """The folders at a path of the target; names are compared as `catalog.text` does. As many queries as it has names."""
    names = [text.fold(name) for name in path.strip("/").split("/")]
    found: list[Folder] = []
    waiting: dict[int, list[int]] = {}  # how many names are left -> folders above them
    for root in roots:
        above = [text.fold(name) for name in root.prefix.strip("/").split("/") if name]
        if root.prefix and names == above:
            found += Folder.objects.filter(pk=root.folder_id)
        elif names[: len(above)] == above:
            waiting.setdefault(len(names) - len(above), []).append(root.folder_id)
    for left, parents in waiting.items():
        folders: list[Folder] = []
        for name in names[len(names) - left :]:
            folders = list(Folder.objects.filter(parent__in=parents, name_key=name[: text.NAME_KEY_MAX]).order_by("pk"))
            parents = [folder.pk for folder in folders]
        found += folders
    return found


# --- opening ----------------------------------------------------------------------------------------------------------
class _Opener:
    """Reads pages of places. `statuses`: only what has one of them."""

    def __init__(self, target: Target, statuses: tuple[str, ...], limit: int) -> None:
        self.target, self.statuses, self.limit = target, statuses, limit
        self.left = OPENED

    def open(self, places: list[Place], depth: int, position: _Position | None = None) -> None:
        """The places, what is in them, and so on, as many levels as `depth`."""
        while depth and places and self.left:
            opened = [place for place in places if place.can_be_opened][: self.left]
            self.left -= len(opened)
            self.fill(opened, position)
            places, depth, position = [folder for place in opened for folder in place.folders], depth - 1, None

    def fill(self, places: list[Place], position: _Position | None = None) -> None:
        """Give each its folders and files, those of a page. `position`: of the place in which it is."""
        if position is not None:
            places = [place for place in places if place.folder_id == position.folder_id]
            if not places:
                raise InvalidCursorError
        with_folders = places if position is None or position.kind == _FOLDERS else []
        self._fill_folders(with_folders, position)
        with_files = [place for place in places if place.next is None]
        self._fill_files(with_files, position if position is not None and position.kind == _FILES else None)
        for place in places:
            place.is_opened = True

    def places_of(self, folders: Iterable[Folder], roots: list[_Root]) -> list[Place]:
        """Those of the folders that belong to published sources, as places. One query."""
        by_source = {root.source_id: root for root in roots}
        found = [folder for folder in folders if folder.source_id in by_source]
        stored = FolderMatches.objects.filter(target=self.target, folder__in=[folder.pk for folder in found])
        counts = {pk: (total, own) for pk, total, own in stored.values_list("folder_id", "total", "own")}
        places = []
        for folder in found:
            path = text.nfc(f"{by_source[folder.source_id].prefix}{folder.path}").rstrip("/")
            total, own = counts.get(folder.pk, ({}, {}))
            places.append(Place(folder.pk, text.nfc(folder.name) if folder.parent_id else path, path, Counter(total), Counter(own)))
        return places

    # --- folders ------------------------------------------------------------------------------------------------------
    def _fill_folders(self, places: list[Place], position: _Position | None) -> None:
        after, params = _after("c", position)
        has = f"AND ({' OR '.join([_HAS_STATUS[connection.vendor]] * len(self.statuses))})" if self.statuses else ""
        given = [self.target.pk, *self.statuses, *params]
        inner = _FOLDERS_SQL.format(has=has, after=after)
        rows = _first_of_each(inner, _FOLDER_COLUMNS, [place.folder_id for place in places], given, self.limit + 1)
        for place in places:
            found = rows.get(place.folder_id, [])
            place.folders = [_below(place, pk, name, total, own) for pk, name, _key, total, own in found[: self.limit]]
            if len(found) > self.limit:
                last, _name, key, *_counts = found[self.limit - 1]
                place.next = _write_cursor(_Position(_FOLDERS, place.folder_id, key, last))

    # --- files --------------------------------------------------------------------------------------------------------
    def _fill_files(self, places: list[Place], position: _Position | None) -> None:
        places = [place for place in places if place.own.total()]
        after, params = _after("f", position)
        marks = ", ".join(["%s"] * len(self.statuses))
        inner = (_FILES_BY_STATUS_SQL if self._are_few(places) else _FILES_SQL).format(
            has=f"AND m.status IN ({marks})" if self.statuses else "", after=after
        )
        given = [self.target.pk, *self.statuses, *params]
        ids = _first_of_each(inner, ("id",), [place.folder_id for place in places], given, self.limit + 1)
        rows = {row.id: row for row in read_rows([pk for found in ids.values() for (pk,) in found])}
        for place in places:
            found = [rows[pk] for (pk,) in ids.get(place.folder_id, []) if pk in rows]
            place.files = found[: self.limit]
            last = place.files[-1] if place.files else None
            if len(found) > self.limit and last is not None and last.file_id is not None:
                place.next = _write_cursor(_Position(_FILES, place.folder_id, text.name_key(last.name), last.file_id))

    def _are_few(self, places: list[Place]) -> bool:
        """So many less have the statuses than there are files that they are found first and sorted."""
        having = sum(place.own[status] for place in places for status in self.statuses)
        return bool(self.statuses) and having * _FEW_OF <= sum(place.own.total() for place in places)


def _below(above: Place, pk: int, name: str, total: Any, own: Any) -> Place:
    name = text.nfc(name)
    return Place(pk, name, f"{above.path}/{name}" if above.path else name, _counter(total), _counter(own))


def _counter(stored: Any) -> Counter[str]:
    """SQLite has JSON as text."""
    return Counter(json.loads(stored) if isinstance(stored, str) else stored)


# --- the first ones of each place -------------------------------------------------------------------------------------
_FOLDER_COLUMNS = ("id", "name", "name_key", "total", "own")
# CROSS: read in this order, along the index of names of a folder.
_FOLDERS_SQL = """SELECT c.id, c.name, c.name_key, fm.total, fm.own FROM catalog_folder c CROSS JOIN sync_foldermatches fm
    WHERE c.parent_id = k.value AND fm.folder_id = c.id AND fm.target_id = %s {has} {after} ORDER BY c.name_key, c.id"""
_FILES_SQL = """SELECT m.id FROM catalog_mediafile f CROSS JOIN sync_match m
    WHERE f.folder_id = k.value AND m.file_id = f.id AND m.target_id = %s {has} {after} ORDER BY f.name_key, f.id"""
_FILES_BY_STATUS_SQL = """SELECT m.id FROM sync_match m CROSS JOIN catalog_mediafile f
    WHERE m.folder_id = k.value AND f.id = m.file_id AND m.target_id = %s {has} {after} ORDER BY f.name_key, f.id"""
_HAS_STATUS = {"sqlite": "json_extract(fm.total, '$.' || %s) > 0", "postgresql": "jsonb_exists(fm.total, %s)"}  # zeros are not stored
_FEW_OF = 4


def _after(alias: str, position: _Position | None) -> tuple[str, list[str | int]]:
    """The condition that something comes after the position, and its parameters."""
    if position is None or not position.pk:
        return "", []
    condition = f"AND {alias}.name_key >= %s AND ({alias}.name_key > %s OR {alias}.id > %s)"
    return condition, [position.name_key, position.name_key, position.pk]


def _first_of_each(
    inner: str, columns: Sequence[str], folder_ids: Sequence[int], params: Sequence[str | int], limit: int
) -> dict[int, list[list[Any]]]:
    """The first `limit` rows, of these columns, that `inner` finds for each folder, which it calls k.value. One query, or none."""
    if not folder_ids:
        return {}
    names = ", ".join(f"x.{name}" for name in columns)
    if connection.vendor == "postgresql":
        collected, keys = f"json_agg(json_build_array({names}))::text", "unnest(%s::bigint[]) AS k(value)"
        given: Any = list(folder_ids)
    else:
        collected, keys, given = f"json_group_array(json_array({names}))", "json_each(%s) AS k", json.dumps(list(folder_ids))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT k.value, (SELECT {collected} FROM ({inner} LIMIT {limit:d}) AS x) FROM {keys}", [*params, given])  # noqa: S608
        return {pk: json.loads(found or "[]") for pk, found in cursor.fetchall()}


# --- cursors ----------------------------------------------------------------------------------------------------------
def _write_cursor(position: _Position) -> str:
    return _SIGNER.sign_object(list(position), compress=True).replace(":", ".")


def _read_cursor(cursor: str) -> _Position:
    payload, _, signature = cursor.rpartition(".")
    try:
        return _Position(*_SIGNER.unsign_object(f"{payload}:{signature}"))
    except (signing.BadSignature, ValueError) as error:
        raise InvalidCursorError from error
