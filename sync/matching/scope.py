"""What has to be matched anew, on tables of this connection: everything, or what may depend on files and rows that were touched.

A file depends on those of its name and size (one of them syncs), on rows at its path, and on whoever has the row that it may want.
So the scope grows until it depends on nothing outside: the result is that of matching everything. A file that was touched in nothing of
this is steady: who gets which row is as it was, and nobody else has to be looked at.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from catalog import text
from catalog.choices import FileKind, Presence
from mam.lib.bulk import among
from sync.choices import MatchReason, MatchStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

    from sync.models import Target

TABLES: dict[str, str] = {
    "m_source": "source_id {id} PRIMARY KEY, prefix TEXT, prefix_key TEXT",
    "m_file": "id {id} PRIMARY KEY, round INTEGER",  # STEADY, or the round that added it
    "m_row": "id {id} PRIMARY KEY, round INTEGER",
    "m_name": "name_key TEXT, size_bytes BIGINT, round INTEGER, PRIMARY KEY (name_key, size_bytes)",
    "m_path": "path_key TEXT PRIMARY KEY, round INTEGER",
    "m_fact": (
        "file_id {id} PRIMARY KEY, path TEXT, path_key TEXT, name_key TEXT, size_bytes BIGINT, extension TEXT, catalog_id BIGINT,"
        " folder_id BIGINT, reason TEXT"
    ),
    "m_winner": "file_id {id} PRIMARY KEY, path_key TEXT, name_key TEXT, size_bytes BIGINT, copies INTEGER, row_id BIGINT",
    "m_free": "id {id} PRIMARY KEY, path_key TEXT, name_key TEXT, size_bytes BIGINT, is_deleted BOOLEAN, is_readable BOOLEAN",
    # What free rows are asked for by, a path (and 0) or a name and a size, and the how many-th of those alike they are.
    "m_seat": "name TEXT, size_bytes BIGINT, place INTEGER, row_id BIGINT, PRIMARY KEY (name, size_bytes, place)",
    "m_pair": "file_id {id} PRIMARY KEY, row_id BIGINT",
    "m_touch": "id {id} PRIMARY KEY",
    "m_change": (
        "seq {seq}, kind TEXT, match_id BIGINT, file_id BIGINT, row_id BIGINT, status TEXT, reason TEXT, action TEXT, copies INTEGER,"
        " path TEXT, path_key TEXT, name_key TEXT, extension TEXT, size_bytes BIGINT, catalog_id BIGINT, folder_id BIGINT,"
        " old_row_id BIGINT, old_status TEXT, old_path TEXT, old_size_bytes BIGINT, old_folder_id BIGINT, extent INTEGER"
    ),
}
STEADY = -1
PATH = "{source}.{prefix} || CASE WHEN d.{path} = '' THEN '' ELSE d.{path} || '/' END || f.{name}"
PATH_KEY = PATH.format(source="ms", prefix="prefix_key", path="path_key", name="name_key")
# A file that was overwritten by another one stays for a while, absent, at a path that is not its own any more.
IS_THERE = (
    f"f.presence <> '{Presence.MISSING.value}' AND (f.absent_since IS NULL OR NOT EXISTS (SELECT 1 FROM catalog_mediafile o"
    " WHERE o.folder_id = f.folder_id AND o.name = f.name AND o.absent_since IS NULL))"
)
JOINS = "{join} catalog_folder d ON d.id = f.folder_id {join} m_source ms ON ms.source_id = f.source_id"


def is_hls_compatible(target: Target, extension: str) -> tuple[str, list[str]]:
    """SQL, and its parameters: `extension` (SQL) is one of those that the target's rules let in."""
    extensions = list(target.hls_extensions)
    return f"{extension} IN ({', '.join(['%s'] * len(extensions)) or 'NULL'})", extensions


class Workspace:
    """The tables, and the target whose matching they are for. `is_all`: the scope is everything there is."""

    def __init__(self, connection: BaseDatabaseWrapper, cursor: CursorWrapper, target: Target) -> None:
        self.connection, self.cursor, self.target = connection, cursor, target
        self.is_postgresql = connection.vendor == "postgresql"
        self.is_all = False

    @property
    def join(self) -> str:
        """Of few rows with many, in this order. SQLite knows nothing of the few, and might go through the many."""
        return "JOIN" if self.is_all or self.is_postgresql else "CROSS JOIN"

    @property
    def joins(self) -> str:
        """Of the catalog's files, f, with what their paths are made of."""
        return JOINS.format(join=self.join)

    def run(self, statement: str, *params: Any) -> int:
        """Execute; how many rows it was."""
        self.cursor.execute(statement, params)
        return int(self.cursor.rowcount)

    def clear(self, *tables: str) -> None:
        """Empty some of TABLES."""
        for table in tables:
            self.run(f"DELETE FROM {table}")

    def look(self, *tables: str) -> None:
        """Let the database see how much is in them; it never looks at temporary tables by itself, and takes them for large."""
        for table in tables:
            self.run(f"ANALYZE {table}")

    # --- what is in it ------------------------------------------------------------------------------------------------
    def take_all(self) -> None:
        """Everything."""
        self.is_all = True

    def take(self, file_ids: Iterable[int], row_ids: Iterable[int]) -> None:
        """These files and rows, and all that depends on them or on which they depend."""
        self.is_all = False
        self.clear("m_file", "m_row", "m_name", "m_path")
        for table, ids in (("m_file", file_ids), ("m_row", row_ids)):
            given = among(set(ids))
            self.run(f"INSERT INTO {table} SELECT given.*, 0 FROM ({given.sql}) AS given", *given.params)
        self._set_steady_aside()
        number = 0
        while self._grow(number):
            number += 1

    def _set_steady_aside(self) -> None:
        """They do not grow the scope; what grows into one makes it like the others."""
        self.look("m_file")
        reason, params = self.reason
        self.run(
            f"UPDATE m_file SET round = {STEADY} WHERE id IN (SELECT f.id {self.files} {self.joins}"
            f" {self.join} sync_match m ON m.file_id = f.id AND m.target_id = {self.target.pk:d}"
            f" WHERE f.presence = '{Presence.PRESENT.value}' AND f.absent_since IS NULL AND m.reason <> '{MatchReason.GROWING.value}'"
            f" AND m.path_key = {PATH_KEY} AND m.name_key = f.name_key AND m.size_bytes = f.size_bytes"
            f" AND (m.status = '{MatchStatus.NOT_SYNCED.value}') = ({reason} <> ''))",
            *params,
        )

    def _grow(self, number: int) -> bool:
        """Add what depends on what was added in round `number`; whether there was any."""
        self.look("m_file", "m_row")
        self._add("m_name", "name_key, size_bytes", number, self._values(number, "{one}.name_key, {one}.size_bytes"))
        self._add("m_path", "path_key", number, self._values(number, "{one}.path_key", of_file=PATH_KEY, joins=self.joins))
        self.look("m_name", "m_path")
        join, mine, known = self.join, f"x.target_id = {self.target.pk:d}", f"WHERE n.round = {number}"
        same_name = f"ON {mine} AND x.name_key = n.name_key AND x.size_bytes = n.size_bytes {known}"
        same_path = f"ON {mine} AND x.path_key = n.path_key {known}"
        same_row = f"{known} AND x.file_id IS NOT NULL AND {mine}"
        files = (
            f"SELECT x.file_id FROM m_name n {join} sync_match x {same_name} AND x.file_id IS NOT NULL",
            f"SELECT x.file_id FROM m_path n {join} sync_match x {same_path} AND x.file_id IS NOT NULL",
            f"SELECT x.file_id FROM m_row n {join} sync_match x ON x.row_id = n.id {same_row}",
            f"SELECT x.file_id FROM m_row n {join} sync_targetrow x ON x.id = n.id {same_row}",
        )
        rows = (
            f"SELECT x.id FROM m_name n {join} sync_targetrow x {same_name}",
            f"SELECT x.id FROM m_path n {join} sync_targetrow x {same_path}",
            f"SELECT x.row_id FROM m_file n {join} sync_match x ON x.file_id = n.id AND {mine} {known} AND x.row_id IS NOT NULL",
            f"SELECT x.id FROM m_file n {join} sync_targetrow x ON x.file_id = n.id AND {mine} {known}",
        )
        added = self._add("m_file", "id", number + 1, files)
        return bool(added + self._add("m_row", "id", number + 1, rows))

    def _values(self, number: int, columns: str, *, of_file: str = "", joins: str = "") -> tuple[str, ...]:
        """Of the files, matches and rows of a round: as they are, and as they were when they were matched."""
        join, known, mine = self.join, f"WHERE n.round = {number}", f"m.target_id = {self.target.pk:d}"
        return (
            f"SELECT {of_file or columns.format(one='f')} FROM m_file n {join} catalog_mediafile f ON f.id = n.id {joins} {known}",
            f"SELECT {columns.format(one='m')} FROM m_file n {join} sync_match m ON m.file_id = n.id AND {mine} {known}",
            f"SELECT {columns.format(one='m')} FROM m_row n {join} sync_match m ON m.row_id = n.id {known}",
            f"SELECT {columns.format(one='r')} FROM m_row n {join} sync_targetrow r ON r.id = n.id {known}",
        )

    def _add(self, table: str, columns: str, number: int, parts: tuple[str, ...]) -> int:
        found = " UNION ".join(parts)
        return self.run(
            f"INSERT INTO {table} ({columns}, round) SELECT found.*, {number} FROM ({found}) AS found WHERE 1 = 1"
            f" ON CONFLICT ({columns}) DO UPDATE SET round = excluded.round WHERE {table}.round = {STEADY}"
        )

    # --- what is read of it -------------------------------------------------------------------------------------------
    @property
    def reason(self) -> tuple[str, list[str]]:
        """SQL, and its parameters: why the file f does not sync by the rules of the target; '' if it does."""
        is_hls, extensions = is_hls_compatible(self.target, "f.extension") if self.target.is_hls_only else ("1 = 1", [])
        return (
            f"CASE WHEN f.kind <> '{FileKind.VIDEO.value}' THEN '{MatchReason.UNSUPPORTED.value}'"
            f" WHEN NOT ({is_hls}) THEN '{MatchReason.NOT_HLS.value}'"
            f" WHEN f.presence = '{Presence.GROWING.value}' THEN '{MatchReason.GROWING.value}' ELSE '' END"
        ), extensions

    @property
    def files(self) -> str:
        """FROM with the catalog's files in the scope, as f."""
        return "FROM catalog_mediafile f" if self.is_all else f"FROM m_file n {self.join} catalog_mediafile f ON f.id = n.id"

    @property
    def rows(self) -> str:
        """FROM with the mirror's rows in the scope, as r; of all targets."""
        return "FROM sync_targetrow r" if self.is_all else f"FROM m_row n {self.join} sync_targetrow r ON r.id = n.id"

    @property
    def matches(self) -> str:
        """FROM with the matches in the scope, as m; of all targets."""
        if self.is_all:
            return "FROM sync_match m"
        known = (
            f"SELECT x.id FROM m_file n {self.join} sync_match x ON x.file_id = n.id AND x.target_id = {self.target.pk:d}"
            f" UNION SELECT x.id FROM m_row n {self.join} sync_match x ON x.row_id = n.id"
        )
        return f"FROM (SELECT * FROM sync_match WHERE id IN ({known})) AS m"


@contextmanager
def workspace(connection: BaseDatabaseWrapper, target: Target) -> Iterator[Workspace]:
    """Empty tables for one matching, gone afterwards; nothing else of the database is changed by filling them."""
    is_postgresql = connection.vendor == "postgresql"
    kinds = _KINDS[connection.vendor]
    with connection.cursor() as cursor:
        space = Workspace(connection, cursor, target)
        if not is_postgresql:
            connection.connection.create_function("nfc", 1, text.nfc, deterministic=True)
        _drop(space)
        for name, columns in TABLES.items():
            space.run(f"CREATE TEMPORARY TABLE {name} ({columns.format(**kinds)})")
        sources = target.sources.filter(is_included=True).values_list("source_id", "prefix")
        rows = [(source_id, text.nfc(prefix), text.path_key(prefix)) for source_id, prefix in sources]
        cursor.executemany("INSERT INTO m_source VALUES (%s, %s, %s)", rows)
        try:
            yield space
        finally:
            if not connection.needs_rollback and connection.is_usable():
                _drop(space)


_KINDS = {
    "sqlite": {"id": "INTEGER", "seq": "INTEGER PRIMARY KEY"},
    "postgresql": {"id": "BIGINT", "seq": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"},
}


def _drop(space: Workspace) -> None:
    """What a matching that was interrupted has left on this connection goes too."""
    for name in TABLES:
        space.run(f"DROP TABLE IF EXISTS {'pg_temp' if space.is_postgresql else 'temp'}.{name}")
