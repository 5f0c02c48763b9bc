"""What the drivers of databases raise, as errors of ours."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import psycopg

from sync.errors import (
    TargetAccessError,
    TargetBusyError,
    TargetError,
    TargetFullError,
    TargetNotDatabaseError,
    TargetReadOnlyError,
    TargetRefusedError,
    TargetTableError,
    TargetUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from django.db import Error

_DETAIL_MAX = 300
# sqlite.org/rescode.html; the low byte of an extended code is the primary one.
_SQLITE: Mapping[int, type[TargetError]] = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL), TargetBusyError),
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH), TargetReadOnlyError),
    **dict.fromkeys((sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT), TargetNotDatabaseError),
    **dict.fromkeys((sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG), TargetRefusedError),
    sqlite3.SQLITE_FULL: TargetFullError,
    sqlite3.SQLITE_ERROR: TargetTableError,  # a table or a column that was there is not
}
# PostgreSQL manual, appendix A: a whole code, or its class (two characters). The longest that fits counts.
_POSTGRESQL: Mapping[str, type[TargetError]] = {
    "22": TargetRefusedError,
    "23": TargetRefusedError,
    "25006": TargetReadOnlyError,  # read_only_sql_transaction
    "28": TargetAccessError,
    "40": TargetBusyError,  # serialization_failure, deadlock_detected
    "42": TargetTableError,
    "42501": TargetReadOnlyError,  # insufficient_privilege
    "53100": TargetFullError,  # disk_full
    "54": TargetRefusedError,  # program_limit_exceeded: an index entry that is too long
    "55P03": TargetBusyError,  # lock_not_available
    "57014": TargetBusyError,  # query_canceled, by a time limit
    "P0001": TargetRefusedError,  # raised by a trigger
}


def translated(error: Error, *, target: str, path: Path | None) -> TargetError:
    """The error of ours that tells a reader what to do. `path`: of an SQLite file."""
    cause = error.__cause__
    detail = " ".join(str(cause or error).split())[:_DETAIL_MAX]
    kind: type[TargetError] = TargetUnreachableError
    if isinstance(cause, sqlite3.Error):
        kind = _of_sqlite(cause, path)
    elif isinstance(cause, psycopg.Error):
        kind = _of_postgresql(cause)
    return kind(target=target, detail=detail)


def _of_sqlite(error: sqlite3.Error, path: Path | None) -> type[TargetError]:
    extended = getattr(error, "sqlite_errorcode", None)
    if extended is None:  # raised by Python's module itself: the connection is closed, a value has no type
        return TargetRefusedError if isinstance(error, sqlite3.DataError | sqlite3.InterfaceError) else TargetUnreachableError
    if extended & 0xFF == sqlite3.SQLITE_CANTOPEN and path is not None and path.exists() and not os.access(path.parent, os.W_OK):
        return TargetReadOnlyError  # its journal would have to lie beside it
    if extended == sqlite3.SQLITE_READONLY_DBMOVED:
        return TargetUnreachableError
    return _SQLITE.get(extended & 0xFF, TargetUnreachableError)


def _of_postgresql(error: psycopg.Error) -> type[TargetError]:
    state = error.sqlstate
    if not state:  # no answer, or none to the login
        return TargetAccessError if _is_refused_login(error) else TargetUnreachableError
    return next((_POSTGRESQL[code] for code in (state, state[:2]) if code in _POSTGRESQL), TargetUnreachableError)


def _is_refused_login(error: psycopg.Error) -> bool:
    """libpq tells the code of a login that failed to nobody, only its words; these are of the server's language, English as a rule."""
    words = str(error)
    return "password authentication failed" in words or "no password supplied" in words or ("role " in words and "does not exist" in words)
