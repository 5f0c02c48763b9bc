"""What a user may see: the one place to change when sources or catalogs get their own readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from catalog.errors import ObjectNotFoundError
from mam.accounts.access import require

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Model, QuerySet

    from mam.accounts.models import User

    Reader = User | AnonymousUser

VIEW_LIBRARY = "catalog.view_library"

Row = TypeVar("Row", bound="Model")


def visible(queryset: QuerySet[Row], user: Reader) -> QuerySet[Row]:
    """The rows of `queryset` that `user` may see. Raises PermissionDeniedError for who may not see the library at all."""
    require(user, VIEW_LIBRARY)
    return queryset


def get_visible(queryset: QuerySet[Row], user: Reader, pk: int) -> Row:
    """One visible row by its id, or ObjectNotFoundError."""
    row = visible(queryset, user).filter(pk=pk).first()
    if row is None:
        raise ObjectNotFoundError
    return row
