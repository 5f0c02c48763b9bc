"""A sync that is killed anywhere and done again leaves what an uninterrupted one would have left, to the id."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.utils import timezone

from catalog.choices import Presence
from catalog.models import MediaFile
from ingest.models import ScanState
from mam.jobs import forks
from mam.jobs.models import Job, JobState
from mam.jobs.tasks import reap
from mam.jobs.testing import run_pending
from sync.models import HistoryRow, Match, Target, TargetRow
from sync.ott.models import OttFile
from sync.services import applying, history, syncing
from sync.targets.database import DatabaseTarget
from tests.factories import make_file, make_folder, make_scan, make_source
from tests.fixtures.processes import eventually
from tests.sync.factories import make_target

if TYPE_CHECKING:
    from catalog.models import Source

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "ott"]),
    pytest.mark.usefixtures("ott_file"),
    pytest.mark.processes,
    pytest.mark.timeout(600),
]
POINTS = 20
FILES = 160
SEED = 20261122

Row = tuple[str, str]  # path, status


class Archive:
    """A source, and what the target has to be after the next sync: id -> path and status."""

    def __init__(self, source: Source, chance: random.Random) -> None:
        self.source, self.chance = source, chance
        self.ids: dict[int, int] = {}  # file -> row
        self.expected: dict[int, Row] = {}
        self.number = 0

    def add(self, count: int) -> None:
        """New files, which get the next ids in the order they were found."""
        for _ in range(count):
            self.number += 1
            file = make_file(f"시즌 {self.number % 7}/clip {self.number:05}.mp4", source=self.source)
            self.ids[file.pk] = len(self.expected) + 1
            self.expected[self.ids[file.pk]] = (file.path, "active")

    def change(self) -> None:
        """Some files move, some go, some come back, some are new."""
        there = sorted(pk for pk, row in self.ids.items() if self.expected[row][1] == "active")
        gone = sorted(set(self.ids) - set(there))
        chosen = self.chance.sample(there, 60)
        for pk in chosen[:40]:
            folder = make_folder(self.source, f"moved {self.chance.randrange(5)}")
            MediaFile.objects.filter(pk=pk).update(folder=folder)
            self.expected[self.ids[pk]] = (MediaFile.objects.select_related("folder").get(pk=pk).path, "active")
        for pk in chosen[40:]:
            self._set(pk, Presence.MISSING, "deleted")
        for pk in self.chance.sample(gone, min(10, len(gone))):
            self._set(pk, Presence.PRESENT, "active")
        self.add(40)

    def _set(self, pk: int, presence: Presence, status: str) -> None:
        MediaFile.objects.filter(pk=pk).update(presence=presence)
        self.expected[self.ids[pk]] = (self.expected[self.ids[pk]][0], status)


def target_rows() -> dict[int, Row]:
    return {pk: (path, status) for pk, path, status in OttFile.objects.using("ott").values_list("pk", "nas_path", "status")}


def start_and_kill(target: Target, after_s: float) -> None:
    """Run a sync in a process of its own; kill it so long after it has begun."""
    syncing.request_sync(target=target, user=None)
    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            forks.forget_connections()
            run_pending()
        finally:
            os._exit(0)
    eventually(lambda: not Job.objects.filter(kind=syncing.SYNC_JOB, state=JobState.QUEUED).exists())
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def finish(target: Target) -> None:
    """What a supervisor and the clock do: give the job back, and have it done."""
    Job.objects.filter(state=JobState.RUNNING).update(lease_until=timezone.now() - timedelta(minutes=1))
    reap()
    syncing.request_sync(target=target, user=None)
    run_pending()
    assert not Job.objects.exclude(state=JobState.SUCCEEDED).exists()


def mirrored() -> dict[int, Row]:
    rows = TargetRow.objects.values_list("remote_id", "path", "is_deleted")
    return {int(pk): (path, "deleted" if is_deleted else "active") for pk, path, is_deleted in rows}


def test_killed_at_twenty_random_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseTarget, "batch_rows", 20)
    monkeypatch.setattr(applying, "TOGETHER", 2)
    source = make_source("ARCHIVE")
    make_scan(source, state=ScanState.DONE, mode="full", finished_at=timezone.now())
    target = make_target("OTT", sources={source: ""}, guard_percent=100)
    chance = random.Random(SEED)
    archive = Archive(source, chance)
    archive.add(FILES)
    finish(target)
    assert target_rows() == archive.expected

    archive.change()
    started = time.monotonic()
    finish(target)
    whole_s = time.monotonic() - started
    assert target_rows() == archive.expected

    for point in range(POINTS):
        archive.change()
        start_and_kill(target, chance.uniform(0, whole_s))
        finish(target)
        assert target_rows() == archive.expected, f"point {point}"
        assert mirrored() == archive.expected
        assert not Match.objects.exclude(action="").exists()
    assert history.verify().broken is None
    _every_change_is_told_once()


def _every_change_is_told_once() -> None:
    """The history of each row, followed from its beginning, leads to what the target says."""
    said: dict[str, Any] = {}
    for row in HistoryRow.objects.filter(side="target").order_by("pk"):
        remote_id = (row.after or row.before)["remote_id"]
        before = said.get(remote_id)
        assert before is None or before["path"] == row.before["path"], row.pk
        said[remote_id] = row.after
    assert {int(pk): (after["path"], "deleted" if after["is_deleted"] else "active") for pk, after in said.items()} == target_rows()
