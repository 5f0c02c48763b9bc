"""Scans beside each other and beside people: one of a source at a time, many sources at once, less of a server that slows down."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from catalog.models import MediaFile, Source
from ingest.models import ScanMode
from ingest.services import scanner, scans
from mam.jobs import runner
from mam.jobs.models import Job, JobState
from mam.lib.sources.facade import PooledSource
from mam.lib.sources.pace import Pace
from mam.lib.sources.pool import Timing
from tests.threads import at_once

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mam.lib.sources.base import Listing
    from tests.ingest.conftest import Archive


def test_two_workers_never_scan_one_source_at_once(archive: Archive) -> None:
    archive.put("WSOP/clip.mp4")
    first = runner.take(scans.request_scan(source=archive.source, mode=ScanMode.FULL, user=None).pk)
    assert first is not None
    second = scans.request_scan(source=archive.source, mode=ScanMode.FULL, user=None)
    assert second.pk != first.pk
    assert runner.claim("fast") is None
    assert runner.take(second.pk) is None

    runner.execute(first, beats=False)

    then = runner.take(second.pk)
    assert then is not None
    runner.execute(then, beats=False)
    assert set(Job.objects.filter(kind=scans.SCAN_KIND).values_list("state", flat=True)) == {JobState.SUCCEEDED}
    assert MediaFile.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_sources_are_scanned_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each walk waits in its first listing until all of them are there."""
    everybody = threading.Barrier(3)
    walk = scanner.Scanner.walk

    def meet(self: scanner.Scanner, targets: object = None) -> None:
        everybody.wait(60)
        walk(self, targets)  # type: ignore[arg-type]

    monkeypatch.setattr(scanner.Scanner, "walk", meet)
    jobs = []
    for number in range(3):
        root = tmp_path / str(number)
        (root / "WSOP").mkdir(parents=True)
        (root / "WSOP" / "clip.mp4").write_bytes(b"x")
        source = Source.objects.create(name=f"nas {number}", url=root.as_uri())
        jobs.append(scans.request_scan(source=source, mode=ScanMode.FULL, user=None))

    def work(pk: int) -> None:
        job = runner.take(pk)
        assert job is not None
        runner.execute(job)

    at_once(*(partial(work, job.pk) for job in jobs))

    assert set(Job.objects.filter(kind=scans.SCAN_KIND).values_list("state", flat=True)) == {JobState.SUCCEEDED}
    assert MediaFile.objects.count() == 3


def test_a_scan_backs_off_from_a_server_that_slows_down_and_says_so_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(480):
        archive.put(f"{number:03}/clip.mp4")
    clock = threading.local()  # of each thread: how long it waited for answers
    asked = iter(range(10_000))
    listed = PooledSource.list_directories

    def slow_for_a_while(self: PooledSource, paths: Sequence[str]) -> list[Listing]:
        latency_s = 20.0 if 10 <= next(asked) < 30 else 0.01
        clock.now_s = getattr(clock, "now_s", 0.0) + latency_s
        return listed(self, paths)

    monkeypatch.setattr(PooledSource, "list_directories", slow_for_a_while)
    timing = Timing(monotonic=lambda: getattr(clock, "now_s", 0.0))
    monkeypatch.setattr(scanner, "Pace", lambda most: Pace(most, timing))

    archive.scan()

    codes = list(Job.objects.get(kind=scans.SCAN_KIND).log.order_by("pk").values_list("code", flat=True))
    assert [code for code in codes if code in ("scan_slowed", "scan_full_speed")] == ["scan_slowed", "scan_full_speed"]
    assert MediaFile.objects.count() == 480
