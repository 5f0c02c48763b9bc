"""The account's pages in a real browser: usable, accessible, and nothing refused by their policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.accounts.helpers import code_now
from tests.factories import PASSWORD, make_user
from tests.fixtures.browser import axe_violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from mam.accounts.models import User
    from tests.fixtures.asgi_server import AsgiServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = [
    "/preferences/",
    "/accounts/password/",
    "/accounts/second-factor/",
    "/accounts/second-factor/totp/activate/",
    "/accounts/reauthenticate/",
    "/accounts/logout/",
]


def log_in(page: Page, server: AsgiServer, user: User) -> None:
    page.goto(f"{server.url}/accounts/login/?next=/preferences/")
    page.locator("input[name=login]").fill(user.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    expect(page.locator("nav.rail")).to_be_visible()


def give_password_again(page: Page) -> None:
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")


def test_the_login_page_can_be_used_by_keyboard_in_either_language_and_theme(
    asgi_server: AsgiServer, new_page: Callable[..., Page]
) -> None:
    user = make_user("viewer")
    for locale, scheme in (("ko-KR", "dark"), ("en-US", "light")):
        page = new_page(locale=locale, color_scheme=scheme)
        page.goto(asgi_server.url)
        assert axe_violations(page) == []
        page.keyboard.type(user.email)  # the cursor stands in the first field
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("nav.rail")).to_be_visible()


def test_every_page_of_the_account_is_accessible_and_within_its_policy(asgi_server: AsgiServer, page: Page) -> None:
    log_in(page, asgi_server, make_user("operator"))
    page.goto(f"{asgi_server.url}/accounts/reauthenticate/?next=/preferences/")
    give_password_again(page)
    for path in PAGES:
        page.goto(asgi_server.url + path)
        assert axe_violations(page) == []


def test_a_phone_shows_the_preferences_without_scrolling_sideways(asgi_server: AsgiServer, new_page: Callable[..., Page]) -> None:
    page = new_page(viewport={"width": 390, "height": 844})
    log_in(page, asgi_server, make_user("operator"))
    page.goto(f"{asgi_server.url}/preferences/")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert axe_violations(page) == []


def test_an_authenticator_app_is_switched_on_and_asked_for(asgi_server: AsgiServer, new_page: Callable[..., Page]) -> None:
    user = make_user("viewer")
    page = new_page()
    log_in(page, asgi_server, user)
    page.goto(f"{asgi_server.url}/accounts/second-factor/totp/activate/")
    give_password_again(page)
    expect(page.locator("img.qr-code")).to_be_visible()
    assert page.locator("img.qr-code").evaluate("picture => picture.naturalWidth") > 0
    secret = page.locator("form p.mono").inner_text().strip()
    page.locator("input[name=code]").fill(code_now(secret))
    page.locator("input[name=code]").press("Enter")
    expect(page.locator("ul.mono li")).to_have_count(10)
    assert axe_violations(page) == []

    elsewhere = new_page()
    elsewhere.goto(f"{asgi_server.url}/accounts/login/")
    elsewhere.locator("input[name=login]").fill(user.email)
    elsewhere.locator("input[name=password]").fill(PASSWORD)
    elsewhere.locator("input[name=password]").press("Enter")
    expect(elsewhere.locator("input[name=code]")).to_be_visible()
    assert axe_violations(elsewhere) == []
    elsewhere.locator("input[name=code]").fill(code_now(secret, steps=1))  # the present one may be used already
    elsewhere.locator("input[name=code]").press("Enter")
    expect(elsewhere.locator("nav.rail")).to_be_visible()


def test_an_api_key_is_made_shown_and_revoked(asgi_server: AsgiServer, page: Page) -> None:
    log_in(page, asgi_server, make_user("operator"))
    page.goto(f"{asgi_server.url}/preferences/")
    panel = page.locator("#api-keys")
    panel.locator("input[name=name]").fill("NAS 스크립트")
    panel.locator("input[value='catalog.view_library']").check()
    panel.locator("form button[type=submit]").last.click()
    give_password_again(page)
    expect(page.locator("#new-api-key")).to_be_visible()
    assert axe_violations(page) == []
    key = page.locator("#new-api-key").inner_text().strip()
    answer = page.request.get(f"{asgi_server.url}/auth/validate", headers={"Authorization": f"Api-Key {key}"})
    assert answer.json()["permissions"] == ["catalog.view_library"]
    page.locator("#api-key-table button").click()
    page.locator("dialog[open] button").last.click()
    expect(page.locator("#api-key-table")).to_have_count(0)
    assert page.request.get(f"{asgi_server.url}/auth/validate", headers={"Authorization": f"Api-Key {key}"}).status == 401


def test_language_and_theme_are_switched_and_kept(asgi_server: AsgiServer, page: Page) -> None:
    log_in(page, asgi_server, make_user("viewer"))
    page.locator("[popovertarget=language-menu]").click()
    page.locator("#language-menu button[value=en]").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.locator("[popovertarget=theme-menu]").click()
    with page.expect_response("**/theme"):
        page.locator("#theme-menu button[value=light]").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_api_describes_itself_on_a_page(asgi_server: AsgiServer, page: Page) -> None:
    log_in(page, asgi_server, make_user("viewer"))
    page.goto(f"{asgi_server.url}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    expect(page.get_by_text("/auth/login")).to_be_visible()


def test_the_admin_works_under_its_policy(asgi_server: AsgiServer, page: Page) -> None:
    log_in(page, asgi_server, make_user("administrator"))
    for path in ("/admin/", "/admin/accounts/user/", "/admin/accounts/user/add/", "/admin/accounts/auditentry/"):
        page.goto(asgi_server.url + path)
        expect(page.locator("#main, main").first).to_be_visible()
