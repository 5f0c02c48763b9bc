"""Entries of listings as rows of the files' table: its columns, a file's first values, and what it adds to its folder's totals.

No queries here: on PostgreSQL the rows of new files are made while the server already writes the first of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.choices import Presence, ProbeState
from catalog.services.arrivals import Arrival, arrival_of
from catalog.services.known import first_probe_state
from mam.lib.bulk import database_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from catalog.services.known import KnownFile
    from catalog.services.rollups import Deltas
    from mam.lib.sources import Entry

INSERT_COLUMNS = [
    "id",
    "source_id",
    "first_seen_at",
    "folder_id",
    "name",
    "name_key",
    "extension",
    "kind",
    "size_bytes",
    "mtime_ns",
    "ctime_ns",
    "file_id",
    "presence",
    "settled_since",
    "probe_state",
    "probe_priority",
    "content_id",
    "part_number",
]
UPDATE_COLUMNS = [*INSERT_COLUMNS[3:-2], "version", "absent_since"]
NEW_FILE_PRIORITY = 20  # probed before the old archive, after what a person asked for (JobPriority.HIGH)
OLD_FILE_PRIORITY = 60
_NEW_FILE_AGE = timedelta(days=7)
_PRESENT, _GROWING = Presence.PRESENT.value, Presence.GROWING.value
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS_NS = 1 << 63  # after every mtime


Home = tuple[int | None, int | None]  # of a file: content id, part number
NOWHERE: Home = (None, None)
# Folder id, what lies in it, when it was listed, and what was foreseen of it if it is new; a plain tuple, for there are very many.
Found = tuple[int, "Entry", datetime, Arrival | None]


class _Moment(NamedTuple):
    """The time of a listing in the forms its rows need, made once and not for each of its files."""

    stored: Any  # as the driver wants it
    still_before_ns: int  # an mtime before it lies back long enough
    recent_after_ns: int  # an mtime after it makes a new file a recent one


class FileRows:
    """Makes the rows of one batch. `deltas` hears what each adds to its folder, `growing_folder_ids` where a file is being written."""

    def __init__(self, *, source_id: int, settle: timedelta, deltas: Deltas) -> None:
        self.source_id = source_id
        self.settle = settle
        self.deltas = deltas
        self.growing_folder_ids: set[int] = set()
        self._moments: dict[datetime, _Moment] = {}

    def new(self, ids: Iterable[int], files: Iterable[Found], homes: Iterable[Home | None]) -> Iterator[tuple[Any, ...]]:
        """Values of `INSERT_COLUMNS` of files never seen before, `homes` in the order of `files`. The hot loop of a first scan."""
        for pk, (folder_id, entry, at, foreseen), home in zip(ids, files, homes, strict=True):
            stored, still_before_ns, recent_after_ns = self._moments.get(at) or self._moment(at)
            name, _is_dir, size_bytes, mtime_ns, ctime_ns, file_id = entry
            key, extension, kind, probe_state, _target = foreseen or arrival_of(name)
            presence = _PRESENT
            if mtime_ns >= still_before_ns:
                presence = _GROWING
                self.growing_folder_ids.add(folder_id)
            self.deltas[folder_id].count(kind, size_bytes, presence, probe_state)
            yield (
                pk,
                self.source_id,
                stored,
                folder_id,
                name,
                key,
                extension,
                kind,
                size_bytes,
                mtime_ns,
                ctime_ns,
                file_id,
                presence,
                stored,
                probe_state,
                NEW_FILE_PRIORITY if mtime_ns > recent_after_ns else OLD_FILE_PRIORITY,
                *(home or NOWHERE),
            )

    def seen(self, file: KnownFile, found: Found, *, is_same: bool, settled_since: datetime, presence: str) -> tuple[Any, ...]:
        """Values of `UPDATE_COLUMNS` and the id of a known file that is found as `found` says. `is_same`: with the bytes we know."""
        folder_id, entry, _at, foreseen = found
        key, extension, kind, first_state, _target = foreseen or arrival_of(entry.name)
        probe_state = file.probe_state if is_same else first_probe_state(file.kind)
        if probe_state == ProbeState.NONE:  # a file may become media by its new name
            probe_state = first_state
        self.deltas.change(file.folder_id, file.totals(), None)
        self.deltas[folder_id].count(kind, entry.size_bytes, presence, probe_state)
        return (
            folder_id,
            entry.name,
            key,
            extension,
            kind,
            entry.size_bytes,
            entry.mtime_ns,
            entry.ctime_ns,
            entry.file_id,
            presence,
            database_time(settled_since),
            probe_state,
            OLD_FILE_PRIORITY if is_same else NEW_FILE_PRIORITY,
            file.version + (not is_same),
            None,
            file.pk,
        )

    def presence(self, found: Found, settled_since: datetime) -> str:
        """Still when its mtime lies back long enough, or (clocks differ) when we saw the same fingerprint for long enough."""
        folder_id, entry, at, _foreseen = found
        moment = self._moments.get(at) or self._moment(at)
        if entry.mtime_ns < moment.still_before_ns or at - settled_since >= self.settle:
            return _PRESENT
        self.growing_folder_ids.add(folder_id)
        return _GROWING

    def _moment(self, at: datetime) -> _Moment:
        at_ns = (at - _EPOCH) // timedelta(microseconds=1) * 1000
        still_before_ns = at_ns - _nanoseconds(self.settle) if self.settle else _ALWAYS_NS
        moment = self._moments[at] = _Moment(database_time(at), still_before_ns, at_ns - _nanoseconds(_NEW_FILE_AGE))
        return moment


def _nanoseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 1000
