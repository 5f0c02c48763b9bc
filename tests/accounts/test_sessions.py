"""Sessions are Django's, found by one query."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mam.accounts.sessions import SessionStore
from tests.factories import make_user

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)


def stored() -> str:
    """The key of a session with something in it."""
    session = db.SessionStore()
    session["name"] = "홀덤"
    session.save()
    assert session.session_key
    return session.session_key


def test_it_is_found_by_one_query_at_once_and_asynchronously() -> None:
    key = stored()
    with CaptureQueriesContext(connection) as queries:
        assert SessionStore(key)["name"] == "홀덤"
    assert len(queries) == 1
    assert async_to_sync(SessionStore(key).aget)("name") == "홀덤"


@pytest.mark.parametrize("key", ["", None, "unknownkey", "x'; DROP TABLE django_session; --"])
def test_one_that_is_not_there_is_empty_and_its_key_is_not_taken(key: str | None) -> None:
    session = SessionStore(key)
    assert session.get("name") is None
    session["name"] = "new"
    session.save()
    assert session.session_key
    assert session.session_key != key


def test_one_that_is_over_is_empty() -> None:
    key = stored()
    Session.objects.filter(pk=key).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert SessionStore(key).get("name") is None


def test_who_logged_out_or_was_put_out_is_out_with_the_next_request(client: Client) -> None:
    user = make_user("viewer")
    client.force_login(user)
    assert client.get("/api/dashboard").status_code == 200
    user.is_active = False
    user.save()
    assert client.get("/api/dashboard").status_code == 401
    user.is_active = True
    user.save()
    answer = client.get("/api/dashboard")
    assert (answer.status_code, type(answer.wsgi_request.session)) == (200, SessionStore)
    key = client.cookies["sessionid"].value
    client.post("/accounts/logout/")
    client.cookies["sessionid"] = key  # somebody kept it
    assert client.get("/api/dashboard").status_code == 401
    client.force_login(user)
    Session.objects.all().delete()
    assert client.get("/api/dashboard").status_code == 401
