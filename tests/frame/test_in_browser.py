"""The frame in a real browser: accessible everywhere, usable by keyboard, live."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import expect

from catalog.search import index
from mam.jobs import log
from mam.jobs.models import Job, JobState, LogLevel
from tests.factories import make_content, make_file, make_job, make_player, make_source, make_user
from tests.fixtures.browser import axe_violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, WebSocketRoute

    from mam.accounts.models import User
    from tests.fixtures.asgi_server import AsgiServer

    OpenPage = Callable[..., Page]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS = [
    {"locale": "ko-KR", "color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    {"locale": "ko-KR", "color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    {"locale": "en-US", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]

# A grid of one to six numbers in turn: the free space at the end of its last line, and how many boxes stand there.
LINES_OF_NUMBERS = """() => {
  const grid = document.querySelector('.stat-grid:has(> .stat)');
  const box = grid.querySelector('.stat');
  const end = grid.getBoundingClientRect().right;
  return [1, 2, 3, 4, 5, 6].map((count) => {
    grid.replaceChildren(...Array.from({length: count}, () => box.cloneNode(true)));
    const places = [...grid.children].map((child) => child.getBoundingClientRect());
    const last = places.filter((place) => place.top === places.at(-1).top);
    return [end - last.at(-1).right, last.length];
  });
}"""


def sign_in(page: Page, server: AsgiServer, user: User) -> None:
    """Give the page a session without the login form."""
    client = Client()
    client.force_login(user)
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key or "", "url": server.url}])


@pytest.fixture
def open_as(asgi_server: AsgiServer, new_page: OpenPage) -> Callable[..., Page]:
    """Opens a path as an operator (who is staff), in a profile of its own."""
    user = make_user("operator", name="김지수")

    def open_path(path: str, **options: Any) -> Page:
        page = new_page(**{"viewport": {"width": 1280, "height": 800}, **options})
        sign_in(page, asgi_server, user)
        page.goto(asgi_server.url + path)
        return page

    return open_path


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look['viewport']['width']}-{look['locale']}-{look['color_scheme']}")
def test_every_component_is_accessible_and_fits(open_as: Callable[..., Page], look: dict[str, Any]) -> None:
    page = open_as("/styleguide", **look)
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("look", LOOKS[1:3], ids=lambda look: f"{look['viewport']['width']}-{look['locale']}-{look['color_scheme']}")
def test_the_jobs_pages_are_accessible_and_fit(open_as: Callable[..., Page], look: dict[str, Any]) -> None:
    running = make_job(state=JobState.RUNNING, subject="WSOP_2026/메인_이벤트/Day1A_최종_수정본_파이널_테이블.mxf", progress_done=3)
    log.write(running.pk, "job_started", {"attempt": 1})
    make_job(state=JobState.FAILED, error_code="unexpected", error_params={})
    for path in ("/jobs/?state=running", "/jobs/?state=failed", "/jobs/?state=waiting", f"/jobs/{running.pk}/"):
        page = open_as(path, **look)
        assert axe_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_leads_everywhere(open_as: Callable[..., Page]) -> None:
    page = open_as("/styleguide")
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type("g j ?")  # in a field, letters are letters
    expect(page.locator("[data-search]")).to_have_value("g j ?")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs/**")


def test_the_search_box_completes_what_is_typed(open_as: Callable[..., Page]) -> None:
    make_player("Phil Ivey", name_ko="필 아이비")
    page = open_as("/styleguide")
    box, options = page.locator("[data-search]"), page.locator("#suggestions > [role=option]")
    page.keyboard.press("/")
    page.keyboard.type("final 아이비")
    expect(options).to_have_count(1)
    expect(box).to_have_attribute("aria-expanded", "true")
    assert axe_violations(page) == []
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    expect(box).to_be_focused()
    box.fill("final pla")
    expect(options).to_have_count(1)
    page.keyboard.press("ArrowUp")  # the last one: the field, which goes on in the box
    page.keyboard.press("Enter")
    expect(box).to_have_value("final player:")
    expect(options.first).to_contain_text("Phil Ivey")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=final+player%3A%22Phil+Ivey%22")


def test_lists_are_walked_by_arrows_and_by_letters(open_as: Callable[..., Page]) -> None:
    first, second = (make_job(subject=f"job {number}") for number in (1, 2))
    page = open_as("/jobs/?state=waiting")
    links = page.locator(".job a[data-primary]")
    page.keyboard.press("ArrowDown")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{first.pk}/")
    assert second.pk != first.pk


def focused_place(page: Page) -> tuple[float, float]:
    """Where the focused element stands: x and y."""
    x, y = page.evaluate("(({x, y}) => [x, y])(document.activeElement.getBoundingClientRect())")
    return x, y


def test_cards_are_walked_along_the_line_and_along_the_column(open_as: Callable[..., Page]) -> None:
    source = make_source()
    for number in range(8):
        make_file(f"final {number}.mp4", source=source)
    index.refresh_all()
    page = open_as("/search/?q=final")
    cards = page.locator(".card-grid a.media-link")
    expect(cards).to_have_count(8)
    cards.first.focus()
    x, y = focused_place(page)
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    assert focused_place(page)[0] > x
    assert focused_place(page)[1] == y
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    below = focused_place(page)
    assert below[0] == x
    assert below[1] > y
    page.keyboard.press("ArrowUp")
    expect(cards.first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(cards.first).to_be_focused()


def test_the_arrows_go_on_from_one_list_to_the_next(open_as: Callable[..., Page]) -> None:
    make_file("WSOP/2024/final.mp4", content=make_content())
    page = open_as("/")
    cards = page.locator("a.media-link")
    expect(cards).to_have_count(2)  # the catalog, and below it what was found last
    page.keyboard.press("ArrowDown")
    expect(cards.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cards.nth(0)).to_be_focused()


@pytest.mark.parametrize("width_px", [320, 390, 768, 1440])
def test_numbers_fill_their_lines_and_none_stands_alone(open_as: Callable[..., Page], width_px: int) -> None:
    page = open_as("/styleguide", viewport={"width": width_px, "height": 844})
    for count, (free_px, boxes) in enumerate(page.evaluate(LINES_OF_NUMBERS), start=1):
        assert free_px == pytest.approx(0, abs=1), count
        assert boxes > 1 or count == 1 or width_px == 320, count  # on the narrowest the last of an odd number has the line for itself


def test_a_tree_opens_and_closes_by_arrows(open_as: Callable[..., Page]) -> None:
    page = open_as("/styleguide")
    root = page.get_by_role("treeitem", name=re.compile("^WSOP"))
    root.focus()
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("treeitem", name=re.compile("^2026"))).to_be_hidden()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("treeitem", name=re.compile("^2026"))).to_be_focused()


def test_selecting_rows_opens_the_bulk_bar(open_as: Callable[..., Page]) -> None:
    page = open_as("/styleguide", locale="en-US")
    table = page.locator("form:has(#sample-table)")
    boxes = table.locator("[data-select]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(table.locator("[data-bulk-count]")).to_have_text("3 selected")
    table.locator("[data-select-none]").click()
    expect(table.locator("[data-bulk]")).to_be_hidden()


def test_columns_and_density_are_remembered(open_as: Callable[..., Page]) -> None:
    page = open_as("/styleguide", locale="en-US")
    page.locator("[popovertarget=sample-table-view]").click()
    page.locator("#sample-table-view input[value=size]").uncheck()
    page.locator("#sample-table-view [data-dense]").check()
    page.reload()
    expect(page.locator("#sample-table [data-col=size]").first).to_be_hidden()
    expect(page.locator("#sample-table")).to_have_attribute("data-density", "dense")


def test_the_theme_is_shown_at_once_and_kept(open_as: Callable[..., Page]) -> None:
    page = open_as("/jobs/", color_scheme="dark")
    page.locator("[popovertarget=theme-menu]").click()
    with page.expect_response("**/theme"):
        page.locator("#theme-menu button[value=light]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_dangerous_act_asks_first(open_as: Callable[..., Page]) -> None:
    page = open_as("/styleguide")
    page.evaluate("document.querySelector('[data-confirm]').addEventListener('click', () => document.body.dataset.done = 'yes')")
    page.locator("[data-confirm]").click()
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-confirm]")).to_be_focused()
    expect(page.locator("body")).not_to_have_attribute("data-done", "yes")
    page.locator("[data-confirm]").click()
    page.locator("[data-confirm-yes]").click()
    expect(page.locator("body")).to_have_attribute("data-done", "yes")


def test_bars_move_and_the_list_follows_without_a_reload(open_as: Callable[..., Page]) -> None:
    job = make_job(state=JobState.RUNNING, subject="nas", progress_done=1, progress_total=10, progress_unit="files")
    page = open_as("/jobs/?state=running", locale="en-US")
    expect(page.locator("[data-jobs-ring] [data-ring-text]")).to_have_text("1")
    page.evaluate("document.body.dataset.kept = 'yes'")
    Job.objects.filter(pk=job.pk).update(progress_done=5, progress_note="2026/메인_이벤트")
    expect(page.locator("[data-progress-text]")).to_have_text("5 of 10 files")
    expect(page.locator("[data-job-note]")).to_have_text("2026/메인_이벤트")
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED)
    log.write(job.pk, log.SUCCEEDED)
    expect(page.locator("#jobs-live .empty")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Finished: nas")
    expect(page.locator("[data-jobs-ring] [data-ring-text]")).to_have_text("0")
    expect(page.locator("body")).to_have_attribute("data-kept", "yes")


def test_the_log_follows_pauses_filters_and_clears(open_as: Callable[..., Page]) -> None:
    job = make_job(state=JobState.RUNNING)
    log.write(job.pk, "job_started", {"attempt": 1})
    page = open_as(f"/jobs/{job.pk}/", locale="en-US")
    lines = page.locator(".log-line")
    expect(lines).to_have_count(1)
    log.write(job.pk, "job_retrying", {"seconds": 1}, LogLevel.WARNING)
    expect(lines).to_have_count(2)
    page.locator("[data-log-pause]").click()
    log.write(job.pk, "job_retrying", {"seconds": 2}, LogLevel.WARNING)
    page.locator("[data-log-level]").select_option("30")
    expect(lines.locator("visible=true")).to_have_count(1)
    page.locator("[data-log-pause]").click()
    expect(lines.locator("visible=true")).to_have_count(2)
    page.locator("[data-log-clear]").click()
    expect(lines).to_have_count(0)
    log.write(job.pk, "job_retrying", {"seconds": 4}, LogLevel.WARNING)
    expect(lines).to_have_text(re.compile("4"))


def test_a_lost_connection_is_told_and_found_again(asgi_server: AsgiServer, new_page: OpenPage) -> None:
    page = new_page(locale="en-US")
    sign_in(page, asgi_server, make_user("operator"))
    is_down = True

    def serve(route: WebSocketRoute) -> None:
        if is_down:
            route.close(code=1012)
        else:
            route.connect_to_server()

    page.route_web_socket("**/ws/jobs", serve)
    page.goto(f"{asgi_server.url}/jobs/")
    expect(page.locator("#offline")).to_contain_text("No connection since", timeout=10_000)
    is_down = False
    expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
