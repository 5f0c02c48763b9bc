"""JWT: pairs, rotation, and everything that ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from mam.accounts import services, tasks
from tests.accounts.helpers import add_second_factor, code_now, wrong_code
from tests.factories import PASSWORD, make_user

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db


def log_in(api: APIClient, user: User, **fields: str) -> dict[str, Any]:
    response = api.post("/auth/login", {"email": user.email, "password": PASSWORD, **fields})
    return {"status": response.status_code, **response.json()}


def validate(api: APIClient, access: str) -> int:
    return api.get("/auth/validate", HTTP_AUTHORIZATION=f"Bearer {access}").status_code


def refresh(api: APIClient, token: str) -> dict[str, Any]:
    response = api.post("/auth/refresh", {"refresh": token})
    return {"status": response.status_code, **response.json()}


def test_a_pair_opens_the_api_and_says_who_it_is_for(api: APIClient, operator: User) -> None:
    pair = log_in(api, operator)
    me = api.get("/auth/validate", HTTP_AUTHORIZATION=f"Bearer {pair['access']}").json()
    assert me == {
        "id": operator.pk,
        "email": operator.email,
        "name": "",
        "role": "operator",
        "permissions": [
            "catalog.view_library",
            "streaming.play_file",
            "sync.view_match",
            "catalog.curate",
            "ingest.scan_source",
            "ingest.probe_file",
            "jobs.view_job",
            "jobs.control_job",
            "accounts.own_api_key",
            "streaming.make_rendition",
            "sync.run_sync",
        ],
    }


def test_logging_in_for_tokens_starts_no_session(api: APIClient, viewer: User) -> None:
    add_second_factor(viewer)
    log_in(api, viewer, code=code_now())
    assert not api.cookies
    assert not Session.objects.exists()


def test_a_wrong_password_an_unknown_address_and_a_disabled_user_look_alike(api: APIClient, viewer: User) -> None:
    disabled = make_user("viewer", is_active=False)
    answers = [
        api.post("/auth/login", {"email": email, "password": password})
        for email, password in [(viewer.email, "wrong"), ("nobody@example.test", "wrong"), (disabled.email, PASSWORD)]
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["code"] for answer in answers} == {"invalid_credentials"}
    assert answers[0]["WWW-Authenticate"]


@pytest.mark.parametrize("body", [{}, {"email": "x"}, {"email": "a@b.test", "password": ""}, [], "text", {"email": ["a"], "password": {}}])
def test_a_malformed_login_is_a_400_in_the_one_shape(api: APIClient, db: None, body: object) -> None:
    response = api.post("/auth/login", body)
    assert response.status_code == 400
    assert set(response.json()) == {"code", "message", "params"}
    assert response.json()["code"] == "invalid"


# --- second factor --------------------------------------------------------------------------------------------------
def test_with_an_authenticator_app_no_tokens_are_made_without_its_code(api: APIClient, viewer: User) -> None:
    add_second_factor(viewer)
    assert log_in(api, viewer)["code"] == "code_required"
    assert log_in(api, viewer, code=wrong_code())["code"] == "invalid_code"
    assert not OutstandingToken.objects.exists()
    assert log_in(api, viewer, code=code_now())["status"] == 200
    assert Authenticator.objects.get(user=viewer, type="totp").last_used_at is not None


def test_the_code_is_asked_for_only_after_the_right_password(api: APIClient, viewer: User) -> None:
    add_second_factor(viewer)
    assert log_in(api, viewer, password="wrong")["code"] == "invalid_credentials"


def test_a_code_of_the_app_or_of_the_recovery_list_works_once(api: APIClient, viewer: User) -> None:
    recovery = add_second_factor(viewer)[0]
    for code in (code_now(), recovery):
        assert log_in(api, viewer, code=code)["status"] == 200
        assert log_in(api, viewer, code=code)["code"] == "invalid_code"


def test_codes_cannot_be_guessed_for_long(api: APIClient, viewer: User) -> None:
    add_second_factor(viewer)
    for _ in range(5):
        log_in(api, viewer, code=wrong_code())
    answer = log_in(api, viewer, code=code_now())
    assert (answer["status"], answer["code"]) == (429, "too_many_logins")


# --- limits ---------------------------------------------------------------------------------------------------------
def test_failures_count_together_with_those_of_the_page(api: APIClient, viewer: User) -> None:
    for number in range(3):
        api.post("/auth/login", {"email": viewer.email, "password": "wrong"}, REMOTE_ADDR=f"10.0.0.{number}")
    for number in range(2):
        api.post("/accounts/login/", {"login": viewer.email, "password": "wrong"}, format="multipart", REMOTE_ADDR=f"10.0.1.{number}")
    # CSRF is checked on the page, so those two did not count
    assert log_in(api, viewer)["status"] == 200
    for number in range(2):
        api.post("/auth/login", {"email": viewer.email.upper(), "password": "wrong"}, REMOTE_ADDR=f"10.0.2.{number}")
    assert log_in(api, viewer)["code"] == "too_many_logins"


def test_logins_are_limited_per_machine(api: APIClient, viewer: User) -> None:
    statuses = [log_in(api, viewer)["status"] for _ in range(31)]
    assert statuses == [200] * 30 + [429]


# --- refresh and logout ---------------------------------------------------------------------------------------------
def test_a_refresh_token_gets_one_next_pair(api: APIClient, viewer: User) -> None:
    first = log_in(api, viewer)
    second = refresh(api, first["refresh"])
    assert validate(api, second["access"]) == 200
    assert refresh(api, first["refresh"])["code"] == "invalid_token"
    assert refresh(api, second["refresh"])["status"] == 200


def test_logout_uses_the_refresh_token_up(api: APIClient, viewer: User) -> None:
    pair = log_in(api, viewer)
    assert api.post("/auth/logout", {"refresh": pair["refresh"]}).status_code == 204
    assert refresh(api, pair["refresh"])["status"] == 401
    assert api.post("/auth/logout", {"refresh": pair["refresh"]}).json()["code"] == "invalid_token"


@pytest.mark.parametrize("kind", ["access", "garbage", "tampered", "unsigned"])
def test_only_a_real_refresh_token_refreshes(api: APIClient, viewer: User, kind: str) -> None:
    pair = log_in(api, viewer)
    head, payload, signature = pair["refresh"].split(".")
    token = {
        "access": pair["access"],
        "garbage": "x.y.z",
        "tampered": f"{head}.{payload[:-2]}AA.{signature}",
        "unsigned": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}.",
    }[kind]
    assert refresh(api, token)["code"] == "invalid_token"


@pytest.mark.parametrize("kind", ["refresh", "garbage", "unsigned"])
def test_only_a_real_access_token_opens_the_api(api: APIClient, viewer: User, kind: str) -> None:
    pair = log_in(api, viewer)
    payload = pair["access"].split(".")[1]
    token = {"refresh": pair["refresh"], "garbage": "x.y.z", "unsigned": f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."}[kind]
    assert validate(api, token) == 401


def test_a_new_password_ends_all_tokens(api: APIClient, viewer: User, administrator: User) -> None:
    pair = log_in(api, viewer)
    services.set_password(actor=administrator, user=viewer, password="a much better password 1")
    assert validate(api, pair["access"]) == 401
    assert refresh(api, pair["refresh"])["code"] == "invalid_token"


def test_a_disabled_user_is_out_at_once(api: APIClient, viewer: User, administrator: User) -> None:
    pair = log_in(api, viewer)
    services.update_user(actor=administrator, user=viewer, email=viewer.email, name="", role="viewer", is_active=False)
    assert validate(api, pair["access"]) == 401
    assert refresh(api, pair["refresh"])["code"] == "invalid_token"


def test_the_database_holds_no_token_that_could_be_used(api: APIClient, viewer: User) -> None:
    pair = log_in(api, viewer)
    api.post("/auth/logout", {"refresh": refresh(api, pair["refresh"])["refresh"]})
    assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}


def test_a_token_does_not_act_through_the_session_of_somebody_else(api: APIClient, viewer: User, administrator: User) -> None:
    pair = log_in(api, viewer)
    api.force_login(administrator)
    assert api.get("/auth/validate", HTTP_AUTHORIZATION=f"Bearer {pair['access']}").json()["email"] == viewer.email


def test_what_is_over_is_purged(api: APIClient, viewer: User) -> None:
    log_in(api, viewer)
    tasks.purge_expired()
    assert OutstandingToken.objects.count() == 1
    OutstandingToken.objects.update(expires_at="2020-01-01T00:00:00Z")
    tasks.purge_expired()
    assert not OutstandingToken.objects.exists()
