"""The first start of a newcomer: a living library, usable in both languages, at any width, by anybody."""

from __future__ import annotations

import signal
import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from ingest import demo_clips
from tests.e2e.visitor import sign_in, visit_one_page_of_each_kind
from tests.fixtures.browser import axe_violations
from tests.fixtures.processes import eventually
from tests.fixtures.servers import stop
from tests.fixtures.system import running_system

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.fixtures.system import RunningSystem

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(600)]

BUSY = "SELECT count(*) FROM jobs_job WHERE state IN ('queued', 'running') AND kind != 'ingest.demo_recording'"
FILES = "SELECT count(*) FROM catalog_mediafile WHERE presence = 'present'"
MADE_WITHIN_S = 180.0


@pytest.fixture(scope="module")
def library(demo_system: RunningSystem) -> RunningSystem:
    """The demo archive, drawn, scanned, analysed, with posters."""
    videos = len(demo_clips.CLIPS) + len(demo_clips.DUPLICATES) + len(demo_clips.TRUNCATED) + 1  # and the one that is recorded
    eventually(
        lambda: demo_system.count(FILES) >= videos and demo_system.count(BUSY) == 0,
        within_s=MADE_WITHIN_S,
        what="the demo archive is made and understood",
    )
    return demo_system


def test_the_demo_archive_is_found_and_understood(library: RunningSystem) -> None:
    def files(condition: str) -> int:
        return library.count(f"{FILES} AND {condition}")

    readable = len(demo_clips.CLIPS) + len(demo_clips.DUPLICATES)
    assert files("probe_state = 'done'") >= readable
    assert files("probe_state = 'failed' AND probe_reason = 'truncated'") == len(demo_clips.TRUNCATED)
    assert library.count("SELECT count(DISTINCT name) FROM catalog_catalog WHERE name IN ('WSOP', 'HCL', 'PAD')") == 3
    decomposed = next(PurePosixPath(clip.path).name for clip in demo_clips.CLIPS if not unicodedata.is_normalized("NFC", clip.path))
    assert files(f"name = '{decomposed}'") == 1


PEOPLE = [
    pytest.param({"locale": "ko-KR", "viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"}, id="korean-wide-dark"),
    pytest.param({"locale": "ko-KR", "viewport": {"width": 390, "height": 844}, "color_scheme": "light"}, id="korean-phone-light"),
    pytest.param({"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, "color_scheme": "light"}, id="english-wide-light"),
]


@pytest.mark.parametrize("person", PEOPLE)
def test_no_page_shuts_anybody_out(library: RunningSystem, new_page: Callable[..., Page], person: dict[str, object]) -> None:
    page = new_page(**person)
    page.goto(f"{library.url}/")
    faults = _faults(page, str(person["locale"]))
    sign_in(page, library)
    for _ in visit_one_page_of_each_kind(page, library, starts=["/", "/search/?q=wsop", "/jobs/?state=done", "/styleguide"]):
        faults += _faults(page, str(person["locale"]))
    assert not faults, "\n".join(faults)


def _faults(page: Page, locale: str) -> list[str]:
    faults = axe_violations(page)
    if page.get_attribute("html", "lang") != locale[:2]:
        faults.append(f"{page.url}: is not in {locale}")
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if too_wide > 0:
        faults.append(f"{page.url}: has to be scrolled sideways by {too_wide} px")
    return faults


def test_what_an_administrator_removed_does_not_come_back(library: RunningSystem) -> None:
    """The last one: it stops the library's system and takes its data directory over."""
    library.manage("shell", "-c", REMOVE)
    stop(library.process, signal.SIGINT)
    with running_system(library.data_dir) as second:
        assert "password:" not in second.output
        assert second.count("SELECT count(*) FROM jobs_job WHERE kind = 'ingest.demo' AND state IN ('queued', 'running')") == 0
        assert second.count("SELECT count(*) FROM catalog_source") == 0


REMOVE = """
from catalog.models import Source
from catalog.services.sources import delete_source
from mam.jobs.models import Job
from mam.jobs.services import cancel
for job in Job.objects.filter(kind="ingest.demo", state__in=["queued", "running"]):
    cancel(job=job, user=None)
delete_source(source=Source.objects.get(), user=None, confirm_name="Demo archive")
"""
