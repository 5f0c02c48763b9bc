"""Asking the database for the files that have certain tokens: SQLite's FTS5, PostgreSQL's tsvector. Both give the same answers.

Few matches are taken from the full-text index, all of them, and sorted. Where there are more than CAP, every so many rows of any order are
matches, so the entries are walked in that order until a page is full, and looked at one by one. The newest ones SQLite's index gives by
itself, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import and_
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import BooleanField, Case, Q, Value, When
from django.db.models.expressions import RawSQL

from catalog.models import SearchEntry
from catalog.search.triggers import FTS, VECTOR
from mam.lib.bulk import among

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

_ENTRIES = SearchEntry._meta.db_table
CAP = 10_001  # counts stop here and are shown as "10,000+" (FACTS, Database 2)

Tokens = tuple[str, ...]  # all of them
Clause = tuple[Tokens, ...]  # one of them


@dataclass(frozen=True, slots=True)
class Range:
    """low <= column < high of SearchEntry; None: no border. Where a value is not known (-1) no range holds."""

    column: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What matches: every one of `clauses`, none of `excluded`, all `ranges`."""

    clauses: tuple[Clause, ...] = ()
    excluded: tuple[Tokens, ...] = ()
    ranges: tuple[Range, ...] = ()

    def also(self, *clauses: Clause) -> Wanted:
        """This, narrowed."""
        return replace(self, clauses=tuple(dict.fromkeys((*self.clauses, *clauses))))


class Matches:
    """The files that have what is wanted, looked at as far as somebody asks. `only`: none but these ids, newest first."""

    def __init__(self, wanted: Wanted, only: list[int] | None = None) -> None:
        self.wanted = wanted
        if only is not None:
            self.some = only

    @cached_property
    def count(self) -> int:
        """How many, no further than CAP."""
        return len(self.some) if self._knows_some else _count_in_fts5(self.wanted)

    @cached_property
    def some(self) -> list[int]:
        """All ids, or CAP of them where they are more; newest first."""
        return find(self.wanted, CAP) if self.wanted.clauses else newest(self.wanted, CAP)

    @property
    def is_whole(self) -> bool:
        """`some` are all."""
        return self.count < CAP

    @property
    def entries(self) -> QuerySet[SearchEntry]:
        """Their entries, to be ordered."""
        return SearchEntry.objects.filter(Q(pk__in=among(self.some)) if self.is_whole else all_of(self.wanted))

    def newest(self, limit: int, up_to: int | None = None) -> list[int]:
        """Ids of the newest ones, none newer than `up_to`; newest first."""
        if self._knows_some and self.is_whole:
            return [pk for pk in self.some if up_to is None or pk <= up_to][:limit]
        return newest(self.wanted, limit, up_to)

    @property
    def _knows_some(self) -> bool:
        """Whether `some` has been asked for, or is the only way to know anything."""
        return "some" in self.__dict__ or not _is_in_fts5(self.wanted)


def find(wanted: Wanted, limit: int) -> list[int]:
    """Ids of matching files, `limit` at most, newest first. Of more than that SQLite gives the newest, PostgreSQL any."""
    if _is_in_fts5(wanted):
        return newest(wanted, limit)
    matches = Q(RawSQL(f"{VECTOR} @@ %s::tsquery", [_written(wanted, _TSQUERY)], output_field=BooleanField()))  # noqa: S611  (names of ours)
    return sorted(SearchEntry.objects.filter(matches, _in_ranges(wanted)).values_list("pk", flat=True)[:limit], reverse=True)


def newest(wanted: Wanted, limit: int, up_to: int | None = None) -> list[int]:
    """Ids of the newest matching files, none newer than `up_to`; newest first."""
    if _is_in_fts5(wanted):
        sql, values = _fts5(wanted, up_to)
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} ORDER BY {FTS}.rowid DESC LIMIT %s", [*values, limit])
            return [pk for (pk,) in cursor.fetchall()]
    rows = SearchEntry.objects.filter(all_of(wanted)).order_by("-pk")
    return list((rows if up_to is None else rows.filter(pk__lte=up_to)).values_list("pk", flat=True)[:limit])


def _count_in_fts5(wanted: Wanted) -> int:
    sql, values = _fts5(wanted)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql} LIMIT %s)", [*values, CAP])  # noqa: S608  (names of ours)
        return int(cursor.fetchone()[0])


def _is_in_fts5(wanted: Wanted) -> bool:
    """Whether SQLite's index answers: it has its rows in order of their ids, and reads no further than the last one that is asked for."""
    return connection.vendor == "sqlite" and bool(wanted.clauses)


def _fts5(wanted: Wanted, up_to: int | None = None) -> tuple[str, list[str | int]]:
    tables, conditions = FTS, [f"{FTS} MATCH %s"]
    values: list[str | int] = [_written(wanted, _FTS5)]
    if up_to is not None:
        conditions.append(f"{FTS}.rowid <= %s")
        values.append(up_to)
    for condition, border in _borders(wanted):
        tables = f"{FTS} CROSS JOIN {_ENTRIES} ON file_id = {FTS}.rowid"  # CROSS: the index first
        conditions.append(condition)
        values.append(border)
    return f"SELECT {FTS}.rowid FROM {tables} WHERE {' AND '.join(conditions)}", values  # noqa: S608  (names of ours)


def all_of(wanted: Wanted) -> Q:
    """The condition of a match, to be asked of one row after the other."""
    conditions = [reduce(lambda one, other: one | other, map(_has, clause)) for clause in wanted.clauses]
    conditions += [~_has(tokens) for tokens in wanted.excluded]
    if not conditions:
        return _in_ranges(wanted)
    # As one value: PostgreSQL takes each of several conditions for a rare thing, and reads the whole table to sort the few.
    return _in_ranges(wanted) & Q(Case(When(reduce(and_, conditions), then=Value(True)), default=Value(False)))


def _has(tokens: Tokens) -> Q:
    return reduce(and_, (Q(_holds(token)) for token in tokens))


def _holds(token: str) -> Any:
    column = "facets" if "_" in token else "words"
    function = "strpos" if connection.vendor == "postgresql" else "instr"
    return RawSQL(f"{function}({column}, %s) > 0", [f" {token} "], output_field=BooleanField())  # noqa: S611  (a column of ours)


def _in_ranges(wanted: Wanted) -> Q:
    return reduce(and_, (Q(RawSQL(sql, [border], output_field=BooleanField())) for sql, border in _borders(wanted)), Q())  # noqa: S611


def _borders(wanted: Wanted) -> Iterator[tuple[str, int]]:
    """The ranges as conditions on rows of entries, each with its parameter. Without the table's name: in a subquery it has another."""
    for one in wanted.ranges:
        yield f"{one.column} >= %s", max(0, one.low or 0)
        if one.high is not None:
            yield f"{one.column} < %s", one.high


class _Language(NamedTuple):
    """How an index is asked. A token is letters, digits and "_", so quoting it is enough."""

    quote: str
    every: str
    any: str
    without: str


_FTS5 = _Language('"', " AND ", " OR ", " NOT ")
_TSQUERY = _Language("'", " & ", " | ", " & !")


def _written(wanted: Wanted, language: _Language) -> str:
    def all_of_tokens(tokens: Tokens) -> str:
        return "(" + language.every.join(f"{language.quote}{token}{language.quote}" for token in tokens) + ")"

    def one_of(alternatives: tuple[Tokens, ...]) -> str:
        return "(" + language.any.join(map(all_of_tokens, alternatives)) + ")"

    wanted_part = "(" + language.every.join(map(one_of, wanted.clauses)) + ")"
    return wanted_part + (language.without + one_of(wanted.excluded) if wanted.excluded else "")
