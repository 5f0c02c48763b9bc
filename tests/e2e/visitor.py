"""What several browser tests do: sign in, and look at one page of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.fixtures.system import RunningSystem

# Not pages of ours: the admin is a package's, the API is for programs, and the language of a page is not a page.
NOT_VISITED = ("/admin/", "/api/", "/media/", "/static/", "/posters/")


def sign_in(page: Page, system: RunningSystem) -> None:
    """By the login that the first start printed; ends on the library."""
    email, password = system.login
    page.goto(f"{system.url}/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("main form button").click()
    page.wait_for_url(f"{system.url}/")


def visit_one_page_of_each_kind(page: Page, system: RunningSystem, *, starts: list[str]) -> Iterator[None]:
    """Go where links lead from `starts`, to the first page of each kind (route and shape of its query); yields once it stands still."""
    waiting, seen = list(starts), set()
    while waiting:
        path = waiting.pop(0)
        kind = _kind(path)
        if kind is None or kind in seen:
            continue
        seen.add(kind)
        page.goto(system.url + path)
        page.wait_for_load_state("networkidle")
        links: list[str] = page.eval_on_selector_all("a[href]:not([download])", "links => links.map(link => link.href)")
        waiting += [_path(link) for link in links if link.startswith(system.url)]
        yield


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _kind(path: str) -> str | None:
    """The route, with the names of its query's parameters; None for what is not a page of ours."""
    parts = urlsplit(path)
    if parts.path.startswith(NOT_VISITED) or "download" in parts.query:
        return None
    try:
        route = resolve(parts.path).view_name
    except Resolver404:
        return None
    parameters = sorted(pair.split("=")[0] for pair in parts.query.split("&") if pair)
    return f"{route} {parameters}"
