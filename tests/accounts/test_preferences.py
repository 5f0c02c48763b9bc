"""One's own preferences, and what follows from them on every page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from mam.accounts import services
from mam.accounts.middleware import ViewerPreferencesMiddleware
from tests.accounts.helpers import LOGIN

if TYPE_CHECKING:
    from django.http import HttpRequest

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db

PAGE = "/preferences/"
GIVEN = {"name": "김하나", "language": "en", "theme": "light", "time_zone": "Europe/Berlin"}


def html_lang(client: Client, path: str = PAGE, **headers: str) -> str:
    page = client.get(path, headers=headers).content.decode()
    return page.partition('<html lang="')[2].partition('"')[0]


def test_preferences_are_kept(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert client.post(PAGE, GIVEN)["Location"] == PAGE
    viewer.refresh_from_db()
    assert {name: getattr(viewer, name) for name in GIVEN} == GIVEN
    page = client.get(PAGE).content.decode()
    assert '<html lang="en"' in page
    assert 'data-theme="light"' in page
    assert "김하나" in page


@pytest.mark.parametrize("wrong", [{"language": "xx"}, {"theme": "pink"}, {"time_zone": "Mars/Olympus"}, {"name": "x" * 121}])
def test_a_wrong_value_keeps_all_as_it_was_and_what_was_typed(client: Client, viewer: User, wrong: dict[str, str]) -> None:
    client.force_login(viewer)
    response = client.post(PAGE, {**GIVEN, "name": "Typed", **wrong})
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == wrong.keys()
    viewer.refresh_from_db()
    assert (viewer.name, viewer.theme) == ("", "system")


def test_everybody_has_preferences_of_their_own(viewer: User, operator: User, administrator: User) -> None:
    for user in (viewer, operator, administrator):
        client = Client()
        client.force_login(user)
        client.post(PAGE, {**GIVEN, "name": user.email})
    for user in (viewer, operator, administrator):
        user.refresh_from_db()
        assert user.name == user.email


def test_only_preferences_are_preferences(viewer: User) -> None:
    with pytest.raises(TypeError):
        services.update_preferences(user=viewer, email="other@example.test")


# --- language -------------------------------------------------------------------------------------------------------
def test_the_users_language_goes_before_cookie_and_browser(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert html_lang(client) == "ko"
    assert html_lang(client, **{"accept-language": "en"}) == "en"
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ko"
    assert html_lang(client, **{"accept-language": "en"}) == "ko"
    services.update_preferences(user=viewer, language="en")
    assert html_lang(client, **{"accept-language": "ko"}) == "en"


def test_one_users_language_does_not_stay_for_the_next(client: Client, viewer: User, operator: User) -> None:
    services.update_preferences(user=viewer, language="en")
    client.force_login(viewer)
    assert html_lang(client) == "en"
    client.force_login(operator)
    assert html_lang(client) == "ko"


def test_the_language_can_be_chosen_before_logging_in(client: Client) -> None:
    response = client.post("/language", {"language": "en", "next": LOGIN})
    assert response["Location"] == LOGIN
    assert html_lang(client, LOGIN, **{"accept-language": "ko"}) == "en"


def test_the_choice_of_a_member_is_kept_with_the_account(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    client.post("/language", {"language": "en"})
    client.post("/theme", {"theme": "dark"})
    viewer.refresh_from_db()
    assert (viewer.language, viewer.theme) == ("en", "dark")
    assert client.cookies["theme"].value == "dark"


@pytest.mark.parametrize("path", ["/language", "/theme"])
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "/\\evil.example"])
def test_a_choice_never_leads_to_another_host(client: Client, path: str, target: str) -> None:
    response = client.post(path, {"language": "ko", "theme": "dark", "next": target})
    assert response["Location"] == "/"


@pytest.mark.parametrize("path", ["/language", "/theme"])
def test_a_choice_is_one_of_those_offered_and_posted(client: Client, viewer: User, path: str) -> None:
    client.force_login(viewer)
    assert client.post(path, {"language": "xx", "theme": "pink"}).status_code == 404
    assert client.get(path).status_code == 405
    assert not client.cookies.get("theme")


def test_a_choice_needs_the_token_of_a_page(viewer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer)
    assert client.post("/language", {"language": "en"}).status_code == 403


# --- time zone ------------------------------------------------------------------------------------------------------
def zone_during_a_page(viewer: User) -> str:
    """The zone that a view runs in for `viewer`, by the middleware alone."""
    request = RequestFactory().get(PAGE)
    request.user = viewer
    shown: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        shown.append(timezone.get_current_timezone_name())
        return HttpResponse()

    ViewerPreferencesMiddleware(view)(request)
    return shown[0]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("", settings.TIME_ZONE), ("Europe/Berlin", "Europe/Berlin"), ("No/Where", settings.TIME_ZONE), ("../etc", settings.TIME_ZONE)],
)
def test_times_are_shown_in_the_users_zone(viewer: User, zone: str, expected: str) -> None:
    viewer.time_zone = zone
    assert zone_during_a_page(viewer) == expected
    assert timezone.get_current_timezone_name() == settings.TIME_ZONE  # the process has its own again


# --- the frame ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("viewer", ["/", "/search/", "/collections/", "/folders/", "/sync/"]),
        ("operator", ["/", "/search/", "/collections/", "/folders/", "/sync/", "/jobs/", "/admin/"]),
        ("administrator", ["/", "/search/", "/collections/", "/folders/", "/sync/", "/jobs/", "/sources/", "/admin/"]),
    ],
)
def test_the_rail_holds_what_the_role_may_use(client: Client, request: pytest.FixtureRequest, role: str, expected: list[str]) -> None:
    client.force_login(request.getfixturevalue(role))
    assert [item.url for item in client.get(PAGE).context["nav"]] == expected


def test_a_stranger_sees_no_rail(client: Client) -> None:
    assert client.get(LOGIN).context["nav"] == []


@pytest.mark.parametrize(("path", "active"), [("/preferences/", []), ("/jobs/", ["/jobs/"]), ("/", ["/"]), ("/search/", ["/search/"])])
def test_the_rail_marks_where_one_is(client: Client, administrator: User, path: str, active: list[str]) -> None:
    client.force_login(administrator)
    assert [item.url for item in client.get(path).context["nav"] if item.is_active] == active


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200), ("administrator", 200)])
def test_the_style_guide_is_for_staff(client: Client, request: pytest.FixtureRequest, role: str, status: int) -> None:
    client.force_login(request.getfixturevalue(role))
    assert client.get("/styleguide").status_code == status


def test_the_api_has_a_page_that_loads_nothing_from_elsewhere(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = client.get("/api/docs").content.decode()
    assert 'data-schema="/api/schema' in page
    assert "swagger-ui-bundle" in page
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
