"""Reconciliations: what a comparison of both sides found, path by path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import permission_required
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from mam.jobs.models import ACTIVE
from mam.lib.downloads import download
from mam.lib.keyset import keyset_page
from mam.templatetags.mam_format import message_text
from sync.choices import Drift
from sync.selectors import pages
from sync.selectors.dashboard import list_target_jobs
from sync.selectors.plans import get_report, list_drift, list_reports, write_combined
from sync.selectors.scope import VIEW
from sync.views.common import is_part, live, show, the_target
from sync.views.history_words import field_line

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from mam.accounts.requests import MemberRequest
    from sync.models import DriftLine, DriftReport

REPORTS_SHOWN, LINES_SHOWN = 30, 50
# Names of the signs in addresses: "+" would be a space there.
SIGNS = {Drift.ONLY_SOURCE: "only_source", Drift.ONLY_TARGET: "only_target", Drift.DIFFERS: "differs", Drift.UNREADABLE: "unreadable"}
LOOKS = {
    Drift.EQUAL: ("success", "check"),
    Drift.ONLY_SOURCE: ("info", "plus"),
    Drift.ONLY_TARGET: ("warning", "minus"),
    Drift.DIFFERS: ("warning", "edit"),
    Drift.UNREADABLE: ("danger", "error"),
}


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def report_list(request: MemberRequest) -> HttpResponse:
    """The reconciliations there were, the newest first."""
    target = the_target()
    page = keyset_page(list_reports(user=request.user, target=target), ["-pk"], request.GET.get("cursor") or None, REPORTS_SHOWN)
    items = [{"report": report, "counts": counts_of(report), "is_equal": is_equal(report)} for report in page.items]
    return show(request, target, "reports", "sync/report_list.html", {"page": page, "items": items, "jobs": list_target_jobs(target)})


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def report_detail(request: MemberRequest, report_id: int) -> HttpResponse:
    """One of them: `?sign=&cursor=` of the paths that are not equal."""
    report = get_report(user=request.user, report_id=report_id)
    sign = next((sign.value for sign, name in SIGNS.items() if name == request.GET.get("sign")), "")
    lines = list_drift(user=request.user, report=report, sign=sign)
    page = keyset_page(lines, ["pk"], request.GET.get("cursor") or None, LINES_SHOWN)
    there = pages.existing_files(line.file_id for line in page.items if line.file_id)
    tabs = []
    for one, name in SIGNS.items():
        if count := report.counts.get(one):
            tabs.append({"label": one.label, "href": f"?sign={name}", "is_current": sign == one, "icon": LOOKS[one][1], "count": count})
    everything = {"label": gettext("All differences"), "href": "?", "is_current": not sign, "count": _differences(report)}
    context: dict[str, Any] = {
        "report": report,
        "page": page,
        "items": [_line(line, there) for line in page.items],
        "sign_tabs": [everything, *tabs] if len(tabs) > 1 else [],
        "counts": counts_of(report),
        "is_equal": is_equal(report),
        "job": report.job if report.job and report.job.state in ACTIVE else None,
    }
    if is_part(request, "results"):
        return render(request, "sync/_report_lines.html", context)
    return show(request, report.target, "reports", "sync/report_detail.html", context)


@require_safe
@permission_required(VIEW, raise_exception=True)
def report_download(request: MemberRequest, report_id: int) -> StreamingHttpResponse:
    """Its lines as text: a sign, a space, a path, as `rclone check --combined` writes them."""
    report = get_report(user=request.user, report_id=report_id)
    parts = write_combined(user=request.user, report=report)
    return download(parts, name=f"reconciliation-{report.pk}", suffix="txt", content_type="text/plain; charset=utf-8")


def counts_of(report: DriftReport) -> list[dict[str, Any]]:
    """What it found, in numbers."""
    return [
        {"label": sign.label, "sign": sign.value, "number": report.counts.get(sign, 0), "tone": tone, "icon": icon}
        for sign, (tone, icon) in LOOKS.items()
    ]


def is_equal(report: DriftReport) -> bool:
    """Nothing differs."""
    return not _differences(report)


def _differences(report: DriftReport) -> int:
    return sum(int(count) for sign, count in report.counts.items() if sign != Drift.EQUAL)


def _line(line: DriftLine, there: set[int]) -> dict[str, Any]:
    sign = Drift(line.sign)
    tone, icon = LOOKS[sign]
    details = [field_line(name, pair) for name, pair in line.details.items() if name not in {"error", "path"}]
    error = message_text(line.details["error"]) if "error" in line.details else ""
    href = reverse("catalog:file_detail", args=[line.file_id]) if line.file_id in there else ""
    return {
        "line": line,
        "label": sign.label,
        "tone": tone,
        "icon": icon,
        "details": details,
        "target_path": line.details["path"][1] if "path" in line.details else "",
        "error": error,
        "href": href,
    }
