"""Deny by default: every address of the product, asked by a stranger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from django.db import OperationalError, connection
from django.test import AsyncClient, Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils.regex_helper import normalize

from tests.accounts.helpers import LOGIN
from tests.factories import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db

# What a stranger may reach: the steps of logging in, the choice of words and colours there, and the sign of life.
OPEN = {
    "account_login",
    "account_logout",
    "account_inactive",
    "mfa_authenticate",
    "accounts:health",
    "accounts:set_language",
    "accounts:set_theme",
    "auth:login",
    "auth:refresh",
    "auth:logout",
}
SAMPLES = {"int": "1", "str": "x", "slug": "x", "path": "x/y", "uuid": "00000000-0000-4000-8000-000000000000", "drf_format_suffix": ".json"}


def every_address() -> list[tuple[str, str]]:
    """(name, path) of each route, its parameters filled with samples."""
    return list(dict.fromkeys(_walk(get_resolver().url_patterns, "/", "")))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str, namespace: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        path = prefix + _sample_of(pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        else:
            yield f"{namespace}{pattern.name}", path


def _sample_of(pattern: URLPattern | URLResolver) -> str:
    """An address the pattern matches; by Django's own reversal of it."""
    text = str(pattern.pattern)
    if isinstance(pattern.pattern, RoutePattern):
        return re.sub(r"<(?:(\w+):)?\w+>", lambda match: SAMPLES[match[1] or "str"], text)
    template, names = normalize(text)[0]
    return str(template) % dict.fromkeys(names, "1")


def test_the_walk_finds_the_routes_of_every_app() -> None:
    names = {name for name, _path in every_address()}
    assert {"catalog:home", "jobs:job_list", "ingest:source_manage", "streaming:watch", "admin:index", "schema", "auth:login"} <= names
    assert len(names) > 60


@pytest.mark.parametrize(("name", "path"), every_address(), ids=lambda value: str(value))
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_sent_to_the_login_page_or_refused(client: Client, name: str, path: str, method: str) -> None:
    response = getattr(client, method)(path)
    if name in OPEN:
        return
    if response.status_code == 302:
        # the admin's own login page is one of the addresses here, and sends on to the product's
        assert response["Location"].startswith((LOGIN, "/admin/login/?") if name != "admin:login" else LOGIN)
    else:
        assert response.status_code in {401, 403, 405}
        if response["Content-Type"] == "application/json":
            assert set(response.json()) == {"code", "message", "params"}


def test_the_open_addresses_are_all_there() -> None:
    assert {name for name, _path in every_address()} >= OPEN


def test_there_is_no_sign_up_and_no_mailed_link() -> None:
    names = {name for name, _path in every_address()}
    assert not names & {"account_signup", "account_email", "account_reset_password", "account_confirm_email", "account_set_password"}


def test_an_unknown_address_looks_like_any_other_to_a_stranger(client: Client) -> None:
    assert client.get("/nothing/here?x=1")["Location"] == f"{LOGIN}?next=/nothing/here%3Fx%3D1"


def test_an_unknown_address_is_a_page_for_members_and_json_for_programs(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    page = client.get("/nothing/here")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert client.get("/api/v1/nothing").json()["code"] == "not_found"
    assert client.get("/api/v1/nothing").status_code == 404


def test_health_answers_strangers_without_a_session(client: Client) -> None:
    response = client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "last_sync": None})
    assert not response.cookies
    assert "no-store" in response["Cache-Control"]


def test_health_is_503_when_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("could not connect to postgres://mam:secret@db/mam")

    monkeypatch.setattr(connection, "cursor", away)
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json() == {"status": "database_unavailable", "last_sync": None}


async def test_health_answers_under_the_asynchronous_server(async_client: AsyncClient) -> None:
    response = await async_client.get("/health")
    assert response.status_code == 200
    assert len(response["X-Request-ID"]) == 36


def test_a_form_without_its_token_is_refused(viewer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(viewer)
    response = client.post("/preferences/", {"name": "x", "theme": "dark"})
    assert response.status_code == 403
    viewer.refresh_from_db()
    assert viewer.name == ""


def test_a_form_without_its_token_cannot_log_in(viewer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(LOGIN, {"login": viewer.email, "password": PASSWORD}).status_code == 403


def test_pages_carry_a_strict_policy_and_the_admin_its_own(client: Client, superuser: User) -> None:
    client.force_login(superuser)
    strict = client.get("/preferences/")["Content-Security-Policy"]
    assert "unsafe" not in strict
    assert "http" not in strict
    admin = client.get("/admin/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "frame-ancestors 'none'" in admin
    assert "http" not in admin
