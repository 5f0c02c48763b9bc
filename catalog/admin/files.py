"""Files and folders: what was found is read-only, what people say of it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db import transaction
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalog import selectors, text
from catalog.admin.base import CatalogAdmin, ReadOnlyInline, acting_user, bulk_data
from catalog.forms import CollectFilesForm, MoveToSeriesForm, TagFilesForm
from catalog.models import Folder, MediaFile, MediaStream
from catalog.selectors.search import matching
from catalog.services import arranging, collections, players, tags
from catalog.services.common import CURATE
from catalog.services.files import update_file
from mam.templatetags import mam_format

if TYPE_CHECKING:
    from django import forms
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from mam.accounts.models import User


class StreamInline(ReadOnlyInline):
    """The elementary streams, as analysed."""

    model = MediaStream
    fields: ClassVar = [
        "index",
        "kind",
        "codec",
        "profile",
        "language",
        "resolution",
        "frame_rate",
        "pixel_format",
        "field_order",
        "channels",
        "sample_rate_hz",
    ]
    readonly_fields = fields

    @admin.display(description=_("Resolution"))
    def resolution(self, stream: MediaStream) -> str:
        """ "1920×1080"."""
        return mam_format.format_resolution(stream.width_px, stream.height_px)

    @admin.display(description=_("Frame rate"))
    def frame_rate(self, stream: MediaStream) -> str:
        """Exact."""
        return f"{stream.frame_rate_num}/{stream.frame_rate_den}" if stream.frame_rate_num else ""


@admin.register(MediaFile)
class MediaFileAdmin(CatalogAdmin):
    """Files come and go with their sources; curators title, tag, place and collect them."""

    named_permissions: ClassVar = {"view": CURATE, "change": CURATE}
    list_display: ClassVar = ["name", "folder_path", "source", "kind", "presence", "probe_state", "length", "size", "placed_in"]
    list_filter: ClassVar = ["kind", "presence", "probe_state", "placement", "source", "content__series__catalog"]
    list_select_related: ClassVar = ["source", "folder", "content__series__catalog"]
    search_fields: ClassVar = ["name_key"]  # shows the box; `get_search_results` does the work
    search_help_text = _("Words in name, title, tags and path.")
    ordering: ClassVar = ["-id"]
    sortable_by: ClassVar[list[str]] = []  # an order without an index would read the whole table
    autocomplete_fields: ClassVar = ["content", "tags", "players"]
    inlines: ClassVar = [StreamInline]
    actions: ClassVar = ["tag_files", "collect_files", "move_to_series", "release"]
    curated: ClassVar = ["title", "description", "content", "part_number", "tags", "players"]
    place: ClassVar = ["source", "folder_path", "name", "kind", "extension", "size", "modified", "presence", "first_seen_at", "placement"]
    technical: ClassVar = [
        "probe_state",
        "probe_reason",
        "container",
        "length",
        "bit_rate",
        "resolution",
        "rate",
        "video_codec",
        "audio_codec",
        "recorded_at",
        "start_timecode",
        "is_drop_frame",
        "rotation",
        "sample_hash",
    ]
    readonly_fields: ClassVar = [*place, *technical]
    fieldsets: ClassVar = [
        (None, {"fields": curated}),
        (_("Where it lies"), {"fields": place}),
        (_("Technical data"), {"fields": technical}),
    ]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[MediaFile], search_term: str) -> tuple[QuerySet[MediaFile], bool]:
        """As the search page does."""
        return matching(queryset, search_term), False

    def update(self, user: User, row: MediaFile, changes: dict[str, Any], form: Any) -> None:
        """Placement first: it locks catalogs, which come before files."""
        if "content" in changes:
            arranging.move_files(file_ids=[row.pk], content=changes.pop("content"), user=user)
        if "tags" in changes:
            tags.set_tags(file=row, tags=list(changes.pop("tags")), user=user)
        if "players" in changes:
            players.set_players(file=row, players=list(changes.pop("players")), user=user)
        update_file(file=row, user=user, **changes)

    @admin.display(description=_("folder"))
    def folder_path(self, file: MediaFile) -> str:
        """Within the source."""
        return str(file.folder)

    @admin.display(description=_("content"))
    def placed_in(self, file: MediaFile) -> str:
        """ "WSOP / 2024 / Main Event"."""
        return f"{file.content.series.catalog} / {file.content.series} / {file.content}" if file.content else "–"

    @admin.display(description=_("duration"))
    def length(self, file: MediaFile) -> str:
        """Of the whole file."""
        return mam_format.format_duration(file.duration_ms)

    @admin.display(description=_("size"))
    def size(self, file: MediaFile) -> str:
        """In the reader's units."""
        return mam_format.format_bytes(file.size_bytes)

    @admin.display(description=_("modified"))
    def modified(self, file: MediaFile) -> str:
        """As the source says."""
        return mam_format.format_absolute_time(mam_format.moment_from_ns(file.mtime_ns))

    @admin.display(description=_("bit rate"))
    def bit_rate(self, file: MediaFile) -> str:
        """Of the whole file."""
        return mam_format.format_bit_rate(file.bit_rate_bps)

    @admin.display(description=_("Resolution"))
    def resolution(self, file: MediaFile) -> str:
        """Of the first video stream."""
        return mam_format.format_resolution(file.width_px, file.height_px)

    @admin.display(description=_("Frame rate"))
    def rate(self, file: MediaFile) -> str:
        """Of the first video stream."""
        return mam_format.format_frame_rate(file.frame_rate)

    # --- bulk actions ---
    @admin.action(description=_("Add or remove tags"), permissions=["change"])
    def tag_files(self, request: HttpRequest, files: QuerySet[MediaFile]) -> HttpResponse | None:
        """Asks for tags."""
        user = acting_user(request)

        @transaction.atomic
        def perform(form: forms.Form) -> str:
            ids, data = _ids(files), form.cleaned_data
            changed = tags.add_tags(file_ids=ids, tags=tags.get_or_create_tags(names=data["add"], user=user), user=user)
            changed += tags.remove_tags(file_ids=ids, tags=selectors.find_tags(user=user, names=data["remove"]), user=user)
            return ngettext("%(count)d tag changed.", "%(count)d tags changed.", changed) % {"count": changed}

        return self.bulk_page(request, files, title=gettext("Add or remove tags"), form=TagFilesForm(bulk_data(request)), perform=perform)

    @admin.action(description=_("Add to a collection"), permissions=["change"])
    def collect_files(self, request: HttpRequest, files: QuerySet[MediaFile]) -> HttpResponse | None:
        """Asks for a collection."""
        user = acting_user(request)

        @transaction.atomic
        def perform(form: forms.Form) -> str:
            collection, new_name = form.cleaned_data["collection"], form.cleaned_data["new_name"]
            collection = collection or collections.create_collection(name=new_name, user=user)
            count = len(collections.add_files(collection=collection, file_ids=_ids(files), user=user))
            return ngettext("%(count)d file added to “%(name)s”.", "%(count)d files added to “%(name)s”.", count) % {
                "count": count,
                "name": collection.name,
            }

        form = CollectFilesForm(bulk_data(request))
        return self.bulk_page(request, files, title=gettext("Add to a collection"), form=form, perform=perform)

    @admin.action(description=_("Move to a series"), permissions=["change"])
    def move_to_series(self, request: HttpRequest, files: QuerySet[MediaFile]) -> HttpResponse | None:
        """Asks for a series."""
        user = acting_user(request)

        def perform(form: forms.Form) -> str:
            series = form.cleaned_data["series"]
            count = arranging.move_files_to_series(file_ids=_ids(files), series=series, user=user)
            return ngettext("%(count)d file moved to “%(name)s”.", "%(count)d files moved to “%(name)s”.", count) % {
                "count": count,
                "name": series.name,
            }

        form = MoveToSeriesForm(bulk_data(request))
        return self.bulk_page(request, files, title=gettext("Move to a series"), form=form, perform=perform)

    @admin.action(description=_("Give back to the path rules"), permissions=["change"])
    def release(self, request: HttpRequest, files: QuerySet[MediaFile]) -> None:
        """At once."""
        changed = arranging.release_files(file_ids=_ids(files), user=acting_user(request)).changed
        self.message_user(request, ngettext("%(count)d file moved.", "%(count)d files moved.", changed) % {"count": changed})


@admin.register(Folder)
class FolderAdmin(CatalogAdmin):
    """Folders, to look at: they are what the sources say."""

    named_permissions: ClassVar = {"view": CURATE}
    list_display: ClassVar = [
        "path_or_root",
        "source",
        "total_files",
        "size",
        "total_missing",
        "total_pending",
        "total_failed",
        "listed_at",
    ]
    list_filter: ClassVar = ["source", "is_missing"]
    list_select_related: ClassVar = ["source"]
    search_fields: ClassVar = ["path_key"]
    ordering: ClassVar = ["id"]
    sortable_by: ClassVar[list[str]] = []
    fields: ClassVar = [
        "source",
        "path_or_root",
        "is_missing",
        "list_error",
        "listed_at",
        "total_files",
        "size",
        "total_videos",
        "total_growing",
        "total_missing",
        "total_pending",
        "total_failed",
    ]
    readonly_fields = fields

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Folder], search_term: str) -> tuple[QuerySet[Folder], bool]:
        """Part of the path, whatever its case."""
        return queryset.filter(path_key__contains=text.fold(search_term)), False

    @admin.display(description=_("folder"))
    def path_or_root(self, folder: Folder) -> str:
        """Within the source."""
        return str(folder)

    @admin.display(description=_("size"))
    def size(self, folder: Folder) -> str:
        """Of everything below."""
        return mam_format.format_bytes(folder.total_bytes)


def _ids(files: QuerySet[MediaFile]) -> list[int]:
    return list(files.order_by("pk").values_list("pk", flat=True))
