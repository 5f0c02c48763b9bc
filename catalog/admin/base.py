"""What the catalog's admin pages share: permissions by name, services as writers, lists that do not count a million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from unfold.admin import ModelAdmin, TabularInline

from catalog.forms import MergeForm, ServiceForm
from catalog.search.engines import CAP
from catalog.services.common import CURATE
from mam.accounts.admin_site import NamedPermissionsMixin
from mam.accounts.models import User
from mam.lib.errors import MamError
from mam.templatetags.mam_format import message_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django import forms
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse

BULK_LIMIT = 10_000  # files a bulk action takes at once


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts no further than CAP: a list is narrowed by filters and words, not read to its end."""

    @cached_property
    def count(self) -> int:
        """Rows, at most CAP."""
        rows: Any = self.object_list
        return int(rows.order_by()[:CAP].count()) if hasattr(rows, "order_by") else len(rows)


class CatalogAdmin(NamedPermissionsMixin, ModelAdmin):  # type: ignore[misc]
    """A ModelAdmin whose writes are the services' (`create`, `update`, `remove`), for curators unless it says otherwise."""

    named_permissions: ClassVar = dict.fromkeys(("view", "add", "change", "delete"), CURATE)
    form = ServiceForm
    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 200

    # --- what a subclass says ---
    def create(self, user: User, data: dict[str, Any], form: Any) -> Model:
        """Make a row by a service and return it."""
        raise NotImplementedError

    def update(self, user: User, row: Any, changes: dict[str, Any], form: Any) -> None:
        """Change a row by services. `changes`: what differs from what the form showed."""
        raise NotImplementedError

    def remove(self, user: User, row: Any) -> None:
        """Delete a row by a service."""
        raise NotImplementedError

    # --- Django's hooks ---
    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """In the second round after a refusal, the form knows why."""
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"service_error": getattr(request, "service_error", None)})

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        """Add or change page. What a service refuses is rolled back and shown in the form, as entered."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except MamError as error:
            request.service_error = error  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """By the services."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            self.update(acting_user(request), type(obj)._default_manager.get(pk=obj.pk), changes, form)
        else:
            obj.pk = self.create(acting_user(request), form.cleaned_data, form).pk
            obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Many-to-many fields are the services' too; inlines are read-only, yet Django wants to hear what was saved of them."""
        for formset in formsets:
            formset.save(commit=False)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """By the service."""
        self.remove(acting_user(request), obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """All of them or, when the service refuses one, none."""
        for row in queryset:
            self.remove(acting_user(request), row)

    def get_deleted_objects(self, objs: Sequence[Any], request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the confirmation names: the rows themselves. Django would load everything that hangs on them."""
        rows = list(objs)
        return [str(row) for row in rows], {str(self.opts.verbose_name_plural): len(rows)}, set(), []

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Delete page; a refusal is shown on the list."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except MamError as error:
            return self.refused(request, error, "../../")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """List page with its bulk actions; a refusal is shown above the list."""
        try:
            return super().changelist_view(request, extra_context)
        except MamError as error:
            return self.refused(request, error, request.get_full_path())

    # --- helpers ---
    def refused(self, request: HttpRequest, error: MamError, url: str) -> HttpResponse:
        """Say why and go to `url`."""
        self.message_user(request, message_text(error.code, error.params), messages.ERROR)
        return HttpResponseRedirect(url)

    def bulk_page(
        self, request: HttpRequest, rows: QuerySet[Any], *, title: str, form: forms.Form, perform: Callable[[forms.Form], str]
    ) -> HttpResponse | None:
        """The page between choosing a bulk action and doing it: asks for `form`, then calls `perform`, which says what was done.

        `form` is bound when the request has "apply". None: done, back to the list.
        """
        total = rows.order_by()[: BULK_LIMIT + 1].count()
        if total > BULK_LIMIT:
            self.message_user(request, gettext("Choose %(limit)s rows at most.") % {"limit": BULK_LIMIT}, messages.ERROR)
            return None
        if form.is_bound and form.is_valid():
            self.message_user(request, perform(form), messages.SUCCESS)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "form": form,
            "media": self.media + form.media,
            "total": total,
            "examples": list(rows[:10]),
            "action": request.POST["action"],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/catalog/bulk_action.html", context)

    def merge_page(self, request: HttpRequest, rows: QuerySet[Any], merge: Callable[[Any, list[Any]], object]) -> HttpResponse | None:
        """Asks which of `rows` stays, then calls `merge` with it and the others."""
        if rows.order_by()[:2].count() < 2:
            self.message_user(request, gettext("Choose two or more to merge."), messages.ERROR)
            return None

        @transaction.atomic
        def perform(form: forms.Form) -> str:
            into = form.cleaned_data["into"]
            others = list(rows.exclude(pk=into.pk))
            merge(into, others)
            return ngettext("%(count)d merged into “%(name)s”.", "%(count)d merged into “%(name)s”.", len(others)) % {
                "count": len(others),
                "name": into,
            }

        form = MergeForm(bulk_data(request), selected=rows)
        return self.bulk_page(request, rows, title=gettext("Merge into one"), form=form, perform=perform)


class ReadOnlyInline(TabularInline):  # type: ignore[misc]
    """Rows that belong to the one shown, to look at."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the page sees them."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


def acting_user(request: HttpRequest) -> User:
    """Who is at work; the admin site lets nobody else come here."""
    if not isinstance(request.user, User):
        raise TypeError("the admin is for users")
    return request.user


def bulk_data(request: HttpRequest) -> Any:
    """What binds the form of a bulk page: the request's data once "apply" was pressed."""
    return request.POST if "apply" in request.POST else None
