"""Who may call which REST view. A view that declares nothing is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rest_framework.request import Request
    from rest_framework.views import APIView


class DeclaresPermissions(Protocol):
    """What HasNamedPermission reads on a view."""

    required_permissions: ClassVar[Mapping[str, str]]


class HasNamedPermission(BasePermission):
    """Let in who has the permission that the view names for the action ("list", "scan") or else the method ("GET").

    The view says `required_permissions = {"list": "catalog.view_library", "POST": "catalog.curate"}`. Whatever is not named
    there is denied, HEAD counts as GET. An API key narrows its user to its scopes (`User.has_perm`).
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """False for strangers, for what is not declared, and for who lacks the permission. MethodNotAllowed where there is no handler."""
        method = request.method or ""
        permission = required_permission(view, method)
        if permission is None and request.user.is_authenticated and method not in view.allowed_methods:
            raise MethodNotAllowed(method)
        return permission is not None and request.user.has_perm(permission)


def required_permission(view: APIView, method: str) -> str | None:
    """The permission that `view` names for its current action or for `method`; None where nothing is declared."""
    declared: Mapping[str, str] = getattr(view, "required_permissions", {})
    action: str | None = getattr(view, "action", None)
    if action is not None and action in declared:
        return declared[action]
    return declared.get("GET" if method == "HEAD" else method)
