"""Programs start scans and report file events; pages do the same for people. Who may not is refused, and nothing is trusted blindly."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from catalog.choices import Presence
from catalog.models import Source
from ingest.models import FolderHint, MissingHold, ScanMode, ScanPlan
from ingest.services import events
from mam.accounts.models import AuditEntry
from mam.jobs.models import Job
from tests.factories import PASSWORD, make_file, make_source, make_user

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, Settings

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db
SECRET = "shared with the NAS"


def api(user: User | None) -> APIClient:
    client = APIClient()
    if user is not None:
        client.force_authenticate(user)
    return client


class TestScanTrigger:
    def test_an_operator_starts_a_full_scan_by_name(self) -> None:
        source = make_source("NAS")
        answer = api(make_user("operator")).post("/api/v1/scan/trigger", {"source": "NAS", "full": True}, format="json")
        assert answer.status_code == 202
        assert Job.objects.get(pk=answer.json()["job_id"]).params == {"source_id": source.pk}
        assert ScanPlan.objects.get(source=source).wanted_mode == ScanMode.FULL
        assert AuditEntry.objects.filter(action="ingest.scan.request").count() == 1

    def test_a_source_may_be_named_by_its_id(self) -> None:
        source = make_source()
        assert api(make_user("operator")).post("/api/v1/scan/trigger", {"source": str(source.pk)}, format="json").status_code == 202

    @pytest.mark.parametrize(("role", "status"), [(None, 403), ("viewer", 403), ("operator", 202), ("administrator", 202)])
    def test_only_who_may_scan(self, role: str | None, status: int) -> None:
        make_source("NAS")
        assert api(make_user(role)).post("/api/v1/scan/trigger", {"source": "NAS"}, format="json").status_code == status

    def test_strangers_are_sent_away(self) -> None:
        assert api(None).post("/api/v1/scan/trigger", {"source": "NAS"}, format="json").status_code == 401

    def test_an_unknown_source_is_named_in_the_error(self) -> None:
        answer = api(make_user("operator")).post("/api/v1/scan/trigger", {"source": "nowhere"}, format="json")
        assert (answer.status_code, answer.json()["code"], answer.json()["params"]) == (404, "source_unknown", {"source": "nowhere"})

    def test_a_source_that_is_switched_off_is_not_scanned(self) -> None:
        make_source("NAS", is_enabled=False)
        answer = api(make_user("operator")).post("/api/v1/scan/trigger", {"source": "NAS"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "source_disabled")


class TestFileEvents:
    @pytest.fixture(autouse=True)
    def _secret(self, settings: Settings) -> None:
        settings.MAM_WEBHOOK_SECRET = SECRET

    def post(self, body: dict[str, str], *, secret: str = SECRET, age_s: int = 0, user: User | None = None, signed: bool = True) -> int:
        text = json.dumps(body)
        header = events.sign(secret=secret, timestamp=int(time.time()) - age_s, body=text.encode())
        extra: dict[str, Any] = {"HTTP_X_MAM_SIGNATURE": header} if signed else {}
        answer = api(user).post("/api/v1/webhook/file-event", text, content_type="application/json", **extra)
        status: int = answer.status_code
        return status

    def test_a_signed_event_has_the_folder_looked_at(self) -> None:
        source = make_source("NAS", url="smb://nas/GGPNAs/ARCHIVE")
        assert self.post({"action": "create", "path": "WSOP/2024/new.mp4"}) == 202
        assert list(FolderHint.objects.values_list("source", "path")) == [(source.pk, "WSOP/2024")]

    def test_a_path_as_the_nas_sees_it_is_cut_to_the_source(self) -> None:
        make_source("NAS", url="smb://nas/GGPNAs/ARCHIVE")
        assert self.post({"action": "modify", "path": "/volume1/GGPNAs/ARCHIVE/HCL/EP1.mp4"}) == 202
        assert FolderHint.objects.get().path == "HCL"

    def test_a_move_hints_both_ends(self) -> None:
        make_source("NAS")
        assert self.post({"action": "move", "path": "a/x.mp4", "destination": "b/x.mp4"}) == 202
        assert set(FolderHint.objects.values_list("path", flat=True)) == {"a", "b"}

    def test_an_event_never_changes_a_file_by_itself(self) -> None:
        file = make_file("WSOP/x.mp4")
        assert self.post({"action": "delete", "path": "WSOP/x.mp4"}) == 202
        file.refresh_from_db()
        assert (file.presence, file.absent_since) == (Presence.PRESENT, None)

    @pytest.mark.parametrize(("secret", "age_s"), [("guessed", 0), (SECRET, 3600), (SECRET, -3600)])
    def test_a_wrong_or_old_signature_is_refused(self, secret: str, age_s: int) -> None:
        make_source("NAS")
        assert self.post({"action": "create", "path": "x"}, secret=secret, age_s=age_s) == 403
        assert not FolderHint.objects.exists()

    def test_no_secret_means_no_signature_is_good(self, settings: Settings) -> None:
        settings.MAM_WEBHOOK_SECRET = ""
        assert self.post({"action": "create", "path": "x"}, secret="") == 403

    def test_an_unsigned_event_needs_a_user_who_may_scan(self) -> None:
        make_source("NAS")
        assert self.post({"action": "create", "path": "x"}, signed=False) == 401
        assert self.post({"action": "create", "path": "x"}, signed=False, user=make_user("viewer")) == 403
        assert self.post({"action": "create", "path": "x"}, signed=False, user=make_user("operator")) == 202

    def test_a_path_that_leaves_the_root_is_refused(self) -> None:
        make_source("NAS")
        assert self.post({"action": "create", "path": "a/../../etc/passwd"}) == 400
        assert not FolderHint.objects.exists()

    def test_an_unknown_action_is_refused(self) -> None:
        assert self.post({"action": "explode", "path": "x"}) == 400


class TestLists:
    def test_scans_and_holds_cost_the_same_however_many_there_are(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        source = make_source()
        client = api(make_user("operator"))
        client.get("/api/v1/holds/")  # permissions are loaded once
        for _ in range(12):
            MissingHold.objects.create(source=source, files=1, total_bytes=1, share_percent=1)
        with django_assert_num_queries(1):
            assert len(client.get("/api/v1/holds/").json()["items"]) == 12

    def test_an_administrator_declares_files_gone(self) -> None:
        file = make_file("a.mp4", presence=Presence.HELD)
        hold = MissingHold.objects.create(source=file.source, files=1, total_bytes=1, share_percent=100)
        assert api(make_user("operator")).post(f"/api/v1/holds/{hold.pk}/gone/").status_code == 403
        answer = api(make_user("administrator")).post(f"/api/v1/holds/{hold.pk}/gone/")
        assert (answer.status_code, answer.json()["decision"]) == (200, "gone")
        again = api(make_user("administrator")).post(f"/api/v1/holds/{hold.pk}/gone/")
        assert (again.status_code, again.json()["code"]) == (409, "hold_decided")


class TestPages:
    def login(self, client: Client, role: str) -> None:
        client.force_login(make_user(role))

    @pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200), ("administrator", 200)])
    def test_who_sees_the_sources_page(self, client: Client, role: str, status: int) -> None:
        make_source("NAS")
        self.login(client, role)
        assert client.get(reverse("ingest:source_manage")).status_code == status

    @pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("administrator", 200)])
    def test_who_may_add_a_source(self, client: Client, role: str, status: int) -> None:
        self.login(client, role)
        assert client.get(reverse("ingest:source_add")).status_code == status

    def test_a_source_that_does_not_answer_is_not_added_and_what_was_typed_stays(self, client: Client) -> None:
        self.login(client, "administrator")
        typed = {"name": "NAS", "url": "file:///nowhere/at/all", "poll_interval_s": "60", "parallelism": "4", "is_enabled": "on"}
        answer = client.post(reverse("ingest:source_add"), typed)
        assert answer.status_code == 422
        assert b"file:///nowhere/at/all" in answer.content
        assert not Source.objects.exists()

    def test_adding_a_folder_starts_its_first_scan(self, client: Client, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.login(client, "administrator")
        folder = tmp_path_factory.mktemp("share")
        typed = {"name": "NAS", "url": folder.as_uri(), "poll_interval_s": "60", "parallelism": "4", "is_enabled": "on"}
        answer = client.post(reverse("ingest:source_add"), typed)
        job = Job.objects.get(kind="ingest.scan")
        assert answer.headers["Location"] == reverse("jobs:job_detail", args=[job.pk])
        assert Source.objects.get().name == "NAS"

    @pytest.mark.parametrize(("url", "is_warned"), [("", True), ("/2024", True), ("-old", False)])
    def test_an_address_that_another_source_has_is_warned_of(self, client: Client, tmp_path: Path, url: str, *, is_warned: bool) -> None:
        self.login(client, "administrator")
        make_source("NAS", url=tmp_path.as_uri())
        folder = Path(f"{tmp_path}{url}")
        folder.mkdir(exist_ok=True)
        typed = {"name": "Again", "url": folder.as_uri(), "poll_interval_s": "60", "parallelism": "4", "is_enabled": "on"}
        answer = client.post(reverse("ingest:source_add"), typed, follow=True, headers={"Accept-Language": "en"})
        assert ("Again and NAS share an address" in answer.content.decode()) == is_warned

    def test_the_stored_password_is_never_shown_and_an_empty_one_keeps_it(self, client: Client) -> None:
        self.login(client, "administrator")
        source = make_source("NAS")
        edit = reverse("ingest:source_edit", args=[source.pk])
        typed = {"name": "NAS", "url": source.url, "poll_interval_s": "60", "parallelism": "4", "is_enabled": "on"}
        client.post(edit, typed | {"username": "editor", "password": PASSWORD})
        page = client.get(edit)
        assert PASSWORD.encode() not in page.content
        sealed = Source.objects.get().credentials
        client.post(edit, typed | {"username": "editor", "name": "NAS 2"})
        assert (Source.objects.get().name, Source.objects.get().credentials) == ("NAS 2", sealed)

    def test_a_scan_is_started_from_the_page(self, client: Client) -> None:
        self.login(client, "operator")
        source = make_source("NAS")
        client.post(reverse("ingest:source_scan", args=[source.pk]), {"full": "1"})
        assert ScanPlan.objects.get(source=source).wanted_mode == ScanMode.FULL

    def test_removing_a_source_asks_for_its_name(self, client: Client) -> None:
        self.login(client, "administrator")
        source = make_source("NAS")
        client.post(reverse("ingest:source_delete", args=[source.pk]), {"confirm_name": "something"})
        assert not Job.objects.exists()
        client.post(reverse("ingest:source_delete", args=[source.pk]), {"confirm_name": "NAS"})
        assert Job.objects.get().kind == "catalog.delete_source"

    def test_a_file_is_analysed_again_on_request(self, client: Client) -> None:
        self.login(client, "operator")
        file = make_file("a.mp4")
        client.post(reverse("ingest:file_probe", args=[file.pk]))
        file.refresh_from_db()
        assert (file.probe_state, Job.objects.filter(kind="ingest.probe").count()) == ("pending", 1)
