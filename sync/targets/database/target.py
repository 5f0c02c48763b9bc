"""A database of the OTT platform as a target: ours, made when it is needed, or one that another program has made."""

from __future__ import annotations

import pkgutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import Error, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from sync.errors import TargetError, TargetTableError, TargetTableMissingError, TargetUnreachableError
from sync.ott import migrations
from sync.ott.router import OTT_ALIAS
from sync.targets.base import TargetInfo
from sync.targets.database import layout as layouts
from sync.targets.database import sqlite_file, works
from sync.targets.database.errors import translated
from sync.targets.database.layout import ADDED, FILES
from sync.targets.database.marks import TABLE as MARKS_TABLE
from sync.targets.database.marks import Marks, make_other_table, usable_table
from sync.targets.database.table import FilesTable, quoted, readable
from sync.targets.database.writing import BatchWriter
from sync.targets.rows import preferred

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

    from sync.targets.base import Batch, TargetFile, Work

BATCH_ROWS = 500
_PATH_INDEX = "mam_files_path"


class DatabaseTarget:
    """The database of a Django alias. An `OttTarget`; after an error its connection is made anew.

    Nothing is made or changed there before `prepare`, and what is refused stays as it is to the byte. Columns are used under the names they
    have, missing ones are added, others are never written.
    """

    batch_rows = BATCH_ROWS

    def __init__(self, alias: str = OTT_ALIAS) -> None:
        self._alias = alias
        self._identity: sqlite_file.Identity | None = None
        self._table: FilesTable | None = None
        self._marks: Marks | None = None

    # --- what it is ---------------------------------------------------------------------------------------------------
    @property
    def _connection(self) -> BaseDatabaseWrapper:
        return connections[self._alias]

    @property
    def _path(self) -> Path | None:
        """The file, if it is one."""
        return Path(self._connection.settings_dict["NAME"]) if self._connection.vendor == "sqlite" else None

    @property
    def _name(self) -> str:
        return self._path.name if self._path else str(self._connection.settings_dict["NAME"])

    @property
    def keeps_works(self) -> bool:
        """As in `OttTarget`. TargetError."""
        with self._rows() as table:
            return table.layout.keeps_works

    def info(self) -> TargetInfo:
        """As in `OttTarget`; a server that does not answer is waited for as long as connecting may take."""
        if self._path is not None:
            return TargetInfo(self._name, str(self._path), sqlite_file.size_bytes(self._path))
        settings = self._connection.settings_dict
        location = f"{settings['HOST'] or 'localhost'}:{settings['PORT'] or 5432}/{self._name}"
        try:
            with self._session() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_database_size(current_database())")
                return TargetInfo(self._name, location, cursor.fetchone()[0])
        except TargetError:
            return TargetInfo(self._name, location)

    def exists(self) -> bool:
        """As in `OttTarget`."""
        if self._path is not None and not sqlite_file.tables(self._path):
            return False
        with self._session() as connection:
            return FILES in layouts.tables(connection)

    def prepare(self) -> None:
        """As in `OttTarget`. TargetTableError and its kin, TargetNotDatabaseError: then nothing was changed."""
        self.close()
        if self._path is not None and not sqlite_file.tables(self._path):
            self._make_file()
        with self._session() as connection:
            there = layouts.tables(connection)
            if FILES in there:
                layouts.read_layout(connection, self._name)  # before anything is changed
            elif there:
                raise TargetTableMissingError(target=self._name)
            _migrate(connection, there)
            with connection.cursor() as cursor:
                has_marks = usable_table(cursor) is not None
            if not has_marks:
                make_other_table(connection)
            self._add_what_is_missing(connection)
        self._table = None

    def _make_file(self) -> None:
        """A file of ours has a write-ahead log, so that the platform reads while we write; others keep what they have."""
        connection = self._connection
        with self._translating():
            connection.ensure_connection()
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA journal_mode=WAL")

    def _add_what_is_missing(self, connection: BaseDatabaseWrapper) -> None:
        """Columns, and an index over paths; nobody looks through a million rows for one."""
        layout = layouts.read_layout(connection, self._name)
        statements = [
            f"ALTER TABLE {FILES} ADD COLUMN {layouts.NAMES[part][0]} {ADDED[part][connection.vendor == 'postgresql']}"
            for part in layout.missing
        ]
        if not layout.has_path_index:
            statements.append(f"CREATE INDEX IF NOT EXISTS {_PATH_INDEX} ON {FILES} ({quoted(layout.columns['path'].name)})")
        if not statements:
            return
        with transaction.atomic(using=self._alias), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    # --- reading ------------------------------------------------------------------------------------------------------
    def read_files(self) -> Iterator[list[TargetFile]]:
        """As in `OttTarget`: all rows as they are at one moment, and nobody is kept from writing meanwhile."""
        with self._rows() as table:
            yield from table.batches()

    def find_by_id(self, remote_ids: Iterable[str]) -> dict[str, TargetFile]:
        """As in `OttTarget`."""
        with self._rows() as table, table.connection.cursor() as cursor:
            return table.by_ids(cursor, remote_ids)

    def find_by_path(self, paths: Iterable[str]) -> dict[str, TargetFile]:
        """As in `OttTarget`."""
        wanted = list(paths)
        with self._rows() as table, table.connection.cursor() as cursor:
            return preferred(table.by_paths(cursor, wanted))

    def fingerprint(self) -> str:
        """As in `OttTarget`. All rows are read: 700,000 in about a second."""
        with self._rows() as table:
            return table.fingerprint()

    def applied(self, plan: str) -> int:
        """As in `OttTarget`."""
        with self._rows() as table, table.connection.cursor() as cursor:
            return sum(first_id is not None for first_id in self._marks.read(cursor, plan)[0]) if self._marks else 0

    # --- writing ------------------------------------------------------------------------------------------------------
    def apply(self, batch: Batch) -> list[str]:
        """As in `OttTarget`. Ids of new rows follow the last one; another program's rows wait until the batch is there.

        TargetRefusedError: a rule of the database does not allow it.
        """
        if len(batch.writes) > self.batch_rows:
            raise ValueError(f"{len(batch.writes)} writes in a batch")
        with self._rows() as table:
            with transaction.atomic(using=self._alias), table.connection.cursor() as cursor:
                if self._marks is None or table.layout.missing:
                    raise TargetTableError(target=self._name, detail=", ".join(table.layout.missing or [MARKS_TABLE]))
                ids = BatchWriter(table, self._marks, cursor, batch).apply()
            self._check_is_there()
        return ids

    def put_works(self, works_: Sequence[Work]) -> None:
        """As in `OttTarget`."""
        with self._rows() as table:
            if not table.layout.keeps_works:
                return
            with transaction.atomic(using=self._alias), table.connection.cursor() as cursor:
                works.put(cursor, works_)

    # --- the connection -----------------------------------------------------------------------------------------------
    def close(self) -> None:
        """As in `OttTarget`."""
        self._table = self._marks = self._identity = None
        self._connection.close()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except Error as error:
            self.close()
            raise translated(error, target=self._name, path=self._path) from error

    @contextmanager
    def _session(self) -> Iterator[BaseDatabaseWrapper]:
        """The open connection to what has been looked at and found to be a database."""
        connection, path = self._connection, self._path
        with self._translating():
            if path is not None:
                self._look(path)
            connection.ensure_connection()
            if path is not None and connection.connection.text_factory is not readable:
                _settle(connection)
            yield connection

    def _look(self, path: Path) -> None:
        """Before an SQLite file is opened. TargetUnreachableError, TargetTableMissingError, TargetNotDatabaseError."""
        found = sqlite_file.identity(path)
        if found is not None and found == self._identity and self._connection.connection is not None:
            return
        self.close()
        tables = sqlite_file.tables(path)
        if tables is None:
            raise TargetUnreachableError(target=self._name, detail="no such file")
        if tables and not tables.get(FILES):
            raise TargetTableMissingError(target=self._name)
        self._identity = found

    def _check_is_there(self) -> None:
        """SQLite goes on with a file that was put away meanwhile; what was written there is lost."""
        if self._path is not None and sqlite_file.identity(self._path) != self._identity:
            self.close()
            raise TargetUnreachableError(target=self._name, detail="the file is gone")

    @contextmanager
    def _rows(self) -> Iterator[FilesTable]:
        """The table of files on the open connection. TargetTableMissingError."""
        with self._session() as connection:
            if self._table is None:
                self._table = self._read_layout(connection)
            yield self._table

    def _read_layout(self, connection: BaseDatabaseWrapper) -> FilesTable:
        if FILES not in layouts.tables(connection):
            raise TargetTableMissingError(target=self._name)
        layout = layouts.read_layout(connection, self._name)
        with connection.cursor() as cursor:
            marks = usable_table(cursor)
            self._marks = Marks(marks) if marks else None
            return FilesTable(connection, layout if works.are_ours(cursor) else layouts.without_content(layout))


def _settle(connection: BaseDatabaseWrapper) -> None:
    """A new connection to an SQLite file.

    With a write-ahead log a power cut takes whole batches, which the next sync finds missing. To wait for the disk after each of them would
    double the time.
    """
    connection.connection.text_factory = readable
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        if cursor.fetchone() == ("wal",):
            cursor.execute("PRAGMA synchronous=NORMAL")


def _migrate(connection: BaseDatabaseWrapper, there: set[str]) -> None:
    """Make the tables that are missing, and whatever later migrations bring."""
    wanted = {("ott", module.name) for module in pkgutil.iter_modules(migrations.__path__)}
    if "django_migrations" in there and wanted <= set(MigrationRecorder(connection).applied_migrations()):
        return
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("ott"))
