"""The history: what changed on either side, when and by whom; and the table as it was at some time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from catalog.models import MediaFile
from mam.jobs.models import Job
from sync.choices import MatchStatus
from sync.forms import HistoryForm
from sync.models import Plan
from sync.selectors import pages
from sync.selectors.filters import NO_CATALOG, NO_CATALOG_WORD
from sync.selectors.history import get_history_row, list_history, list_matches_as_of
from sync.selectors.scope import VIEW
from sync.views.common import is_part, show, the_target
from sync.views.history_words import explain

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpResponse

    from mam.accounts.requests import MemberRequest
    from sync.models import HistoryRow
    from sync.selectors.history import PastMatch

_SPANS = {1: _("Today"), 7: _("7 days"), 30: _("30 days")}
_PAGES: dict[str, tuple[type[Model], str]] = {"file": (MediaFile, "catalog:file_detail"), "plan": (Plan, "sync:plan_detail")}
PAGE_SIZE = 50


@require_safe
@permission_required(VIEW, raise_exception=True)
def history(request: MemberRequest) -> HttpResponse:
    """Changes, the newest first: `?event=&catalog=&q=&since=&until=&subject=&cursor=`; with `&at=` what there was at that time."""
    target = the_target()
    catalogs = pages.list_catalogs(target)
    options = [(NO_CATALOG_WORD if pk == NO_CATALOG else str(pk), name or gettext("Without a catalog")) for pk, name in catalogs]
    form = HistoryForm(request.GET, catalogs=options)
    form.is_valid()
    wanted = form.wanted
    context: dict[str, Any] = {"form": form, "spans": _spans(request), "query": _kept(request)}
    if form.moment is not None:
        kind: Literal["file", "row"] = "row" if request.GET.get("kind") == "row" else "file"
        page = list_matches_as_of(
            user=request.user, target=target, at=form.moment, kind=kind, catalog=wanted["catalog"], cursor=request.GET.get("cursor") or None
        )
        context |= {"at": form.moment, "kind": kind, "page": page, "items": [_past(one) for one in page.items]}
        template, fragment = "sync/past.html", "sync/_past_rows.html"
    else:
        subject, cursor = request.GET.get("subject", ""), request.GET.get("cursor") or None
        found = list_history(user=request.user, target=target, **wanted, subject=subject, cursor=cursor, limit=PAGE_SIZE)
        context |= {"page": found, "items": [_change(row) for row in found.items], "subject": subject}
        template, fragment = "sync/history.html", "sync/_history_rows.html"
    if is_part(request, "results"):
        return render(request, fragment, {"target": target, **context})
    return show(request, target, "history", template, context)


@require_safe
@permission_required(VIEW, raise_exception=True)
def history_row(request: MemberRequest, row_id: int) -> HttpResponse:
    """One change with its before and after; as a fragment what is opened below its line."""
    row = get_history_row(user=request.user, pk=row_id)
    context = {
        "change": _change(row),
        "row": row,
        "lines": explain(row),
        "subject_url": _page_of(row),
        "has_job": row.job_id is not None and Job.objects.filter(pk=row.job_id).exists(),
    }
    if request.htmx and not request.htmx.boosted:
        return render(request, "sync/_history_row.html", context)
    return show(request, the_target(), "history", "sync/history_row.html", context)


def _change(row: HistoryRow) -> dict[str, Any]:
    what = row.path or _name_of(row)
    return {"row": row, "name": what.rpartition("/")[2] or what, "folder": what.rpartition("/")[0], "is_path": bool(row.path)}


def _name_of(row: HistoryRow) -> str:
    kind, _colon, number = row.subject.partition(":")
    if kind == "plan":
        return gettext("Plan %(plan)s") % {"plan": number}
    return str(row.after.get("source") or row.before.get("source") or gettext("Settings"))


def _page_of(row: HistoryRow) -> str:
    """The page of what it happened to; "" for what has none, or is gone."""
    kind, _colon, number = row.subject.partition(":")
    if kind not in _PAGES:
        return ""
    model, url_name = _PAGES[kind]
    return reverse(url_name, args=[int(number)]) if model._default_manager.filter(pk=int(number)).exists() else ""


def _past(one: PastMatch) -> dict[str, Any]:
    """`label` of its status as it was."""
    label = MatchStatus(one.status).label if one.status in MatchStatus.values else ""
    size_bytes = one.after.get("size_bytes")
    folder, _slash, name = one.path.rpartition("/")
    return {"past": one, "label": label, "name": name, "folder": folder, "size_bytes": size_bytes if isinstance(size_bytes, int) else None}


def _kept(request: MemberRequest) -> str:
    """The filter without its times."""
    return urlencode({name: value for name, value in request.GET.items() if value and name in {"event", "catalog", "q", "subject"}})


def _spans(request: MemberRequest) -> list[dict[str, Any]]:
    """Addresses of the last days."""
    start = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for days, label in _SPANS.items():
        since = f"{start - timedelta(days=days - 1):%Y-%m-%dT%H:%M}"
        is_selected = request.GET.get("since") == since and not request.GET.get("until")
        kept = f"{_kept(request)}&" if _kept(request) else ""
        found.append({"label": label, "href": f"?{kept}{urlencode({'since': since})}", "is_selected": is_selected})
    return found
