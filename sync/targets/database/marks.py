"""What a sync remembers in a database that is a target: which batches of a plan are there, and the last id that was given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sync.targets.database.layout import read_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper

TABLE = "sync_metadata"
OTHER_TABLE = "mam_sync_metadata"  # where another program has one of that name that is of no use to us
LAST_ID = "files:last_id"


def usable_table(cursor: CursorWrapper) -> str | None:
    """The table that marks can be kept in."""
    for table in (TABLE, OTHER_TABLE):
        columns = {column.name: column for column in read_columns(cursor, table)}
        others = [column for name, column in columns.items() if name not in {"key", "value"}]
        if not {"key", "value"} <= set(columns) or not columns["key"].is_key:
            continue
        if {columns["key"].kind, columns["value"].kind} == {"text"} and all(one.is_nullable or one.default is not None for one in others):
            return table
    return None


def make_other_table(connection: BaseDatabaseWrapper) -> None:
    """The table that is ours alone."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {OTHER_TABLE} (key text NOT NULL PRIMARY KEY, value text NOT NULL)")


class Marks:
    """The marks of a target, read and written in the transaction of the caller."""

    def __init__(self, table: str) -> None:
        self._table = table

    def read(self, cursor: CursorWrapper, plan: str) -> tuple[list[int | None], int]:
        """For each batch of a plan the first id of its new rows, 0 when it had none, None for one that is not there; and the largest number
        that we ever gave to a row.
        """
        cursor.execute(f"SELECT key, value FROM {self._table} WHERE key IN (%s, %s)", [_key(plan), LAST_ID])  # noqa: S608  (a name of ours)
        found = dict(cursor.fetchall())
        return json.loads(found.get(_key(plan)) or "[]"), int(found.get(LAST_ID) or 0)

    def note(self, cursor: CursorWrapper, plan: str, batches: list[int | None], number: int, ids: Sequence[int]) -> None:
        """Note that a batch is there, and the numbers that its new rows were given."""
        done = batches + [None] * (number + 1 - len(batches))
        done[number] = ids[0] if ids else 0
        values = {_key(plan): json.dumps(done, separators=(",", ":"))} | ({LAST_ID: str(ids[-1])} if ids else {})
        cursor.executemany(
            f"INSERT INTO {self._table} (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",  # noqa: S608
            list(values.items()),
        )


def _key(plan: str) -> str:
    return f"plan:{plan}"
