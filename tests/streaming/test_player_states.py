"""What stands over the picture when there is none, how the moment is kept, and what every look of the player has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from mam.jobs.models import JobState
from tests.factories import make_job
from tests.fixtures.browser import axe_violations
from tests.fixtures.player_stage import SHOWN_FRAME, Stage, answer, error, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

REASON = [{"code": "playback_reason", "message": "브라우저는 ProRes 영상을 재생하지 못합니다."}]
NEXT = {"url": "/watch/999999/", "title": "결승 2부"}
CLOSED: dict[str, dict[str, Any]] = {
    "preparing": {"state": "preparing", "mode": "remux", "job": {"id": 1, "progress": 0.25}},
    "pending": {"state": "pending", "mode": "unavailable", "reasons": REASON},
    "busy": {"state": "busy", "mode": "on_demand", "reasons": REASON},
    "offline": {"state": "offline", "mode": "on_demand", "reasons": REASON},
    "failed": {"state": "failed", "mode": "on_demand", "reasons": REASON},
    "unavailable": {"state": "ready", "mode": "unavailable", "reasons": REASON},
}
# The address names the frame on the screen. The clip has 25 frames a second, and begins at one o'clock.
NAMED = f"""(() => {{
  const [hours, minutes, seconds, frames] = new URLSearchParams(location.search).get("t").split(":").map(Number);
  return (((hours - 1) * 60 + minutes) * 60 + seconds) * 25 + frames === {SHOWN_FRAME};
}})()"""
LOOKS = [
    {"locale": "ko-KR", "color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    {"locale": "ko-KR", "color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True},
    {"locale": "en-US", "color_scheme": "dark", "viewport": {"width": 390, "height": 844}, "has_touch": True},
]


def edge(selector: str, name: str) -> str:
    """An expression: an edge of an element, in px of the page."""
    return f"document.querySelector('{selector}').getBoundingClientRect().{name}"


def name_of(look: dict[str, Any]) -> str:
    return f"{look['viewport']['width']}-{look['locale']}-{look['color_scheme']}"


# --- states -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("state", CLOSED)
def test_each_state_says_what_it_is(stage: Stage, state: str) -> None:
    stage.playback |= {"url": None, **CLOSED[state]}
    stage.open()
    stage.until("document.querySelector('[data-player]').dataset.started !== undefined")
    panel = stage.page.locator(f"[data-state={state}]")
    expect(panel).to_be_visible()
    expect(panel.get_by_role("heading")).not_to_be_empty()
    if CLOSED[state].get("reasons"):
        expect(panel).to_contain_text("ProRes")
    expect(panel.get_by_role("button", name="Try again")).to_be_visible(visible=state in {"busy", "offline", "failed"})
    expect(stage.page.locator(".player-bar")).to_be_hidden()


def test_what_is_prepared_shows_how_far_it_is_and_plays_when_it_is_there(
    new_page: Callable[..., Page], make_stage: Callable[..., Stage]
) -> None:
    """An operator sees the job move; the answer of the playback API is asked for when it has ended."""
    job = make_job(state=JobState.RUNNING, progress_done=3, progress_total=4, subject="결승 1부.mxf")
    stage = make_stage(new_page(locale="en-US"), role="operator")
    ready = dict(stage.playback)
    stage.playback |= {"url": None, "state": "preparing", "job": {"id": job.pk, "progress": 0.25}}
    stage.open()
    expect(stage.page.locator("[data-state=preparing] output")).to_have_text("75%")  # told by the connection, newer than the page
    stage.playback |= ready
    job.state = JobState.SUCCEEDED
    job.save(update_fields=["state"])
    stage.until_ready()
    expect(stage.page.locator("[data-state]")).to_be_hidden()


def test_who_may_not_see_jobs_is_told_by_asking_again(stage: Stage) -> None:
    ready = dict(stage.playback)
    stage.playback |= {"url": None, "state": "preparing", "job": {"id": 1, "progress": 0.25}}
    stage.open()
    expect(stage.page.locator("[data-state=preparing] output")).to_have_text("25%")
    stage.playback |= {"job": {"id": 1, "progress": 0.5}}
    expect(stage.page.locator("[data-state=preparing] output")).to_have_text("50%")
    stage.playback |= ready
    stage.until_ready()


def test_a_question_that_fails_is_asked_again_while_it_is_prepared(brave_stage: Stage) -> None:
    stage = brave_stage
    ready = dict(stage.playback)
    stage.playback |= {"url": None, "state": "preparing", "job": {"id": 1, "progress": 0.25}}
    stage.refusals.append(error("/playback", 502, "", "", times=1))
    stage.open()
    wait_for(stage.page, lambda: stage.refusals[0].times == 0)
    expect(stage.page.locator("[data-state=preparing]")).to_be_visible()
    stage.playback |= ready
    stage.until_ready()


@pytest.mark.parametrize(("focused", "is_taken"), [("#top-search", False), ("media-play-button", True)])
def test_a_state_takes_the_focus_only_within_the_player(brave_stage: Stage, focused: str, is_taken: bool) -> None:
    stage = brave_stage
    stage.refusals.append(error("_1.m4s", 404, "stream_part_missing", "The stream is no longer stored."))
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("k")
    stage.page.locator(focused).focus()
    expect(stage.page.locator("[data-state=failed]")).to_be_visible()
    again = stage.page.get_by_role("button", name="Try again")
    expect(again if is_taken else stage.page.locator(focused)).to_be_focused()


# --- the moment -------------------------------------------------------------------------------------------------------
def test_it_goes_on_where_the_viewer_stopped(stage: Stage) -> None:
    stage.playback["position_ms"] = 6020
    stage.open()
    stage.until_ready()
    stage.until_frame(150)
    expect(stage.page.locator("[data-note]")).to_contain_text("01:00:06:00")


def test_an_address_comes_before_what_was_kept(stage: Stage) -> None:
    stage.playback["position_ms"] = 6020
    stage.open("?t=2.5")
    stage.until_ready()
    stage.until_frame(62)


def test_a_pause_keeps_the_moment_here_and_in_the_address(stage: Stage) -> None:
    stage.open("?t=01:00:05:05")
    stage.until_ready()
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').currentTime > 5.5 && location.search === ''")  # loading it again goes on here
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').paused && location.search !== ''")
    stage.until(NAMED)
    kept_ms = round(1000 * (stage.page.evaluate(SHOWN_FRAME) + 0.5) / 25)
    wait_for(stage.page, lambda: stage.until_told("position")["position_ms"] == str(kept_ms))
    stage.page.keyboard.press(".")
    stage.page.keyboard.press(".")
    stage.until(NAMED)


def test_a_link_to_the_moment_can_be_copied(stage: Stage) -> None:
    stage.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=stage.server.url)
    stage.open("?t=01:00:03:02")
    stage.until_ready()
    stage.until_frame(77)
    stage.page.keyboard.press("y")
    stage.until("navigator.clipboard.readText().then((text) => text.endsWith('/?t=01:00:03:02'))")


def test_playing_tells_once_that_somebody_looks(stage: Stage) -> None:
    stage.open()
    stage.until_ready()
    for _ in range(2):
        stage.page.keyboard.press("k")
        stage.until("!document.querySelector('video').paused && document.querySelector('video').currentTime > 0")
        stage.page.keyboard.press("k")
        stage.until("document.querySelector('video').paused")
    stage.until_told("viewed")
    assert len(stage.told("viewed")) == 1


# --- the next part ----------------------------------------------------------------------------------------------------
def test_the_next_part_is_offered_and_can_be_declined(stage: Stage) -> None:
    stage.playback["next"] = NEXT
    stage.open("?t=01:00:07:15")
    stage.until_ready()
    stage.page.keyboard.press("k")
    card = stage.page.locator("[data-next]")
    expect(card).to_be_visible()
    expect(card).to_contain_text("결승 2부")
    expect(card.locator("[data-next-count]")).to_have_text("7 s", timeout=10_000)
    card.get_by_role("button", name="Stay here").click()
    expect(card).to_be_hidden()


def test_the_next_part_begins_by_itself_and_plays(stage: Stage) -> None:
    stage.playback["next"] = NEXT
    stage.open("?t=01:00:07:15")
    stage.until_ready()
    assert stage.file
    stage.playback["next"] = {"url": f"/watch/{stage.file.pk}/", "title": "결승 2부"}
    stage.reload()
    stage.until_ready()
    stage.page.keyboard.press("k")
    stage.page.locator("[data-next-go]").click()
    stage.page.wait_for_url(f"**/watch/{stage.file.pk}/")
    stage.until("document.querySelector('video').currentTime > 0.1 && !document.querySelector('video').paused")


# --- help, full screen, everybody -------------------------------------------------------------------------------------
def test_help_lists_the_keys_and_gives_the_focus_back(stage: Stage) -> None:
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("?")
    dialog = stage.page.locator("[data-player-help]")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("#1234")
    stage.page.keyboard.press("l")  # keys of the player wait
    assert stage.page.evaluate("document.querySelector('video').paused")
    stage.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_full_screen_takes_the_controls_along(stage: Stage) -> None:
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("f")
    stage.until("document.fullscreenElement === document.querySelector('[data-player]')")
    stage.page.keyboard.press(".")
    stage.until_frame(1)
    stage.page.evaluate("document.querySelector('[data-note]').textContent = 'A word.'")
    stage.page.evaluate("document.querySelector('[data-next]').hidden = false")
    for part in (".player-note", ".player-next"):  # above the controls, not beneath
        stage.until(f"{edge(part, 'bottom')} <= {edge('.player-timeline', 'top')} && {edge(part, 'top')} > innerHeight / 4")
    stage.until(f"{edge('.player-video', 'bottom')} === innerHeight && {edge('.player-bar', 'bottom')} === innerHeight")
    stage.page.evaluate("document.querySelector('[data-next]').hidden = true")
    stage.page.locator('button[popovertarget$="-speed"]').click()
    expect(stage.page.locator('[data-menu="speed"]')).to_be_visible()
    stage.page.keyboard.press("Escape")
    stage.page.keyboard.press("f")
    stage.until("document.fullscreenElement === null")


def test_the_way_to_the_library_stays_a_key_away(stage: Stage) -> None:
    """ "l" alone plays, "g l" leads to the library."""
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("g")
    stage.page.keyboard.press("l")
    stage.page.wait_for_url(f"{stage.server.url}/")


@pytest.mark.parametrize("look", LOOKS, ids=name_of)
@pytest.mark.parametrize("state", ["playing", "preparing", "failed"])
def test_axe_finds_nothing_and_nothing_runs_over_the_edge(
    new_page: Callable[..., Page], make_stage: Callable[..., Stage], look: dict[str, Any], state: str
) -> None:
    stage = make_stage(new_page(**look), language=look["locale"][:2])
    chapters = [{"start_ms": 0, "end_ms": 3000, "title": "시작"}, {"start_ms": 3000, "end_ms": 8000, "title": "마지막 핸드"}]
    waveform = {"url": "/stream/first-token/waveform", "channels": 1, "peaks": 80, "peak_ms": 100}
    stage.playback |= {"chapters": chapters, "waveform": waveform, "next": NEXT}
    if state != "playing":
        stage.playback |= {"url": None, **CLOSED[state]}
    stage.open(start_timecode="01:00:00:00")
    if state == "playing":
        stage.until_ready()
        expect(stage.page.locator("[data-waveform]")).to_be_visible()
    else:
        stage.until("document.querySelector('[data-player]').dataset.started !== undefined")
        expect(stage.page.locator(f"[data-state={state}]")).to_be_visible()
    assert axe_violations(stage.page) == []
    assert stage.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_touch_plays_and_every_control_is_large_enough(chromium: Browser, make_stage: Callable[..., Stage]) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    stage = make_stage(context.new_page(), playback=answer())
    stage.open()
    stage.until_ready()
    stage.page.locator("media-play-button").tap()
    stage.until("!document.querySelector('video').paused")
    sizes = stage.page.evaluate(
        "[...document.querySelectorAll('.player-bar :is(button, media-play-button, media-mute-button)')]"
        ".filter((one) => one.checkVisibility())"
        ".map((one) => one.getBoundingClientRect()).map(({width, height}) => Math.min(width, height))"
    )
    assert min(sizes) >= 40
    context.close()
