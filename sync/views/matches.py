"""The match table: every file of the archive beside its entry in the target. The filter stands in the address, the same as in the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from mam.lib.downloads import CSV, download
from mam.lib.keyset import keyset_page
from sync.choices import MatchStatus
from sync.matching.notes import is_behind
from sync.selectors import csv_export, pages
from sync.selectors.filters import NO_CATALOG, NO_CATALOG_WORD, read_filter
from sync.selectors.matching import NEWEST, ORDERS, get_match, list_copies, list_matches
from sync.selectors.rows import read_rows
from sync.selectors.scope import VIEW
from sync.views.common import is_part, live, page_number, show, the_target

if TYPE_CHECKING:
    from django.http import HttpResponse, StreamingHttpResponse

    from mam.accounts.requests import MemberRequest
    from sync.models import Target
    from sync.selectors.filters import MatchFilter
    from sync.selectors.matching import MatchPage
    from sync.selectors.rows import MatchRow

SIZES = (20, 50, 100)
ORDER_LABELS = {
    NEWEST: _("Newest first"),
    "oldest": _("Oldest first"),
    "path": _("Path"),
    "-path": _("Path, backwards"),
    "name": _("Name"),
    "-name": _("Name, backwards"),
    "-size": _("Largest first"),
    "size": _("Smallest first"),
}
_COPIES_SHOWN = 20


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def match_list(request: MemberRequest) -> HttpResponse:
    """A page of the table: `?status=&catalog=&ext=&q=&sort=&per_page=&page=&cursor=`."""
    target, wanted = the_target(), read_filter(request.GET)
    sort = request.GET.get("sort", NEWEST)
    sort = sort if sort in ORDERS else NEWEST
    size = next((one for one in SIZES if str(one) == request.GET.get("per_page")), SIZES[0])
    number, cursor = page_number(request), request.GET.get("cursor")
    page = list_matches(user=request.user, target=target, wanted=wanted, sort=sort, number=number, cursor=cursor, limit=size)
    context: dict[str, Any] = {
        "page": page,
        "items": _items(page),
        "number": page.number or number,
        "pages": max(1, -(-page.total // size)),
        "first": ((page.number or number) - 1) * size + 1,
        "sort": sort,
        "orders": list(ORDER_LABELS.items()),
        "size": size,
        "sizes": [(one, one) for one in SIZES],
        "is_behind": is_behind(),
        **filter_context(request, target, wanted),
    }
    if is_part(request, "results"):
        return render(request, "sync/_match_results.html", {"target": target, **context})
    return show(request, target, "matches", "sync/match_list.html", context)


@require_safe
@permission_required(VIEW, raise_exception=True)
def match_copies(request: MemberRequest, match_id: int) -> HttpResponse:
    """The other files of the same name and size: a fragment; alone, the table with all files of that name."""
    match = get_match(user=request.user, match_id=match_id)
    if not request.htmx:
        return HttpResponseRedirect(f"{reverse('sync:match_list')}?{urlencode({'q': match.path.rpartition('/')[2]})}")
    page = keyset_page(list_copies(user=request.user, match=match).only("pk"), ["pk"], request.GET.get("cursor"), _COPIES_SHOWN)
    context = {"match": match, "copies": [show_match(row) for row in read_rows([one.pk for one in page.items])], "next": page.next}
    return render(request, "sync/_match_copies.html", context)


@require_safe
@permission_required(VIEW, raise_exception=True)
def match_export(request: MemberRequest) -> StreamingHttpResponse:
    """All that the filter leaves, each a line; streamed."""
    sort = request.GET.get("sort", NEWEST)
    parts = csv_export.write_table(
        user=request.user, target=the_target(), wanted=read_filter(request.GET), sort=sort if sort in ORDERS else NEWEST
    )
    return download(parts, name="matching", suffix="csv", content_type=CSV)


def filter_context(request: MemberRequest, target: Target, wanted: MatchFilter) -> dict[str, Any]:
    """What table and tree share: the filter, what it can be, and the addresses that narrow it."""
    narrowing = pages.list_narrowing(target, wanted)
    query = wanted.as_query()
    kept = {name: request.GET[name] for name in ("sort", "per_page") if request.GET.get(name)}
    plain = {name: value for name, value in query.items() if name != "status"} | kept
    counts = {} if wanted.words else narrowing.statuses
    chips = [{"label": gettext("All"), "href": f"?{urlencode(plain)}", "is_selected": not wanted.statuses, "count": _count(counts, None)}]
    for status in MatchStatus:
        if narrowing.statuses.get(status) or status in wanted.statuses:
            href = f"?{urlencode(plain | {'status': status.value})}"
            is_selected = status.value in wanted.statuses
            chips.append(
                {"label": status.label, "status": status.value, "href": href, "is_selected": is_selected, "count": _count(counts, status)}
            )
    catalogs = [(NO_CATALOG_WORD if pk == NO_CATALOG else str(pk), name or gettext("Without a catalog")) for pk, name in narrowing.catalogs]
    return {
        "wanted": wanted,
        "chips": chips,
        "catalogs": [("", gettext("All catalogs")), *catalogs],
        "catalog": query.get("catalog", ""),
        "extensions": [("", gettext("All file types")), *((name, name) for name in narrowing.extensions)],
        "query": urlencode(query),
        "everything": narrowing.total,
    }


def _count(counts: Any, status: str | None) -> int | None:
    """None where a search makes the number unknown."""
    if not counts:
        return None
    return sum(counts.values()) if status is None else int(counts.get(status, 0))


def _items(page: MatchPage) -> list[dict[str, Any]]:
    above = pages.folders_above(page.rows)
    return [{**show_match(row), "folders": above[row.id]} for row in page.rows]


def show_match(row: MatchRow) -> dict[str, Any]:
    """A match for the templates of lists. `href`: its file; what happened to an entry without one."""
    gone = f"{reverse('sync:history')}?{urlencode({'q': row.path})}"
    return {
        "row": row,
        "name": row.path.rpartition("/")[2] or row.path,
        "label": MatchStatus(row.status).label,
        "href": reverse("catalog:file_detail", args=[row.file_id]) if row.file_id else gone,
    }
