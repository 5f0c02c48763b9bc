"""Reads of ingest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Subquery

from catalog.models import Source
from catalog.selectors import list_sources
from ingest.models import MissingHold, Scan
from mam.jobs.models import ACTIVE, Job

if TYPE_CHECKING:
    from catalog.models import Folder
    from mam.accounts.models import User


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source as its administrators see it."""

    source: Source
    root: Folder | None
    last_scan: Scan | None
    running_job: Job | None  # scanning or analysing it, or about to
    holds: list[MissingHold]


def list_source_status(*, user: User) -> list[SourceStatus]:
    """All sources with their last scan, running job and open holds; a fixed number of queries."""
    cards = list_sources(user=user)
    newest = Scan.objects.filter(source=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    scans = {scan.source_id: scan for scan in Scan.objects.filter(pk__in=Source.objects.values_list(Subquery(newest)))}
    keys = [f"{kind}:{card.source.pk}" for card in cards for kind in ("scan", "probe")]
    active = Job.objects.filter(key__in=keys, state__in=ACTIVE).order_by("state", "-pk")
    jobs = {int(job.key.partition(":")[2]): job for job in active}
    holds: dict[int, list[MissingHold]] = {}
    for hold in MissingHold.objects.filter(decision=MissingHold.Decision.OPEN).select_related("folder"):
        holds.setdefault(hold.source_id, []).append(hold)
    return [
        SourceStatus(card.source, card.root, scans.get(card.source.pk), jobs.get(card.source.pk), holds.get(card.source.pk, []))
        for card in cards
    ]
