"""Jobs over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mam.jobs.models import Job, JobState
from tests.factories import make_job, make_job_log, make_user

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db
JOBS = "/api/v1/jobs/"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_user("operator", language="en"))
    return client


def get(client: Client, path: str, **params: Any) -> Any:
    answer = client.get(path, params)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_job_says_how_far_it_is_and_why_not(operator: Client) -> None:
    job = make_job(
        "ingest.scan",
        state=JobState.FAILED,
        progress_done=1,
        progress_total=3,
        progress_unit="files",
        error_code="worker_lost",
        error_params={"attempts": 3},
    )
    shown = get(operator, f"{JOBS}{job.pk}/")
    assert shown["progress"] == {"done": 1, "total": 3, "percent": 33, "unit": "files", "note": ""}
    assert shown["error"] == {
        "code": "worker_lost",
        "message": "The worker stopped answering, 3 times in a row.",
        "params": {"attempts": 3},
    }
    assert (shown["state"], shown["state_label"], shown["can_be_retried"]) == ("failed", "Failed", True)


def test_states_kinds_and_pages(operator: Client) -> None:
    for number in range(3):
        make_job("ingest.scan", state=JobState.FAILED, subject=str(number))
    make_job("ingest.probe", state=JobState.RUNNING, subject="3")
    first = get(operator, JOBS, limit=2)
    second = get(operator, JOBS, limit=2, cursor=first["next"])
    assert [job["subject"] for job in first["items"] + second["items"]] == ["3", "2", "1", "0"]
    assert second["next"] is None
    assert [job["subject"] for job in get(operator, JOBS, kind="ingest.scan", ordering="id")["items"]] == ["0", "1", "2"]
    assert len(get(operator, f"{JOBS}?state=running&state=queued")["items"]) == 1
    assert operator.get(JOBS, {"state": "nonsense"}).json()["code"] == "invalid"


def test_the_log_goes_on_after_a_number(operator: Client) -> None:
    job, other = make_job(), make_job()
    lines = [make_job_log(job, "job_started", params={"attempt": number}) for number in (1, 2, 3)]
    make_job_log(other, "job_queued")
    assert [line["message"] for line in get(operator, f"{JOBS}{job.pk}/log/")["items"]] == [
        f"Started, attempt {number}." for number in (1, 2, 3)
    ]
    rest = get(operator, f"{JOBS}{job.pk}/log/", after=lines[1].pk)["items"]
    assert [(line["id"], line["job"], line["level"], line["level_label"]) for line in rest] == [(lines[2].pk, job.pk, 20, "INFO")]
    assert len(get(operator, f"{JOBS}{job.pk}/log/", after="9" * 40)["items"]) == 3


def test_cancel_and_retry(operator: Client) -> None:
    job = make_job()
    assert operator.post(f"{JOBS}{job.pk}/cancel/").json()["state"] == "cancelled"
    again = operator.post(f"{JOBS}{job.pk}/cancel/")
    assert (again.status_code, again.json()["code"], again.json()["params"]) == (409, "job_state", {"state": "cancelled"})
    assert operator.post(f"{JOBS}{job.pk}/retry/").json()["state"] == "queued"
    assert operator.get(f"{JOBS}{job.pk + 1}/").json()["code"] == "not_found"


def test_a_viewer_gets_nothing_and_a_stranger_is_sent_away(client: Client) -> None:
    job = make_job()
    for status, log_in in ((401, False), (403, True)):
        if log_in:
            client.force_login(make_user("viewer"))
        answers = [
            client.get(JOBS),
            client.get(f"{JOBS}{job.pk}/"),
            client.get(f"{JOBS}{job.pk}/log/"),
            client.post(f"{JOBS}{job.pk}/cancel/"),
            client.post(f"{JOBS}{job.pk}/retry/"),
        ]
        assert {answer.status_code for answer in answers} == {status}
    assert Job.objects.get().state == JobState.QUEUED


def test_a_longer_list_takes_no_more_queries(operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(30):
        make_job(requested_by=make_user("viewer"))
    with django_assert_max_num_queries(8):
        assert len(get(operator, JOBS)["items"]) == 30
