"""Who looks at what: remembered coarsely, to serve first what people care about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from catalog.choices import ProbeState
from catalog.models import MediaFile
from mam.accounts.access import require
from mam.jobs.models import JobPriority

if TYPE_CHECKING:
    from mam.accounts.models import User

VIEW_RESOLUTION = timedelta(minutes=5)  # one write a file in this time, however many look at it


def record_view(*, user: User, file_id: int) -> None:
    """Note that `user` looks at a file now, and analyse it before others if that is still to come.

    No audit: looking changes nothing. A file that does not exist is no error: it may have gone while it was watched.
    """
    require(user, "catalog.view_library")
    now = timezone.now()
    row = MediaFile.objects.filter(pk=file_id)
    row.filter(Q(last_viewed_at=None) | Q(last_viewed_at__lt=now - VIEW_RESOLUTION)).update(last_viewed_at=now)
    row.filter(probe_state=ProbeState.PENDING).exclude(probe_priority=JobPriority.HIGH).update(probe_priority=JobPriority.HIGH)
