"""The file of an old archive: opened so that nothing in it or beside it changes, and its rows, cleaned. Knows nothing of our catalog.

Old archives differ in tables and columns; here every part has its names, the likeliest first. A value counts for a part when it is usable.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import text
from catalog.errors import ArchiveBusyError, ArchiveDamagedError, ArchiveEmptyError, ArchiveFileError, ArchiveNotDatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Value = str | int | float | bytes | None

OLD_ID_MAX = 255
LIST_MAX = 100  # names in one cell
_MAGIC = b"SQLite format 3\x00"
_JOURNAL_MODE_AT, _WAL_MODE = 18, 2  # sqlite.org/fileformat2.html, 1.3: the file format write version
_BUSY_S = 2.0
_PROSE_MAX = 100_000
_BLOB_MAX = 65_536
_FLAWS = re.compile(r" value in | constraint failed in ")  # of quick_check: what is wrong with values only
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")  # controls, and what turns text round

TABLES: dict[str, tuple[str, ...]] = {
    "catalogs": ("catalogs",),
    "series": ("series", "tournaments", "subcatalogs"),
    "contents": ("contents", "episodes", "events"),
    "files": ("files", "media_files"),
    "players": ("players",),
}
COLUMNS: dict[str, tuple[str, ...]] = {
    "path": ("nas_path", "file_path", "path", "full_path", "filepath"),
    "filename": ("filename", "file_name", "name"),
    "folder": ("folder_path", "parent_folder", "folder", "directory"),
    "size": ("size_bytes", "file_size", "file_size_bytes", "filesize", "size"),
    "title": ("title", "headline", "display_title", "episode_title", "name"),
    "file_title": ("title", "display_title", "episode_title"),  # a file's `name` is its file name
    "name": ("name", "name_display", "display_name", "title", "display_title", "name_en", "name_ko", "name_kr"),
    "name_ko": ("name_ko", "name_kr", "korean_name"),
    "name_en": ("name_en", "english_name"),
    "display_name": ("display_name", "name_display", "display_title", "title"),
    "slug": ("slug", "varchar_id"),
    "aliases": ("aliases", "alias", "nicknames", "nickname"),
    "country": ("country", "country_code", "nationality"),
    "year": ("year",),
    "description": ("description", "synopsis"),
    "part": ("part_number", "part", "part_no"),
    "tags": ("tags",),
    "players": ("players", "player_names"),
    "catalog": ("catalog_id", "catalog", "catalog_name"),
    "series": ("series_id", "tournament_id", "subcatalog_id", "series", "series_name"),
    "content": ("content_id", "event_id", "episode_id"),
    "file": ("file_id", "media_file_id", "legacy_file_id"),
    "player": ("player_id", "player_name", "name"),
    "tag": ("tag_id", "tag_name", "tag", "name"),
}
_SINGULAR = {"series": "series_id", "catalogs": "catalog_id", "media_files": "file_id"}


# --- values -----------------------------------------------------------------------------------------------------------
def one_line(value: Value, max_length: int) -> str:
    """A name or title out of whatever the cell holds: no controls, one line, cut to `max_length`."""
    return text.tidy(_UNSEEN.sub(" ", _words(value)))[:max_length].rstrip() if value else ""


def prose(value: Value) -> str:
    """A description: lines are kept, controls are not."""
    if not value:
        return ""
    return _UNSEEN.sub("", text.nfc(_words(value)).replace("\r\n", "\n").replace("\r", "\n"))[:_PROSE_MAX].strip()


def integer(value: Value) -> int | None:
    """A whole number, also from a text or a float that is one; None for everything else."""
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, str):
        digits = value.strip()
        return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None
    return value if isinstance(value, int) else None


def reference(value: Value) -> str:
    """An id as it is compared: 7, 7.0 and "7" are the same. "" for none."""
    number = integer(value)
    if number is not None:
        return str(number)
    words = value.hex() if isinstance(value, bytes) else _UNSEEN.sub("", _words(value)).strip()
    if len(words) <= OLD_ID_MAX:
        return words
    digest = hashlib.blake2b(words.encode(), digest_size=12).hexdigest()
    return f"{words[: OLD_ID_MAX - len(digest) - 1]}#{digest}"


def name_list(value: Value, max_length: int) -> list[str]:
    """Names in one cell, each once: a JSON list of texts or of {"name": ...}, or texts between commas, semicolons, bars or line ends."""
    if not value:
        return []
    words = _words(value)
    items: list[Any] = re.split(r"[,;|\n]", words)
    if words.lstrip().startswith("["):
        try:
            items = json.loads(words)
        except (ValueError, RecursionError):
            items = re.split(r"[,;|\n]", words.strip(" []"))
    names = (item.get("name") if isinstance(item, dict) else item for item in items[:LIST_MAX])
    return list(dict.fromkeys(filter(None, (one_line(name, max_length) for name in names if isinstance(name, str)))))


def _words(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return "" if value is None else str(value)


def _as_json(value: Value) -> Any:
    """`value` as both of our databases keep it in JSON."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()} if len(value) <= _BLOB_MAX else {"bytes": len(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.replace("\x00", "") if isinstance(value, str) else value


# --- rows -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class OldRow:
    """One row of an old table. `old_id` is unique in its table even where the table's own ids are not."""

    table: str
    old_id: str
    values: dict[str, Value]

    def get(self, part: str) -> Value:
        """The first value that is there for a part of COLUMNS."""
        for column in COLUMNS[part]:
            value = self.values.get(column)
            if value is not None and value not in ("", b""):
                return value
        return None

    def line(self, part: str, max_length: int) -> str:
        """The first value that is a usable name."""
        for column in COLUMNS[part]:
            if words := one_line(self.values.get(column), max_length):
                return words
        return ""

    def reference(self, part: str) -> str:
        """The id of another row; "" for none."""
        return reference(self.get(part))

    def as_json(self) -> dict[str, Any]:
        """All that is in it, for keeping."""
        return {column.replace("\x00", ""): _as_json(value) for column, value in self.values.items() if value is not None}


class OldArchive:
    """An open old archive. Made by `open_archive`."""

    def __init__(self, connection: sqlite3.Connection, name: str, digest: str) -> None:
        self.name = name
        self.digest = digest
        self._connection = connection
        self._tables = {row[0].lower(): row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def table(self, kind: str) -> str | None:
        """What the archive calls the table of this kind (of TABLES)."""
        return next((name for name in TABLES[kind] if name in self._tables), None)

    def count(self, kind: str) -> int:
        """Rows of that table."""
        with self._reading():
            table = self.table(kind)
            return self._connection.execute(f'SELECT count(*) FROM "{self._tables[table]}"').fetchone()[0] if table else 0  # noqa: S608

    def rows(self, kind: str) -> Iterator[OldRow]:
        """All rows of that table, in the same order each time; none where there is no such table."""
        table = self.table(kind)
        ids = ("id", _SINGULAR.get(table, f"{table[:-1]}_id"), *(["name"] if table == "players" else [])) if table else ()
        seen: set[str] = set()
        for number, values in enumerate(self.raw_rows(table or "")):
            old_id = next(filter(None, (reference(values.get(column)) for column in ids)), f"row {number}")
            if old_id in seen:
                old_id = reference(f"{old_id} row {number}")
            seen.add(old_id)
            yield OldRow(table or "", old_id, values)

    def raw_rows(self, table: str) -> Iterator[dict[str, Value]]:
        """The rows of any table of that name, by lower-case column; none where there is no such table."""
        if table not in self._tables:
            return
        with self._reading():
            cursor = self._connection.execute(f'SELECT * FROM "{self._tables[table]}"')  # noqa: S608  (a name we asked for)
            columns = [column[0].lower() for column in cursor.description]
            for row in cursor:
                yield dict(zip(columns, row, strict=True))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _translated(error, self.name) from error


# --- the file ---------------------------------------------------------------------------------------------------------
@contextmanager
def open_archive(path: Path) -> Iterator[OldArchive]:
    """An old archive, for reading. An ArchiveFileError says why not.

    A database in WAL mode is opened as immutable, because SQLite otherwise makes files beside it. Where a log with changes lies beside it,
    a private copy of both is read instead.
    """
    name, path = path.name.encode(errors="replace").decode()[:OLD_ID_MAX], path.resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="mam-archive-") as private, _opened(path, Path(private), name) as archive:
            yield archive
    except sqlite3.Error as error:
        raise _translated(error, name) from error


@contextmanager
def _opened(path: Path, private: Path, name: str) -> Iterator[OldArchive]:
    log = path.with_name(f"{path.name}-wal")
    try:
        with path.open("rb") as file:
            head = file.read(100)
        if not head.startswith(_MAGIC):
            raise ArchiveNotDatabaseError(name=name)
        has_log = log.is_file() and log.stat().st_size > 0
        digest = _digest([path, log] if has_log else [path])
        read = _copy([path, log], private, name) if has_log else path
    except OSError as error:
        raise ArchiveFileError(name=name, detail=error.strerror or str(error)) from error
    is_immutable = head[_JOURNAL_MODE_AT] == _WAL_MODE and not has_log
    uri = f"{read.as_uri()}?mode=ro{'&immutable=1' if is_immutable else ''}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("BEGIN")  # one state of it to the end
        _check(connection, name)
        archive = OldArchive(connection, name, digest)
        if not any(map(archive.table, TABLES)):
            raise ArchiveEmptyError(name=name, tables=", ".join(TABLES))
        yield archive


def _digest(paths: list[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _copy(paths: list[Path], private: Path, name: str) -> Path:
    """Copies with the same names; the first one. ArchiveBusyError when somebody wrote meanwhile."""
    before = [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    for number, path in enumerate(paths):
        shutil.copyfile(path, private / f"archive.db{'-wal' if number else ''}")
    if before != [(path.stat().st_size, path.stat().st_mtime_ns) for path in paths]:
        raise ArchiveBusyError(name=name)
    return private / "archive.db"


def _check(connection: sqlite3.Connection, name: str) -> None:
    """ArchiveDamagedError before anything is taken over, rather than in the midst of it."""
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
    damage = [line for line in found if line != "ok" and not _FLAWS.search(line)]
    if damage:
        raise ArchiveDamagedError(name=name, detail=one_line(damage[0], 200))


def _translated(error: sqlite3.Error, name: str) -> ArchiveFileError:
    code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return ArchiveNotDatabaseError(name=name)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL}:
        return ArchiveBusyError(name=name)
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return ArchiveFileError(name=name, detail=str(error))
    return ArchiveDamagedError(name=name, detail=str(error))
