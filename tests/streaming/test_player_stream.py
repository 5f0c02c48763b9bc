"""The player with a stream: every frame of it can be reached, what there is can be chosen, and what breaks is got around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.fixtures.player_stage import SHOWN_FRAME, Refusal, Stage, error

if TYPE_CHECKING:
    from playwright.sync_api import Page


pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


# Left of the position the accent, right of it the line of controls: at the middle of the height every bar has colour.
PAINTED_IN_THE_COLOURS_OF_THE_THEME = """(() => {
  const canvas = document.querySelector("[data-waveform]"), style = getComputedStyle(canvas), pen = canvas.getContext("2d");
  const colours = (from, to) => {
    const found = new Set(), row = pen.getImageData(from, canvas.height / 2, to - from, 1).data;
    for (let at = 0; at < row.length; at += 4) if (row[at + 3] === 255) found.add(`rgb(${row[at]}, ${row[at + 1]}, ${row[at + 2]})`);
    return [...found].join();
  };
  const half = Math.floor(canvas.width / 2);
  return colours(0, half - 8) === style.borderTopColor && colours(half + 8, canvas.width) === style.color && style.color !== "rgb(0, 0, 0)";
})()"""


# --- time -------------------------------------------------------------------------------------------------------------
def test_keys_step_exactly_one_frame_also_over_a_border_of_segments(stage: Stage) -> None:
    stage.open("?t=01:00:01:23")
    stage.until_ready()
    stage.until_frame(48)
    for expected in (49, 50, 51, 52):
        stage.page.keyboard.press(".")
        stage.until_frame(expected)
    for expected in (51, 50, 49):
        stage.page.keyboard.press(",")
        stage.until_frame(expected)
    expect(stage.page.locator("[data-time]")).to_have_value("01:00:01:24")
    expect(stage.page.locator("[data-frame]")).to_have_text("Frame 49")


@pytest.mark.parametrize(("typed", "frame"), [("01:00:05:10", 135), ("5:10", 135), ("#77", 77), ("+12", 12), ("1000204", 54)])
def test_a_typed_timecode_goes_to_its_frame(stage: Stage, typed: str, frame: int) -> None:
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("t")
    stage.page.keyboard.type(typed)
    stage.page.keyboard.press("Enter")
    stage.until_frame(frame)
    expect(stage.page.locator("[data-time]")).not_to_be_focused()


def test_what_is_no_timecode_is_said_and_changes_nothing(stage: Stage) -> None:
    stage.open("?t=01:00:02:00")
    stage.until_ready()
    field = stage.page.locator("[data-time]")
    field.fill("soon")
    field.press("Enter")
    expect(stage.page.locator("[data-note]")).to_contain_text("This is no timecode")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.press("Escape")
    expect(field).to_have_value("01:00:02:00")
    stage.until_frame(50)


def test_the_shuttle_goes_faster_with_each_press_and_backward_too(stage: Stage) -> None:
    stage.open("?t=01:00:04:00")
    stage.until_ready()
    page = stage.page
    for speed in (1, 2, 4, 8):
        page.keyboard.press("l")
        assert page.evaluate("document.querySelector('video').playbackRate") == speed
    expect(page.locator("[data-shuttle]")).to_have_text("▶▶ 8×")
    page.keyboard.press("k")
    stage.until("document.querySelector('video').paused")
    assert page.evaluate("document.querySelector('video').playbackRate") == 1
    page.locator("[data-time]").fill("#150")
    page.keyboard.press("Enter")
    stage.until_frame(150)
    page.keyboard.press("j")
    expect(page.locator("[data-shuttle]")).to_have_text("◀◀ 1×")
    page.keyboard.press("j")
    expect(page.locator("[data-shuttle]")).to_have_text("◀◀ 2×")
    stage.until(f"{SHOWN_FRAME} >= 0 && {SHOWN_FRAME} < 130")
    page.keyboard.press("k")
    expect(page.locator("[data-shuttle]")).to_be_hidden()
    at = page.evaluate("document.querySelector('[data-time]').value")
    stage.until(f"document.querySelector('[data-time]').value === '{at}'")


def test_the_slider_shows_and_finds_whole_frames(stage: Stage) -> None:
    stage.playback |= {
        "storyboard": {"url": "/hls/first-token/storyboard.vtt"},
        "chapters": [{"start_ms": 4000, "end_ms": 8000, "title": "결승"}],
    }
    stage.open()
    stage.until_ready()
    box = stage.page.locator("media-time-range").bounding_box()
    assert box
    stage.page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    expect(stage.page.locator("[data-preview]")).to_contain_text("01:00:0")
    expect(stage.page.locator("[data-preview]")).to_contain_text("결승")
    stage.until("document.querySelector('media-preview-thumbnail').mediaPreviewImage?.includes('sheet.jpg')")
    label = (stage.page.locator("[data-preview]").text_content() or "").split(" ")[0]
    stage.page.mouse.down()
    stage.page.mouse.up()
    expect(stage.page.locator("[data-time]")).to_have_value(label)
    seconds, frames = map(int, label.split(":")[2:])
    stage.until_frame(seconds * 25 + frames)
    assert stage.page.locator("[data-chapter-dots] > i").count() == 1


def test_the_waveform_leads_to_a_moment(stage: Stage) -> None:
    stage.playback["waveform"] = {"url": "/stream/first-token/waveform", "channels": 1, "peaks": 80, "peak_ms": 100}
    stage.open()
    stage.until_ready()
    wave = stage.page.locator("[data-waveform]")
    expect(wave).to_be_visible()
    box = wave.bounding_box()
    assert box
    stage.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
    stage.until("Math.abs(document.querySelector('video').currentTime - 4) < 0.1")
    stage.until(PAINTED_IN_THE_COLOURS_OF_THE_THEME)


# --- what can be chosen -----------------------------------------------------------------------------------------------
def choose(page: Page, menu: str, item: str) -> None:
    page.locator(f'button[popovertarget$="-{menu}"]').click()
    page.locator(f'[data-menu="{menu}"]').get_by_role("button", name=item, exact=True).click()


def test_quality_is_automatic_until_it_is_chosen_and_keeps_the_frame(stage: Stage) -> None:
    stage.open("?t=01:00:03:00")
    stage.until_ready()
    expect(stage.page.locator('[data-menu-label="quality"]')).to_have_text("Automatic")
    for item, width in (("180p", 320), ("360p", 640)):
        choose(stage.page, "quality", item)
        stage.until(f"document.querySelector('video').videoWidth === {width}")
        stage.until_frame(75)
        expect(stage.page.locator('[data-menu-label="quality"]')).to_have_text(item)
    stage.page.locator('button[popovertarget$="-quality"]').click()
    stage.page.locator('[data-menu="quality"]').get_by_role("button", name="Automatic").first.click()
    expect(stage.page.locator('[data-menu-label="quality"]')).to_have_text("Automatic")


def test_sound_and_subtitles_are_chosen_by_their_names(stage: Stage) -> None:
    stage.open()
    stage.until_ready()
    choose(stage.page, "audio", "English")
    stage.until("document.querySelector('[data-menu=audio] [aria-pressed=true]').textContent === 'English'")
    choose(stage.page, "subtitles", "한국어 자막")
    showing = "[...document.querySelector('video').textTracks].find((track) => track.mode === 'showing')"
    stage.until(f"{showing}?.cues?.[0]?.text === '안녕하세요'")
    stage.page.keyboard.press("c")
    stage.until(f"!{showing}")
    stage.page.keyboard.press("c")
    stage.until(f"Boolean({showing})")


def test_speed_is_chosen_and_stays_after_the_shuttle(stage: Stage) -> None:
    stage.open()
    stage.until_ready()
    choose(stage.page, "speed", "0.5×")
    assert stage.page.evaluate("document.querySelector('video').playbackRate") == 0.5
    stage.page.keyboard.press("l")
    stage.page.keyboard.press("k")
    assert stage.page.evaluate("document.querySelector('video').playbackRate") == 0.5


def test_chapters_are_a_menu_too(stage: Stage) -> None:
    stage.playback["chapters"] = [
        {"start_ms": 0, "end_ms": 3000, "title": "시작"},
        {"start_ms": 3000, "end_ms": 8000, "title": "마지막 핸드"},
    ]
    stage.open()
    stage.until_ready()
    choose(stage.page, "chapters", "마지막 핸드 01:00:03:00")
    stage.until_frame(75)


# --- what breaks ------------------------------------------------------------------------------------------------------
def test_a_refused_token_is_renewed_without_a_word(brave_stage: Stage) -> None:
    stage = brave_stage
    for name in ("hi_2", "hi_3", "lo_2", "lo_3"):  # wherever the stream is when its token ends
        stage.refusals.append(error(f"first-token/{name}", 403, "permission_denied", "Expired."))
    stage.later["url"] = "/hls/second-token/main.m3u8"
    stage.open()
    stage.until_ready()
    stage.page.locator("[data-time]").fill("#190")
    stage.page.keyboard.press("Enter")
    stage.until_frame(190)
    assert any("/second-token/" in path and path.endswith(("hi_3.m4s", "lo_3.m4s")) for path in stage.asked)
    assert not any("/second-token/" in path and path.endswith("/main.m3u8") for path in stage.asked), "the stream is not loaded anew"
    expect(stage.page.locator("[data-state]")).to_be_hidden()


def test_a_token_that_stays_refused_ends_in_words(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(error("_1.m4s", 403, "permission_denied", "You may not play this file."))
    stage.open()
    expect(stage.page.locator("[data-state=refused]")).to_be_visible()
    expect(stage.page.locator("[data-state-reasons]")).to_have_text("You may not play this file.")


def test_a_broken_rung_is_left_for_the_one_below_and_reported(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(Refusal("hi_2.m4s", status=200, body=b"no segment at all" * 40))
    stage.open()
    stage.until_ready()
    choose(stage.page, "quality", "360p")
    stage.page.locator("[data-time]").fill("#110")
    stage.page.keyboard.press("Enter")
    stage.until_frame(110)
    assert stage.page.evaluate("document.querySelector('video').videoWidth") == 320
    assert stage.told("fault")
    assert stage.told("fault")[0]["code"] == "broken"


def test_a_segment_that_is_nowhere_is_made_on_demand(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.playback["fallback_url"] = "/hls/fallback/main.m3u8?on_demand=1"
    stage.refusals += [Refusal("first-token/hi_3"), Refusal("first-token/lo_3")]
    stage.open()
    stage.until_ready()
    stage.page.locator("[data-time]").fill("#170")
    stage.page.keyboard.press("Enter")
    stage.until_frame(170)
    assert any("/hls/fallback/" in path for path in stage.asked)
    assert stage.told("fault")


def test_when_nothing_helps_the_reason_is_said_and_retry_begins_anew(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(error(".m4s", 404, "object_missing", "The stream is no longer stored."))
    stage.open()
    expect(stage.page.locator("[data-state=failed]")).to_be_visible()
    expect(stage.page.locator("[data-state-reasons]")).to_have_text("The stream is no longer stored.")
    stage.refusals.clear()
    stage.page.get_by_role("button", name="Try again").click()
    stage.until("document.querySelector('video').currentTime > 0.2")
    expect(stage.page.locator("[data-state]")).to_be_hidden()
    assert len(stage.told("retry")) == 1


def test_busy_counts_down_and_goes_on_by_itself(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.playback["mode"] = "on_demand"
    stage.refusals.append(error("hi_0.m4s", 503, "encoder_busy", "Busy.", times=1, retry_after="2"))
    stage.refusals.append(error("lo_0.m4s", 503, "encoder_busy", "Busy.", times=1, retry_after="2"))
    stage.open()
    expect(stage.page.locator("[data-state=busy]")).to_be_visible()
    expect(stage.page.locator("[data-state-count]")).to_contain_text("Trying again in")
    stage.until_ready()
    expect(stage.page.locator("[data-state]")).to_be_hidden()


def test_an_offline_source_is_said_in_the_servers_words(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.playback["mode"] = "on_demand"
    stage.refusals.append(error("_3.m4s", 503, "media_source_offline", "The source archive cannot be reached."))
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("End")
    expect(stage.page.locator("[data-state=offline]")).to_be_visible()
    expect(stage.page.locator("[data-state-reasons]")).to_have_text("The source archive cannot be reached.")
    stage.refusals.clear()
    stage.page.get_by_role("button", name="Try again").click()
    stage.until(f"{SHOWN_FRAME} >= 199 || document.querySelector('video').ended")


# --- lean -------------------------------------------------------------------------------------------------------------
def test_it_invites_to_play_until_somebody_does_or_looks_for_a_frame(stage: Stage) -> None:
    stage.playback["position_ms"] = 6020
    stage.open()
    stage.until_ready()
    stage.until_frame(150)
    invitation = stage.page.locator("[data-start]")
    expect(invitation).to_be_visible()
    stage.page.keyboard.press(".")
    expect(invitation).to_be_hidden()


def test_an_on_demand_stream_stays_with_one_quality(stage: Stage) -> None:
    stage.playback["mode"] = "on_demand"
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').currentTime > 5")
    assert (
        len({path.rpartition("/")[2].split("_")[0] for path in stage.asked if path.endswith(".m4s") and "audio" not in path} & {"hi", "lo"})
        == 1
    )
