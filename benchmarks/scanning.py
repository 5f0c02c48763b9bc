"""Real scans in this process, for benchmarks that time them. Django is set up by who calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.models import Source

PARALLELISM = 4  # of a source, unless told otherwise


def make_source(url: str, username: str, password: str) -> Source:
    """The source that is scanned."""
    from catalog.services.sources import Credentials, create_source  # noqa: PLC0415

    return create_source(name="bench", url=url, credentials=Credentials(username, password), parallelism=PARALLELISM, user=None)


def scan(source: Source, mode: str) -> float:
    """Seconds of one scan, from the job's start to its end. RuntimeError when it does not succeed."""
    from ingest.services import scans  # noqa: PLC0415
    from mam.jobs import runner  # noqa: PLC0415
    from mam.jobs.models import JobState  # noqa: PLC0415

    job = runner.take(scans.request_scan(source=source, mode=mode, user=None).pk)
    if job is None:
        raise RuntimeError("the scan's job was taken by somebody else")
    started = time.perf_counter()
    runner.execute(job)
    seconds = time.perf_counter() - started
    job.refresh_from_db()
    if job.state != JobState.SUCCEEDED:
        raise RuntimeError(f"scan failed: {job.error_code} {job.error_params}")
    return seconds
