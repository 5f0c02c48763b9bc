"""What all pages of sync share: their tabs, their target, page numbers, and answers to a pressed button."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mam.jobs.registry import names_of
from mam.jobs.selectors import list_active_ids
from mam.lib.errors import MamError
from mam.templatetags.mam_format import message_text
from sync.choices import PlanState
from sync.models import Plan
from sync.selectors.scope import MANAGE, VIEW
from sync.services.settings import ensure_default_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse
    from django.utils.functional import Promise

    from mam.accounts.requests import MemberRequest
    from sync.models import Target

SEE_LOG = "jobs.view_job"  # who may see jobs may see their lines


@dataclass(frozen=True, slots=True)
class Section:
    """A tab of sync, and who has it."""

    name: str
    label: Promise
    url_name: str
    icon: str
    permission: str = VIEW


SECTIONS = (
    Section("dashboard", _("Overview"), "sync:dashboard", "gauge"),
    Section("matches", _("File matching"), "sync:match_list", "list"),
    Section("history", _("History"), "sync:history", "clock"),
    Section("plans", _("Plans"), "sync:plan_list", "book"),
    Section("reports", _("Reconciliation"), "sync:report_list", "check"),
    Section("log", _("Live log"), "sync:log", "activity", SEE_LOG),
    Section("settings", _("Settings"), "sync:settings", "admin", MANAGE),
)


def the_target() -> Target:
    """The target that the pages are about: the first one there is."""
    return ensure_default_target()


def live(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page with `#jobs-live`. Which jobs are active is read before all else: one that ends before the page listens is missed there."""

    @wraps(view)
    def wrapped(request: MemberRequest, *args: Any, **options: Any) -> HttpResponse:
        request.active_jobs = ",".join(map(str, list_active_ids(kinds=names_of("sync."))))  # type: ignore[attr-defined]
        return view(request, *args, **options)

    return wrapped


def show(request: MemberRequest, target: Target, section: str, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page under its tab. One query: how many plans wait for approval."""
    held = Plan.objects.filter(target=target, state=PlanState.HELD).count()
    tabs = [
        {
            "label": one.label,
            "href": reverse(one.url_name),
            "icon": one.icon,
            "is_current": one.name == section,
            "count": held if one.name == "plans" and held else None,
            "count_id": "held-plans" if one.name == "plans" else "",
            "is_news": request.htmx and not request.htmx.boosted,
        }
        for one in SECTIONS
        if request.user.has_perm(one.permission)
    ]
    frame = {"target": target, "tabs": tabs, "active_jobs": getattr(request, "active_jobs", "")}
    return render(request, template, frame | context, status=status)


def is_part(request: MemberRequest, name: str) -> bool:
    """Whether only the element with this id is asked for."""
    return bool(request.htmx) and not request.htmx.boosted and request.htmx.target == name


def page_number(request: MemberRequest) -> int:
    """`?page=`, 1 where that is no number; a page after the last one is for the selector to say."""
    asked = request.GET.get("page", "")
    return max(int(asked), 1) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 1


def do(request: MemberRequest, act: Callable[[], object], *, then: str, said: str = "") -> HttpResponse:
    """Do what a button says and go on to `then`, with what came of it; a fragment request gets the error as such."""
    try:
        act()
    except MamError as error:
        if request.htmx:
            raise
        messages.error(request, message_text(error.code, error.params))
    else:
        if said:
            messages.success(request, said)
    return HttpResponseRedirect(then)
