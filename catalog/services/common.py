"""What all services of the catalog share: the access check, locks, names, and the audit line of a change."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import IntegrityError, transaction

from catalog import text
from catalog.errors import ColorInvalidError, NameMissingError, NameTakenError, NameTooLongError, ObjectNotFoundError
from catalog.models import MediaFile
from catalog.search.index import refresh_soon
from catalog.selectors.scope import CURATE as CURATE
from catalog.selectors.scope import MANAGE_RULE as MANAGE_RULE
from catalog.selectors.scope import MANAGE_SOURCE as MANAGE_SOURCE
from mam.accounts import access
from mam.accounts.services import record_audit, record_audits
from mam.lib.bulk import chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from django.db.models import Model

    from mam.accounts.models import User

_COLOR = re.compile(r"#[0-9a-f]{6}")

Row = TypeVar("Row", bound="Model")


def check_access(user: User | None, permission: str) -> None:
    """Return when `user` has `permission` or is the system itself (None); else PermissionDeniedError."""
    if user is not None:
        access.require(user, permission)


def lock(row: Row) -> Row:
    """`row` as it is now, locked to the end of the transaction. ObjectNotFoundError when it is gone."""
    fresh = type(row)._default_manager.select_for_update(of=("self",)).filter(pk=row.pk).first()
    if fresh is None:
        raise ObjectNotFoundError
    return fresh


def audit(user: User | None, action: str, row: Model, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Write down a change of `row`, inside the transaction that makes it; after it the search knows of it."""
    refresh_soon()
    record_audit(actor=user, action=f"catalog.{action}", obj=row, before=before, after=after)


def audit_files(user: User | None, action: str, file_ids: Iterable[int], before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """As `audit`, of the same change of many files."""
    refresh_soon()
    for chunk in chunks(file_ids):
        rows = MediaFile.objects.filter(pk__in=chunk).order_by("pk").values_list("pk", "title", "name")
        labels = {pk: title or name for pk, title, name in rows}
        record_audits(actor=user, action=f"catalog.{action}", model=MediaFile, labels=labels, before=before, after=after)


def change(row: Model, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set attributes of a locked row, not saved yet; return what was and what is, of those that differ, as JSON."""
    before, after = {}, {}
    for name, value in values.items():
        old = getattr(row, name)
        if old != value:
            before[name], after[name] = _json(old), _json(value)
            setattr(row, name, value)
    return before, after


def clean_name(name: str, max_length: int) -> str:
    """A name as it is stored. NameMissingError, NameTooLongError."""
    cleaned = text.tidy(name)
    if not cleaned:
        raise NameMissingError
    if len(cleaned) > max_length:
        raise NameTooLongError(max_length=max_length)
    return cleaned


def clean_color(color: str) -> str:
    """ "#rrggbb" in lower case, or "". ColorInvalidError."""
    lowered = color.strip().lower()
    if lowered and not _COLOR.fullmatch(lowered):
        raise ColorInvalidError(color=color)
    return lowered


@contextmanager
def name_is_free(name: str) -> Iterator[None]:
    """Run one insert or update; a uniqueness violation becomes NameTakenError and leaves the transaction usable."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise NameTakenError(name=name) from error


def _json(value: Any) -> Any:
    return value.pk if hasattr(value, "pk") else value
