"""Looking at the entries themselves: for searches without words, for ranges, and for orders that no index of words has."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import BooleanField, Case, Q, Value, When
from django.db.models.expressions import RawSQL

from catalog.models import SearchEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.search.wanted import Range, Tokens, Wanted


class Rows:
    """The matches, found by walking the entries from the newest on."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def newest(self, limit: int, up_to: int | None = None) -> list[int]:
        """Ids of the newest ones, none newer than `up_to`; newest first."""
        rows = SearchEntry.objects.filter(matches(self._wanted)).order_by("-pk")
        return list((rows if up_to is None else rows.filter(pk__lte=up_to)).values_list("pk", flat=True)[:limit])


def matches(wanted: Wanted) -> Q:
    """The condition of a match, to be asked of one row after the other."""
    conditions = [reduce(lambda one, other: one | other, map(_has, clause)) for clause in wanted.clauses]
    conditions += [~_has(tokens) for tokens in wanted.excluded]
    if not conditions:
        return lies_in(wanted.ranges)
    # As one value: PostgreSQL takes each of several conditions for a rare thing, and reads the whole table to sort the few.
    return lies_in(wanted.ranges) & Q(Case(When(reduce(and_, conditions), then=Value(True)), default=Value(False)))


def lies_in(ranges: tuple[Range, ...]) -> Q:
    """The condition of `borders`."""
    return reduce(and_, (Q(RawSQL(sql, [border], output_field=BooleanField())) for sql, border in borders(ranges)), Q())  # noqa: S611


def borders(ranges: tuple[Range, ...]) -> Iterator[tuple[str, int]]:
    """The ranges as conditions on rows of entries, each with its parameter. Without the table's name: in a subquery it has another."""
    for one in ranges:
        yield f"{one.column} >= %s", max(0, one.low or 0)
        if one.high is not None:
            yield f"{one.column} < %s", one.high


def _has(tokens: Tokens) -> Q:
    return reduce(and_, (Q(_holds(token)) for token in tokens))


def _holds(token: str) -> Any:
    column = "facets" if "_" in token else "words"
    function = "strpos" if connection.vendor == "postgresql" else "instr"
    return RawSQL(f"{function}({column}, %s) > 0", [f" {token} "], output_field=BooleanField())  # noqa: S611  (a column of ours)
