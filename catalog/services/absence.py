"""What listings lacked: found again elsewhere, called missing after a second look, or held for an administrator.

Never deletes a row. A file is missing only when two listings of its folder agree; and not even then when so much vanished at once that
the source itself is more likely wrong.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef

from catalog.choices import HERE, Placement, Presence
from catalog.models import Folder, MediaFile
from catalog.services.known import KNOWN_COLUMNS, KnownFile, lock_files
from catalog.services.moves import subtree
from catalog.services.rollups import Deltas, lock_totals
from mam.lib.bulk import chunks, update_rows

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from catalog.models import Source

HOLD_SHARE = 0.10  # of a source's files
HOLD_FOLDER_FILES = 2  # a folder that held at least so many and holds none any more is "a whole filled folder"


@dataclass(frozen=True, slots=True)
class Held:
    """Files that stay as they are until somebody decides. `folder` None: too large a share of the source."""

    folder: Folder | None
    file_ids: list[int]
    total_bytes: int


@dataclass(slots=True)
class Confirmed:
    """What a complete scan made of the absences."""

    missing: int = 0
    held: list[Held] = field(default_factory=list)


@transaction.atomic
def rejoin_moved(*, source: Source, since: datetime) -> list[int]:
    """Join files that left their place with files that came, both since `since`: same name, size and time, and only one of each.

    For what the walk met in the wrong order (the new place first) and no file id told. The old row takes the new place and the new
    row goes, unless a curator already worked on it. Returns the ids of what moved, for placing them by their new path.
    """
    lock_totals([source.pk])
    left = _by_identity(MediaFile.objects.filter(source=source, absent_since__gte=since, presence__in=HERE))
    if not left:
        return []
    came = MediaFile.objects.filter(
        source=source, first_seen_at__gte=since, absent_since=None, placement=Placement.RULE, tags=None, collection_items=None, players=None
    ).filter(title="", description="")
    arrived = _by_identity(came.filter(name_key__in={key for key, _size, _mtime in left}) if len(left) < 500 else came)
    pairs = [(left[key][0], files[0]) for key, files in arrived.items() if len(files) == 1 and len(left.get(key, ())) == 1 and key[1]]
    lock_files((file.pk for pair in pairs for file in pair), against_links=True)
    untouched = {pk for ids in chunks(new.pk for _old, new in pairs) for pk in came.filter(pk__in=ids).values_list("pk", flat=True)}
    pairs = [(old, new) for old, new in pairs if new.pk in untouched]  # a curator may have been quicker than our lock
    deltas = Deltas()
    rows = []
    for old, new in pairs:
        deltas.change(old.folder_id, old.totals(), None)
        deltas.change(new.folder_id, new.totals(), None)
        old.folder_id, old.name, old.presence = new.folder_id, new.name, new.presence
        deltas.change(old.folder_id, None, old.totals())
        rows.append((new.folder_id, new.name, new.ctime_ns, new.file_id, new.presence, None, old.pk))
    for ids in chunks(new.pk for _old, new in pairs):
        MediaFile.objects.filter(pk__in=ids).delete()
    update_rows(MediaFile, ["folder_id", "name", "ctime_ns", "file_id", "presence", "absent_since"], rows)
    deltas.apply()
    return [old.pk for old, _new in pairs]


def _by_identity(files: QuerySet[MediaFile]) -> dict[tuple[str, int, int], list[KnownFile]]:
    found: defaultdict[tuple[str, int, int], list[KnownFile]] = defaultdict(list)
    for name_key, *row in files.values_list("name_key", *KNOWN_COLUMNS).iterator():
        file = KnownFile(*row)
        found[name_key, file.size_bytes, file.mtime_ns].append(file)
    return found


@transaction.atomic
def confirm(*, source: Source, since: datetime) -> Confirmed:
    """Decide over files that were lacking before the scan that began at `since` and that this scan did not find either.

    More than `HOLD_SHARE` of the source, or a folder of `HOLD_FOLDER_FILES` or more that lost everything: held. The rest: missing.
    """
    lock_totals([source.pk])
    lacking = [
        KnownFile(*row)
        for row in MediaFile.objects.filter(
            source=source, absent_since__lt=since, folder__listed_at__gte=since, presence__in=HERE
        ).values_list(*KNOWN_COLUMNS)
    ]
    # What vanished while it was being written was never part of the archive: a copy that was given up, a temporary name.
    unfinished = [file for file in lacking if file.presence == Presence.GROWING]
    lacking = [file for file in lacking if file.presence != Presence.GROWING]
    _set_presence(unfinished, set())
    result = Confirmed(missing=len(unfinished))
    if not lacking:
        return result
    # All that is in doubt counts, also what this scan did not look at again: a collapse seen piece by piece is one collapse.
    in_doubt = MediaFile.objects.filter(source=source, absent_since__isnull=False, presence=Presence.PRESENT).count()
    total = Folder.objects.filter(source=source, parent=None).values_list("total_files", flat=True).first() or 0
    if in_doubt > HOLD_SHARE * total:
        groups: dict[int | None, list[KnownFile]] = {None: lacking}
    else:
        groups = _vanished_folders(lacking)
    held_ids = {file.pk for group in groups.values() for file in group}
    gone = [file for file in lacking if file.pk not in held_ids]
    folders = Folder.objects.in_bulk([folder_id for folder_id in groups if folder_id is not None])
    for folder_id, group in groups.items():
        folder = folders[folder_id] if folder_id is not None else None
        result.held.append(Held(folder, [file.pk for file in group], sum(file.size_bytes for file in group)))
    _set_presence(lacking, held_ids)
    result.missing += len(gone)
    return result


def _vanished_folders(lacking: list[KnownFile]) -> dict[int | None, list[KnownFile]]:
    """The lacking files of folders that have nothing left, by the topmost folder of which nothing is left."""
    per_folder = Counter(file.folder_id for file in lacking)
    here = MediaFile.objects.filter(folder=OuterRef("pk"), presence__in=HERE, absent_since=None)
    emptied = {
        folder.pk: folder
        for ids in chunks(per_folder)
        for folder in Folder.objects.filter(~Exists(here), pk__in=ids).only("pk", "lineage")
        if per_folder[folder.pk] >= HOLD_FOLDER_FILES
    }
    lost: Counter[int] = Counter()
    for folder_id in emptied:
        for above in (*emptied[folder_id].ancestor_ids, folder_id):
            lost[above] += per_folder[folder_id]
    totals = {pk: files for ids in chunks(lost) for pk, files in Folder.objects.filter(pk__in=ids).values_list("pk", "total_files")}
    tops: dict[int, int] = {}
    for folder_id, folder in emptied.items():
        whole = [above for above in folder.ancestor_ids if lost[above] >= totals[above]]
        tops[folder_id] = whole[0] if whole else folder_id
    groups: defaultdict[int | None, list[KnownFile]] = defaultdict(list)
    for file in lacking:
        if file.folder_id in tops:
            groups[tops[file.folder_id]].append(file)
    return dict(groups)


def _set_presence(files: list[KnownFile], held_ids: set[int]) -> None:
    lock_files(file.pk for file in files)
    deltas = Deltas()
    rows = []
    for file in files:
        before = file.totals()
        file.presence = Presence.HELD if file.pk in held_ids else Presence.MISSING
        deltas.change(file.folder_id, before, file.totals())
        rows.append((file.presence, file.pk))
    update_rows(MediaFile, ["presence"], rows)
    deltas.apply()


def held_files(*, source: Source, folder: Folder | None) -> QuerySet[MediaFile]:
    """Files that wait for a decision below `folder`, or on the whole source."""
    files = MediaFile.objects.filter(source=source, presence=Presence.HELD)
    return files if folder is None else files.filter(folder__in=Folder.objects.filter(subtree(folder)))


def release_held(*, source: Source, folder: Folder | None) -> int:
    """An administrator said they are gone: they are missing now. Totals do not change: held files count as missing already."""
    return held_files(source=source, folder=folder).update(presence=Presence.MISSING)
