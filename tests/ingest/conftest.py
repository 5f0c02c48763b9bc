"""A local folder as a source, and scans of it run in this process."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from catalog.models import Folder, MediaFile, Source
from catalog.services import rollups
from ingest.models import Scan, ScanMode
from ingest.services import scans
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO_S = 40 * 24 * 3600


@dataclass
class Archive:
    """A source over a directory of this test, and what a user of it would do."""

    root: Path
    source: Source

    def put(self, path: str, content: bytes = b"x", *, age_s: float = LONG_AGO_S) -> Path:
        """Write a file, `age_s` seconds old; the directories above it get as old."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        self.age(path, age_s)
        return target

    def age(self, path: str, age_s: float = LONG_AGO_S) -> None:
        """Set the mtime of a file and of the directories above it."""
        then = time.time() - age_s
        target = self.root / path
        while target != self.root.parent:
            os.utime(target, (then, then))
            target = target.parent

    def scan(self, mode: str = ScanMode.FULL) -> Scan:
        """Run one scan job to its end; the job must succeed."""
        job = self.run(mode)
        assert job.state == JobState.SUCCEEDED, (job.error_code, job.error_params, list(job.log.values_list("code", "params")))
        return Scan.objects.latest("pk")

    def run(self, mode: str = ScanMode.FULL) -> Job:
        """Run one scan job; return it however it ended."""
        scans.request_scan(source=self.source, mode=mode, user=None)
        job = run_pending("fast", kinds=[scans.SCAN_KIND])[-1]
        self.source.refresh_from_db()
        return job

    def files(self) -> dict[str, MediaFile]:
        """All rows by path."""
        return {file.path: file for file in MediaFile.objects.filter(source=self.source).select_related("folder")}

    def fill(self, count: int = 30, folder: str = "WSOP/2024") -> list[str]:
        """Put `count` clips of different sizes into a folder; returns their paths."""
        paths = [f"{folder}/clip {number:03}.mp4" for number in range(count)]
        for number, path in enumerate(paths):
            self.put(path, b"v" * (number + 1))
        return paths

    def assert_totals_hold(self) -> None:
        """The folders' totals are those of a rebuild."""
        assert rollups.verify(source=self.source) == []

    def presence(self) -> dict[str, str]:
        """Path -> presence of all rows."""
        return {path: file.presence for path, file in self.files().items()}

    def folder(self, path: str) -> Folder:
        """The row of a folder."""
        return Folder.objects.get(source=self.source, path=path)


@pytest.fixture
def archive(db: None, tmp_path: Path) -> Archive:
    """An empty archive on a local disk, registered as a source."""
    root = tmp_path / "archive"
    root.mkdir()
    source = Source.objects.create(name="archive", url=root.as_uri())
    return Archive(root, source)
