"""Queries that are asked with every request: their SQL is made once by Django, and planned once on each connection by PostgreSQL.

Making the SQL of a query with joins takes Django as long as the database takes to answer it several times; so does planning.
"""

from __future__ import annotations

import re
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from django.db import NotSupportedError, connection
from django.db.models.expressions import RawSQL

from mam.lib.bulk import among, id_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.backends.utils import CursorWrapper
    from django.db.models import Model, QuerySet
    from django.db.models.sql.compiler import SQLCompiler

_planned: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()  # the driver's connection -> statements that it has, and their names
_numbers = count()
_IDS = object()
_PLACE = re.compile("%([s%])")


class _Made(NamedTuple):
    """A query as Django puts it."""

    compiler: SQLCompiler
    statement: str
    params: tuple[Any, ...]  # _IDS where the ids stand


class Prepared:
    """A query about some ids. `make`: the queryset, from what stands behind `__in=`. On the default database only."""

    def __init__(self, make: Callable[[RawSQL], QuerySet[Any, Any]]) -> None:
        self._make = make

    def rows(self, ids: Iterable[int] = ()) -> list[tuple[Any, ...]]:
        """What the query, of values, finds for these ids. One query.

        As the driver gives them: times of SQLite have no zone (they are UTC), its decimals and JSON are texts.
        """
        given = id_list(ids)
        values = [given if value is _IDS else value for value in self._made.params]
        with connection.cursor() as cursor:
            if not (_can_prepare() and _executed(cursor, self._made.statement, values)):
                cursor.execute(self._made.statement, values)
            return list(cursor.fetchall())

    def objects(self, ids: Iterable[int] = ()) -> list[Any]:
        """The objects that the query, of a model's rows alone, finds for these ids. One query."""
        compiler = self._made.compiler
        model, names, converters = self._columns
        return [model.from_db(connection.alias, names, values) for values in compiler.apply_converters(self.rows(ids), converters)]

    @cached_property
    def _made(self) -> _Made:  # all of it at once: several threads may be the first
        compiler = self._make(RawSQL(among([]).sql, [_IDS])).query.get_compiler(connection.alias)  # noqa: S611  (our own)
        return _Made(compiler, *compiler.as_sql())

    @cached_property
    def _columns(self) -> tuple[type[Model], list[str], dict[int, Any]]:
        """Whose rows they are, their attributes, and what makes Python's values of them."""
        compiler = self._made.compiler
        columns = [column for column, *_ in compiler.select]
        names = [column.target.attname for column in columns]
        return compiler.klass_info["model"], names, compiler.get_converters(columns)


def _can_prepare() -> bool:
    """Not where a pooler may give each transaction another connection (Django's settings say so by this name), nor with a driver that
    sends parameters apart: EXECUTE has none.
    """
    settings = connection.settings_dict
    is_plain = not (settings.get("DISABLE_SERVER_SIDE_CURSORS") or settings["OPTIONS"].get("server_side_binding"))
    return connection.vendor == "postgresql" and is_plain


def _executed(cursor: CursorWrapper, statement: str, values: list[Any]) -> bool:
    """False where the plan is out of date, because a migration changed a column since; the next one is new."""
    try:
        places = f"({', '.join(['%s'] * len(values))})" if values else ""
        cursor.execute(f"EXECUTE {_plan(statement)}{places}", values)
    except NotSupportedError:
        del _planned[connection.connection][statement]
        if connection.in_atomic_block:
            raise
        return False
    return True


def _numbered(statement: str) -> str:
    """With places as PostgreSQL writes them."""
    numbers = count(1)
    return _PLACE.sub(lambda place: f"${next(numbers)}" if place[1] == "s" else "%", statement)


def _plan(statement: str) -> str:
    """The name of `statement` on this connection, which has it planned from now on. It outlives a transaction that is rolled back."""
    names = _planned.setdefault(connection.connection, {})
    if statement not in names:
        name = f"mam_{next(_numbers)}"
        with connection.wrap_database_errors:
            connection.connection.execute(f"PREPARE {name} AS {_numbered(statement)}")
        names[statement] = name
    return names[statement]
