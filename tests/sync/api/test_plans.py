"""Plans, what is asked of sync, reconciliations and the history over REST."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from mam.jobs.models import Job, JobState
from sync.choices import Action, HistoryEvent, PartState, PlanState
from sync.models import HistoryRow, Match, Plan, PlanPart
from sync.serializers.history import HistoryPageSerializer, PastPageSerializer
from sync.serializers.plans import (
    DriftPageSerializer,
    DriftReportPageSerializer,
    PlanDetailSerializer,
    PlanPageSerializer,
    StartedSerializer,
)
from sync.services import syncing
from tests.bodies import body_of
from tests.factories import make_job
from tests.sync.api.shapes import assert_shape
from tests.sync.factories import make_plan, make_report, make_target, match_all, planned

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from sync.models import Target
    from tests.sync.api.conftest import World

pytestmark = pytest.mark.django_db

HOLD = {"code": "share", "params": {"limit": 10, "count": 300, "total": 700}}


@pytest.fixture
def target(db: None) -> Target:
    return make_target("OTT")


def get(api: APIClient, url: str, **headers: str) -> dict[str, Any]:
    answer = api.get(url, headers=headers or None)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


# --- asking -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("url", "kind"), [("sync", syncing.SYNC_JOB), ("reconcile", syncing.RECONCILE_JOB), ("plans", syncing.PLAN_JOB)])
def test_asking_answers_with_a_message_and_the_job(operator_api: APIClient, target: Target, url: str, kind: str) -> None:
    answer = operator_api.post(f"/api/{url}")
    assert answer.status_code == 202
    assert_shape(StartedSerializer, answer.json())
    job = Job.objects.get(pk=answer.json()["job_id"])
    assert (job.kind, job.params, job.state) == (kind, {"target_id": target.pk}, JobState.QUEUED)


@pytest.mark.parametrize("url", ["sync", "reconcile"])
def test_who_asks_for_what_is_being_done_gets_the_job_that_does_it(operator_api: APIClient, target: Target, url: str) -> None:
    first = operator_api.post(f"/api/{url}").json()
    Job.objects.update(state=JobState.RUNNING)
    second = operator_api.post(f"/api/{url}", headers={"accept-language": "en"}).json()
    assert second == {"job_id": first["job_id"], "message": "This is being done already."}


def test_who_asks_for_something_else_meanwhile_is_told_so(operator_api: APIClient, target: Target) -> None:
    operator_api.post("/api/sync")
    answer = operator_api.post("/api/reconcile")
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (409, "sync_busy", {"code", "message", "params"})


def test_another_target_is_asked_for_by_its_id(operator_api: APIClient, target: Target) -> None:
    other = make_target()
    job = Job.objects.get(pk=operator_api.post("/api/sync", {"target": other.pk}).json()["job_id"])
    assert job.params == {"target_id": other.pk}
    assert operator_api.post("/api/sync", {"target": 999_999}).status_code == 404
    assert operator_api.post("/api/sync", {"target": "x"}).json()["code"] == "invalid"


# --- plans ------------------------------------------------------------------------------------------------------------
def test_plans_are_listed_the_newest_first_page_by_page(viewer_api: APIClient, target: Target) -> None:
    made = [make_plan(target, state=PlanState.HELD if number == 2 else PlanState.STALE) for number in range(5)]
    make_plan(make_target())
    page = get(viewer_api, "/api/plans?limit=3")
    assert_shape(PlanPageSerializer, page)
    rest = get(viewer_api, f"/api/plans?limit=3&cursor={page['next']}")
    assert [plan["id"] for plan in page["items"] + rest["items"]] == [plan.pk for plan in reversed(made)]
    assert [plan["id"] for plan in get(viewer_api, "/api/plans?state=held")["items"]] == [made[2].pk]


def test_a_plan_is_shown_with_its_actions_part_by_part(viewer_api: APIClient, target: Target) -> None:
    plan = make_plan(
        target,
        [
            [planned(Action.UPDATE, "WSOP/new.mp4", before="OLD/old.mp4", remote_id="42")],
            [planned(Action.INSERT, "WSOP/added.mp4", file_id=7), planned(Action.DELETE, "OLD/gone.mp4", remote_id="x")],
        ],
    )
    shown = get(viewer_api, f"/api/plans/{plan.pk}")
    assert_shape(PlanDetailSerializer, shown)
    assert (shown["counts"], shown["total_parts"], shown["part"]["number"]) == ({"update": 1, "insert": 1, "delete": 1}, 2, 1)
    (moved,) = shown["part"]["actions"]
    assert (moved["target_id"], moved["before"]["nas_path"], moved["after"]["nas_path"]) == (42, "OLD/old.mp4", "WSOP/new.mp4")
    added, gone = get(viewer_api, f"/api/plans/{plan.pk}?part=2")["part"]["actions"]
    assert (added["source_id"], added["target_id"], added["before"]) == (7, None, None)
    assert (gone["target_id"], gone["before"]["status"], gone["after"]["status"]) == ("x", "active", "deleted")
    assert get(viewer_api, f"/api/plans/{plan.pk}?part=3")["part"] is None
    assert viewer_api.get(f"/api/plans/{plan.pk}?part=0").json()["code"] == "invalid"
    assert viewer_api.get("/api/plans/999999").json()["code"] == "object_not_found"


def test_what_was_written_has_the_ids_that_the_target_gave(viewer_api: APIClient, target: Target) -> None:
    plan = make_plan(target, [[planned(Action.INSERT), planned(Action.INSERT)]])
    PlanPart.objects.filter(plan=plan).update(state=PartState.DONE, remote_ids=["500", "501"])
    assert [action["target_id"] for action in get(viewer_api, f"/api/plans/{plan.pk}")["part"]["actions"]] == [500, 501]


def test_why_a_plan_waits_and_what_stopped_a_part_are_said_in_words(viewer_api: APIClient, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.HELD, holds=[HOLD])
    PlanPart.objects.filter(plan=plan).update(state=PartState.PARKED, error_code="target_busy", error_params={"target": "OTT"})
    shown = get(viewer_api, f"/api/plans/{plan.pk}", **{"accept-language": "en"})
    assert shown["holds"] == [{**HOLD, "message": "More than 10 % of the target would be marked as deleted: 300 of 700."}]
    assert shown["part"]["error"]["message"] == "Another program has locked the target OTT."
    assert shown["error"] is None


def test_a_held_plan_is_approved_with_a_reason_by_an_administrator(
    operator_api: APIClient, administrator_api: APIClient, target: Target
) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.HELD, holds=[HOLD])
    url = f"/api/plans/{plan.pk}/approve"
    assert operator_api.post(url, {"reason": "x"}).json()["code"] == "permission_denied"
    assert administrator_api.post(url, {}).json()["params"].keys() == {"reason"}
    assert administrator_api.post(url, {"reason": "  "}).status_code == 400
    answer = administrator_api.post(url, {"reason": "시즌 정리"})
    assert answer.status_code == 202
    assert_shape(StartedSerializer, answer.json())
    plan.refresh_from_db()
    assert (plan.state, plan.approval_reason, plan.job_id) == (PlanState.READY, "시즌 정리", answer.json()["job_id"])
    assert HistoryRow.objects.get(event=HistoryEvent.PLAN_APPROVED).reason == "시즌 정리"
    shown = get(administrator_api, f"/api/plans/{plan.pk}")
    assert (shown["approved_by"], shown["approval_reason"]) == (plan.approved_by.email if plan.approved_by else None, "시즌 정리")


def test_a_ready_plan_is_applied_and_a_held_one_is_not(operator_api: APIClient, target: Target) -> None:
    ready, held = make_plan(target, [[planned()]]), make_plan(target, [[planned()]], state=PlanState.HELD)
    refused = operator_api.post(f"/api/plans/{held.pk}/apply")
    assert (refused.status_code, refused.json()["code"], refused.json()["params"]["state"]) == (409, "plan_state", "held")
    answer = operator_api.post(f"/api/plans/{ready.pk}/apply")
    assert (answer.status_code, Job.objects.get(pk=answer.json()["job_id"]).kind) == (202, syncing.APPLY_JOB)


def test_an_applied_plan_is_undone_by_another_one_once(operator_api: APIClient, target: Target) -> None:
    plan = make_plan(target, [[planned(remote_id="5")]], state=PlanState.APPLIED)
    assert operator_api.post(f"/api/plans/{plan.pk}/undo").json()["code"] == "plan_state"  # it has changed nothing
    PlanPart.objects.filter(plan=plan).update(state=PartState.DONE, remote_ids=["5"])
    Plan.objects.filter(pk=plan.pk).update(done_parts=1)
    assert operator_api.post(f"/api/plans/{plan.pk}/undo").status_code == 202
    undo = Plan.objects.get(undo_of=plan)
    assert get(operator_api, f"/api/plans/{plan.pk}")["undone_by"] == undo.pk
    assert get(operator_api, f"/api/plans/{undo.pk}")["undo_of"] == plan.pk
    assert operator_api.post(f"/api/plans/{plan.pk}/undo").json()["code"] in {"plan_undone", "sync_busy"}


def test_a_plan_that_waits_is_discarded(operator_api: APIClient, target: Target) -> None:
    plan = make_plan(target, [[planned()]])
    answer = operator_api.post(f"/api/plans/{plan.pk}/discard")
    assert (answer.status_code, answer.json()["state"]) == (200, "discarded")
    assert operator_api.post(f"/api/plans/{plan.pk}/discard").json()["code"] == "plan_state"


# --- reconciliations --------------------------------------------------------------------------------------------------
DRIFT = {"WSOP/new.mp4": "+", "OLD/gone.mp4": "-", "WSOP/결승.mp4": "*", "OLD/bad.mp4": "!"}


def test_a_reconciliation_is_shown_with_its_lines_by_sign(viewer_api: APIClient, target: Target) -> None:
    report = make_report(target, DRIFT, equal=1803, finished_at=timezone.now())
    shown = get(viewer_api, f"/api/reconcile/{report.pk}")
    assert_shape(DriftPageSerializer, shown)
    assert shown["counts"] == {"=": 1803, "+": 1, "-": 1, "*": 1, "!": 1}
    assert {line["path"]: line["sign"] for line in shown["items"]} == DRIFT
    assert [line["path"] for line in get(viewer_api, f"/api/reconcile/{report.pk}?sign=%2B")["items"]] == ["WSOP/new.mp4"]
    assert viewer_api.get(f"/api/reconcile/{report.pk}?sign=x").json()["code"] == "invalid"
    assert viewer_api.get("/api/reconcile/999999").status_code == 404


def test_the_lines_of_a_reconciliation_are_had_page_by_page(viewer_api: APIClient, target: Target) -> None:
    report = make_report(target, {f"{number}.mp4": "+" for number in range(7)})
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(viewer_api, f"/api/reconcile/{report.pk}?limit=3&cursor={cursor}")
        found += [line["path"] for line in page["items"]]
        cursor = page["next"]
    assert found == [f"{number}.mp4" for number in range(7)]


@pytest.mark.parametrize("how", [{"headers": {"accept": "text/plain"}}, {"data": {"format": "txt"}}])
def test_as_text_it_is_what_rclone_writes(viewer_api: APIClient, target: Target, how: dict[str, Any]) -> None:
    report = make_report(target, {**DRIFT, "WSOP/two\nlines.mp4": "+"}, equal=5)
    answer = viewer_api.get(f"/api/reconcile/{report.pk}", **how)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert body_of(answer).decode().splitlines() == [
        "+ WSOP/new.mp4",
        "+ WSOP/two\\nlines.mp4",
        "- OLD/gone.mp4",
        "* WSOP/결승.mp4",
        "! OLD/bad.mp4",
    ]


def test_an_error_is_told_also_to_who_wants_text(viewer_api: APIClient) -> None:
    answer = viewer_api.get("/api/reconcile/999999", headers={"accept": "text/plain"})
    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "object_not_found")


def test_reconciliations_are_listed_and_found_by_their_job(viewer_api: APIClient, target: Target) -> None:
    job = make_job(syncing.RECONCILE_JOB)
    first, second = make_report(target, job=job), make_report(target)
    page = get(viewer_api, "/api/reconcile")
    assert_shape(DriftReportPageSerializer, page)
    assert [report["id"] for report in page["items"]] == [second.pk, first.pk]
    assert [report["id"] for report in get(viewer_api, f"/api/reconcile?job={job.pk}")["items"]] == [first.pk]


# --- the history ------------------------------------------------------------------------------------------------------
def test_changes_are_listed_the_newest_first_and_narrowed(viewer_api: APIClient, world: World) -> None:
    subject = f"file:{world.files['synced'].pk}"
    world.files["synced"].delete()
    match_all()
    page = get(viewer_api, "/api/history?limit=3")
    assert_shape(HistoryPageSerializer, page)
    deleted = get(viewer_api, "/api/history?event=deleted&side=source")["items"]
    assert [(row["subject"], row["path"], row["after"]) for row in deleted] == [(subject, "WSOP/2024/ME_Day1.mp4", {})]
    assert {row["event"] for row in get(viewer_api, f"/api/history?subject={subject}")["items"]} == {"added", "deleted"}
    assert {row["path"] for row in get(viewer_api, "/api/history?q=special")["items"]} == {"PAD/Special.mxf", "PAD/Special.srt"}
    assert len(get(viewer_api, f"/api/history?catalog={world.catalog.pk}&event=added")["items"]) == 2


def test_changes_follow_each_other_page_by_page(viewer_api: APIClient, world: World) -> None:
    whole = [row["id"] for row in get(viewer_api, "/api/history?limit=200")["items"]]
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(viewer_api, f"/api/history?limit=4&cursor={cursor}")
        found += [row["id"] for row in page["items"]]
        cursor = page["next"]
    assert found == whole == sorted(whole, reverse=True)


def test_the_table_as_it_was_can_be_asked(viewer_api: APIClient, world: World) -> None:
    before = timezone.now() - timedelta(days=1)
    answer = viewer_api.get("/api/history", {"as_of": timezone.now().isoformat()})
    assert_shape(PastPageSerializer, answer.json())
    stored = Match.objects.filter(file__isnull=False).values_list("path", "status")
    assert {(one["path"], one["status"]) for one in answer.json()["items"]} == set(stored)
    assert viewer_api.get("/api/history", {"as_of": before.isoformat()}).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "code"), [("event=eaten", "invalid"), ("since=yesterday", "invalid"), ("limit=0", "invalid"), ("cursor=x", "invalid_cursor")]
)
def test_a_history_that_makes_no_sense_is_an_error(viewer_api: APIClient, target: Target, query: str, code: str) -> None:
    answer = viewer_api.get(f"/api/history?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
