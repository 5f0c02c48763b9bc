"""Plans: what a sync would change, why one waits, and the buttons that decide about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mam.jobs.models import ACTIVE
from mam.lib.errors import MamError
from mam.lib.keyset import keyset_page
from mam.lib.messages import fill
from mam.templatetags.mam_format import format_number, message_text
from sync.choices import Action, HoldReason, PlanState
from sync.forms import ApprovalForm
from sync.selectors import pages
from sync.selectors.dashboard import list_target_jobs
from sync.selectors.plans import get_plan, list_actions, list_plans
from sync.selectors.scope import MANAGE, RUN, VIEW
from sync.services import syncing
from sync.services.documents import unpack
from sync.views.common import do, is_part, live, page_number, show, the_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from mam.accounts.requests import MemberRequest
    from sync.models import Plan, PlanPart
    from sync.services.documents import Planned

PLANS_SHOWN, ACTIONS_SHOWN = 30, 50
LOOKS = {
    Action.INSERT: ("success", "plus"),
    Action.UPDATE: ("info", "edit"),
    Action.RESTORE: ("success", "undo"),
    Action.DELETE: ("danger", "trash"),
}
_FIELDS = {
    "size_bytes": _("size"),
    "extension": _("file type"),
    "is_hls": _("HLS"),
    "codec": _("codec"),
    "width_px": _("width"),
    "height_px": _("height"),
    "duration_ms": _("duration"),
    "content_id": _("content"),
}


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def plan_list(request: MemberRequest) -> HttpResponse:
    """The plans there were, the newest first."""
    target = the_target()
    page = keyset_page(list_plans(user=request.user, target=target), ["-pk"], request.GET.get("cursor") or None, PLANS_SHOWN)
    items = [{"plan": plan, "counts": counts_of(plan)} for plan in page.items]
    context = {"page": page, "items": items, "jobs": list_target_jobs(target)}
    return show(request, target, "plans", "sync/plan_list.html", context)


@require_POST
@permission_required(RUN, raise_exception=True)
def plan_make(request: MemberRequest) -> HttpResponse:
    """Have a plan made that is not applied."""
    return do(request, lambda: syncing.make_plan(target=the_target(), user=request.user), then=reverse("sync:plan_list"))


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def plan_detail(request: MemberRequest, plan_id: int) -> HttpResponse:
    """One plan: `?action=&page=` of what it does."""
    return _detail(request, get_plan(user=request.user, plan_id=plan_id), ApprovalForm())


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE, raise_exception=True)
@live
def plan_approve(request: MemberRequest, plan_id: int) -> HttpResponse:
    """Have a held plan applied, for a reason. To its page."""
    plan, url = get_plan(user=request.user, plan_id=plan_id), reverse("sync:plan_detail", args=[plan_id])
    if request.method != "POST":  # the page of a form that was not complete, fetched again
        return HttpResponseRedirect(url)
    form = ApprovalForm(request.POST)
    if form.is_valid():
        try:
            syncing.approve_plan(plan=plan, user=request.user, reason=form.cleaned_data["reason"])
        except MamError as error:
            form.add_error(None, message_text(error.code, error.params))
        else:
            return HttpResponseRedirect(url)
    return _detail(request, get_plan(user=request.user, plan_id=plan_id), form, status=422)


@require_POST
@permission_required(RUN, raise_exception=True)
def plan_apply(request: MemberRequest, plan_id: int) -> HttpResponse:
    """Have it applied, or gone on with."""
    return _decide(request, plan_id, syncing.apply_plan)


@require_POST
@permission_required(RUN, raise_exception=True)
def plan_discard(request: MemberRequest, plan_id: int) -> HttpResponse:
    """Say that it shall not be applied."""
    return _decide(request, plan_id, syncing.discard_plan)


@require_POST
@permission_required(RUN, raise_exception=True)
def plan_undo(request: MemberRequest, plan_id: int) -> HttpResponse:
    """Have it taken back."""
    return _decide(request, plan_id, syncing.undo_plan)


def _decide(request: MemberRequest, plan_id: int, act: Callable[..., object]) -> HttpResponse:
    plan = get_plan(user=request.user, plan_id=plan_id)
    return do(request, lambda: act(plan=plan, user=request.user), then=reverse("sync:plan_detail", args=[plan_id]))


# --- what is shown ----------------------------------------------------------------------------------------------------
def counts_of(plan: Plan) -> list[dict[str, Any]]:
    """What a plan does, in numbers."""
    return [
        {"label": action.label, "number": plan.counts.get(action, 0), "tone": tone, "icon": icon} for action, (tone, icon) in LOOKS.items()
    ]


def _detail(request: MemberRequest, plan: Plan, form: ApprovalForm, status: int = 200) -> HttpResponse:
    actions = _actions_context(request, plan)
    if is_part(request, "results"):
        return render(request, "sync/_plan_actions.html", actions)
    may_run = request.user.has_perm(RUN)
    undone_by = getattr(plan, "undone_by", None)
    is_active = plan.job is not None and plan.job.state in ACTIVE
    context: dict[str, Any] = {
        **actions,
        "plan": plan,
        "counts": counts_of(plan),
        "holds": [fill(str(HoldReason(hold["code"]).label), hold["params"]) for hold in plan.holds],
        "form": form if request.user.has_perm(MANAGE) else None,
        "job": plan.job if is_active else None,
        "parked": [_parked(part) for part in pages.list_parked(plan)] if plan.parked_parts else [],
        "undone_by": undone_by,
        "can_apply": may_run and not is_active and plan.state == PlanState.READY,
        "can_go_on": may_run and not is_active and plan.state in {PlanState.FAILED, PlanState.PARTIAL, PlanState.APPLYING},
        "can_discard": may_run and not is_active and plan.state in {PlanState.READY, PlanState.HELD},
        "can_undo": may_run
        and not (is_active or actions["is_forgotten"])
        and plan.done_parts > 0
        and plan.state in {PlanState.APPLIED, PlanState.PARTIAL, PlanState.FAILED}
        and (undone_by is None or undone_by.state in {PlanState.STALE, PlanState.DISCARDED}),
    }
    return show(request, plan.target, "plans", "sync/plan_detail.html", context, status=status)


def _actions_context(request: MemberRequest, plan: Plan) -> dict[str, Any]:
    wanted = request.GET.get("action", "") if plan.undo_of_id is None else ""
    wanted = wanted if wanted in LOOKS else ""
    page = pages.list_plan_actions(user=request.user, plan=plan, number=page_number(request), size=ACTIONS_SHOWN, action=wanted)
    there = pages.existing_files(one.file_id for one in page.items if one.file_id)
    first = (page.number - 1) * ACTIONS_SHOWN + 1
    words = {"from": format_number(first), "to": format_number(first + len(page.items) - 1), "total": format_number(page.total)}
    tabs: list[dict[str, Any]] = [{"label": gettext("All"), "href": "?", "is_current": not wanted, "count": plan.total_rows}]
    for action, (_tone, icon) in LOOKS.items():
        if count := plan.counts.get(action):
            is_current = wanted == action
            tabs.append({"label": action.label, "href": f"?action={action.value}", "is_current": is_current, "icon": icon, "count": count})
    return {
        "actions": [_action(one, there) for one in page.items],
        "action_tabs": tabs if plan.undo_of_id is None and len(tabs) > 2 else [],
        "is_forgotten": not page.items and plan.is_forgotten,
        "number": page.number,
        "pages": page.pages,
        "text": gettext("%(from)s–%(to)s of %(total)s") % words,
    }


def _action(one: Planned, there: set[int]) -> dict[str, Any]:
    """An action in words: where the entry was, where it will be, and what else of it changes."""
    action = Action(one.action)
    before = unpack(one.remote_id, one.before) if one.before is not None else None
    after = unpack(one.remote_id, one.after) if one.after is not None else None
    known = after or before
    changed = []
    if before and after and not after.is_deleted:
        changed = [str(label) for name, label in _FIELDS.items() if getattr(before.fields, name) != getattr(after.fields, name)]
    tone, icon = LOOKS[action]
    label = str(action.label)
    if before and after and not changed and action is Action.UPDATE and before.fields.path != after.fields.path:
        label, icon = gettext("Move"), "arrow-right"
    return {
        "label": label,
        "tone": tone,
        "icon": icon,
        "before": before.fields.path if before else "",
        "was_deleted": bool(before and before.is_deleted),
        "after": after.fields.path if after else "",
        "is_deleted": bool(after and after.is_deleted),
        "changes": gettext("Also changed: %(fields)s") % {"fields": ", ".join(changed)} if changed else "",
        "size_bytes": known.fields.size_bytes if known else None,
        "remote_id": one.remote_id,
        "href": reverse("catalog:file_detail", args=[one.file_id]) if one.file_id in there else "",
    }


def _parked(part: PlanPart) -> dict[str, Any]:
    rows = len(part.actions)
    first = next((one.after or one.before for one in list_actions(part)), None)
    words = ngettext("Batch %(number)s, %(rows)s entry", "Batch %(number)s, %(rows)s entries", rows)
    return {
        "title": words % {"number": format_number(part.number + 1), "rows": format_number(rows)},
        "first": first[0] if first else "",
        "reason": message_text(part.error_code, part.error_params),
    }
