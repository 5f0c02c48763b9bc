"""What people write about a file, and that they looked at it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from catalog import text
from catalog.choices import ProbeState
from catalog.errors import NameTooLongError
from catalog.models import MediaFile
from catalog.services.common import CURATE, audit, change, check_access, lock
from mam.jobs.models import JobPriority

if TYPE_CHECKING:
    from mam.accounts.models import User

TITLE_MAX = 255
# How exact `last_viewed_at` is: one write a minute and file, however many people look.
VIEW_RESOLUTION = timedelta(minutes=1)


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


def record_view(*, file: MediaFile) -> None:
    """Remember that somebody looked at a file; if it still waits for analysis, it is next. Not audited, no access check:
    the page that calls it has shown the file.
    """
    now = timezone.now()
    if file.last_viewed_at is not None and file.last_viewed_at > now - VIEW_RESOLUTION:
        return
    stale = Q(last_viewed_at=None) | Q(last_viewed_at__lt=now - VIEW_RESOLUTION)
    MediaFile.objects.filter(stale, pk=file.pk).update(last_viewed_at=now)
    waits = MediaFile.objects.filter(pk=file.pk, probe_state=ProbeState.PENDING, probe_priority__gt=JobPriority.HIGH)
    waits.update(probe_priority=JobPriority.HIGH)
