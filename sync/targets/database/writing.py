"""Makes a batch true in the table of files, inside a transaction that keeps all others from writing."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from mam.lib.bulk import chunks, insert_rows, prefer_indexes
from sync.errors import TargetRefusedError, TargetRowsChangedError
from sync.ott.models import OttFile
from sync.targets.database.layout import FILES
from sync.targets.database.table import quoted
from sync.targets.rows import DELETED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.backends.utils import CursorWrapper

    from sync.targets.base import Batch, TargetFile, Write
    from sync.targets.database.layout import Column
    from sync.targets.database.marks import Marks
    from sync.targets.database.table import FilesTable

Values = dict[str, Any]  # part -> value, as the column wants it
_LAST_NUMBER = 2**63 - 1
_ROWS_TOGETHER = 50  # SQLite: of a statement, which takes half as long a row; of 17 values at most, and 999 are allowed everywhere
_BINARY_TYPES = {"int8", "float8", "bool", "text", "varchar", "timestamptz"}  # of which our values are


class BatchWriter:
    """Writes one batch. `cursor`: of the transaction."""

    def __init__(self, table: FilesTable, marks: Marks, cursor: CursorWrapper, batch: Batch) -> None:
        self._table, self._marks, self._cursor, self._batch = table, marks, cursor, batch
        self._new = [write for write in batch.writes if write.before is None]
        self._old = [write for write in batch.writes if write.before is not None]
        self._of_changed_row = self._adapted({"updated_at": batch.at})
        of_active = self._adapted({"status": table.layout.active, "deleted_at": None, "created_at": batch.at})
        self._of_active_row = of_active | self._of_changed_row  # that is new

    def apply(self) -> list[str]:
        """The remote ids of the batch's writes; nothing is written when it is there already. TargetRowsChangedError."""
        self._lock()
        batches, last_id = self._marks.read(self._cursor, self._batch.plan)
        first_id = batches[self._batch.number] if self._batch.number < len(batches) else None
        if first_id is not None:
            return self._ids(range(first_id, first_id + len(self._new)))
        now = self._check_rows()
        self._check_paths()
        numbers = self._numbers(last_id)
        ids = self._ids(numbers)
        changes = {write.remote_id: self._changes(write, write.before) for write in self._old if write.before is not None}
        paths = self._make_room(ids, changes, now) if self._table.layout.has_unique_paths else {}
        self._update(changes)
        self._insert(ids, numbers, paths)
        if numbers:
            self._tell_sequence(numbers[-1])
        self._marks.note(self._cursor, self._batch.plan, batches, self._batch.number, numbers)
        return ids

    def _lock(self) -> None:
        """SQLite has its lock since the transaction began."""
        if not self._table.is_sqlite:
            self._cursor.execute(f"LOCK TABLE {FILES} IN SHARE ROW EXCLUSIVE MODE")
            prefer_indexes(using=self._table.connection.alias)

    # --- ids ----------------------------------------------------------------------------------------------------------
    def _ids(self, numbers: Iterable[int]) -> list[str]:
        """Of all writes, in their order. Killed and begun again, a plan gives the same."""
        if self._table.layout.has_number_ids:
            fresh = map(str, numbers)
        else:
            names = (f"{self._batch.number}:{index}" for index in range(len(self._new)))
            fresh = map(str, (uuid.uuid5(uuid.UUID(self._batch.plan), name) for name in names))
        return [next(fresh) if write.before is None else write.remote_id for write in self._batch.writes]

    def _numbers(self, last_id: int) -> range:
        """For the new rows, behind all that there are and were: what other tables know by a number shall not become another file."""
        if not self._new or not self._table.layout.has_number_ids:
            return range(0)
        last = max(self._last_in_table(), last_id)
        if last > _LAST_NUMBER - len(self._new):
            raise TargetRefusedError(target=FILES, detail=f"the last id is {last}")
        return range(last + 1, last + 1 + len(self._new))

    def _last_in_table(self) -> int:
        last = self._largest()
        if not isinstance(last, int):  # SQLite takes any text for a number, and counts it as larger than all of them
            last = self._largest(f" WHERE typeof({self._table.key}) = 'integer'")
        if not self._table.is_sqlite:
            return int(last)
        self._cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
        if not self._cursor.fetchone():
            return int(last)
        self._cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE lower(name) = %s", [FILES])
        return max(int(last), int(self._cursor.fetchone()[0]))

    def _largest(self, where: str = "") -> Any:
        self._cursor.execute(f"SELECT COALESCE(MAX({self._table.key}), 0) FROM {FILES}{where}")  # noqa: S608  (names that the database gave)
        return self._cursor.fetchone()[0]

    def _tell_sequence(self, last: int) -> None:
        """PostgreSQL: the next row of another program comes after ours. Never backwards: some numbers may be in use and not yet seen."""
        sequence = self._table.sequence(self._cursor)
        if sequence is not None:
            statement = f"SELECT setval(%s, GREATEST(%s, (SELECT last_value FROM {sequence})))"  # noqa: S608  (the database's own name)
            self._cursor.execute(statement, [sequence, last])

    # --- whether all is as it has to be -------------------------------------------------------------------------------
    def _check_rows(self) -> dict[str, TargetFile]:
        """The rows to be changed, as they are. TargetRowsChangedError unless that is how they were."""
        now = self._table.by_ids(self._cursor, [write.remote_id for write in self._old])
        for write in self._old:
            row = now.get(write.remote_id)
            if write.before is None or row is None or not self._is_same(write.before, row):
                raise TargetRowsChangedError(remote_id=write.remote_id)
        return now

    def _is_same(self, before: TargetFile, now: TargetFile) -> bool:
        is_same = before.fields == now.fields or self._table.as_kept(before).fields == now.fields
        return is_same and before.is_deleted == now.is_deleted

    def _check_paths(self) -> None:
        """TargetRowsChangedError when another program has made a row for the path of a new one."""
        paths = [write.fields.path for write in self._new if not write.is_deleted]
        ours = {write.remote_id for write in self._old}
        for row in self._table.by_paths(self._cursor, paths) if paths else ():
            if not (row.is_deleted or row.error or row.remote_id in ours):
                raise TargetRowsChangedError(remote_id=row.remote_id)

    # --- what is to be stored -----------------------------------------------------------------------------------------
    def _changes(self, write: Write, before: TargetFile) -> Values:
        """The columns of a row that have to change."""
        changed = self._differing(before, write) if before.fields != write.fields else {}
        if write.is_deleted != before.is_deleted or (write.is_deleted and write.deleted_at and write.deleted_at != before.deleted_at):
            changed |= self._status(write)
            if not write.is_deleted:
                changed["path"] = write.fields.path  # it may have been given up
        return changed | self._of_changed_row if changed else changed

    def _differing(self, before: TargetFile, write: Write) -> Values:
        was, wanted = self._table.stored(before.fields), self._table.stored(write.fields)
        return {part: new for part, old, new in zip(self._table.parts, was, wanted, strict=True) if old != new}

    def _status(self, write: Write) -> Values:
        if not write.is_deleted:
            return self._adapted({"status": self._table.layout.active, "deleted_at": None})
        return self._adapted({"status": DELETED, "deleted_at": write.deleted_at or self._batch.at})

    def _adapted(self, values: Values) -> Values:
        """Of the columns that there are and that may be written."""
        return {part: self._table.adapters[part](value) for part, value in values.items() if part in self._table.adapters}

    # --- paths that are unique ----------------------------------------------------------------------------------------
    def _make_room(self, ids: Sequence[str], changes: dict[str, Values], now: dict[str, TargetFile]) -> dict[str, str]:
        """Let paths be free before they are taken: each is one row's, in the end and at every moment.

        A row marked as deleted gives its path up to one that is not (`FilesTable.given_up`); the result says so of new rows.
        TargetRowsChangedError where two rows want one path.
        """
        given_up, ours = self._table.given_up, set(ids)
        of_new: dict[str, str] = {}
        writes = [(one, write) for one, write in zip(ids, self._batch.writes, strict=True) if write.before is None or changes[one]]
        holders = self._table.holders(self._cursor, {write.fields.path for _, write in writes})
        others = {path: holder for path, holder in holders.items() if holder.remote_id not in ours}
        wanted = {write.fields.path for one, write in writes if not write.is_deleted and "path" in changes.get(one, ("path",))}
        for path in wanted & set(others):
            if not others[path].is_deleted:
                raise TargetRowsChangedError(remote_id=others[path].remote_id)
        taken = wanted | set(others)
        for one, write in writes:
            path = write.fields.path
            if write.is_deleted and path in taken:
                if write.before is None:
                    of_new[one] = given_up(path, one)
                else:
                    changes[one]["path"] = given_up(path, one)
            taken.add(path)
        self._set_paths([(given_up(path, others[path].remote_id), others[path].remote_id) for path in wanted & set(others)])
        leaving = {one: values["path"] for one, values in changes.items() if "path" in values and one in now}
        self._set_paths(
            [(f"(moving {one.remote_id})", one.remote_id) for path, one in holders.items() if leaving.get(one.remote_id, path) != path]
        )
        return of_new

    def _set_paths(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Nothing but the path, by remote id."""
        self._write_columns(("path",), [(path, self._table.key_value(remote_id)) for path, remote_id in pairs])

    # --- writing ------------------------------------------------------------------------------------------------------
    def _update(self, changes: dict[str, Values]) -> None:
        """Rows in which the same columns change together."""
        alike: defaultdict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
        for remote_id, values in changes.items():
            if values:
                alike[tuple(values)].append((*values.values(), self._table.key_value(remote_id)))
        for parts, rows in alike.items():
            self._write_columns(parts, rows)

    def _write_columns(self, parts: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Set the columns of `parts` in the rows named by the last value of each."""
        if not rows:
            return
        key, columns = self._table.layout.key, [self._table.layout.columns[part] for part in parts]
        names = [quoted(column.name) for column in columns]
        if self._table.is_sqlite:
            sets = ", ".join(f"{name} = %s" for name in names)
            self._cursor.executemany(f"UPDATE {FILES} SET {sets} WHERE {self._table.key} = %s", rows)  # noqa: S608  (as above)
            return
        given = ", ".join(f"v{number} {column.cast}" for number, column in enumerate((*columns, key)))
        sets = ", ".join(f"{name} = given.v{number}" for number, name in enumerate(names))
        is_row = f"{FILES}.{self._table.key} = given.v{len(columns)}"
        self._cursor.execute(
            f"UPDATE {FILES} SET {sets} FROM json_to_recordset(%s) AS given ({given}) WHERE {is_row}",  # noqa: S608  (as above)
            [json.dumps([{f"v{number}": value for number, value in enumerate(row)} for row in rows], default=str)],
        )

    def _insert(self, ids: Sequence[str], numbers: range, paths: dict[str, str]) -> None:
        """The new rows. `paths`: of those that do not get their own."""
        if not self._new:
            return
        rest = self._of_active_row
        keys: Sequence[Any] = numbers or [one for one, write in zip(ids, self._batch.writes, strict=True) if write.before is None]
        rows = [[key, *self._table.stored(write.fields), *rest.values()] for key, write in zip(keys, self._new, strict=True)]
        parts = [*self._table.parts, *rest]
        for row, write in zip(rows, self._new, strict=True):
            if write.is_deleted:
                row[1:] = (dict(zip(parts, row[1:], strict=True)) | self._status(write)).values()
                row[1 + parts.index("path")] = paths.get(str(row[0]), write.fields.path)
        columns = [self._table.layout.key, *(self._table.layout.columns[part] for part in parts)]
        if not self._table.is_sqlite:
            self._copy(columns, rows)
            return
        statement = f"INSERT INTO {FILES} ({', '.join(quoted(column.name) for column in columns)}) VALUES "  # noqa: S608  (as above)
        places, whole = f"({', '.join(['%s'] * len(columns))})", len(rows) - len(rows) % _ROWS_TOGETHER
        together = [list(chain.from_iterable(part)) for part in chunks(rows[:whole], _ROWS_TOGETHER)]
        self._cursor.executemany(statement + ", ".join([places] * _ROWS_TOGETHER), together)
        self._cursor.executemany(statement + places, rows[whole:])

    def _copy(self, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
        """PostgreSQL. As bytes where it can be: the server takes three times as long to read numbers and times from text."""
        connection, types = self._table.connection, [column.type_name for column in columns]
        if not set(types) <= _BINARY_TYPES:
            insert_rows(OttFile, [column.name for column in columns], rows, using=connection.alias)
            return
        statement = f"COPY {FILES} ({', '.join(quoted(column.name) for column in columns)}) FROM STDIN (FORMAT BINARY)"
        with connection.wrap_database_errors, self._cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
