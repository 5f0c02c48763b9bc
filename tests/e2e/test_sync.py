"""From a new file on the NAS to its entry at the OTT platform, and after it when it moves: what the content operator asks for each day."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ingest.demo_clips import FELT_BLUE, Clip, draw_clip
from tests.e2e.visitor import sign_in
from tests.fixtures.processes import eventually
from tests.fixtures.system import running_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from tests.fixtures.smbd import SmbServer
    from tests.fixtures.system import RunningSystem

pytestmark = [pytest.mark.browser, pytest.mark.smb, pytest.mark.processes, pytest.mark.timeout(400)]

NAME, OLD, NEW = "파이널 테이블 Day1.mp4", "WSOP/2024", "WSOP/2025"
WITHIN_MS = 60_000
BUSY = "SELECT (SELECT count(*) FROM jobs_job WHERE state IN ('queued', 'running')) + (SELECT count(*) FROM sync_touch)"
SHOTS = os.environ.get("MAM_SCREENSHOTS")  # a folder: pictures for docs/sync.md go there

WORDS = {
    "ko-KR": {"new": "신규", "synced": "동기화됨", "moved": "이동"},
    "en-GB": {"new": "New", "synced": "Synced", "moved": "Moved"},
}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RunningSystem]:
    """An embedded system as it is after its first start, without a source."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo.made").touch()
    with running_system(tmp_path / "data") as started:
        yield started


@pytest.fixture
def share(smb: SmbServer) -> SmbServer:
    """A share with a new film, and a neighbour that browsers cannot play."""
    draw_clip(Clip(f"{OLD}/{NAME}", "FINAL", FELT_BLUE, "A♠ K♥", seconds=4, size="320x180"), smb.root, threading.Event())
    (smb.root / OLD / "raw.mxf").write_bytes(b"\0" * 4096)
    return smb


@pytest.mark.parametrize("locale", ["ko-KR", "en-GB"])
def test_a_new_file_goes_up_and_is_followed_when_it_moves(
    fresh: RunningSystem, share: SmbServer, new_page: Callable[..., Page], locale: str
) -> None:
    page = new_page(locale=locale, viewport={"width": 1440, "height": 900})
    words = WORDS[locale]
    sign_in(page, fresh)
    _add_source(page, fresh, share)
    _wait_until_idle(fresh)
    assert _row(page, fresh)["status"] == words["new"]

    log = page.context.new_page()
    log.goto(f"{fresh.url}/sync/log/")
    _press(page, fresh, "#run-sync")
    _wait_until_idle(fresh)
    first, last = (fresh.count(f"SELECT {which}(id) FROM jobs_joblog WHERE code LIKE 'sync_%'") for which in ("min", "max"))  # noqa: S608
    for line in (first, last):
        expect(log.locator(f"[data-seq='{line}']")).to_be_visible(timeout=WITHIN_MS)
    synced = _row(page, fresh)
    assert synced["status"] == words["synced"]
    assert synced["id"]
    _shoot(page, "matches", locale)
    _shoot(log, "log", locale)

    (share.root / NEW).mkdir(parents=True)
    (share.root / OLD / NAME).rename(share.root / NEW / NAME)
    _press(page, fresh, "#scan-all")
    _wait_until_idle(fresh)
    moved = _row(page, fresh)
    assert (moved["status"], moved["id"]) == (words["moved"], synced["id"])
    assert moved["target"].startswith(OLD)
    _shoot(page, "moved", locale)
    _press(page, fresh, "#run-sync")
    _wait_until_idle(fresh)
    after = _row(page, fresh)
    assert (after["status"], after["id"]) == (words["synced"], synced["id"])
    assert after["target"].startswith(NEW)
    page.goto(f"{fresh.url}/sync/history/")
    for folder in (OLD, NEW):
        expect(page.locator("main")).to_contain_text(folder)
    for name, path in (("dashboard", "/sync/"), ("history", "/sync/history/"), ("tree", "/sync/tree/"), ("settings", "/sync/settings/")):
        page.goto(fresh.url + path)
        _shoot(page, name, locale)
    page.goto(f"{fresh.url}/sync/plans/")
    page.locator("main tbody a[href*='/sync/plans/']").first.click()
    page.wait_for_url("**/sync/plans/*/")
    _shoot(page, "plan", locale)


def _add_source(page: Page, system: RunningSystem, share: SmbServer) -> None:
    page.goto(f"{system.url}/sources/add/")
    for name, value in (("name", "nas"), ("url", share.url), ("username", share.username), ("password", share.password)):
        page.locator(f"input[name={name}]").fill(value)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url("**/jobs/*/")
    expect(page.locator("#jobs-live [data-state=succeeded]")).to_be_visible(timeout=WITHIN_MS)


def _press(page: Page, system: RunningSystem, button: str) -> None:
    """A button of the dashboard; its job is shown at once, and its end without anybody's doing."""
    page.goto(f"{system.url}/sync/")
    jobs = system.count("SELECT count(*) FROM jobs_job WHERE kind IN ('sync.sync', 'ingest.scan')")
    page.locator(button).click()
    eventually(lambda: system.count("SELECT count(*) FROM jobs_job WHERE kind IN ('sync.sync', 'ingest.scan')") > jobs, what="a job begins")


def _wait_until_idle(system: RunningSystem) -> None:
    eventually(lambda: system.count(BUSY) == 0, within_s=WITHIN_MS / 1000, what="all is matched")


def _row(page: Page, system: RunningSystem) -> dict[str, str]:
    """What the table says of the film."""
    page.goto(f"{system.url}/sync/matches/?ext=mp4")
    row = page.locator("tr[data-item]").filter(has_text=NAME)
    expect(row).to_have_count(1)
    return {
        "status": row.locator(".badge").first.inner_text().strip(),
        "target": row.locator("[data-col=target]").inner_text().strip(),
        "id": row.locator("[data-col=id]").inner_text().strip(),
    }


def _shoot(page: Page, name: str, locale: str) -> None:
    if SHOTS:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=str(Path(SHOTS) / f"sync-{name}-{locale[:2]}.png"))
