"""Listings become rows: the writer of files' places and fingerprints.

A listing is the entries of one directory, read whole. A batch of listings is compared with what the catalog holds of those folders
and written in one transaction, totals included; `Folder.listed_at` is set with it and so is the checkpoint of a scan. Nothing is
deleted or called missing here: what a listing lacks is only marked (`absent_since`); `catalog.services.absence` decides later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any

from django.db import transaction

from catalog.choices import HERE, Presence
from catalog.models import Folder, MediaFile
from catalog.services import moves, placement
from catalog.services.file_rows import INSERT_COLUMNS, UPDATE_COLUMNS, FileRows, Found
from catalog.services.known import KnownFile, load_known, lock_files
from catalog.services.rollups import Deltas, lock_totals
from catalog.text import name_key, path_key
from mam.lib.bulk import among, chunks, database_time, insert_objects, insert_rows, prefer_indexes, reserve_ids, update_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from catalog.models import Source
    from catalog.services.arrivals import Foreseen, Placer
    from mam.lib.sources import Entry


@dataclass(frozen=True, slots=True)
class Listing:
    """All entries of one folder, as read at `listed_at`. `mtime_ns`: the directory's own, seen before its entries were read.

    `foreseen`: of the files among the entries, where most will be new.
    """

    folder_id: int
    entries: Sequence[Entry]
    mtime_ns: int
    listed_at: datetime
    foreseen: Foreseen | None = None


@dataclass(slots=True)
class Registered:
    """What a batch of listings changed, in numbers, and what the walk and the next look need."""

    files: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    absent: int = 0
    restored: int = 0
    subfolders: list[Folder] = field(default_factory=list)  # present children of the listed folders
    growing_folder_ids: set[int] = field(default_factory=set)
    absent_folder_ids: set[int] = field(default_factory=set)
    arrived_ids: list[int] = field(default_factory=list)  # files that are new at their place, and not placed yet


def ensure_root(*, source: Source) -> Folder:
    """The source's root folder, made if it is not there yet."""
    root, _made = Folder.objects.get_or_create(source=source, parent=None, defaults={"name": "", "name_key": ""})
    return root


def register_listings(
    *,
    source: Source,
    listings: Sequence[Listing],
    settle: timedelta,
    gone: moves.Gone = moves.NOTHING_GONE,
    placer: Placer | None = None,
) -> Registered:
    """Write one batch of listings, in one transaction, which must not hold locks on files, folders or totals yet.

    Args:
        listings: at most one per folder, of folders that exist (a parent is registered in an earlier batch than its children).
        settle: a file whose size and mtime did not stand still for this long is `growing`.
        gone: rows that `catalog.services.moves.suspects` named and a look did not find, so that their new place is a move.
        placer: by it new files of folders never listed before are placed as they are inserted; it takes the locks of catalogs.
    """
    with transaction.atomic():
        return _Batch(source, listings, settle, gone).run(placer)


class _Batch:
    """One call of `register_listings`: reads what is known, compares, writes."""

    def __init__(self, source: Source, listings: Sequence[Listing], settle: timedelta, gone: moves.Gone) -> None:
        self.source = source
        self.listings = listings
        self.gone = gone
        self.result = Registered()
        self.deltas = Deltas()
        self.rows = FileRows(source_id=source.pk, settle=settle, deltas=self.deltas)
        self.foreseen: dict[int, Foreseen] = {}  # by folder
        self.fresh: list[Found] = []  # names not known in their folder
        self.new: list[Found] = []  # of these, what is not a known file
        self.absent: list[tuple[KnownFile, datetime]] = []
        self.updates: list[tuple[Any, ...]] = []
        self.moving: list[int] = []
        self.seen: set[int] = set()  # rows that are where they were
        self.replaced: dict[tuple[int, str], KnownFile] = {}
        self.listed_folders = {one.folder_id: {entry.name for entry in one.entries if entry.is_dir} for one in listings}
        self.maybe_moved: dict[tuple[int, int], int] = {}  # as `moves.known_folders` says
        self.new_folders: list[Folder] = []
        self.absent_folders: list[tuple[Folder, datetime]] = []
        self.moved_folder_ids: set[int] = set()

    def run(self, placer: Placer | None) -> Registered:
        prefer_indexes()
        folder_ids = [listing.folder_id for listing in self.listings]
        homes = self._foresee(folder_ids, placer) if placer is not None else None
        lock_totals([self.source.pk])
        folders = Folder.objects.select_for_update().order_by("pk").in_bulk(folder_ids)
        files = load_known(folder_ids)
        children = _load_children(folder_ids)
        self._ask_for_moved_folders(children)
        for listing in self.listings:
            folder = folders.get(listing.folder_id)
            if folder is not None:  # else removed meanwhile: its source was deleted
                self._compare_folders(folder, listing, children[folder.pk])
                self._compare_files(folder, listing, files.get(folder.pk, {}))
        insert_objects(Folder, self.new_folders)
        self.result.subfolders.extend(self.new_folders)
        for child, at in self.absent_folders:
            if child.pk not in self.moved_folder_ids:
                self._folder_absent(child, at)
        self._place_fresh()
        lock_files([*(row[-1] for row in self.updates), *(file.pk for file, _at in self.absent)])
        self._mark_absent()
        self._write(folders, homes)
        return self.result

    def _foresee(self, folder_ids: Sequence[int], placer: Placer) -> placement.NewHomes:
        """Homes for what is certainly new, or has moved here. Where files are known, few are new, and those wait for `place_files`."""
        paths = dict(Folder.objects.filter(pk__in=among(folder_ids), listed_at=None).values_list("pk", "path"))
        for one in self.listings:
            path = paths.get(one.folder_id)
            if path is None:
                continue
            foreseen = one.foreseen
            if foreseen is None or foreseen.rules is not placer.rules or foreseen.folder_path != path:
                foreseen = placer.foresee(path, (entry.name for entry in one.entries if not entry.is_dir))
            self.foreseen[one.folder_id] = foreseen
        return placement.NewHomes(self.foreseen.values())

    # --- directories ------------------------------------------------------------------------------------------------
    def _ask_for_moved_folders(self, children: Mapping[int, Mapping[str, Folder]]) -> None:
        new = (
            entry
            for one in self.listings
            if self.listed_folders[one.folder_id]
            for entry in one.entries
            if entry.is_dir and entry.name not in children.get(one.folder_id, ())
        )
        self.maybe_moved = moves.known_folders(source=self.source, entries=new)

    def _compare_folders(self, folder: Folder, listing: Listing, known: dict[str, Folder]) -> None:
        listed = self.listed_folders[folder.pk]
        for entry in listing.entries if listed else ():
            if not entry.is_dir:
                continue
            child = known.get(entry.name) or self._moved_folder(folder, entry)
            if child is None:
                self.new_folders.append(_new_folder(self.source, folder, entry))
            else:
                _refresh_folder(child, entry)
                self.result.subfolders.append(child)
        self.absent_folders.extend((child, listing.listed_at) for name, child in known.items() if name not in listed)

    def _moved_folder(self, parent: Folder, entry: Entry) -> Folder | None:
        pk = self.maybe_moved.get((entry.file_id or 0, entry.mtime_ns))
        if pk is None or entry.file_id is None:
            return None
        folder = moves.move_folder(pk=pk, parent=parent, entry=entry, listed=self.listed_folders, gone=self.gone, deltas=self.deltas)
        if folder is not None:
            self.result.moved += folder.total_files
            self.moved_folder_ids.add(folder.pk)
        return folder

    def _folder_absent(self, folder: Folder, at: datetime) -> None:
        """The parent's listing lacks it, and so all that is below. `listed_at` moves along: this was a look at them too."""
        if folder.is_missing and not folder.total_files:
            return  # decided long ago
        inside = moves.subtree(folder)
        Folder.objects.filter(inside).update(listed_at=at)
        Folder.objects.filter(pk=folder.pk).update(is_missing=True)
        files = MediaFile.objects.filter(folder__in=Folder.objects.filter(inside), absent_since=None, presence__in=HERE)
        count = files.update(absent_since=at)
        self.result.absent += count
        if count and folder.parent_id is not None:
            self.result.absent_folder_ids.add(folder.parent_id)

    # --- files ------------------------------------------------------------------------------------------------------
    def _compare_files(self, folder: Folder, listing: Listing, known: dict[str, KnownFile]) -> None:
        at = listing.listed_at
        files = [entry for entry in listing.entries if not entry.is_dir]
        if known:
            self._compare_with_known(folder, files, at, known)
        else:
            foreseen = self.foreseen.get(folder.pk)
            arrivals = foreseen.arrivals if foreseen else repeat(None, len(files))
            self.fresh.extend((folder.pk, entry, at, arrival) for entry, arrival in zip(files, arrivals, strict=True))
        self.result.files += len(files)
        folder.listed_at = at
        folder.listed_mtime_ns = listing.mtime_ns
        folder.list_error = ""

    def _compare_with_known(self, folder: Folder, files: Sequence[Entry], at: datetime, known: dict[str, KnownFile]) -> None:
        for entry in files:
            file = known.get(entry.name)
            found = (folder.pk, entry, at, None)
            if file is None:
                self.fresh.append(found)
            elif file.is_other(entry):  # renamed over, or swapped: either may be found elsewhere
                self.fresh.append(found)
                self.absent.append((file, at))
                self.replaced[folder.pk, entry.name] = file
            else:
                self._seen_again(file, found)
        names = {entry.name for entry in files}
        self.absent.extend((file, at) for name, file in known.items() if name not in names)

    def _seen_again(self, file: KnownFile, found: Found) -> None:
        self.seen.add(file.pk)
        _folder_id, entry, at, _foreseen = found
        is_same = file.is_same(entry)
        settled_since = file.settled_since if is_same else at
        is_settled = is_same and file.presence == Presence.PRESENT
        presence = Presence.PRESENT if is_settled else self.rows.presence(found, settled_since)
        is_known_exactly = is_same and file.ctime_ns == entry.ctime_ns and file.file_id == entry.file_id
        if is_known_exactly and not file.is_gone and presence == file.presence:
            return
        self.result.changed += not is_same
        self.result.restored += file.is_gone
        self.updates.append(self.rows.seen(file, found, is_same=is_same, settled_since=settled_since, presence=presence))

    def _place_fresh(self) -> None:
        """Names not known at their place: files that moved here, or new ones."""
        entries = [found[1] for found in self.fresh]
        arrivals = moves.match(source=self.source, fresh=entries, absent=self.absent, gone=self.gone, seen=self.seen)
        if not arrivals and not self.replaced:
            self.new = self.fresh
            return
        known = {file.pk for file in arrivals.values()}
        for index, found in enumerate(self.fresh):
            folder_id, entry, _at, _foreseen = found
            file = arrivals.get(index)
            namesake = self.replaced.get((folder_id, entry.name))
            if file is not None:
                self._move(file, found)
            elif namesake is not None and namesake.pk not in known:
                known.add(namesake.pk)  # written anew under its name, as most programs save
                self._seen_again(namesake, found)
            else:
                self.new.append(found)
        self.absent = [(file, at) for file, at in self.absent if file.pk not in known]

    def _move(self, file: KnownFile, found: Found) -> None:
        folder_id, entry, at, _foreseen = found
        self.result.moved += (file.folder_id, file.name) != (folder_id, entry.name)
        self.moving.append(file.pk)
        is_same = (file.size_bytes, file.mtime_ns) == (entry.size_bytes, entry.mtime_ns)
        settled_since = file.settled_since if is_same else at
        presence = self.rows.presence(found, settled_since)
        self.updates.append(self.rows.seen(file, found, is_same=is_same, settled_since=settled_since, presence=presence))

    def _mark_absent(self) -> None:
        newly = [(file, at) for file, at in self.absent if not file.is_gone]
        self.result.absent += len(newly)
        self.result.absent_folder_ids.update(file.folder_id for file, _at in newly)
        update_rows(MediaFile, ["absent_since"], ((database_time(at), file.pk) for file, at in newly))

    def _write(self, folders: dict[int, Folder], homes: placement.NewHomes | None) -> None:
        # A rename may give a file the name that another one leaves in this batch: park the movers, (folder, name) stays unique.
        update_rows(MediaFile, ["name"], ((f".moving-{pk}", pk) for pk in self.moving))
        update_rows(MediaFile, UPDATE_COLUMNS, self.updates)
        self._insert_new(homes)
        columns = ["listed_at", "listed_mtime_ns", "list_error"]
        rows = ((database_time(f.listed_at), f.listed_mtime_ns, f.list_error, pk) for pk, f in folders.items() if f.listed_at)
        update_rows(Folder, columns, rows)
        self.deltas.apply()
        self.result.growing_folder_ids = self.rows.growing_folder_ids
        self._note_arrivals()

    def _insert_new(self, homes: placement.NewHomes | None) -> None:
        known = homes.of([arrival for *_found, arrival in self.new]) if homes is not None else [None] * len(self.new)
        if not self.new:
            return
        ids = reserve_ids(MediaFile, len(self.new))
        insert_rows(MediaFile, INSERT_COLUMNS, self.rows.new(ids, self.new, known))
        self.result.added += len(ids)
        self.result.arrived_ids.extend(pk for pk, home in zip(ids, known, strict=True) if home is None)

    def _note_arrivals(self) -> None:
        arrived = self.result.arrived_ids
        arrived.extend(self.moving)
        for folder in Folder.objects.filter(pk__in=self.moved_folder_ids):
            inside = Folder.objects.filter(moves.subtree(folder))
            arrived.extend(MediaFile.objects.filter(folder__in=inside).values_list("pk", flat=True))


def _load_children(folder_ids: Sequence[int]) -> defaultdict[int, dict[str, Folder]]:
    children: defaultdict[int, dict[str, Folder]] = defaultdict(dict)
    for ids in chunks(folder_ids):
        for child in Folder.objects.filter(parent_id__in=ids):
            children[child.parent_id or 0][child.name] = child
    return children


def _new_folder(source: Source, parent: Folder, entry: Entry) -> Folder:
    path = f"{parent.path}/{entry.name}" if parent.path else entry.name
    return Folder(
        source=source,
        parent=parent,
        name=entry.name,
        path=path,
        name_key=name_key(entry.name),
        path_key=path_key(path),
        lineage=parent.subtree_prefix,
        depth=parent.depth + 1,
        file_id=entry.file_id,
        mtime_ns=entry.mtime_ns,
    )


def _refresh_folder(folder: Folder, entry: Entry) -> None:
    if folder.is_missing or (folder.mtime_ns, folder.file_id) != (entry.mtime_ns, entry.file_id):
        if folder.is_missing:
            folder.is_missing, folder.listed_at = False, None
            Folder.objects.filter(moves.below(folder.subtree_prefix)).update(listed_at=None)  # what was read there was its absence
        folder.mtime_ns, folder.file_id = entry.mtime_ns, entry.file_id
        folder.save(update_fields=["mtime_ns", "file_id", "is_missing", "listed_at"])
