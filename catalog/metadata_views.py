"""Pages of curated metadata as CSV: export of a search, import with a check before anything changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.search.query import parse
from catalog.selectors import metadata
from catalog.selectors.scope import CURATE
from catalog.services import metadata_import as imports
from catalog.services.metadata_csv import COLUMNS, Problem, Writer, join_names
from mam.lib.bulk import chunks
from mam.lib.downloads import CSV, download
from mam.lib.errors import MamError
from mam.templatetags.mam_format import message_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpResponse

    from catalog.models import MetadataImport
    from mam.accounts.requests import MemberRequest

SHOWN_PROBLEMS = 200
SHOWN_CHANGES = 20
SHOWN_IMPORTS = 20
_COLUMN_LABELS = {
    "title": _("Title"),
    "description": _("Description"),
    "part": _("Part"),
    "place": _("Content"),
    "tags": _("Tags"),
    "players": _("Players"),
}


class UploadForm(forms.Form):
    """The file."""

    file = forms.FileField(label=_("CSV file"), widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}))


# --- export -----------------------------------------------------------------------------------------------------------
@require_safe
@permission_required(CURATE, raise_exception=True)
def metadata_export(request: MemberRequest) -> StreamingHttpResponse:
    """The files of the search `?q=`, in the order `?sort=`, each a line; streamed."""
    query = parse(request.GET.get("q", ""))
    pages = metadata.list_matching_pages(user=request.user, query=query, sort=request.GET.get("sort", ""))
    return download(metadata.write_table(pages), name="metadata", suffix="csv", content_type=CSV)


# --- import -----------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(CURATE, raise_exception=True)
def metadata_import(request: MemberRequest) -> HttpResponse:
    """Takes a file and has it checked; the files there were."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_bound and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            found = imports.upload(stream=file.file, name=file.name, user=request.user)
            return HttpResponseRedirect(reverse("catalog:metadata_import_detail", args=[found.pk]))
        except MamError as error:
            form.add_error("file", message_text(error.code, error.params))
    limits = {"max_lines": imports.MAX_LINES, "max_megabytes": imports.MAX_BYTES // 1_000_000}
    recent = metadata.list_imports(user=request.user)[:SHOWN_IMPORTS]
    return render(request, "catalog/metadata_import.html", {"form": form, "imports": recent, "columns": COLUMNS, **limits})


@require_safe
@permission_required(CURATE, raise_exception=True)
def metadata_import_detail(request: MemberRequest, import_id: int) -> HttpResponse:
    """What it would change, what is wrong with it, how far it is. It asks for its own fragment until everything is as it is wanted."""
    return _page(request, metadata.get_import(user=request.user, import_id=import_id))


@require_safe
@permission_required(CURATE, raise_exception=True)
def metadata_import_problems(request: MemberRequest, import_id: int) -> StreamingHttpResponse:
    """Every problem as CSV."""
    found = metadata.get_import(user=request.user, import_id=import_id)
    writer = Writer()
    head = writer.head([gettext("Line"), gettext("Column"), gettext("Problem")])

    def parts() -> Iterator[bytes]:
        yield head
        for some in chunks(metadata.list_problems(found)):
            yield writer.lines(_texts(problem) for problem in some)

    return download(parts(), name="problems", suffix="csv", content_type=CSV)


@require_POST
@permission_required(CURATE, raise_exception=True)
def metadata_import_apply(request: MemberRequest, import_id: int) -> HttpResponse:
    """Have what was shown (`digest`) applied."""
    found = metadata.get_import(user=request.user, import_id=import_id)
    return _turned(request, imports.apply_import(found=found, digest=request.POST.get("digest", ""), user=request.user))


@require_POST
@permission_required(CURATE, raise_exception=True)
def metadata_import_undo(request: MemberRequest, import_id: int) -> HttpResponse:
    """Have it taken back."""
    found = metadata.get_import(user=request.user, import_id=import_id)
    return _turned(request, imports.undo_import(found=found, user=request.user))


@require_POST
@permission_required(CURATE, raise_exception=True)
def metadata_import_resume(request: MemberRequest, import_id: int) -> HttpResponse:
    """Have one go on that stopped."""
    found = metadata.get_import(user=request.user, import_id=import_id)
    return _turned(request, imports.resume_import(found=found, user=request.user))


def _turned(request: MemberRequest, found: MetadataImport) -> HttpResponse:
    return _page(request, found) if request.htmx else HttpResponseRedirect(reverse("catalog:metadata_import_detail", args=[found.pk]))


def _page(request: MemberRequest, found: MetadataImport) -> HttpResponse:
    """Samples are read when there is nothing left to be done: until then the page is asked for twice a second."""
    context: dict[str, Any] = {"import": found}
    if found.is_settled:
        problems = [problem for problem, _number in zip(metadata.list_problems(found), range(SHOWN_PROBLEMS), strict=False)]
        context["problems"] = [_texts(problem) for problem in problems]
        context["changes"] = [_shown(change) for change in metadata.list_changes(found, SHOWN_CHANGES)]
    is_fragment = request.htmx and request.htmx.target == "metadata-import"
    template = "catalog/_metadata_import.html" if is_fragment else "catalog/metadata_import_detail.html"
    return render(request, template, context)


def _texts(problem: Problem) -> tuple[int, str, str]:
    return problem.line, problem.column, message_text(problem.code, problem.params)


def _shown(change: dict[str, Any]) -> dict[str, Any]:
    """A change as the page shows it: for each column what was and what will be."""
    columns = [
        {"label": _COLUMN_LABELS[column], "before": _text_of(column, before), "after": _text_of(column, change["after"][column])}
        for column, before in change["before"].items()
    ]
    return {"line": change["line"], "file": change["file"], "path": change["path"], "columns": columns}


def _text_of(column: str, value: Any) -> str:
    if column == "place":
        return " / ".join(name for name in value if name)
    if isinstance(value, list):
        return join_names(value)
    return "" if value is None else str(value)
