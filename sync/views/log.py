"""The lines of syncs, scans and matchings as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import permission_required
from django.views.decorators.http import require_safe

from mam.jobs import registry
from mam.jobs.selectors import list_log_tail_of_kinds
from sync.selectors.scope import VIEW
from sync.views.common import SEE_LOG, show, the_target

if TYPE_CHECKING:
    from django.http import HttpResponse

    from mam.accounts.requests import MemberRequest

KINDS = "sync.,ingest.scan"  # of the jobs that are shown


@require_safe
@permission_required([VIEW, SEE_LOG], raise_exception=True)
def log(request: MemberRequest) -> HttpResponse:
    """The last 1,000 of them, and of their details; what comes follows by WS /ws/logs."""
    lines = list_log_tail_of_kinds(kinds=registry.names_of(KINDS))
    return show(request, the_target(), "log", "sync/log.html", {"lines": lines, "kinds": KINDS})
