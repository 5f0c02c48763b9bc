"""Jobs and clock functions of ingest: thin, idempotent, ids in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

import ingest.messages  # noqa: F401  (registers the texts of the log lines below)
from catalog.models import Source
from catalog.services import sources as catalog_sources
from ingest import demo
from ingest.services import probing, scans, watching
from mam.jobs.registry import job
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from mam.jobs.context import JobContext

_KEEP_DULL_SCANS = timedelta(days=1)


@job(kind=scans.SCAN_KIND, queue="fast", max_attempts=3, label=gettext_noop("Scan"))
def run_scan(ctx: JobContext) -> dict[str, Any] | None:
    """Scan one source (params: source_id)."""
    source = Source.objects.filter(pk=ctx.params["source_id"], is_enabled=True).first()
    return scans.run_scan(source=source, ctx=ctx) if source else None


@job(kind=scans.PROBE_KIND, queue="fast", max_attempts=3, label=gettext_noop("Analyse files"))
def run_probe(ctx: JobContext) -> dict[str, Any] | None:
    """Analyse what waits on one source (params: source_id)."""
    source = Source.objects.filter(pk=ctx.params["source_id"], is_enabled=True).first()
    return probing.run_pending(source=source, fs=catalog_sources.open_file_system(source), ctx=ctx) if source else None


@job(kind=demo.ARCHIVE_KIND, queue="fast", max_attempts=3, label=gettext_noop("Make the demo archive"))
def make_demo_archive(ctx: JobContext) -> None:
    """Draw the demo archive and register it as a source."""
    demo.make_archive(ctx)


@job(kind=demo.RECORDING_KIND, queue="fast", max_attempts=1, label=gettext_noop("Record into the demo archive"))
def record_demo(ctx: JobContext) -> None:
    """Write the demo archive's growing file."""
    demo.record_live(ctx)


def enqueue_due() -> None:
    """Clock: request the scans that are due."""
    scans.enqueue_due(timezone.now())


def purge_scans() -> None:
    """Clock: forget old scans that changed nothing."""
    scans.purge_scans(older_than=timezone.now() - _KEEP_DULL_SCANS)


def keep_watching() -> None:
    """Clock: listen to the servers that tell of changes."""
    watching.keep_watching()
