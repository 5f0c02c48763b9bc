"""Around every request: its id, the viewer's language and time zone, and errors of ours as answers."""

from __future__ import annotations

import logging
import re
import uuid
import zoneinfo
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.utils import timezone, translation

from mam.accounts.context import REQUEST_ID_HEADER, request_id_context
from mam.accounts.error_pages import answer_error
from mam.accounts.models import User
from mam.lib.errors import MamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]

logger = logging.getLogger(__name__)

# What a proxy may hand us: long enough to be unique, no character that could break a log line. The audit stores 36.
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,36}")


class _BothWaysMiddleware(ABC):
    """Runs as it is called: `_serve` under a synchronous handler, `_aserve` under an asynchronous one (no thread hop)."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        return self._aserve(request) if self._is_async else self._serve(request)

    @abstractmethod
    def _serve(self, request: HttpRequest) -> HttpResponseBase: ...

    @abstractmethod
    async def _aserve(self, request: HttpRequest) -> HttpResponseBase: ...


class RequestIdMiddleware(_BothWaysMiddleware):
    """Gives every request an id: in the log, the audit, the jobs it starts, and the answer's `X-Request-ID`."""

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        request_id = _request_id_of(request)
        with request_id_context(request_id):
            response: HttpResponseBase = self.get_response(request)  # type: ignore[assignment]
        response["X-Request-ID"] = request_id
        return response

    async def _aserve(self, request: HttpRequest) -> HttpResponseBase:
        request_id = _request_id_of(request)
        with request_id_context(request_id):
            response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        response["X-Request-ID"] = request_id
        return response


class ViewerPreferencesMiddleware(_BothWaysMiddleware):
    """Shows the page in the user's own language and time zone, over what cookie and browser say."""

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_activate_language(request, request.user)):
            response: HttpResponseBase = self.get_response(request)  # type: ignore[assignment]
        return response

    async def _aserve(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_activate_language(request, await request.auser())):
            response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        return response


def _request_id_of(request: HttpRequest) -> str:
    """The one that was sent, or a new one; it stays with the request, for what is logged after it was answered."""
    given = request.META.get(REQUEST_ID_HEADER, "")
    request_id: str = given if _SANE_REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    request.META[REQUEST_ID_HEADER] = request_id
    return request_id


def _activate_language(request: HttpRequest, user: AbstractBaseUser | AnonymousUser) -> zoneinfo.ZoneInfo | None:
    """Activate the user's language for the rest of the request (LocaleMiddleware reads it on the way out); give the zone."""
    if not isinstance(user, User):
        return None
    if user.language in dict(settings.LANGUAGES):
        translation.activate(user.language)
        request.LANGUAGE_CODE = translation.get_language()
    try:
        return zoneinfo.ZoneInfo(user.time_zone) if user.time_zone else None
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None  # a zone this machine does not know (any more): the installation's own


class MamErrorMiddleware(_BothWaysMiddleware):
    """An error of ours that leaves a view is an answer with its own words and status, not a crash."""

    def _serve(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)  # type: ignore[return-value]

    async def _aserve(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await self.get_response(request)  # type: ignore[misc]
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """None for everything else. What is our fault (500 and above) goes into the log with its traceback."""
        if not isinstance(exception, MamError):
            return None
        if exception.http_status >= 500:
            logger.error("%s: %s", exception.code, exception, exc_info=exception)
        return answer_error(request, exception)
