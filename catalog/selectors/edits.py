"""Changes of many files, for curators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps

from catalog.choices import EDIT_TARGETS, EditKind
from catalog.models import BulkEdit
from catalog.selectors.scope import CURATE, get_one
from mam.accounts.access import require

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader


def list_edits(*, user: Reader) -> QuerySet[BulkEdit]:
    """Bulk edits with who asked for them and their jobs; the newest first."""
    require(user, CURATE)
    return BulkEdit.objects.select_related("requested_by", "job").order_by("-pk")


def get_edit(*, user: Reader, edit_id: int) -> BulkEdit:
    """One of them. ObjectNotFoundError."""
    return get_one(list_edits(user=user), edit_id)


def has_lost_targets(edit: BulkEdit) -> bool:
    """Whether some of what it is done with is gone: merged with another one, or deleted. Taking back leaves what was done with that."""
    found: dict[int, object] = apps.get_model("catalog", EDIT_TARGETS[EditKind(edit.kind)])._default_manager.in_bulk(edit.target_ids)
    return len(found) < len(set(edit.target_ids))
