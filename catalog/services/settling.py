"""What services of changes in parts share: the job that brings the parts to where they are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from mam.jobs.models import JobPriority
from mam.jobs.services import enqueue

if TYPE_CHECKING:
    from catalog.models.settling import Settling
    from mam.accounts.models import User


def settle_soon(row: Settling, *, kind: str, params: dict[str, Any], page: str, user: User | None) -> None:
    """Save a locked row, with a job that works on it if there is anything to do. `page`: URL name of its page."""
    if not row.is_settled:
        row.job = enqueue(
            kind=kind,
            params=params,
            subject=str(row),
            subject_url=reverse(page, args=[row.pk]),
            key=f"{kind}:{row.pk}",
            priority=JobPriority.HIGH,
            user=user,
        )
    row.save()
