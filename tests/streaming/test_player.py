"""The player in a real browser: keys, frames, the moment it remembers, and errors that say why."""

from __future__ import annotations

import shutil
import time
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.factories import make_user
from tests.fixtures.browser import axe_violations
from tests.media import COUNTER_BITS, COUNTER_FRAMES
from tests.streaming.conftest import Shelf, cookie_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from catalog.models import MediaFile
    from tests.fixtures.asgi_server import AsgiServer
    from tests.media import ClipLibrary

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RATE = {"frame_rate_num": 25, "frame_rate_den": 1}
# The frame on the screen, read from the eight bars of the counter clip.
SHOWN_FRAME = """(bits) => {
  const video = document.querySelector("video"), canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const pen = canvas.getContext("2d"); pen.drawImage(video, 0, 0);
  let number = 0;
  for (let bit = 0; bit < bits; bit++) {
    const x = Math.floor((bit + 0.5) * canvas.width / bits);
    if (pen.getImageData(x, canvas.height / 2, 1, 1).data[0] > 127) number += 1 << bit;
  }
  return number;
}"""


@pytest.fixture
def visitor(page: Page, asgi_server: AsgiServer) -> Page:
    """A page of a logged-in viewer."""
    name, _, value = cookie_of(make_user("viewer", language="en")).partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": asgi_server.url}])
    return page


def wait_until(page: Page, condition: str, within_s: float = 40.0) -> None:
    """Until a JavaScript expression is true. Playwright's own way evaluates in the page, which the content security policy forbids."""
    deadline = time.monotonic() + within_s
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(20)


def wait_for_player(page: Page) -> None:
    """Until there is a picture and the module takes keys."""
    expect(page.locator("[data-speed]")).to_be_enabled()
    wait_until(page, "document.querySelector('video').readyState >= 2 && !document.querySelector('video').seeking")


def open_clip(visitor: Page, server: AsgiServer, shelf: Shelf, clip: str, query: str = "", **fields: object) -> MediaFile:
    """Put a clip of the library on the shelf, open its watch page, wait for the first picture."""
    shutil.copy(clip, shelf.root / "clip.mp4")
    file = shelf.register("clip.mp4", **(RATE | fields))
    visitor.goto(f"{server.url}/watch/{file.pk}/{query}")
    wait_for_player(visitor)
    return file


def wait_for_frame(visitor: Page, frame: int) -> None:
    wait_until(visitor, f"(({SHOWN_FRAME})({COUNTER_BITS})) === {frame} && !document.querySelector('video').seeking")


def test_keys_step_exactly_one_frame(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary) -> None:
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]), "?t=4.02", start_timecode="01:00:00:00")
    wait_for_frame(visitor, 100)
    for expected in (101, 102, 103):
        visitor.keyboard.press(".")
        wait_for_frame(visitor, expected)
    for expected in (102, 101):
        visitor.keyboard.press(",")
        wait_for_frame(visitor, expected)
    expect(visitor.locator("[data-time]")).to_have_text("01:00:04:01")
    visitor.get_by_role("button", name="One frame forward").click()
    wait_for_frame(visitor, 102)


def test_every_seek_by_keys_reads_only_what_it_needs(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary) -> None:
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]))
    visitor.keyboard.press("ArrowRight")
    wait_until(visitor, "document.querySelector('video').currentTime === 5")
    visitor.keyboard.press("j")
    wait_until(visitor, "document.querySelector('video').currentTime === 0")
    visitor.keyboard.press("m")
    assert visitor.evaluate("document.querySelector('video').muted")
    visitor.keyboard.press(" ")
    wait_until(visitor, "document.querySelector('video').currentTime > 0.5")
    visitor.keyboard.press("k")
    wait_until(visitor, "document.querySelector('video').paused")


def test_the_way_to_the_library_stays_a_key_away(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary) -> None:
    """ "l" alone skips, "g l" leads to the library."""
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]))
    visitor.keyboard.press("g")
    visitor.keyboard.press("l")
    visitor.wait_for_url(f"{asgi_server.url}/")


def test_a_pause_names_the_moment_and_a_second_visit_goes_on_there(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    file = open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]), "?t=6")
    visitor.keyboard.press("k")
    wait_until(visitor, "document.querySelector('video').currentTime > 6.2")
    visitor.keyboard.press("k")
    visitor.wait_for_url("**/watch/*/?t=6.*")
    visitor.goto(f"{asgi_server.url}/watch/{file.pk}/")
    wait_until(visitor, "document.querySelector('video').currentTime > 6")
    expect(visitor.locator("[data-note]")).to_contain_text("00:00:06")


def test_playing_tells_the_server_that_somebody_looks(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary) -> None:
    file = open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]))
    with visitor.expect_response("**/viewed/") as told:
        visitor.keyboard.press("k")
    assert told.value.status == 204
    file.refresh_from_db()
    assert file.last_viewed_at is not None


@pytest.mark.parametrize("clip", ["moov_end.mp4", "vp9.webm"])
def test_what_is_said_to_play_does_play_to_its_end(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary, clip: str
) -> None:
    name = f"결승 1부{clips[clip].suffix}"
    shutil.copy(clips[clip], shelf.root / name)
    container = "matroska,webm" if clip.endswith("webm") else "mov,mp4,m4a,3gp,3g2,mj2"
    file = shelf.register(name, container=container)
    if clip.endswith("webm"):
        file.streams.filter(kind="video").update(codec="vp9")
        file.streams.filter(kind="audio").update(codec="opus")
    visitor.goto(f"{asgi_server.url}/watch/{file.pk}/?t=3")
    wait_for_player(visitor)
    visitor.keyboard.press("k")
    wait_until(visitor, "document.querySelector('video').ended")


def test_a_file_that_went_away_says_so_and_can_be_tried_again(
    chromium: Browser, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    """Not on `visitor`: that page takes the refused request for a defect."""
    page = chromium.new_page()
    name, _, value = cookie_of(make_user("viewer", language="en")).partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": asgi_server.url}])
    path = shelf.root / "clip.mp4"
    shutil.copy(clips["counter.mp4"], path)
    file = shelf.register("clip.mp4", **RATE)
    path.rename(shelf.root / "elsewhere")
    page.goto(f"{asgi_server.url}/watch/{file.pk}/")
    expect(page.get_by_role("alert")).to_contain_text("The file is no longer on its source.")
    (shelf.root / "elsewhere").rename(path)
    page.get_by_role("button", name="Try again").click()
    wait_until(page, "document.querySelector('video').currentTime > 0")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.context.close()


@pytest.mark.parametrize("codec", ["h264", "prores", "hevc"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary, codec: str, scheme: str) -> None:
    shutil.copy(clips["counter.mp4"], shelf.root / "clip.mp4")
    file = shelf.register("clip.mp4", **RATE)
    file.streams.filter(kind="video").update(codec=codec)
    visitor.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    visitor.goto(f"{asgi_server.url}/watch/{file.pk}/")
    if codec == "hevc":  # Debian's Chromium has no decoder for it
        expect(visitor.locator("[data-unsupported]")).to_be_visible()
    assert axe_violations(visitor) == []


@pytest.mark.parametrize(
    ("frame", "rate", "is_drop", "label"),
    [
        (107_957, (30_000, 1001), True, "01;00;02;05"),
        (107_957, (30_000, 1001), False, "00:59:58:17"),
        (0, (30_000, 1001), True, "00;00;00;00"),
        (1799, (30_000, 1001), True, "00;00;59;29"),
        (1800, (30_000, 1001), True, "00;01;00;02"),
        (17_982, (30_000, 1001), True, "00;10;00;00"),
        (3600, (60_000, 1001), True, "00;01;00;04"),
        (24, (24_000, 1001), False, "00:00:01:00"),
    ],
)
def test_timecode_labels(visitor: Page, asgi_server: AsgiServer, frame: int, rate: tuple[int, int], is_drop: bool, label: str) -> None:
    """FACTS, Playing 4, and the borders of minutes by SMPTE ST 12-1."""
    visitor.goto(f"{asgi_server.url}/accounts/login/")
    assert Fraction(*rate) > 0
    shown, back = visitor.evaluate(
        """async ([frame, num, den, isDrop]) => {
          const timecode = await import("/static/js/timecode.js");
          const shown = timecode.label(frame, { num, den }, isDrop);
          return [shown, timecode.frameNumber(shown, { num, den }, isDrop)];
        }""",
        [frame, *rate, is_drop],
    )
    assert (shown, back) == (label, frame)


def test_the_counter_clip_is_what_the_tests_think() -> None:
    assert COUNTER_FRAMES <= 1 << COUNTER_BITS
