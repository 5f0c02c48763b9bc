"""From a share that nobody here made to a picture that moves: what a person does on the first day."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ingest.demo_clips import FELT_BLUE, PCM, Clip, draw_clip
from tests.e2e.visitor import sign_in
from tests.fixtures.processes import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.fixtures.smbd import SmbServer
    from tests.fixtures.system import RunningSystem

pytestmark = [pytest.mark.browser, pytest.mark.smb, pytest.mark.processes, pytest.mark.timeout(300)]

KOREAN_NAME = "월드시리즈 결승 하이라이트.mp4"
LENGTH_S = 40
CLIPS = [
    Clip(f"WSOP/2024/{KOREAN_NAME}", "FINAL", FELT_BLUE, "A♠ K♥", seconds=LENGTH_S, size="640x360"),
    Clip("HCL/2025/HCL_S14_E03.mp4", "CASH GAME", FELT_BLUE, seconds=4, size="320x180"),
    Clip("PAD/2022/PAD_S01_E01.mov", "MASTER", FELT_BLUE, codecs=("-c:v", "prores", *PCM), seconds=2, size="320x180"),
]
JOB_ENDS_WITHIN_MS = 60_000
BUSY = "SELECT count(*) FROM jobs_job WHERE state IN ('queued', 'running')"


@pytest.fixture
def share(smb: SmbServer) -> SmbServer:
    """A share with three catalogs and a few odd neighbours."""
    for clip in CLIPS:
        draw_clip(clip, smb.root, threading.Event())
    (smb.root / "WSOP/2024/notes.mp4").write_text("This is not a film.")
    (smb.root / "HCL/2025/empty.mp4").touch()
    return smb


def test_a_share_is_added_scanned_searched_and_played(system: RunningSystem, share: SmbServer, page: Page) -> None:
    sign_in(page, system)
    _add_source(page, system, share)
    _watch_the_scan_end(page)
    _watch_another_scan_wait_for_its_server_and_go_on(page, system, share)
    _wait_until_idle(system)
    _find_by_search(page)
    _play_and_seek(page)
    _see_a_master_play_that_no_browser_opens(page, system)


def _add_source(page: Page, system: RunningSystem, share: SmbServer) -> None:
    page.goto(f"{system.url}/sources/add/")
    page.locator("input[name=name]").fill("nas")
    page.locator("input[name=url]").fill(share.url)
    page.locator("input[name=username]").fill(share.username)
    page.locator("input[name=password]").fill(share.password)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url("**/jobs/*/")


def _watch_the_scan_end(page: Page) -> None:
    """The page of the job says so by itself."""
    page.evaluate("window.isStillTheSamePage = true")
    expect(page.locator("#jobs-live [data-state=succeeded]")).to_be_visible(timeout=JOB_ENDS_WITHIN_MS)
    assert page.evaluate("window.isStillTheSamePage")


def _watch_another_scan_wait_for_its_server_and_go_on(page: Page, system: RunningSystem, share: SmbServer) -> None:
    _wait_until_idle(system)
    page.goto(f"{system.url}/sources/")
    share.pause()
    page.locator("form[action$='/scan/']:has(input[name=full]) button").click()
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("#jobs-live progress")).to_be_visible(timeout=JOB_ENDS_WITHIN_MS)
    share.resume()
    expect(page.locator("#jobs-live [data-state=succeeded]")).to_be_visible(timeout=JOB_ENDS_WITHIN_MS)


def _wait_until_idle(system: RunningSystem) -> None:
    """Found files are analysed, have their pictures, and can be searched."""
    eventually(
        lambda: system.count(BUSY) + system.count("SELECT count(*) FROM catalog_searchchange") == 0,
        within_s=JOB_ENDS_WITHIN_MS / 1000,
        what="all jobs end",
    )


def _find_by_search(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.locator("#top-search")).to_be_focused()
    page.keyboard.type("결승 2024")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/**")
    found = page.locator("#results a.media-link")
    expect(found).to_have_count(1)
    expect(found).to_have_attribute("title", KOREAN_NAME)
    found.click()
    page.wait_for_url("**/files/*/")


def _play_and_seek(page: Page) -> None:
    video = page.locator("video")
    expect(page.locator("[data-player][data-ready]")).to_be_visible(timeout=JOB_ENDS_WITHIN_MS)  # before that nobody hears its keys
    _wait_for(video, "video => video.readyState >= 1")
    assert abs(video.evaluate("video => video.duration") - LENGTH_S) < 0.2
    video.press("k")
    _wait_for(video, "video => video.currentTime > 1")
    video.evaluate("video => { video.currentTime = 30 }")
    _wait_for(video, "video => !video.seeking && video.currentTime > 31")
    assert video.evaluate("video => video.error") is None
    video.press("k")


def _wait_for(element: Locator, condition: str) -> None:
    """Asked from outside: a condition that waits in the page would be evaluated text, which its security policy forbids."""
    eventually(lambda: bool(element.evaluate(condition)), what=condition)


def _see_a_master_play_that_no_browser_opens(page: Page, system: RunningSystem) -> None:
    page.goto(f"{system.url}/search/?q=PAD_S01_E01")
    page.locator("#results a.media-link").click()
    page.wait_for_url("**/files/*/")
    expect(page.locator("[data-player][data-ready]")).to_be_visible()
    video = page.locator("video")
    video.press("k")
    _wait_for(video, "video => video.currentTime > 1")
    assert video.evaluate("video => video.error") is None


def test_the_keyboard_alone_leads_everywhere(system: RunningSystem, page: Page) -> None:
    sign_in(page, system)
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url(f"{system.url}/jobs/")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url(f"{system.url}/")
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
