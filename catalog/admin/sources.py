"""Sources and path rules, for administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.admin.base import CatalogAdmin, acting_user
from catalog.choices import PLACED_KINDS
from catalog.errors import PathRuleError
from catalog.forms import PathRuleAdminForm, SourceAdminForm
from catalog.models import MediaFile, PathRule, Source
from catalog.rules import compile_rule
from catalog.services import path_rules, sources
from catalog.services.common import MANAGE_RULE, MANAGE_SOURCE
from mam.templatetags.mam_format import message_text

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from mam.accounts.models import User

_SAMPLE = 200  # newest files a rule is tried on
_SHOWN = 25


@admin.register(Source)
class SourceAdmin(CatalogAdmin):
    """Places that hold media. Taking one away is done on the sources page, which asks for its name."""

    named_permissions: ClassVar = dict.fromkeys(("view", "add", "change"), MANAGE_SOURCE)
    form = SourceAdminForm
    list_display: ClassVar = ["name", "url", "state", "is_enabled", "last_scan_at"]
    list_filter: ClassVar = ["state", "is_enabled"]
    search_fields: ClassVar = ["name", "url"]
    readonly_fields: ClassVar = ["has_credentials", "state", "reason", "state_at", "last_scan_at", "last_full_scan_at", "created_at"]
    change_form_outer_before_template = "admin/catalog/source_actions.html"
    fieldsets: ClassVar = [
        (None, {"fields": ["name", "url", "is_enabled"]}),
        (_("Credentials"), {"fields": ["has_credentials", "username", "password", "domain", "forget_credentials", "require_encryption"]}),
        (
            _("Reading"),
            {"fields": ["parallelism", "read_limit_bytes_per_s", "open_file_limit", "poll_interval_s", "include_globs", "exclude_globs"]},
        ),
        (_("State"), {"fields": ["state", "reason", "state_at", "last_scan_at", "last_full_scan_at", "created_at"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        """With the connection test."""
        urls: list[URLPattern] = super().get_urls()
        test = path("<int:source_id>/test/", self.admin_site.admin_view(self.test_view), name="catalog_source_test")
        return [test, *urls]

    def test_view(self, request: HttpRequest, source_id: int) -> HttpResponse:
        """Test the stored settings and say how it went."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        source = get_object_or_404(Source, pk=source_id)
        report = sources.test_connection(source=source, user=acting_user(request))
        if report.is_ok:
            words = gettext("%(server)s answers in %(latency)d ms (%(dialect)s). There are %(entries)d entries in its root.") % {
                "server": report.server,
                "latency": round(report.latency_ms),
                "dialect": report.dialect,
                "entries": report.root_entries,
            }
            self.message_user(request, words, messages.SUCCESS)
        else:
            self.message_user(request, message_text(report.code, report.params), messages.ERROR)
        return HttpResponseRedirect(reverse("admin:catalog_source_change", args=[source.pk]))

    @admin.display(description=_("Credentials are stored"), boolean=True)
    def has_credentials(self, source: Source) -> bool:
        """Not which."""
        return bool(source.credentials)

    @admin.display(description=_("reason"))
    def reason(self, source: Source) -> str:
        """Why the source is not online."""
        return message_text(source.state_code, source.state_params) if source.state_code else "–"

    def create(self, user: User, data: dict[str, Any], form: Any) -> Source:
        """By the service."""
        return sources.create_source(credentials=form.credentials(), user=user, **_settings(data))

    def update(self, user: User, row: Source, changes: dict[str, Any], form: Any) -> None:
        """By the services."""
        sources.update_source(source=row, user=user, **_settings(changes))
        if (credentials := form.credentials()) is not None:
            sources.set_credentials(source=row, credentials=credentials, user=user)


@admin.register(PathRule)
class PathRuleAdmin(CatalogAdmin):
    """How paths become works. A change is applied to all files by a job; a rule can be saved switched off and looked at first."""

    named_permissions: ClassVar = dict.fromkeys(("view", "add", "change", "delete"), MANAGE_RULE)
    form = PathRuleAdminForm
    list_display: ClassVar = ["name", "position", "source", "catalog_name", "series_name", "is_enabled"]
    list_filter: ClassVar = ["is_enabled", "source"]
    list_select_related: ClassVar = ["source"]
    search_fields: ClassVar = ["name", "pattern"]
    fields: ClassVar = ["name", "position", "source", "pattern", "catalog_name", "series_name", "is_enabled", "preview"]
    readonly_fields: ClassVar = ["preview"]

    @admin.display(description=_("What it does with the newest files"))
    def preview(self, rule: PathRule) -> str:
        """The saved rule, tried on some files of its source."""
        if rule.pk is None:
            return gettext("Save the rule switched off to see what it would do.")
        try:
            compiled = compile_rule(
                name=rule.name, pattern=rule.pattern, catalog_name=rule.catalog_name, series_name=rule.series_name, source_id=rule.source_id
            )
        except PathRuleError as error:
            return message_text(error.code, error.params)
        files = MediaFile.objects.filter(kind__in=PLACED_KINDS).select_related("folder").order_by("-id")
        files = files.filter(source=rule.source_id) if rule.source_id else files
        tried = [(file.path, compiled.place(file.path)) for file in files[:_SAMPLE]]
        hits = [(place.catalog, place.series, place.title, place.part or "–", path) for path, place in tried if place is not None]
        count = gettext("%(hits)d of the newest %(tried)d files match.") % {"hits": len(hits), "tried": len(tried)}
        rows = format_html_join("", "<li>{} / {} / {} ({}) ← {}</li>", hits[:_SHOWN])
        return format_html("<p>{}</p><ul>{}</ul>", count, rows)

    def create(self, user: User, data: dict[str, Any], form: Any) -> PathRule:
        """By the service."""
        return path_rules.create_rule(user=user, **data)

    def update(self, user: User, row: PathRule, changes: dict[str, Any], form: Any) -> None:
        """By the service."""
        path_rules.update_rule(rule=row, user=user, **changes)

    def remove(self, user: User, row: PathRule) -> None:
        """By the service."""
        path_rules.delete_rule(rule=row, user=user)


def _settings(data: dict[str, Any]) -> dict[str, Any]:
    """Form data without what belongs to the credentials."""
    return {name: value for name, value in data.items() if name not in {"username", "password", "domain", "forget_credentials"}}
