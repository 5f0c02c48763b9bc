"""Changes of many files, for curators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.errors import ObjectNotFoundError
from catalog.models import BulkEdit
from mam.accounts.access import require

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader

_CURATE = "catalog.curate"


def list_edits(*, user: Reader) -> QuerySet[BulkEdit]:
    """Bulk edits with who asked for them and their jobs; the newest first."""
    require(user, _CURATE)
    return BulkEdit.objects.select_related("requested_by", "job").order_by("-pk")


def get_edit(*, user: Reader, edit_id: int) -> BulkEdit:
    """One of them. ObjectNotFoundError."""
    edit = list_edits(user=user).filter(pk=edit_id).first()
    if edit is None:
        raise ObjectNotFoundError
    return edit
