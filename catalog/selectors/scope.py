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
CURATE = "catalog.curate"
MANAGE_SOURCE = "catalog.manage_source"
MANAGE_RULE = "catalog.manage_rule"

Row = TypeVar("Row", bound="Model")


def visible(queryset: QuerySet[Row], user: Reader) -> QuerySet[Row]:
    """The rows of `queryset` that `user` may see. Raises PermissionDeniedError for who may not see the library at all."""
    require(user, VIEW_LIBRARY)
    return queryset


def get_visible(queryset: QuerySet[Row], user: Reader, pk: int) -> Row:
    """One visible row by its id, or ObjectNotFoundError."""
    return get_one(visible(queryset, user), pk)


def get_one(rows: QuerySet[Row], pk: int) -> Row:
    """The one of `rows`, whose reader was checked, with this id; or ObjectNotFoundError."""
    row = rows.filter(pk=pk).first()
    if row is None:
        raise ObjectNotFoundError
    return row


def reader_scope(user: Reader) -> str:
    """The same for users who see the same rows: what one of them was shown may be shown to the other."""
    require(user, VIEW_LIBRARY)
    return "library"
