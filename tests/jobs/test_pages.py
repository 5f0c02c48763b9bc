"""The Jobs pages: who sees what, what the tabs hold, and what cancel and retry answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from mam.jobs.models import Job, JobState
from tests.factories import make_job, make_job_log, make_user

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db
LIST = "/jobs/"


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(make_user("operator", language="en"))
    return client


def subjects(jobs: list[Job]) -> list[str]:
    return [job.subject for job in jobs]


def test_the_first_tab_is_the_one_with_something_to_say(operator: Client) -> None:
    make_job(state=JobState.SUCCEEDED, subject="done")
    assert operator.get(LIST).context["state"] == "done"
    make_job(state=JobState.FAILED, subject="failed")
    assert operator.get(LIST).context["state"] == "failed"
    make_job(state=JobState.RUNNING, subject="running")
    page = operator.get(LIST)
    assert (page.context["state"], subjects(page.context["jobs"])) == ("running", ["running"])
    assert page.context["counts"] == {"running": 1, "waiting": 0, "failed": 1, "done": 1}


def test_what_waits_stands_in_the_order_of_its_start(operator: Client) -> None:
    for subject, priority in (("low", 100), ("first", 50), ("second", 50), ("high", 0)):
        make_job(subject=subject, priority=priority)
    page = operator.get(LIST, {"state": "waiting"})
    assert subjects(page.context["jobs"]) == ["high", "first", "second", "low"]


def test_routine_is_only_shown_to_who_asks_for_it(operator: Client) -> None:
    make_job(state=JobState.SUCCEEDED, subject="news")
    make_job(state=JobState.SUCCEEDED, subject="routine", is_routine=True)
    page, whole = operator.get(LIST), operator.get(LIST, {"routine": "on"})
    assert (subjects(page.context["jobs"]), page.context["counts"]["done"]) == (["news"], 1)
    assert (subjects(whole.context["jobs"]), whole.context["counts"]["done"]) == (["routine", "news"], 2)


def test_kinds_and_queues_narrow_the_list(operator: Client) -> None:
    make_job("ingest.scan", subject="scan", queue="fast")
    make_job("streaming.poster", subject="poster", queue="media")
    assert subjects(operator.get(LIST, {"state": "waiting", "kind": "ingest.scan"}).context["jobs"]) == ["scan"]
    assert subjects(operator.get(LIST, {"state": "waiting", "queue": "media"}).context["jobs"]) == ["poster"]
    assert subjects(operator.get(LIST, {"state": "waiting", "kind": "gone"}).context["jobs"]) == []


def test_pages_follow_each_other_and_an_old_address_shows_the_first(operator: Client) -> None:
    for number in range(60):
        make_job(state=JobState.FAILED, subject=str(number))
    first = operator.get(LIST, {"state": "failed"})
    second = operator.get(LIST, {"state": "failed", "cursor": first.context["page"].next})
    assert subjects(first.context["jobs"] + second.context["jobs"]) == [str(number) for number in reversed(range(60))]
    damaged = operator.get(LIST, {"state": "failed", "cursor": "nonsense"})
    assert subjects(damaged.context["jobs"]) == subjects(first.context["jobs"])


def test_a_longer_list_takes_no_more_queries(operator: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(30):
        make_job(state=JobState.RUNNING, subject=str(number), requested_by=make_user("viewer"))
    with django_assert_max_num_queries(12) as queries:
        operator.get(LIST)
    with_30 = len(queries)
    Job.objects.exclude(subject="0").delete()
    with django_assert_max_num_queries(12) as queries:
        operator.get(LIST)
    assert len(queries) == with_30


def test_a_jobs_page_has_its_error_and_the_end_of_its_log(operator: Client) -> None:
    job = make_job(state=JobState.FAILED, error_code="worker_lost", error_params={"attempts": 3})
    for number in range(505):
        make_job_log(job, "job_started", params={"attempt": number})
    page = operator.get(reverse("jobs:job_detail", args=[job.pk]))
    lines = page.context["log"]
    assert (len(lines), lines[-1].message, page.context["log_after"]) == (500, "Started, attempt 504.", lines[-1].pk)
    assert "The worker stopped answering, 3 times in a row." in page.content.decode()


def test_cancel_and_retry_lead_back_and_change_the_state(operator: Client) -> None:
    job = make_job()
    done = operator.post(reverse("jobs:job_cancel", args=[job.pk]), {"next": "/jobs/?state=waiting"})
    assert (done.status_code, done["Location"]) == (302, "/jobs/?state=waiting")
    assert Job.objects.get().state == JobState.CANCELLED
    done = operator.post(reverse("jobs:job_retry", args=[job.pk]), {"next": "https://elsewhere.example/"})
    assert done["Location"] == reverse("jobs:job_detail", args=[job.pk])
    assert Job.objects.get().state == JobState.QUEUED


def test_htmx_gets_the_row_as_it_is_now_also_when_nothing_could_be_done(operator: Client) -> None:
    job = make_job(state=JobState.SUCCEEDED)
    answer = operator.post(reverse("jobs:job_cancel", args=[job.pk]), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert f'id="job-{job.pk}"' in answer.content.decode()
    assert Job.objects.get().state == JobState.SUCCEEDED


@pytest.mark.parametrize("role", ["viewer", None])
def test_who_may_not_see_jobs_sees_none(client: Client, role: str | None) -> None:
    job = make_job()
    client.force_login(make_user(role))
    assert client.get(LIST).status_code == 403
    assert client.get(reverse("jobs:job_detail", args=[job.pk])).status_code == 403
    for name in ("jobs:job_cancel", "jobs:job_retry"):
        assert client.post(reverse(name, args=[job.pk])).status_code == 403
    client.logout()
    assert client.get(LIST).status_code == 302
    assert Job.objects.get().state == JobState.QUEUED


def test_reading_an_address_that_changes_things_changes_nothing(operator: Client) -> None:
    job = make_job()
    assert operator.get(reverse("jobs:job_cancel", args=[job.pk])).status_code == 405
    assert operator.get(reverse("jobs:job_detail", args=[job.pk + 1])).status_code == 404


def test_the_admin_shows_jobs_and_changes_none(client: Client) -> None:
    client.force_login(make_user("administrator"))
    job = make_job(subject="WSOP")
    assert "WSOP" in client.get(reverse("admin:jobs_job_changelist")).content.decode()
    assert client.get(reverse("admin:jobs_job_change", args=[job.pk])).status_code == 200
    assert client.post(reverse("admin:jobs_job_change", args=[job.pk]), {"subject": "x"}).status_code == 403
    assert client.get(reverse("admin:jobs_job_add")).status_code == 403
