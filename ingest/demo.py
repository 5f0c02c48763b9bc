"""The demo archive: what a system without any source shows at its first start. An ordinary source; delete it like one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse

from catalog.models import Source
from catalog.services.sources import create_source
from ingest import demo_clips
from ingest.models import ScanMode
from ingest.services import scans
from mam.jobs.models import JobPriority
from mam.jobs.services import enqueue
from mam.lib.sources import parse_url

if TYPE_CHECKING:
    from pathlib import Path

    from mam.jobs.context import JobContext

ARCHIVE_KIND = "ingest.demo"
RECORDING_KIND = "ingest.demo_recording"
SOURCE_NAME = "Demo archive"
SCANNED_AFTER = (2, 6)  # files; and once more when all are there


def make_demo_source() -> None:
    """Enqueue the making of the demo archive, once in the life of a data directory and only where no source is.

    Called at each start of the system. Who deletes the source does not get it back.
    """
    if _mark().exists() or Source.objects.exists():
        return
    enqueue(kind=ARCHIVE_KIND, key=ARCHIVE_KIND, subject=SOURCE_NAME, subject_url=reverse("catalog:home"), priority=JobPriority.HIGH)
    _mark().touch()


def is_demo(source: Source) -> bool:
    """Whether a source is the demo archive, whatever it is called by now."""
    return source.url == str(parse_url(_folder().as_uri()))


def make_archive(ctx: JobContext) -> None:
    """Draw the files and have them scanned as they come, so that the library fills under people's eyes.

    Goes on where it was killed. In the end one camera is left recording.
    """
    made = 0

    def note_made(path: str) -> None:
        nonlocal made
        made += 1
        ctx.progress(made, demo_clips.STEPS, unit="files", note=path)
        if made in SCANNED_AFTER:
            with ctx.publish():
                _request_scan()

    ctx.progress(0, demo_clips.STEPS, unit="files")
    parallelism = len(os.sched_getaffinity(0))
    demo_clips.draw_archive(_folder(), cancelled=ctx.cancelled, parallelism=parallelism, on_made=note_made)
    with ctx.publish(completes=True):
        enqueue(kind=RECORDING_KIND, key=RECORDING_KIND, subject=SOURCE_NAME, priority=JobPriority.HIGH)
        _request_scan()


def record_live(ctx: JobContext) -> None:
    """The file that is still being written when people look."""
    demo_clips.record(_folder() / demo_clips.RECORDING_PATH, cancelled=ctx.cancelled)


def _request_scan() -> None:
    source = Source.objects.filter(name=SOURCE_NAME).first()
    if source is None:
        source = create_source(name=SOURCE_NAME, url=_folder().as_uri(), user=None)
    scans.request_scan(source=source, mode=ScanMode.FULL, user=None, priority=JobPriority.HIGH)


def _folder() -> Path:
    path: Path = settings.DATA_DIR / "demo"
    return path


def _mark() -> Path:
    """Stays when the archive and its source are deleted."""
    path: Path = settings.DATA_DIR / "demo.made"
    return path
