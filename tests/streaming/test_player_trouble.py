"""The player when something breaks or is refused: it gets around it, keeps the moment, and says why when nothing helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.fixtures.player_stage import SHOWN_FRAME, Refusal, Stage, error, wait_for
from tests.streaming.test_player_stream import choose

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A browser that takes no more than three seconds of picture and sound beyond the frame on the screen.
SMALL_BUFFER = """
const append = SourceBuffer.prototype.appendBuffer;
SourceBuffer.prototype.appendBuffer = function (bytes) {
  const ahead = this.buffered.length ? this.buffered.end(this.buffered.length - 1) - document.querySelector("video").currentTime : 0;
  if (ahead > 3) {
    window.isFull = true;
    throw new DOMException("Full.", "QuotaExceededError");
  }
  return append.call(this, bytes);
};
"""


def asked(stage: Stage, *ends: str) -> list[str]:
    """What was asked for of these names, in order."""
    return [path for path in stage.asked if path.endswith(ends)]


def without_pictures(segment: bytes) -> bytes:
    """Refused when it is appended: its samples are no NAL units."""
    start = segment.index(b"mdat") + 4
    return segment[:start] + b"\xff" * (len(segment) - start)


def with_broken_pictures(segment: bytes) -> bytes:
    """Taken, and refused by the decoder: NAL units in order (length, header), and nonsense inside."""
    broken = bytearray(segment)
    at = segment.index(b"mdat") + 4
    while at < len(broken):
        end = at + 4 + int.from_bytes(broken[at : at + 4], "big")
        broken[at + 5 : end] = b"\xa5" * (end - at - 5)
        at = end
    return bytes(broken)


# --- decoders and buffers ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("broken", [without_pictures, with_broken_pictures])
def test_a_decoder_that_gives_up_begins_anew_where_it_was_as_fast_and_playing(brave_stage: Stage, broken: Callable[[bytes], bytes]) -> None:
    stage = brave_stage
    body = broken((stage.directory / "hi_0.m4s").read_bytes())
    stage.refusals.append(Refusal("hi_0.m4s", status=200, body=body, times=1))
    stage.open("?t=01:00:06:10")
    stage.until_ready()
    choose(stage.page, "quality", "360p")
    choose(stage.page, "speed", "0.5×")
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').currentTime > 6.5")
    stage.page.keyboard.press("ArrowLeft")  # to a segment that was not loaded yet
    stage.until_told("fault")
    stage.until(f"{SHOWN_FRAME} > 36 && {SHOWN_FRAME} < 100 && !document.querySelector('video').paused")
    assert stage.page.evaluate("document.querySelector('video').playbackRate") == 0.5
    assert stage.told("fault")[0]["code"] == "broken"


def test_a_full_buffer_is_no_defect(brave_stage: Stage) -> None:
    """hls.js asks for less then."""
    stage = brave_stage
    stage.page.add_init_script(SMALL_BUFFER)
    stage.open()
    stage.until_ready()
    stage.until("window.isFull")
    stage.page.keyboard.press("k")
    stage.until("document.querySelector('video').ended")
    assert not stage.told("fault")


def test_the_film_goes_on_without_subtitles_that_are_gone(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(error("s0.vtt", 404, "stream_part_missing", "This part of the stream does not exist."))
    stage.open("?t=01:00:05:00")
    stage.until_ready()
    choose(stage.page, "subtitles", "한국어 자막")
    assert "s0.vtt" in stage.until_told("fault")["detail"]
    stage.until("document.querySelector('[data-menu=subtitles] [aria-pressed=true]').textContent === 'Off'")
    stage.page.keyboard.press("Home")
    stage.until_frame(0)
    expect(stage.page.locator("[data-state]")).to_be_hidden()


# --- what is refused --------------------------------------------------------------------------------------------------
def test_a_page_whose_token_has_ended_meanwhile_asks_for_another(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(error("first-token/", 403, "stream_address_expired", "Expired."))
    stage.later["url"] = "/hls/second-token/main.m3u8"
    stage.open("?t=01:00:02:00")
    stage.until_ready()
    stage.until_frame(50)


def test_a_busy_machine_can_refuse_the_whole_stream(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(error("main.m3u8", 503, "encoder_busy", "Busy.", times=1, retry_after="1"))
    stage.open()
    expect(stage.page.locator("[data-state=busy]")).to_be_visible()
    stage.until_ready()
    expect(stage.page.locator("[data-state]")).to_be_hidden()


def test_addresses_that_a_store_has_signed_are_had_anew_by_loading_the_stream_anew(brave_stage: Stage) -> None:
    stage = brave_stage
    for token in ("first", "second"):
        for name in ("hi", "lo", "ko", "en"):
            playlist = (stage.directory / f"{name}.m3u8").read_text(encoding="utf-8").replace(f"{name}_", f"/signed/{token}/{name}_")
            stage.refusals.append(Refusal(f"{token}-token/{name}.m3u8", status=200, body=playlist.encode()))
    stage.page.route(f"{stage.server.url}/signed/**", stage.answer_stream)
    stage.refusals += [Refusal(f"signed/first/{name}_{at}.m4s", status=403) for name in ("hi", "lo") for at in (2, 3)]
    stage.later["url"] = "/hls/second-token/main.m3u8"
    stage.open()
    stage.until_ready()
    stage.go_to(190)
    stage.until_frame(190)
    assert asked(stage, "second-token/main.m3u8")


def test_a_store_that_is_offline_is_got_around_on_demand(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.playback["fallback_url"] = "/hls/fallback/main.m3u8?on_demand=1"
    for name in ("hi_3.m4s", "lo_3.m4s"):
        stage.refusals.append(error(f"first-token/{name}", 503, "stream_store_offline", "The storage does not answer.", retry_after="3"))
    stage.open()
    stage.until_ready()
    stage.go_to(170)
    stage.until_frame(170)
    assert asked(stage, "fallback/hi_3.m4s", "fallback/lo_3.m4s")
    assert stage.until_told("fault")["code"] == "refused"


def test_busy_is_not_said_while_there_is_picture_to_go_on_with(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.playback["mode"] = "on_demand"
    for name in ("hi_2.m4s", "lo_2.m4s"):
        stage.refusals.append(error(name, 503, "encoder_busy", "Busy.", times=1, retry_after="1"))
    stage.open()
    stage.until_ready()
    stage.until("document.querySelector('video').buffered.end(0) > 7.9")
    assert len(asked(stage, "hi_2.m4s", "lo_2.m4s")) > 1
    expect(stage.page.locator("[data-state=busy]")).to_have_count(0)  # the panel would keep the name of what it said last


def test_a_refused_token_is_renewed_without_a_word(brave_stage: Stage) -> None:
    stage = brave_stage
    for name in ("hi_2", "hi_3", "lo_2", "lo_3"):  # wherever the stream is when its token ends
        stage.refusals.append(error(f"first-token/{name}", 403, "permission_denied", "Expired."))
    stage.later["url"] = "/hls/second-token/main.m3u8"
    stage.open()
    stage.until_ready()
    stage.go_to(190)
    stage.until_frame(190)
    assert any("/second-token/" in path and path.endswith(("hi_3.m4s", "lo_3.m4s")) for path in stage.asked)
    assert not any("/second-token/" in path and path.endswith("/main.m3u8") for path in stage.asked), "the stream is not loaded anew"
    expect(stage.page.locator("[data-state]")).to_be_hidden()


def test_a_token_that_stays_refused_ends_in_words(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(error("_1.m4s", 403, "permission_denied", "You may not play this file."))
    stage.open()
    stage.until_ready()
    stage.page.keyboard.press("k")
    expect(stage.page.locator("[data-state=refused]")).to_be_visible()
    expect(stage.page.locator("[data-state-reasons]")).to_have_text("You may not play this file.")


def test_a_broken_rung_is_left_for_the_one_below_and_reported(brave_stage: Stage) -> None:
    stage = brave_stage
    stage.refusals.append(Refusal("hi_2.m4s", status=200, body=b"no segment at all" * 40))
    stage.open()
    stage.until_ready()
    choose(stage.page, "quality", "360p")
    stage.go_to(110)
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
    stage.go_to(170)
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
    wait_for(stage.page, lambda: bool(asked(stage, "_3.m4s")))
    stage.page.keyboard.press(".")  # there is picture to go on with, and the keys are alive
    stage.until_frame(1)
    expect(stage.page.locator("[data-state]")).to_be_hidden()
    stage.go_to(170)
    expect(stage.page.locator("[data-state=offline]")).to_be_visible()
    expect(stage.page.locator("[data-state-reasons]")).to_have_text("The source archive cannot be reached.")
    stage.refusals.clear()
    stage.page.get_by_role("button", name="Try again").click()
    stage.until(f"{SHOWN_FRAME} >= 170")
