"""What the store holds against what the rows say, by listing alone: objects without a row, and rows without their object.

A listing that looks wrong changes nothing: an empty folder where a share should be mounted, or the database of another day, would
otherwise cost every rendition there is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from django.utils import timezone

from mam.lib.bulk import chunks
from mam.lib.storages import ObjectMissingError
from streaming.choices import ObjectState
from streaming.errors import StoreSuspectError
from streaming.models import StoredObject
from streaming.stores import objects as store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mam.lib.storages import StoredEntry

# Longer than a job can lie between storing an object and publishing it.
ORPHAN_AGE = timedelta(hours=6)
_BUCKETS = [f"{number:02x}" for number in range(256)]  # below each prefix, see `store.folder_for`
_SUSPICIOUS_ORPHANS = 100
_SUSPICIOUS_MISSING = 20
_CHUNK = 500


@dataclass(slots=True)
class Inventory:
    """What one look at all of the store found."""

    listed: int = 0
    listed_bytes: int = 0
    rows: int = 0
    orphans: list[StoredEntry] = field(default_factory=list)  # old enough to be certain
    missing: list[StoredObject] = field(default_factory=list)
    changed: list[StoredObject] = field(default_factory=list)  # of another size
    returned: list[StoredObject] = field(default_factory=list)  # as they should be, although somebody missed them

    @property
    def damaged(self) -> dict[int, ObjectState]:
        """Id of each stored object that is not what its row says."""
        states = {row.pk: ObjectState.MISSING for row in self.missing}
        return states | {row.pk: ObjectState.CHANGED for row in self.changed}

    def check(self) -> None:
        """StoreSuspectError if this looks like another store, or another database, than the one that belongs to it."""
        is_emptied = len(self.missing) > max(_SUSPICIOUS_MISSING, self.rows // 10)
        is_strange = len(self.orphans) > max(_SUSPICIOUS_ORPHANS, self.listed // 2)
        if is_emptied or is_strange:
            raise StoreSuspectError(missing=len(self.missing), rows=self.rows, orphans=len(self.orphans), listed=self.listed)


def take_inventory(*, older_than: timedelta | None = None, step: Callable[[float], None] = lambda _done: None) -> Inventory:
    """List everything; orphans are those older than `older_than` (ORPHAN_AGE). `step` gets the part that is done, 0 to 1, and may
    raise to stop. StorageErrors.
    """
    inventory = Inventory()
    latest = timezone.now() - (ORPHAN_AGE if older_than is None else older_than)
    folders = store.folders()
    for place, folder in enumerate(folders):
        bare = set(_BUCKETS)
        for bucket, entries in groupby(store.storage().list_entries(f"{folder}/"), key=_bucket_of):
            step((place + _BUCKETS.index(bucket) / len(_BUCKETS) if bucket in bare else place) / len(folders))
            _compare(f"{folder}/{bucket}/", {entry.name: entry for entry in entries}, inventory, latest)
            bare.discard(bucket)
        for bucket in _buckets_with_rows(folder) & bare:
            _compare(f"{folder}/{bucket}/", {}, inventory, latest)
    step(1)
    return inventory


def delete_orphans(inventory: Inventory) -> int:
    """Delete the orphans that are still without a row; how many."""
    count = 0
    for orphans in chunks(inventory.orphans, _CHUNK):
        names = {entry.name for entry in orphans}
        names -= set(StoredObject.objects.filter(name__in=names).values_list("name", flat=True))
        store.storage().delete_many(names)
        count += len(names)
    return count


def purge_unfinished(*, older_than: timedelta = ORPHAN_AGE) -> int:
    """Forget what began to be stored and never ended: drafts, and parts of large uploads. How many."""
    return sum(store.storage().purge_unfinished(f"{folder}/", older_than=older_than) for folder in store.folders())


def _bucket_of(entry: StoredEntry) -> str:
    return entry.name.split("/")[1]


def _compare(prefix: str, listed: dict[str, StoredEntry], inventory: Inventory, latest: datetime) -> None:
    """Compare what was listed below `prefix` with its rows. What changed between the two is asked once more."""
    rows = {row.name: row for row in _rows_below(prefix)}
    inventory.rows += len(rows)
    inventory.listed += len(listed)
    inventory.listed_bytes += sum(entry.size_bytes for entry in listed.values())
    unknown = [entry for name, entry in listed.items() if name not in rows]
    inventory.orphans += _orphans_among(unknown, latest)
    for name, row in rows.items():
        if name not in listed and _is_missing(row):
            inventory.missing.append(row)
        elif name in listed and listed[name].size_bytes != row.size_bytes:
            inventory.changed.append(row)
        elif name in listed and row.state == ObjectState.MISSING:
            inventory.returned.append(row)


def _buckets_with_rows(folder: str) -> set[str]:
    names = StoredObject.objects.filter(name__gte=f"{folder}/", name__lt=f"{folder}0").values_list("name", flat=True)
    return {name.split("/")[1] for name in names.iterator() if name.startswith(f"{folder}/")}


def _rows_below(prefix: str) -> Iterator[StoredObject]:
    """By a range, which an index answers on both databases; collations that sort otherwise only make it miss some."""
    rows = StoredObject.objects.filter(name__gte=prefix, name__lt=f"{prefix[:-1]}0")  # "0" follows "/"
    return (row for row in rows.select_related("rendition__file__source") if row.name.startswith(prefix))


def _orphans_among(entries: list[StoredEntry], latest: datetime) -> list[StoredEntry]:
    """Old ones that no row names. Young ones are left: somebody may be about to publish them."""
    old = [entry for entry in entries if entry.modified_at < latest]
    known = set(StoredObject.objects.filter(name__in=[entry.name for entry in old]).values_list("name", flat=True)) if old else set()
    return [entry for entry in old if entry.name not in known]


def _is_missing(row: StoredObject) -> bool:
    """Asked once more, of both sides: it may have been replaced since the rows were read."""
    try:
        store.storage().read_range(row.name, 0, 1)
    except ObjectMissingError:
        return StoredObject.objects.filter(pk=row.pk).exists()
    return False
