"""Renditions in the admin: to see why one is not there, to have it made again or deleted, and what lies in which tier."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from catalog.admin.base import CappedPaginator, acting_user
from mam.accounts.access import require
from mam.accounts.admin_site import NamedPermissionsMixin
from mam.jobs.models import JobPriority
from mam.templatetags.mam_format import format_bytes, message_text
from streaming import tiers
from streaming.models import Rendition, StoredObject
from streaming.services import renditions, upkeep
from streaming.services.renditions import MAKE_RENDITION

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


class StoredObjectInline(NamedPermissionsMixin, TabularInline):  # type: ignore[misc]
    """The objects of a rendition, and what the last look at each found."""

    named_permissions: ClassVar = {"view": "catalog.curate"}
    model = StoredObject
    fields: ClassVar = ["name", "content_type", "size", "checksum", "state", "verified_at"]
    readonly_fields: ClassVar = ["size"]
    extra = 0

    @admin.display(description=_("size"))
    def size(self, row: StoredObject) -> str:
        """In the reader's units."""
        return format_bytes(row.size_bytes)


@admin.register(Rendition)
class RenditionAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """Read only: renditions are written by services."""

    named_permissions: ClassVar = {"view": "catalog.curate"}
    list_display: ClassVar = ["file", "kind", "state", "size", "attempts", "error", "made_at", "last_access_at"]
    list_filter: ClassVar = ["state", "kind", "file__source"]
    list_select_related: ClassVar = ["file"]
    fields: ClassVar = [
        *["file", "kind", "state", "preset", "size", "cpu_ms", "attempts", "error", "log_tail", "details"],
        *["made_from", "source_fingerprint", "made_at", "last_access_at"],
    ]
    readonly_fields: ClassVar = ["size", "error"]
    raw_id_fields: ClassVar = ["file"]
    inlines: ClassVar = [StoredObjectInline]
    actions: ClassVar = ["make_again", "purge"]
    actions_list: ClassVar = ["show_tiers"]
    paginator = CappedPaginator
    show_full_result_count = False  # as many as files

    def get_urls(self) -> list[URLPattern]:
        """With the page of the tiers."""
        urls: list[URLPattern] = super().get_urls()
        return [path("tiers/", self.admin_site.admin_view(self.tiers_view), name="streaming_tiers"), *urls]

    @admin.display(description=_("size"), ordering="size_bytes")
    def size(self, row: Rendition) -> str:
        """In the reader's units."""
        return format_bytes(row.size_bytes)

    @admin.display(description=_("error"), ordering="error_code")
    def error(self, row: Rendition) -> str:
        """In the reader's language."""
        return message_text(row.error_code, row.error_params) if row.error_code else "–"

    def has_make_permission(self, request: HttpRequest) -> bool:
        """Who may have renditions made and purged."""
        return request.user.has_perm(MAKE_RENDITION)

    @admin.action(description=_("Make again"), permissions=["make"])
    def make_again(self, request: HttpRequest, rows: QuerySet[Rendition]) -> None:
        """Enqueue a job for each."""
        found = list(rows.select_related("file__source", "file__folder"))
        for row in found:
            renditions.want(file=row.file, kind=row.kind, priority=JobPriority.NORMAL, user=acting_user(request), again=True)
        words = ngettext("%(count)s rendition is made again.", "%(count)s renditions are made again.", len(found))
        self.message_user(request, words % {"count": len(found)}, messages.SUCCESS)

    @admin.action(description=_("Delete the stored bytes"), permissions=["make"])
    def purge(self, request: HttpRequest, rows: QuerySet[Rendition]) -> None:
        """They are made again when somebody asks."""
        count = sum(renditions.purge(rendition=row, user=acting_user(request)) for row in rows)
        words = ngettext("The bytes of %(count)s rendition are deleted.", "The bytes of %(count)s renditions are deleted.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS)

    @action(description=_("Storage tiers"), permissions=["view"])  # type: ignore[untyped-decorator]  # unfold has no types
    def show_tiers(self, request: HttpRequest) -> HttpResponse:
        """To the page."""
        return HttpResponseRedirect(reverse("admin:streaming_tiers"))

    def tiers_view(self, request: HttpRequest) -> HttpResponse:
        """What lies where; POST looks at all renditions now instead of tonight."""
        require(acting_user(request), "catalog.curate")
        if request.method == "POST":
            upkeep.request_tidy(user=acting_user(request))
            self.message_user(request, gettext("All renditions are looked at now."), messages.SUCCESS)
            return HttpResponseRedirect(request.path)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Storage tiers"),
            "opts": self.opts,
            "use": tiers.get_tier_use(),
            "may_tidy": self.has_make_permission(request),
        }
        return TemplateResponse(request, "admin/streaming/tiers.html", context)
