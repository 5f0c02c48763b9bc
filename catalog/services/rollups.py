"""Folder totals over whole subtrees, kept by deltas in the transaction that changes the files.

The rebuild is the definition; `verify` compares with it and repairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, Q, Sum

from catalog.choices import HERE, FileKind, Presence, ProbeState
from catalog.models import Folder, MediaFile
from mam.lib.bulk import add_to_rows, chunks, update_rows

if TYPE_CHECKING:
    from catalog.models import Source

_GROWING, _VIDEO = Presence.GROWING.value, FileKind.VIDEO.value
_PENDING, _FAILED = ProbeState.PENDING.value, ProbeState.FAILED.value


@dataclass(slots=True)
class Totals:
    """What a folder counts. The field names are those of `Folder.total_*`."""

    files: int = 0
    bytes: int = 0
    videos: int = 0
    growing: int = 0
    missing: int = 0
    pending: int = 0
    failed: int = 0

    def add(self, other: Totals, sign: int = 1) -> None:
        """Add `other` (or subtract it, with sign -1) in place."""
        self.files += sign * other.files
        self.bytes += sign * other.bytes
        self.videos += sign * other.videos
        self.growing += sign * other.growing
        self.missing += sign * other.missing
        self.pending += sign * other.pending
        self.failed += sign * other.failed

    def count(self, kind: str, size_bytes: int, presence: str, probe_state: str) -> None:
        """Add one file in place. Listings bring these by the hundred thousand: no object is made for it."""
        if presence not in HERE:
            self.missing += 1
            return
        self.files += 1
        self.bytes += size_bytes
        self.videos += kind == _VIDEO
        self.growing += presence == _GROWING
        self.pending += probe_state == _PENDING
        self.failed += probe_state == _FAILED

    def values(self) -> tuple[int, ...]:
        """In the order of `COLUMNS`."""
        return self.files, self.bytes, self.videos, self.growing, self.missing, self.pending, self.failed

    def __bool__(self) -> bool:
        return any(self.values())


COLUMNS = [f"total_{field.name}" for field in fields(Totals)]


def totals_of_file(*, kind: str, size_bytes: int, presence: str, probe_state: str) -> Totals:
    """What one file adds to its folder."""
    totals = Totals()
    totals.count(kind, size_bytes, presence, probe_state)
    return totals


def totals_of_folder(folder: Folder) -> Totals:
    """The stored totals of a folder."""
    return Totals(*(getattr(folder, column) for column in COLUMNS))


class Deltas(defaultdict[int, Totals]):
    """Changes of totals by the folder that holds the files; `apply` adds them to it and all folders above."""

    def __init__(self) -> None:
        super().__init__(Totals)

    def change(self, folder_id: int, before: Totals | None, after: Totals | None) -> None:
        """Note that one file of `folder_id` went from `before` to `after` (None: not in the catalog)."""
        if before is not None:
            self[folder_id].add(before, -1)
        if after is not None:
            self[folder_id].add(after)

    def apply(self) -> None:
        """Write the changes; call inside the transaction that changed the files, which began with `lock_totals`."""
        apply_deltas(self)


def lock_totals(source_ids: Iterable[int]) -> None:
    """Before a transaction locks a row of a source's files or folders to change its totals: one such transaction of a source at a time.

    A scan, an analysis and a curator meet the same rows in different orders; on PostgreSQL they would deadlock, or write back what
    they read before the other committed. SQLite has one writer anyway.
    """
    list(Folder.objects.select_for_update(no_key=True).filter(source__in=source_ids, parent=None).order_by("pk").values_list("pk"))


def apply_deltas(deltas: Mapping[int, Totals]) -> None:
    """Add each folder's change to it and to every folder above it."""
    changed = {folder_id: delta for folder_id, delta in deltas.items() if delta}
    if not changed:
        return
    spread: defaultdict[int, Totals] = defaultdict(Totals)
    for part in chunks(changed):
        for folder in Folder.objects.filter(pk__in=part).only("pk", "lineage"):
            for above in (*folder.ancestor_ids, folder.pk):
                spread[above].add(changed[folder.pk])
    add_to_rows(Folder, COLUMNS, ((*delta.values(), folder_id) for folder_id, delta in sorted(spread.items()) if delta))


def own_totals(source: Source) -> dict[int, Totals]:
    """Totals of the files directly in each folder of `source`, counted from the files."""
    here = Q(presence__in=HERE)
    rows = (
        MediaFile.objects.filter(source=source)
        .values_list("folder_id")
        .annotate(
            files=Count("pk", filter=here),
            bytes=Sum("size_bytes", filter=here, default=0),
            videos=Count("pk", filter=here & Q(kind=FileKind.VIDEO)),
            growing=Count("pk", filter=Q(presence=Presence.GROWING)),
            missing=Count("pk", filter=~here),
            pending=Count("pk", filter=here & Q(probe_state=ProbeState.PENDING)),
            failed=Count("pk", filter=here & Q(probe_state=ProbeState.FAILED)),
        )
    )
    return {folder_id: Totals(*counts) for folder_id, *counts in rows.iterator()}


@dataclass(frozen=True, slots=True)
class WrongTotals:
    """A folder whose stored totals were wrong. `missing`: what had to be added, by the names of `Totals`."""

    folder_id: int
    path: str
    missing: dict[str, int]


def verify(*, source: Source) -> list[WrongTotals]:
    """Compare the stored totals of a source with a rebuild, repair what differs, and return it.

    What seems wrong is looked at once more with the root folder locked, so that no delta of this source is lost, nor taken for an error.
    """
    if not _compare(source)[0]:
        return []
    with transaction.atomic():
        lock_totals([source.pk])
        wrong, expected = _compare(source)
        update_rows(Folder, COLUMNS, ((*expected[one.folder_id].values(), one.folder_id) for one in wrong))
    return wrong


def _compare(source: Source) -> tuple[list[WrongTotals], Mapping[int, Totals]]:
    """What is wrong, in the order of ids, and what every folder should have."""
    expected: defaultdict[int, Totals] = defaultdict(Totals)
    own = own_totals(source)
    stored: dict[int, tuple[str, Totals]] = {}
    for folder in Folder.objects.filter(source=source).only("pk", "path", "lineage", *COLUMNS).iterator():
        stored[folder.pk] = folder.path, totals_of_folder(folder)
        if folder.pk in own:
            for above in (*folder.ancestor_ids, folder.pk):
                expected[above].add(own[folder.pk])
    wrong = []
    for pk, (path, totals) in sorted(stored.items()):
        if totals != expected[pk]:
            off = zip(COLUMNS, expected[pk].values(), totals.values(), strict=True)
            missing = {column.removeprefix("total_"): right - found for column, right, found in off if right != found}
            wrong.append(WrongTotals(pk, path, missing))
    return wrong, expected


def sum_totals(parts: Iterable[Totals]) -> Totals:
    """One sum of many."""
    result = Totals()
    for part in parts:
        result.add(part)
    return result
