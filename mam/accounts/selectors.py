"""Reads of users, keys and permissions."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from django.conf import settings

from mam.accounts.models import ApiKey, User

if TYPE_CHECKING:
    from django.db.models import QuerySet


def known_permissions() -> list[str]:
    """Every permission some role gives, in the order of the roles: what an API key can be scoped to."""
    return list(chain.from_iterable(settings.MAM_ROLES.values()))


def list_permissions(user: User) -> list[str]:
    """The known permissions that `user` has."""
    return [name for name in known_permissions() if user.has_perm(name)]


def permissions_of_role(role: str) -> list[str]:
    """A role's permissions with those of the roles below it. `role` is a key of `settings.MAM_ROLES`."""
    roles = list(settings.MAM_ROLES)
    return list(chain.from_iterable(settings.MAM_ROLES[name] for name in roles[: roles.index(role) + 1]))


def list_api_keys(user: User) -> QuerySet[ApiKey]:
    """The user's keys that are not revoked, newest first."""
    return ApiKey.objects.filter(user=user, revoked_at=None).order_by("-id")


def find_user(email: str) -> User | None:
    """The user with this e-mail address, in any case of letters."""
    return User.objects.filter(email=email.strip().casefold()).first()
