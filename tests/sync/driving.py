"""Syncs as people and the clock start them, and what changes on both sides between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog.models import MediaFile
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from sync.ott.models import OttFile
from sync.services import syncing
from tests.factories import make_folder

if TYPE_CHECKING:
    from catalog.choices import Presence
    from sync.models import Target


def run() -> Job:
    """What waits; the last job of sync."""
    run_pending()
    return Job.objects.filter(kind__in=[syncing.SYNC_JOB, syncing.APPLY_JOB, syncing.PLAN_JOB, syncing.RECONCILE_JOB]).latest("pk")


def sync(target: Target) -> dict[str, Any]:
    """A sync that succeeds; its result."""
    syncing.request_sync(target=target, user=None)
    job = run()
    assert job.state == JobState.SUCCEEDED, job.error_text
    return dict(job.result or {})


def rows() -> list[tuple[str, str]]:
    """Of the target: path and status."""
    return list(OttFile.objects.using("ott").order_by("id").values_list("nas_path", "status"))


def move(file: MediaFile, folder: str) -> None:
    """On the NAS."""
    MediaFile.objects.filter(pk=file.pk).update(folder=make_folder(file.source, folder))


def set_presence(file: MediaFile, presence: Presence) -> None:
    """As a scan does."""
    MediaFile.objects.filter(pk=file.pk).update(presence=presence)
