"""Queries that are asked with every request: their SQL is made once by Django, and planned once on each connection by PostgreSQL.

Making the SQL of a query with joins takes Django as long as the database takes to answer it several times; so does planning.
"""

from __future__ import annotations

from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import NotSupportedError, connection

from mam.lib.bulk import among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.backends.utils import CursorWrapper
    from django.db.models import QuerySet
    from django.db.models.expressions import RawSQL

_planned: WeakKeyDictionary[Any, dict[str, str]] = WeakKeyDictionary()  # the driver's connection -> statements that it has, and their names
_numbers = count()


class Prepared:
    """A query about some ids. `make`: the queryset of values, from what stands behind `__in=`. On the default database only.

    Values come as the driver gives them: times of SQLite have no zone (they are UTC), its decimals and JSON are texts.
    """

    def __init__(self, make: Callable[[RawSQL], QuerySet[Any, tuple[Any, ...]]]) -> None:
        self._make = make

    def rows(self, ids: Iterable[int]) -> list[tuple[Any, ...]]:
        """What the query finds for these ids. One query."""
        statement, places = self._statement
        (given,) = among(ids).params
        with connection.cursor() as cursor:
            if not (_can_prepare() and _executed(cursor, statement, given)):
                cursor.execute(statement, [given] * places)
            return list(cursor.fetchall())

    @cached_property
    def _statement(self) -> tuple[str, int]:
        """The SQL, and in how many places of it the ids stand. ValueError for a query with parameters of its own."""
        nothing = among([])
        statement, params = self._make(nothing).query.sql_with_params()
        if set(params) != set(nothing.params):
            raise ValueError("a prepared query has no parameters but its ids")
        return statement, len(params)


def _can_prepare() -> bool:
    """Not where a pooler may give each transaction another connection (Django's settings say so by this name), nor with a driver that
    sends parameters apart: EXECUTE has none.
    """
    settings = connection.settings_dict
    is_plain = not (settings.get("DISABLE_SERVER_SIDE_CURSORS") or settings["OPTIONS"].get("server_side_binding"))
    return connection.vendor == "postgresql" and is_plain


def _executed(cursor: CursorWrapper, statement: str, given: str) -> bool:
    """False where the plan is out of date, because a migration changed a column since; the next one is new."""
    try:
        cursor.execute(f"EXECUTE {_plan(statement)}(%s)", [given])
    except NotSupportedError:
        del _planned[connection.connection][statement]
        if connection.in_atomic_block:
            raise
        return False
    return True


def _plan(statement: str) -> str:
    """The name of `statement` on this connection, which has it planned from now on. It outlives a transaction that is rolled back."""
    names = _planned.setdefault(connection.connection, {})
    if statement not in names:
        name = f"mam_{next(_numbers)}"
        with connection.wrap_database_errors:
            connection.connection.execute(f"PREPARE {name} AS {statement.replace('%s', '$1').replace('%%', '%')}")
        names[statement] = name
    return names[statement]
