"""The admin site: the product's own login in front, a policy its theme can live with, and permissions by name."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.decorators import secure_admin_login
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.contrib.auth.decorators import login_not_required
from django.utils.decorators import method_decorator
from unfold.sites import UnfoldAdminSite

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

# Alpine.js, which the theme is made with, evaluates expressions out of attributes and sets styles inline. Still nothing from
# another host, and no nonce: with one a browser ignores 'unsafe-inline'.
_ADMIN_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class AdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """Its own login form knows no second factor (a password alone would do), so the product's login stands before it."""

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Send strangers to the product's login page; refuse members without staff rights."""
        response: HttpResponseBase = secure_admin_login(super().login)(request, extra_context)
        return response

    def admin_view(self, view: Callable[..., HttpResponseBase], cacheable: bool = False) -> Callable[..., HttpResponseBase]:
        """Every page of the admin answers with the policy its theme needs."""
        inner: Callable[..., HttpResponseBase] = super().admin_view(view, cacheable)

        @wraps(inner)
        def with_policy(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = inner(request, *args, **kwargs)
            response._csp_replace = _ADMIN_POLICY  # type: ignore[attr-defined]
            return response

        return with_policy


class NamedPermissionsMixin:
    """For a ModelAdmin: who may do what, by the product's named permissions instead of Django's four per model.

    `named_permissions` maps "view", "add", "change" and "delete" to permission names; what is not in it nobody may do.
    """

    named_permissions: ClassVar[dict[str, str]] = {}

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may change may view."""
        return self._may(request, "view") or self._may(request, "change")

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As `named_permissions` says."""
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As `named_permissions` says."""
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """As `named_permissions` says."""
        return self._may(request, "delete")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """The app is listed for whoever may view something in it."""
        return self.has_view_permission(request)

    def _may(self, request: HttpRequest, verb: str) -> bool:
        permission = self.named_permissions.get(verb)
        return permission is not None and request.user.has_perm(permission)
