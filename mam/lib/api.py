"""What every REST view shares: pages by cursor, orders by public name, and one shape of every error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils.translation import gettext
from rest_framework import exceptions
from rest_framework.exceptions import APIException
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.views import set_rollback

from mam.lib import messages
from mam.lib.errors import MamError, gettext_noop
from mam.lib.keyset import KeysetPage, keyset_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.views import APIView

# Paths under which every answer is JSON, also the errors made before a view is found.
API_PREFIXES = ("/api/", "/auth/")

messages.register(
    {
        "invalid": gettext_noop("Some of what was sent is not valid."),
        "not_found": gettext_noop("There is no such thing here."),
        "internal_error": gettext_noop("Something went wrong on our side. It has been logged."),
        "bad_request": gettext_noop("The request could not be understood."),
        "csrf_failed": gettext_noop("This form is out of date. Load the page again and send it once more."),
    }
)


class InvalidOrderingError(MamError):
    code = "invalid_ordering"
    template = gettext_noop("This list cannot be ordered by “%(ordering)s”.")
    http_status = 400


class InvalidLimitError(MamError):
    code = "invalid_limit"
    template = gettext_noop("A page has between 1 and %(max)s entries.")
    http_status = 400


class KeysetPagination(BasePagination):
    """`?cursor=&limit=&ordering=` -> `{"items": [...], "next": cursor | null, "previous": cursor | null}`.

    The view says `ordering_fields` (public name -> model path, or a list where both are the same) and `ordering`, the default
    (public names, "-" for descending; without it newest first, by primary key).
    """

    default_limit: ClassVar[int] = 50
    max_limit: ClassVar[int] = 200

    def paginate_queryset(  # type: ignore[override]  # only querysets have keys
        self, queryset: QuerySet[Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        """One page. Raises InvalidLimitError, InvalidOrderingError, InvalidCursorError, CursorMismatchError."""
        ordering = _ordering_of(request.query_params.get("ordering", ""), view)
        cursor = request.query_params.get("cursor") or None
        self.page = self.make_page(queryset, ordering, cursor, self._limit_of(request))
        return self.page.items

    def make_page(self, queryset: QuerySet[Any], ordering: list[str], cursor: str | None, limit: int) -> KeysetPage[Any]:
        """The rows themselves: `keyset_page`, unless a list knows a shorter way."""
        return keyset_page(queryset, ordering, cursor, limit)

    def get_paginated_response(self, data: Any) -> Response:
        """The page around its serialized items."""
        return Response({"items": data, "next": self.page.next, "previous": self.page.previous})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The OpenAPI schema of a page of `schema`."""
        cursor = {"type": "string", "nullable": True, "description": "Give it back as `cursor`."}
        return {
            "type": "object",
            "required": ["items", "next", "previous"],
            "properties": {"items": schema, "next": cursor, "previous": cursor},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """The OpenAPI query parameters of a list."""
        names = sorted(_public_orders(view))
        order = {"type": "string", "description": "One or more, comma-separated, `-` for descending: " + ", ".join(names)}
        limit = {"type": "integer", "minimum": 1, "maximum": self.max_limit, "default": self.default_limit}
        schemas = {"cursor": {"type": "string"}, "limit": limit, **({"ordering": order} if names else {})}
        return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in schemas.items()]

    def _limit_of(self, request: Request) -> int:
        text = request.query_params.get("limit", str(self.default_limit))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= self.max_limit):
            raise InvalidLimitError(max=self.max_limit)
        return int(text)


def _public_orders(view: APIView | None) -> Mapping[str, str]:
    declared: Mapping[str, str] | list[str] | tuple[str, ...] = getattr(view, "ordering_fields", ())
    return declared if isinstance(declared, dict) else {name: name for name in declared}


def _ordering_of(asked: str, view: APIView | None) -> list[str]:
    fields = _public_orders(view)
    default = getattr(view, "ordering", ("-pk",))
    if not asked:
        names = [default] if isinstance(default, str) else list(default)
        return [_path_of(name, fields) or name for name in names]
    paths = [_path_of(name.strip(), fields) for name in asked.split(",")]
    if None in paths:
        raise InvalidOrderingError(ordering=asked)
    return [path for path in paths if path is not None]


def _path_of(name: str, fields: Mapping[str, str]) -> str | None:
    """The model path of a public order name, with its "-"; None for an unknown one."""
    bare = name.removeprefix("-")
    if bare not in fields:
        return None
    return ("-" if name != bare else "") + fields[bare]


def error_body(code: str, params: Mapping[str, Any], message: str = "") -> dict[str, Any]:
    """`{code, message, params}`; without `message` the registered text of `code` in the reader's language."""
    return {"code": code, "message": message or messages.render(code, params, gettext), "params": dict(params)}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every error of a REST view as `{code, message, params}`; None for what is a defect, which ends as 500 `internal_error`."""
    shaped = _shape(error)
    if shaped is None:
        return None
    http_status, body = shaped
    set_rollback()
    headers = {}
    if http_status == 401:
        view, request = context.get("view"), context.get("request")
        headers["WWW-Authenticate"] = (view.get_authenticate_header(request) if view and request else "") or "Bearer"
    wait_s = body["params"].get("wait_s")
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    return Response(body, status=http_status, headers=headers)


def _shape(error: Exception) -> tuple[int, dict[str, Any]] | None:
    """HTTP status and body of `error`; None when it is not meant for a reader."""
    if isinstance(error, MamError):
        return error.http_status, error_body(error.code, error.params)
    if isinstance(error, Http404):
        return 404, error_body("not_found", {})
    if isinstance(error, PermissionDenied):
        return 403, error_body("permission_denied", {})
    if isinstance(error, ValidationError):
        fields = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        return 400, error_body("invalid", fields)
    if isinstance(error, exceptions.ValidationError):
        detail = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        return 400, error_body("invalid", detail)
    if isinstance(error, APIException):
        return error.status_code, _shape_of_framework(error)
    return None


def _shape_of_framework(error: APIException) -> dict[str, Any]:
    """An error of the REST framework or of a plug-in: its code and text are its own, translated by it."""
    detail: Any = error.detail
    if isinstance(detail, dict):  # simplejwt: {"detail", "code", "messages"}
        return error_body(str(detail.get("code", error.default_code)), {}, str(detail.get("detail", "")))
    params: dict[str, Any] = {}
    wait_s: float | None = getattr(error, "wait", None)  # of Throttled
    if wait_s is not None:
        params["wait_s"] = math.ceil(wait_s)
    return error_body(str(getattr(detail, "code", error.default_code)), params, str(detail))
