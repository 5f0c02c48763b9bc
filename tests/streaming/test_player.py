"""The player with files that browsers play as they lie, from the real server: frames, the moment it keeps, and errors that say why."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from streaming.models import PlaybackFault, WatchPosition
from tests.factories import make_user
from tests.fixtures.browser import axe_violations
from tests.fixtures.player_stage import PATIENCE_S, SHOWN_FRAME, until, wait_for
from tests.media import COUNTER_BITS, COUNTER_FRAMES
from tests.streaming.conftest import Shelf, cookie_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

    from catalog.models import MediaFile
    from tests.fixtures.asgi_server import AsgiServer
    from tests.media import ClipLibrary

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What the page brought says which type stands for HEVC: one that this browser plays.
AS_IF_HEVC_WERE_PLAYED = """
document.addEventListener("readystatechange", () => {
  const embedded = document.getElementById("playback");
  if (document.readyState !== "interactive" || !embedded) return;
  embedded.textContent = JSON.stringify({ ...JSON.parse(embedded.textContent), hevc_type: "video/mp4" });
});
"""
# The element fails as it does when a connection ends in the middle, until it is loaded again.
LOSE_THE_CONNECTION = """(() => {
  const video = document.querySelector("video");
  Object.defineProperty(video, "error", { configurable: true, get: () => ({ code: MediaError.MEDIA_ERR_NETWORK, message: "" }) });
  video.addEventListener("emptied", () => {
    delete video.error;
    window.isLoadedAgain = true;
  });
  video.dispatchEvent(new Event("error"));
})()"""
RATE = {"frame_rate_num": 25, "frame_rate_den": 1, "duration_ms": 8000}


def sign_in(page: Page, server: AsgiServer) -> None:
    name, _, value = cookie_of(make_user("viewer", language="en")).partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": server.url}])


@pytest.fixture
def visitor(asgi_server: AsgiServer, page: Page) -> Iterator[Page]:
    """A page of a logged-in viewer, closed before the server is."""
    sign_in(page, asgi_server)
    yield page
    page.close()


def wait_for_player(page: Page) -> None:
    """Until there is a picture and the controls have come alive."""
    expect(page.locator("[data-player][data-ready]")).to_be_visible(timeout=PATIENCE_S * 1000)
    until(page, "document.querySelector('video').readyState >= 2 && !document.querySelector('video').seeking")


def wait_for_frame(page: Page, frame: int) -> None:
    until(page, f"{SHOWN_FRAME} === {frame}")


def open_clip(visitor: Page, server: AsgiServer, shelf: Shelf, clip: str, query: str = "", **fields: object) -> MediaFile:
    """Put a clip of the library on the shelf, open its watch page, wait for the first picture."""
    shutil.copy(clip, shelf.root / "clip.mp4")
    file = shelf.register("clip.mp4", **(RATE | fields))
    visitor.goto(f"{server.url}/watch/{file.pk}/{query}")
    wait_for_player(visitor)
    return file


def test_keys_step_exactly_one_frame(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary) -> None:
    loaded: list[str] = []
    visitor.on("request", lambda request: loaded.append(request.url))
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]), "?t=01:00:04:00", start_timecode="01:00:00:00")
    wait_for_frame(visitor, 100)
    for expected in (101, 102, 103):
        visitor.keyboard.press(".")
        wait_for_frame(visitor, expected)
    for expected in (102, 101):
        visitor.keyboard.press(",")
        wait_for_frame(visitor, expected)
    expect(visitor.locator("[data-time]")).to_have_value("01:00:04:01")
    visitor.get_by_role("button", name="One frame forward").click()
    wait_for_frame(visitor, 102)
    assert not [url for url in loaded if "hls.min" in url], "what needs no stream loads no library for streams"


def test_every_seek_by_keys_is_exact(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary) -> None:
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]))
    for key, frame in [("ArrowRight", 125), ("Shift+ArrowRight", 150), ("ArrowLeft", 25), ("End", 199), ("Home", 0)]:
        visitor.keyboard.press(key)
        wait_for_frame(visitor, frame)
    visitor.keyboard.press("m")
    assert visitor.evaluate("document.querySelector('video').muted")
    visitor.keyboard.press(" ")
    until(visitor, "document.querySelector('video').currentTime > 0.5")
    visitor.keyboard.press("k")
    until(visitor, "document.querySelector('video').paused")


def test_the_moment_is_kept_for_who_leaves_and_a_second_visit_goes_on_there(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    file = open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]), "?t=6")
    visitor.goto(f"{asgi_server.url}/")
    wait_for(visitor, lambda: WatchPosition.objects.filter(file=file, position_ms=6020).exists())
    visitor.goto(f"{asgi_server.url}/watch/{file.pk}/")
    wait_for_player(visitor)
    wait_for_frame(visitor, 150)
    expect(visitor.locator("[data-note]")).to_contain_text("00:00:06:00")


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
    until(visitor, "document.querySelector('video').ended")


def test_a_file_that_went_away_says_so_and_can_be_tried_again(
    chromium: Browser, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    """Not on `visitor`: that page takes the refused request for a defect."""
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, asgi_server)
    path = shelf.root / "clip.mp4"
    shutil.copy(clips["counter.mp4"], path)
    file = shelf.register("clip.mp4", **RATE)
    path.rename(shelf.root / "elsewhere")
    page.goto(f"{asgi_server.url}/watch/{file.pk}/")
    expect(page.locator("[data-state=failed]")).to_contain_text("The file is no longer on its source.", timeout=PATIENCE_S * 1000)
    wait_for(page, lambda: PlaybackFault.objects.filter(file=file, code="refused").exists())
    (shelf.root / "elsewhere").rename(path)
    page.get_by_role("button", name="Try again").click()
    until(page, "document.querySelector('video').currentTime > 0")
    expect(page.locator("[data-state]")).to_be_hidden()
    context.close()


def test_a_file_plays_on_while_what_expires_beside_it_is_renewed(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    """And it is asked for as it was at first: with what this browser plays."""
    asked: list[str] = []

    def answer_playback(route: Route) -> None:
        asked.append(route.request.url)
        soon = timezone.now() + timedelta(seconds=62)  # it is renewed a minute before
        chapters = [{"start_ms": 0, "end_ms": 8000, "title": "Renewed"}] if len(asked) > 1 else []
        changes = {"expires_at": soon.isoformat() if len(asked) == 1 else "2099-01-01T00:00:00Z", "chapters": chapters}
        route.fulfill(json=route.fetch().json() | changes)

    visitor.route("**/api/v1/files/*/playback*", answer_playback)
    visitor.add_init_script(AS_IF_HEVC_WERE_PLAYED)
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]), "?t=3")
    visitor.evaluate("document.querySelector('video').addEventListener('seeking', () => (window.hasJumped = true))")
    expect(visitor.locator('button[popovertarget$="-chapters"]')).to_be_visible(timeout=PATIENCE_S * 1000)
    assert all("hevc=1" in url for url in asked)
    visitor.keyboard.press("k")
    until(visitor, "document.querySelector('video').currentTime > 3.3")
    assert not visitor.evaluate("Boolean(window.hasJumped)")


def test_a_file_is_loaded_again_after_the_connection_was_away(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    loaded: list[str] = []
    visitor.on("request", lambda request: loaded.append(request.url))
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]), "?t=3")
    visitor.keyboard.press("k")
    until(visitor, "document.querySelector('video').currentTime > 3.3")
    visitor.evaluate(LOSE_THE_CONNECTION)
    until(visitor, "window.isLoadedAgain && document.querySelector('video').currentTime > 3.6")
    assert visitor.evaluate("document.querySelector('video').currentSrc").endswith("/clip.mp4")
    assert not [url for url in loaded if ".m3u8" in url]


def test_the_panel_of_the_file_page_plays_and_takes_the_moment_along(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary
) -> None:
    """As a fragment it has no data of its own and asks for them; what it shows has the page's policy."""
    shutil.copy(clips["counter.mp4"], shelf.root / "clip.mp4")
    file = shelf.register("clip.mp4", **RATE)
    visitor.goto(asgi_server.url + reverse("catalog:file_detail", args=[file.pk]))
    wait_for_player(visitor)
    visitor.locator("[data-time]").fill("#70")
    visitor.keyboard.press("Enter")
    wait_for_frame(visitor, 70)
    visitor.get_by_role("link", name="Large player").click()
    visitor.wait_for_url("**/watch/*/?t=00:00:02:20")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, clips: ClipLibrary, scheme: str) -> None:
    visitor.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    open_clip(visitor, asgi_server, shelf, str(clips["counter.mp4"]))
    assert axe_violations(visitor) == []


def test_the_counter_clip_is_what_the_tests_think() -> None:
    assert COUNTER_FRAMES <= 1 << COUNTER_BITS
