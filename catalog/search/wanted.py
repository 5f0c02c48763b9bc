"""What a search wants of a file, as every index is asked it. No queries here."""

from __future__ import annotations

from dataclasses import dataclass, replace

Tokens = tuple[str, ...]  # all of them
Clause = tuple[Tokens, ...]  # one of them
Bounds = tuple[int | None, int | None]
UNKNOWN = -1  # of a column of SearchEntry


@dataclass(frozen=True, slots=True)
class Range:
    """low <= column of SearchEntry < high, for any of some (low, high); None: no border. What is not known (UNKNOWN) lies in no range but
    one that begins with it.
    """

    column: str
    spans: tuple[Bounds, ...]

    @classmethod
    def outside(cls, column: str, low: int | None, high: int | None) -> Range:
        """Not between these: below, from `high` on, or not known."""
        return cls(column, ((UNKNOWN, low or 0), *([] if high is None else [(high, None)])))

    @property
    def has_unknown(self) -> bool:
        """Whether what is not known lies in it."""
        return any(low == UNKNOWN for low, _high in self.spans)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What matches: every one of `clauses`, none of `excluded`, all `ranges`."""

    clauses: tuple[Clause, ...] = ()
    excluded: tuple[Tokens, ...] = ()
    ranges: tuple[Range, ...] = ()

    def also(self, *clauses: Clause) -> Wanted:
        """This, narrowed."""
        return replace(self, clauses=tuple(dict.fromkeys((*self.clauses, *clauses))))

    def without(self, clause: Clause, asked: Range | None) -> Wanted:
        """This, widened by one of its clauses and one of its ranges. Another one that says the same stays."""
        clauses, ranges = list(self.clauses), list(self.ranges)
        if clause:
            clauses.remove(clause)
        if asked:
            ranges.remove(asked)
        return replace(self, clauses=tuple(clauses), ranges=tuple(ranges))
