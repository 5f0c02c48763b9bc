"""What the catalog holds of files, as narrow tuples for comparing with listings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from catalog.choices import HERE, KIND_BY_EXTENSION, FileKind, ProbeState
from catalog.models import MediaFile
from catalog.services.rollups import Totals, totals_of_file
from mam.lib.bulk import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mam.lib.sources import Entry


# Plain strings: SQLite binds a member of an enumeration, a subclass of str, only after it has looked for an adapter.
_KINDS = {extension: str(kind) for extension, kind in KIND_BY_EXTENSION.items()}
_OTHER = FileKind.OTHER.value
_PENDING, _NONE = ProbeState.PENDING.value, ProbeState.NONE.value
PROBED_KINDS = (FileKind.VIDEO.value, FileKind.AUDIO.value)


@dataclass(slots=True)
class KnownFile:
    """The part of a MediaFile row that a listing is compared with."""

    pk: int
    folder_id: int
    name: str
    kind: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    file_id: int | None
    version: int
    presence: str
    absent_since: datetime | None
    settled_since: datetime
    probe_state: str

    @property
    def is_gone(self) -> bool:
        """Some listing lacked it since it was last seen."""
        return self.absent_since is not None or self.presence not in HERE

    def is_other(self, entry: Entry) -> bool:
        """`entry` certainly is another file, though it may have this one's name."""
        return None not in (self.file_id, entry.file_id) and self.file_id != entry.file_id

    def totals(self) -> Totals:
        """What the row adds to its folder."""
        return totals_of_file(kind=self.kind, size_bytes=self.size_bytes, presence=self.presence, probe_state=self.probe_state)

    def is_same(self, entry: Entry) -> bool:
        """The fingerprint (FACTS, SMB 8) is the one of `entry`. What was never known (ctime 0, no file id) says nothing.

        Of a file that was away the ctime says nothing either: going and coming back are renames, which change it.
        """
        return (
            self.size_bytes == entry.size_bytes
            and self.mtime_ns == entry.mtime_ns
            and (self.ctime_ns == entry.ctime_ns or not self.ctime_ns or self.is_gone)
            and (self.file_id == entry.file_id or self.file_id is None)
        )


KNOWN_COLUMNS = list(KnownFile.__dataclass_fields__)


def load_known(folder_ids: Iterable[int]) -> dict[int, dict[str, KnownFile]]:
    """Files directly in the folders: folder id -> name -> file. Of several rows of one name the one that is there, else the newest."""
    known: defaultdict[int, dict[str, KnownFile]] = defaultdict(dict)
    for ids in chunks(folder_ids):
        for row in MediaFile.objects.filter(folder_id__in=ids).values_list(*KNOWN_COLUMNS).iterator(chunk_size=10_000):
            file = KnownFile(*row)
            rival = known[file.folder_id].get(file.name)
            if rival is None or (rival.absent_since is None, rival.pk) < (file.absent_since is None, file.pk):
                known[file.folder_id][file.name] = file
    return known


def lock_files(ids: Iterable[int], *, against_links: bool = False) -> None:
    """Lock file rows in order of id, as everybody does who writes several. `against_links`: nobody may tag or collect them either."""
    if not connection.features.has_select_for_update:
        return
    for part in chunks(sorted(set(ids))):
        list(MediaFile.objects.select_for_update(no_key=not against_links).filter(pk__in=part).order_by("pk").values_list("pk"))


def kind_of(extension: str) -> str:
    """FileKind by extension (lower case, no dot)."""
    return _KINDS.get(extension, _OTHER)


def first_probe_state(kind: str) -> str:
    """Where a file begins that was never probed, or whose bytes changed."""
    return _PENDING if kind in PROBED_KINDS else _NONE
