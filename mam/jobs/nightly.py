"""Work that is done once a night."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from mam.jobs.models import Job


def is_due(*, kind: str, hour: int) -> bool:
    """Whether a job of `kind` shall be asked for now; `hour`: local, 0 to 23."""
    last_at = Job.objects.filter(kind=kind).order_by("-pk").values_list("created_at", flat=True).first()
    return is_time(timezone.now(), last_at, hour)


def is_time(now: datetime, last_at: datetime | None, hour: int) -> bool:
    """Once a night, at that hour; at once when two nights were missed, or there never was one."""
    if last_at is None or now - last_at > timedelta(hours=36):
        return True
    return timezone.localtime(now).hour == hour and now - last_at > timedelta(hours=12)
