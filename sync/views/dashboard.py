"""The dashboard: how both sides stand, what is being done about it, and the buttons that start something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from catalog.errors import ObjectNotFoundError
from catalog.models import Source
from ingest.services.scans import request_scan
from mam.jobs.models import JobPriority
from mam.templatetags.mam_format import format_number, message_text
from sync.choices import Action, MatchReason, MatchStatus, PlanState, TargetState
from sync.matching.notes import is_behind
from sync.selectors import pages
from sync.selectors.dashboard import SyncState, get_dashboard
from sync.selectors.filters import NO_CATALOG_WORD
from sync.selectors.scope import MANAGE, RUN, VIEW
from sync.services import syncing
from sync.views.common import SEE_LOG, do, live, show, the_target
from sync.views.plans import LOOKS
from sync.views.reports import counts_of, is_equal

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse
    from django.utils.functional import Promise

    from mam.accounts.requests import MemberRequest
    from sync.models import Target
    from sync.selectors.dashboard import CatalogCount, Dashboard

STATES = {  # -> words, tone, icon
    SyncState.RUNNING: (_("Syncing"), "info", "activity"),
    SyncState.ERROR: (_("Error"), "danger", "error"),
    SyncState.HELD: (_("Waits for approval"), "warning", "pause"),
    SyncState.SOURCE_OFFLINE: (_("Source offline"), "warning", "offline"),
    SyncState.NORMAL: (_("All is well"), "success", "check"),
}
CATALOGS_SHOWN, FORMATS_SHOWN = 12, 6
_BACK = {"reports": "sync:report_list"}  # where a button may also stand


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def dashboard(request: MemberRequest) -> HttpResponse:
    """All of it. Fetched again whenever a job of it changes; by who may not see jobs, every now and then."""
    target = the_target()
    board = get_dashboard(user=request.user, target=target)
    sources = pages.list_source_lines(target)
    report = pages.find_last_report(target)
    jobs = pages.list_active_jobs(target, [line.source.pk for line in sources])
    words, tone, icon = STATES[board.state]
    context: dict[str, Any] = {
        "board": board,
        "state": {"label": words, "tone": tone, "icon": icon},
        "problems": _problems(target, board, may_decide=request.user.has_perm("ingest.decide_hold")),
        "jobs": jobs,
        "sources": sources,
        "has_own_news": request.user.has_perm(SEE_LOG),
        "refresh_s": 5 if jobs else 30,
        "is_behind": is_behind(),
        "waiting": _waiting(board),
        "catalogs": _bars(board.catalogs),
        "formats": _formats(board),
        "hls_share": board.hls_files / board.video_files if board.video_files else None,
        "result": result_words(target.last_result, is_waiting=board.held_plan_id is not None),
        "result_plan": target.last_result.get("plan"),
        "report": report and {"row": report, "counts": counts_of(report), "is_equal": is_equal(report)},
        "undo": pages.find_undo_that_stopped_the_schedule(target),
    }
    return show(request, target, "dashboard", "sync/dashboard.html", context)


# --- buttons ----------------------------------------------------------------------------------------------------------
@require_POST
@permission_required(RUN, raise_exception=True)
def run(request: MemberRequest) -> HttpResponse:
    """Have the target made equal to the archive."""
    return do(request, lambda: syncing.request_sync(target=the_target(), user=request.user), then=reverse("sync:dashboard"))


@require_POST
@permission_required(RUN, raise_exception=True)
def reconcile(request: MemberRequest) -> HttpResponse:
    """Have both sides compared; back to where the button is (`next`)."""
    back = reverse(_BACK.get(request.POST.get("next", ""), "sync:dashboard"))
    return do(request, lambda: syncing.request_reconcile(target=the_target(), user=request.user), then=back)


@require_POST
@permission_required(MANAGE, raise_exception=True)
def scan(request: MemberRequest) -> HttpResponse:
    """Have one source scanned (`source`), or all that are published."""
    target, asked = the_target(), request.POST.get("source", "")
    sources = Source.objects.filter(is_enabled=True, pk__in=target.sources.filter(is_included=True).values("source")).order_by("pk")
    if asked:
        sources = Source.objects.filter(pk=int(asked)) if asked.isascii() and asked.isdigit() and len(asked) < 19 else sources.none()
        if not sources:
            raise ObjectNotFoundError
    elif not sources:
        messages.warning(request, gettext("There is no source to scan."))

    def act() -> None:
        for source in sources:
            request_scan(source=source, user=request.user, priority=JobPriority.HIGH)

    return do(request, act, then=reverse("sync:dashboard"))


# --- words ------------------------------------------------------------------------------------------------------------
def result_words(result: dict[str, Any], *, is_waiting: bool) -> str:
    """What a sync did (`Target.last_result`), as a fact: "15 added, 3 updated"; "" before the first. `is_waiting`: its held plan."""
    if not result.get("state"):
        return ""
    parts = [str(words) % {"number": format_number(result[name])} for name, words in _RESULTS.items() if result.get(name)]
    if parts:
        return ", ".join(parts)
    if result["state"] == PlanState.HELD and is_waiting:
        return gettext("Nothing was written: the plan waits for approval.")
    if result["state"] in {PlanState.HELD, PlanState.FAILED}:
        return gettext("Nothing was written.")
    yet = [words(result[reason]) % {"number": format_number(result[reason])} for reason, words in _PUT_OFF.items() if result.get(reason)]
    return " ".join(yet) or gettext("Both sides were equal. There was nothing to do.")


_PUT_OFF: dict[str, Callable[[int], str]] = {  # what is left for later, by the reason
    MatchReason.HELD: lambda files: ngettext(
        "Nothing to do yet: the entry of %(number)s vanished file waits for a decision.",
        "Nothing to do yet: the entries of %(number)s vanished files wait for a decision.",
        files,
    ),
    MatchReason.GROWING: lambda files: ngettext(
        "Nothing to do yet: %(number)s file is still being written.",
        "Nothing to do yet: %(number)s files are still being written.",
        files,
    ),
}


_RESULTS: dict[str, Promise] = {
    "added": _("%(number)s added"),
    "updated": _("%(number)s updated"),
    "restored": _("%(number)s restored"),
    "deleted": _("%(number)s marked as deleted"),
    "errors": _("%(number)s not written"),
}


def _problems(target: Target, board: Dashboard, *, may_decide: bool) -> list[dict[str, Any]]:
    """What is not as it should be: what happened, and what to do about it."""
    found: list[dict[str, Any]] = []
    if board.held_plan_id is not None:
        text = gettext("A plan waits for approval. Nothing of it has been written.")
        found.append({"tone": "warning", "text": text, **_link(gettext("Look at the plan"), "sync:plan_detail", board.held_plan_id)})
    if target.state == TargetState.OFFLINE:
        reason = message_text(target.state_code, target.state_params)
        text = gettext("The OTT platform could not be used. What is shown of it is how it was read last. It is tried again by itself.")
        found.append({"tone": "danger", "text": text, "reason": reason, "at": target.state_at})
    elif target.last_result.get("state") in {PlanState.PARTIAL, PlanState.FAILED} or target.last_result.get("errors"):
        text = gettext("The last sync was not completed. What was written stays; run it again, or see what went wrong.")
        plan_id = target.last_result.get("plan")
        link = _link(gettext("Look at the plan"), "sync:plan_detail", plan_id) if plan_id else {}
        found.append({"tone": "danger", "text": text, **link})
    for one in board.troubles:
        if one.is_offline:
            text = gettext(
                "The source %(source)s is offline. Nothing more is marked as deleted because of that; a plan that is made now waits."
            )
            found.append({"tone": "warning", "text": text % {"source": one.name}})
        if one.held_files:
            words = ngettext(
                "%(number)s file of the source %(source)s vanished at once. Its entry stays until an administrator decides.",
                "%(number)s files of the source %(source)s vanished at once. Their entries stay until an administrator decides.",
                one.held_files,
            )
            link = _link(gettext("Decide"), "ingest:source_manage") if may_decide else {}
            found.append({"tone": "warning", "text": words % {"number": format_number(one.held_files), "source": one.name}, **link})
    return found


def _link(label: str, url_name: str, *args: Any) -> dict[str, str]:
    return {"link_label": label, "href": reverse(url_name, args=args)}


def _waiting(board: Dashboard) -> list[dict[str, Any]]:
    """What the next sync would do, with the files in the table."""
    statuses = {
        Action.INSERT: MatchStatus.NEW,
        Action.RESTORE: MatchStatus.NEW,
        Action.UPDATE: MatchStatus.MOVED,
        Action.DELETE: MatchStatus.DELETED,
    }
    return [
        {
            "label": action.label,
            "count": board.waiting[action],
            "icon": icon,
            "href": f"{reverse('sync:match_list')}?status={statuses[action].value}",
        }
        for action, (_tone, icon) in LOOKS.items()
        if board.waiting.get(action)
    ]


def _bars(catalogs: list[CatalogCount]) -> list[dict[str, Any]]:
    """The largest catalogs, and all others as one."""
    largest = max((one.files for one in catalogs), default=0) or 1
    bars = []
    for one in catalogs[:CATALOGS_SHOWN]:
        word = NO_CATALOG_WORD if one.catalog_id is None else str(one.catalog_id)
        href = f"{reverse('sync:match_list')}?catalog={word}"
        label = one.name or gettext("Without a catalog")
        bars.append({"label": label, "share": one.files / largest, "text": format_number(one.files), "href": href})
    if rest := sum(one.files for one in catalogs[CATALOGS_SHOWN:]):
        bars.append({"label": gettext("Others"), "share": min(1, rest / largest), "text": format_number(rest)})
    return bars


def _formats(board: Dashboard) -> list[dict[str, Any]]:
    """The most frequent file types."""
    largest = max((one.files for one in board.formats), default=0) or 1
    return [
        {
            "label": one.extension or "–",
            "share": one.files / largest,
            "text": format_number(one.files),
            "href": f"{reverse('sync:match_list')}?ext={one.extension}",
        }
        for one in board.formats[:FORMATS_SHOWN]
    ]
