"""What a page's request is behind the doors: for annotations only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from mam.accounts.models import User


class MemberRequest(HttpRequest):
    """A request that LoginRequiredMiddleware let through: its user is one of ours."""

    user: User
    htmx: HtmxDetails
