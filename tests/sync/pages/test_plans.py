"""Plans: what they would change, why one waits, who may decide, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from mam.jobs.models import Job, JobState
from sync.choices import Action, HistoryEvent, HoldReason, PartState, PlanState
from sync.models import HistoryRow, Plan, PlanPart, Target
from sync.services.documents import Planned, pack
from sync.targets.base import FileFields, TargetFile
from tests.factories import make_file, make_job
from tests.sync.factories import make_plan, planned
from tests.sync.pages.reading import HTMX, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import Source

pytestmark = pytest.mark.django_db

PLANS = "/sync/plans/"
HELD: dict[str, Any] = {
    "state": PlanState.HELD,
    "holds": [{"code": HoldReason.SHARE.value, "params": {"limit": 10, "count": 40, "total": 100}}],
}


def url_of(plan: Plan, name: str = "detail") -> str:
    return reverse(f"sync:plan_{name}", args=[plan.pk])


def changed(before: TargetFile, after: TargetFile, **fields: Any) -> Planned:
    return planned(Action.UPDATE, after.fields.path, before=before.fields.path)._replace(before=pack(before), after=pack(after), **fields)


def after_paths(person: Client, plan: Plan, **query: Any) -> list[str]:
    return [item["after"] for item in person.get(url_of(plan), query).context["actions"]]


# --- lists ------------------------------------------------------------------------------------------------------------
def test_plans_are_listed_with_what_they_do(viewer: Client, target: Target) -> None:
    make_plan(target, [[planned(), planned(), planned(Action.DELETE)]], state=PlanState.APPLIED)
    newest = make_plan(target, [[planned(Action.UPDATE)]], **HELD)
    assert f"Plan {newest.pk} Held: waits for approval Update 1" in show(viewer, PLANS)
    assert "Applied Add 2 Mark as deleted 1" in show(viewer, PLANS)
    assert [item["plan"].state for item in viewer.get(PLANS).context["items"]] == [PlanState.HELD, PlanState.APPLIED]


def test_a_waiting_plan_is_counted_on_its_tab(viewer: Client, target: Target) -> None:
    make_plan(target, [[planned()]], **HELD)
    tab = next(tab for tab in viewer.get("/sync/").context["tabs"] if str(tab["label"]) == "Plans")
    assert tab["count"] == 1


def test_many_plans_come_in_pages(viewer: Client, target: Target) -> None:
    made = [make_plan(target) for _ in range(35)]
    first = viewer.get(PLANS)
    second = viewer.get(PLANS, {"cursor": first.context["page"].next})
    found = [item["plan"].pk for page in (first, second) for item in page.context["items"]]
    assert found == [plan.pk for plan in reversed(made)]
    assert viewer.get(PLANS, {"cursor": "nonsense"}).status_code == 400


def test_without_plans_it_is_said_what_one_is(viewer: Client, target: Target) -> None:
    assert "No plan yet" in show(viewer, PLANS)


def test_a_plan_alone_can_be_asked_for(operator: Client, target: Target) -> None:
    response = operator.post(reverse("sync:plan_make"), follow=True)
    assert response.redirect_chain == [(PLANS, 302)]
    assert [job.kind for job in response.context["jobs"]] == ["sync.plan"]


# --- what a plan changes ----------------------------------------------------------------------------------------------
def test_each_action_is_there_before_and_after(viewer: Client, target: Target, source: Source) -> None:
    file = make_file("WSOP/new.mp4", source=source)
    moved = changed(TargetFile("5", FileFields("OLD/a.mp4", 10, "mp4")), TargetFile("5", FileFields("NEW/a.mp4", 10, "mp4")))
    grown = changed(TargetFile("6", FileFields("b.mp4", 10, "mp4")), TargetFile("6", FileFields("b.mp4", 20, "mp4", codec="hevc")))
    plan = make_plan(
        target,
        [[moved, grown, planned(Action.RESTORE, "c.mp4"), planned(Action.DELETE, "d.mp4"), planned(path="WSOP/new.mp4", file_id=file.pk)]],
    )
    actions = viewer.get(url_of(plan)).context["actions"]
    found = [(str(one["label"]), one["before"], one["after"], one["was_deleted"], one["is_deleted"]) for one in actions]
    assert found == [
        ("Move", "OLD/a.mp4", "NEW/a.mp4", False, False),
        ("Update", "b.mp4", "b.mp4", False, False),
        ("Restore", "c.mp4", "c.mp4", True, False),
        ("Mark as deleted", "d.mp4", "d.mp4", False, True),
        ("Add", "", "WSOP/new.mp4", False, False),
    ]
    assert actions[1]["changes"] == "Also changed: size, codec"
    assert actions[4]["href"] == reverse("catalog:file_detail", args=[file.pk])
    assert actions[0]["href"] == ""  # its file is not there any more


def test_actions_come_in_pages_across_the_parts(viewer: Client, target: Target) -> None:
    paths = [f"{number:03}.mp4" for number in range(130)]
    parts = [[planned(path=path) for path in paths[start : start + 40]] for start in range(0, 130, 40)]
    plan = make_plan(target, parts)
    found = [path for number in (1, 2, 3) for path in after_paths(viewer, plan, page=number)]
    assert found == paths
    assert after_paths(viewer, plan, page=99) == paths[100:]
    assert after_paths(viewer, plan, page="abc") == paths[:50]
    assert "101–130 of 130" in show(viewer, url_of(plan), {"page": 3})


def test_actions_of_one_kind_alone(viewer: Client, target: Target) -> None:
    updates = [planned(Action.UPDATE, f"u{number}.mp4") for number in range(60)]
    inserts = [planned(path=f"i{number}.mp4") for number in range(70)]
    rows = [*updates, planned(Action.DELETE, "d.mp4"), *inserts]
    plan = make_plan(target, [rows[start : start + 50] for start in range(0, len(rows), 50)])
    assert after_paths(viewer, plan, action="delete") == ["d.mp4"]
    assert after_paths(viewer, plan, action="insert") == [f"i{number}.mp4" for number in range(50)]
    assert after_paths(viewer, plan, action="insert", page=2) == [f"i{number}.mp4" for number in range(50, 70)]
    assert after_paths(viewer, plan, action="nonsense") == [f"u{number}.mp4" for number in range(50)]
    tabs = viewer.get(url_of(plan)).context["action_tabs"]
    assert [(str(tab["label"]), tab["count"]) for tab in tabs] == [("All", 131), ("Add", 70), ("Update", 60), ("Mark as deleted", 1)]


def test_an_undo_begins_with_a_shorter_part(viewer: Client, target: Target) -> None:
    paths = [f"{number:03}.mp4" for number in range(110)]
    parts = [[planned(Action.DELETE, path) for path in part] for part in (paths[:10], paths[10:60], paths[60:])]
    undo = make_plan(target, parts, undo_of=make_plan(target, state=PlanState.APPLIED))
    assert [path for number in (1, 2, 3) for path in after_paths(viewer, undo, page=number)] == paths
    assert viewer.get(url_of(undo)).context["action_tabs"] == []


def test_a_plan_without_actions_says_so(viewer: Client, target: Target) -> None:
    assert "This plan changes nothing of this kind" in show(viewer, url_of(make_plan(target)))


def test_the_page_of_a_plan_that_is_not_there(viewer: Client, target: Target) -> None:
    assert viewer.get(reverse("sync:plan_detail", args=[999_999])).status_code == 404


# --- deciding ---------------------------------------------------------------------------------------------------------
def test_a_held_plan_says_why_it_waits(viewer: Client, operator: Client, administrator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned(Action.DELETE)]], **HELD)
    assert "More than 10 % of the target would be marked as deleted: 40 of 100." in show(viewer, url_of(plan))
    for person, may_approve in ((viewer, False), (operator, False), (administrator, True)):
        page = person.get(url_of(plan)).content.decode()
        assert (url_of(plan, "approve") in page) == may_approve
        assert ("An administrator has to approve it." in page) != may_approve


def test_an_administrator_approves_with_a_reason(administrator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned(Action.DELETE)]], **HELD)
    response = administrator.post(url_of(plan, "approve"), {"reason": " 정리한 폴더입니다 "}, follow=True)
    assert response.redirect_chain == [(url_of(plan), 302)]
    plan.refresh_from_db()
    assert (plan.state, plan.approval_reason) == (PlanState.READY, "정리한 폴더입니다")
    assert response.context["job"].kind == "sync.apply"
    assert HistoryRow.objects.get().event == HistoryEvent.PLAN_APPROVED


@pytest.mark.parametrize("reason", ["", "   "])
def test_without_a_reason_nothing_is_approved(administrator: Client, target: Target, reason: str) -> None:
    plan = make_plan(target, [[planned(Action.DELETE)]], **HELD)
    response = administrator.post(url_of(plan, "approve"), {"reason": reason})
    assert response.status_code == 422
    assert "reason" in response.context["form"].errors
    assert Plan.objects.get().state == PlanState.HELD
    assert administrator.get(url_of(plan, "approve"))["Location"] == url_of(plan)


def test_what_was_typed_stays_when_the_plan_cannot_be_approved_any_more(administrator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.STALE)
    response = administrator.post(url_of(plan, "approve"), {"reason": "because"})
    assert response.status_code == 422
    assert response.context["form"]["reason"].value() == "because"
    assert "This is not possible with plan" in str(response.context["form"].non_field_errors())


BUTTONS = {
    PlanState.READY: {"apply", "discard"},
    PlanState.HELD: {"discard"},
    PlanState.APPLYING: {"apply"},  # of a job that was killed
    PlanState.APPLIED: {"undo"},
    PlanState.PARTIAL: {"apply", "undo"},
    PlanState.FAILED: {"apply", "undo"},
    PlanState.STALE: set[str](),
    PlanState.DISCARDED: set[str](),
}


@pytest.mark.parametrize("state", BUTTONS)
def test_buttons_are_those_that_do_something(state: PlanState, viewer: Client, operator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=state, done_parts=1)
    shown = {name for name in ("apply", "discard", "undo") if url_of(plan, name) in operator.get(url_of(plan)).content.decode()}
    assert shown == BUTTONS[state]
    assert not any(url_of(plan, name) in viewer.get(url_of(plan)).content.decode() for name in ("apply", "discard", "undo"))


def test_of_a_plan_that_is_kept_no_more_the_numbers_stand_there(operator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.APPLIED, done_parts=1)
    PlanPart.objects.all().delete()
    page = show(operator, url_of(plan))
    assert "No longer kept entry by entry" in page
    assert url_of(plan, "undo") not in operator.get(url_of(plan)).content.decode()
    operator.post(url_of(plan, "undo"))
    assert not Plan.objects.filter(undo_of=plan).exists()


def test_while_a_job_works_on_it_its_progress_stands_there_instead(operator: Client, target: Target) -> None:
    job = make_job("sync.apply", key=f"sync:{target.pk}", state=JobState.RUNNING, progress_done=2, progress_total=5)
    plan = make_plan(target, [[planned()]], state=PlanState.APPLYING, job=job)
    page = operator.get(url_of(plan)).content.decode()
    assert url_of(plan, "apply") not in page
    assert f'data-job="{job.pk}"' in page
    assert "2 of 5" in page


@pytest.mark.parametrize(("name", "state", "kind"), [("apply", PlanState.READY, "sync.apply"), ("undo", PlanState.APPLIED, "sync.apply")])
def test_apply_and_undo_start_a_job(name: str, state: PlanState, kind: str, operator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=state, done_parts=1)
    PlanPart.objects.update(state=PartState.DONE, remote_ids=["1"])
    assert operator.post(url_of(plan, name))["Location"] == url_of(plan)
    assert Job.objects.get().kind == kind


def test_an_undone_plan_and_its_undo_name_each_other(operator: Client, administrator: Client, target: Target, source: Source) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.APPLIED, done_parts=1)
    PlanPart.objects.update(state=PartState.DONE, remote_ids=["1"])
    operator.post(url_of(plan, "undo"))
    undo = Plan.objects.get(undo_of=plan)
    assert f"taken back by plan {undo.pk}" in show(operator, url_of(plan))
    assert f"takes plan {plan.pk} back" in show(operator, url_of(undo))
    assert url_of(plan, "undo") not in operator.get(url_of(plan)).content.decode()
    words = f"Plan {plan.pk} was undone. No sync starts by itself since then"
    assert words in show(operator, "/sync/")
    assert words in show(administrator, "/sync/settings/")
    administrator.post("/sync/settings/", {"form": "schedule", "is_automatic": "on", "interval_minutes": "30"})
    assert words not in show(administrator, "/sync/settings/")


def test_a_schedule_that_was_switched_off_since_is_nobodys_undo(administrator: Client, operator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.APPLIED, done_parts=1)
    PlanPart.objects.update(state=PartState.DONE, remote_ids=["1"])
    operator.post(url_of(plan, "undo"))
    for word in ("on", ""):
        administrator.post("/sync/settings/", {"form": "schedule", "is_automatic": word, "interval_minutes": "30"})
    assert not Target.objects.get().is_automatic
    assert "was undone" not in show(administrator, "/sync/settings/")


def test_a_plan_can_be_discarded(operator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], **HELD)
    operator.post(url_of(plan, "discard"))
    assert Plan.objects.get().state == PlanState.DISCARDED
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ["apply", "discard", "undo"])
def test_what_is_not_possible_any_more_is_said(name: str, operator: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.STALE)
    page = operator.post(url_of(plan, name), follow=True)
    assert "This is not possible with plan" in page.content.decode()
    assert operator.post(url_of(plan, name), headers=HTMX).status_code == 409
    assert operator.post(reverse(f"sync:plan_{name}", args=[999_999])).status_code == 404


# --- what came of it --------------------------------------------------------------------------------------------------
def test_batches_that_were_put_aside_are_named_with_their_error(viewer: Client, target: Target) -> None:
    plan = make_plan(
        target, [[planned(path="a.mp4")], [planned(path="b.mp4"), planned()]], state=PlanState.PARTIAL, done_parts=1, parked_parts=1
    )
    PlanPart.objects.filter(number=1).update(state=PartState.PARKED, error_code="target_busy", error_params={"target": "pokervod.db"})
    page = show(viewer, url_of(plan))
    assert "1 of 2 batches were written, 1 put aside." in page
    assert "Batch 2, 2 entries b.mp4 Another program has locked the target pokervod.db." in page


def test_a_plan_that_was_stopped_says_by_what(viewer: Client, target: Target) -> None:
    plan = make_plan(target, [[planned()]], state=PlanState.FAILED, error_code="target_full", error_params={"target": "pokervod.db"})
    assert "There is no room left at the target pokervod.db." in show(viewer, url_of(plan))


def test_a_stale_plan_says_what_that_means(viewer: Client, target: Target) -> None:
    assert "The next sync makes a new one." in show(viewer, url_of(make_plan(target, state=PlanState.STALE)))


def test_a_longer_plan_takes_no_more_queries(
    person_of: Callable[[str | None], Client], target: Target, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    person = person_of("administrator")
    plan = make_plan(target, [[planned() for _ in range(40)] for _ in range(20)], **HELD)
    with django_assert_max_num_queries(16):
        person.get(url_of(plan), {"page": 5})
    with django_assert_max_num_queries(12) as few:
        person.get(PLANS)
    for _ in range(10):
        make_plan(target, [[planned()]])
    with django_assert_max_num_queries(12) as many:
        person.get(PLANS)
    assert len(many) == len(few)
