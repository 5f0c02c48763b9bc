"""The library in numbers, from roll-ups only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Sum

from catalog.models import Folder, Series
from catalog.selectors.scope import visible

if TYPE_CHECKING:
    from catalog.selectors.scope import Reader


@dataclass(frozen=True, slots=True)
class LibraryTotals:
    """Numbers of all sources together; `files`, `bytes` and `videos` without missing ones."""

    files: int
    bytes: int
    videos: int
    growing: int
    missing: int
    pending: int
    failed: int
    contents: int


def library_totals(*, user: Reader) -> LibraryTotals:
    """Two queries over as many rows as there are sources and series."""
    names = ("files", "bytes", "videos", "growing", "missing", "pending", "failed")
    roots = visible(Folder.objects.all(), user).filter(parent=None)
    sums = roots.aggregate(**{name: Sum(f"total_{name}", default=0) for name in names})
    contents = Series.objects.aggregate(total=Sum("total_contents", default=0))["total"]
    return LibraryTotals(**sums, contents=contents)
