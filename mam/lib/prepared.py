"""Queries that are asked with every request: their SQL is made once by Django, and planned once on each connection by PostgreSQL.

Making the SQL of a query with joins takes Django as long as the database takes to answer it several times; so does planning.
"""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import connection

from mam.lib.bulk import among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import QuerySet
    from django.db.models.expressions import RawSQL

_planned: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()  # the driver's connection -> names of statements that it has


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
            if _can_prepare():
                cursor.execute(f"EXECUTE {_plan(statement)}(%s)", [given])
            else:
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
    """Not where a pooler may give each transaction another connection: Django's settings say so by this name."""
    return connection.vendor == "postgresql" and not connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")


def _plan(statement: str) -> str:
    """The name of `statement` on this connection, which has it planned from now on. It outlives a transaction that is rolled back."""
    name = f"mam_{zlib.crc32(statement.encode()):08x}"
    names = _planned.setdefault(connection.connection, set())
    if name not in names:
        with connection.wrap_database_errors:
            connection.connection.execute(f"PREPARE {name} AS {statement.replace('%s', '$1').replace('%%', '%')}")
        names.add(name)
    return name
