"""Pages of path rules: their order, and each of them with what it would do to real files. Nothing changes before that was shown."""

from __future__ import annotations

import hashlib
import json
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import BigIntegerField
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.errors import OrderMismatchError, PathRuleError, RulePatternError
from catalog.forms import RuleForm
from catalog.selectors import rules as selectors
from catalog.selectors.scope import MANAGE_RULE
from catalog.services import path_rules
from mam.lib.errors import MamError
from mam.templatetags.mam_format import message_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse
    from django.utils.functional import Promise

    from catalog.models import PathRule
    from catalog.rules import Place
    from catalog.selectors.rules import CurrentPlace, Tried
    from mam.accounts.requests import MemberRequest

SHOWS = {"changed": _("that go elsewhere"), "decided": _("this rule decides about"), "all": _("newest")}
GROUP_LABELS = {"catalog": _("Catalog"), "series": _("Series"), "title": _("Title"), "year": _("Year"), "part": _("Part")}
# What RE2 says of a pattern -> what to do about it.
_ADVICE: dict[str, Promise] = {
    "missing )": _("A bracket “(” is never closed. Close it, or write \\( for the character itself."),
    "unexpected )": _("There is a “)” without its “(”. Remove it, or write \\) for the character itself."),
    "missing ]": _("A “[” is never closed. Close it, or write \\[ for the character itself."),
    "no argument for repetition operator": _(
        "*, + and ? repeat what stands before them, and nothing does. For the character itself write \\*."
    ),
    "bad repetition operator": _("Two repetitions stand one behind the other. Put the first in brackets, or take one away."),
    "invalid perl operator": _("Look-ahead and look-behind, (?=…) and (?<=…), are not available: match the text itself instead."),
    "invalid repetition size": _("A repetition is too large. Use + or *, or a number up to 1000 altogether."),
    "trailing \\": _("A \\ stands at the end. Write \\\\ for the character itself."),
    "invalid escape sequence": _("This \\ sequence is not known; references back to a group (\\1) are not available."),
    "invalid named capture group": _("A group is written (?P<title>…), with one of the names below."),
    "invalid character class range": _("The range in [ ] runs backwards or is incomplete. For a hyphen itself write \\-."),
    "pattern too large": _("The pattern is too large to be prepared. Make its repetitions smaller."),
}
EXAMPLES = (
    (_("Folders as they are: catalog/series/…/title"), r"^(?P<catalog>[^/]+)/(?P<series>[^/]+)/(?:.*/)?(?P<title>[^/]+)$"),
    (_("One folder as one series, its catalog and series filled in by hand"), r"^promo/(?P<title>[^/]+)$"),
    (
        _("Year and part out of the name: WSOP_2024_Main_Event_Part3"),
        r"(?P<catalog>[A-Z]+)_(?P<series>\d{4})_(?P<title>[^/]+?)(?:_Part(?P<part>\d+))?$",
    ),
    (_("Korean parts: 하이롤러 2부"), r"^(?P<catalog>[^/]+)/(?P<series>[^/]+)/(?P<title>[^/]+?)\s*(?P<part>\d+)부$"),
)


class MoveRuleForm(forms.Form):
    """A rule, and where in the order it goes."""

    rule = forms.IntegerField(min_value=1, max_value=BigIntegerField.MAX_BIGINT)
    to = forms.IntegerField(min_value=0, max_value=10_000)


# --- the list and its order -------------------------------------------------------------------------------------------
@require_safe
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_list(request: MemberRequest) -> HttpResponse:
    """All rules. `?order=` is an order that is tried on the files, and stored when somebody says so."""
    stored = list(selectors.list_rules(user=request.user))
    rows = _ordered(stored, request.GET.get("order", ""))
    context: dict[str, Any] = {"moved": request.GET.get("moved"), "is_drafted": rows != stored, **_job_context()}
    context["order"] = ",".join(str(row.pk) for row in rows)
    counts, context["examined"] = selectors.count_decided(user=request.user, rules=rows)
    context["rows"] = [{"rule": row, "decided": counts.get(row.pk, 0)} for row in rows]
    context["others"] = counts.get(None, 0)
    if rows != stored:
        context["preview"] = selectors.preview_rules(user=request.user, rules=rows)
    is_fragment = request.htmx and request.htmx.target == "results"
    return render(request, "catalog/_rule_rows.html" if is_fragment else "catalog/rule_list.html", context)


@require_POST
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_move(request: MemberRequest) -> HttpResponse:
    """Put a rule elsewhere in the order `?order=` that is shown; to the list in that order. Stores nothing."""
    stored = list(selectors.list_rules(user=request.user))
    rows = _ordered(stored, request.GET.get("order", ""))
    form = MoveRuleForm(request.POST)
    row = next((one for one in rows if form.is_valid() and one.pk == form.cleaned_data["rule"]), None)
    if row is None:
        return HttpResponseRedirect(reverse("catalog:rule_list"))
    rows.remove(row)
    rows.insert(form.cleaned_data["to"], row)
    shown = {"moved": row.pk} if rows == stored else {"order": ",".join(str(one.pk) for one in rows), "moved": row.pk}
    return HttpResponseRedirect(f"{reverse('catalog:rule_list')}?{urlencode(shown)}")


@require_POST
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_order(request: MemberRequest) -> HttpResponse:
    """Store the order `order`, and have it applied."""
    ids = [int(word) for word in request.POST.get("order", "").split(",") if word.isdecimal()]
    try:
        path_rules.order_rules(rule_ids=ids, user=request.user)
        messages.success(request, gettext("The order is stored."))
    except OrderMismatchError as error:
        messages.error(request, message_text(error.code, error.params))
    return HttpResponseRedirect(reverse("catalog:rule_list"))


@require_POST
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_apply(request: MemberRequest) -> HttpResponse:
    """Have all rules applied again."""
    path_rules.request_placement(user=request.user)
    return HttpResponseRedirect(reverse("catalog:rule_list"))


@require_safe
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_progress(request: MemberRequest) -> HttpResponse:
    """How far the application of the rules is: a fragment that asks for itself until it has ended."""
    if not request.htmx:
        return HttpResponseRedirect(reverse("catalog:rule_list"))
    return render(request, "catalog/_rule_job.html", _job_context())


def _job_context() -> dict[str, Any]:
    return {"job": selectors.find_placement_job()}


def _ordered(rules: list[PathRule], order: str) -> list[PathRule]:
    """The rules in the order of these ids; as they are, when the ids are not exactly theirs."""
    by_id = {str(row.pk): row for row in rules}
    ids = order.split(",")
    return [by_id[one] for one in ids] if sorted(ids) == sorted(by_id) else list(rules)


# --- one rule -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_new(request: MemberRequest) -> HttpResponse:
    """A new rule, while it is typed and when it is stored."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_detail(request: MemberRequest, rule_id: int) -> HttpResponse:
    """A rule, while it is changed and when that is stored."""
    return _edit(request, selectors.get_rule(user=request.user, rule_id=rule_id))


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(MANAGE_RULE, raise_exception=True)
def rule_delete(request: MemberRequest, rule_id: int) -> HttpResponse:
    """Asks whether a rule is to be deleted, with what becomes of its files, and does it."""
    rule = selectors.get_rule(user=request.user, rule_id=rule_id)
    if request.method == "POST":
        path_rules.delete_rule(rule=rule, user=request.user)
        messages.success(request, gettext("“%(name)s” was deleted.") % {"name": rule.name})
        return HttpResponseRedirect(reverse("catalog:rule_list"))
    others = [row for row in selectors.list_rules(user=request.user) if row.pk != rule.pk]
    preview = selectors.preview_rules(user=request.user, rules=others)
    context = {"rule": rule, "preview": preview, "shown": "changed", "items": [_row(item) for item in preview.items]}
    return render(request, "catalog/rule_delete.html", context)


def _edit(request: MemberRequest, rule: PathRule | None) -> HttpResponse:
    rules = list(selectors.list_rules(user=request.user))
    form = RuleForm(request.POST if request.method == "POST" else None, rules=rules, rule=rule)
    is_fragment = bool(request.htmx) and request.htmx.target == "rule-preview"
    tried = _try(request, form, rules, rule)
    if "apply" in request.POST and not is_fragment and form.is_valid() and tried.problem == "":
        if request.POST["apply"] == tried.digest:
            try:
                return _store(request, form, rule)
            except MamError as error:
                form.add_error("name" if error.code.startswith("name_") else None, message_text(error.code, error.params))
        else:
            form.add_error(None, gettext("Something has changed since this was shown. Look at what it does now, then save it."))
    context = {"form": form, "rule": rule, "shows": list(SHOWS.items()), "examples": EXAMPLES, **tried.context}
    return render(request, "catalog/_rule_preview.html" if is_fragment else "catalog/rule_detail.html", context)


def _store(request: MemberRequest, form: RuleForm, rule: PathRule | None) -> HttpResponse:
    saved = path_rules.save_rule(rule=rule, after=form.goes_after, user=request.user, **form.values)
    words = gettext("“%(name)s” is stored.") if saved.is_enabled else gettext("“%(name)s” is stored, switched off.")
    messages.success(request, words % {"name": saved.name})
    return HttpResponseRedirect(reverse("catalog:rule_list"))


# --- what it would do ---------------------------------------------------------------------------------------------------
class _Tried(NamedTuple):
    context: dict[str, Any]
    digest: str = ""  # of the rules as they are and as they would be: what was looked at is what is stored
    problem: str = ""


def _try(request: MemberRequest, form: RuleForm, rules: Sequence[PathRule], rule: PathRule | None) -> _Tried:
    """The preview of what the form says, for the template."""
    typed, shown = request.POST.get("words", ""), request.POST.get("show", "")
    if form.is_bound:
        form.full_clean()
        draft = form.draft if form.cleaned_data.get("pattern") else None
    else:
        draft = rule
    after = form.goes_after
    shown = shown if shown in SHOWS else ("decided" if draft else "all")
    is_off = draft is not None and not draft.is_enabled and not (rule and rule.is_enabled)
    focus = _as_if_on(draft) if draft and is_off else draft
    drafted = selectors.put(rules, focus, after) if focus else list(rules)
    try:
        preview = selectors.preview_rules(user=request.user, rules=drafted, focus=focus, words=typed, show=shown)
    except PathRuleError as error:
        words = message_text(error.code, error.params)
        if form.is_bound:
            form.add_error("pattern", words)
        return _Tried({"problem": words, "advice": _advice(error), "shown": shown, "typed": typed}, problem=words)
    digest = _digest(rules, selectors.put(rules, draft, after)) if draft else ""
    context = {"preview": preview, "draft": draft, "is_off": is_off, "shown": shown, "typed": typed, "digest": digest}
    return _Tried({**context, "items": [_row(item) for item in preview.items]}, digest)


def _as_if_on(draft: PathRule) -> PathRule:
    """One that is off, and was, is tried as if it were on: else there would be nothing to see."""
    focus = copy(draft)
    focus.is_enabled = True
    return focus


def _digest(rules: Sequence[PathRule], drafted: Sequence[PathRule]) -> str:
    names = ("pk", "name", "pattern", "source_id", "catalog_name", "series_name", "is_enabled")
    said = [[[getattr(row, name) for name in names] for row in some] for some in (rules, drafted)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _advice(error: PathRuleError) -> str:
    """What to do about it; "" when the error says that itself."""
    if not isinstance(error, RulePatternError):
        return ""
    said = str(error.params.get("detail", ""))
    return next((str(words) for begin, words in _ADVICE.items() if said.startswith(begin)), "")


def _row(item: Tried) -> dict[str, Any]:
    """A file as the preview shows it: its path in parts, and where it goes, by columns."""
    parts: list[dict[str, Any]] = []
    at = 0
    for name, start, end in item.spans:
        parts += [{"text": item.path[at:start]}, {"text": item.path[start:end], "group": name, "label": GROUP_LABELS[name]}]
        at = end
    parts.append({"text": item.path[at:]})
    return {
        "tried": item,
        "parts": [part for part in parts if part["text"]],
        "before": _steps(item.now, item.after.place),
        "after": _steps(item.after.place, item.now),
    }


def _steps(place: Place | CurrentPlace | None, other: Place | CurrentPlace | None) -> list[dict[str, Any]]:
    """A place in words; `is_new` where it is not the same as `other`. Nowhere: none."""
    if place is None:
        return []
    part = gettext("Part %(number)s") % {"number": place.part} if place.part is not None else ""

    def differs(key: str) -> bool:
        return other is None or getattr(place, key) != getattr(other, key)

    is_namesake = other is not None and differs("content_key") and place.title == other.title
    steps = [
        (place.catalog, differs("catalog_key")),
        (gettext("Others") if place.series is None else place.series, differs("series_key")),
        (place.group if is_namesake else place.title, differs("content_key")),
        (part, differs("part")),
    ]
    return [{"text": text, "is_new": is_new} for text, is_new in steps if text]
