"""Catalogs, series, contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from catalog import text
from catalog.admin.base import CatalogAdmin, acting_user
from catalog.models import Catalog, Content, Series
from catalog.services import arranging, works

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from mam.accounts.models import User


@admin.register(Catalog)
class CatalogModelAdmin(CatalogAdmin):
    """The top divisions of the library."""

    list_display: ClassVar = ["name", "key", "position", "contents", "is_curated"]
    search_fields: ClassVar = ["name", "key"]
    fields: ClassVar = ["name", "description", "position", "key", "is_curated", "created_at"]
    readonly_fields: ClassVar = ["key", "is_curated", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Catalog]:
        """With the number of contents, from the roll-ups of the series."""
        rows: QuerySet[Catalog] = super().get_queryset(request)
        return rows.annotate(total_contents=Sum("series__total_contents", default=0))

    @admin.display(description=_("contents"))
    def contents(self, catalog: Any) -> int:
        """In all its series."""
        return int(catalog.total_contents)

    def create(self, user: User, data: dict[str, Any], form: Any) -> Catalog:
        """By the service."""
        return works.create_catalog(user=user, **data)

    def update(self, user: User, row: Catalog, changes: dict[str, Any], form: Any) -> None:
        """By the service."""
        works.update_catalog(catalog=row, user=user, **changes)

    def remove(self, user: User, row: Catalog) -> None:
        """By the service."""
        works.delete_catalog(catalog=row, user=user)


@admin.register(Series)
class SeriesAdmin(CatalogAdmin):
    """Seasons and events."""

    list_display: ClassVar = ["name", "catalog", "year", "position", "total_contents", "is_curated"]
    list_filter: ClassVar = ["catalog", "is_curated"]
    list_select_related: ClassVar = ["catalog"]
    search_fields: ClassVar = ["name", "key", "catalog__name"]
    fields: ClassVar = ["catalog", "name", "year", "description", "position", "key", "is_curated", "total_contents"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A series stays in its catalog."""
        fixed = ["key", "is_curated", "total_contents"]
        return ["catalog", *fixed] if obj else fixed

    def create(self, user: User, data: dict[str, Any], form: Any) -> Series:
        """By the service."""
        return works.create_series(user=user, **data)

    def update(self, user: User, row: Series, changes: dict[str, Any], form: Any) -> None:
        """By the service."""
        works.update_series(series=row, user=user, **changes)

    def remove(self, user: User, row: Series) -> None:
        """By the service."""
        works.delete_series(series=row, user=user)


@admin.register(Content)
class ContentAdmin(CatalogAdmin):
    """Works as viewers see them. Another series moves a content there with its files."""

    list_display: ClassVar = ["title", "series", "catalog", "is_curated", "created_at"]
    list_filter: ClassVar = ["series__catalog", "is_curated"]
    list_select_related: ClassVar = ["series__catalog"]
    search_fields: ClassVar = ["title", "key"]
    ordering: ClassVar = ["-id"]
    sortable_by: ClassVar[list[str]] = []
    autocomplete_fields: ClassVar = ["series", "players"]
    fields: ClassVar = ["series", "title", "description", "players", "key", "is_curated", "created_at"]
    readonly_fields: ClassVar = ["key", "is_curated", "created_at"]
    actions: ClassVar = ["merge"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Content], search_term: str) -> tuple[QuerySet[Content], bool]:
        """Each word in the title, or in the key that rules gave it."""
        for word in search_term.split():
            queryset = queryset.filter(Q(title__icontains=text.nfc(word)) | Q(key__contains=text.fold(word)))
        return queryset, False

    @admin.display(description=_("catalog"))
    def catalog(self, content: Content) -> str:
        """Of its series."""
        return content.series.catalog.name

    def create(self, user: User, data: dict[str, Any], form: Any) -> Content:
        """By the services."""
        made = works.create_content(series=data["series"], title=data["title"], description=data["description"], user=user)
        return works.update_content(content=made, players=list(data["players"]), user=user)

    def update(self, user: User, row: Content, changes: dict[str, Any], form: Any) -> None:
        """By the services."""
        if "series" in changes:
            arranging.move_content(content=row, series=changes.pop("series"), user=user)
        if "players" in changes:
            changes["players"] = list(changes["players"])
        works.update_content(content=row, user=user, **changes)

    def remove(self, user: User, row: Content) -> None:
        """By the service; the files stay."""
        works.delete_content(content=row, user=user)

    @admin.action(description=_("Merge into one"), permissions=["change"])
    def merge(self, request: HttpRequest, contents: QuerySet[Content]) -> HttpResponse | None:
        """Asks which one stays."""
        user = acting_user(request)
        return self.merge_page(request, contents, lambda into, others: arranging.merge_contents(into=into, others=others, user=user))
