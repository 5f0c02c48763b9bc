"""Places where a target may be, as another program sees them: each kind that there is an adapter for, made for one test."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing, contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import environ
import psycopg
from django.conf import settings
from django.db import connections

from sync.targets.base import Batch, FileFields, TargetFile, Write
from sync.targets.database import DatabaseTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sync.targets.base import OttTarget
    from tests.fixtures._firestore_server import FirestoreServer

PLAN = str(uuid.UUID(int=1))
OTHER_PLAN = str(uuid.UUID(int=2))
AT = datetime(2026, 11, 22, 9, 30, 0, 123456, UTC)
LATER = datetime(2026, 11, 23, tzinfo=UTC)
WAIT_S = 0.3  # for another program's lock

# What a platform that was there before us may have made: other names, other types, columns that are its own.
ADOPTED = """
CREATE TABLE "Files" (
    id INTEGER PRIMARY KEY,
    file_path TEXT NOT NULL UNIQUE,
    name VARCHAR(255),
    file_size BIGINT,
    video_codec TEXT NOT NULL DEFAULT '',
    width INTEGER,
    height INTEGER,
    duration_ms INTEGER,
    is_hls INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'available',
    updated TIMESTAMP NOT NULL DEFAULT '',
    views INTEGER NOT NULL DEFAULT 7,
    poster BLOB
);
CREATE INDEX files_by_views ON "Files" (views);
"""


class Place(Protocol):
    """A place with nothing in it yet, where another program writes too, by the names of fields that are ours."""

    def add_extra(self) -> str:
        """A field that is the other program's own; its name."""
        ...

    def target(self) -> OttTarget:
        """A new adapter."""
        ...

    def insert(self, path: str, **fields: Any) -> str:
        """Another program's row; its id."""
        ...

    def update(self, remote_id: str, **fields: Any) -> None:
        """Another program changes a row."""
        ...

    def remove(self, remote_id: str) -> None:
        """Another program takes a row out."""
        ...

    def row(self, remote_id: str) -> dict[str, Any]:
        """All that is stored of a row, by our names of fields."""
        ...

    def works(self) -> list[tuple[str, ...]]:
        """Kind, ids of parents and own id, name: of all works, in order."""
        ...


@contextmanager
def database_alias(url: str, **options: Any) -> Iterator[str]:
    """A Django alias for a database, impatient, as long as the block lasts."""
    alias = f"ott_{uuid.uuid4().hex[:8]}"
    config = environ.Env.db_url_config(url)
    if config["ENGINE"].endswith("sqlite3"):
        ours = deepcopy(settings.DATABASES["ott"]["OPTIONS"]) | {"timeout": WAIT_S}
    else:
        ours = {"connect_timeout": 2, "options": f"-c lock_timeout={WAIT_S}s"}
    both = connections.configure_settings({"default": {}, alias: config | {"OPTIONS": ours | options}})
    connections.settings[alias] = both[alias]
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


class SqlitePlace:
    """A file, made by us."""

    names: ClassVar[dict[str, str]] = {}

    def __init__(self, path: Path, alias: str) -> None:
        self.path, self._alias = path, alias

    def target(self) -> OttTarget:
        return DatabaseTarget(self._alias)

    def add_extra(self) -> str:
        self.execute("ALTER TABLE files ADD COLUMN views INTEGER DEFAULT 7")
        return "views"

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """As another program does it."""
        with closing(sqlite3.connect(self.path, timeout=5)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            return connection.execute(statement, values).fetchall()

    def insert(self, path: str, **fields: Any) -> str:
        named = {self._column(name): value for name, value in ({"nas_path": path} | fields).items()}
        columns, places = ", ".join(named), ", ".join("?" * len(named))
        ((key,),) = self.execute(f"INSERT INTO files ({columns}) VALUES ({places}) RETURNING id", list(named.values()))  # noqa: S608  (of the test)
        return str(key)

    def update(self, remote_id: str, **fields: Any) -> None:
        sets = ", ".join(f"{self._column(name)} = ?" for name in fields)
        self.execute(f"UPDATE files SET {sets} WHERE id = ?", [*fields.values(), remote_id])  # noqa: S608

    def remove(self, remote_id: str) -> None:
        self.execute("DELETE FROM files WHERE id = ?", [remote_id])

    def row(self, remote_id: str) -> dict[str, Any]:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.row_factory = sqlite3.Row
            found: dict[str, Any] = dict(connection.execute("SELECT * FROM files WHERE id = ?", [remote_id]).fetchone())
        ours = {theirs: name for name, theirs in self.names.items()}
        return {ours.get(name, name): value for name, value in found.items()}

    def _column(self, name: str) -> str:
        return self.names.get(name, name)

    def works(self) -> list[tuple[str, ...]]:
        return sorted(row for statement in _WORKS for row in self.execute(statement))


class AdoptedPlace(SqlitePlace):
    """A file that another program has made, with unique paths."""

    names: ClassVar[dict[str, str]] = {
        "nas_path": "file_path",
        "filename": "name",
        "size_bytes": "file_size",
        "codec": "video_codec",
        "hls_compatible": "is_hls",
    }

    def __init__(self, path: Path, alias: str) -> None:
        super().__init__(path, alias)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(ADOPTED)

    def add_extra(self) -> str:
        return "views"


class PostgresPlace(SqlitePlace):
    """A database on a server, made by us."""

    def __init__(self, url: str, alias: str) -> None:
        self.url, self._alias = url, alias

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement.replace("?", "%s"), values)
            return cursor.fetchall() if cursor.description else []

    def row(self, remote_id: str) -> dict[str, Any]:
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute("SELECT * FROM files WHERE id = %s", [remote_id])
            assert cursor.description is not None
            ((values),) = cursor.fetchall()
            return dict(zip([column.name for column in cursor.description], values, strict=True))


class FirestorePlace:
    """A project, with a client of the other program's own."""

    def __init__(self, server: FirestoreServer) -> None:
        self.server, self._client = server, server.connect()

    def target(self) -> OttTarget:
        from sync.targets.firestore.target import FirestoreTarget  # noqa: PLC0415  (a second and 60 MB that few tests need)

        return FirestoreTarget(self.server.connect, name="OTT", location="demo/(default)")

    def add_extra(self) -> str:
        return "views"

    def insert(self, path: str, **fields: Any) -> str:
        reference = self._client.collection("files").document(f"theirs-{len(list(self._client.collection('files').list_documents())):04}")
        reference.create({"nas_path": path, "status": "active", **fields})
        return str(reference.id)

    def update(self, remote_id: str, **fields: Any) -> None:
        self._client.document("files", remote_id).update(fields)

    def remove(self, remote_id: str) -> None:
        self._client.document("files", remote_id).delete()

    def row(self, remote_id: str) -> dict[str, Any]:
        return {"id": remote_id, **(self._client.document("files", remote_id).get().to_dict() or {})}

    def works(self) -> list[tuple[str, ...]]:
        names = [name.partition("/documents/")[2].split("/") for name in self.server.names()]
        kinds = {("players",): "player", ("catalogs",): "catalog", ("catalogs", "series"): "series"}
        kinds[("catalogs", "series", "contents")] = "content"
        found = [(kinds.get(tuple(parts[::2]), ""), parts) for parts in names]
        return sorted((kind, *parts[1::2], self._client.document(*parts).get().get("name")) for kind, parts in found if kind)


_WORKS = (
    "SELECT 'catalog', id, name FROM catalogs",
    "SELECT 'series', catalog_id, id, name FROM series",
    "SELECT 'content', catalog_id, series_id, id, name FROM contents",
    "SELECT 'player', id, name FROM players",
)


# --- what is written --------------------------------------------------------------------------------------------------
def fields(path: str = "WSOP/2024/ME_Day1.mp4", **changes: Any) -> FileFields:
    """A film of an hour."""
    usual: dict[str, Any] = {
        **{"size_bytes": 1_288_490_188, "extension": "mp4", "is_hls": True, "codec": "h264", "width_px": 1920, "height_px": 1080},
        "duration_ms": 3_600_040,
    }
    return FileFields(path, **(usual | changes))


def new(path: str = "WSOP/2024/ME_Day1.mp4", **changes: Any) -> Write:
    """A row that is not there yet."""
    return Write("", fields(path, **changes), is_deleted=False)


def batch(writes: Sequence[Write], number: int = 0, plan: str = PLAN, at: datetime = AT) -> Batch:
    """A batch of a plan."""
    return Batch(plan, number, at, writes)


def all_files(target: OttTarget) -> dict[str, TargetFile]:
    """Everything, by id."""
    return {file.remote_id: file for part in target.read_files() for file in part}


def paths(target: OttTarget) -> list[tuple[str, bool]]:
    """Path and whether it is deleted, of everything, in order."""
    return sorted((file.fields.path, file.is_deleted) for file in all_files(target).values())


def is_root() -> bool:
    """Nobody keeps root from writing."""
    return os.geteuid() == 0
