"""Queries that are asked with every request: Django makes their SQL once, and what changes from one to the next is put into it.

Making the SQL of a query with joins takes Django as long as the database takes to answer it several times.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import connection

from mam.lib.bulk import among

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import QuerySet
    from django.db.models.expressions import RawSQL


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
