"""What surrounds each request: its id, errors as answers, the audit."""

from __future__ import annotations

import io
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory

from mam.accounts import services
from mam.accounts.context import MaskingFormatter, RefusalFilter, RequestIdFilter, current_request_id
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.middleware import MamErrorMiddleware, RequestIdMiddleware
from mam.accounts.models import AuditEntry
from mam.lib.errors import MamError
from tests.factories import make_user

if TYPE_CHECKING:
    from django.http import HttpRequest
    from pytest_django.fixtures import Settings

    from mam.accounts.models import User

GIVEN = "from-the-proxy_1"


# --- request id -----------------------------------------------------------------------------------------------------
def seen(request: HttpRequest) -> HttpResponse:
    return HttpResponse(current_request_id())


async def aseen(request: HttpRequest) -> HttpResponse:
    return HttpResponse(current_request_id())


def test_every_answer_names_its_request() -> None:
    middleware = RequestIdMiddleware(seen)
    first, second = middleware(RequestFactory().get("/")), middleware(RequestFactory().get("/"))
    assert isinstance(first, HttpResponse)
    assert isinstance(second, HttpResponse)
    assert first["X-Request-ID"] == first.content.decode() != second.content.decode()
    assert current_request_id() == ""


async def test_under_the_asynchronous_server_too() -> None:
    response: Any = await RequestIdMiddleware(aseen)(AsyncRequestFactory().get("/", headers={"X-Request-ID": GIVEN}))  # type: ignore[misc]
    assert response["X-Request-ID"] == response.content.decode() == GIVEN
    assert current_request_id() == ""


@pytest.mark.parametrize("insane", ["", "short", "x" * 37, "a b c d e f", "abcdefgh\n", "abcdefgh<script>", "가나다라마바사아"])
def test_only_a_sane_id_is_taken_over(insane: str) -> None:
    request = RequestFactory().get("/")
    request.META["HTTP_X_REQUEST_ID"] = insane
    response = RequestIdMiddleware(seen)(request)
    assert isinstance(response, HttpResponse)
    assert response["X-Request-ID"] != insane
    assert len(response["X-Request-ID"]) == 36


def test_log_lines_name_the_request() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("[%(request_id)s] %(message)s"))
    logger = logging.getLogger("tests.request_id")
    logger.addHandler(handler)
    logger.propagate = False

    def view(request: HttpRequest) -> HttpResponse:
        logger.warning("inside")
        return HttpResponse()

    RequestIdMiddleware(view)(RequestFactory().get("/", headers={"X-Request-ID": GIVEN}))
    logger.warning("outside")
    assert stream.getvalue().splitlines() == [f"[{GIVEN}] inside", "[-] outside"]


@pytest.mark.django_db
def test_what_is_refused_is_logged_with_its_request_and_without_its_token(client: Client, settings: Settings) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RequestIdFilter())
    handler.addFilter(RefusalFilter())
    line = {name: value for name, value in settings.LOGGING["formatters"]["line"].items() if name != "()"}
    handler.setFormatter(MaskingFormatter(**line))
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    client.force_login(make_user("viewer"))
    try:
        client.get("/jobs/", headers={"X-Request-ID": GIVEN})
        client.get(f"/hls/{'A1b2-_' * 10}/main.m3u8", headers={"X-Request-ID": GIVEN})
    finally:
        logger.removeHandler(handler)
    page, stream_of = stream.getvalue().splitlines()
    assert f"[{GIVEN}] Forbidden" in page
    assert stream_of.endswith(f"[{GIVEN}] Forbidden: /hls/…/main.m3u8")


# --- errors ---------------------------------------------------------------------------------------------------------
class BrokenForTestError(MamError):
    code = "broken_for_test"
    template = "The thing %(name)s is broken."
    http_status = 503


def answer(error: Exception, path: str = "/x", **headers: str) -> Any:
    request = RequestFactory().get(path, headers=headers)
    request.user = type("Stranger", (), {"is_authenticated": False, "is_anonymous": True})()
    return MamErrorMiddleware(lambda request: HttpResponse()).process_exception(request, error)


def test_an_error_of_ours_is_a_page_with_its_own_words_and_status() -> None:
    response = answer(BrokenForTestError(name="<b>"))
    assert response.status_code == 503
    assert "The thing &lt;b&gt; is broken." in response.content.decode()
    assert answer(PermissionDeniedError(permission="x")).status_code == 403


def test_a_fragment_request_gets_json_for_the_page_to_show() -> None:
    response = answer(BrokenForTestError(name="x"), **{"HX-Request": "true"})
    assert b'"code": "broken_for_test"' in response.content
    assert response.status_code == 503


def test_faults_of_ours_are_logged_with_their_traceback(caplog: pytest.LogCaptureFixture) -> None:
    answer(BrokenForTestError(name="x"))
    assert caplog.records[-1].exc_info
    caplog.clear()
    answer(PermissionDeniedError(permission="x"))
    assert not caplog.records


def test_other_exceptions_are_crashes() -> None:
    assert answer(ValueError("x")) is None


@pytest.mark.django_db
def test_a_page_lacking_a_permission_is_forbidden_not_broken(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    response = client.get("/sources/")
    assert response.status_code == 403
    assert "<html" in response.content.decode()


def test_a_crash_says_nothing_of_its_cause(settings: Any, rf: RequestFactory) -> None:
    from mam.accounts.error_pages import server_error  # noqa: PLC0415

    page = server_error(rf.get("/x"))
    assert page.status_code == 500
    assert page["Content-Type"].startswith("text/html")
    body = server_error(rf.get("/api/v1/x"))
    assert b'"code": "unexpected"' in body.content


# --- audit ----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_entry_says_who_did_what_to_what_in_which_request(client: Client, administrator: User, viewer: User) -> None:
    client.force_login(administrator)
    fields = {"email": viewer.email, "name": "Kim", "role": "viewer", "is_active": "on"}
    client.post(f"/admin/accounts/user/{viewer.pk}/change/", fields, headers={"X-Request-ID": GIVEN})
    entry = AuditEntry.objects.get(action="accounts.user.update")
    assert (entry.actor, entry.request_id, entry.object_type, entry.object_id) == (administrator, GIVEN, "accounts.user", str(viewer.pk))
    assert (entry.before, entry.after) == ({"name": ""}, {"name": "Kim"})


@pytest.mark.django_db
def test_dates_and_decimals_may_be_in_it(viewer: User) -> None:
    services.record_audit(actor=None, action="x", obj=viewer, before={"at": datetime(2026, 1, 2, tzinfo=UTC)}, after={"n": Decimal("1.5")})
    entry = AuditEntry.objects.get()
    assert entry.before == {"at": "2026-01-02T00:00:00Z"}
    assert entry.after == {"n": "1.5"}


@pytest.mark.django_db
def test_an_entry_falls_with_its_transaction(viewer: User) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        services.record_audit(actor=viewer, action="x", obj=viewer, before={}, after={})
        raise RuntimeError
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_a_long_name_is_cut_not_refused(viewer: User) -> None:
    viewer.name = "가" * 300
    assert len(services.record_audit(actor=None, action="x", obj=viewer, before={}, after={}).object_label) == 255
