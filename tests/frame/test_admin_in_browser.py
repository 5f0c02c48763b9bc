"""The administration in a real browser: its package's pages are as accessible as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from mam.jobs.models import JobState
from tests.factories import make_content, make_file, make_job, make_player, make_rule, make_stream, make_tag, make_user
from tests.fixtures.browser import axe_violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.fixtures.asgi_server import AsgiServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOOKS = [
    {"locale": "ko-KR", "color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    {"locale": "en-US", "color_scheme": "light", "viewport": {"width": 390, "height": 844}},
]


def pages_of_the_admin() -> list[str]:
    """The index, lists and forms of every shape: searched and filtered lists, inlines, choices that are searched, read-only rows."""
    file = make_file("WSOP/2024/결승.mp4", content=make_content(title="결승"))
    file.tags.add(make_tag("final"))
    file.players.add(make_player("Kim"))
    make_stream(file, "video")
    make_rule()
    make_job(state=JobState.FAILED)
    lists = [
        f"admin:{name}_changelist" for name in ("catalog_mediafile", "catalog_source", "catalog_pathrule", "accounts_user", "jobs_job")
    ]
    forms = [f"admin:{name}_add" for name in ("catalog_collection", "accounts_user", "catalog_pathrule")]
    return [
        reverse("admin:index"),
        *(reverse(name) for name in (*lists, *forms)),
        reverse("admin:catalog_mediafile_change", args=[file.pk]),
        reverse("admin:catalog_mediafile_history", args=[file.pk]),
        reverse("admin:catalog_source_change", args=[file.source_id]),
        reverse("admin:catalog_content_change", args=[file.content_id]),
    ]


def test_a_groups_name_in_the_help_is_no_markup(client: Client) -> None:
    """It said "(?P<title>…)", which a browser takes for the beginning of a title that ends with the page."""
    client.force_login(make_user("administrator"))
    page = client.get(reverse("admin:catalog_pathrule_add")).content.decode()
    assert "(?P&lt;title&gt;…)" in page
    assert "(?P<" not in page


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look['viewport']['width']}-{look['locale']}-{look['color_scheme']}")
def test_the_administration_is_accessible(asgi_server: AsgiServer, new_page: Callable[..., Page], look: dict[str, object]) -> None:
    client = Client()
    client.force_login(make_user("administrator", is_superuser=True))
    page = new_page(**look)
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": client.session.session_key or "", "url": asgi_server.url}])
    violations = []
    for path in pages_of_the_admin():
        page.goto(asgi_server.url + path)
        violations += axe_violations(page)
        choice = page.locator("select + .select2-container").first
        if choice.count():
            choice.click()
            expect(page.locator(".select2-container--open")).not_to_have_count(0)
            violations += axe_violations(page)
    assert violations == []
