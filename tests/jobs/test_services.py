"""What people may do with jobs, and what is written down about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django_q.models import OrmQ

from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from mam.accounts.services import create_user, write_roles
from mam.jobs import log, runner, services
from mam.jobs.errors import JobStateError, UnknownJobKindError
from mam.jobs.models import Job, JobLog, JobState
from mam.jobs.testing import run_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django import DjangoCaptureOnCommitCallbacks

    MakeJob = Callable[..., Job]

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> User:
    write_roles()
    return create_user(actor=None, email="operator@example.org", role="operator", password="long enough 1")


@pytest.fixture
def viewer() -> User:
    write_roles()
    return create_user(actor=None, email="viewer@example.org", role="viewer", password="long enough 1")


def test_a_job_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownJobKindError):
        services.enqueue(kind="tests.nobody")


def test_the_hint_is_sent_when_the_transaction_commits(
    make_job: MakeJob, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = make_job(queue="media", delay_s=60)
        assert not OrmQ.objects.exists()
    hint = OrmQ.objects.get()
    assert (hint.key, hint.lock) == ("media", job.not_before)
    assert JobLog.objects.get(job=job).code == log.QUEUED


def test_an_operator_cancels_a_waiting_job_at_once(
    make_job: MakeJob, operator: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    job = make_job()
    with django_capture_on_commit_callbacks(execute=True):
        assert services.cancel(job=job, user=operator).state == JobState.CANCELLED
    assert runner.claim("fast") is None
    entry = AuditEntry.objects.get(action="jobs.job.cancel")
    assert (entry.actor, entry.before["state"], entry.after["state"]) == (operator, "queued", "cancelled")
    assert list(JobLog.objects.filter(job=job).values_list("code", flat=True)) == [log.CANCELLED]


def test_cancelling_a_running_job_asks_its_worker(make_job: MakeJob) -> None:
    make_job()
    job = runner.claim("fast")
    assert job is not None
    services.cancel(job=job, user=None)
    assert (job.state, job.cancel_requested, job.can_be_cancelled) == (JobState.RUNNING, True, False)


def test_an_ended_job_cannot_be_cancelled_nor_a_good_one_retried(make_job: MakeJob) -> None:
    make_job()
    [job] = run_pending()
    for service in (services.cancel, services.retry):
        with pytest.raises(JobStateError) as refused:
            service(job=job, user=None)
        assert refused.value.params == {"state": "succeeded"}
    assert not AuditEntry.objects.filter(action__startswith="jobs.").exists()


@pytest.mark.parametrize("service", [services.cancel, services.retry])
def test_a_viewer_controls_nothing(make_job: MakeJob, viewer: User, service: Callable[..., Job]) -> None:
    job = make_job()
    with pytest.raises(PermissionDeniedError):
        service(job=job, user=viewer)
    job.refresh_from_db()
    assert job.state == JobState.QUEUED


def test_a_retried_job_starts_over(make_job: MakeJob, operator: User) -> None:
    def task(ctx: object) -> None:
        if len(runs) == 1:
            raise ZeroDivisionError

    runs: list[int] = [1]
    make_job(task)
    [job] = run_pending()
    assert job.state == JobState.FAILED
    runs.append(2)
    services.retry(job=job, user=operator)
    assert (job.state, job.attempt, job.error_code, job.error_text) == (JobState.QUEUED, 0, "", "")
    [again] = run_pending()
    assert (again.pk, again.state, again.attempt) == (job.pk, JobState.SUCCEEDED, 1)
    assert AuditEntry.objects.get(action="jobs.job.retry").actor == operator


def test_retrying_what_waits_already_gives_the_waiting_job(make_job: MakeJob) -> None:
    failed = make_job(lambda ctx: 1 // 0, key="a")
    run_pending()
    waiting = services.enqueue(kind=failed.kind, key="a")
    failed.refresh_from_db()
    assert services.retry(job=failed, user=None).pk == waiting.pk
    failed.refresh_from_db()
    assert failed.state == JobState.FAILED
