"""What viewers leave behind: where they stopped, and what went wrong in their browsers."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from mam.accounts.access import require
from streaming.models import Playback, PlaybackFault, WatchPosition
from streaming.selectors import PLAY_FILE

if TYPE_CHECKING:
    from catalog.models import MediaFile
    from mam.accounts.models import User

logger = logging.getLogger(__name__)

_WATCHED_PERCENT = 95  # who got so far has seen it: the next time begins at the beginning
_MAX_FAULTS_AN_HOUR = 60  # of one user and file: a player in a loop shall not fill the table
_PURGED_AT_ONCE = 500  # small transactions: other writers wait for each


def keep_position(*, user: User, file: MediaFile, position_ms: int) -> None:
    """Remember where `user` is in `file`; forget it at its end. `position_ms` >= 0."""
    require(user, PLAY_FILE)
    positions = WatchPosition.objects.filter(user=user, file=file)
    if file.duration_ms and position_ms * 100 >= file.duration_ms * _WATCHED_PERCENT:
        positions.delete()
        return
    fields = {"position_ms": position_ms, "updated_at": timezone.now()}
    WatchPosition.objects.update_or_create(user=user, file=file, defaults=fields)


def report_fault(*, user: User, file: MediaFile, code: str, position_ms: int | None, detail: str, browser: str) -> None:
    """Note what a browser could not play, in the table and in the log. What it says is text of strangers."""
    require(user, PLAY_FILE)
    recent = PlaybackFault.objects.filter(user=user, file=file, at__gt=timezone.now() - timedelta(hours=1))
    if recent.count() >= _MAX_FAULTS_AN_HOUR:
        return
    mode = Playback.objects.filter(file=file).values_list("mode", flat=True).first() or ""
    fault = PlaybackFault.objects.create(
        file=file, user=user, code=code, mode=mode, position_ms=position_ms, detail=detail, browser=browser
    )
    logger.warning("playback fault %s of file %s at %s ms (%s): %r", fault.code, file.pk, position_ms, mode or "-", fault.detail)


def purge_old_faults() -> None:
    """Delete faults that were reported more than `settings.MAM_JOB_KEEP_DAYS` days ago, in batches."""
    old = PlaybackFault.objects.filter(at__lt=timezone.now() - timedelta(days=settings.MAM_JOB_KEEP_DAYS))
    while batch := list(old.values_list("pk", flat=True)[:_PURGED_AT_ONCE]):
        PlaybackFault.objects.filter(pk__in=batch).delete()
