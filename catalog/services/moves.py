"""The same file at another place: matched by file id, or by a unique name, size and time. It keeps its row.

A known place counts as left only on evidence: a listing that lacks it, or a look at it (`Gone`). Otherwise the second name is a hard
link or a copy, and a file of its own.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Substr

from catalog.choices import Presence
from catalog.models import Folder, MediaFile
from catalog.services.known import KNOWN_COLUMNS, KnownFile
from catalog.services.rollups import Deltas, totals_of_folder
from catalog.text import name_key, path_key
from mam.lib.bulk import among, chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set
    from datetime import datetime

    from django.db.models import QuerySet

    from catalog.models import Source
    from catalog.services.registration import Listing
    from mam.lib.sources import Entry


FEW_ABSENT = 500  # absent files of a source that are compared with every batch; of more only those with a name or id of the batch


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose file id turned up elsewhere: someone must look whether it is still at `path`."""

    pk: int
    is_dir: bool
    path: str
    file_id: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Rows that a look found not to be at their place any more."""

    files: frozenset[int] = field(default_factory=frozenset)
    folders: frozenset[int] = field(default_factory=frozenset)


NOTHING_GONE = Gone()


def subtree(folder: Folder) -> Q:
    """Condition on Folder: this folder and everything below it, by an index."""
    return Q(pk=folder.pk) | below(folder.subtree_prefix)


def below(prefix: str) -> Q:
    """Condition on Folder: lineage begins with `prefix`. SQLite's LIKE cannot use an index, so it gets a range ("0" follows "/")."""
    if connection.vendor == "sqlite":
        return Q(lineage__gte=prefix, lineage__lt=f"{prefix[:-1]}0")
    return Q(lineage__startswith=prefix)


def suspects(*, source: Source, listings: Sequence[Listing]) -> list[Suspect]:
    """Rows of folders not in `listings` whose file id appears in `listings` under another place, with the same size and time.

    Rows already known to be absent need no look and are left out. Reads only.
    """
    listed = {listing.folder_id for listing in listings}
    files: dict[int, Entry] = {}
    places: dict[int, tuple[int, str]] = {}
    dirs: dict[int, Entry] = {}
    for listing in listings:
        for entry in listing.entries:
            if entry.file_id is not None:
                (dirs if entry.is_dir else files)[entry.file_id] = entry
                places[entry.file_id] = (listing.folder_id, entry.name)
    found: list[Suspect] = []
    rows = MediaFile.objects.filter(source=source, file_id__in=among(files), absent_since=None).exclude(folder_id__in=among(listed))
    for file in rows.select_related("folder").only("name", "file_id", "size_bytes", "mtime_ns", "presence", "folder__path"):
        entry = files[file.file_id or 0]
        if file.presence == Presence.GROWING or (entry.size_bytes, entry.mtime_ns) == (file.size_bytes, file.mtime_ns):
            found.append(Suspect(file.pk, False, file.path, entry.file_id or 0))
    if found:
        known_links = _places_of(source, {suspect.file_id for suspect in found})
        found = [suspect for suspect in found if places[suspect.file_id] not in known_links]
    if dirs:
        elsewhere = Folder.objects.filter(source=source, file_id__in=among(dirs), is_missing=False).exclude(parent_id__in=among(listed))
        for folder in elsewhere.exclude(parent=None).only("path", "file_id", "mtime_ns"):
            if dirs[folder.file_id or 0].mtime_ns == folder.mtime_ns:
                found.append(Suspect(folder.pk, True, folder.path, folder.file_id or 0))
    return found


def _places_of(source: Source, file_ids: Iterable[int]) -> set[tuple[int, str]]:
    """(folder id, name) of all files that are there with one of `file_ids`: of hard links, each has a row."""
    rows = MediaFile.objects.filter(source=source, file_id__in=among(file_ids), absent_since=None)
    return set(rows.values_list("folder_id", "name"))


def match(
    *, source: Source, fresh: Sequence[Entry], absent: Iterable[tuple[KnownFile, datetime]], gone: Gone, seen: Set[int]
) -> dict[int, KnownFile]:
    """Which of the `fresh` entries are known files that left their place: index in `fresh` -> the row.

    `absent`: rows that the listings of this batch lack; `seen`: rows that they have at their place, whatever else looks like them.
    By file id first (same size and time, so that a reused inode does not deceive), then by name, size and time where exactly one
    file left and exactly one came.
    """
    if not fresh:
        return {}
    left = {file.pk: file for file, _at in absent}
    left.update(_left_before(source, fresh, gone))
    left = {pk: file for pk, file in left.items() if pk not in seen}
    if not left:
        return {}
    by_id = {_identity(file): file for file in left.values() if file.file_id is not None}
    arrivals: dict[int, KnownFile] = {}
    taken: set[int] = set()
    for index, entry in enumerate(fresh):
        file = by_id.get((entry.file_id, entry.size_bytes, entry.mtime_ns)) or by_id.get((entry.file_id,))
        if file is not None and file.pk not in taken:
            arrivals[index] = file
            taken.add(file.pk)
    _match_names(fresh, [file for file in left.values() if file.pk not in taken], arrivals)
    return arrivals


def _identity(file: KnownFile) -> tuple[int | None, ...]:
    """By what a file is known elsewhere. One that was being written is known by its id alone: copying programs write under
    another name and rename at the end, and size and time went on after they were last seen.
    """
    return (file.file_id,) if file.presence == Presence.GROWING else (file.file_id, file.size_bytes, file.mtime_ns)


def _left_before(source: Source, fresh: Sequence[Entry], gone: Gone) -> dict[int, KnownFile]:
    """Rows that a look just missed (`gone`), and rows that earlier listings lacked; of many only those that may be among `fresh`.

    Missing and held files are among the latter: `absent_since` is cleared only when a file is seen again.
    """
    absent = MediaFile.objects.filter(source=source, absent_since__isnull=False)
    rows = list(absent.values_list(*KNOWN_COLUMNS)[: FEW_ABSENT + 1])
    if len(rows) > FEW_ABSENT:
        rows = _absent_like(absent, fresh)
    if gone.files:
        rows.extend(MediaFile.objects.filter(source=source, pk__in=among(gone.files)).values_list(*KNOWN_COLUMNS))
    return {row[0]: KnownFile(*row) for row in rows}


def _absent_like(absent: QuerySet[MediaFile], fresh: Sequence[Entry]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    file_ids = {entry.file_id for entry in fresh if entry.file_id is not None}
    rows.extend(absent.filter(file_id__in=among(file_ids)).values_list(*KNOWN_COLUMNS))
    for keys in chunks({name_key(entry.name) for entry in fresh}):
        rows.extend(absent.filter(name_key__in=keys).values_list(*KNOWN_COLUMNS))
    return rows


def _match_names(fresh: Sequence[Entry], left: list[KnownFile], arrivals: dict[int, KnownFile]) -> None:
    leavers: defaultdict[tuple[str, int, int], list[KnownFile]] = defaultdict(list)
    for file in left:
        leavers[name_key(file.name), file.size_bytes, file.mtime_ns].append(file)
    comers: defaultdict[tuple[str, int, int], list[int]] = defaultdict(list)
    for index, entry in enumerate(fresh):
        if index not in arrivals and entry.size_bytes:
            comers[name_key(entry.name), entry.size_bytes, entry.mtime_ns].append(index)
    for key, indexes in comers.items():
        if len(indexes) == 1 and len(leavers.get(key, ())) == 1:
            arrivals[indexes[0]] = leavers[key][0]


def known_folders(*, source: Source, entries: Iterable[Entry]) -> dict[tuple[int, int], int]:
    """Folders that one of `entries`, directories without a row at their place, may have been before: (file id, mtime) -> id."""
    file_ids = [entry.file_id for entry in entries if entry.file_id is not None]
    if not file_ids:
        return {}
    rows = Folder.objects.filter(source=source, file_id__in=among(file_ids)).exclude(parent=None).order_by("-pk")
    return {(file_id or 0, mtime_ns): pk for file_id, mtime_ns, pk in rows.values_list("file_id", "mtime_ns", "pk")}


def move_folder(*, pk: int, parent: Folder, entry: Entry, listed: Mapping[int, Set[str]], gone: Gone, deltas: Deltas) -> Folder | None:
    """Take the folder `pk`, which `known_folders` named for `entry`, to `parent`, with all that is below it.

    None: it has not left its place, so `entry` is a new folder. A renamed directory keeps its id and its mtime; a reused inode has
    another mtime. Totals move by `deltas`. `listed`: folder id -> names of the directories its listing has, for the folders that were
    just listed.
    """
    folder = Folder.objects.get(pk=pk)  # as it is now: one above it may have moved in this batch
    if folder.parent_id is None or f"{parent.lineage}{parent.pk}/".startswith(folder.subtree_prefix):
        return None
    names = listed.get(folder.parent_id)
    has_left = folder.name not in names if names is not None else folder.is_missing or folder.pk in gone.folders
    if not has_left:
        return None
    totals = totals_of_folder(folder)
    deltas[folder.parent_id].add(totals, -1)
    deltas[parent.pk].add(totals)
    _rewrite_paths(folder, parent, entry.name)
    return folder


def _rewrite_paths(folder: Folder, parent: Folder, name: str) -> None:
    old_path, old_key, old_prefix, old_depth = folder.path, folder.path_key, folder.subtree_prefix, folder.depth
    folder.parent, folder.name, folder.name_key = parent, name, name_key(name)
    folder.path = f"{parent.path}/{name}" if parent.path else name
    folder.path_key = path_key(folder.path)
    again = {"listed_at": None} if folder.is_missing else {}  # its files were marked absent: they are to be looked at here
    folder.listed_at = None if folder.is_missing else folder.listed_at
    folder.lineage, folder.depth, folder.is_missing = parent.subtree_prefix, parent.depth + 1, False
    inside = Folder.objects.filter(below(old_prefix))
    inside.update(
        path=Concat(Value(folder.path), Substr("path", len(old_path) + 1)),
        path_key=Concat(Value(folder.path_key), Substr("path_key", len(old_key) + 1)),
        lineage=Concat(Value(folder.subtree_prefix), Substr("lineage", len(old_prefix) + 1)),
        depth=F("depth") + (folder.depth - old_depth),
        is_missing=False,
        **again,
    )
    folder.save(update_fields=["parent", "name", "name_key", "path", "path_key", "lineage", "depth", "is_missing", "listed_at"])
