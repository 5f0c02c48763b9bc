"""Who may ask what of the REST API of sync, through which door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from mam.accounts.services import create_api_key
from mam.jobs.models import Job
from sync.api_urls import urlpatterns
from sync.choices import PlanState
from sync.models import Plan
from tests.factories import PASSWORD, make_user
from tests.sync.factories import make_plan, make_report, make_target, planned

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db

READS = [
    "/api/dashboard",
    "/api/matching",
    "/api/matching/tree",
    "/api/matching/export",
    "/api/history",
    "/api/plans",
    "/api/plans/{plan}",
    "/api/reconcile",
    "/api/reconcile/{report}",
]
RUNS = ["/api/sync", "/api/reconcile", "/api/plans", "/api/plans/{plan}/apply", "/api/plans/{plan}/undo", "/api/plans/{plan}/discard"]
APPROVES = ["/api/plans/{plan}/approve"]


@pytest.fixture
def ids(db: None) -> dict[str, int]:
    target = make_target()
    return {"plan": make_plan(target, [[planned()]], state=PlanState.HELD).pk, "report": make_report(target).pk}


@pytest.mark.parametrize("url", READS)
def test_viewers_read_and_nobody_else_without_a_role(client_of: Callable[[str | None], APIClient], ids: dict[str, int], url: str) -> None:
    address = url.format(**ids)
    assert client_of("viewer").get(address).status_code == 200
    refused = client_of(None).get(address)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    stranger = APIClient().get(address)
    assert (stranger.status_code, set(stranger.json())) == (401, {"code", "message", "params"})


@pytest.mark.parametrize("url", [*RUNS, *APPROVES])
def test_viewers_start_nothing(client_of: Callable[[str | None], APIClient], ids: dict[str, int], url: str) -> None:
    for role in ("viewer", None):
        answer = client_of(role).post(url.format(**ids), {"reason": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert APIClient().post(url.format(**ids)).status_code == 401
    assert not Job.objects.exists()
    assert Plan.objects.get().state == PlanState.HELD


@pytest.mark.parametrize("url", APPROVES)
def test_operators_approve_nothing(operator_api: APIClient, ids: dict[str, int], url: str) -> None:
    assert operator_api.post(url.format(**ids), {"reason": "x"}).json()["code"] == "permission_denied"


@pytest.mark.parametrize("url", ["/api/sync", "/api/reconcile", "/api/plans"])
@pytest.mark.parametrize("role", ["operator", "administrator"])
def test_operators_and_administrators_start(client_of: Callable[[str | None], APIClient], ids: dict[str, int], url: str, role: str) -> None:
    assert client_of(role).post(url).status_code == 202


def test_every_method_names_its_permission() -> None:
    for route in urlpatterns:
        view: Any = route.callback.view_class  # type: ignore[attr-defined]  # made by as_view
        methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}
        assert methods == set(view.required_permissions), view


# --- doors ------------------------------------------------------------------------------------------------------------
def test_a_token_opens_what_its_user_may(ids: dict[str, int]) -> None:
    user = make_user("operator")
    token = APIClient().post("/auth/login", {"email": user.email, "password": PASSWORD}).json()["access"]
    api = APIClient(headers={"authorization": f"Bearer {token}"})
    assert api.get("/api/matching").status_code == 200
    assert api.post("/api/sync").status_code == 202


def test_a_key_opens_what_its_scopes_say(ids: dict[str, int]) -> None:
    user = make_user("operator")

    def keyed(*scopes: str) -> APIClient:
        _key, text = create_api_key(actor=user, user=user, name="bot", scopes=list(scopes), expires_at=None)
        return APIClient(headers={"authorization": f"Api-Key {text}"})

    reader = keyed("sync.view_match")
    assert reader.get("/api/matching").status_code == 200
    assert reader.post("/api/sync").json()["code"] == "permission_denied"
    assert keyed("sync.run_sync").post("/api/sync").status_code == 202
    for address in ("/api/dashboard", "/api/matching?q=words"):  # numbers of the library, and its search
        assert reader.get(address).json()["params"] == {"permission": "catalog.view_library"}
        assert keyed("sync.view_match", "catalog.view_library").get(address).status_code == 200


def test_a_session_needs_the_token_of_a_form_to_start_something(ids: dict[str, int]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user("operator"))
    answer = browser.post("/api/sync")
    assert (answer.status_code, set(answer.json())) == (403, {"code", "message", "params"})
    assert not Job.objects.exists()


def test_a_method_that_there_is_not_is_named(operator_api: APIClient, ids: dict[str, int]) -> None:
    answer = operator_api.delete("/api/matching")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
