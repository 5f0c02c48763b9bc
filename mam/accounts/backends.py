"""Who may log in, and what they may do: allauth's way in, and permissions read by one short query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.auth_backends import AuthenticationBackend
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission

from mam.accounts.models import User
from mam.lib.prepared import Prepared

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

_NAME = ("content_type__app_label", "codename")


def _permissions(user: Any) -> QuerySet[Permission, tuple[Any, ...]]:
    own = Permission.objects.filter(user__in=user).order_by().values_list(*_NAME)
    return own.union(Permission.objects.filter(group__user__in=user).order_by().values_list(*_NAME))


_OF_USER = Prepared(_permissions)
_USER = Prepared(lambda ids: User.objects.filter(pk__in=ids))


class RoleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    """As Django's, which asks twice (what the user was given, what the groups were) and makes its SQL each time."""

    def get_user(self, user_id: int) -> User | None:
        """Who is logged in; None for who may not any more. Asked with every request."""
        user: User | None = next(iter(_USER.objects([user_id])), None)
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: int) -> User | None:
        """The same."""
        return await sync_to_async(self.get_user)(user_id)

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        """The names ("catalog.curate") of all that the user may do; kept with this `user_obj`, which is made anew for each request."""
        if not user_obj.is_active or user_obj.is_anonymous or user_obj.is_superuser or obj is not None:
            return super().get_all_permissions(user_obj, obj)  # type: ignore[no-any-return]
        if not hasattr(user_obj, "_perm_cache"):  # the name by which Django keeps it
            user_obj._perm_cache = {f"{app_label}.{codename}" for app_label, codename in _OF_USER.rows([user_obj.pk])}
        return user_obj._perm_cache  # type: ignore[no-any-return]
