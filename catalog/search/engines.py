"""Asking for the files that a search wants, newest first: by words and fields from the bitmaps (`postings`); by neither from the entries
themselves (`rows`), which are also walked where another order is wanted and more than CAP match: every so many rows of any order are
matches then.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from catalog.models import SearchEntry
from catalog.search import rows
from catalog.search.postings import Postings
from catalog.search.rows import Rows
from mam.lib.bulk import among

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from catalog.search.wanted import Wanted

CAP = 10_001  # counts stop here and are shown as "10,000+" (FACTS, Database 2)


class Engine(Protocol):
    """What knows the matches of one search."""

    def newest(self, limit: int, up_to: int | None = None) -> list[int]:
        """Ids of the newest ones, none newer than `up_to`; newest first."""


def engine(wanted: Wanted) -> Engine:
    """The one that answers this."""
    return Postings(wanted) if wanted.clauses else Rows(wanted)


class _Given:
    """Matches that somebody has already looked at, one by one; newest first."""

    def __init__(self, ids: list[int]) -> None:
        self._ids = ids

    def newest(self, limit: int, up_to: int | None = None) -> list[int]:
        return [pk for pk in self._ids if up_to is None or pk <= up_to][:limit]


class Matches:
    """The files that have what is wanted, looked at as far as somebody asks. `only`: none but these ids, newest first; `is_cut`: older
    ones were not looked at.
    """

    def __init__(self, wanted: Wanted, only: list[int] | None = None, *, is_cut: bool = False) -> None:
        self.wanted = wanted
        self.is_cut = is_cut
        self._is_given = only is not None
        self._engine = engine(wanted) if only is None else _Given(only)

    @property
    def count(self) -> int:
        """How many, no further than CAP."""
        return len(self.some)

    @cached_property
    def some(self) -> list[int]:
        """All ids, or the newest CAP of them where they are more; newest first."""
        return self._engine.newest(CAP)

    @property
    def is_whole(self) -> bool:
        """`some` are all that are looked at."""
        return self._is_given or self.count < CAP

    @property
    def is_complete(self) -> bool:
        """`some` are all there are."""
        return self.count < CAP and not self.is_cut

    @property
    def entries(self) -> QuerySet[SearchEntry]:
        """Their entries, to be ordered."""
        if self.is_whole:
            return SearchEntry.objects.filter(pk__in=among(self.some))
        return SearchEntry.objects.filter(rows.matches(self.wanted), pk__lte=self.some[0])

    def newest(self, limit: int, up_to: int | None = None) -> list[int]:
        """Ids of the newest ones, none newer than `up_to`; newest first."""
        return self._engine.newest(limit, up_to)
