"""The pages of sync in a real browser: accessible, within every width, usable by keyboard, live."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from catalog.search import index
from mam.jobs import log
from mam.jobs.models import Job, JobState, LogLevel
from sync.choices import HistoryEvent, HoldReason, MatchStatus, PartState, PlanState
from sync.models import Match, Plan, PlanPart, Target
from sync.services.history import Actor, Change, record
from sync.services.settings import change_target
from tests.factories import make_file, make_job, make_user
from tests.fixtures.browser import axe_violations
from tests.sync.factories import make_match, make_plan, make_report, planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

    from catalog.models import Source
    from sync.models import Target as TargetType
    from tests.fixtures.asgi_server import AsgiServer
    from tests.sync.pages.conftest import Archive

    OpenPage = Callable[..., Page]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS = [
    {"locale": "ko-KR", "color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    {"locale": "ko-KR", "color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    {"locale": "en-US", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]


@pytest.fixture
def open_as(asgi_server: AsgiServer, new_page: OpenPage) -> OpenPage:
    """Opens a path as somebody of a role, in a profile of its own."""
    users: dict[str, Any] = {}

    def open_path(path: str, role: str = "administrator", **options: Any) -> Page:
        client = Client()
        client.force_login(users.get(role) or users.setdefault(role, make_user(role, name="김지수")))
        page = new_page(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key or "", "url": asgi_server.url}
        page.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain dict, as its documentation says
        page.goto(asgi_server.url + path)
        return page

    return open_path


@pytest.fixture
def full(archive: Archive) -> Archive:
    """Something on every page: plans in several states, a reconciliation, a history, running and ended jobs."""
    target = archive.target
    change_target(target=target, user=None, alert_emails=["a@example.test"], webhook_url="https://hooks.example.test/x")
    job = make_job("sync.sync", key=f"sync:{target.pk}", subject=target.name, state=JobState.RUNNING, progress_done=3, progress_total=9)
    log.write(job.pk, "sync_started", {"target": target.name})
    log.write(job.pk, "sync_waiting", {"error": "Locked.", "seconds": 1}, LogLevel.WARNING)
    log.write(job.pk, "sync_target_error", {"error": "Gone."}, LogLevel.ERROR)
    holds = [{"code": HoldReason.SHARE.value, "params": {"limit": 10, "count": 4, "total": 9}}]
    make_plan(target, [[planned(), planned("update"), planned("delete"), planned("restore")]], state=PlanState.HELD, holds=holds)
    partial = make_plan(target, [[planned()], [planned("update", before="old.mp4")]], state=PlanState.PARTIAL, done_parts=1, parked_parts=1)
    PlanPart.objects.filter(plan=partial, number=1).update(state=PartState.PARKED, error_code="target_busy", error_params={"target": "ott"})
    make_report(target, {"WSOP/new.mp4": "+", "WSOP/gone.mp4": "-", "b.mp4": "*", "c.mp4": "!"}, equal=5, finished_at=timezone.now())
    Target.objects.update(last_result={"added": 1, "errors": 1, "state": "partial", "plan": partial.pk}, last_sync_at=timezone.now())
    before, after = {"path": "OLD/moved.mp4", "status": "synced"}, {"path": "WSOP/2024/moved.mp4", "status": "moved"}
    file = archive.files["moved"]
    changes = [
        Change(HistoryEvent.ADDED, "source", "file:1", "WSOP/2024/new.mp4", catalog_name="WSOP", after={"path": "WSOP/2024/new.mp4"}),
        Change(HistoryEvent.MOVED, "source", f"file:{file.pk}", "WSOP/2024/moved.mp4", before=before, after=after),
    ]
    with transaction.atomic():
        record(target, changes, by=Actor("kim@example.test", job.pk))
    return archive


def every_page(archive: Archive) -> list[str]:
    held, partial = (Plan.objects.get(state=state) for state in (PlanState.HELD, PlanState.PARTIAL))
    return [
        *("/sync/", "/sync/matches/", "/sync/matches/?q=nothing+has+this", "/sync/tree/", "/sync/tree/?status=deleted"),
        f"/sync/tree/?folder={archive.files['synced'].folder_id}",
        *("/sync/history/", "/sync/history/?since=abc", "/sync/history/?at=2099-01-01T00:00"),
        *("/sync/plans/", f"/sync/plans/{held.pk}/", f"/sync/plans/{partial.pk}/"),
        *("/sync/reports/", reverse("sync:report_detail", args=[archive.target.reports.get().pk]), "/sync/log/", "/sync/settings/"),
    ]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look['viewport']['width']}-{look['locale']}-{look['color_scheme']}")
def test_every_page_is_accessible_and_fits(open_as: OpenPage, full: Archive, look: dict[str, Any]) -> None:
    page = open_as("/sync/", **look)
    faults = []
    for path in every_page(full):
        page.goto(re.sub("/sync/.*", "", page.url) + path)
        page.wait_for_load_state("networkidle")
        faults += axe_violations(page)
        if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            faults.append(f"{path} is wider than its window")
    assert faults == []


@pytest.mark.parametrize("look", LOOKS[1:3], ids=["wide", "narrow"])
def test_what_is_opened_is_accessible_and_fits(open_as: OpenPage, full: Archive, look: dict[str, Any]) -> None:
    steps = {
        "/sync/matches/?status=synced_with_duplicates": (".match-copies > summary", ".match-copy"),
        "/sync/history/?event=moved": (".change > summary", ".change-diff"),
        "/sync/tree/": ("#folder-gone", "[aria-level='2']"),
        "/sync/history/?catalog=": ("[data-opens=as-of]", "#as-of[open]"),
    }
    for path, (button, opened) in steps.items():
        page = open_as(path, **look)
        page.locator(button).first.click()
        expect(page.locator(opened).first).to_be_visible()
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


# --- the table --------------------------------------------------------------------------------------------------------
def test_typed_words_narrow_the_table_and_stand_in_the_address(open_as: OpenPage, archive: Archive) -> None:
    index.refresh_all()
    page = open_as("/sync/matches/?ext=mp4")
    rows = page.locator("#matches tbody tr")
    expect(rows).to_have_count(6)
    page.locator("#match-words").press_sequentially("moved")
    expect(rows).to_have_count(1)
    page.wait_for_url(re.compile(r"/sync/matches/\?q=moved&ext=mp4&sort=newest&per_page=20$"))
    expect(page.locator("#match-words")).to_be_focused()
    page.reload()
    expect(rows).to_have_count(1)
    page.locator("#match-sort").select_option("name")
    page.wait_for_url(re.compile("sort=name"))
    page.get_by_role("link", name="Tree").click()
    page.wait_for_url(re.compile(r"/sync/tree/\?ext=mp4&q=moved"))
    page.get_by_role("link", name="Table").click()
    expect(rows).to_have_count(1)


def test_rows_are_walked_by_the_keyboard_and_lead_to_the_file(open_as: OpenPage, archive: Archive) -> None:
    page = open_as("/sync/matches/?sort=name&status=synced,moved")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#matches a[data-primary]").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("#matches a[data-primary]").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('catalog:file_detail', args=[archive.files['synced'].pk])}")


def test_the_keys_lead_to_sync(open_as: OpenPage, archive: Archive) -> None:
    page = open_as("/jobs/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/sync/")


def test_paths_of_copies_come_when_they_are_asked_for(open_as: OpenPage, archive: Archive) -> None:
    page = open_as("/sync/matches/?status=synced_with_duplicates", role="viewer")
    page.locator(".match-copies > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".match-copy")).to_have_text(re.compile("WSOP/Backup/twice.mp4"))


def test_the_table_follows_a_sync_without_a_reload(open_as: OpenPage, archive: Archive) -> None:
    job = make_job("sync.sync", state=JobState.RUNNING)
    page = open_as("/sync/matches/?sort=name&ext=mp4", role="operator")
    page.evaluate("document.body.dataset.kept = 'yes'")
    row = page.locator("#matches tr", has_text="new.mp4")
    expect(row.locator("[data-state=new]")).to_be_visible()
    Match.objects.filter(status=MatchStatus.NEW).update(status=MatchStatus.SYNCED)
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    log.write(job.pk, log.SUCCEEDED)
    expect(row.locator("[data-state=synced]")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-kept", "yes")


def test_a_sync_that_ends_before_the_page_listens_is_followed_too(open_as: OpenPage, archive: Archive) -> None:
    job = make_job("sync.sync", state=JobState.RUNNING)
    page = open_as("/sync/history/", role="operator")
    held: list[Route] = []
    page.route("**/js/live.js", lambda route: held.append(route))
    page.goto(page.url.replace("history/", "matches/?sort=name&ext=mp4"), wait_until="commit")
    row = page.locator("#matches tr", has_text="new.mp4")
    expect(row.locator("[data-state=new]")).to_be_visible()
    Match.objects.filter(status=MatchStatus.NEW).update(status=MatchStatus.SYNCED)
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    held[0].continue_()
    expect(row.locator("[data-state=synced]")).to_be_visible()


# --- the tree ---------------------------------------------------------------------------------------------------------
def test_the_tree_is_walked_by_arrows_level_by_level(open_as: OpenPage, archive: Archive) -> None:
    page = open_as("/sync/tree/", role="viewer")
    item = page.get_by_role("treeitem")
    item.first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[aria-level='2']")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem", name=re.compile("^2024"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[aria-level='3']")).to_have_count(5)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("treeitem", name=re.compile("^moved.mp4"))).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[aria-level='3']").first).to_be_hidden()
    page.keyboard.press("End")
    expect(page.locator("#folder-gone")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('catalog:file_detail', args=[archive.files['moved'].pk])}")


def test_a_folder_that_has_just_come_can_be_opened(open_as: OpenPage, archive: Archive) -> None:
    page = open_as("/sync/tree/", role="viewer")
    page.evaluate("htmx.config.defaultSettleDelay = 60000")  # what it loads listens only after that
    page.get_by_role("treeitem").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[aria-level='2']")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("[aria-level='3']")).to_have_count(5)


def test_more_of_a_folder_takes_the_focus_along(open_as: OpenPage, target: TargetType, source: Source) -> None:
    for number in range(105):
        make_match(target, make_file(f"WSOP/{number:03}.mp4", source=source))
    page = open_as(f"/sync/tree/?folder={Match.objects.order_by('pk').values_list('folder', flat=True)[0]}")
    items = page.get_by_role("treeitem")
    expect(items).to_have_count(101)
    items.last.focus()
    page.keyboard.press("Enter")
    expect(items).to_have_count(105)
    expect(page.get_by_role("treeitem", name=re.compile("^100.mp4"))).to_be_focused()
    expect(page.locator("[role='treeitem'][tabindex='0']")).to_have_attribute("autofocus", "")
    expect(page.locator(".htmx-added")).to_have_count(0)  # the browser gives it the focus, and htmx gives it once more
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("treeitem", name=re.compile("^101.mp4"))).to_be_focused()


# --- buttons and what they start --------------------------------------------------------------------------------------
def test_a_button_shows_its_job_at_once_and_the_result_when_it_ends(open_as: OpenPage, archive: Archive) -> None:
    page = open_as("/sync/", role="operator")
    page.evaluate("document.body.dataset.kept = 'yes'")
    page.locator("#run-sync").click()
    expect(page.locator("[data-job]")).to_be_visible()
    job = Job.objects.get(kind="sync.sync")
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, progress_done=5, progress_total=10, progress_unit="entries")
    log.write(job.pk, log.STARTED, {"attempt": 1})
    expect(page.locator("[data-job] [data-progress-text]")).to_have_text("5 of 10 entries")
    expect(page.locator(".flow-action .badge")).to_have_text(re.compile("Syncing"))
    Target.objects.update(last_result={"added": 15, "updated": 3, "state": "applied"}, last_sync_at=timezone.now())
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    log.write(job.pk, log.SUCCEEDED)
    expect(page.get_by_text("15 added, 3 updated")).to_be_visible()
    expect(page.locator("[data-job]")).to_have_count(0)
    expect(page.locator("body")).to_have_attribute("data-kept", "yes")


def test_a_running_sync_can_be_cancelled_where_it_is_shown(open_as: OpenPage, archive: Archive) -> None:
    make_job("sync.sync", key=f"sync:{archive.target.pk}")
    page = open_as("/sync/", role="operator")
    page.locator(".job-actions button").click()
    expect(page.locator("[data-job]")).to_have_count(0)
    assert Job.objects.get().state == JobState.CANCELLED
    assert page.url.endswith("/sync/")


def test_who_hears_nothing_of_jobs_sees_how_far_they_are_all_the_same(open_as: OpenPage, archive: Archive) -> None:
    job = make_job("sync.sync", key=f"sync:{archive.target.pk}", state=JobState.RUNNING, progress_done=1, progress_total=10)
    page = open_as("/sync/", role="viewer")
    expect(page.locator("[data-job] [data-progress-text]")).to_have_text("1 of 10")
    Job.objects.filter(pk=job.pk).update(progress_done=7)
    expect(page.locator("[data-job] [data-progress-text]")).to_have_text("7 of 10", timeout=10_000)


def test_a_reason_that_is_being_typed_is_not_taken_away(open_as: OpenPage, full: Archive) -> None:
    job, plan = Job.objects.get(), Plan.objects.get(state=PlanState.HELD)
    page = open_as(reverse("sync:plan_detail", args=[plan.pk]))
    page.clock.install()
    page.locator("textarea").fill("정리한")
    Plan.objects.filter(pk=plan.pk).update(total_bytes=5)
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    log.write(job.pk, log.SUCCEEDED)
    expect(page.locator("#live")).to_have_text(re.compile("Finished"))
    page.clock.fast_forward(5_000)  # longer than a refresh waits
    expect(page.locator("textarea")).to_have_value("정리한")
    page.locator("textarea").fill("")
    page.locator("h1").click()
    page.clock.fast_forward(5_000)
    expect(page.locator(".stat-value").last).to_have_text("5 B")  # now it is
    page.locator("textarea").fill("정리한 폴더")
    page.get_by_role("button", name="Approve and apply").click()
    page.wait_for_url(f"**{reverse('sync:plan_detail', args=[plan.pk])}")
    expect(page.locator("[data-job]")).to_be_visible()
    plan.refresh_from_db()
    assert plan.approval_reason == "정리한 폴더"


def test_an_undo_asks_and_says_how_much(open_as: OpenPage, target: TargetType) -> None:
    plan = make_plan(target, [[planned(), planned()]], state=PlanState.APPLIED, done_parts=1)
    PlanPart.objects.update(state=PartState.DONE, remote_ids=["1", "2"])
    page = open_as(reverse("sync:plan_detail", args=[plan.pk]), role="operator")
    page.locator("#undo").click()
    expect(page.locator("#confirm")).to_contain_text("Make 2 entries of the target what they were before?")
    page.keyboard.press("Escape")
    assert Plan.objects.count() == 1
    page.locator("#undo").click()
    page.locator("[data-confirm-yes]").click()
    expect(page.get_by_text("taken back by plan")).to_be_visible()


# --- the log ----------------------------------------------------------------------------------------------------------
def test_lines_of_sync_arrive_with_the_name_of_their_job(open_as: OpenPage, target: TargetType) -> None:
    first = make_job("sync.sync", subject="OTT", state=JobState.RUNNING)
    log.write(first.pk, "sync_started", {"target": "OTT"})
    page = open_as("/sync/log/", role="operator")
    lines = page.locator(".log-line")
    expect(lines).to_have_count(1)
    other, scan = make_job("ingest.probe", state=JobState.RUNNING), make_job("ingest.scan", subject="NAS", state=JobState.RUNNING)
    log.write(other.pk, "job_started", {"attempt": 7})
    log.write(scan.pk, "job_retrying", {"seconds": 4}, LogLevel.WARNING)
    expect(lines).to_have_count(2)
    expect(lines.nth(1).locator(".log-job")).to_have_text("Scan · NAS")
    expect(lines.nth(1)).to_have_attribute("data-level", "30")
    page.locator("[data-log-level]").select_option("30")
    expect(lines.locator("visible=true")).to_have_count(1)


# --- history, settings ------------------------------------------------------------------------------------------------
def test_a_line_of_the_history_opens_by_enter(open_as: OpenPage, full: Archive) -> None:
    page = open_as("/sync/history/", role="viewer")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".change > summary").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".change-diff del").first).to_have_text(re.compile("OLD/moved.mp4"))
    expect(page.locator(".change-diff ins").first).to_have_text(re.compile("WSOP/2024/moved.mp4"))


def test_the_table_as_it_was_is_asked_for_in_a_dialog(open_as: OpenPage, full: Archive) -> None:
    page = open_as("/sync/history/", role="viewer")
    page.locator("[data-opens=as-of]").click()
    page.locator("#as-of input[name=at]").fill("2099-01-01T00:00")
    page.locator("#as-of button[type=submit]").click()
    expect(page.locator("#past tbody tr")).to_have_count(2)


def test_a_saved_box_says_so_and_is_where_one_was(open_as: OpenPage, target: TargetType) -> None:
    page = open_as("/sync/settings/")
    page.locator("#guard [name=guard_percent]").fill("7")
    page.locator("#guard button[type=submit]").click()
    page.wait_for_url("**/sync/settings/#guard")
    expect(page.locator("[data-toast]")).to_contain_text("Saved.")
    target.refresh_from_db()
    assert target.guard_percent == 7


def test_a_new_secret_asks_first_and_is_shown_in_its_place(open_as: OpenPage, full: Archive) -> None:
    page = open_as("/sync/settings/")
    page.locator("#renew-secret").click()
    page.locator("[data-confirm-yes]").click()
    expect(page.locator("#webhook-secret .mono")).to_be_visible()
    assert axe_violations(page) == []
