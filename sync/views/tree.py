"""The tree: folders of published sources with what is synced below them, opened level by level. Its filter is the table's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.errors import ObjectNotFoundError
from sync.choices import MatchStatus
from sync.matching.notes import is_behind
from sync.selectors import pages
from sync.selectors.filters import MatchFilter, known_statuses, read_filter
from sync.selectors.rows import read_copies
from sync.selectors.scope import VIEW
from sync.selectors.tree import IN_BOTH, Tree, list_gone, list_tree
from sync.views.common import live, show, the_target
from sync.views.matches import filter_context, show_match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse

    from mam.accounts.requests import MemberRequest
    from sync.selectors.rows import MatchRow
    from sync.selectors.tree import Place

_DEEPEST = 100  # levels, for who writes addresses by hand


@require_safe
@permission_required(VIEW, raise_exception=True)
@live
def match_tree(request: MemberRequest) -> HttpResponse:
    """The tree, or (`?folder=`) what is in one folder; `?status=` as in the table."""
    target, wanted = the_target(), read_filter(request.GET)
    folder_id, cursor = _number(request.GET.get("folder")), request.GET.get("cursor") or None
    tree = list_tree(user=request.user, target=target, folder_id=folder_id, statuses=wanted.statuses, cursor=cursor)
    place = tree.places[0] if folder_id is not None else None
    context: dict[str, Any] = {
        "place": place,
        "above": pages.places_above(target, place.folder_id) if place else [],
        "is_behind": is_behind(),
        "is_table_only": MatchFilter(statuses=wanted.statuses) != wanted,
        "is_empty": not (tree.places or tree.files or tree.gone or wanted.statuses),
        **_level(place or tree, wanted.statuses, folder_id=folder_id, level=1),
        **filter_context(request, target, wanted),
    }
    return show(request, target, "matches", "sync/match_tree.html", context)


@require_safe
@permission_required(VIEW, raise_exception=True)
def tree_branch(request: MemberRequest) -> HttpResponse:
    """What is in a folder (`?folder=`), or follows there (`&cursor=`), as items of the tree; alone, the page of the folder."""
    folder_id, cursor = _number(request.GET.get("folder")), request.GET.get("cursor") or None
    if not request.htmx:
        return HttpResponseRedirect(f"{reverse('sync:match_tree')}?{request.GET.urlencode()}")
    statuses = known_statuses(request.GET.get("status", ""))
    tree = list_tree(user=request.user, target=the_target(), folder_id=folder_id, statuses=statuses, cursor=cursor)
    found = tree.places[0] if folder_id is not None else tree
    context = _level(found, statuses, folder_id=folder_id, level=_asked_level(request))
    return render(request, "sync/_tree_items.html", {**context, "is_more": bool(cursor)})


@require_safe
@permission_required(VIEW, raise_exception=True)
def tree_gone(request: MemberRequest) -> HttpResponse:
    """Entries of the target that no file has, as items of the tree; alone, the table of them."""
    if not request.htmx:
        return HttpResponseRedirect(f"{reverse('sync:match_list')}?{urlencode({'status': MatchStatus.DELETED.value})}")
    page = list_gone(user=request.user, target=the_target(), cursor=request.GET.get("cursor") or None)
    level = _asked_level(request)
    more = f"{reverse('sync:tree_gone')}?{urlencode({'cursor': page.next, 'level': level})}" if page.next else ""
    context = {"files": [_file(row, {}) for row in page.files], "more_url": more, "level": level, "is_more": "cursor" in request.GET}
    return render(request, "sync/_tree_items.html", context)


def _level(found: Tree | Place, statuses: Sequence[str], *, folder_id: int | None, level: int) -> dict[str, Any]:
    """Items of one level for the template."""
    query = {"status": ",".join(statuses)} if statuses else {}
    branch_url = reverse("sync:tree_branch")
    folders = found.places if isinstance(found, Tree) else found.folders
    originals = _originals(found.files)
    more = {**query, "level": level, "cursor": found.next or ""} | ({"folder": folder_id} if folder_id is not None else {})
    gone = found.gone if isinstance(found, Tree) and (not statuses or MatchStatus.DELETED in statuses) else 0
    return {
        "folders": [
            {
                "place": place,
                "others": [(status, place.counts[status]) for status in MatchStatus if place.counts[status] and status not in IN_BOTH],
                "load_url": f"{branch_url}?{urlencode({**query, 'folder': place.folder_id, 'level': level + 1})}",
                "href": f"{reverse('sync:match_tree')}?{urlencode({**query, 'folder': place.folder_id})}",
            }
            for place in folders
        ],
        "files": [_file(row, originals) for row in found.files],
        "more_url": f"{branch_url}?{urlencode(more)}" if found.next else "",
        "gone": gone,
        "gone_url": f"{reverse('sync:tree_gone')}?{urlencode({'level': level + 1})}",
        "level": level,
    }


def _file(row: MatchRow, originals: dict[int, str]) -> dict[str, Any]:
    return {**show_match(row), "original": originals.get(row.id, "")}


def _originals(rows: Sequence[MatchRow]) -> dict[int, str]:
    """Where the file is that syncs in the place of each copy. One query, or none."""
    copies = read_copies([row for row in rows if row.status == MatchStatus.DUPLICATE])
    return {pk: next((one.path for one in found if one.status != MatchStatus.DUPLICATE), "") for pk, found in copies.items()}


def _asked_level(request: MemberRequest) -> int:
    return min(_number(request.GET.get("level")) or 1, _DEEPEST)


def _number(value: str | None) -> int | None:
    """None for nothing. ObjectNotFoundError for what is no id."""
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise ObjectNotFoundError
    return int(value)
