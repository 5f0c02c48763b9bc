"""GET /api/dashboard as PRD 7.2 has it, and /health."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from catalog.choices import SourceState
from ingest.models import MissingHold
from mam.jobs.models import Job, JobState
from sync.choices import PlanState, TargetState
from sync.models import Target
from sync.serializers.dashboard import DashboardSerializer
from sync.services import syncing
from tests.factories import make_catalog, make_content, make_file, make_job, make_series, make_source
from tests.sync.api.conftest import SIZE
from tests.sync.api.shapes import assert_shape
from tests.sync.factories import make_plan, make_target, match_all

if TYPE_CHECKING:
    from django.test import Client
    from rest_framework.test import APIClient

    from tests.sync.api.conftest import World

pytestmark = pytest.mark.django_db

URL = "/api/dashboard"


def ask(api: APIClient, query: str = "") -> dict[str, Any]:
    answer = api.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


# --- numbers ----------------------------------------------------------------------------------------------------------
def test_both_sides_are_told_in_numbers(viewer_api: APIClient, world: World) -> None:
    found = ask(viewer_api)
    assert found["source"]["total_files"] == 10
    assert found["source"]["by_type"] == {"video": 9, "subtitle": 1}
    assert found["source"]["db_size_mb"] > 0
    assert found["target"]["name"] == "OTT 플랫폼"
    # synced, elected, moved, changed; and what is gone from the archive but not yet marked in the target
    assert found["target"]["total_files"] == 6
    assert found["target"]["by_format"] == {"mp4": 6}
    assert found["target"]["excluded"] == {"non_hls": 2, "duplicates": 2}
    assert found["catalogs"] == [
        {"id": "WSOP", "catalog_id": world.catalog.pk, "count": 2, "synced": 1},
        {"id": None, "catalog_id": None, "count": 8, "synced": 2},
    ]
    assert found["hls"] == {"compatible": 8, "other": 1, "percent": 88.9}
    assert found["by_status"]["not_synced"] == 3
    assert found["sync_status"]["waiting"] == {"insert": 1, "update": 2, "delete": 1}
    assert found["source"]["total_bytes"] == sum(file.size_bytes for file in world.files.values())
    assert {one["extension"]: one["is_hls"] for one in found["formats"]} == {"mp4": True, "mov": True, "mxf": False}


def test_the_answer_has_the_shape_that_the_schema_says(viewer_api: APIClient, world: World) -> None:
    make_job(syncing.SYNC_JOB, key=f"sync:{world.target.pk}")
    assert_shape(DashboardSerializer, ask(viewer_api))


def test_a_place_on_the_machine_is_not_told(viewer_api: APIClient, world: World) -> None:
    found = ask(viewer_api)
    assert "/" not in found["source"]["db_path"] + found["target"]["db_path"]
    assert found["source"]["db_path"]
    assert found["target"]["db_path"]


def test_an_installation_that_never_synced_has_a_dashboard(viewer_api: APIClient) -> None:
    found = ask(viewer_api)
    assert (found["source"]["total_files"], found["target"]["total_files"], found["catalogs"]) == (0, 0, [])
    assert found["sync_status"]["last_result"] == {"added": 0, "updated": 0, "deleted": 0, "restored": 0, "errors": 0, "state": ""}
    assert (found["sync_status"]["last_sync_time"], found["sync_status"]["state"]) == (None, "normal")


def test_it_costs_the_same_number_of_queries_whatever_there_is(viewer_api: APIClient, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(viewer_api)
        return len(captured)

    few = queries()
    for number in range(20):
        make_file(f"{number}/a.mp4", source=world.source, content=make_content(make_series(make_catalog())), size_bytes=SIZE + number)
    match_all()
    assert queries() == few
    assert few <= 18


# --- the state --------------------------------------------------------------------------------------------------------
def state_of(api: APIClient) -> tuple[str, list[str]]:
    status = ask(api)["sync_status"]
    return status["state"], status["states"]


def test_the_most_pressing_of_what_holds_comes_first(viewer_api: APIClient, world: World) -> None:
    assert state_of(viewer_api) == ("normal", ["normal"])
    world.source.state = SourceState.OFFLINE
    world.source.save()
    assert state_of(viewer_api) == ("source_offline", ["source_offline"])
    plan = make_plan(world.target, state=PlanState.HELD)
    assert state_of(viewer_api) == ("held", ["held", "source_offline"])
    Target.objects.update(state=TargetState.OFFLINE)
    assert state_of(viewer_api) == ("error", ["error", "held", "source_offline"])
    make_job(syncing.SYNC_JOB, key=f"sync:{world.target.pk}", state=JobState.RUNNING)
    assert state_of(viewer_api) == ("running", ["running", "error", "held", "source_offline"])
    status = ask(viewer_api)["sync_status"]
    assert (status["is_running"], status["held_plan_id"], status["offline_sources"]) == (True, plan.pk, ["ARCHIVE"])


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ({"added": 15, "updated": 3, "errors": 0, "state": "applied"}, "normal"),
        ({"added": 15, "updated": 3, "errors": 2, "state": "partial"}, "error"),
        ({"errors": 1, "state": "failed"}, "error"),
    ],
)
def test_the_last_result_is_told_and_an_error_is_visible(viewer_api: APIClient, world: World, result: dict[str, Any], state: str) -> None:
    at = datetime(2024, 12, 8, 4, 30, tzinfo=UTC)
    Target.objects.update(last_sync_at=at, last_result=result)
    status = ask(viewer_api)["sync_status"]
    assert status["last_result"]["added"] == result.get("added", 0)
    assert (status["last_sync_time"], status["state"]) == ("2024-12-08T13:30:00+09:00", state)


def test_the_jobs_of_the_target_are_listed_and_no_others(viewer_api: APIClient, world: World) -> None:
    other = make_target()
    make_job(syncing.SYNC_JOB, key=f"sync:{other.pk}", state=JobState.RUNNING)
    make_job(syncing.SYNC_JOB, key=f"sync:{world.target.pk}", state=JobState.SUCCEEDED)
    waiting = make_job(syncing.RECONCILE_JOB, key=f"sync:{world.target.pk}")
    running = make_job(syncing.SYNC_JOB, key=f"sync:{world.target.pk}", state=JobState.RUNNING, progress_done=3, progress_total=4)
    found = ask(viewer_api)
    assert [job["id"] for job in found["jobs"]] == [running.pk, waiting.pk]
    assert found["jobs"][0]["progress"]["percent"] == 75
    assert ask(viewer_api, f"target={other.pk}")["sync_status"]["is_running"]
    assert Job.objects.count() == 4


def test_files_of_a_source_that_is_not_published_are_on_neither_side(viewer_api: APIClient, world: World) -> None:
    before = ask(viewer_api)
    make_file("a.mp4", source=make_source(), content=make_content())
    match_all()
    found = ask(viewer_api)
    assert (found["source"]["total_files"], sum(found["by_status"].values())) == (10, 13)
    assert {name: found[name] for name in ("by_status", "catalogs", "formats")} == {
        name: before[name] for name in ("by_status", "catalogs", "formats")
    }


def test_files_that_vanished_at_once_are_told_of_and_nothing_is_done_about_them(viewer_api: APIClient, world: World) -> None:
    hold = MissingHold.objects.create(source=world.source, files=3, total_bytes=1, share_percent=30)
    found = ask(viewer_api)["sync_status"]
    assert (found["state"], found["held_files"]) == ("held", [{"source": "ARCHIVE", "files": 3}])
    hold.decision = MissingHold.Decision.GONE
    hold.save()
    assert (state_of(viewer_api), ask(viewer_api)["sync_status"]["held_files"]) == (("normal", ["normal"]), [])


def test_files_that_are_still_being_written_are_counted(viewer_api: APIClient, world: World) -> None:
    assert ask(viewer_api)["sync_status"]["growing_files"] == 1


# --- /health ----------------------------------------------------------------------------------------------------------
def test_health_tells_strangers_when_the_last_sync_ended(client: Client, world: World) -> None:
    assert client.get("/health").json() == {"status": "ok", "last_sync": None}
    at = datetime(2024, 12, 8, 4, 30, tzinfo=UTC)
    Target.objects.update(last_sync_at=at)
    make_target(last_sync_at=datetime(2023, 1, 1, tzinfo=UTC))
    answer = client.get("/health").json()
    assert (answer["status"], datetime.fromisoformat(answer["last_sync"])) == ("ok", at)


def test_health_is_503_when_the_database_goes_away_meanwhile(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("could not connect to postgres://mam:secret@db/mam")

    monkeypatch.setattr("sync.selectors.dashboard.last_sync", away)
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "database_unavailable", "last_sync": None})
