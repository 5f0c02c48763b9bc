"""Logging in on the page: by e-mail, limited, with a second step, and never around it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest
from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client, RequestFactory

from mam.accounts import services
from mam.accounts.models import AuditEntry, User
from tests.accounts.helpers import LOGIN, add_second_factor, code_now, has_second_factor, log_in_by_page, wrong_code
from tests.factories import PASSWORD, make_user

if TYPE_CHECKING:
    from pytest_django import DjangoCaptureOnCommitCallbacks

pytestmark = pytest.mark.django_db

SECOND_STEP = "/accounts/second-factor/authenticate/"


def is_logged_in(client: Client) -> bool:
    return client.get("/preferences/").status_code == 200


def test_the_page_asks_for_address_password_and_whether_to_stay(client: Client) -> None:
    page = client.get(LOGIN).content.decode()
    for name in ("login", "password", "remember"):
        assert f'name="{name}"' in page
    assert "sign up" not in page.casefold()


def test_address_and_password_open_the_pages(client: Client, viewer: User) -> None:
    response = log_in_by_page(client, viewer.email, PASSWORD)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_logged_in(client)


def test_the_address_may_be_written_in_any_case(client: Client, db: None) -> None:
    services.create_user(actor=None, email="Kim@Example.Test", role="viewer", password=PASSWORD)
    log_in_by_page(client, " KIM@example.test ", PASSWORD)
    assert is_logged_in(client)


def test_a_wrong_password_and_an_unknown_address_look_alike(client: Client, viewer: User) -> None:
    known = log_in_by_page(client, viewer.email, "wrong").content.decode()
    unknown = log_in_by_page(client, "nobody@example.test", "wrong").content.decode()
    sentence = str(get_adapter().error_messages["email_password_mismatch"])
    assert sentence in known
    assert sentence in unknown
    assert not is_logged_in(client)


def test_what_was_typed_stays_but_never_the_password(client: Client, viewer: User) -> None:
    page = log_in_by_page(client, viewer.email, "wrong password").content.decode()
    assert viewer.email in page
    assert "wrong password" not in page


def test_a_failure_is_logged_without_the_password(client: Client, viewer: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="mam.accounts.adapter"):
        log_in_by_page(client, viewer.email, "my secret guess")
    assert viewer.email in caplog.text
    assert "127.0.0.1" in caplog.text
    assert "secret guess" not in caplog.text


def test_a_disabled_user_cannot_log_in(client: Client, db: None) -> None:
    user = make_user("viewer", is_active=False)
    response = log_in_by_page(client, user.email, PASSWORD)
    assert response["Location"] == "/accounts/inactive/"
    assert client.get("/accounts/inactive/").status_code == 200
    assert not is_logged_in(client)


def test_disabling_a_user_ends_the_session_at_once(client: Client, viewer: User, administrator: User) -> None:
    log_in_by_page(client, viewer.email, PASSWORD)
    services.update_user(actor=administrator, user=viewer, email=viewer.email, name="", role="viewer", is_active=False)
    assert not is_logged_in(client)


# --- limits ---------------------------------------------------------------------------------------------------------
def test_five_failures_close_the_account_for_a_while_whatever_the_host_name(client: Client, viewer: User) -> None:
    for host in ("localhost", "127.0.0.1", "localhost", "127.0.0.1", "localhost"):
        client.post(LOGIN, {"login": viewer.email, "password": "wrong"}, HTTP_HOST=host)
    response = log_in_by_page(client, viewer.email, PASSWORD)
    assert str(get_adapter().error_messages["too_many_login_attempts"]) in response.content.decode()
    assert not is_logged_in(client)


def test_the_limit_counts_per_account_from_many_machines(client: Client, viewer: User, operator: User) -> None:
    for number in range(5):
        client.post(LOGIN, {"login": viewer.email, "password": "wrong"}, REMOTE_ADDR=f"10.0.0.{number}")
    assert log_in_by_page(client, viewer.email, PASSWORD).status_code == 200
    assert log_in_by_page(client, operator.email, PASSWORD).status_code == 302


def test_ten_failures_close_a_machine_for_a_while(client: Client, viewer: User) -> None:
    for number in range(10):
        log_in_by_page(client, f"guess{number}@example.test", "wrong")
    log_in_by_page(client, viewer.email, PASSWORD)
    assert not is_logged_in(client)


def test_the_account_opens_again(client: Client, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        log_in_by_page(client, viewer.email, "wrong")
    assert log_in_by_page(client, viewer.email, PASSWORD).status_code == 200
    present = time.time
    monkeypatch.setattr(time, "time", lambda: present() + 301)
    assert log_in_by_page(client, viewer.email, PASSWORD).status_code == 302


def test_posts_to_the_login_page_are_limited_per_machine(client: Client, db: None) -> None:
    statuses = [client.post(LOGIN, {}).status_code for _ in range(31)]
    assert statuses[:30] == [200] * 30
    assert statuses[30] == 429


# --- cookies, redirects ---------------------------------------------------------------------------------------------
def test_the_session_ends_with_the_browser_unless_asked_otherwise(client: Client, viewer: User) -> None:
    log_in_by_page(client, viewer.email, PASSWORD)
    assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""
    client.cookies.clear()
    log_in_by_page(client, viewer.email, PASSWORD, remember="on")
    assert client.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 14 * 24 * 3600 == app_settings.SESSION_COOKIE_AGE


def test_the_session_cookie_is_for_us_alone(client: Client, viewer: User, settings: object) -> None:
    settings.SESSION_COOKIE_SECURE = True  # type: ignore[attr-defined]
    log_in_by_page(client, viewer.email, PASSWORD)
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"


def test_the_session_gets_another_key_at_login(client: Client, viewer: User) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    log_in_by_page(client, viewer.email, PASSWORD)
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != session.session_key


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/x", "javascript:alert(1)", "https:///evil.example", "\\\\evil.example"]
)
def test_login_never_leads_to_another_host(client: Client, viewer: User, target: str) -> None:
    response = log_in_by_page(client, viewer.email, PASSWORD, next=target)
    assert response["Location"] == "/"


def test_login_leads_back_to_the_page_asked_for(client: Client, viewer: User) -> None:
    target = client.get("/preferences/")["Location"]
    assert client.post(target, {"login": viewer.email, "password": PASSWORD, "next": "/preferences/"})["Location"] == "/preferences/"


def test_logout_needs_a_post(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    client.get("/accounts/logout/")
    assert is_logged_in(client)
    client.post("/accounts/logout/")
    assert not is_logged_in(client)


def test_sign_up_is_closed() -> None:
    assert get_adapter().is_open_for_signup(RequestFactory().get("/")) is False


def test_a_new_password_ends_the_other_sessions_and_is_audited(viewer: User) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        log_in_by_page(client, viewer.email, PASSWORD)
    new = "a much better password 1"
    response = here.post("/accounts/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert response["Location"] == "/preferences/"
    assert is_logged_in(here)
    assert not is_logged_in(elsewhere)
    entry = AuditEntry.objects.get(action="accounts.user.change_password")
    assert entry.actor == viewer
    assert new not in f"{entry.before}{entry.after}"


def test_a_weak_new_password_is_refused(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    response = client.post("/accounts/password/", {"oldpassword": PASSWORD, "password1": "12345678", "password2": "12345678"})
    assert response.status_code == 200
    viewer.refresh_from_db()
    assert viewer.check_password(PASSWORD)


# --- second step ----------------------------------------------------------------------------------------------------
def test_with_an_authenticator_app_the_password_alone_opens_nothing(client: Client, viewer: User) -> None:
    add_second_factor(viewer)
    assert log_in_by_page(client, viewer.email, PASSWORD)["Location"] == SECOND_STEP
    assert not is_logged_in(client)
    assert client.get(SECOND_STEP).status_code == 200
    client.post(SECOND_STEP, {"code": wrong_code()})
    assert not is_logged_in(client)
    assert client.post(SECOND_STEP, {"code": code_now()})["Location"] == "/"
    assert is_logged_in(client)


def test_a_code_works_once(viewer: User) -> None:
    add_second_factor(viewer)
    code = code_now()
    first, second = Client(), Client()
    for client in (first, second):
        log_in_by_page(client, viewer.email, PASSWORD)
        client.post(SECOND_STEP, {"code": code})
    assert is_logged_in(first)
    assert not is_logged_in(second)


def test_a_recovery_code_works_once(viewer: User) -> None:
    code = add_second_factor(viewer)[0]
    first, second = Client(), Client()
    for client in (first, second):
        log_in_by_page(client, viewer.email, PASSWORD)
        client.post(SECOND_STEP, {"code": code})
    assert is_logged_in(first)
    assert not is_logged_in(second)


def test_codes_cannot_be_guessed_for_long(client: Client, viewer: User) -> None:
    add_second_factor(viewer)
    log_in_by_page(client, viewer.email, PASSWORD)
    for _ in range(5):
        client.post(SECOND_STEP, {"code": wrong_code()})
    client.post(SECOND_STEP, {"code": code_now()})
    assert not is_logged_in(client)


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_the_admin_cannot_be_entered_by_password_alone(client: Client, path: str) -> None:
    """Django's own admin login asks for no second step (FACTS, Queue 5)."""
    user = make_user("administrator")
    add_second_factor(user)
    client.post(path, {"username": user.email, "email": user.email, "password": PASSWORD})
    client.post(f"{path}?next=/admin/", {"username": user.email, "password": PASSWORD, "next": "/admin/"})
    assert client.get("/admin/").status_code == 302
    log_in_by_page(client, user.email, PASSWORD)
    assert client.get("/admin/").status_code == 302
    client.post(SECOND_STEP, {"code": code_now()})
    assert client.get("/admin/").status_code == 200


def test_the_secret_of_the_app_is_stored_encrypted(viewer: User) -> None:
    add_second_factor(viewer)
    stored = Authenticator.objects.get(user=viewer, type="totp").data["secret"]
    assert stored.startswith("gAAAA")


def test_an_authenticator_app_can_be_switched_on_and_off(
    client: Client, db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    user = services.create_user(actor=None, email="kim@example.test", role="viewer", password=PASSWORD)
    log_in_by_page(client, user.email, PASSWORD)
    activate = "/accounts/second-factor/totp/activate/"
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get(activate).context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(activate, {"code": code_now(secret)}).status_code == 302
    assert client.get("/accounts/second-factor/").status_code == 200
    assert client.get("/accounts/second-factor/recovery-codes/").context["unused_codes"]
    assert AuditEntry.objects.filter(action="accounts.second_factor.add", actor=user).exists()
    client.post("/accounts/second-factor/totp/deactivate/")
    assert not has_second_factor(user)
    assert AuditEntry.objects.filter(action="accounts.second_factor.remove", actor=user).exists()


def test_what_opens_doors_asks_for_the_password_again(client: Client, viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in_by_page(client, viewer.email, PASSWORD)
    activate = "/accounts/second-factor/totp/activate/"
    again = client.get(activate)["Location"]
    assert again.startswith("/accounts/reauthenticate/")
    assert client.post(again, {"password": "wrong", "next": activate}).status_code == 200
    assert client.get(activate).status_code == 302
    assert client.post(again, {"password": PASSWORD, "next": activate})["Location"] == activate
    assert client.get(activate).status_code == 200
    present = time.time
    monkeypatch.setattr(time, "time", lambda: present() + 301)
    assert client.get(activate).status_code == 302
