"""Which job a worker gets, and that nobody else gets it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from mam.jobs import runner, services
from mam.jobs.models import Job, JobPriority, JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeJob = Callable[..., Job]


def claim_pk(queue: str = "fast") -> int | None:
    job = runner.claim(queue)
    return job.pk if job else None


@pytest.mark.django_db
def test_the_most_urgent_then_the_oldest_is_claimed_first(make_job: MakeJob) -> None:
    low, first, second = make_job(priority=JobPriority.LOW), make_job(), make_job()
    high = make_job(priority=JobPriority.HIGH)
    assert [claim_pk() for _ in range(5)] == [high.pk, first.pk, second.pk, low.pk, None]


@pytest.mark.django_db
def test_a_claimed_job_has_owner_lease_and_one_attempt_more(make_job: MakeJob) -> None:
    make_job()
    claimed = runner.claim("fast")
    assert claimed is not None
    assert (claimed.state, claimed.attempt, claimed.owner is not None) == (JobState.RUNNING, 1, True)
    assert claimed.lease_until is not None
    assert claimed.started_at is not None
    assert 20 < (claimed.lease_until - claimed.started_at).total_seconds() < 40


@pytest.mark.django_db
def test_each_queue_and_each_time_has_its_own_jobs(make_job: MakeJob) -> None:
    make_job(delay_s=3600)
    media = make_job(queue="media")
    assert claim_pk("fast") is None
    assert claim_pk("media") == media.pk


@pytest.mark.django_db
def test_a_job_waits_for_the_running_one_with_its_key_and_blocks_no_other(make_job: MakeJob) -> None:
    make_job(key="a")
    running = runner.claim("fast")
    twin = make_job(key="a", priority=JobPriority.HIGH)
    other = make_job(key="b")
    assert claim_pk() == other.pk
    assert claim_pk() is None
    assert running is not None
    runner.execute(running, beats=False)
    assert claim_pk() == twin.pk


@pytest.mark.django_db
def test_the_same_work_is_queued_once_and_moves_forward(make_job: MakeJob) -> None:
    job = make_job(key="a", priority=JobPriority.LOW, delay_s=3600, params={"n": 1})
    again = services.enqueue(kind=job.kind, key="a", priority=JobPriority.HIGH, params={"n": 2})
    job.refresh_from_db()
    assert again.pk == job.pk
    assert (job.priority, job.params, Job.objects.count()) == (JobPriority.HIGH, {"n": 1}, 1)
    assert claim_pk() == job.pk


@pytest.mark.django_db(transaction=True)
def test_many_claimers_at_once_each_job_has_one_and_each_key_runs_once(make_job: MakeJob) -> None:
    """12 threads with a connection each; the database decides, not luck of the order."""
    for number in range(40):
        make_job(key=f"key-{number}" if number % 2 else "")
    keys_of_one = [make_job(key="shared")]
    claimed: list[Job] = []
    barrier = threading.Barrier(12)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            barrier.wait()
            while (job := runner.claim("fast")) is not None:
                claimed.append(job)
                if job.key == "shared":  # queue its twin while it runs: nobody may get it
                    keys_of_one.append(services.enqueue(kind=job.kind, key="shared"))
        except BaseException as error:
            errors.append(error)
            raise
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(Counter(job.pk for job in claimed).values()) == {1}
    assert len(claimed) == 41
    assert Job.objects.filter(key="shared", state=JobState.RUNNING).count() == 1
    assert Job.objects.filter(key="shared", state=JobState.QUEUED).count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_enqueuers_of_one_key_make_one_job(make_job: MakeJob) -> None:
    kind = make_job().kind
    made: list[int] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        try:
            barrier.wait()
            made.append(services.enqueue(kind=kind, key="one").pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1
