"""Renditions and tiers in the admin: what staff see, and what they may have done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from mam.accounts.models import AuditEntry
from mam.jobs.models import Job
from mam.jobs.testing import run_pending
from streaming.choices import ObjectState, RenditionKind, RenditionState
from streaming.models import Rendition, StoredObject
from streaming.services import upkeep
from tests.factories import make_file, make_rendition, make_user

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]
LIST = "/admin/streaming/rendition/"
TIERS = f"{LIST}tiers/"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_user("operator", language="en"))
    return client


@pytest.mark.parametrize(("role", "status"), [("viewer", 302), ("operator", 200), ("administrator", 200)])
@pytest.mark.parametrize("page", [LIST, TIERS])
def test_staff_see_what_lies_where(client: Client, role: str, status: int, page: str) -> None:
    client.force_login(make_user(role))
    assert client.get(page).status_code == status


def test_the_tiers_show_sizes_policy_and_what_is_due(operator: Client) -> None:
    make_rendition(make_file(), RenditionKind.HLS, size_bytes=5_000_000_000, cpu_ms=3_600_000)
    make_rendition(make_file(), RenditionKind.PROXY, size_bytes=7_000_000, last_access_at=timezone.now() - timedelta(days=100))
    StoredObject.objects.filter(rendition__kind=RenditionKind.PROXY).update(state=ObjectState.MISSING)
    page = " ".join(operator.get(TIERS).content.decode().split())
    texts = ["5.00 GB", "streams/", "after 180 days", "1 (7.00 MB)", "Not deleted", "1 object is missing or changed.", "There was none"]
    assert [text for text in texts if text not in page] == []


def test_everything_is_looked_at_now_when_asked(operator: Client) -> None:
    assert operator.post(TIERS).status_code == 302
    job = Job.objects.get()
    assert (job.kind, job.requested_by is not None) == (upkeep.TIDY_KIND, True)
    run_pending("fast")
    assert "0 objects listed" in operator.get(TIERS).content.decode()


def test_chosen_renditions_are_made_again_or_purged(operator: Client) -> None:
    again, purged = make_rendition(make_file(), RenditionKind.HLS), make_rendition(make_file(), RenditionKind.HLS, size_bytes=9)
    operator.post(LIST, {"action": "make_again", "_selected_action": [again.pk]})
    operator.post(LIST, {"action": "purge", "_selected_action": [purged.pk]})
    states = dict(Rendition.objects.values_list("pk", "state"))
    assert states == {again.pk: RenditionState.WANTED, purged.pk: RenditionState.PURGED}
    assert Job.objects.get().kind == "streaming.hls"
    assert AuditEntry.objects.filter(action="streaming.rendition.purge").count() == 1


def test_a_failure_is_readable_with_its_log(operator: Client) -> None:
    row = make_rendition(make_file(), RenditionKind.HLS, state=RenditionState.FAILED, error_code="storage_full", log_tail="line of ffmpeg")
    page = operator.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "There is no space left in the storage." in page
    assert "line of ffmpeg" in page
    assert row.stored_objects.get().name in page
