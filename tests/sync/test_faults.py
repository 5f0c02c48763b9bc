"""What goes wrong at the target, with the real thing: nothing is lost, the rest goes on, and people are told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.utils import timezone

from catalog.models import MediaFile
from ingest.models import ScanState
from mam.jobs.models import Job, JobLog, JobState
from mam.jobs.testing import run_pending
from sync.choices import MatchStatus, PartState, PlanState, TargetState
from sync.models import Match, Plan, Target
from sync.ott.models import OttFile
from sync.services import applying, syncing
from sync.targets.database import DatabaseTarget
from tests.factories import make_file, make_scan, make_source
from tests.sync.factories import make_target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from catalog.models import Source

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "ott"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Waiting is not what is tested here."""
    monkeypatch.setattr(applying, "WAITS_S", (0.01, 0.02, 0.04))
    options = connections["ott"].settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "timeout", 0.1)
    yield
    connections["ott"].close()


@pytest.fixture
def source() -> Source:
    source = make_source("ARCHIVE")
    make_scan(source, state=ScanState.DONE, mode="full", finished_at=timezone.now())
    return source


@pytest.fixture
def target(source: Source, ott_file: Path) -> Target:
    return make_target("OTT", sources={source: ""}, guard_percent=100)


def sync(target: Target) -> Job:
    syncing.request_sync(target=target, user=None)
    run_pending()
    return Job.objects.filter(kind=syncing.SYNC_JOB).latest("pk")


def paths() -> list[str]:
    return list(OttFile.objects.using("ott").order_by("nas_path").values_list("nas_path", flat=True))


def refuse(path: Path, pattern: str) -> None:
    """From now on the target's own program takes no such paths."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON files WHEN NEW.nas_path LIKE '" + pattern + "' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        connection.commit()


def test_a_batch_that_fails_is_put_aside_and_the_rest_goes_on(
    source: Source, target: Target, ott_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseTarget, "batch_rows", 2)
    make_file("a/0.mp4", source=source)
    assert sync(target).state == JobState.SUCCEEDED
    refuse(ott_file, "%bad%")
    for name in ("1", "2", "3", "bad", "5", "6"):
        make_file(f"b/{name}.mp4", source=source)
    job = sync(target)
    assert (job.state, job.result and job.result["state"], job.result and job.result["errors"]) == (
        JobState.SUCCEEDED,
        PlanState.PARTIAL,
        1,
    )
    assert paths() == ["a/0.mp4", "b/1.mp4", "b/2.mp4", "b/5.mp4", "b/6.mp4"]
    plan = Plan.objects.latest("pk")
    assert [part.state for part in plan.parts.order_by("number")] == [PartState.DONE, PartState.PARKED, PartState.DONE]
    assert plan.parts.get(state=PartState.PARKED).error_code
    assert sorted(Match.objects.filter(status=MatchStatus.NEW).values_list("path", flat=True)) == ["b/3.mp4", "b/bad.mp4"]
    target.refresh_from_db()
    assert target.last_result["state"] == PlanState.PARTIAL

    MediaFile.objects.filter(name="bad.mp4").update(name="good.mp4", name_key="good.mp4")
    assert (sync(target).result or {})["added"] == 2
    assert len(paths()) == 7


def test_a_target_that_refuses_every_row_is_asked_for_each_of_them(
    source: Source, target: Target, ott_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseTarget, "batch_rows", 1)
    make_file("a/0.mp4", source=source)
    sync(target)
    refuse(ott_file, "%")
    for number in range(8):
        make_file(f"b/{number}.mp4", source=source)
    sync(target)
    plan = Plan.objects.latest("pk")
    assert (plan.state, plan.parked_parts, plan.done_parts) == (PlanState.FAILED, 8, 0)
    assert paths() == ["a/0.mp4"]


def test_a_locked_target_is_waited_for_and_told_of(source: Source, target: Target, ott_file: Path) -> None:
    make_file("a/0.mp4", source=source)
    sync(target)
    make_file("a/1.mp4", source=source)
    with closing(sqlite3.connect(ott_file)) as other:
        other.execute("BEGIN EXCLUSIVE")
        job = sync(target)
        assert (job.state, job.error_code) == (JobState.FAILED, "target_busy")
        waits = JobLog.objects.filter(job=job, code="sync_waiting").values_list("params__seconds", flat=True)
        assert list(waits)[:3] == [0.01, 0.02, 0.04]
        target.refresh_from_db()
        assert (target.state, target.state_code) == (TargetState.OFFLINE, "target_busy")
        other.rollback()
    assert sync(target).state == JobState.SUCCEEDED
    assert paths() == ["a/0.mp4", "a/1.mp4"]
    target.refresh_from_db()
    assert (target.state, target.state_code) == (TargetState.ONLINE, "")


def test_what_is_no_database_is_left_as_it_is(source: Source, target: Target, ott_file: Path) -> None:
    ott_file.write_bytes(b"no database, but somebody's notes\n" * 200)
    before = ott_file.read_bytes()
    make_file("a/0.mp4", source=source)
    assert sync(target).error_code == "target_not_database"
    assert ott_file.read_bytes() == before
    assert [path.name for path in ott_file.parent.iterdir()] == [ott_file.name]


def test_a_database_without_the_table_is_left_as_it_is(source: Source, target: Target, ott_file: Path) -> None:
    with closing(sqlite3.connect(ott_file)) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER PRIMARY KEY)")
        connection.commit()
    before = ott_file.read_bytes()
    make_file("a/0.mp4", source=source)
    assert sync(target).error_code in {"target_table_missing", "target_table"}
    assert ott_file.read_bytes() == before


def test_the_platforms_own_database_is_adopted(source: Source, target: Target, ott_file: Path) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    with closing(sqlite3.connect(ott_file)) as connection:
        connection.execute("CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT NOT NULL UNIQUE, size_bytes INTEGER, rating REAL)")
        connection.execute("INSERT INTO files VALUES (42, 'WSOP/day1.mp4', ?, 4.5)", [file.size_bytes])
        connection.commit()
    make_file("WSOP/day2.mp4", source=source)
    assert (sync(target).result or {})["added"] == 1
    with closing(sqlite3.connect(ott_file)) as connection:
        rows = connection.execute("SELECT id, nas_path, rating, hls_compatible FROM files ORDER BY id").fetchall()
    assert rows == [(42, "WSOP/day1.mp4", 4.5, 1), (43, "WSOP/day2.mp4", None, 1)]


def test_paths_that_have_to_be_unique_can_be_exchanged(
    source: Source, target: Target, ott_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatabaseTarget, "batch_rows", 3)
    with closing(sqlite3.connect(ott_file)) as connection:
        connection.execute("CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT NOT NULL UNIQUE)")
        connection.commit()
    files = [make_file(f"a/{number}.mp4", source=source) for number in range(10)]
    sync(target)
    ids: dict[str, Any] = dict(OttFile.objects.using("ott").values_list("nas_path", "pk"))
    for number, file in reversed(list(enumerate(files))):  # each takes the name of the next
        MediaFile.objects.filter(pk=file.pk).update(name=f"{number + 1}.mp4", name_key=f"{number + 1}.mp4")
    job = sync(target)
    assert (job.result or {})["errors"] == 0
    moved = dict(OttFile.objects.using("ott").values_list("nas_path", "pk"))
    assert moved == {f"a/{number + 1}.mp4": ids[f"a/{number}.mp4"] for number in range(10)}
