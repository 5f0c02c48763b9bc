"""Every way of playing shows the asked frame, each frame once, in a real browser; read from the numbers in the pictures."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from ingest.models import ScanMode
from ingest.services import scans
from mam.jobs.testing import run_pending
from streaming.choices import PlaybackMode, RenditionKind, RenditionState
from streaming.encoding import duration_of
from streaming.models import Rendition
from streaming.services import renditions
from tests.factories import make_user
from tests.frame_clips import RATES, SHOWN_FRAME, Numbered, make
from tests.streaming.conftest import Shelf, cookie_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from catalog.models import MediaFile
    from tests.fixtures.asgi_server import AsgiServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

SECONDS = 26  # seven segments
SEEKS = 100
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac", "-b:a", "96k")
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "6M", "-bf", "2", "-c:a", "pcm_s16le")

# Seeks to a moment and resolves with the number on the screen once the picture of that moment is there; says what the page shows instead.
SEEK = f"""async (seconds) => {{
  const video = document.querySelector("video");
  const told = () => `${{video.readyState}} ${{video.error?.message}} ${{document.querySelector("[data-player]").innerText}}`;
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`no picture of ${{seconds}} s: ${{told()}}`)), 90_000));
  const painted = new Promise((resolve) => {{  // that of a seek before it may come first
    const look = (_, {{ mediaTime }}) => (Math.abs(mediaTime - seconds) < 0.2 ? resolve() : video.requestVideoFrameCallback(look));
    video.requestVideoFrameCallback(look);
  }});
  const sought = new Promise((resolve) => video.addEventListener("seeked", resolve, {{ once: true }}));
  video.currentTime = seconds;
  await Promise.race([sought, late]);
  await Promise.race([painted, new Promise((resolve) => setTimeout(resolve, 1500))]);
  return {SHOWN_FRAME};
}}"""
# Plays on and keeps, for every picture put on the screen, its number and when it is due. Both are read from one VideoFrame: what the
# element shows may have moved on by the time a callback looks.
WATCH = """() => {
  const video = document.querySelector("video"), canvas = new OffscreenCanvas(160, 90);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  window.seen = [];
  const note = () => {
    const frame = new VideoFrame(video);
    pen.drawImage(frame, 0, 0, 160, 90);
    const row = pen.getImageData(0, 30, 160, 1).data;
    let number = 0;
    for (let bit = 0; bit < 16; bit++) if (row[4 * (bit * 10 + 5)] > 127) number += 1 << bit;
    if (window.seen.at(-1)?.[1] !== frame.timestamp) window.seen.push([number, frame.timestamp]);
    frame.close();
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note); video.muted = true; video.play();
}"""

# Moves on from each moment as soon as the other one beside it has arrived, and never lets a picture stand.
DRAG = """async (places) => {
  const video = document.querySelector("video");
  const isThere = (seconds) =>
    [...Array(video.buffered.length).keys()].some((range) => video.buffered.start(range) <= seconds && seconds < video.buffered.end(range));
  for (const [seconds, awaited] of places) {
    while (!isThere(awaited)) {
      video.currentTime = seconds + Math.random() / 100;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}"""


@dataclass(frozen=True)
class Way:
    """A way of playing, and a kind of file that needs it. `options` get the length of a GOP in frames."""

    mode: PlaybackMode
    name: str
    options: Callable[[int], tuple[str, ...]]
    is_prepared: bool = False


WAYS = [
    Way(PlaybackMode.DIRECT, "direct.mp4", lambda gop: (*X264, "-g", str(gop), *AAC)),
    Way(PlaybackMode.REMUX, "remux.mkv", lambda gop: (*X264, "-g", str(gop), "-sc_threshold", "0", *AAC), is_prepared=True),
    Way(PlaybackMode.PREPARED, "prepared.mxf", lambda gop: MPEG2, is_prepared=True),
    Way(PlaybackMode.ON_DEMAND, "ondemand.mxf", lambda gop: MPEG2),
]
MPEG2_RATES = {"23.976", "25", "29.97", "59.94"}


@pytest.fixture
def visitor(asgi_server: AsgiServer, page: Page) -> Page:
    name, _, value = cookie_of(make_user("viewer", language="en")).partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": asgi_server.url}])
    return page


def catalogue(shelf: Shelf) -> None:
    """Find and understand what lies there for an hour, as a scan does; what makes renditions waits."""
    for path in shelf.root.iterdir():
        os.utime(path, (time.time() - 3600,) * 2)
    scans.request_scan(source=shelf.source, mode=ScanMode.FULL, user=None)
    run_pending("fast")


def prepare(file: MediaFile) -> None:
    rendition = renditions.want(file=file, kind=RenditionKind.HLS)
    run_pending("media", kinds=["streaming.hls"])
    rendition.refresh_from_db()
    assert rendition.state == RenditionState.READY, (rendition.error_code, rendition.error_params, rendition.log_tail)


def until(page: Page, condition: str, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, (condition, page.evaluate("document.querySelector('video')?.currentTime"))
        page.wait_for_timeout(50)


def open_watch_page(visitor: Page, server: AsgiServer, file: MediaFile) -> None:
    visitor.goto(f"{server.url}/watch/{file.pk}/")
    until(visitor, "(document.querySelector('video')?.readyState ?? 0) >= 2")


def shelve(shelf: Shelf, name: str, clip: Numbered) -> MediaFile:
    make(shelf.root / name, clip)
    catalogue(shelf)
    return shelf.source.files.select_related("folder", "source").get(name=name)


def middle_of(frame: int, rate: Fraction) -> float:
    return float((frame + 0.5) / rate)


@pytest.mark.parametrize("rate_name", list(RATES))
@pytest.mark.parametrize("way", WAYS, ids=[way.mode.value for way in WAYS])
def test_a_hundred_seeks_each_show_the_asked_frame(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, way: Way, rate_name: str) -> None:
    rate = RATES[rate_name]
    clip = Numbered(rate, int(SECONDS * rate), way.options(round(2 * rate)))
    file = shelve(shelf, way.name, clip)
    if way.is_prepared:
        prepare(file)
    open_watch_page(visitor, asgi_server, file)
    chance = random.Random(rate_name + way.name)
    asked = [chance.randrange(clip.frames) for _ in range(SEEKS)]
    shown = [visitor.evaluate(SEEK, middle_of(frame, rate)) for frame in asked]
    assert shown == asked
    file.playback.refresh_from_db()
    assert file.playback.mode == (PlaybackMode.ON_DEMAND if way.mode is PlaybackMode.PREPARED else way.mode)


@pytest.mark.parametrize("way", WAYS, ids=[way.mode.value for way in WAYS])
def test_playing_over_three_borders_shows_every_frame_once(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, way: Way) -> None:
    rate = RATES["25"]
    clip = Numbered(rate, int(SECONDS * rate), way.options(round(2 * rate)))
    file = shelve(shelf, way.name, clip)
    if way.is_prepared:
        prepare(file)
    open_watch_page(visitor, asgi_server, file)
    visitor.evaluate(WATCH)
    until(visitor, "document.querySelector('video').currentTime > 14")
    seen = visitor.evaluate("window.seen")
    numbers = [number for number, _ in seen]
    assert numbers == sorted(set(numbers)), "no frame twice, none backward"
    assert numbers == [int(timestamp_us * rate / 1_000_000 + Fraction(1, 2)) for _, timestamp_us in seen], "each frame when it is due"
    # The browser leaves frames out when the machine is busy; that none is missing is seen by asking for each around the borders.
    around = [border + offset for border in (100, 200, 300) for offset in range(-3, 4)]
    visitor.evaluate("document.querySelector('video').pause()")
    assert [visitor.evaluate(SEEK, middle_of(frame, rate)) for frame in around] == around


def test_dragging_about_before_the_first_picture_may_end_at_the_end(visitor: Page, asgi_server: AsgiServer, shelf: Shelf) -> None:
    """Nothing arrives any more that could tell the player to look whether something follows."""
    rate = RATES["25"]
    file = shelve(shelf, "dragged.mxf", Numbered(rate, int(SECONDS * rate), MPEG2))
    visitor.route(lambda url: url.endswith("/3.m4s"), lambda _route: None)  # after the second place: on its way for ever
    visitor.goto(f"{asgi_server.url}/watch/{file.pk}/")
    until(visitor, "(document.querySelector('video')?.readyState ?? 0) >= 1")
    visitor.evaluate(DRAG, [(22.7, SECONDS - 0.1), (8.8, 8.9)])
    assert visitor.evaluate(SEEK, middle_of(646, rate)) == 646


def test_frames_of_a_variable_rate_are_shown_at_their_times(visitor: Page, asgi_server: AsgiServer, shelf: Shelf) -> None:
    """Every third frame of the second half is left out: the one before it stays on the screen."""
    rate = RATES["25"]
    frames = int(12 * rate)
    left_out = {frame for frame in range(frames // 2, frames) if frame % 3 == 0}
    options = ("-vf", f"select='lt(n,{frames // 2})+mod(n,3)',scale=320:180,format=yuv420p", "-fps_mode", "vfr", *MPEG4_ASP, *AAC)
    file = shelve(shelf, "variable.avi.mkv", Numbered(rate, frames, options))
    open_watch_page(visitor, asgi_server, file)
    chance = random.Random(7)
    asked = [chance.randrange(frames - 1) for _ in range(SEEKS)]
    expected = [frame - 1 if frame in left_out else frame for frame in asked]
    assert [visitor.evaluate(SEEK, middle_of(frame, rate)) for frame in asked] == expected


MPEG4_ASP = ("-c:v", "mpeg4", "-q:v", "3", "-g", "30")  # a codec that no browser plays


def test_switching_quality_keeps_the_frame(visitor: Page, asgi_server: AsgiServer, shelf: Shelf) -> None:
    rate = RATES["29.97"]
    file = shelve(shelf, "ladder.mxf", Numbered(rate, int(16 * rate), MPEG2, size="1280x720"))
    prepare(file)
    open_watch_page(visitor, asgi_server, file)
    for frame, height_px in [(100, 360), (250, 720), (333, 480)]:
        assert visitor.evaluate(SEEK, middle_of(frame, rate)) == frame
        visitor.locator('button[popovertarget$="-quality"]').click()
        visitor.locator('[data-menu="quality"]').get_by_role("button", name=f"{height_px}p").click()
        until(visitor, f"document.querySelector('video').videoHeight === {height_px}")
        until(visitor, f"({SHOWN_FRAME}) === {frame}")


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("프로레스.mov", ("-c:v", "prores_ks", "-profile:v", "3", "-pix_fmt", "yuv422p10le", "-c:a", "pcm_s16le"), "640x360"),
        ("interlaced.ts", ("-flags", "+ildct+ilme", "-top", "1", "-c:v", "mpeg2video", "-b:v", "8M", "-c:a", "mp2"), "720x576"),
        ("uhd.mkv", ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", *AAC), "3840x2160"),
    ],
    ids=["prores", "interlaced-ts", "4k-hevc"],
)
def test_what_no_browser_opens_plays_at_once(
    visitor: Page, asgi_server: AsgiServer, shelf: Shelf, name: str, options: tuple[str, ...], size: str
) -> None:
    file = shelve(shelf, name, Numbered(RATES["25"], 110, options, size=size))
    open_watch_page(visitor, asgi_server, file)
    visitor.evaluate(WATCH)
    until(visitor, "document.querySelector('video').currentTime > 2")
    visitor.evaluate("document.querySelector('video').pause()")
    for frame in (0, 50, 99, 100, 108):
        assert abs(visitor.evaluate(SEEK, middle_of(frame, RATES["25"])) - frame) <= (1 if "interlaced" in name else 0)


def test_korean_subtitles_of_an_mkv_are_shown(visitor: Page, asgi_server: AsgiServer, shelf: Shelf, tmp_path: Path) -> None:
    subtitles = tmp_path / "subtitles.srt"
    subtitles.write_text("1\n00:00:01,000 --> 00:00:05,000\n올인, 그리고 콜입니다.\n", encoding="utf-8")
    options = ("-map", "0:v", "-map", "1:a", "-map", "2:s", *MPEG4_ASP, *AAC, "-c:s", "srt", "-metadata:s:s:0", "language=kor")
    make(shelf.root / "자막.mkv", Numbered(RATES["25"], 200, options), extra_inputs=("-i", str(subtitles)))
    catalogue(shelf)
    file = shelf.source.files.select_related("folder", "source").get()
    prepare(file)
    open_watch_page(visitor, asgi_server, file)
    visitor.keyboard.press("c")
    visitor.evaluate(SEEK, 2.0)
    until(visitor, "[...document.querySelector('video').textTracks].some((track) => track.activeCues?.[0]?.text.includes('올인'))")


def test_a_rendition_is_what_was_played(shelf: Shelf) -> None:
    """The stored tracks hold as many frames as the source, in as many segments as the grid has."""
    rate = RATES["59.94"]
    file = shelve(shelf, "counted.mxf", Numbered(rate, int(10 * rate), MPEG2))
    prepare(file)
    stream = Rendition.objects.get(file=file, kind=RenditionKind.HLS)
    for track in stream.tracks.filter(kind="video"):
        ticks = sum(duration for duration, _ in track.segments)
        assert Fraction(ticks, track.timescale) == duration_of(file) == int(10 * rate) / rate
