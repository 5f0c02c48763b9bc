"""Jobs whose worker is gone, hints that got lost, and jobs that are long over."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from mam.jobs import hints, log, runner, services, tasks
from mam.jobs.models import Job, JobLog, JobState
from mam.jobs.testing import run_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeJob = Callable[..., Job]

pytestmark = pytest.mark.django_db


def lose_worker(job: Job, *, attempt: int = 1) -> None:
    """Claim the job and let the lease end."""
    assert runner.take(job.pk) is not None
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - datetime.timedelta(seconds=1), attempt=attempt)


def codes(job: Job) -> list[str]:
    return list(JobLog.objects.filter(job=job).order_by("pk").values_list("code", flat=True))


def test_a_lost_job_is_claimable_again_and_its_attempt_counted(make_job: MakeJob) -> None:
    job = make_job()
    lose_worker(job)
    tasks.reap()
    again = runner.claim("fast")
    assert again is not None
    assert (again.pk, again.attempt) == (job.pk, 2)
    assert codes(job) == [log.STARTED, log.RETURNED, log.STARTED]


def test_a_living_lease_is_left_alone(make_job: MakeJob) -> None:
    job = make_job()
    runner.take(job.pk)
    tasks.reap()
    job.refresh_from_db()
    assert job.state == JobState.RUNNING


def test_a_job_that_lost_all_its_workers_fails(make_job: MakeJob) -> None:
    job = make_job(max_attempts=2)
    lose_worker(job, attempt=2)
    tasks.reap()
    job.refresh_from_db()
    assert (job.state, job.error_code, job.error_params) == (JobState.FAILED, "worker_lost", {"attempts": 2})
    assert job.finished_at is not None


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(make_job: MakeJob) -> None:
    job = make_job()
    lose_worker(job)
    services.cancel(job=job, user=None)
    tasks.reap()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_lost_job_gives_way_to_the_one_that_waits_with_its_key(make_job: MakeJob) -> None:
    job = make_job(key="a")
    lose_worker(job)
    waiting = services.enqueue(kind=job.kind, key="a")
    tasks.reap()
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "superseded")
    assert runner.claim("fast") == waiting


def test_lost_hints_are_sent_again_once(make_job: MakeJob) -> None:
    for _ in range(3):
        make_job()
    make_job(queue="media")
    make_job(delay_s=3600)  # nobody needs to look for it now
    tasks.reap()
    assert sorted(OrmQ.objects.values_list("key", flat=True)) == ["fast", "fast", "fast", "media"]
    tasks.reap()
    assert OrmQ.objects.count() == 4


def test_no_more_hints_than_can_wake_anybody(make_job: MakeJob) -> None:
    kind = make_job().kind
    for _ in range(hints.MAX_WAITING + 5):
        services.enqueue(kind=kind)
    tasks.reap()
    assert OrmQ.objects.count() == hints.MAX_WAITING


@pytest.mark.django_db(transaction=True)
def test_one_message_drains_the_queue(make_job: MakeJob) -> None:
    jobs = [make_job() for _ in range(4)]
    tasks.work("fast")
    assert set(Job.objects.filter(state=JobState.SUCCEEDED)) == set(jobs)


def test_old_jobs_go_with_their_log_others_stay(make_job: MakeJob, settings: object) -> None:
    settings.MAM_JOB_KEEP_DAYS = 30  # type: ignore[attr-defined]
    old, recent, waiting = make_job(), make_job(), make_job(delay_s=3600)
    run_pending(kinds=[old.kind, recent.kind])
    long_ago = timezone.now() - datetime.timedelta(days=31)
    Job.objects.filter(pk__in=[old.pk, waiting.pk]).update(created_at=long_ago)
    Job.objects.filter(pk=old.pk).update(finished_at=long_ago)
    tasks.purge_old()
    assert set(Job.objects.values_list("pk", flat=True)) == {recent.pk, waiting.pk}
    assert set(JobLog.objects.values_list("job_id", flat=True)) == {recent.pk}
