"""What several browser tests do: sign in, and look at one page of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

if TYPE_CHECKING:
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


def one_page_of_each_kind(page: Page, system: RunningSystem, *, starts: list[str]) -> list[str]:
    """Paths found by following links from `starts`, the first of each kind (route and shape of its query)."""
    waiting, seen = list(starts), {}
    while waiting:
        path = waiting.pop(0)
        kind = _kind(path)
        if kind is None or kind in seen:
            continue
        seen[kind] = path
        page.goto(system.url + path)
        links: list[str] = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        waiting += [_path(link) for link in links if link.startswith(system.url)]
    return list(seen.values())


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
