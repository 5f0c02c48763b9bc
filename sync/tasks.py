"""Jobs and clock functions of sync: thin, idempotent, ids in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from mam.jobs.registry import job
from mam.lib.errors import gettext_noop
from sync.services import alerts, syncing, upkeep

if TYPE_CHECKING:
    from mam.jobs.context import JobContext


@job(kind=syncing.SYNC_JOB, label=gettext_noop("Sync"))
def run_sync(ctx: JobContext) -> dict[str, Any]:
    """Make the target `target_id` equal to the archive."""
    return syncing.run_sync(ctx)


@job(kind=syncing.PLAN_JOB, label=gettext_noop("Plan a sync"))
def run_plan(ctx: JobContext) -> dict[str, Any]:
    """Make a plan for the target `target_id`."""
    return syncing.run_plan(ctx)


@job(kind=syncing.APPLY_JOB, label=gettext_noop("Apply a plan"))
def run_apply(ctx: JobContext) -> dict[str, Any]:
    """Apply the plan `plan_id`."""
    return syncing.run_apply(ctx)


@job(kind=syncing.RECONCILE_JOB, label=gettext_noop("Reconcile"))
def run_reconcile(ctx: JobContext) -> dict[str, Any]:
    """Compare the archive with the target `target_id`."""
    return syncing.run_reconcile(ctx)


@job(kind=syncing.MATCH_JOB, label=gettext_noop("Match files"))
def run_match(ctx: JobContext) -> dict[str, Any]:
    """Match what has changed on either side."""
    return syncing.run_match(ctx)


@job(kind=alerts.ALERT_JOB, label=gettext_noop("Send an alert"))
def run_alert(ctx: JobContext) -> dict[str, Any]:
    """Tell people of an error or of a plan that waits."""
    return alerts.run(ctx)


@job(kind=upkeep.CHECK_JOB, label=gettext_noop("Check the counts of sync"))
def run_check(ctx: JobContext) -> dict[str, Any]:
    """Compare the counts of folders with the matches, and repair them."""
    return upkeep.check(ctx)


def enqueue_due() -> None:
    """Clock: request the syncs that are due."""
    syncing.enqueue_due(timezone.now())


def enqueue_match() -> None:
    """Clock: something has changed, whoever changed it."""
    syncing.enqueue_match()


def enqueue_check() -> None:
    """Clock: the nightly comparison."""
    upkeep.request_due_check()
