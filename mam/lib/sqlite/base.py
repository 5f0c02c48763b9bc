"""Django's SQLite, but a connection that is closed is kept for who opens the next one, in whatever thread: what psycopg's pool is there.

Under ASGI each request has a thread of its own, so Django opens a connection for each. The first statement on a new one reads the whole
schema, 3.5 ms with our triggers, and finds nothing in its cache.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from django.db.backends.sqlite3 import base

if TYPE_CHECKING:
    import sqlite3

KEPT = 4  # idle connections of a file: as many as are often in use at once
KEPT_S = 600  # after it was opened: what ANALYZE has found since is known to new ones alone

Identity = tuple[int, int]  # of a file: device, inode
Kept = tuple[Identity, float, "sqlite3.Connection"]  # which file, since when, and what


class DatabaseWrapper(base.DatabaseWrapper):
    """Keeps connections to files; in memory nothing is closed anyway."""

    _connection_pools: ClassVar[dict[str, list[Kept]]] = {}  # by path
    _pools_lock: ClassVar = threading.Lock()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._identity: Identity | None = None  # of the file that is open
        self._since = 0.0
        self._cursors: WeakSet[Any] = WeakSet()

    @property
    def _path(self) -> str:
        return str(self.settings_dict["NAME"])

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """One that was kept, if the file is still the same; else a new one."""
        self._identity = _identity(self._path)
        self._cursors.clear()
        while kept := self._take():
            identity, self._since, connection = kept
            if identity == self._identity and time.monotonic() - self._since < KEPT_S:
                connection.execute("PRAGMA foreign_keys = ON")  # whoever had it may have turned them off
                return connection
            connection.close()
        self._since = time.monotonic()
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        """As Django's; remembered, for one that is not read to its end keeps the connection in the past."""
        cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    def close_pool(self) -> None:
        """Close what is kept, as PostgreSQL's `close_pool`."""
        while kept := self._take():
            kept[-1].close()

    def _close(self) -> None:
        connection = self.connection
        if connection is None or self._identity is None or connection.in_transaction or self.errors_occurred or self.is_in_memory_db():
            super()._close()  # type: ignore[misc]  # left out of the stubs
            return
        for cursor in list(self._cursors):
            cursor.close()
        with self._pools_lock:
            pool = self._connection_pools.setdefault(self._path, [])
            if len(pool) < KEPT:
                pool.append((self._identity, self._since, connection))
                return
        super()._close()  # type: ignore[misc]  # left out of the stubs

    def _take(self) -> Kept | None:
        with self._pools_lock:
            pool = self._connection_pools.get(self._path)
            return pool.pop() if pool else None


_of_parents: list[Any] = []


def _begin_anew() -> None:
    """In a child: what is kept is the parent's, and is never closed here; nor is its lock, which another thread may have held."""
    _of_parents.append(DatabaseWrapper._connection_pools)
    DatabaseWrapper._connection_pools, DatabaseWrapper._pools_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


def _identity(path: str) -> Identity | None:
    """None: there is no file yet, or none at all."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
