"""The library in numbers: sums of the summary cube, which is always right. No file is counted here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q, Sum

from catalog.choices import HERE, FileKind, Presence, ProbeState
from catalog.models import Catalog, Series, SummaryCell
from catalog.selectors.scope import VIEW_LIBRARY, visible
from mam.accounts.access import require
from mam.lib.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader

_NAMES = Prepared(lambda ids: Catalog.objects.filter(pk__in=ids).order_by().values_list("pk", "name"))

# By what files are counted: name -> column of the cube. Of a column that is 0 or "" there is none.
DIMENSIONS = {
    "catalog": "catalog_id",
    "year": "year",
    "kind": "kind",
    "extension": "extension",
    "presence": "presence",
    "probe_state": "probe_state",
    "hls": "hls",
}


@dataclass(frozen=True, slots=True)
class LibraryTotals:
    """Numbers of all sources together; without missing files, but for `missing` itself."""

    files: int
    bytes: int
    videos: int
    growing: int
    missing: int
    pending: int
    failed: int
    contents: int
    duration_ms: int  # of videos

    @property
    def hours(self) -> int:
        """Of video, rounded."""
        return round(self.duration_ms / 3_600_000)


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """How much there is of the files that are alike in some dimensions. `key`: by their names, None where a file has none.

    A catalog is its id; `hls` is "yes" or "no", None for what is no understood video.
    """

    key: dict[str, int | str | None]
    files: int
    bytes: int
    duration_ms: int


def library_totals(*, user: Reader) -> LibraryTotals:
    """Two queries over as many rows as there are cells and series."""
    here = Q(presence__in=HERE)
    sums = {
        "files": Sum("files", filter=here, default=0),
        "bytes": Sum("bytes", filter=here, default=0),
        "videos": Sum("files", filter=here & Q(kind=FileKind.VIDEO), default=0),
        "growing": Sum("files", filter=Q(presence=Presence.GROWING), default=0),
        "missing": Sum("files", filter=~here, default=0),
        "pending": Sum("files", filter=here & Q(probe_state=ProbeState.PENDING), default=0),
        "failed": Sum("files", filter=here & Q(probe_state=ProbeState.FAILED), default=0),
        "duration_ms": Sum("duration_ms", filter=here & Q(kind=FileKind.VIDEO), default=0),
    }
    counted = visible(SummaryCell.objects.all(), user).aggregate(**{f"total_{name}": value for name, value in sums.items()})
    contents = Series.objects.aggregate(total=Sum("total_contents", default=0))["total"]
    return LibraryTotals(**{name: int(counted[f"total_{name}"]) for name in sums}, contents=contents)


def summary(*, user: Reader, by: Sequence[str] = (), only: Mapping[str, Collection[int | str]] | None = None) -> list[SummaryRow]:
    """Files, bytes and duration by some of DIMENSIONS, in their order; only cells with files. One query.

    `only`: dimension -> the values that count; without a presence there those of files that are there. Of no dimension it is one row.
    """
    cells: QuerySet[SummaryCell] = visible(SummaryCell.objects.all(), user)
    for name, values in {"presence": HERE, **(only or {})}.items():
        cells = cells.filter(**{f"{DIMENSIONS[name]}__in": list(values)})
    columns = [DIMENSIONS[name] for name in by]
    # SUM of integers is a decimal on PostgreSQL.
    sums = {"total_files": Sum("files", default=0), "total_bytes": Sum("bytes", default=0), "total_ms": Sum("duration_ms", default=0)}
    if not columns:
        return [SummaryRow({}, *(int(value) for value in cells.aggregate(**sums).values()))]
    rows: Any = cells.values_list(*columns).annotate(**sums).order_by(*columns)
    return [
        SummaryRow({name: value or None for name, value in zip(by, row[: len(by)], strict=True)}, *(int(value) for value in row[len(by) :]))
        for row in rows
        if row[len(by)]
    ]


def catalog_names(*, user: Reader, catalog_ids: Collection[int]) -> dict[int, str]:
    """What those of the catalogs that exist are called."""
    require(user, VIEW_LIBRARY)
    return dict(_NAMES.rows(catalog_ids))
