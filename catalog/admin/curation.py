"""Tags, players, collections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.utils.translation import gettext_lazy as _

from catalog import text
from catalog.admin.base import CatalogAdmin, ReadOnlyInline, acting_user
from catalog.forms import PlayerAdminForm
from catalog.models import Collection, CollectionItem, Player, Tag
from catalog.selectors.curation import find_namesakes
from catalog.services import collections, players, tags
from mam.templatetags.mam_format import format_names

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from mam.accounts.models import User


@admin.register(Tag)
class TagAdmin(CatalogAdmin):
    """Words on files."""

    list_display: ClassVar = ["name", "color"]
    actions: ClassVar = ["merge"]
    search_fields: ClassVar = ["key"]
    fields: ClassVar = ["name", "color"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Tag], search_term: str) -> tuple[QuerySet[Tag], bool]:
        """Part of the name, whatever its case."""
        return queryset.filter(key__contains=text.fold(search_term)), False

    def create(self, user: User, data: dict[str, Any], form: Any) -> Tag:
        """By the service."""
        return tags.create_tag(user=user, **data)

    def update(self, user: User, row: Tag, changes: dict[str, Any], form: Any) -> None:
        """By the services."""
        if "name" in changes:
            tags.rename_tag(tag=row, name=changes["name"], user=user)
        if "color" in changes:
            tags.recolor_tag(tag=row, color=changes["color"], user=user)

    def remove(self, user: User, row: Tag) -> None:
        """By the service."""
        tags.delete_tag(tag=row, user=user)

    @admin.action(description=_("Merge into one"), permissions=["change"])
    def merge(self, request: HttpRequest, rows: QuerySet[Tag]) -> HttpResponse | None:
        """Asks which one stays; it is put on the files of the others."""

        def merge(into: Tag, others: list[Tag]) -> None:
            for other in others:
                tags.merge_tags(into=into, other=other, user=acting_user(request))

        return self.merge_page(request, rows, merge)


@admin.register(Player)
class PlayerAdmin(CatalogAdmin):
    """Poker players."""

    form = PlayerAdminForm
    list_display: ClassVar = ["name", "name_ko", "name_en", "country"]
    list_filter: ClassVar = ["country"]
    actions: ClassVar = ["merge"]
    search_fields: ClassVar = ["name", "name_ko", "name_en", "aliases"]
    fields: ClassVar = ["name", "name_ko", "name_en", "aliases", "country"]

    def create(self, user: User, data: dict[str, Any], form: Any) -> Player:
        """By the service."""
        return players.create_player(user=user, **data)

    def update(self, user: User, row: Player, changes: dict[str, Any], form: Any) -> None:
        """By the service."""
        players.update_player(player=row, user=user, **changes)

    def save_model(self, request: HttpRequest, obj: Player, form: Any, change: bool) -> None:
        """Says so where it is another's name too: both would be found, and neither could be named."""
        super().save_model(request, obj, form, change)
        others = find_namesakes(user=acting_user(request), player=obj)
        if others:
            words = _(
                "%(player)s shares a name with another player (%(others)s). "
                "If they are one person, merge them; if not, tell them apart by their names."
            )
            params = {"player": obj.name, "others": format_names([other.name for other in others])}
            self.message_user(request, words % params, messages.WARNING)

    def remove(self, user: User, row: Player) -> None:
        """By the service."""
        players.delete_player(player=row, user=user)

    @admin.action(description=_("Merge into one"), permissions=["change"])
    def merge(self, request: HttpRequest, rows: QuerySet[Player]) -> HttpResponse | None:
        """Asks who stays; the names of the others become spellings of that one."""

        def merge(into: Player, others: list[Player]) -> None:
            for other in others:
                players.merge_players(into=into, other=other, user=acting_user(request))

        return self.merge_page(request, rows, merge)


class CollectionItemInline(ReadOnlyInline):
    """The files of a collection, in order, page by page."""

    model = CollectionItem
    fields: ClassVar = ["position", "file", "folder"]
    readonly_fields = fields
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[CollectionItem]:
        """With what is shown of each file."""
        rows: QuerySet[CollectionItem] = super().get_queryset(request).select_related("file__folder")
        return rows

    @admin.display(description=_("folder"))
    def folder(self, item: CollectionItem) -> str:
        """Where the file lies."""
        return str(item.file.folder)


@admin.register(Collection)
class CollectionAdmin(CatalogAdmin):
    """Collections. Files are put in by the bulk action of the file list, and ordered on the collection's page."""

    list_display: ClassVar = ["name", "parent", "position", "created_by", "created_at"]
    list_select_related: ClassVar = ["parent", "created_by"]
    search_fields: ClassVar = ["name"]
    autocomplete_fields: ClassVar = ["parent"]
    fields: ClassVar = ["parent", "name", "description", "query", "created_by", "created_at"]
    readonly_fields: ClassVar = ["created_by", "created_at"]
    inlines: ClassVar = [CollectionItemInline]

    def create(self, user: User, data: dict[str, Any], form: Any) -> Collection:
        """By the service."""
        return collections.create_collection(user=user, **data)

    def update(self, user: User, row: Collection, changes: dict[str, Any], form: Any) -> None:
        """By the services."""
        if "parent" in changes:
            collections.nest_collection(collection=row, parent=changes.pop("parent"), user=user)
        collections.update_collection(collection=row, user=user, **changes)

    def remove(self, user: User, row: Collection) -> None:
        """By the service; the files stay."""
        collections.delete_collection(collection=row, user=user)
