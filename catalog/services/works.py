"""Catalogs, series and contents as curators edit them. An edited one is `is_curated`: rules neither rename nor remove it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction

from catalog import text
from catalog.choices import Placement
from catalog.errors import NotEmptyError, ObjectNotFoundError
from catalog.models import Catalog, Content, MediaFile, Player, Series
from catalog.rules import CATALOG_MAX, GROUP_MAX, SERIES_MAX, TITLE_MAX
from catalog.services.common import CURATE, audit, change, check_access, clean_name, lock, name_is_free
from catalog.services.placement import lock_catalogs, recount_series

if TYPE_CHECKING:
    from mam.accounts.models import User


class CatalogChanges(TypedDict, total=False):
    """What a curator may change of a catalog."""

    name: str
    description: str
    position: int


class SeriesChanges(TypedDict, total=False):
    """What a curator may change of a series."""

    name: str
    description: str
    position: int
    year: int | None


class ContentChanges(TypedDict, total=False):
    """What a curator may change of a content."""

    title: str
    description: str
    players: Sequence[Player]


# --- catalogs -------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_catalog(*, name: str, user: User | None, description: str = "", position: int = 0) -> Catalog:
    """An empty catalog; rules that find its name in a path fill it. NameTakenError."""
    check_access(user, CURATE)
    name = clean_name(name, CATALOG_MAX)
    row = Catalog(key=text.bounded_key(name, CATALOG_MAX), name=name, description=description, position=position, is_curated=True)
    with name_is_free(name):
        row.save()
    audit(user, "catalog.create", row, {}, {"name": name})
    return row


@transaction.atomic
def update_catalog(*, catalog: Catalog, user: User | None, **changes: Unpack[CatalogChanges]) -> Catalog:
    """Rename, describe or order a catalog. Its key stays, so rules still find it."""
    check_access(user, CURATE)
    row = lock(catalog)
    if "name" in changes:
        changes["name"] = clean_name(changes["name"], CATALOG_MAX)
    before, after = change(row, changes)
    if after:
        row.is_curated = True
        row.save()
        audit(user, "catalog.update", row, before, after)
    return row


@transaction.atomic
def delete_catalog(*, catalog: Catalog, user: User | None) -> None:
    """Delete an empty catalog; NotEmptyError while it has series."""
    check_access(user, CURATE)
    row = lock(catalog)
    if row.series.exists():
        raise NotEmptyError(name=row.name)
    audit(user, "catalog.delete", row, {"name": row.name}, {})
    row.delete()


# --- series ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_series(
    *, catalog: Catalog, name: str, user: User | None, year: int | None = None, description: str = "", position: int = 0
) -> Series:
    """An empty series of a catalog. NameTakenError."""
    check_access(user, CURATE)
    name = clean_name(name, SERIES_MAX)
    row = Series(
        catalog=lock(catalog),
        key=text.bounded_key(name, SERIES_MAX),
        name=name,
        year=year,
        description=description,
        position=position,
        is_curated=True,
    )
    with name_is_free(name):
        row.save()
    audit(user, "series.create", row, {}, {"name": name, "catalog": catalog.pk})
    return row


@transaction.atomic
def update_series(*, series: Series, user: User | None, **changes: Unpack[SeriesChanges]) -> Series:
    """Rename, date, describe or order a series. Its key stays."""
    check_access(user, CURATE)
    row = lock(series)
    if "name" in changes:
        changes["name"] = clean_name(changes["name"], SERIES_MAX)
    before, after = change(row, changes)
    if after:
        row.is_curated = True
        row.save()
        audit(user, "series.update", row, before, after)
    return row


@transaction.atomic
def delete_series(*, series: Series, user: User | None) -> None:
    """Delete an empty series; NotEmptyError while it has contents."""
    check_access(user, CURATE)
    lock_catalogs([series.catalog_id])
    row = lock(series)
    if row.contents.exists():
        raise NotEmptyError(name=row.name)
    audit(user, "series.delete", row, {"name": row.name, "catalog": row.catalog_id}, {})
    row.delete()


# --- contents -------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_content(*, series: Series, title: str, user: User | None, description: str = "") -> Content:
    """An empty content of a series, to move files into. NameTakenError."""
    check_access(user, CURATE)
    lock_catalogs([series.catalog_id])
    title = clean_name(title, TITLE_MAX)
    row = Content(series=lock(series), key=text.bounded_key(title, GROUP_MAX), title=title, description=description, is_curated=True)
    with name_is_free(title):
        row.save()
    recount_series([series.pk])
    audit(user, "content.create", row, {}, {"title": title, "series": series.pk})
    return row


@transaction.atomic
def update_content(*, content: Content, user: User | None, **changes: Unpack[ContentChanges]) -> Content:
    """Rename or describe a content, or say who plays in it. Its key stays, so further parts still join it."""
    check_access(user, CURATE)
    row = lock(content)
    players = changes.pop("players", None)
    if "title" in changes:
        changes["title"] = clean_name(changes["title"], TITLE_MAX)
    before, after = change(row, changes)
    if players is not None:
        old, new = sorted(row.players.values_list("pk", flat=True)), sorted(player.pk for player in players)
        if old != new:
            row.players.set(players)
            before["players"], after["players"] = old, new
    if after:
        row.is_curated = True
        row.save()
        audit(user, "content.update", row, before, after)
    return row


@transaction.atomic
def delete_content(*, content: Content, user: User | None) -> None:
    """Delete a content. Its files stay, outside of every content, and rules leave them there."""
    check_access(user, CURATE)
    row = lock_content(content)
    files = list(row.files.values_list("pk", flat=True))
    audit(user, "content.delete", row, {"title": row.title, "series": row.series_id, "files": files}, {})
    MediaFile.objects.filter(content=row).update(content=None, part_number=None, placement=Placement.CURATOR)
    row.delete()
    recount_series([content.series_id])


def lock_content(content: Content) -> Content:
    """`content` as it is now, locked together with its catalog (see `placement`), series loaded. ObjectNotFoundError."""
    while True:
        seen = Content.objects.select_related("series").filter(pk=content.pk).first()
        if seen is None:
            raise ObjectNotFoundError
        lock_catalogs([seen.series.catalog_id])
        row = Content.objects.select_related("series").select_for_update(of=("self",)).filter(pk=content.pk).first()
        if row is None:
            raise ObjectNotFoundError
        if row.series.catalog_id == seen.series.catalog_id:
            return row
