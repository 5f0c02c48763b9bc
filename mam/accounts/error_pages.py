"""What is shown when no view answered, or one broke. JSON where programs ask (REST views shape their own), else a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views import defaults
from django.views.decorators.csrf import requires_csrf_token

from mam.accounts.context import current_request_id
from mam.lib.api import API_PREFIXES, error_body
from mam.lib.messages import render as render_message

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from mam.lib.errors import MamError


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return _answer(request, 400, "bad_request", {})


@requires_csrf_token
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return _answer(request, 403, "permission_denied", {})


@requires_csrf_token
def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404. To a stranger an unknown address looks like any other: behind the login."""
    is_page = not request.path.startswith((*API_PREFIXES, settings.STATIC_URL))
    if is_page and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    return _answer(request, 404, "not_found", {})


@requires_csrf_token
def server_error(request: HttpRequest) -> HttpResponse:
    """500. Uses nothing that may be what is broken: no user, no session, no database."""
    if _is_for_program(request):
        return JsonResponse(error_body("unexpected", {"request_id": current_request_id()}), status=500)
    return defaults.server_error(request)


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form sent without a token, or with an old one. Named in `settings.CSRF_FAILURE_VIEW`."""
    return _answer(request, 403, "csrf_failed", {}, template="accounts/error.html")


def answer_error(request: HttpRequest, error: MamError) -> HttpResponse:
    """An error of ours that a page's view let through."""
    template = "403.html" if error.http_status == 403 else "accounts/error.html"
    return _answer(request, error.http_status, error.code, error.params, template=template)


def _answer(request: HttpRequest, status: int, code: str, params: dict[str, Any], *, template: str = "") -> HttpResponse:
    if _is_for_program(request):
        return JsonResponse(error_body(code, params), status=status)
    context = {"message": render_message(code, params, gettext), "request_id": current_request_id()}
    return render(request, template or f"{status}.html", context, status=status)


def _is_for_program(request: HttpRequest) -> bool:
    """A REST client, or a fragment request: the page shows the message of the JSON where it stands."""
    return request.path.startswith(API_PREFIXES) or request.headers.get("HX-Request") == "true"
