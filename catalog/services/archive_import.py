"""Takes over what an old archive says about files that the catalog has found by itself: works, titles, tags, players.

In batches, each one transaction together with its `ImportedRecord`s. So a killed import goes on with the next batch, and one that is done
again only looks at what could not be placed before. Rows are read in the same order each time.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from catalog.choices import ImportReason, ImportState, Placement
from catalog.models import ImportedRecord, MediaFile
from catalog.services.archive_matching import Matcher, old_path, path_parts
from catalog.services.archive_people import People
from catalog.services.archive_placing import Placer
from catalog.services.archive_reader import integer, one_line, open_archive
from catalog.services.archive_works import OldWorks, WantedSeries, content_parts
from catalog.services.common import CURATE, audit, check_access
from mam.lib.bulk import among, chunks, database_time, insert_rows, prefer_indexes, reserve_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from catalog.services.archive_matching import Parts
    from catalog.services.archive_reader import OldArchive, OldRow
    from catalog.services.archive_works import Said
    from mam.accounts.models import User

    Key = tuple[str, str]  # table, old id

BATCH_ROWS = 1_000
_KINDS = ("players", "files", "contents", "series", "catalogs")  # in this order: who is placed, then where
_RECORD_COLUMNS = ["id", "archive", "archive_name", "table", "old_id", "state", "reason", "file_id", "content_id", "old_row", "imported_at"]
_LABEL_MAX = 2_000


class NotPlaced(NamedTuple):
    """A row of the archive that nothing here stands for."""

    table: str
    old_id: str
    label: str  # its path, or its name
    reason: ImportReason


@dataclass(slots=True)
class ImportResult:
    """What an import did, in rows of the archive."""

    placed: int = 0
    known: int = 0  # placed by an earlier run
    kept: int = 0  # files that stayed in the content where a curator had put them; they are placed as well
    contents_made: int = 0
    reasons: Counter[ImportReason] = field(default_factory=Counter)

    @property
    def not_placed(self) -> int:
        """Rows that could not be placed."""
        return self.reasons.total()


def import_archive(
    *,
    path: Path,
    user: User | None,
    dry_run: bool = False,
    batch_rows: int = BATCH_ROWS,
    on_progress: Callable[[int, int], None] | None = None,
    on_not_placed: Callable[[NotPlaced], None] | None = None,
) -> ImportResult:
    """Take over the archive at `path`, which is only read. An ArchiveFileError when it cannot be.

    Args:
        path: the SQLite file of the old system.
        user: who does it; None: the system.
        dry_run: find out what would be placed, and change nothing.
        batch_rows: rows in one transaction.
        on_progress: is told (rows done, rows in all) after each batch.
        on_not_placed: is told each row that is not placed, after its batch.
    """
    check_access(user, CURATE)
    with open_archive(path) as archive:
        run = _Import(archive, user, dry_run=dry_run)
        done, total = 0, sum(map(archive.count, _KINDS))
        for kind in _KINDS:
            for rows in chunks(archive.rows(kind), batch_rows):
                for row in run.take(kind, rows):
                    if on_not_placed is not None:
                        on_not_placed(row)
                done += len(rows)
                if on_progress is not None:
                    on_progress(done, total)
        return run.result


class _Asked(NamedTuple):
    """A row with the path and size of the file it means."""

    row: OldRow
    parts: Parts
    size: int | None


@dataclass(slots=True)
class _Outcome:
    """What becomes of a row. A reason: it is not placed."""

    row: OldRow
    reason: ImportReason | None = None
    file_id: int | None = None
    content_id: int | None = None

    @property
    def key(self) -> Key:
        return self.row.table, self.row.old_id


class _Import:
    """One run. Holds in memory what its batches, and earlier runs, have placed."""

    def __init__(self, archive: OldArchive, user: User | None, *, dry_run: bool) -> None:
        self.result = ImportResult()
        self._archive = archive
        self._user = user
        self._dry_run = dry_run
        self._before: set[Key] = set()  # rows that earlier runs placed
        self._placed: set[Key] = set()  # rows that this run placed
        self._reasons: dict[Key, str] = {}  # of rows that earlier runs did not place
        self._files: set[int] = set()  # that a row stands for
        self._filled: set[tuple[str, str]] = set()  # ("series" or "catalogs", old id): a file is in them
        self._places_before: list[list[int | None]] = []
        contents = self._load_records()
        self._works = OldWorks(archive)
        self._matcher = Matcher()
        self._people = People(user)
        self._placer = Placer(user=user, people=self._people, contents=contents)

    def _load_records(self) -> dict[str, int]:
        """Read what earlier runs did; return our contents by the archive's ids."""
        contents: dict[str, int] = {}
        records = ImportedRecord.objects.filter(archive=self._archive.digest).order_by()
        columns = ("table", "old_id", "state", "reason", "file_id", "content_id")
        for table, old_id, state, reason, file_id, content_id in records.values_list(*columns).iterator(chunk_size=10_000):
            is_lost = file_id is None and table == self._archive.table("files")  # its file was removed from the catalog
            if state == ImportState.NOT_PLACED or is_lost:
                self._reasons[table, old_id] = reason
                continue
            self._before.add((table, old_id))
            if file_id is not None:
                self._files.add(file_id)
            if content_id is not None and table == self._archive.table("contents"):
                contents[old_id] = content_id
        return contents

    def take(self, kind: str, rows: list[OldRow]) -> list[NotPlaced]:
        """Place one batch; return those of it that are not placed."""
        known = [row for row in rows if (row.table, row.old_id) in self._before]
        self.result.known += len(known)
        for row in known:
            self._recall(kind, row)
        fresh = [row for row in rows if not self._is_placed((row.table, row.old_id))]
        if not fresh:
            return []
        with transaction.atomic():
            prefer_indexes()
            outcomes = self._outcomes(kind, fresh)
            if not self._dry_run:
                self._record(outcomes)
        self._placed |= {one.key for one in outcomes if one.reason is None}
        self._files |= {one.file_id for one in outcomes if one.file_id is not None}
        self.result.placed += sum(one.reason is None for one in outcomes)
        self.result.reasons.update(one.reason for one in outcomes if one.reason is not None)
        return [NotPlaced(*one.key, row_label(one.row), one.reason) for one in outcomes if one.reason is not None]

    def _is_placed(self, key: Key) -> bool:
        return key in self._before or key in self._placed

    def _recall(self, kind: str, row: OldRow) -> None:
        """Know again what an earlier run did with a row."""
        if kind == "players":
            self._people.recall(row)
        elif kind == "files":
            content = self._works.content_of(row, path_parts(old_path(row)))
            if content is not None or row.reference("series"):
                self._fill(self._works.series_of(content or row))
        elif kind == "contents":
            self._fill(self._works.series_of(row))

    def _fill(self, series: WantedSeries | ImportReason) -> None:
        if isinstance(series, WantedSeries):
            self._filled |= {("series", series.series_id), ("catalogs", series.catalog_id)}

    def _outcomes(self, kind: str, rows: list[OldRow]) -> list[_Outcome]:
        if kind == "players":
            return [_Outcome(row, self._people.place(row, dry_run=self._dry_run)) for row in rows]
        if kind == "files":
            return self._place([_Asked(row, path_parts(old_path(row)), integer(row.get("size"))) for row in rows], self._works.of_file)
        if kind == "contents":  # those that had files among the old ones are placed already; others may have a path of their own
            asked = [_Asked(row, content_parts(row), integer(row.get("size"))) for row in rows]
            placed = self._place([one for one in asked if one.parts], self._works.of_content)
            return [*placed, *(_Outcome(one.row, self._why_nowhere(one.row)) for one in asked if not one.parts)]
        return [_Outcome(row, None if (kind, row.old_id) in self._filled else ImportReason.NO_FILE) for row in rows]

    def _why_nowhere(self, content: OldRow) -> ImportReason:
        series = self._works.series_of(content)
        return series if isinstance(series, ImportReason) else ImportReason.NO_FILE

    # --- files ----------------------------------------------------------------------------------------------------------
    def _place(self, asked: list[_Asked], says: Callable[[OldRow, Parts], Said]) -> list[_Outcome]:
        """Find the files of rows, do what the archive says of them, and add what became of their contents."""
        outcomes: list[_Outcome] = []
        said: dict[int, Said] = {}
        for one, match in zip(asked, self._matcher.match([(one.parts, one.size) for one in asked]), strict=True):
            if isinstance(match, ImportReason):
                outcomes.append(_Outcome(one.row, match))
            elif match in self._files or match in said:
                outcomes.append(_Outcome(one.row, ImportReason.DUPLICATE))
            elif (words := says(one.row, one.parts)).work is None and words.content is one.row:
                outcomes.append(_Outcome(one.row, ImportReason.NO_SERIES))
            else:
                said[match] = words
                outcomes.append(_Outcome(one.row, None, match))
        homes = self._write(said) if said else {}
        own = {one.key for one in outcomes}
        contents: dict[Key, _Outcome] = {}
        for outcome in outcomes:
            if outcome.file_id is None:
                continue
            outcome.content_id = homes.get(outcome.file_id)
            words = said[outcome.file_id]
            if words.work is None:
                continue
            self._fill(words.work.series)
            if words.content is not None:
                content = _Outcome(words.content, None, None, outcome.content_id)
                if content.key not in own and not self._is_placed(content.key):
                    contents.setdefault(content.key, content)
        return [*outcomes, *contents.values()]

    def _write(self, said: dict[int, Said]) -> dict[int, int | None]:
        """Where the files are then, by their ids."""
        if self._dry_run:
            curated = MediaFile.objects.filter(pk__in=among(said), placement=Placement.CURATOR)
            self.result.kept += sum(said[pk].work is not None for pk in curated.values_list("pk", flat=True))
            return {}
        placed = self._placer.place(said)
        self.result.kept += placed.kept
        self.result.contents_made += placed.contents_made
        self._places_before = placed.places_before
        return placed.contents

    # --- records --------------------------------------------------------------------------------------------------------
    def _record(self, outcomes: list[_Outcome]) -> None:
        """Write down what is new, with an audit line for all that was placed."""
        new = [one for one in outcomes if self._reasons.get(one.key) != (one.reason or ImportState.PLACED)]
        if not new:
            return
        again = [one.key for one in new if one.key in self._reasons]
        for table in {table for table, _old_id in again}:
            old_ids = [old_id for one, old_id in again if one == table]
            ImportedRecord.objects.filter(archive=self._archive.digest, table=table, old_id__in=old_ids).delete()
        ids = reserve_ids(ImportedRecord, len(new))
        now = database_time(timezone.now())
        insert_rows(ImportedRecord, _RECORD_COLUMNS, [self._record_row(pk, one, now) for pk, one in zip(ids, new, strict=True)])
        files = sorted(one.file_id for one in new if one.file_id is not None)
        if files:
            first = ImportedRecord(pk=ids[0], archive_name=self._archive.name, table=new[0].row.table, old_id=new[0].row.old_id)
            audit(self._user, "archive.import", first, {"places": self._places_before}, {"files": files})

    def _record_row(self, pk: int, one: _Outcome, now: Any) -> tuple[Any, ...]:
        state = ImportState.PLACED if one.reason is None else ImportState.NOT_PLACED
        became = (state.value, one.reason.value if one.reason else "", one.file_id, one.content_id)
        return (pk, self._archive.digest, self._archive.name, *one.key, *became, json.dumps(one.row.as_json()), now)


def row_label(row: OldRow) -> str:
    """What a person knows a row of an old archive by: its path, or its name."""
    return one_line(old_path(row), _LABEL_MAX) or row.line("title", _LABEL_MAX)
