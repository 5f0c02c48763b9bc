"""Catalog, series, content and its parts, with what their cards show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Subquery, Sum

from catalog.choices import FileKind, Presence, ProbeState
from catalog.models import Catalog, Content, MediaFile, Series
from catalog.selectors.scope import get_visible, visible
from catalog.selectors.stats import summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader

# PostgreSQL sorts NULL first in a descending order, SQLite last: say it.
SERIES_ORDER = ("position", F("year").desc(nulls_last=True), "name", "id")
CONTENT_ORDER = ("key", "id")
_FACES = 3  # series of a catalog that may lend it their picture


@dataclass(frozen=True, slots=True)
class CatalogCard:
    """A catalog and what its card shows: files that are there. `poster_file_id` None: nothing in it has a picture."""

    catalog: Catalog
    total_series: int
    total_contents: int
    total_files: int
    total_bytes: int
    poster_file_id: int | None


@dataclass(frozen=True, slots=True)
class SeriesCard:
    """A series and what its card shows."""

    series: Series
    poster_file_id: int | None


@dataclass(slots=True)
class ContentCard:
    """A content and what its card shows. Durations and sizes are of the files that are there."""

    content: Content
    total_files: int = 0
    total_bytes: int = 0
    duration_ms: int = 0
    missing_files: int = 0
    poster_file_id: int | None = None
    extensions: list[str] = field(default_factory=list)


def list_catalog_cards(*, user: Reader) -> list[CatalogCard]:
    """All catalogs in their order. Five queries, however many catalogs and files there are."""
    catalogs = list(visible(Catalog.objects.all(), user))
    by_catalog: defaultdict[int, list[Series]] = defaultdict(list)
    for series in Series.objects.filter(total_contents__gt=0).order_by(*SERIES_ORDER):
        by_catalog[series.catalog_id].append(series)
    faces = {catalog_id: [series.pk for series in rows[:_FACES]] for catalog_id, rows in by_catalog.items()}
    posters = _series_posters([series_id for series_ids in faces.values() for series_id in series_ids])
    counted = {row.key["catalog"]: row for row in summary(user=user, by=["catalog"])}
    return [
        CatalogCard(
            catalog=catalog,
            total_series=len(by_catalog[catalog.pk]),
            total_contents=sum(series.total_contents for series in by_catalog[catalog.pk]),
            total_files=counted[catalog.pk].files if catalog.pk in counted else 0,
            total_bytes=counted[catalog.pk].bytes if catalog.pk in counted else 0,
            poster_file_id=next((posters[series_id] for series_id in faces.get(catalog.pk, []) if series_id in posters), None),
        )
        for catalog in catalogs
    ]


def get_catalog(*, user: Reader, catalog_id: int) -> Catalog:
    """One catalog."""
    return get_visible(Catalog.objects.all(), user, catalog_id)


def list_series_cards(*, user: Reader, catalog: Catalog) -> list[SeriesCard]:
    """The series of a catalog that hold something, newest year first. Two queries."""
    rows = list(visible(Series.objects.all(), user).filter(catalog=catalog, total_contents__gt=0).order_by(*SERIES_ORDER))
    posters = _series_posters([series.pk for series in rows])
    return [SeriesCard(series=series, poster_file_id=posters.get(series.pk)) for series in rows]


def get_series(*, user: Reader, series_id: int) -> Series:
    """One series, with its catalog."""
    return get_visible(Series.objects.select_related("catalog"), user, series_id)


def list_contents(*, user: Reader, series: Series) -> QuerySet[Content]:
    """The contents of a series, by CONTENT_ORDER, for keyset pages."""
    return visible(Content.objects.all(), user).filter(series=series).order_by(*CONTENT_ORDER)


def content_cards(contents: Iterable[Content]) -> list[ContentCard]:
    """Cards of a page of contents, in their order. One query, over the files of these contents only."""
    cards = {content.pk: ContentCard(content) for content in contents}
    files = (
        MediaFile.objects.filter(content__in=cards)
        .order_by("content", "part_number", "id")
        .values_list("content_id", "id", "kind", "presence", "probe_state", "size_bytes", "duration_ms", "extension")
    )
    for content_id, file_id, kind, presence, probe_state, size_bytes, duration_ms, extension in files:
        card = cards[content_id]
        if presence in {Presence.MISSING, Presence.HELD}:
            card.missing_files += 1
            continue
        card.total_files += 1
        card.total_bytes += size_bytes
        if kind == FileKind.VIDEO:
            card.duration_ms += duration_ms or 0
            if card.poster_file_id is None and probe_state == ProbeState.DONE:
                card.poster_file_id = file_id
        if extension not in card.extensions:
            card.extensions.append(extension)
    return list(cards.values())


def get_content(*, user: Reader, content_id: int) -> Content:
    """One content, with series, catalog and players."""
    return get_visible(Content.objects.select_related("series__catalog").prefetch_related("players"), user, content_id)


def list_parts(*, user: Reader, content: Content) -> list[MediaFile]:
    """All files of a content: parts in order, then files without a part number, then by name."""
    files = visible(MediaFile.objects.select_related("folder", "source"), user).filter(content=content)
    return list(files.order_by(F("part_number").asc(nulls_last=True), "name_key", "id"))


def total_duration_ms(content: Content) -> int:
    """Length of all video parts that are there, in milliseconds."""
    files = content.files.filter(kind=FileKind.VIDEO).exclude(presence__in=[Presence.MISSING, Presence.HELD])
    total: int | None = files.aggregate(total=Sum("duration_ms"))["total"]
    return total or 0


def _series_posters(series_ids: Iterable[int]) -> dict[int, int]:
    """Series id -> file whose picture stands for it: the first video of its first content that has one."""
    pictured = MediaFile.objects.filter(kind=FileKind.VIDEO, probe_state=ProbeState.DONE)
    # Walks the unique index (series, key) and stops at the first content with a picture.
    content = Content.objects.filter(series=OuterRef("pk")).filter(Exists(pictured.filter(content=OuterRef("pk")))).order_by("key")
    faces = dict(
        Series.objects.filter(pk__in=list(series_ids))
        .annotate(face=Subquery(content.values("pk")[:1]))
        .exclude(face=None)
        .values_list("pk", "face")
    )
    first: dict[int, int] = {}
    files = pictured.filter(content__in=faces.values()).order_by("content", "part_number", "id").values_list("content_id", "id")
    for content_id, file_id in files:
        first.setdefault(content_id, file_id)
    return {series_id: first[content_id] for series_id, content_id in faces.items() if content_id in first}
