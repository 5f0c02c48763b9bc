"""What the table of files is like in a database that may be another program's: which column holds what, what is missing or in the way.

Nothing here changes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sync.errors import TargetColumnDemandedError, TargetColumnMissingError
from sync.targets.rows import ACTIVE, DELETED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

FILES = "files"
# Part of a row -> the names that its column may have, the likeliest first; the first is ours.
NAMES: dict[str, tuple[str, ...]] = {
    "path": ("nas_path", "file_path", "path", "full_path", "filepath"),
    "filename": ("filename", "file_name", "name"),
    "size": ("size_bytes", "file_size", "file_size_bytes", "filesize", "size"),
    "extension": ("extension", "file_extension", "file_ext", "ext"),
    "codec": ("codec", "video_codec", "codec_name"),
    "resolution": ("resolution",),
    "width": ("width_px", "width", "video_width"),
    "height": ("height_px", "height", "video_height"),
    "duration_s": ("duration_sec", "duration_seconds", "duration_s", "duration"),
    "duration_ms": ("duration_ms", "duration_millis"),
    "hls": ("hls_compatible", "is_hls_compatible", "hls_ready", "is_hls"),
    "content": ("content_id",),
    "status": ("status",),
    "deleted_at": ("deleted_at",),
    "created_at": ("created_at", "created", "added_at"),
    "updated_at": ("updated_at", "updated", "modified_at"),
}
# Kinds of columns that a part can be kept in; a column of another kind is another thing of the same name.
_TEXT, _NUMBERS, _TIMES = {"text"}, {"integer", "real", "text"}, {"time", "integer", "real", "text"}
_FITS: dict[str, set[str]] = {
    **dict.fromkeys(("path", "filename", "extension", "codec", "resolution", "status"), _TEXT),
    **dict.fromkeys(("size", "width", "height", "duration_s"), _NUMBERS),
    **dict.fromkeys(("deleted_at", "created_at", "updated_at"), _TIMES),
    "duration_ms": {"integer", "real"},
    "hls": {"boolean", "integer", "real", "text"},
    "content": {"text", "integer"},
}
# Parts that are added where they are missing, with their types on SQLite (those that strict tables know) and PostgreSQL.
ADDED: dict[str, tuple[str, str]] = {
    "filename": ("text", "text"),
    "size": ("integer", "bigint"),
    "extension": ("text", "text"),
    "codec": ("text", "text"),
    "resolution": ("text", "text"),
    "duration_s": ("real", "double precision"),
    "duration_ms": ("integer", "bigint"),
    "hls": ("integer", "boolean"),
    "content": ("text", "text"),
    "status": (f"text NOT NULL DEFAULT '{ACTIVE}'",) * 2,
    "deleted_at": ("text", "timestamptz"),
    "created_at": ("text", "timestamptz"),
    "updated_at": ("text", "timestamptz"),
}
_UUID_CHARACTERS = 36


class Column(NamedTuple):
    """A column of a table. `kind`: "integer", "real", "boolean", "time", "text", or "other"."""

    name: str
    kind: str
    sql_type: str  # as the database writes it
    type_name: str  # PostgreSQL: of the type alone
    is_nullable: bool
    default: str | None  # as SQL
    is_generated: bool
    max_length: int | None
    is_key: bool  # alone the primary key

    @property
    def cast(self) -> str:
        """PostgreSQL: the type that values given as text are cast to. Not to a shorter text: that would cut them without a word."""
        return "text" if self.type_name in {"varchar", "bpchar"} else self.sql_type


class Index(NamedTuple):
    """An index over whole rows: the names of its columns."""

    columns: tuple[str, ...]
    is_unique: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files of a target are kept. `columns`: part -> column; `names`: of all columns, in lower case."""

    key: Column
    columns: Mapping[str, Column]
    names: frozenset[str]
    has_unique_paths: bool
    has_path_index: bool
    active: str  # the word for what is not deleted
    keeps_works: bool = True

    @property
    def missing(self) -> list[str]:
        """Parts that have to be added, but those that another thing of the name is in the way of."""
        there = set(self.columns)
        if {"width", "height"} <= there:
            there.add("resolution")
        duration = self.columns.get("duration_s")
        if "duration_ms" in there:
            there.add("duration_s")
        elif duration is None or duration.kind != "integer":  # whole seconds are not all that we know of a file
            there.add("duration_ms")
        if not self.keeps_works:
            there.add("content")
        return [part for part in ADDED if part not in there and NAMES[part][0] not in self.names]

    @property
    def has_number_ids(self) -> bool:
        """Whether ids are numbers, one after the other; else they are texts."""
        return self.key.kind == "integer"


def without_content(layout: Layout) -> Layout:
    """One whose works, and so whose content ids, are another program's."""
    return replace(layout, columns={part: column for part, column in layout.columns.items() if part != "content"}, keeps_works=False)


def read_layout(connection: BaseDatabaseWrapper, target: str) -> Layout:
    """The layout of the table of files. TargetColumnMissingError, TargetColumnDemandedError: it cannot serve as one (`target`: whose)."""
    with connection.cursor() as cursor:
        columns = read_columns(cursor, FILES)
        indexes = _indexes(cursor, FILES)
    key, chosen = _key(columns, indexes), _chosen(columns)
    names = frozenset(column.name.lower() for column in columns)
    if key is None:
        raise TargetColumnMissingError(target=target, column="id")
    if "path" not in chosen or chosen["path"].is_generated:
        raise TargetColumnMissingError(target=target, column=NAMES["path"][0])
    if "status" in names and ("status" not in chosen or chosen["status"].is_generated):  # one of another kind is in the way
        raise TargetColumnMissingError(target=target, column="status")
    ours = {key.name, *(column.name for column in chosen.values())}
    for column in columns:
        if column.name not in ours and _is_demanded(column):
            raise TargetColumnDemandedError(target=target, column=column.name)
    path = chosen["path"].name
    return Layout(
        key=key,
        columns=chosen,
        names=names,
        has_unique_paths=any(index.is_unique and index.columns == (path,) for index in indexes),
        has_path_index=any(index.columns[:1] == (path,) for index in indexes),
        active=_active_word(chosen.get("status")),
    )


def tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of tables and views."""
    with connection.cursor() as cursor:
        return {name.lower() for name in connection.introspection.table_names(cursor, include_views=True)}


def has_columns(cursor: CursorWrapper, table: str, names: Iterable[str], *, key: str) -> bool:
    """Whether all of these are there with `key` as the primary key, a text, and nothing else that a new row would have to have."""
    found = {column.name.lower(): column for column in read_columns(cursor, table)}
    if not set(names) <= set(found) or not found[key].is_key or found[key].kind != "text":
        return False
    return not any(_is_demanded(column) for name, column in found.items() if name not in set(names))


def _key(columns: list[Column], indexes: list[Index]) -> Column | None:
    """The primary key, or what serves as one, of a type that we can make ids of."""
    unique = {index.columns[0] for index in indexes if index.is_unique and len(index.columns) == 1}
    named_id = (column for column in columns if column.name.lower() == "id" and column.name in unique)
    found = next((column for column in columns if column.is_key), None) or next(named_id, None)
    if found is None or not re.fullmatch(r"\w+", found.name):
        return None
    has_room = found.max_length is None or found.max_length >= _UUID_CHARACTERS
    return found if found.kind == "integer" or (found.kind == "text" and has_room) else None


def _chosen(columns: list[Column]) -> dict[str, Column]:
    by_name = {column.name.lower(): column for column in columns if not column.is_key}
    fitting = (
        (part, (by_name[name] for name in names if name in by_name and by_name[name].kind in _FITS[part])) for part, names in NAMES.items()
    )
    return {part: column for part, found in fitting if (column := next(found, None)) is not None}


def _is_demanded(column: Column) -> bool:
    return not (column.is_nullable or column.default is not None or column.is_generated or column.is_key)


def _active_word(status: Column | None) -> str:
    """What the database itself says of a new row, if it says anything."""
    word = (status.default or "").strip("()").partition("::")[0] if status else ""
    word = word[1:-1].replace("''", "'") if len(word) > 2 and word[0] == word[-1] == "'" else ""
    return word if word and word.lower() != DELETED else ACTIVE


# --- what the databases say -------------------------------------------------------------------------------------------
def read_columns(cursor: CursorWrapper, table: str) -> list[Column]:
    """The columns of a table, in their order; none when there is no such table."""
    return _columns_sqlite(cursor, table) if cursor.db.vendor == "sqlite" else _columns_postgresql(cursor, table)


def _columns_sqlite(cursor: CursorWrapper, table: str) -> list[Column]:
    cursor.execute('SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(%s) ORDER BY cid', [table])
    rows = cursor.fetchall()
    keys = sum(1 for row in rows if row[4])
    return [
        Column(
            name=name,
            kind=_sqlite_kind(declared),
            sql_type=declared,
            type_name="",
            is_nullable=not is_not_null,
            default=None if default is None or default.upper() == "NULL" else default,
            is_generated=hidden != 0,
            max_length=None,
            is_key=bool(key) and keys == 1,
        )
        for name, declared, is_not_null, default, key, hidden in rows
    ]


def _sqlite_kind(declared: str) -> str:
    """sqlite.org/datatype3.html, 3.1, with what Django and people call times and yes or no."""
    words = declared.upper()
    for kind, signs in {
        "integer": ("INT",),
        "text": ("CHAR", "CLOB", "TEXT", "UUID"),
        "boolean": ("BOOL",),
        "time": ("DATE", "TIME"),
        "real": ("REAL", "FLOA", "DOUB", "NUM", "DEC"),
    }.items():
        if any(sign in words for sign in signs):
            return kind
    return "text"


_COLUMNS_OF = """
SELECT a.attname, t.typcategory, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '',
    a.attgenerated <> '', CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END,
    EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
    t.typname
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_KINDS = {"S": "text", "E": "text", "B": "boolean", "D": "time"}  # typcategory
_KINDS_BY_NAME = {
    **dict.fromkeys(("int2", "int4", "int8"), "integer"),
    **dict.fromkeys(("float4", "float8", "numeric"), "real"),
    "uuid": "text",
    "time": "other",
    "timetz": "other",
}


def _columns_postgresql(cursor: CursorWrapper, table: str) -> list[Column]:
    cursor.execute(_COLUMNS_OF, [table])
    return [
        Column(
            name=name,
            kind=_KINDS_BY_NAME.get(type_name) or _KINDS.get(category, "other"),
            sql_type=sql_type,
            type_name=type_name,
            is_nullable=not is_not_null,
            default="identity" if is_identity else default,
            is_generated=is_generated,
            max_length=max_length,
            is_key=is_key,
        )
        for name, category, sql_type, is_not_null, default, is_identity, is_generated, max_length, is_key, type_name in cursor.fetchall()
    ]


def _indexes(cursor: CursorWrapper, table: str) -> list[Index]:
    if cursor.db.vendor == "sqlite":
        return _indexes_sqlite(cursor, table)
    cursor.execute(
        "SELECT i.indisunique, (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k (number, n)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE k.n <= i.indnkeyatts)"
        " FROM pg_index i WHERE i.indrelid = to_regclass(%s) AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid",
        [table],
    )
    return [Index(tuple(columns), is_unique) for is_unique, columns in cursor.fetchall()]


def _indexes_sqlite(cursor: CursorWrapper, table: str) -> list[Index]:
    cursor.execute('SELECT name, "unique" FROM pragma_index_list(%s) WHERE NOT partial', [table])
    found: list[tuple[Any, ...]] = cursor.fetchall()
    indexes = []
    for name, is_unique in found:
        cursor.execute("SELECT name FROM pragma_index_info(%s) ORDER BY seqno", [name])
        columns = tuple(column for (column,) in cursor.fetchall())
        if None not in columns:  # an expression
            indexes.append(Index(columns, bool(is_unique)))
    return indexes
