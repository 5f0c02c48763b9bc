"""The file of an SQLite target, looked at so that nothing in it or beside it changes, before anything opens it that could."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from sync.errors import TargetBusyError, TargetError, TargetNotDatabaseError, TargetUnreachableError

_MAGIC = b"SQLite format 3\x00"
_JOURNAL_MODE_AT, _WAL_MODE = 18, 2  # sqlite.org/fileformat2.html, 1.3: the file format write version
_BUSY_S = 2.0
_LOGS = ("-wal", "-journal")
# A view or a virtual table of the name is no table.
_TABLES = "SELECT lower(name), type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' FROM sqlite_master WHERE type IN ('table', 'view')"

Identity = tuple[int, int]


def identity(path: Path) -> Identity | None:
    """Device and inode; None when there is no such file. A connection goes on with a file that was put away or replaced: this tells."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def size_bytes(path: Path) -> int | None:
    """Of the file and its log; None when there is no such file, or nobody may look."""
    try:
        return path.stat().st_size + _size(path, "-wal")
    except OSError:
        return None


def tables(path: Path) -> dict[str, bool] | None:
    """Tables and views in the file, by name in lower case: whether it is a plain table. Empty for an empty file, None when there is none.

    TargetNotDatabaseError, TargetBusyError, TargetUnreachableError.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TargetUnreachableError(target=path.name, detail=error.strerror or str(error)) from error
    if not head:
        return {}
    if not head.startswith(_MAGIC):
        raise TargetNotDatabaseError(target=path.name)
    try:
        return _read(path, is_wal=head[_JOURNAL_MODE_AT] == _WAL_MODE)
    except sqlite3.Error as error:
        raise _translated(error, path.name) from error
    except OSError as error:
        raise TargetUnreachableError(target=path.name, detail=error.strerror or str(error)) from error


def _read(path: Path, *, is_wal: bool) -> dict[str, bool]:
    """A log whose changes are not in the file yet is read in a private copy: SQLite would bring it into the file, or make another one."""
    has_log = any(_size(path, suffix) for suffix in _LOGS)
    if not has_log:
        return _tables(path, "mode=ro&immutable=1" if is_wal else "mode=ro")
    if not is_wal or _size(path, "-shm"):  # somebody is at work: his files are there, and serve us too
        try:
            return _tables(path, "mode=ro")
        except sqlite3.OperationalError as error:
            if _code(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
                raise
    with tempfile.TemporaryDirectory(prefix="mam-ott-") as private:
        copy = Path(private) / "ott.db"
        for suffix in ("", *_LOGS):
            if _size(path, suffix):
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        return _tables(copy, "mode=rw")


def _size(path: Path, suffix: str) -> int:
    log = path.with_name(path.name + suffix)
    return log.stat().st_size if log.is_file() else 0


def _tables(path: Path, options: str) -> dict[str, bool]:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True, timeout=_BUSY_S)) as connection:
        connection.execute("PRAGMA trusted_schema = OFF")
        return {name: bool(is_table) for name, is_table in connection.execute(_TABLES) if not name.startswith("sqlite_")}


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_CORRUPT) & 0xFF


def _translated(error: sqlite3.Error, name: str) -> TargetError:
    if _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}:
        return TargetBusyError(target=name)
    if _code(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT}:
        return TargetNotDatabaseError(target=name)
    return TargetUnreachableError(target=name, detail=str(error))
