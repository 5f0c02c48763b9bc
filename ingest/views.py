"""The sources page: add, change, test, scan, and decide over what vanished. Operators scan, administrators do the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import MediaFile, Source
from catalog.selectors import list_overlapping
from catalog.services import sources as catalog_sources
from catalog.services.file_systems import credentials_of
from ingest.errors import NotReachableError
from ingest.forms import SourceForm
from ingest.models import MissingHold, ScanMode
from ingest.selectors import list_source_status
from ingest.services import holds, probing, scans
from mam.jobs.models import JobPriority
from mam.lib.errors import MamError
from mam.lib.messages import render as render_message

if TYPE_CHECKING:
    from django.http import HttpResponse

    from mam.accounts.models import User
    from mam.accounts.requests import MemberRequest


def _back(request: MemberRequest, text: str = "", error: MamError | None = None) -> HttpResponse:
    """To the sources page, with what happened."""
    if error is not None:
        messages.error(request, gettext(error.template) % error.params)
    elif text:
        messages.success(request, text)
    return HttpResponseRedirect(reverse("ingest:source_manage"))


@require_safe
@permission_required("ingest.scan_source", raise_exception=True)
def source_manage(request: MemberRequest) -> HttpResponse:
    """All sources with their state, last scan and open holds; htmx asks for the list alone."""
    context = {
        "statuses": list_source_status(user=request.user),
        "may_manage": request.user.has_perm("catalog.manage_source"),
        "may_decide": request.user.has_perm("ingest.decide_hold"),
    }
    is_fragment = request.htmx and not request.htmx.boosted
    return render(request, "ingest/_source_statuses.html" if is_fragment else "ingest/source_manage.html", context)


@require_http_methods(["GET", "POST"])
@permission_required("catalog.manage_source", raise_exception=True)
def source_add(request: MemberRequest) -> HttpResponse:
    """A new source; it is tested before it is kept, and scanned at once."""
    form = SourceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source = _create(form, request.user)
            job = scans.request_scan(source=source, mode=ScanMode.FULL, user=request.user, priority=JobPriority.HIGH)
        except MamError as error:
            form.add_error(None, gettext(error.template) % error.params)
        else:
            messages.success(request, gettext("%(source)s was added. Its first scan has started.") % {"source": source.name})
            _warn_of_overlap(request, source)
            return HttpResponseRedirect(reverse("jobs:job_detail", args=[job.pk]))
    return render(request, "ingest/source_form.html", {"form": form, "source": None}, status=422 if form.errors else 200)


def _warn_of_overlap(request: MemberRequest, source: Source) -> None:
    others = ", ".join(other.name for other in list_overlapping(user=request.user, source=source))
    if others:
        text = gettext("%(source)s and %(others)s share an address: files there are in the library more than once.")
        messages.warning(request, text % {"source": source.name, "others": others})


def _create(form: SourceForm, user: User) -> Source:
    """Test, then keep. Raises the error of the test."""
    credentials = form.credentials()
    url, encrypt = form.cleaned_data["url"], form.cleaned_data["require_encryption"]
    report = catalog_sources.try_address(url=url, credentials=credentials, require_encryption=encrypt)
    if not report.is_ok:
        raise NotReachableError(reason=render_message(report.code, report.params, gettext))
    return catalog_sources.create_source(credentials=credentials, user=user, **form.options())


@require_http_methods(["GET", "POST"])
@permission_required("catalog.manage_source", raise_exception=True)
def source_edit(request: MemberRequest, source_id: int) -> HttpResponse:
    """Change a source; an empty password keeps the stored one."""
    source = get_object_or_404(Source, pk=source_id)
    form = SourceForm(request.POST or None, initial=_initial(source))
    if request.method == "POST" and form.is_valid():
        try:
            catalog_sources.update_source(source=source, user=request.user, **form.options())
            if form.has_new_credentials():
                catalog_sources.set_credentials(source=source, credentials=form.credentials(credentials_of(source)), user=request.user)
        except MamError as error:
            form.add_error(None, gettext(error.template) % error.params)
        else:
            source.refresh_from_db()
            _warn_of_overlap(request, source)
            return _back(request, gettext("%(source)s was saved.") % {"source": source.name})
    return render(request, "ingest/source_form.html", {"form": form, "source": source}, status=422 if form.errors else 200)


def _initial(source: Source) -> dict[str, Any]:
    known = credentials_of(source)
    options = {name: getattr(source, name) for name in SourceForm.base_fields if name not in SourceForm.CREDENTIALS}
    return options | {"username": known.username, "domain": known.domain}


@require_POST
@permission_required("catalog.manage_source", raise_exception=True)
def source_test(request: MemberRequest, source_id: int) -> HttpResponse:
    """Connect now and say what answered."""
    source = get_object_or_404(Source, pk=source_id)
    report = catalog_sources.test_connection(source=source, user=request.user)
    if not report.is_ok:
        messages.error(request, render_message(report.code, report.params, gettext))
        return _back(request)
    text = gettext("%(source)s answers: %(server)s, %(dialect)s, %(latency)s ms.")
    latency = f"{report.latency_ms:.0f}"
    return _back(request, text % {"source": source.name, "server": report.server, "dialect": report.dialect, "latency": latency})


@require_POST
@permission_required("ingest.scan_source", raise_exception=True)
def source_scan(request: MemberRequest, source_id: int) -> HttpResponse:
    """Start a scan (`full`=1: of every folder) and go to its job."""
    source = get_object_or_404(Source, pk=source_id)
    mode = ScanMode.FULL if request.POST.get("full") else ScanMode.GATED
    try:
        job = scans.request_scan(source=source, mode=mode, user=request.user, priority=JobPriority.HIGH)
    except MamError as error:
        return _back(request, error=error)
    return HttpResponseRedirect(reverse("jobs:job_detail", args=[job.pk]))


@require_POST
@permission_required("catalog.manage_source", raise_exception=True)
def source_accept_root(request: MemberRequest, source_id: int) -> HttpResponse:
    """What answers now is the source: scan it again."""
    source = get_object_or_404(Source, pk=source_id)
    try:
        holds.accept_root(source=source, user=request.user)
        scans.request_scan(source=source, mode=ScanMode.FULL, user=request.user)
    except MamError as error:
        return _back(request, error=error)
    return _back(request, gettext("The new content of %(source)s is accepted and being scanned.") % {"source": source.name})


@require_POST
@permission_required("catalog.manage_source", raise_exception=True)
def source_delete(request: MemberRequest, source_id: int) -> HttpResponse:
    """Forget a source and its files; asks for its name. Nothing on the source itself is touched."""
    source = get_object_or_404(Source, pk=source_id)
    name = source.name
    try:
        catalog_sources.delete_source(source=source, user=request.user, confirm_name=request.POST.get("confirm_name", ""))
    except MamError as error:
        return _back(request, error=error)
    return _back(request, gettext("%(source)s is being removed from the library. Its files are not touched.") % {"source": name})


@require_POST
@permission_required("ingest.decide_hold", raise_exception=True)
def hold_gone(request: MemberRequest, hold_id: int) -> HttpResponse:
    """The vanished files are gone for good."""
    hold = get_object_or_404(MissingHold, pk=hold_id)
    try:
        count = holds.declare_gone(hold=hold, user=request.user)
    except MamError as error:
        return _back(request, error=error)
    return _back(
        request, ngettext("%(count)s file is marked as missing.", "%(count)s files are marked as missing.", count) % {"count": count}
    )


@require_POST
@permission_required("ingest.probe_file", raise_exception=True)
def file_probe(request: MemberRequest, file_id: int) -> HttpResponse:
    """Analyse a file again, before all others."""
    file = get_object_or_404(MediaFile, pk=file_id)
    try:
        probing.request_probe(file=file, user=request.user)
        scans.request_probe_of_pending(source=file.source, priority=JobPriority.HIGH)
    except MamError as error:
        messages.error(request, gettext(error.template) % error.params)
    else:
        messages.success(request, gettext("The file will be analysed again in a moment."))
    return HttpResponseRedirect(reverse("catalog:file_detail", args=[file.pk]))
