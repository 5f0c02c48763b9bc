"""Who may see and do what on the pages of sync: each route, by role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse

from mam.jobs.models import Job
from sync import urls
from sync.choices import PlanState
from sync.models import HistoryRow, Plan
from sync.services.history import Actor, Change, record
from tests.sync.factories import make_plan, make_report, planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.sync.pages.conftest import Archive

pytestmark = pytest.mark.django_db

ROLES = ("viewer", "operator", "administrator")
# Route -> the least role that may read it, and the one that may send something there.
READ: dict[str, str] = {
    **dict.fromkeys(
        [
            *(
                "dashboard",
                "match_list",
                "match_export",
                "match_copies",
                "match_tree",
                "tree_branch",
                "tree_gone",
                "history",
                "history_row",
            ),
            *("plan_list", "plan_detail", "report_list", "report_detail", "report_download"),
        ],
        "viewer",
    ),
    "log": "operator",
    "settings": "administrator",
    "plan_approve": "administrator",
}
SEND: dict[str, str] = {
    **dict.fromkeys(["run", "reconcile", "plan_make", "plan_apply", "plan_discard", "plan_undo"], "operator"),
    **dict.fromkeys(["scan", "settings", "alert_test", "webhook_secret", "plan_approve"], "administrator"),
}


@pytest.fixture
def address_of(archive: Archive) -> Callable[[str], str]:
    """The address of a route, with something there."""
    plan = make_plan(archive.target, [[planned()]], state=PlanState.HELD)
    report = make_report(archive.target, {"WSOP/new.mp4": "+"})
    record(archive.target, [Change("added", "source", "file:1", "WSOP/new.mp4", after={"path": "WSOP/new.mp4"})], by=Actor())
    ids = {
        "match_id": archive.matches["synced_with_duplicates"].pk,
        "plan_id": plan.pk,
        "report_id": report.pk,
        "row_id": HistoryRow.objects.get().pk,
    }

    def address(name: str) -> str:
        route = next(one for one in urls.urlpatterns if one.name == name)
        return reverse(f"sync:{name}", kwargs={key: ids[key] for key in route.pattern.converters})

    return address


def test_every_route_is_in_the_tables_below() -> None:
    names = {one.name for one in urls.urlpatterns}
    assert names == READ.keys() | SEND.keys()


@pytest.mark.parametrize("name", READ)
def test_reading_is_for_the_role_that_may(name: str, person_of: Callable[[str | None], Client], address_of: Callable[[str], str]) -> None:
    for role in ROLES:
        is_allowed = ROLES.index(role) >= ROLES.index(READ[name])
        response = person_of(role).get(address_of(name))
        assert response.status_code in ({200, 302} if is_allowed else {403}), role
    assert person_of(None).get(address_of(name)).status_code == 403


@pytest.mark.parametrize("name", SEND)
def test_buttons_are_for_the_role_that_may(name: str, person_of: Callable[[str | None], Client], address_of: Callable[[str], str]) -> None:
    for role in (None, *ROLES):
        is_allowed = role is not None and ROLES.index(role) >= ROLES.index(SEND[name])
        response = person_of(role).post(address_of(name))
        assert (response.status_code == 403) != is_allowed, role
        if not is_allowed:
            assert not Job.objects.exists()
            assert Plan.objects.get().state == PlanState.HELD


@pytest.mark.parametrize("name", sorted(READ.keys() | SEND.keys()))
def test_a_stranger_is_led_to_the_login(name: str, client: Client, address_of: Callable[[str], str]) -> None:
    for response in (client.get(address_of(name)), client.post(address_of(name))):
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login") or "login" in response["Location"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", sorted(SEND.keys() - READ.keys()))
def test_what_starts_something_is_not_started_by_reading_it(name: str, administrator: Client, address_of: Callable[[str], str]) -> None:
    assert administrator.get(address_of(name)).status_code == 405
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("role", "missing"), [("viewer", {"Live log", "Settings"}), ("operator", {"Settings"}), ("administrator", set[str]())]
)
def test_tabs_are_those_that_lead_somewhere(
    role: str, missing: set[str], person_of: Callable[[str | None], Client], archive: Archive
) -> None:
    tabs = [str(tab["label"]) for tab in person_of(role).get(reverse("sync:dashboard")).context["tabs"]]
    everything = {"Overview", "File matching", "History", "Plans", "Reconciliation", "Live log", "Settings"}
    assert set(tabs) == everything - missing


def test_the_rail_leads_here_also_by_keys(viewer: Client) -> None:
    page: Any = viewer.get(reverse("sync:dashboard"))
    item = next(item for item in page.context["nav"] if item.url == reverse("sync:dashboard"))
    assert (item.keys, item.icon, item.is_active) == ("g s", "sync", True)
