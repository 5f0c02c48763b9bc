"""What becomes of a job: by what its task returns, raises and writes, and by what happens to its lease."""

from __future__ import annotations

import datetime
import threading
import uuid
from typing import TYPE_CHECKING, ClassVar

import pytest
from django.db import connections
from django.utils import timezone

from mam.accounts.models import AuditEntry
from mam.jobs import log, runner, services
from mam.jobs.errors import LeaseLostError
from mam.jobs.models import Job, JobLog, JobState, LogLevel
from mam.jobs.testing import run_pending
from mam.lib import process
from mam.lib.errors import MamError
from tests.fixtures.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from mam.jobs.context import JobContext

    MakeJob = Callable[..., Job]


class WeatherError(MamError):
    code = "tests_weather"
    template = "It rains in %(city)s."
    is_permanent: ClassVar = False


class ClosedError(MamError):
    code = "tests_closed"
    template = "Closed."


def codes(job: Job) -> list[str]:
    return list(JobLog.objects.filter(job=job).order_by("pk").values_list("code", flat=True))


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


@pytest.mark.django_db
def test_success_keeps_result_progress_and_log(make_job: MakeJob) -> None:
    def task(ctx: JobContext) -> dict[str, int]:
        for done in range(1, 101):
            ctx.progress(done, 100, unit="files", note=f"file {done}")
        ctx.log("tests_closed", LogLevel.WARNING, door=3)
        return {"files": 100}

    job = make_job(task)
    run_pending()
    job = fresh(job)
    assert (job.state, job.result, job.owner, job.lease_until) == (JobState.SUCCEEDED, {"files": 100}, None, None)
    assert (job.progress_done, job.progress_total, job.progress_note, job.progress_percent) == (100, 100, "file 100", 100)
    assert codes(job) == [log.STARTED, "tests_closed", log.SUCCEEDED]
    assert JobLog.objects.get(code="tests_closed").params == {"door": 3}


@pytest.mark.django_db
def test_a_passing_error_is_tried_again_after_1_2_and_4_seconds(make_job: MakeJob) -> None:
    def task(ctx: JobContext) -> None:
        raise WeatherError(city="Seoul")

    job = make_job(task, max_attempts=4)
    waits = []
    for _ in range(3):
        started = timezone.now()
        claimed = runner.take(job.pk)
        assert claimed is not None
        runner.execute(claimed, beats=False)
        job = fresh(job)
        assert job.state == JobState.QUEUED
        waits.append(round((job.not_before - started).total_seconds()))
    assert waits == [1, 2, 4]
    [last] = run_pending()
    assert (last.state, last.attempt, last.error_code, last.error_params) == (JobState.FAILED, 4, "tests_weather", {"city": "Seoul"})
    assert codes(job).count("tests_weather") == 4


@pytest.mark.django_db
def test_a_permanent_error_fails_at_once_with_its_code(make_job: MakeJob) -> None:
    def task(ctx: JobContext) -> None:
        raise ClosedError

    job = make_job(task)
    run_pending()
    assert (fresh(job).state, fresh(job).attempt, fresh(job).error_code) == (JobState.FAILED, 1, "tests_closed")


@pytest.mark.django_db
def test_a_bug_fails_the_job_and_is_kept_whole(make_job: MakeJob) -> None:
    def task(ctx: JobContext) -> None:
        raise ZeroDivisionError("by nought")

    job = make_job(task)
    run_pending()
    job = fresh(job)
    assert (job.state, job.error_code) == (JobState.FAILED, runner.UNEXPECTED)
    traceback = JobLog.objects.get(job=job, code=log.TRACEBACK)
    assert traceback.level == LogLevel.ERROR
    assert "ZeroDivisionError: by nought" in traceback.message


@pytest.mark.django_db
def test_a_kind_that_is_gone_fails_its_job_by_name(make_job: MakeJob) -> None:
    job = make_job()
    Job.objects.filter(pk=job.pk).update(kind="tests.gone")
    run_pending()
    assert (fresh(job).error_code, fresh(job).error_params) == ("unknown_job_kind", {"kind": "tests.gone"})


@pytest.mark.django_db
def test_a_retry_gives_way_to_a_newer_job_for_the_same_thing(make_job: MakeJob) -> None:
    def task(ctx: JobContext) -> None:
        if ctx.params["enqueues"]:
            services.enqueue(kind=job.kind, key="a", params={"enqueues": False})
            raise WeatherError(city="Busan")

    job = make_job(task, key="a", params={"enqueues": True})
    states = [(ran.pk == job.pk, ran.state, ran.error_code) for ran in run_pending()]
    assert states == [(True, JobState.FAILED, "superseded"), (False, JobState.SUCCEEDED, "")]


@pytest.mark.django_db
def test_effect_and_end_are_one(make_job: MakeJob) -> None:
    """What breaks after `publish(completes=True)` changes nothing; what breaks inside leaves nothing."""

    def task(ctx: JobContext) -> None:
        with ctx.publish(completes=True, result={"n": 1}):
            AuditEntry.objects.create(action="effect")
            ctx.log("tests_closed")
            if ctx.params["breaks"] == "inside":
                raise ClosedError
        raise ClosedError

    inside, after = make_job(task, params={"breaks": "inside"}), make_job(task, params={"breaks": "after"})
    run_pending()
    assert (fresh(inside).state, codes(inside)) == (JobState.FAILED, [log.STARTED, "tests_closed", log.FAILED])
    assert (fresh(after).state, fresh(after).result) == (JobState.SUCCEEDED, {"n": 1})
    assert codes(after) == [log.STARTED, "tests_closed", log.SUCCEEDED]
    assert AuditEntry.objects.filter(action="effect").count() == 1


@pytest.mark.django_db
def test_who_lost_the_lease_can_neither_publish_nor_report_nor_end(make_job: MakeJob) -> None:
    seen: list[str] = []

    def task(ctx: JobContext) -> None:
        Job.objects.filter(pk=ctx.job_id).update(owner=uuid.uuid4())
        ctx.progress(5, 10)
        with pytest.raises(LeaseLostError), ctx.publish():
            seen.append("inside")
        assert ctx.cancelled.is_set()
        ctx.check()

    job = make_job(task)
    claimed = runner.take(job.pk)
    assert claimed is not None
    runner.execute(claimed, beats=False)
    job = fresh(job)
    assert seen == []
    assert (job.state, job.progress_done, codes(job)) == (JobState.RUNNING, 0, [log.STARTED])


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_keeps_the_lease_and_brings_the_cancel(make_job: MakeJob, settings: object) -> None:
    """A running job: its lease grows, a held-back progress appears, a cancel stops its program and ends it."""
    settings.MAM_JOB_LEASE_S = 1.2  # type: ignore[attr-defined]
    began = threading.Event()

    def task(ctx: JobContext) -> None:
        ctx.progress(1, 10)
        ctx.progress(2, 10)  # too soon to be written by itself
        began.set()
        process.run(["sleep", "1000"], timeout_s=1000, cancelled=ctx.cancelled)

    job = make_job(task)
    claimed = runner.claim("fast")
    assert claimed is not None
    worker = threading.Thread(target=_execute, args=(claimed,))
    worker.start()
    began.wait()
    first = fresh(job).lease_until
    assert first is not None
    eventually(lambda: (fresh(job).lease_until or first) > first + datetime.timedelta(seconds=1))
    assert fresh(job).progress_done == 2
    asked = timezone.now()
    services.cancel(job=job, user=None)
    worker.join()
    job = fresh(job)
    assert job.state == JobState.CANCELLED
    assert job.finished_at is not None
    assert (job.finished_at - asked).total_seconds() < 2


def _execute(job: Job) -> None:
    try:
        runner.execute(job)
    finally:
        connections.close_all()
