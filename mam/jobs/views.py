"""The Jobs pages: what runs, waits, failed and is done; one job with its log; cancel and retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages as flash
from django.contrib.auth.decorators import permission_required
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from mam.jobs import registry, selectors, services
from mam.jobs.errors import JobStateError
from mam.jobs.models import Job
from mam.lib import messages
from mam.lib.keyset import CursorMismatchError, InvalidCursorError, keyset_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    from mam.accounts.models import User

_PAGE_SIZE = 50


@require_GET
@permission_required("jobs.view_job", raise_exception=True)
def job_list(request: HttpRequest) -> HttpResponse:
    """`?state=running|waiting|failed|done&kind=&queue=&routine=&cursor=`; without `state` the tab that has something to say."""
    with_routine = bool(request.GET.get("routine"))
    counts = selectors.count_jobs(with_routine=with_routine)
    tab = request.GET.get("state", "")
    if tab not in selectors.TABS:
        tab = next((name for name in ("running", "waiting", "failed") if counts[name]), "done")
    kind, queue = request.GET.get("kind", ""), request.GET.get("queue", "")
    jobs = selectors.list_jobs(tab=tab, kind=kind, queue=queue, with_routine=with_routine)
    ordering = selectors.TABS[tab][1]
    try:
        page = keyset_page(jobs, ordering, request.GET.get("cursor") or None, _PAGE_SIZE)
    except (InvalidCursorError, CursorMismatchError):  # an old address: the first page is what was meant
        page = keyset_page(jobs, ordering, None, _PAGE_SIZE)
    context = {
        "jobs": page.items,
        "page": page,
        "counts": counts,
        "count_limit": selectors.COUNT_LIMIT,
        "state": tab,
        "kind": kind,
        "queue": queue,
        "with_routine": with_routine,
        "kinds": [{"name": known.name, "label": gettext(known.label)} for known in registry.list_kinds()],
        "queues": sorted({known.queue for known in registry.list_kinds()}),
    }
    return render(request, "jobs/job_list.html", context)


@require_GET
@permission_required("jobs.view_job", raise_exception=True)
def job_detail(request: HttpRequest, job_id: int) -> HttpResponse:
    """One job and the end of its log; live lines follow by WS /ws/logs?job=<id>&after=<log_after>."""
    job = get_object_or_404(Job.objects.select_related("requested_by"), pk=job_id)
    lines = selectors.list_log_tail(job_id=job.pk)
    context = {"job": job, "log": lines, "log_after": lines[-1].pk if lines else 0}
    return render(request, "jobs/job_detail.html", context)


@require_POST
@permission_required("jobs.control_job", raise_exception=True)
def job_cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """Cancel; answer with the job's row (htmx) or its page."""
    return _control(request, job_id, services.cancel)


@require_POST
@permission_required("jobs.control_job", raise_exception=True)
def job_retry(request: HttpRequest, job_id: int) -> HttpResponse:
    """Put back into the queue; answer with the job's row (htmx) or its page."""
    return _control(request, job_id, services.retry)


def _control(request: HttpRequest, job_id: int, service: Callable[..., Job]) -> HttpResponse:
    job = get_object_or_404(Job.objects.select_related("requested_by"), pk=job_id)
    try:
        job = service(job=job, user=cast("User", request.user))
    except JobStateError as error:  # it ended meanwhile: show how it is now
        flash.warning(request, messages.render(error.code, error.params, gettext))
    if request.headers.get("HX-Request") == "true":
        return render(request, "jobs/_job_row.html", {"job": job})
    target = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return redirect(target)
    return redirect("jobs:job_detail", job_id=job.pk)
