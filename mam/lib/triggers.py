"""What the database itself does when rows change, so that no writer can forget it: COPY, set-based statements, services of any entity.

A family of triggers is declared, and made what it is declared to be after each `migrate`: a migration on SQLite makes a table anew, and
drops its triggers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

ROW_OF = {"insert": "new", "update": "new", "delete": "old"}  # which tells of what happened


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger and how it is made. Its name ends in a digest of that, so that a changed one replaces its predecessor.

    `family`: what its name begins with; `body`: statements with {name}.
    """

    family: str
    stem: str
    body: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.family}_{self.stem}_{zlib.crc32(''.join(self.body).encode()):08x}"

    @property
    def statements(self) -> list[str]:
        return [statement.replace("{name}", self.name) for statement in self.body]


def on_rows(family: str, table: str, event: str, action: str, *, columns: Sequence[str]) -> Trigger:
    """SQLite: `action`, a statement with `old.` and `new.`, for each row. `columns`: those that matter when a row is changed."""
    when = f"{event} ON {table}"
    if event == "update":
        new, old = (", ".join(f"{side}.{column}" for column in columns) for side in ("new", "old"))
        when = f"UPDATE OF {', '.join(columns)} ON {table} WHEN ({new}) IS NOT ({old})"
    return Trigger(family, f"{table}_{event}", (f"CREATE TRIGGER {{name}} AFTER {when} BEGIN {action}; END",))


def on_statements(family: str, table: str, event: str, action: str, *, if_any: str) -> Trigger:
    """PostgreSQL: `action` once for each statement that changed rows, over the tables `old_rows` and `new_rows`.

    `if_any`: a query; without rows of it no other table is read. What is read is read by indexes, whatever statistics say
    (`prefer_indexes`).
    """
    tables = f"{ROW_OF[event]} TABLE AS {ROW_OF[event]}_rows"
    if event == "update":
        tables = f"OLD TABLE AS old_rows {tables}"
    body = f"BEGIN IF EXISTS ({if_any}) THEN {action}; END IF; RETURN NULL; END"
    function = f"CREATE OR REPLACE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$ {body} $$"
    when = f"AFTER {event} ON {table} REFERENCING {tables} FOR EACH STATEMENT"
    return Trigger(family, f"{table}_{event}", (function, f"CREATE TRIGGER {{name}} {when} EXECUTE FUNCTION {{name}}()"))


def changed_rows(columns: Iterable[str], *, side: str = "new") -> str:
    """PostgreSQL, in a trigger of UPDATE: the rows as they are now (or were, `side` "old") that differ in `columns`, one of them a key.

    Not a join: PostgreSQL keeps the plan that was right for the first, small change.
    """
    names, other = ", ".join(dict.fromkeys(columns)), "old" if side == "new" else "new"
    return f"SELECT {names} FROM {side}_rows EXCEPT SELECT {names} FROM {other}_rows"  # noqa: S608  (our own names)


def installed(connection: BaseDatabaseWrapper, family: str) -> dict[str, str]:
    """The triggers of a family that there are, each with its table."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND starts_with(tgname, %s)", [f"{family}_"]
            )
        else:
            prefix = f"{family}_"
            cursor.execute(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s", [len(prefix), prefix]
            )
        return dict(cursor.fetchall())


def install(connection: BaseDatabaseWrapper, family: str, triggers: Iterable[Trigger]) -> bool:
    """Make the triggers of a family what is given; True if any was missing or another, so that changes may have gone unnoticed."""
    wanted = {trigger.name: trigger for trigger in triggers}
    found = installed(connection, family)
    with connection.cursor() as cursor:
        for statement in _changes(wanted, found, is_postgresql=connection.vendor == "postgresql"):
            cursor.execute(statement)
    return found.keys() != wanted.keys()


def _changes(wanted: dict[str, Trigger], found: dict[str, str], *, is_postgresql: bool) -> Iterator[str]:
    for name, table in found.items():
        if name not in wanted:
            yield f"DROP TRIGGER {name} ON {table}" if is_postgresql else f"DROP TRIGGER {name}"
            if is_postgresql:
                yield f"DROP FUNCTION IF EXISTS {name}()"
    for name, trigger in wanted.items():
        if name not in found:
            yield from trigger.statements
