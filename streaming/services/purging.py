"""Renditions that nobody used for the time to live of their kind: deleted, and made again when somebody asks."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.utils import timezone

from catalog.choices import Presence, SourceState
from streaming.models import Rendition
from streaming.services import renditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True)
class Unused:
    """What can go of one kind."""

    kind: str
    renditions: int
    size_bytes: int


def list_unused() -> list[Unused]:
    """What `purge_unused` would delete now, by kind."""
    found = _unused(timezone.now()).values("kind").annotate(count=Count("pk"), bytes=Sum("size_bytes")).order_by("kind")
    return [Unused(row["kind"], row["count"], row["bytes"]) for row in found]


def purge_unused(*, check: Callable[[], None] = lambda: None) -> list[Unused]:
    """Delete the objects of every rendition that nobody used for its time to live. `check` may raise to stop."""
    now = timezone.now()
    sums: dict[str, list[int]] = {}
    for rendition in list(_unused(now)):
        check()
        if renditions.purge(rendition=rendition, unused_since=rendition.last_access_at):
            count = sums.setdefault(rendition.kind, [0, 0])
            count[0] += 1
            count[1] += rendition.size_bytes
    return [Unused(kind, count, size_bytes) for kind, (count, size_bytes) in sorted(sums.items())]


def _unused(now: datetime.datetime) -> QuerySet[Rendition]:
    """Only of files whose source is there now: nothing is deleted that could not be made again."""
    is_due = Q(pk=None)
    for kind, policy in settings.MAM_RENDITIONS.items():
        if policy["ttl_days"]:
            is_due |= Q(kind=kind, last_access_at__lt=now - datetime.timedelta(days=policy["ttl_days"]))
    can_be_made = {"file__presence": Presence.PRESENT, "file__source__is_enabled": True, "file__source__state": SourceState.ONLINE}
    return Rendition.objects.filter(is_due, size_bytes__gt=0, **can_be_made)
