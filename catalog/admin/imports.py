"""What was taken over from old archives, and what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from catalog import text
from catalog.admin.base import CatalogAdmin
from catalog.models import ImportedRecord
from catalog.services.archive_import import row_label
from catalog.services.archive_reader import OldRow
from catalog.services.common import CURATE
from mam.templatetags.mam_format import format_absolute_time

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(ImportedRecord)
class ImportedRecordAdmin(CatalogAdmin):
    """Rows of old archives, to look at: what stands for each, or why nothing does, and all that was in it."""

    named_permissions: ClassVar = {"view": CURATE}
    list_display: ClassVar = ["old_id", "described", "table", "state", "reason", "file", "content", "archive_name"]
    list_filter: ClassVar = ["state", "reason", "table", "archive_name"]
    list_select_related: ClassVar = ["file", "content"]
    search_fields: ClassVar = ["=old_id"]  # shows the box; `get_search_results` does the work
    search_help_text = _("An old id, or part of the name that its file has here.")
    ordering: ClassVar = ["-id"]
    sortable_by: ClassVar[list[str]] = []
    fields: ClassVar = ["archive_name", "table", "old_id", "state", "reason", "file", "content", "at", "old_values"]
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ImportedRecord], search_term: str
    ) -> tuple[QuerySet[ImportedRecord], bool]:
        """By the id, or by the file's name, whatever its case; all of them for nothing."""
        if not search_term:
            return queryset, False
        return queryset.filter(Q(old_id=search_term) | Q(file__name_key__contains=text.fold(search_term))), False

    @admin.display(description=_("path or name"))
    def described(self, record: ImportedRecord) -> str:
        """As the report of the import has it."""
        return row_label(OldRow(record.table, record.old_id, record.old_row))

    @admin.display(description=_("imported at"))
    def at(self, record: ImportedRecord) -> str:
        """When it was looked at last."""
        return format_absolute_time(record.imported_at)

    @admin.display(description=_("the old row"))
    def old_values(self, record: ImportedRecord) -> str:
        """Column by column."""
        return format_html_join(mark_safe("<br>"), "<strong>{}</strong> {}", sorted(record.old_row.items()))
