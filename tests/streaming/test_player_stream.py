"""The player with a stream: every frame of it can be reached, and what there is can be chosen."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from streaming.delivery import LEFT
from tests.fixtures.player_stage import PATIENCE_S, SHOWN_FRAME, Stage, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.media import ClipLibrary

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


def test_a_button_ends_the_shuttle_too(stage: Stage) -> None:
    stage.open("?t=01:00:04:00")
    stage.until_ready()
    for key in "llj":
        stage.page.keyboard.press(key)
    expect(stage.page.locator("[data-shuttle]")).to_have_text("◀◀ 1×")
    stage.page.locator("media-play-button").click()
    expect(stage.page.locator("[data-shuttle]")).to_be_hidden()
    assert stage.page.evaluate("document.querySelector('video').playbackRate") == 1


def test_a_key_that_is_held_down_is_one_press_but_for_those_that_move(stage: Stage) -> None:
    stage.open()
    stage.until_ready()
    for _ in range(3):
        stage.page.keyboard.down(".")
    stage.until_frame(3)
    for _ in range(3):
        stage.page.keyboard.down("l")
    assert stage.page.evaluate("document.querySelector('video').playbackRate") == 1


def test_a_key_means_the_same_with_a_korean_input_source(stage: Stage) -> None:
    stage.open("?t=01:00:04:00")
    stage.until_ready()
    stage.page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ㅓ', code: 'KeyJ', bubbles: true, cancelable: true}))"
    )
    expect(stage.page.locator("[data-shuttle]")).to_have_text("◀◀ 1×")


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
    assert stage.page.evaluate("document.querySelector('video').currentTime * 25 % 1") == pytest.approx(0.5, abs=1e-3)
    assert stage.page.locator("[data-chapter-dots] > i").count() == 1


def test_the_right_end_of_the_slider_is_the_last_frame(stage: Stage) -> None:
    """Not the end of the film, where the next part would take over."""
    stage.playback["next"] = {"url": "/watch/999999/", "title": "결승 2부"}
    stage.open()
    stage.until_ready()
    box = stage.page.locator("media-time-range").bounding_box()
    assert box
    stage.page.mouse.click(box["x"] + box["width"] - 1, box["y"] + box["height"] / 2)
    stage.until_frame(199)
    assert not stage.page.evaluate("document.querySelector('video').ended")
    expect(stage.page.locator("[data-next]")).to_be_hidden()


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


def test_the_panel_loads_a_picture_when_somebody_looks_for_a_frame(stage: Stage) -> None:
    stage.open_panel()
    expect(stage.page.locator("[data-player][data-ready]")).to_be_visible(timeout=PATIENCE_S * 1000)
    stage.page.locator("[data-time]").fill("#70")
    assert not [path for path in stage.asked if path.endswith(".m4s")]
    stage.page.keyboard.press("Enter")
    stage.until_frame(70)
    assert stage.page.evaluate("document.querySelector('video').paused")


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


def address_of(frame: int) -> str:
    """The time code that names a frame of the stage's film."""
    return f"01:00:{frame // 25:02}:{frame % 25:02}"


@pytest.mark.parametrize("frame", [174, 196, 199])
def test_a_moment_just_before_the_end_is_a_place_to_begin(stage: Stage, frame: int) -> None:
    stage.open(f"?t={address_of(frame)}")
    stage.until_ready()
    stage.until_frame(frame)
    wait_for(stage.page, lambda: stage.page.url.endswith(f"?t={address_of(frame)}"))  # the address follows the picture


def test_a_moment_behind_the_end_means_the_last_frame(stage: Stage) -> None:
    stage.playback["frames"] = None
    stage.open("?t=999")
    stage.until_ready()
    stage.until_frame(199)
    wait_for(stage.page, lambda: stage.page.url.endswith("?t=01:00:07:24"))


def test_a_picture_that_was_left_is_the_one_that_comes_back(stage: Stage) -> None:
    stage.open("?t=01:00:05:10")
    stage.until_ready()
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').currentTime > 5.9")
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').paused")
    wait_for(stage.page, lambda: stage.page.url.endswith(f"?t={address_of(stage.page.evaluate(SHOWN_FRAME))}"))  # it rests
    left = stage.page.evaluate(SHOWN_FRAME)
    stage.page.evaluate("dispatchEvent(new Event('pagehide'))")
    wait_for(stage.page, lambda: stage.until_told("position")["position_ms"] == str(round(1000 * (left + 0.5) / 25)))


def test_the_end_may_be_gone_to_before_there_was_a_picture(stage: Stage) -> None:
    stage.page.add_init_script(
        "document.addEventListener('loadedmetadata', ({ target }) => (target.currentTime = 7.98), { capture: true, once: true })"
    )
    stage.open()
    stage.until_ready()
    stage.until_frame(199)


def test_another_sound_of_a_file_that_plays_as_it_lies_is_in_its_fallback(stage: Stage, clips: ClipLibrary) -> None:
    shutil.copy(clips["counter.mp4"], stage.directory / "counter.mp4")
    stage.playback |= {"mode": "direct", "url": "/hls/first-token/counter.mp4", "sounds": ["한국어", "English"]}
    stage.playback["fallback_url"] = "/hls/fallback/main.m3u8?on_demand=1"
    stage.open()
    stage.until_ready()
    choose(stage.page, "audio", "English")
    stage.until("document.querySelector('[data-menu=audio] [aria-pressed=true]').textContent === 'English'")
    stage.until_ready()
    stage.until_frame(0)
    heard = {path.rpartition("/")[2].partition("_")[0] for path in stage.asked if path.endswith(".m4s")} & {"ko", "en"}
    assert heard == {"en"}


def test_who_leaves_frees_the_encoders_that_worked_for_them(stage: Stage) -> None:
    stage.playback["mode"] = "on_demand"
    stage.open()
    stage.until_ready()
    assert not stage.told(LEFT)
    stage.page.evaluate("dispatchEvent(new Event('pagehide'))")  # a page that is really gone is no longer seen; see test_untouched_film
    stage.until_told(LEFT)
