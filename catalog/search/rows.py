"""Looking at the entries themselves: for searches without words, for ranges, and for orders that no index of words has."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import BooleanField, Case, Q, Value, When
from django.db.models.expressions import RawSQL

from catalog.models import SearchEntry

if TYPE_CHECKING:
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
    conditions = [reduce(or_, map(_has, clause)) for clause in wanted.clauses]
    conditions += [~_has(tokens) for tokens in wanted.excluded]
    if not conditions:
        return lies_in(wanted.ranges)
    # As one value: PostgreSQL takes each of several conditions for a rare thing, and reads the whole table to sort the few.
    return lies_in(wanted.ranges) & Q(Case(When(reduce(and_, conditions), then=Value(True)), default=Value(False)))


def lies_in(ranges: tuple[Range, ...]) -> Q:
    """The condition of all ranges."""
    return reduce(and_, (reduce(or_, (_lies_between(one.column, *span) for span in one.spans)) for one in ranges), Q())


def _lies_between(column: str, low: int | None, high: int | None) -> Q:
    """Without the table's name: in a subquery it has another."""
    borders = [(">=", low or 0), *([] if high is None else [("<", high)])]
    return Q(*(RawSQL(f"{column} {sign} %s", [border], output_field=BooleanField()) for sign, border in borders))  # noqa: S611


def _has(tokens: Tokens) -> Q:
    return reduce(and_, (Q(_holds(token)) for token in tokens))


def _holds(token: str) -> Any:
    column = "facets" if "_" in token else "words"
    function = "strpos" if connection.vendor == "postgresql" else "instr"
    return RawSQL(f"{function}({column}, %s) > 0", [f" {token} "], output_field=BooleanField())  # noqa: S611  (a column of ours)
