"""What people write about a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction

from catalog import text
from catalog.errors import NameTooLongError
from catalog.services.common import CURATE, audit, change, check_access, lock

if TYPE_CHECKING:
    from catalog.models import MediaFile
    from mam.accounts.models import User

TITLE_MAX = 255


class FileChanges(TypedDict, total=False):
    """What a curator may write about a file. A title of "" is the file's name."""

    title: str
    description: str
    part_number: int | None


@transaction.atomic
def update_file(*, file: MediaFile, user: User | None, **changes: Unpack[FileChanges]) -> MediaFile:
    """Change title, description or part number. NameTooLongError."""
    check_access(user, CURATE)
    row = lock(file)
    if "title" in changes:
        changes["title"] = text.tidy(changes["title"])
        if len(changes["title"]) > TITLE_MAX:
            raise NameTooLongError(max_length=TITLE_MAX)
    if "description" in changes:
        changes["description"] = text.nfc(changes["description"]).strip()
    before, after = change(row, changes)
    if after:
        row.save(update_fields=list(after))
        audit(user, "file.update", row, before, after)
    return row
