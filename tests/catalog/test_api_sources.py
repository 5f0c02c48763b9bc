"""Sources and path rules through the REST API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from catalog.models import PathRule, Source
from catalog.services.file_systems import Credentials, credentials_of
from mam.jobs.models import Job
from mam.jobs.testing import run_pending
from tests.factories import make_file, make_source

if TYPE_CHECKING:
    from pathlib import Path

    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

API = "/api/v1"


def test_a_source_is_added_and_its_password_never_comes_back(administrator_api: APIClient) -> None:
    body = {"name": "NAS", "url": "smb://nas/media", "username": "mam", "password": " hunter2 ", "require_encryption": True}
    answer = administrator_api.post(f"{API}/sources/", body)
    assert (answer.status_code, answer.json()["has_credentials"], answer.json()["state"]) == (201, True, "unknown")
    pk = answer.json()["id"]
    shown = [answer.json(), administrator_api.get(f"{API}/sources/{pk}/").json(), administrator_api.get(f"{API}/sources/").json()]
    assert "hunter2" not in json.dumps(shown)
    assert credentials_of(Source.objects.get(pk=pk)) == Credentials("mam", " hunter2 ")


def test_where_a_source_is_stays_with_who_manages_sources(administrator_api: APIClient, viewer_api: APIClient) -> None:
    source = make_source("NAS", url="smb://nas/media")
    for path in (f"{API}/sources/", f"{API}/sources/{source.pk}/"):
        assert "smb://nas/media" in administrator_api.get(path).content.decode()
        assert "smb://nas/media" not in viewer_api.get(path).content.decode()


def test_settings_change_without_touching_the_credentials(administrator_api: APIClient) -> None:
    pk = administrator_api.post(f"{API}/sources/", {"name": "NAS", "url": "smb://nas/media", "password": "x"}).json()["id"]
    changed = administrator_api.patch(f"{API}/sources/{pk}/", {"poll_interval_s": 30, "exclude_globs": ["*.tmp"]}).json()
    assert (changed["poll_interval_s"], changed["exclude_globs"], changed["has_credentials"]) == (30, ["*.tmp"], True)
    cleared = administrator_api.patch(f"{API}/sources/{pk}/", {"username": "", "password": ""}).json()
    assert cleared["has_credentials"] is False


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "x", "url": "ftp://nas/media"}, "source_url_scheme"),
        ({"name": "x", "url": "smb://user:pw@nas/media"}, "source_url_credentials"),
        ({"name": "x", "url": "smb://nas"}, "source_url_share"),
        ({"name": "taken", "url": "smb://nas/media"}, "name_taken"),
        ({"name": "x", "url": "smb://nas/media", "parallelism": 1000}, "invalid"),
        ({"url": "smb://nas/media"}, "invalid"),
    ],
)
def test_a_source_that_cannot_be_is_refused_with_the_reason(administrator_api: APIClient, body: dict[str, object], code: str) -> None:
    make_source("taken")
    answer = administrator_api.post(f"{API}/sources/", body)
    assert (answer.status_code >= 400, answer.json()["code"]) == (True, code)
    assert Source.objects.count() == 1


def test_a_connection_test_reports_success_and_failure(administrator_api: APIClient, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    good, bad = make_source(url=f"file://{tmp_path}"), make_source(url=f"file://{tmp_path}/gone")
    report = administrator_api.post(f"{API}/sources/{good.pk}/test/").json()
    assert (report["is_ok"], report["root_entries"], report["message"]) == (True, 1, "")
    report = administrator_api.post(f"{API}/sources/{bad.pk}/test/").json()
    assert (report["is_ok"], report["code"]) == (False, "source_share_missing")
    assert str(tmp_path) in report["message"]
    assert administrator_api.get(f"{API}/sources/{bad.pk}/").json()["state"] == "offline"


def test_a_source_is_deleted_by_a_job_when_its_name_is_given(administrator_api: APIClient) -> None:
    source = make_source("NAS")
    make_file("a.mp4", source=source)
    refused = administrator_api.delete(f"{API}/sources/{source.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "confirmation_mismatch")
    answer = administrator_api.delete(f"{API}/sources/{source.pk}/?name=NAS")
    assert answer.status_code == 202
    assert [job.pk for job in run_pending()] == [answer.json()["job_id"]]
    assert not Source.objects.exists()


# --- rules --------------------------------------------------------------------------------------------------------------
PROMO = {"name": "promo", "pattern": r"^promo/(?P<title>[^/]+)$", "catalog_name": "Promotion", "series_name": "All"}


def test_a_rule_is_tried_stored_changed_and_deleted(administrator_api: APIClient) -> None:
    trial = {key: value for key, value in PROMO.items() if key != "name"} | {"paths": ["promo/a_Part2.mp4", "WSOP/b.mp4"]}
    assert administrator_api.post(f"{API}/path-rules/preview/", trial).json() == [
        {"path": "promo/a_Part2.mp4", "place": {"catalog": "Promotion", "series": "All", "title": "a", "year": None, "part": 2}},
        {"path": "WSOP/b.mp4", "place": None},
    ]
    assert not PathRule.objects.exists()
    rule = administrator_api.post(f"{API}/path-rules/", PROMO)
    assert rule.status_code == 201, rule.json()
    path = f"{API}/path-rules/{rule.json()['id']}/"
    assert administrator_api.patch(path, {"is_enabled": False}).json()["is_enabled"] is False
    assert administrator_api.delete(path).status_code == 204
    assert Job.objects.filter(kind="catalog.place").count() == 1


def test_a_bad_pattern_is_refused_and_nothing_is_stored(administrator_api: APIClient) -> None:
    answer = administrator_api.post(f"{API}/path-rules/", PROMO | {"pattern": "(?P<title>"})
    assert (answer.status_code, answer.json()["code"]) == (400, "path_rule_pattern")
    answer = administrator_api.post(f"{API}/path-rules/", PROMO | {"catalog_name": ""})
    assert (answer.status_code, answer.json()["code"], answer.json()["params"]) == (400, "path_rule_group_missing", {"group": "catalog"})
    assert not PathRule.objects.exists()


def test_rules_are_applied_again_on_request(administrator_api: APIClient) -> None:
    make_file("WSOP/2024/a.mp4")
    answer = administrator_api.post(f"{API}/path-rules/apply/")
    assert answer.status_code == 202
    (job,) = run_pending()
    assert job.pk == answer.json()["job_id"]
    assert job.result is not None
    assert job.result["changed"] == 1
