"""Fifty thousand files: somebody looks for a player by a misspelt name, and puts all that was found into a collection, and out again."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.visitor import sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.fixtures.system import RunningSystem

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(600)]

FILES = 50_000
MISSPELT, SPELT, YEAR = "필 아이뷔", "필 아이비", 2024
ITEMS = "SELECT count(*) FROM catalog_collectionitem"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Prints how long it took."""
    began = time.monotonic()
    yield
    sys.stdout.write(f"{what}: {time.monotonic() - began:.2f} s\n")


def test_a_search_is_narrowed_collected_and_given_back(system: RunningSystem, page: Page) -> None:
    system.manage("generate_catalog", "--files", str(FILES))
    sign_in(page, system)

    with step("misspelt name and year"):
        page.locator("input[type=search]").first.fill(f"{MISSPELT} {YEAR}")
        page.keyboard.press("Enter")
        page.locator("#results .media-card").first.wait_for()
    everything = _total(page)
    with step("facets"):
        page.locator("aside details a").first.wait_for()
    with step("narrowed"):
        page.locator("aside details a", has_text="mxf").first.click()
        page.wait_for_url("**ext*mxf*")
        page.locator("#results .media-card").first.wait_for()
    found = _total(page)
    assert 0 < found < everything
    results = page.url
    with step("a file"):
        page.locator("#results .media-card a").first.click()
        page.wait_for_url("**/files/*/")
        assert str(YEAR) in page.inner_text("main")
    page.goto(results)

    page.locator("[popovertarget=edit-menu]").click()
    page.locator("#edit-menu a").first.click()
    page.locator("input[name=new_name]").fill("아이비 모음")
    with step("into a collection"):
        page.locator("main form button[type=submit]").click()
        page.wait_for_url("**/edits/*/")
        page.locator("#edit [data-state=done]").wait_for()
    assert system.count(ITEMS) == found
    edit = page.url
    page.locator("#edit dd a").last.click()
    page.locator("#results .media-card").first.wait_for()
    page.goto(edit)
    with step("undone"):
        page.locator("#edit form button").first.click()
        page.locator("#edit [data-state=undone]").wait_for()
    assert system.count(ITEMS) == 0


def _total(page: Page) -> int:
    """As the page says it."""
    return int("".join(letter for letter in page.locator("[role=status].muted").inner_text() if letter.isdigit()))
