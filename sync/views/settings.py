"""The settings of a target: a form a box, each stored by itself; its sources; a test of its alerts. Administrators only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from mam.lib.errors import MamError
from mam.templatetags.mam_format import message_text
from sync.forms import FORMS, PublishedSourceForm
from sync.selectors import pages
from sync.selectors.scope import MANAGE
from sync.selectors.targets import webhook_host
from sync.services import alerts
from sync.services.settings import change_target, ensure_sources, include_source, renew_webhook_secret
from sync.views.common import show, the_target

if TYPE_CHECKING:
    from django.http import HttpResponse

    from mam.accounts.requests import MemberRequest
    from sync.forms import TargetForm
    from sync.models import Target

SOURCES = "sources"


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
def settings(request: MemberRequest) -> HttpResponse:
    """All settings; a POST stores those of the box `form`."""
    target = the_target()
    ensure_sources(target)
    name = request.POST.get("form", "")
    forms = {one: made.of(target) for one, made in FORMS.items()}
    sources = [PublishedSourceForm(member) for member in pages.list_published(target)]
    if request.method == "POST" and name == SOURCES:
        sources = [PublishedSourceForm(form.member, request.POST) for form in sources]
        if _store_sources(request, target, sources):
            return _stored(request, name)
    elif request.method == "POST" and name in FORMS:
        forms[name] = FORMS[name](request.POST, initial=FORMS[name].initial_of(target))
        if _store(request, target, forms[name]):
            return _stored(request, name)
    return _page(request, forms, sources, status=422 if request.method == "POST" else 200)


@require_POST
@permission_required(MANAGE, raise_exception=True)
def alert_test(request: MemberRequest) -> HttpResponse:
    """Send a test over each channel and say what came of it."""
    reports = [(report, message_text(report.code, report.params)) for report in alerts.send_test(target=the_target(), user=request.user)]
    if request.htmx:
        return render(request, "sync/_alert_reports.html", {"reports": reports})
    for report, problem in reports:
        words = gettext("%(channel)s: %(result)s") % {"channel": report.channel.label, "result": problem or gettext("Sent.")}
        messages.add_message(request, messages.SUCCESS if report.is_ok else messages.ERROR, words)
    return HttpResponseRedirect(f"{reverse('sync:settings')}#alerts")


@require_POST
@permission_required(MANAGE, raise_exception=True)
def webhook_secret(request: MemberRequest) -> HttpResponse:
    """Make another secret, shown this once."""
    secret = renew_webhook_secret(target=the_target(), user=request.user)
    if request.htmx:
        return render(request, "sync/_webhook_secret.html", {"secret": secret})
    target = the_target()
    sources = [PublishedSourceForm(member) for member in pages.list_published(target)]
    return _page(request, {one: made.of(target) for one, made in FORMS.items()}, sources, secret=secret)


def _store(request: MemberRequest, target: Target, form: TargetForm) -> bool:
    """Whether it was stored; else the form says why not."""
    if not form.is_valid():
        return False
    try:
        change_target(target=target, user=request.user, **form.changes())
    except MamError as error:
        form.refuse(error)
        return False
    return True


def _store_sources(request: MemberRequest, target: Target, forms: list[PublishedSourceForm]) -> bool:
    """All of them or none. What lets a prefix go comes before what takes it."""
    if not all([form.is_valid() for form in forms]):
        return False
    try:
        with transaction.atomic():
            for form in sorted(forms, key=lambda form: form.cleaned_data["is_included"]):
                values = form.cleaned_data
                current = form
                include_source(
                    target=target,
                    source=form.member.source,
                    user=request.user,
                    is_included=values["is_included"],
                    prefix=values["path_prefix"],
                )
    except MamError as error:
        current.refuse(error)
        return False
    return True


def _stored(request: MemberRequest, name: str) -> HttpResponse:
    messages.success(request, gettext("Saved."))
    return HttpResponseRedirect(f"{reverse('sync:settings')}#{name}")


def _page(
    request: MemberRequest, forms: dict[str, TargetForm], sources: list[PublishedSourceForm], *, secret: str = "", status: int = 200
) -> HttpResponse:
    target = the_target()
    context: dict[str, Any] = {
        "forms": forms,
        "sources": sources,
        "undo": pages.find_undo_that_stopped_the_schedule(target),
        "has_credentials": bool(target.credentials),
        "webhook_host": webhook_host(target),
        "can_mail": alerts.can_mail(),
        "secret": secret,
        "history_url": f"{reverse('sync:history')}?event=setting_changed",
    }
    return show(request, target, "settings", "sync/settings.html", context, status=status)
