"""What a search wants of a file, as every index is asked it. No queries here."""

from __future__ import annotations

from dataclasses import dataclass, replace

Tokens = tuple[str, ...]  # all of them
Clause = tuple[Tokens, ...]  # one of them
Bounds = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Range:
    """low <= column of SearchEntry < high, for any of some (low, high); None: no border. Where a value is not known (-1) no range holds."""

    column: str
    spans: tuple[Bounds, ...]

    @classmethod
    def outside(cls, column: str, low: int | None, high: int | None) -> Range:
        """Below `low`, or from `high` on."""
        return cls(column, tuple(span for span in ((None, low), (high, None)) if span != (None, None)))


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
        """This, widened by one of its clauses and one of its ranges."""
        clauses = tuple(one for one in self.clauses if one != clause)
        return replace(self, clauses=clauses, ranges=tuple(one for one in self.ranges if one != asked))
