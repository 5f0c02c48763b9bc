"""API keys: shown once, hashed, scoped, ended."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from mam.accounts import access, services
from mam.accounts.authentication import LAST_USED_RESOLUTION, authenticate_api_key
from mam.accounts.errors import PermissionDeniedError, UnknownScopeError
from mam.accounts.models import ApiKey, AuditEntry
from tests.accounts.helpers import log_in_by_page
from tests.factories import PASSWORD

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db

READ = ["catalog.view_library"]
PAGE = "/preferences/api-keys/"


def make_key(user: User, scopes: list[str] | None = None, **fields: object) -> str:
    _key, text = services.create_api_key(actor=None, user=user, name="script", scopes=scopes or READ, **fields)  # type: ignore[arg-type]
    return text


def call(api: APIClient, key: str) -> int:
    return api.get("/auth/validate", HTTP_AUTHORIZATION=f"Api-Key {key}").status_code


def test_a_key_opens_the_api_within_its_scopes(api: APIClient, operator: User) -> None:
    text = make_key(operator, ["catalog.view_library", "jobs.view_job"])
    me = api.get("/auth/validate", HTTP_AUTHORIZATION=f"Api-Key {text}").json()
    assert me["email"] == operator.email
    assert me["permissions"] == ["catalog.view_library", "jobs.view_job"]
    assert api.get("/auth/validate", HTTP_AUTHORIZATION=f"api-key {text}").status_code == 200


def test_only_its_hash_is_stored(operator: User) -> None:
    text = make_key(operator)
    key = ApiKey.objects.get()
    secret = text.partition(".")[2]
    assert len(secret) >= 40
    assert secret not in f"{key.prefix}{key.digest}{key.name}"
    assert secret not in str(list(AuditEntry.objects.values()))


def test_scopes_hold_in_services_too_and_for_a_superuser(superuser: User) -> None:
    user = authenticate_api_key(make_key(superuser)).user
    access.require(user, "catalog.view_library")
    with pytest.raises(PermissionDeniedError):
        access.require(user, "catalog.curate")


def test_a_key_has_no_more_than_its_user_has_now(viewer: User, operator: User) -> None:
    text = make_key(operator, ["catalog.curate"])
    services.update_user(actor=None, user=operator, email=operator.email, name="", role="viewer", is_active=True)
    assert not authenticate_api_key(text).user.has_perm("catalog.curate")


@pytest.mark.parametrize(
    "text", ["", ".", "x", "x.y", "{prefix}", "{prefix}.", "{prefix}.wrong", ".{secret}", "{prefix}.{secret}x", "{secret}.{prefix}"]
)
def test_whatever_is_not_the_key_is_refused_alike(api: APIClient, operator: User, text: str) -> None:
    prefix, _, secret = make_key(operator).partition(".")
    response = api.get("/auth/validate", HTTP_AUTHORIZATION=f"Api-Key {text.format(prefix=prefix, secret=secret)}")
    assert (response.status_code, response.json()["code"]) == (401, "invalid_api_key")
    assert response["WWW-Authenticate"] == "Api-Key"


def test_an_expired_key_is_refused(api: APIClient, operator: User) -> None:
    now = timezone.now()
    assert call(api, make_key(operator, expires_at=now + timedelta(minutes=1))) == 200
    assert call(api, make_key(operator, expires_at=now - timedelta(seconds=1))) == 401


def test_a_revoked_key_is_refused_at_once(api: APIClient, operator: User) -> None:
    text = make_key(operator)
    services.revoke_api_key(actor=operator, key=ApiKey.objects.get())
    assert call(api, text) == 401


def test_the_key_of_a_disabled_user_is_refused(api: APIClient, operator: User) -> None:
    text = make_key(operator)
    services.update_user(actor=None, user=operator, email=operator.email, name="", role="operator", is_active=False)
    assert call(api, text) == 401


def test_the_last_use_is_written_once_a_minute(api: APIClient, operator: User) -> None:
    text = make_key(operator)
    call(api, text)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    call(api, text)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - LAST_USED_RESOLUTION)
    call(api, text)
    last = ApiKey.objects.get().last_used_at
    assert last is not None
    assert last > first


def test_writes_by_key_name_the_key_in_the_audit(operator: User) -> None:
    user = authenticate_api_key(make_key(operator)).user
    entry = services.record_audit(actor=user, action="x", obj=user, before={}, after={})
    assert entry.api_key == ApiKey.objects.get()


def test_a_key_cannot_make_keys(superuser: User) -> None:
    user = authenticate_api_key(make_key(superuser, ["accounts.own_api_key", "accounts.manage_user"])).user
    with pytest.raises(PermissionDeniedError):
        services.create_api_key(actor=user, user=user, name="more", scopes=READ)


def test_scopes_are_permissions_the_user_has(viewer: User) -> None:
    for scope in ("catalog.curate", "catalog.nothing", "", "auth.add_user"):
        with pytest.raises(UnknownScopeError):
            services.create_api_key(actor=None, user=viewer, name="x", scopes=[scope])


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_keys_of_others_are_for_user_managers(role: str, request: pytest.FixtureRequest, administrator: User) -> None:
    actor: User = request.getfixturevalue(role)
    with pytest.raises(PermissionDeniedError):
        services.create_api_key(actor=actor, user=administrator, name="x", scopes=READ)
    key, _text = services.create_api_key(actor=administrator, user=administrator, name="x", scopes=READ)
    with pytest.raises(PermissionDeniedError):
        services.revoke_api_key(actor=actor, key=key)


def test_a_user_manager_may_revoke_any_key_once(administrator: User, operator: User) -> None:
    make_key(operator)
    for _ in range(2):
        services.revoke_api_key(actor=administrator, key=ApiKey.objects.get())
    assert AuditEntry.objects.filter(action="accounts.api_key.revoke", actor=administrator).count() == 1


def test_a_broken_key_is_refused_where_a_session_would_do(api: APIClient, operator: User) -> None:
    api.force_login(operator)
    assert call(api, "x.y") == 401


# --- the page -------------------------------------------------------------------------------------------------------
@pytest.fixture
def member(operator: User) -> Client:
    """An operator who gave the password just now."""
    client = Client()
    log_in_by_page(client, operator.email, PASSWORD)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def test_a_new_key_is_shown_once(member: Client, api: APIClient) -> None:
    response = member.post(PAGE, {"name": "NAS script", "scopes": READ, "lifetime_days": "30"})
    text = response.context["new_key"]
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert call(api, text) == 200
    page = member.get("/preferences/").content.decode()
    assert "NAS script" in page
    assert text not in page
    assert text.partition(".")[2] not in page


def test_making_a_key_asks_for_the_password_again(client: Client, operator: User) -> None:
    client.force_login(operator)
    response = client.post(PAGE, {"name": "x", "scopes": READ, "lifetime_days": "30"})
    assert response["Location"].startswith("/accounts/reauthenticate/")
    assert not ApiKey.objects.exists()
    shown = client.post(response["Location"], {"password": PASSWORD, "next": PAGE})  # goes on where it was held up
    assert shown.context["new_key"]
    assert ApiKey.objects.get().scopes == READ


@pytest.mark.parametrize("fields", [{}, {"name": "x"}, {"name": "x", "scopes": ["accounts.manage_user"], "lifetime_days": "30"}])
def test_a_wrong_form_makes_no_key(member: Client, fields: dict[str, object]) -> None:
    assert member.post(PAGE, fields).status_code == 422
    assert not ApiKey.objects.exists()


def test_viewers_make_no_keys(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert client.post(PAGE, {"name": "x", "scopes": READ, "lifetime_days": "30"}).status_code == 403
    assert 'name="scopes"' not in client.get("/preferences/").content.decode()


def test_only_the_owner_revokes_a_key_on_the_page(client: Client, member: Client, operator: User, viewer: User) -> None:
    make_key(operator)
    address = f"{PAGE}{ApiKey.objects.get().pk}/revoke/"
    client.force_login(viewer)
    assert client.post(address).status_code == 404
    assert member.get(address).status_code == 405
    assert member.post(address).status_code == 302
    assert ApiKey.objects.get().revoked_at is not None
    assert member.post(address).status_code == 404


# --- the command ----------------------------------------------------------------------------------------------------
def test_the_command_prints_the_key_alone(api: APIClient, operator: User) -> None:
    out, err = StringIO(), StringIO()
    call_command("create_api_key", operator.email.upper(), "NAS", "--scope", "catalog.view_library", "--days", "7", stdout=out, stderr=err)
    text = out.getvalue().strip()
    assert call(api, text) == 200
    assert text not in err.getvalue()
    expires_at = ApiKey.objects.get().expires_at
    assert expires_at is not None
    assert timedelta(days=6) < expires_at - timezone.now() < timedelta(days=8)


@pytest.mark.parametrize(
    "arguments", [["nobody@example.test", "x"], ["{email}", "x", "--scope", "no.such"], ["{email}", "x", "--days", "0"]]
)
def test_the_command_says_what_is_wrong(operator: User, arguments: list[str]) -> None:
    words = [word.format(email=operator.email) for word in arguments]
    with pytest.raises(CommandError):
        call_command("create_api_key", *words, "--scope", "catalog.view_library")
    assert not ApiKey.objects.exists()
