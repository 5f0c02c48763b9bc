"""The dashboard: what it says of both sides, and what its buttons start."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.choices import SourceState
from catalog.models import Source
from ingest.models import MissingHold, Scan, ScanMode, ScanState
from mam.jobs.models import Job, JobState
from sync.choices import PlanState, TargetState
from sync.matching.recompute import match_touched
from sync.models import Match, Plan, Target, TargetSource
from sync.services.history import Actor
from sync.views.dashboard import result_words
from tests.factories import make_catalog, make_file, make_job, make_series, make_source
from tests.sync.factories import make_match, make_plan, make_report, match_all, planned
from tests.sync.pages.reading import HTMX, show, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from tests.sync.pages.conftest import Archive

pytestmark = pytest.mark.django_db

HOME = "/sync/"


def state_of(person: Client) -> str:
    return str(person.get(HOME).context["state"]["label"])


def buttons_of(person: Client) -> list[str]:
    """The addresses that its forms send to."""
    return sorted(set(re.findall(r'<form method="post" action="(/sync/[^"]*)"', person.get(HOME).content.decode())))


def result_of(target: Target, **result: Any) -> None:
    Target.objects.filter(pk=target.pk).update(last_result=result, last_sync_at=timezone.now())


# --- what it says -----------------------------------------------------------------------------------------------------
def test_the_four_cards_say_how_both_sides_stand(viewer: Client, archive: Archive) -> None:
    page = show(viewer, HOME)
    assert "NAS archive (Source) 6 files in all" in page
    assert "OTT platform (Target) 4 HLS entries" in page
    assert "Not compatible 1 Duplicates 1" in page
    assert "Last: never" in page


def test_what_the_next_sync_would_do_leads_to_the_files(viewer: Client, archive: Archive) -> None:
    waiting = viewer.get(HOME).context["waiting"]
    assert [(str(one["label"]), one["count"]) for one in waiting] == [("Add", 1), ("Update", 1), ("Mark as deleted", 1)]
    assert waiting[0]["href"] == f"{reverse('sync:match_list')}?status=new"


def test_catalogs_and_file_types_are_bars_that_lead_to_the_table(viewer: Client, archive: Archive) -> None:
    context = viewer.get(HOME).context
    (catalog,) = context["catalogs"]
    assert (catalog["share"], catalog["text"]) == (1.0, "6")
    assert [(one["label"], one["text"], one["share"]) for one in context["formats"]] == [("mp4", "5", 1.0), ("mxf", "1", 0.2)]
    assert context["hls_share"] == pytest.approx(5 / 6)
    assert len(viewer.get(catalog["href"]).context["items"]) == 6


def test_small_catalogs_are_shown_together(viewer: Client, archive: Archive) -> None:
    for number in range(15):
        series = make_series(make_catalog(f"small {number}"))
        make_file(f"{number}/{number}.mp4", source=Source.objects.get(), content=series.contents.create(title=str(number), key=str(number)))
    match_all()
    bars = viewer.get(HOME).context["catalogs"]
    assert (len(bars), bars[-1]["label"], bars[-1]["text"]) == (13, "Others", "4")


def test_a_fresh_install_says_what_this_is_and_what_to_do(administrator: Client, viewer: Client) -> None:
    page = administrator.get(HOME).content.decode()
    assert "Keep the OTT platform equal to your archive" in page
    assert f'href="{reverse("ingest:source_add")}"' in page
    assert "Run the sync" not in page
    assert reverse("ingest:source_add") not in viewer.get(HOME).content.decode()


def test_a_source_that_is_new_is_there_before_it_is_published(viewer: Client, target: Target) -> None:
    make_source("new")
    assert [line.source.name for line in viewer.get(HOME).context["sources"]] == ["new"]


def test_a_source_that_is_left_out_is_not_among_the_sources(viewer: Client, archive: Archive) -> None:
    TargetSource.objects.update(is_included=False)
    assert viewer.get(HOME).context["sources"] == []


def test_each_source_says_how_its_last_scan_went(viewer: Client, source: Source) -> None:
    hour = timedelta(hours=1)
    now = timezone.now()
    fields = {"source": source, "state": ScanState.DONE}
    Scan.objects.create(**fields, mode=ScanMode.GATED, started_at=now - hour, finished_at=now - hour, added=15, moved=3)
    Scan.objects.create(**fields, mode=ScanMode.FOLDERS, started_at=now, finished_at=now, added=99)
    assert "15 added, 0 changed, 3 moved, 0 missing" in show(viewer, HOME)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"added": 15, "updated": 3, "state": PlanState.APPLIED}, "15 added, 3 updated"),
        ({"deleted": 1200, "errors": 2, "state": PlanState.PARTIAL}, "1,200 marked as deleted, 2 not written"),
        ({"state": PlanState.APPLIED}, "Both sides were equal. There was nothing to do."),
        ({"state": PlanState.HELD}, "Nothing was written: the plan waits for approval."),
        ({"state": PlanState.FAILED}, "Nothing was written."),
        ({"state": ""}, ""),
    ],
)
def test_a_result_is_a_fact(result: dict[str, Any], words: str) -> None:
    assert result_words({"added": 0, "updated": 0, "restored": 0, "deleted": 0, "errors": 0} | result, is_waiting=True) == words


def test_a_held_plan_that_was_discarded_does_not_wait_any_more() -> None:
    assert result_words({"state": PlanState.HELD}, is_waiting=False) == "Nothing was written."


def test_vanished_files_are_not_called_equal() -> None:
    words = "Nothing to do yet: the entries of 4 vanished files wait for a decision."
    assert result_words({"state": PlanState.APPLIED, "held": 4}, is_waiting=False) == words


def test_files_that_were_still_being_written_are_named(viewer: Client, archive: Archive) -> None:
    result_of(archive.target, growing=1500, state=PlanState.APPLIED)
    assert viewer.get(HOME).context["result"] == "Nothing to do yet: 1,500 files are still being written."
    result_of(archive.target, added=1, growing=1500, state=PlanState.APPLIED)
    assert viewer.get(HOME).context["result"] == "1 added"


def test_the_last_results_are_there_with_what_they_came_from(viewer: Client, archive: Archive) -> None:
    plan = make_plan(archive.target, [[planned()]], state=PlanState.APPLIED)
    report = make_report(archive.target, {"WSOP/new.mp4": "+"}, equal=3, finished_at=timezone.now())
    make_report(archive.target)  # not finished
    result_of(archive.target, added=15, state=PlanState.APPLIED, plan=plan.pk)
    page = viewer.get(HOME).content.decode()
    assert "15 added" in page
    assert reverse("sync:plan_detail", args=[plan.pk]) in page
    assert reverse("sync:report_detail", args=[report.pk]) in page


# --- the state --------------------------------------------------------------------------------------------------------
def test_without_trouble_all_is_well(viewer: Client, archive: Archive) -> None:
    assert state_of(viewer) == "All is well"
    assert viewer.get(HOME).context["problems"] == []


def test_a_held_plan_is_said_with_a_link_to_it(viewer: Client, archive: Archive) -> None:
    plan = make_plan(archive.target, [[planned()]], state=PlanState.HELD)
    assert state_of(viewer) == "Waits for approval"
    (problem,) = viewer.get(HOME).context["problems"]
    assert problem["href"] == reverse("sync:plan_detail", args=[plan.pk])


def test_the_number_of_held_plans_comes_along_with_each_part_of_a_page(viewer: Client, archive: Archive) -> None:
    def counts() -> list[str]:
        answers = [viewer.get(HOME), viewer.get(HOME, headers=HTMX | {"HX-Target": "jobs-live"})]
        return [re.search(r'<span [^>]*id="held-plans".*?</a>', answer.content.decode(), re.DOTALL)[0] for answer in answers]  # type: ignore[index]

    assert [("hx-swap-oob" in shown, words_of(shown)) for shown in counts()] == [(False, ""), (True, "")]
    make_plan(archive.target, [[planned()]], state=PlanState.HELD)
    assert [("hx-swap-oob" in shown, words_of(shown)) for shown in counts()] == [(False, "1"), (True, "1")]


def test_a_target_that_is_away_is_said_with_its_reason(viewer: Client, archive: Archive) -> None:
    params = {"target": "pokervod.db", "detail": "gone"}
    Target.objects.update(state=TargetState.OFFLINE, state_code="target_unreachable", state_params=params, state_at=timezone.now())
    assert state_of(viewer) == "Error"
    assert "The target pokervod.db cannot be reached." in show(viewer, HOME)


def test_a_sync_that_was_not_completed_is_said_with_its_plan(viewer: Client, archive: Archive) -> None:
    plan = make_plan(archive.target, [[planned()]], state=PlanState.PARTIAL)
    result_of(archive.target, errors=1, state=PlanState.PARTIAL, plan=plan.pk)
    assert state_of(viewer) == "Error"
    assert viewer.get(HOME).context["problems"][0]["href"] == reverse("sync:plan_detail", args=[plan.pk])


def test_a_source_that_is_offline_is_said_by_name(viewer: Client, archive: Archive) -> None:
    Source.objects.update(state=SourceState.OFFLINE)
    assert state_of(viewer) == "Source offline"
    assert "The source NAS is offline." in show(viewer, HOME)


def test_files_that_vanished_at_once_are_said_and_who_decides(viewer: Client, administrator: Client, archive: Archive) -> None:
    MissingHold.objects.create(source=Source.objects.get(), files=6, total_bytes=1, share_percent=14)
    assert state_of(viewer) == "Waits for approval"
    words = "6 files of the source NAS vanished at once. Their entries stay until an administrator decides."
    assert words in show(viewer, HOME)
    assert [one.get("href") for one in viewer.get(HOME).context["problems"]] == [None]
    assert [one.get("href") for one in administrator.get(HOME).context["problems"]] == [reverse("ingest:source_manage")]


def test_what_runs_is_shown_with_how_far_it_is(operator: Client, archive: Archive) -> None:
    job = make_job(
        "sync.sync", key=f"sync:{archive.target.pk}", state=JobState.RUNNING, progress_done=120, progress_total=500, progress_unit="entries"
    )
    assert state_of(operator) == "Syncing"
    assert "120 of 500 entries" in show(operator, HOME)
    assert reverse("jobs:job_cancel", args=[job.pk]) in operator.get(HOME).content.decode()


def test_jobs_of_sources_and_of_matching_are_shown_and_no_others(viewer: Client, archive: Archive) -> None:
    source = Source.objects.get()
    kinds = {"ingest.scan": f"scan:{source.pk}", "sync.match": "sync.match", "sync.reconcile": f"sync:{archive.target.pk}"}
    for kind, key in kinds.items():
        make_job(kind, key=key)
    make_job("ingest.probe", key=f"probe:{source.pk}")
    make_job("ingest.scan", key=f"scan:{source.pk}", state=JobState.SUCCEEDED)
    assert {job.kind for job in viewer.get(HOME).context["jobs"]} == set(kinds)


def test_a_matching_that_is_behind_is_said(viewer: Client, archive: Archive) -> None:
    assert "The list is being brought up to date." in show(viewer, HOME)  # files were added just now
    match_touched(by=Actor())
    assert "The list is being brought up to date." not in show(viewer, HOME)


def test_who_hears_nothing_of_jobs_asks_now_and_then(viewer: Client, operator: Client, archive: Archive) -> None:
    assert 'hx-trigger="every 30s"' in viewer.get(HOME).content.decode()
    make_job("sync.sync", key=f"sync:{archive.target.pk}", state=JobState.RUNNING)
    assert 'hx-trigger="every 5s"' in viewer.get(HOME).content.decode()
    assert "every 5s" not in operator.get(HOME).content.decode()


# --- buttons ----------------------------------------------------------------------------------------------------------
def test_buttons_are_those_of_the_role(person_of: Callable[[str | None], Client], archive: Archive) -> None:
    assert buttons_of(person_of("viewer")) == []
    assert buttons_of(person_of("operator")) == [reverse("sync:reconcile"), reverse("sync:run")]
    assert buttons_of(person_of("administrator")) == [reverse("sync:reconcile"), reverse("sync:run"), reverse("sync:scan")]


@pytest.mark.parametrize(("name", "kind"), [("sync:run", "sync.sync"), ("sync:reconcile", "sync.reconcile")])
def test_a_button_starts_its_job_and_shows_it(name: str, kind: str, operator: Client, archive: Archive) -> None:
    response = operator.post(reverse(name), follow=True)
    assert response.redirect_chain == [(HOME, 302)]
    assert [job.kind for job in response.context["jobs"]] == [kind]
    operator.post(reverse(name))
    assert Job.objects.get().kind == kind  # who presses again gets the same


def test_what_cannot_be_started_now_is_said(operator: Client, archive: Archive) -> None:
    operator.post(reverse("sync:run"))
    response = operator.post(reverse("sync:reconcile"), follow=True)
    assert "Something else is being done with this target." in response.content.decode()
    refused = operator.post(reverse("sync:reconcile"), headers=HTMX)
    assert (refused.status_code, refused.json()["code"]) == (409, "sync_busy")
    assert Job.objects.count() == 1


def test_a_reconciliation_leads_back_to_where_it_was_asked_for(operator: Client, archive: Archive) -> None:
    response = operator.post(reverse("sync:reconcile"), {"next": "reports"})
    assert response["Location"] == reverse("sync:report_list")
    assert operator.post(reverse("sync:reconcile"), {"next": "https://elsewhere.example/"})["Location"] == HOME


def test_all_published_sources_are_scanned_or_one(administrator: Client, target: Target, source: Source) -> None:
    other, left_out = make_source("other"), make_source("left out")
    for one, is_included in ((other, True), (left_out, False)):
        TargetSource.objects.create(target=target, source=one, is_included=is_included)
    administrator.post(reverse("sync:scan"), {"source": other.pk})
    assert Job.objects.get().key == f"scan:{other.pk}"
    administrator.post(reverse("sync:scan"))
    assert {job.key for job in Job.objects.all()} == {f"scan:{other.pk}", f"scan:{source.pk}"}


def test_a_source_that_is_switched_off_or_not_there_is_not_scanned(administrator: Client, source: Source) -> None:
    Source.objects.update(is_enabled=False)
    page = administrator.post(reverse("sync:scan"), {"source": source.pk}, follow=True)
    assert page.status_code == 200
    assert not Job.objects.exists()
    for unknown in ("99999", "x", "9" * 30):
        assert administrator.post(reverse("sync:scan"), {"source": unknown}).status_code == 404
    assert "There is no source to scan." in administrator.post(reverse("sync:scan"), follow=True).content.decode()


# --- cost -------------------------------------------------------------------------------------------------------------
def test_more_of_everything_takes_no_more_queries(
    operator: Client, archive: Archive, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    source = Source.objects.get()
    Scan.objects.create(source=source, mode=ScanMode.FULL, state=ScanState.DONE)
    with django_assert_max_num_queries(40) as few:
        operator.get(HOME)
    for number in range(20):
        make_match(archive.target, make_file(f"more/{number}.mp4", source=source))
        made = make_source(f"source {number}")
        Scan.objects.create(source=made, mode=ScanMode.FULL, state=ScanState.DONE)
        make_job("ingest.scan", key=f"scan:{made.pk}")
    with django_assert_max_num_queries(40) as many:
        operator.get(HOME)
    assert len(many) == len(few)
    assert Match.objects.count() == 27
    assert Plan.objects.count() == 0
