"""The one question every service asks first: may this user do this?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mam.accounts.errors import PermissionDeniedError

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from mam.accounts.models import User


def require(user: User | AnonymousUser | None, permission: str) -> None:
    """Return if `user` has `permission` ("catalog.curate"); else PermissionDeniedError.

    A user who came in by an API key has no more than the key's scopes (`User.has_perm`). None and strangers have nothing:
    the system's own steps call what lies behind the check, they do not pass for a user.
    """
    if user is None or not user.has_perm(permission):
        raise PermissionDeniedError(permission=permission)
