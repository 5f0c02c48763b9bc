"""Pages of the library: parse, call a selector or a service, render. An htmx request gets the list's fragment of the same page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog import selectors, text
from catalog.choices import PLACED_KINDS, EditKind, Placement
from catalog.errors import ObjectNotFoundError, PlayerUnknownError
from catalog.forms import EDIT_FORMS, MoveFileForm
from catalog.search.query import Field, Query, Term, parse
from catalog.search.resolve import likely
from catalog.selectors import edits as edit_selectors
from catalog.selectors.kept import keep_page, library_version
from catalog.selectors.rules import find_deciding_rule
from catalog.selectors.scope import CURATE
from catalog.selectors.similar import find_similar, may_have_similar
from catalog.selectors.works import total_duration_ms
from catalog.services import bulk_edits, collections
from catalog.services import players as player_services
from catalog.services import tags as tag_services
from catalog.services.bulk_edits import MAX_FILES
from mam.lib.bulk import in_order
from mam.lib.errors import MamError
from mam.lib.keyset import KeysetPage, jump, keyset_page
from mam.templatetags.mam_format import format_names, format_number, message_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from catalog.models import BulkEdit, Collection, Folder
    from mam.accounts.requests import MemberRequest

PAGE_SIZE = 60
FOLDER_ORDERS = {
    "name": ("name_key", "id"),
    "-name": ("-name_key", "-id"),
    "newest": ("-mtime_ns", "-id"),
    "oldest": ("mtime_ns", "id"),
    "largest": ("-size_bytes", "-id"),
    "longest": ("-duration_ms", "-id"),
}
_INDEXED_ORDERS = ("name", "-name")  # in a folder; for the others its files are sorted
FACET_TITLES = {
    Field.CATALOG: _("Catalog"),
    Field.SERIES: _("Series"),
    Field.YEAR: _("Year"),
    Field.PLAYER: _("Player"),
    Field.TAG: _("Tag"),
    Field.KIND: _("Kind"),
    Field.CONTAINER: _("Extension"),
    Field.CODEC: _("Codec"),
    Field.RESOLUTION: _("Resolution"),
    Field.DURATION: _("Length"),
    Field.HLS: _("HLS without encoding"),
    Field.STATE: _("State"),
}
COMPLETION_KINDS = FACET_TITLES | {"title": _("Title"), "word": _("Word"), "field": _("Field")}
_REFUSED_NAME = "catalog.search_save"  # key in the session: what a search could not be saved as, to be put right in its dialog
PLAYER_FILES = 24  # shown on the page of a player
TAG_ORDERS = {
    "newest": selectors.NEWEST_FIRST,
    "name": selectors.FILE_ORDER,
    "largest": ("-size_bytes", "-id"),
    "longest": ("-duration_ms", "-id"),
}


def _page_context(request: MemberRequest, files: QuerySet[Any], orders: Mapping[str, tuple[str, ...]], default: str) -> dict[str, Any]:
    """The page of a list: items and cursors, in the order that `?sort=` names."""
    sort = _sort_of(request, orders, default)
    return {"page": _page_after(request.GET.get("cursor"), files, orders[sort]), "sort": sort, "sorts": list(orders)}


def _sort_of(request: MemberRequest, orders: Mapping[str, tuple[str, ...]], default: str) -> str:
    sort = request.GET.get("sort", default)
    return sort if sort in orders else default


def _page_after(
    cursor: str | None, files: QuerySet[Any], order: tuple[str, ...], *, rows: QuerySet[Any] | None = None, is_small: bool = False
) -> KeysetPage[Any]:
    """First which files, then what is shown of them: a database that has to sort them sorts narrow rows. `rows`: as of `jump`."""
    keys = files.order_by().select_related(None).prefetch_related(None).values(*{"id", *(name.removeprefix("-") for name in order)})
    page = keyset_page(keys, order, cursor, PAGE_SIZE, is_small=is_small)
    found = in_order(files if rows is None else rows, (row["id"] for row in page.items))
    return KeysetPage(found, page.next, page.previous)


def _folder_page(request: MemberRequest, folder: Folder, total: int) -> dict[str, Any]:
    """The page of a folder's `total` files: by its cursor, else by its number. Beside a cursor the number is only shown."""
    version, files = library_version(), selectors.list_folder_files(user=request.user, folder=folder)
    rows = selectors.list_files(user=request.user).select_related(None)  # SQLite would look for the keys among all of the folder
    sort, cursor = _sort_of(request, FOLDER_ORDERS, "name"), request.GET.get("cursor")
    asked, pages = request.GET.get("page", ""), max(1, -(-total // PAGE_SIZE))
    number = min(max(int(asked[:9]), 1), pages) if asked.isascii() and asked.isdigit() else 1

    is_small = sort not in _INDEXED_ORDERS

    def make() -> KeysetPage[Any]:
        if number > 1 and not cursor:
            return jump(files, FOLDER_ORDERS[sort], number, PAGE_SIZE, total, rows=rows, is_small=is_small)
        return _page_after(cursor, files, FOLDER_ORDERS[sort], rows=rows, is_small=is_small)

    about = ("folder", folder.pk, folder.listed_at, total, sort, cursor, number)
    page = keep_page(make, rows, version=version, user=request.user, about=about)
    return {"page": page, "sort": sort, "sorts": list(FOLDER_ORDERS), "number": number, "pages": pages}


def _render(request: MemberRequest, template: str, fragment: str, context: dict[str, Any]) -> HttpResponse:
    is_fragment = request.htmx and not request.htmx.boosted and request.htmx.target == "results"
    return render(request, fragment if is_fragment else template, context)


@require_safe
def home(request: MemberRequest) -> HttpResponse:
    """Catalogs with posters, what was found last, and how much there is."""
    context = {
        "catalogs": selectors.list_catalog_cards(user=request.user),
        "recent": selectors.list_recent_files(user=request.user, limit=12),
        "totals": selectors.library_totals(user=request.user),
        "sources": selectors.list_sources(user=request.user),
    }
    return render(request, "catalog/home.html", context)


@require_safe
def catalog_detail(request: MemberRequest, catalog_id: int) -> HttpResponse:
    """The series of a catalog."""
    catalog = selectors.get_catalog(user=request.user, catalog_id=catalog_id)
    series = selectors.list_series_cards(user=request.user, catalog=catalog)
    return render(request, "catalog/catalog_detail.html", {"catalog": catalog, "series": series})


@require_safe
def series_detail(request: MemberRequest, series_id: int) -> HttpResponse:
    """The contents of a series."""
    series = selectors.get_series(user=request.user, series_id=series_id)
    contents = selectors.list_contents(user=request.user, series=series)
    page = keyset_page(contents, selectors.works.CONTENT_ORDER, request.GET.get("cursor"), PAGE_SIZE)
    context = {"series": series, "cards": selectors.content_cards(page.items), "page": page}
    return _render(request, "catalog/series_detail.html", "catalog/_content_grid.html", context)


@require_safe
def content_detail(request: MemberRequest, content_id: int) -> HttpResponse:
    """One work: its parts in order, its players."""
    content = selectors.get_content(user=request.user, content_id=content_id)
    parts = selectors.list_parts(user=request.user, content=content)
    return render(request, "catalog/content_detail.html", {"content": content, "parts": parts, "duration_ms": total_duration_ms(content)})


@require_safe
def source_list(request: MemberRequest) -> HttpResponse:
    """The sources and how they are."""
    return render(request, "catalog/source_list.html", {"cards": selectors.list_sources(user=request.user)})


@require_safe
def folder_detail(request: MemberRequest, folder_id: int) -> HttpResponse:
    """One folder: folders in it, files in it, its totals."""
    folder = selectors.get_folder(user=request.user, folder_id=folder_id)
    subfolders = list(selectors.list_subfolders(user=request.user, folder=folder))
    context = {
        "folder": folder,
        "ancestors": selectors.folder_ancestors(folder),
        "subfolders": subfolders,
        **_folder_page(request, folder, folder.own_files(subfolders)),
    }
    return _render(request, "catalog/folder_detail.html", "catalog/_folder_files.html", context)


@require_safe
def file_detail(request: MemberRequest, file_id: int) -> HttpResponse:
    """One file: panels of higher apps (player), technical description, where it lies, duplicates, tags, collections."""
    file = selectors.get_file(user=request.user, file_id=file_id)
    may_curate = request.user.has_perm(CURATE)
    context: dict[str, Any] = {
        "file": file,
        "panels": [reverse(name, args=[file.pk]) for name in settings.MAM_FILE_PANELS],
        "duplicates": selectors.list_duplicates(user=request.user, file=file),
        "streams": list(file.streams.all()),
        "may_have_similar": may_have_similar(file),
        "may_curate": may_curate,
    }
    if may_curate and file.kind in PLACED_KINDS and file.placement == Placement.RULE:
        context["deciding_rule"] = find_deciding_rule(user=request.user, file=file)
    return render(request, "catalog/file_detail.html", context)


@require_POST
@permission_required(CURATE, raise_exception=True)
def file_tags(request: MemberRequest, file_id: int) -> HttpResponse:
    """Add (`add`=name) or remove (`remove`=tag id) a tag; back to the file, or the tag list's fragment for htmx."""
    file = selectors.get_file(user=request.user, file_id=file_id)
    try:
        if request.POST.get("add", "").strip():
            tags = tag_services.get_or_create_tags(names=[request.POST["add"]], user=request.user)
            tag_services.add_tags(file_ids=[file.pk], tags=tags, user=request.user)
        elif request.POST.get("remove", "").isdecimal():
            tag = selectors.get_tag(user=request.user, tag_id=int(request.POST["remove"]))
            tag_services.remove_tags(file_ids=[file.pk], tags=[tag], user=request.user)
    except MamError as error:
        messages.error(request, message_text(error.code, error.params))
    return _after_curating(request, file_id, "catalog/_file_tags.html")


@require_POST
@permission_required(CURATE, raise_exception=True)
def file_players(request: MemberRequest, file_id: int) -> HttpResponse:
    """Name a player by any spelling (`add`), make one first (`create`=name), or take one off (`remove`=id); answers as `file_tags`."""
    file, unknown = selectors.get_file(user=request.user, file_id=file_id), ""
    typed, made, removed = (request.POST.get(name, "").strip() for name in ("add", "create", "remove"))
    try:
        if removed.isdecimal():
            player = selectors.get_player(user=request.user, player_id=int(removed))
            player_services.remove_player(file=file, player=player, user=request.user)
        elif typed:
            player = selectors.get_player_named(user=request.user, name=typed)
            player_services.add_player(file=file, player=player, user=request.user)
        elif made:
            player = player_services.create_player(name=made, user=request.user)
            player_services.add_player(file=file, player=player, user=request.user)
    except PlayerUnknownError as error:
        unknown = typed
        if not request.htmx:
            messages.error(request, message_text(error.code, error.params))
    except MamError as error:
        messages.error(request, message_text(error.code, error.params))
    return _after_curating(request, file_id, "catalog/_file_players.html", unknown=unknown)


def _after_curating(request: MemberRequest, file_id: int, fragment: str, **context: Any) -> HttpResponse:
    """Back to the page of the file, or what of it has changed, for htmx."""
    if not request.htmx:
        return HttpResponseRedirect(reverse("catalog:file_detail", args=[file_id]))
    file = selectors.get_file(user=request.user, file_id=file_id)
    return render(request, fragment, {"file": file, "may_curate": True, **context})


@require_safe
def file_similar(request: MemberRequest, file_id: int) -> HttpResponse:
    """Files with similar names: a fragment of the file's page; alone, the search for them."""
    file = selectors.get_file(user=request.user, file_id=file_id)
    similar = find_similar(user=request.user, file=file)
    if not request.htmx:
        return HttpResponseRedirect(_search_url(parse(similar.query)))
    return render(request, "catalog/_file_similar.html", {"similar": similar})


@require_safe
def search(request: MemberRequest) -> HttpResponse:
    """Files by words and fields; all there is to a search stands in `?q=` and `?sort=`."""
    query = parse(request.GET.get("q", ""))
    context: dict[str, Any] = {"query": str(query), "terms": _removable(query)}
    if query:
        sort = request.GET.get("sort", "")
        found = selectors.search(user=request.user, query=query, sort=sort, cursor=request.GET.get("cursor"), limit=PAGE_SIZE)
        context |= {
            "page": found,
            "sort": found.sort,
            "sorts": selectors.SORTS if query.words else selectors.SORTS[1:],
            "edits": _edit_links(query, found.sort),
            **_understood(query, found),
        }
        if not request.htmx:
            context["refused_name"] = request.session.pop(_REFUSED_NAME, "")
    return _render(request, "catalog/search.html", "catalog/_search_results.html", context)


def _understood(query: Query, found: selectors.Found) -> dict[str, Any]:
    """How a search was understood: what is wrong in it, and what rare words were taken for, each with the search that may be meant."""
    problems = []
    for problem in found.resolved.problems:
        instead = likely(problem.term)
        href = _search_url(query.with_instead(problem.term, instead)) if instead else ""
        problems.append({"text": gettext(problem.why) % problem.params, "instead": str(instead or ""), "href": href})
    literal = {text.fold(term.text): (term, replace(term, is_exact=True)) for term in query.words if not term.is_exact}
    taken_for = [
        {
            "word": word,
            "near": format_names(near),
            "href": _search_url(query.with_instead(*literal[word])) if word in literal else "",
        }
        for word, near in found.resolved.meant.items()
    ]
    proposal = None if found.count else selectors.propose(query, found.resolved)
    return {"problems": problems, "taken_for": taken_for, "proposal": str(proposal) if proposal else ""}


@require_safe
def search_ways_out(request: MemberRequest) -> HttpResponse:
    """What finds something, beside a search that finds nothing; a fragment, for each takes a search."""
    ways = selectors.list_ways_out(user=request.user, query=parse(request.GET.get("q", "")))
    return render(request, "catalog/_search_ways_out.html", {"ways": [{"way": way, "href": _search_url(way.query)} for way in ways]})


@require_safe
def search_facets(request: MemberRequest) -> HttpResponse:
    """What a search can be narrowed by; a fragment, for it comes after the results."""
    query = parse(request.GET.get("q", ""))
    groups = []
    for facet, found in selectors.list_facets(user=request.user, query=query).items():
        options = [
            {
                "label": value.label,
                "count": f"{format_number(value.count)}{'+' if value.is_capped else ''}",
                "is_selected": value.is_chosen,
                "href": _search_url(value.toggled(query), request),
            }
            for value in found
        ]
        groups.append({"title": FACET_TITLES[facet], "options": options})
    return render(request, "catalog/_search_facets.html", {"groups": groups})


@require_safe
def search_suggestions(request: MemberRequest) -> JsonResponse:
    """Options for the search box: what the search typed so far may become. `continues`: the box then holds that, for a value is missing."""
    options = [
        {
            "label": one.label,
            "kind": COMPLETION_KINDS[one.kind],
            "href": _search_url(parse(one.query)),
            "continues": one.query if one.is_open else None,
        }
        for one in selectors.complete(user=request.user, typed=request.GET.get("q", ""))
    ]
    return JsonResponse({"options": options})


@require_POST
@permission_required(CURATE, raise_exception=True)
def search_save(request: MemberRequest) -> HttpResponse:
    """Make a collection named `name` of whatever `q` finds; to its page, or back to the search with the reason why not."""
    query = parse(request.POST.get("q", ""))
    if not query:
        return HttpResponseRedirect(reverse("catalog:search"))
    try:
        made = collections.create_collection(name=request.POST.get("name", ""), query=str(query), user=request.user)
    except MamError as error:
        messages.error(request, message_text(error.code, error.params))
        request.session[_REFUSED_NAME] = request.POST.get("name", "")[:200]
        return HttpResponseRedirect(_search_url(query))
    return HttpResponseRedirect(reverse("catalog:collection_detail", args=[made.pk]))


# --- changes of many files --------------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(CURATE, raise_exception=True)
def search_edit(request: MemberRequest) -> HttpResponse:
    """Asks with what to do `?kind=` to all files of the search `?q=`, and has it done."""
    query, sort = parse(request.GET.get("q", "")), request.GET.get("sort", "")
    if not query:
        return HttpResponseRedirect(reverse("catalog:search"))
    kinds = {kind.value: kind for kind in EditKind}
    kind = kinds.get(request.GET.get("kind", ""), EditKind.COLLECT)
    form = EDIT_FORMS[kind](request.POST or None)
    if form.is_valid():
        ids = selectors.list_matching_ids(user=request.user, query=query, sort=sort, limit=MAX_FILES + 1)
        try:
            with transaction.atomic():
                edit = bulk_edits.start_edit(
                    kind=kind, targets=form.targets(request.user), file_ids=ids, user=request.user, query=str(query)
                )
            return HttpResponseRedirect(reverse("catalog:edit_detail", args=[edit.pk]))
        except MamError as error:
            form.add_error(None, message_text(error.code, error.params))
    found = selectors.search(user=request.user, query=query, sort=sort, limit=6)
    edits, back = _edit_links(query, sort, kind), _search_url(query, request)
    context = {"query": str(query), "kind": kind, "edits": edits, "form": form, "found": found, "back": back}
    return render(request, "catalog/search_edit.html", context)


@require_safe
@permission_required(CURATE, raise_exception=True)
def edit_list(request: MemberRequest) -> HttpResponse:
    """The changes of many files there were, the newest first."""
    page = keyset_page(selectors.list_edits(user=request.user), ("-pk",), request.GET.get("cursor"), PAGE_SIZE)
    return _render(request, "catalog/edit_list.html", "catalog/_edit_rows.html", {"page": page})


@require_safe
@permission_required(CURATE, raise_exception=True)
def edit_detail(request: MemberRequest, edit_id: int) -> HttpResponse:
    """One of them: how far it is. It asks for its own fragment until everything is as it is wanted."""
    edit = selectors.get_edit(user=request.user, edit_id=edit_id)
    is_fragment = request.htmx and request.htmx.target == "edit"
    return render(request, "catalog/_edit.html" if is_fragment else "catalog/edit_detail.html", _edit_context(edit))


@require_POST
@permission_required(CURATE, raise_exception=True)
def edit_undo(request: MemberRequest, edit_id: int) -> HttpResponse:
    """Have it taken back."""
    return _turn(request, edit_id, bulk_edits.undo_edit)


@require_POST
@permission_required(CURATE, raise_exception=True)
def edit_redo(request: MemberRequest, edit_id: int) -> HttpResponse:
    """Have it done again, or further."""
    return _turn(request, edit_id, bulk_edits.redo_edit)


def _turn(request: MemberRequest, edit_id: int, turn: Callable[..., BulkEdit]) -> HttpResponse:
    edit = turn(edit=selectors.get_edit(user=request.user, edit_id=edit_id), user=request.user)
    if request.htmx:
        return render(request, "catalog/_edit.html", _edit_context(edit))
    return HttpResponseRedirect(reverse("catalog:edit_detail", args=[edit.pk]))


def _edit_context(edit: BulkEdit) -> dict[str, Any]:
    return {"edit": edit, "has_lost_targets": edit_selectors.has_lost_targets(edit)}


def _edit_links(query: Query, sort: str, current: EditKind | None = None) -> list[dict[str, Any]]:
    """What may be done with all files of a search."""
    return [
        {
            "label": kind.label,
            "href": f"{reverse('catalog:search_edit')}?{urlencode({'q': str(query), 'sort': sort, 'kind': kind.value})}",
            "is_current": kind == current,
        }
        for kind in EditKind
    ]


# --- what was changed -------------------------------------------------------------------------------------------------
@require_safe
@permission_required(CURATE, raise_exception=True)
def object_history(request: MemberRequest, kind: str, object_id: int) -> HttpResponse:
    """Who changed what of one object, and when; the newest first."""
    row, changes = selectors.get_history(user=request.user, kind=kind, object_id=object_id)
    page = keyset_page(changes, ("-at", "-pk"), request.GET.get("cursor"), PAGE_SIZE)
    context = {"object": row, "back": selectors.page_of(row), "page": page, "changes": selectors.explain(page.items)}
    return _render(request, "catalog/object_history.html", "catalog/_history_rows.html", context)


# --- addresses of searches --------------------------------------------------------------------------------------------
def _removable(query: Query) -> list[dict[str, str]]:
    """The fields of a search, each with the address of the search without it."""
    return [{"label": str(term), "href": f"?{urlencode({'q': str(query.without_term(term))})}"} for term in query.terms if term.field]


def _search_url(query: Query, request: MemberRequest | None = None) -> str:
    """With the order of the search that `request` shows."""
    kept = {"sort": request.GET["sort"]} if request and request.GET.get("sort") else {}
    return f"{reverse('catalog:search')}?{urlencode({'q': str(query), **kept})}"


@require_safe
def collection_list(request: MemberRequest) -> HttpResponse:
    """All collections as a tree."""
    return render(request, "catalog/collection_list.html", {"nodes": selectors.list_collection_tree(user=request.user)})


@require_safe
def collection_detail(request: MemberRequest, collection_id: int) -> HttpResponse:
    """One collection: its files in order, the collections inside it."""
    collection = selectors.get_collection(user=request.user, collection_id=collection_id)
    if collection.query:
        fragment, cursor = "catalog/_search_results.html", request.GET.get("cursor")
        query = parse(collection.query)
        found = selectors.search(user=request.user, query=query, cursor=cursor, limit=PAGE_SIZE)
        listed: dict[str, Any] = {"page": found, **_understood(query, found)}
    else:
        fragment, listed = "catalog/_collection_items.html", _collection_page(request, collection)
    context = {
        "collection": collection,
        "ancestors": selectors.collection_ancestors(collection),
        "children": selectors.list_collection_tree(user=request.user, parent=collection),
        "results": fragment,
        **listed,
    }
    return _render(request, "catalog/collection_detail.html", fragment, context)


@require_POST
@permission_required(CURATE, raise_exception=True)
def collection_move(request: MemberRequest, collection_id: int) -> HttpResponse:
    """Put the file `file` at position `to`, or (`remove`) take it out; to the same page of the collection as it is then."""
    collection = selectors.get_collection(user=request.user, collection_id=collection_id)
    form = MoveFileForm(request.POST)
    if not form.is_valid():
        raise ObjectNotFoundError
    file_id = form.cleaned_data["file"]
    if "remove" in request.POST:
        collections.remove_files(collection=collection, file_ids=[file_id], user=request.user)
    else:
        collections.move_file(collection=collection, file_id=file_id, to=form.cleaned_data["to"] or 0, user=request.user)
    shown = urlencode({"cursor": request.GET.get("cursor", ""), "moved": file_id, "went": "back" if form.goes_back else ""})
    return HttpResponseRedirect(f"{reverse('catalog:collection_detail', args=[collection.pk])}?{shown}")


def _collection_page(request: MemberRequest, collection: Collection) -> dict[str, Any]:
    items, cursor = selectors.list_collection_items(user=request.user, collection=collection), request.GET.get("cursor")
    page = keyset_page(items, ("position", "id"), cursor, PAGE_SIZE)
    if cursor and not page.items:  # the last of its page was taken out
        page = keyset_page(items, ("position", "id"), None, PAGE_SIZE)
    return {
        "page": page,
        "move_url": f"{reverse('catalog:collection_move', args=[collection.pk])}?{urlencode({'cursor': cursor or ''})}",
        "moved": request.GET.get("moved"),
        "went": request.GET.get("went"),
    }


@require_safe
def tag_detail(request: MemberRequest, tag_id: int) -> HttpResponse:
    """The files with a tag."""
    tag = selectors.get_tag(user=request.user, tag_id=tag_id)
    files = selectors.list_tagged_files(user=request.user, tag=tag)
    context = {"tag": tag, **_page_context(request, files, TAG_ORDERS, "newest")}
    return _render(request, "catalog/tag_detail.html", "catalog/_file_grid.html", context)


@require_safe
def player_detail(request: MemberRequest, player_id: int) -> HttpResponse:
    """The contents a player is named in, and the newest other files with that player."""
    player = selectors.get_player(user=request.user, player_id=player_id)
    contents = selectors.list_player_contents(user=request.user, player=player)
    page = keyset_page(contents, ("title", "id"), request.GET.get("cursor"), PAGE_SIZE)
    context = {
        "player": player,
        "cards": selectors.content_cards(page.items),
        "page": page,
        "files": selectors.list_player_files(user=request.user, player=player).order_by(*selectors.NEWEST_FIRST)[:PLAYER_FILES],
        "all_files_url": _search_url(Query((Term(player.name, Field.PLAYER),))),
    }
    return _render(request, "catalog/player_detail.html", "catalog/_content_grid.html", context)
