"""The table of files of a target: how its rows are read, found and told apart, in SQL of its own columns. Writes nothing."""

from __future__ import annotations

import hashlib
import json
import marshal
import re
import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from django.db import transaction

from mam.lib.bulk import chunks
from sync.targets.base import READ_ROWS, TargetFile
from sync.targets.database.layout import FILES
from sync.targets.rows import DELETED, PARTS, file_of, spellings, values_of, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

    from sync.targets.base import FileFields
    from sync.targets.database.layout import Column, Layout

_READ = ("path", "size", "extension", "codec", "resolution", "width", "height", "duration_s", "hls", "content", "status", "deleted_at")
_ZERO_MAY_BE_NOTHING = ("width", "height", "duration_s", "duration_ms")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_HASHED_AT_ONCE = 1_000
_COPY = "mam_reading"


def readable(raw: bytes) -> str:
    """SQLite: text as it is, whatever bytes it has; those that are no UTF-8 are found by `file_of`."""
    return raw.decode("utf-8", "surrogateescape")


class FilesTable:
    """Reads the rows of a `Layout` on an open connection."""

    def __init__(self, connection: BaseDatabaseWrapper, layout: Layout) -> None:
        self.connection = connection
        self.layout = layout
        self.is_sqlite = connection.vendor == "sqlite"
        self._sequence: str | Literal[False] | None = None if self.is_sqlite else False
        self.key = quoted(layout.key.name)
        self.path = quoted(layout.columns["path"].name)
        self.adapters = {
            part: adapter(column, part, is_sqlite=self.is_sqlite) for part, column in layout.columns.items() if not column.is_generated
        }
        self.parts = [part for part in PARTS if part in self.adapters]
        self._pick = itemgetter(*map(PARTS.index, self.parts))
        self._to_adapt = [(at, adapt) for at, part in enumerate(self.parts) if (adapt := self.adapters[part]) is not _as_it_is]
        self._file = _file_that_may_have_given_up if layout.has_unique_paths else file_of
        self._list = ", ".join([self._key_expression(), *(self._expression(part) for part in _READ)])

    # --- values -------------------------------------------------------------------------------------------------------
    def key_value(self, remote_id: str) -> int | str | None:
        """An id as the database has it; None for one that cannot be there."""
        if not self.layout.has_number_ids:
            is_possible = _is_uuid(remote_id) if self.layout.key.type_name == "uuid" else "\x00" not in remote_id
            return remote_id if is_possible else None
        number = whole(remote_id.removeprefix("-"))
        if number is None:
            return None
        number = -number if remote_id.startswith("-") else number
        return number if str(number) == remote_id else None

    def stored(self, fields: FileFields) -> Sequence[Any]:
        """What this table keeps of a file: values of `self.parts`, as their columns want them."""
        values: tuple[Any, ...] = self._pick(values_of(fields))
        if not self._to_adapt:  # a table as we make it
            return values
        adapted = list(values)
        for at, adapt in self._to_adapt:
            adapted[at] = adapt(adapted[at])
        return adapted

    def as_kept(self, file: TargetFile) -> TargetFile:
        """What this table gives back of a row that it was given: it may have no place for some of it."""
        kept = dict(zip(self.parts, self.stored(file.fields), strict=True))
        for part in _ZERO_MAY_BE_NOTHING:
            if not kept.get(part) and self._zero_is_nothing(part):
                kept[part] = None
        if kept.get("duration_ms") is not None:
            kept["duration_s"] = int(kept["duration_ms"]) / 1000
        values = {part: kept.get(part) for part in _READ[:10]}
        return file_of(file.remote_id, **values, status=DELETED if file.is_deleted else None)

    # --- SQL ----------------------------------------------------------------------------------------------------------
    def _key_expression(self) -> str:
        """SQLite lets a key be NULL, or text among numbers, unless it is the row's number. Such a one comes as bytes, which are no id."""
        key = self.layout.key
        if not self.is_sqlite:
            return self.key if self.layout.has_number_ids else f"{self.key}::text"
        if key.is_key and key.sql_type.upper() == "INTEGER":
            return f"+{self.key}"
        odd = f"CAST({f'COALESCE({self.key}, rowid)' if key.is_nullable else self.key} AS blob)"
        return f"CASE WHEN typeof({self.key}) = '{key.kind}' THEN {self.key} ELSE {odd} END"

    def _expression(self, part: str) -> str:
        """A column without what drivers make of its declared type; NULL where there is none."""
        if part == "duration_s" and "duration_ms" in self.layout.columns:  # the other column may keep whole seconds
            exact, other = f"{self._plain('duration_ms')} / 1000.0", self._plain(part)
            return f"COALESCE({exact}, {other})" if self.is_sqlite else f"COALESCE(({exact})::text, ({other})::text)"
        return self._plain(part)

    def _plain(self, part: str) -> str:
        column = self.layout.columns.get(part)
        if column is None:
            return "NULL"
        name = quoted(column.name)
        if self._zero_is_nothing(part):
            return f"NULLIF({name}, 0)"
        if self.is_sqlite:
            return f"+{name}"
        return name if column.kind in {"integer", "real", "boolean"} else f"{name}::text"

    def _zero_is_nothing(self, part: str) -> bool:
        """What may not be NULL is 0 where it is not known."""
        column = self.layout.columns.get(part)
        return part in _ZERO_MAY_BE_NOTHING and column is not None and not column.is_nullable and column.kind in {"integer", "real"}

    def _select(self, rest: str) -> str:
        return f"SELECT {self._list} FROM {FILES} {rest}"  # noqa: S608  (names that the database itself gave, quoted)

    def among(self, column: Column, values: Sequence[Any]) -> tuple[str, Any]:
        """A condition: the column is one of `values`; and its one parameter."""
        if self.is_sqlite:
            return f"{quoted(column.name)} IN (SELECT value FROM json_each(%s))", json.dumps(values)  # noqa: S608  (as above)
        # psycopg takes longer for a list than the server for JSON.
        return f"{quoted(column.name)} = ANY(ARRAY(SELECT json_array_elements_text(%s))::{column.cast}[])", json.dumps(values)

    def sequence(self, cursor: CursorWrapper) -> str | None:
        """PostgreSQL: what gives other programs the numbers of their rows, as SQL. Asked for once."""
        if self._sequence is False:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [FILES, self.layout.key.name])
            named = re.fullmatch(r"nextval\('(.+)'::regclass\)", self.layout.key.default or "")
            self._sequence = cursor.fetchone()[0] or (named[1] if named else None)
        return self._sequence

    # --- reading ------------------------------------------------------------------------------------------------------
    def batches(self) -> Iterator[list[TargetFile]]:
        """All rows as they are at one moment."""
        with self._rows_of_sqlite() if self.is_sqlite else self._rows_of_postgresql() as cursor:
            while rows := cursor.fetchmany(READ_ROWS):
                yield [self._file(*row) for row in rows]

    @contextmanager
    def _rows_of_postgresql(self) -> Iterator[CursorWrapper]:
        """By a cursor on the server, which has to be in a transaction."""
        with transaction.atomic(using=self.connection.alias), self.connection.chunked_cursor() as cursor:
            cursor.execute(self._in_order())
            yield cursor

    @contextmanager
    def _rows_of_sqlite(self) -> Iterator[CursorWrapper]:
        """By a reading that keeps nobody from writing.

        With a write-ahead log that is how it is. Without one writers would wait for the last row: a private copy is read, made in a second.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode")
            if cursor.fetchone() == ("wal",):
                cursor.execute(self._in_order())
                yield cursor
                return
            cursor.execute(f"DROP TABLE IF EXISTS temp.{_COPY}")  # of a reading that was broken off
            cursor.execute(f"CREATE TEMP TABLE {_COPY} AS {self._in_order()}")
            cursor.execute(f"SELECT * FROM temp.{_COPY} ORDER BY rowid")  # noqa: S608  (a name of ours)
            yield cursor
            cursor.execute(f"DROP TABLE temp.{_COPY}")

    def _in_order(self) -> str:
        return self._select(f"ORDER BY {self.key}")

    def by_ids(self, cursor: CursorWrapper, remote_ids: Iterable[str]) -> dict[str, TargetFile]:
        """Those that exist."""
        found: dict[str, TargetFile] = {}
        for part in chunks(key for key in map(self.key_value, remote_ids) if key is not None):
            condition, value = self.among(self.layout.key, part)
            cursor.execute(self._select(f"WHERE {condition}"), [value])
            found |= {file.remote_id: file for file in (self._file(*row) for row in cursor.fetchall())}
        return found

    def by_paths(self, cursor: CursorWrapper, paths: Iterable[str]) -> Iterator[TargetFile]:
        """All rows with these paths (NFC), however they are spelt in the table."""
        for part in chunks(paths):
            wanted = set(part)
            condition, value = self.among(self.layout.columns["path"], spellings(part))
            cursor.execute(self._select(f"WHERE {condition}"), [value])
            yield from (file for file in (self._file(*row) for row in cursor.fetchall()) if file.fields.path in wanted)

    def holders(self, cursor: CursorWrapper, paths: Iterable[str]) -> dict[str, TargetFile]:
        """The rows with exactly these paths, where no two may have the same; by path."""
        found: dict[str, TargetFile] = {}
        for part in chunks(paths):
            condition, value = self.among(self.layout.columns["path"], part)
            cursor.execute(self._select(f"WHERE {condition}"), [value])
            found |= {row[1]: self._file(*row) for row in cursor.fetchall()}
        return found

    @staticmethod
    def given_up(path: str, remote_id: str) -> str:
        """Where paths are unique: how a row marked as deleted is called there once another row has its path. Read, it is its own again."""
        return f"{path}{_gave_up(remote_id)}"

    def fingerprint(self) -> str:
        """A digest of all that `batches` gives, as it is stored.

        SQLite: of the rows in the order of their ids. PostgreSQL: the sum of digests of the rows, which it makes itself.
        """
        names = hashlib.blake2b(self._list.encode(), digest_size=8).hexdigest()
        return f"1:{names}:{self._sqlite_digest() if self.is_sqlite else self._postgresql_digest()}"

    def _sqlite_digest(self) -> str:
        digest, count = hashlib.blake2b(digest_size=16), 0
        raw = self.connection.connection
        raw.text_factory = bytes  # bytes that are no UTF-8 count too, and nothing has to be decoded
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(self._in_order())
                while rows := cursor.fetchmany(_HASHED_AT_ONCE):
                    digest.update(marshal.dumps(rows, 0))  # version 0: equal values have equal bytes
                    count += len(rows)
        finally:
            raw.text_factory = readable
        return f"{count}:{digest.hexdigest()}"

    def _postgresql_digest(self) -> str:
        """128 bits, of two hashes of each row; MD5 would take three times as long."""
        sums = ", ".join(f"COALESCE(sum(hashtextextended(row, {seed})), 0)" for seed in (0, 1))
        rows = f"SELECT ROW({self._list})::text AS row FROM {FILES} OFFSET 0"  # noqa: S608  (as above; OFFSET: each row is made once)
        with self.connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*), {sums} FROM ({rows}) AS rows")  # noqa: S608
            return ":".join(map(str, cursor.fetchone()))


def _gave_up(remote_id: str) -> str:
    return f" (deleted {remote_id})"


def _file_that_may_have_given_up(*row: Any) -> TargetFile:
    file = file_of(*row)
    mark = _gave_up(file.remote_id)
    if file.is_deleted and file.fields.path.endswith(mark):
        return replace(file, fields=replace(file.fields, path=file.fields.path.removesuffix(mark)))
    return file


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def quoted(name: str) -> str:
    """A name in SQL, whatever is in it; with parameters beside it."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


# --- values as a column wants them ------------------------------------------------------------------------------------
_KINDS = {  # of the columns that we make
    **dict.fromkeys(("path", "filename", "extension", "codec", "resolution", "content"), "text"),
    **dict.fromkeys(("size", "width", "height", "duration_ms"), "integer"),
    "duration_s": "real",
    "hls": "boolean",
}
_ALWAYS_KNOWN = {"path", "filename", "size", "hls"}


def adapter(column: Column, part: str, *, is_sqlite: bool) -> Callable[[Any], Any]:
    """Makes a value of ours one of the column's. What is not known becomes NULL, or what stands for it where NULL may not be."""
    if column.kind == _KINDS.get(part) and (part in _ALWAYS_KNOWN or column.is_nullable != (column.kind == "text")):
        return _as_it_is
    kinds: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "text": ("", _as_text),
        "integer": (0, _as_integer),
        "real": (0, _as_real),
        "boolean": (False, bool),
        "time": ("" if is_sqlite else _NEVER, partial(_as_time, is_sqlite=is_sqlite, has_zone="with time zone" in column.sql_type)),
    }
    nothing, convert = kinds[column.kind]
    empty = None if column.is_nullable else nothing

    def adapt(value: Any) -> Any:
        made = None if value is None or value == "" else convert(value)
        return empty if made is None else made

    return adapt


def _as_it_is(value: Any) -> Any:
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return str(_as_time(value, is_sqlite=True, has_zone=False))
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _as_integer(value: Any) -> int | None:
    if isinstance(value, datetime):
        return int(value.timestamp())
    return round(value) if isinstance(value, float) else whole(value)


def _as_real(value: Any) -> float | int | None:
    if isinstance(value, datetime):
        return value.timestamp()
    return value if isinstance(value, float) else whole(value)


def _as_time(value: datetime, *, is_sqlite: bool, has_zone: bool) -> Any:
    """Without a zone it is UTC, and SQLite's times are texts: both as Django keeps them."""
    if has_zone and not is_sqlite:
        return value
    plain = value.astimezone(UTC).replace(tzinfo=None)
    return str(plain) if is_sqlite else plain
