"""Summary cubes: sums over a big table by a few keys, always right, without counting. An app declares what is summed; triggers keep it.

Each statement that changes what a cube reads adds the difference to the cube's table, in its own transaction: rows of keys and signed
measures, and nothing else. Nobody waits for anybody, for no row is ever changed; a reader sums; `fold` makes few rows of many. What a
cube should be is one SELECT (`differences` compares with it), and a difference is repaired by adding it, while others write.

A cube reads facts, and tables joined to them. Two transactions at the same time, one changing a fact and one a joined row of it, do not
see each other on PostgreSQL: either counts with what was there before. So what a change of a joined table has added is in doubt until
every transaction that ran beside it has ended, and then the cube is compared (`doubts_are_over`, `settle`). SQLite has one writer.

A cube's table has the columns of its keys and measures, and: `id`, counted up; `is_sum` (made by `fold`; default false); `doubt_xid`
(null; 0: in doubt; else the number of the transaction that has to be the oldest one running).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from mam.lib import triggers
from mam.lib.triggers import Trigger, changed_rows, on_rows, on_statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.db.backends.base.base import BaseDatabaseWrapper

SCATTERED = 2000  # rows after the last sums from which folding is worth it: a reader adds them up in a millisecond
_EVENTS = ("insert", "update", "delete")
_XMIN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"  # of the oldest transaction that still writes
_XMAX = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"  # after all that have begun to


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a cube reads. `columns`: its primary key, and all that is read of it.

    A joined one says to what, `to` (an alias), and how, `on` ("c.id = f.content_id"): at most one row for each row of that, found by a
    column that never changes.
    """

    name: str
    alias: str
    columns: tuple[str, ...]
    on: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class Cube:
    """What is summed (`measures`, integers), by what (`keys`, never NULL): column of the cube's table -> SQL over the aliases.

    `name` is one word without "_". A joined table comes after the one it is joined to.
    """

    name: str
    table: str
    facts: Table
    joined: tuple[Table, ...]
    keys: Mapping[str, str]
    measures: Mapping[str, str]

    @property
    def family(self) -> str:
        """What the names of its triggers begin with."""
        return f"cube_{self.name}"

    @property
    def columns(self) -> list[str]:
        """Keys, then measures."""
        return [*self.keys, *self.measures]

    # --- upkeep -------------------------------------------------------------------------------------------------------
    def install(self, connection: BaseDatabaseWrapper) -> None:
        """Make its triggers what they are here, and the cube right if any was not, or if all facts are gone: whoever empties tables
        (`flush`) empties the cube's before the facts', whose triggers then write. Waits for its tables to exist.
        """
        needed = {self.table, self.facts.name, *(table.name for table in self.joined)}
        if not needed.issubset(connection.introspection.table_names()):
            return
        is_new = triggers.install(connection, self.family, self._triggers(connection.vendor))
        if is_new or not _has_rows(connection, self.facts.name):
            self.repair(connection)

    def differences(self, connection: BaseDatabaseWrapper) -> list[tuple[Any, ...]]:
        """What is missing in cells that are wrong (`columns`), compared with a rebuild. Reads all facts once, locks nothing."""
        rebuilt = _summed(self.columns, self.keys, [self._cells(self._joins())])
        stored = f"SELECT {', '.join([*self.keys, *(f'-{name}' for name in self.measures)])} FROM {self.table}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(_summed(self.columns, self.keys, [rebuilt, stored]))
            return [self._plain(row) for row in cursor.fetchall()]

    def repair(self, connection: BaseDatabaseWrapper) -> list[tuple[Any, ...]]:
        """Make the cube right; returns what was added. Others may write meanwhile: what is missing does not depend on them."""
        if _has_rows(connection, self.table) and not self.differences(connection):
            return []
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            self._lock(connection)
            wrong = self.differences(connection)
            names, marks = ", ".join(self.columns), ", ".join(["%s"] * len(self.columns))
            cursor.executemany(f"INSERT INTO {self.table} ({names}) VALUES ({marks})", wrong)  # noqa: S608
        return wrong

    def is_scattered(self, connection: BaseDatabaseWrapper) -> bool:
        """Whether many rows have come since the last `fold`."""
        newest = f"SELECT is_sum FROM {self.table} ORDER BY id DESC LIMIT {SCATTERED}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*), COUNT(CASE WHEN is_sum THEN 1 END) FROM ({newest}) AS newest")  # noqa: S608
            count, sums = cursor.fetchone()
        return bool(count == SCATTERED and not sums)

    def fold(self, connection: BaseDatabaseWrapper) -> None:
        """Make one row of all rows of a cell, and none of those that are nothing. Writers do not wait for it on PostgreSQL."""
        into = f"INSERT INTO {self.table} ({', '.join(self.columns)}, is_sum)"
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            self._lock(connection)
            if connection.vendor == "postgresql":
                gone = f"DELETE FROM {self.table} WHERE doubt_xid IS NULL RETURNING {', '.join(self.columns)}"  # noqa: S608
                summed = _summed(self.columns, self.keys, ["SELECT * FROM gone"], "TRUE")
                cursor.execute(f"WITH gone AS ({gone}) {into} {summed}")
                return
            cursor.execute(f"SELECT MAX(id) FROM {self.table}")  # noqa: S608
            (last,) = cursor.fetchone()
            if last is not None:
                cells = f"SELECT {', '.join(self.columns)} FROM {self.table} WHERE id <= {last}"  # noqa: S608
                cursor.execute(f"{into} {_summed(self.columns, self.keys, [cells], 'TRUE')}")
                cursor.execute(f"DELETE FROM {self.table} WHERE id <= {last}")  # noqa: S608

    def doubts_are_over(self, connection: BaseDatabaseWrapper) -> bool:
        """Whether something was in doubt, and all that ran beside it has ended: `settle` would be the last word."""
        if connection.vendor != "postgresql":
            return False
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {self.table} SET doubt_xid = {_XMAX} WHERE doubt_xid = 0")  # noqa: S608
            cursor.execute(f"SELECT MAX(doubt_xid) <= {_XMIN} FROM {self.table} WHERE doubt_xid IS NOT NULL")  # noqa: S608
            return bool(cursor.fetchone()[0])

    def settle(self, connection: BaseDatabaseWrapper) -> list[tuple[Any, ...]]:
        """`repair`, and take the doubt from what cannot be wrong any more."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {_XMIN}" if connection.vendor == "postgresql" else "SELECT 0")
            (oldest,) = cursor.fetchone()
            wrong = self.repair(connection)
            cursor.execute(f"UPDATE {self.table} SET doubt_xid = NULL WHERE doubt_xid BETWEEN 1 AND %s", [oldest])  # noqa: S608
        return wrong

    def _lock(self, connection: BaseDatabaseWrapper) -> None:
        """One at a time repairs or folds. It keeps out neither readers nor the triggers."""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {self.table} IN SHARE UPDATE EXCLUSIVE MODE")

    def _plain(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """PostgreSQL's sums are decimals."""
        return (*row[: len(self.keys)], *(int(value) for value in row[len(self.keys) :]))

    # --- the SQL, all of it of the declaration ------------------------------------------------------------------------
    def _triggers(self, vendor: str) -> Iterator[Trigger]:
        for table in (self.facts, *self.joined):
            for event in _EVENTS:
                yield self._on_postgresql(table, event) if vendor == "postgresql" else self._on_sqlite(table, event)

    def _on_sqlite(self, table: Table, event: str) -> Trigger:
        rows = {side: f"(SELECT {', '.join(f'{side}.{name} AS {name}' for name in table.columns)})" for side in ("old", "new")}
        parts = self._parts(table, event, rows)
        # One file is one cell, or two.
        cells = " UNION ALL ".join(parts) if table is self.facts else _summed(self.columns, self.keys, parts)
        action = f"INSERT INTO {self.table} ({', '.join(self.columns)}) {cells}"
        return on_rows(self.family, table.name, event, action, columns=table.columns)

    def _on_postgresql(self, table: Table, event: str) -> Trigger:
        rows = {side: f"{side}_rows" for side in ("old", "new")}
        if event == "update":
            rows = {side: f"({changed_rows(table.columns, side=side)})" for side in rows}
        summed = _summed(self.columns, self.keys, self._parts(table, event, rows), *([] if table is self.facts else ["0"]))
        names = self.columns if table is self.facts else [*self.columns, "doubt_xid"]
        action = f"INSERT INTO {self.table} ({', '.join(names)}) {summed}"
        if_any = f"SELECT 1 {self._path(table, rows[triggers.ROW_OF[event]])}"
        return on_statements(self.family, table.name, event, action, if_any=if_any)

    def _parts(self, table: Table, event: str, rows: Mapping[str, str]) -> list[str]:
        """What `event` takes from cells, and what it adds: of the facts themselves, or of those that have the joined row."""
        old, new = (self._joins(table, rows[side]) for side in ("old", "new"))
        if event == "update":
            return [self._cells(old, "-"), self._cells(new)]
        if table is self.facts:
            return [self._cells(new)] if event == "insert" else [self._cells(old, "-")]
        if event == "insert":
            return [self._cells(self._joins(table, rows["new"], is_there=False), "-"), self._cells(new)]
        return [self._cells(old, "-"), self._cells(self._joins(table, rows["old"], is_there=False))]

    def _cells(self, joins: str, sign: str = "") -> str:
        keys = [f"{expression} AS {name}" for name, expression in self.keys.items()]
        measures = [f"{sign}({expression}) AS {name}" for name, expression in self.measures.items()]
        return f"SELECT {', '.join([*keys, *measures])} {joins}"

    def _joins(self, table: Table | None = None, rows: str = "", *, is_there: bool = True) -> str:
        """FROM with all tables; of the facts that have one of `rows` of `table`, as if that was not there unless `is_there`."""
        table = table or self.facts
        above = {one.alias for one in self._above(table)}
        others = []
        for one in self.joined:
            if one is table and not is_there:
                others.append(f"LEFT JOIN {one.name} {one.alias} ON 1 = 0")
            elif one.alias not in above:
                others.append(f"LEFT JOIN {one.name} {one.alias} ON {one.on}")
        return " ".join([self._path(table, rows or table.name, alias=table.alias if is_there else "gone"), *others])

    def _path(self, table: Table, rows: str, *, alias: str = "") -> str:
        """FROM with `rows` in the place of `table`, and what leads from there to the facts."""
        alias = alias or table.alias
        path, (below, *rest) = [f"FROM {rows} {alias}"], self._above(table)
        for one in rest:
            on = re.sub(rf"\b{table.alias}\.", f"{alias}.", below.on) if below is table else below.on
            path.append(f"JOIN {one.name} {one.alias} ON {on}")
            below = one
        return " ".join(path)

    def _above(self, table: Table) -> list[Table]:
        """`table`, what it is joined to, and so on up to the facts."""
        by_alias = {one.alias: one for one in (self.facts, *self.joined)}
        found = [table]
        while found[-1] is not self.facts:
            found.append(by_alias[found[-1].to])
        return found


def _has_rows(connection: BaseDatabaseWrapper, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")  # noqa: S608
        return cursor.fetchone() is not None


def _summed(columns: list[str], keys: Mapping[str, str], parts: list[str], *more: str) -> str:
    """The sums of `parts` that are not nothing, and the constants `more` behind them."""
    by = ", ".join(keys)
    sums = [f"SUM({name})" for name in columns if name not in keys]
    is_some = " OR ".join(f"{one} <> 0" for one in sums)
    named = [f"{one} AS {name}" for one, name in zip(sums, [name for name in columns if name not in keys], strict=True)]
    return f"SELECT {', '.join([by, *named, *more])} FROM ({' UNION ALL '.join(parts)}) AS cells GROUP BY {by} HAVING {is_some}"  # noqa: S608


_registered: dict[str, Cube] = {}


def register(cube: Cube) -> None:
    """Have it installed, folded and verified with all others; called when its app is ready. ValueError for a name that is taken or bad."""
    if not cube.name.isalnum() or _registered.setdefault(cube.name, cube) != cube:
        raise ValueError(f"a cube cannot be named {cube.name!r}, or two are")
    _registered[cube.name] = cube


def registered() -> list[Cube]:
    """All cubes, by name."""
    return [cube for _, cube in sorted(_registered.items())]
