"""Real worker processes, killed in the middle: each job ends once, its effect is there once, nothing waits, nobody stays."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest
from django.db import transaction

from mam.accounts.models import AuditEntry
from mam.jobs import log, services
from mam.jobs.models import Job, JobLog, JobPriority, JobState
from tests.fixtures.processes import Product, eventually
from tests.jobs.work import tasks

if TYPE_CHECKING:
    from pathlib import Path

    from mam.lib.process import GroupPopen

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
ROUNDS = 24


def effects() -> Counter[str]:
    return Counter(AuditEntry.objects.filter(action=tasks.EFFECT).values_list("object_id", flat=True))


def waits(job: Job, state: JobState, within_s: float = 30) -> Job:
    def is_there() -> bool:
        job.refresh_from_db()
        return job.state == state

    eventually(is_there, within_s=within_s, what=f"{job} becomes {state}")
    return job


def sleepers(product: Product) -> list[psutil.Process]:
    found = []
    for process in product.marked():
        with suppress(psutil.Error):
            if process.name() == "sleep":
                found.append(process)
    return found


def test_a_worker_runs_only_its_queue_in_order_of_urgency(product: Product) -> None:
    jobs = [services.enqueue(kind="tests.trace", priority=p) for p in (JobPriority.LOW, JobPriority.NORMAL, JobPriority.HIGH)]
    media = services.enqueue(kind="tests.media")
    product.start("worker", "--queue", "fast", "--processes", "1")
    for job in jobs:
        waits(job, JobState.SUCCEEDED)
    order = AuditEntry.objects.filter(action=tasks.EFFECT).order_by("pk").values_list("object_id", flat=True)
    assert list(order) == [str(job.pk) for job in reversed(jobs)]
    media.refresh_from_db()
    assert media.state == JobState.QUEUED


def test_a_waiting_worker_starts_a_job_at_once_and_a_delayed_one_in_time(product: Product) -> None:
    product.start("worker", "--queue", "fast", "--processes", "1")
    waits(services.enqueue(kind="tests.trace"), JobState.SUCCEEDED)
    delays = []
    for delay_s in (0, 0, 0, 0.7):
        job = waits(services.enqueue(kind="tests.trace", delay_s=delay_s), JobState.SUCCEEDED)
        assert job.started_at is not None
        delays.append((job.started_at - job.not_before).total_seconds())
    assert min(delays) >= 0
    assert sorted(delays)[1] < 0.5  # the median of a loaded machine; about 0.06 on a quiet one


def test_cancelling_kills_the_program_within_two_seconds(product: Product) -> None:
    product.start("worker", "--queue", "fast", "--processes", "1")
    job = waits(services.enqueue(kind="tests.sleep"), JobState.RUNNING)
    eventually(lambda: len(sleepers(product)) == 2, what="the program and its child run")
    asked = time.monotonic()
    services.cancel(job=job, user=None)
    eventually(lambda: not sleepers(product), within_s=5)
    assert time.monotonic() - asked < 2
    waits(job, JobState.CANCELLED, within_s=2)


def test_stopping_gives_the_job_back_at_once_and_leaves_nobody(product: Product) -> None:
    worker = product.start("worker", "--queue", "fast", "--processes", "1")
    job = waits(services.enqueue(kind="tests.sleep"), JobState.RUNNING)
    eventually(lambda: len(sleepers(product)) == 2)
    asked = time.monotonic()
    worker.terminate()
    worker.wait(10)
    assert time.monotonic() - asked < 8
    waits(job, JobState.QUEUED, within_s=1)
    assert job.attempt == 0
    eventually(lambda: not product.marked(), within_s=2)


def test_a_cluster_that_stands_still_while_jobs_wait_is_replaced(product: Product) -> None:
    worker = product.start("worker", "--queue", "fast", "--processes", "1")
    waits(services.enqueue(kind="tests.trace"), JobState.SUCCEEDED)
    stuck = psutil.Process(worker.pid).children(recursive=True)
    with transaction.atomic():  # nobody else is inside of a write, which SQLite would have everybody wait for
        for process in stuck:
            process.suspend()
        job = services.enqueue(kind="tests.trace")
    waits(job, JobState.SUCCEEDED, within_s=60)
    assert "stands still while jobs wait" in product.log.read_text()
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in stuck)


def test_a_suspended_worker_cannot_publish_once_its_lease_ended(product: Product, tmp_path: Path) -> None:
    product.start("clock")
    suspended = product.start("worker", "--queue", "fast", "--processes", "1")
    job = services.enqueue(kind="tests.gate", params={"directory": str(tmp_path)})
    eventually((tmp_path / "started-1").exists)
    stopped = [psutil.Process(suspended.pid), *psutil.Process(suspended.pid).children(recursive=True)]
    with transaction.atomic():  # not in the middle of its heartbeat's write
        for process in stopped:
            process.suspend()
    product.start("worker", "--queue", "fast", "--processes", "1")
    eventually((tmp_path / "started-2").exists, what="the reaper gives the job to the second worker")
    (tmp_path / "gate").touch()
    for process in stopped:  # both may go through the gate now
        process.resume()
    waits(job, JobState.SUCCEEDED)
    trace = services.enqueue(kind="tests.trace", priority=JobPriority.LOW)
    waits(trace, JobState.SUCCEEDED)
    eventually(lambda: "this run does not count" in product.log.read_text(), what="the first worker saw that it lost the job")
    assert effects() == {str(job.pk): 1, str(trace.pk): 1}
    assert JobLog.objects.filter(job=job, code=log.SUCCEEDED).count() == 1


@pytest.mark.timeout(600)
def test_kill_9_at_random_points_every_job_ends_once(product: Product) -> None:
    """Any process of the tree may be hit: parent, sentinel, pusher, monitor, busy or idle worker."""
    chance = random.Random(20)
    product.start("clock")
    worker = product.start("worker", "--queue", "fast", "--processes", "2")
    jobs: list[Job] = []
    hits: Counter[str] = Counter()
    for number in range(ROUNDS):
        jobs += [services.enqueue(kind="tests.effect", params={"seconds": 0.3}) for _ in range(2)]
        if number % 4 == 0:
            eventually(lambda: Job.objects.filter(state=JobState.RUNNING).exists(), within_s=60, what="somebody works")
        time.sleep(chance.uniform(0, 0.6))  # the random point; nothing depends on its length
        worker = _kill_one(product, worker, chance, hits)
    for job in jobs:
        waits(job, JobState.SUCCEEDED, within_s=240)
    assert effects() == {str(job.pk): 1 for job in jobs}
    ends = JobLog.objects.filter(code__in=[log.SUCCEEDED, log.FAILED, log.CANCELLED]).values_list("job_id", flat=True)
    assert Counter(ends) == {job.pk: 1 for job in jobs}
    assert sum(hits.values()) == ROUNDS
    eventually(lambda: not sleepers(product), within_s=5, what="no child of a killed worker lives on")
    product.stop_gently()
    eventually(lambda: not product.marked(), within_s=5)


def _kill_one(product: Product, worker: GroupPopen, chance: random.Random, hits: Counter[str]) -> GroupPopen:
    """Kill a random process of the worker's tree; start another worker when it was the parent."""
    tree = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    asleep = set(sleepers(product))
    victim = chance.choice([process for process in tree if process not in asleep])
    hits["parent" if victim.pid == worker.pid else "inner"] += 1
    with suppress(psutil.NoSuchProcess):
        victim.send_signal(signal.SIGKILL)
    if victim.pid != worker.pid:
        return worker
    worker.wait()
    return product.start("worker", "--queue", "fast", "--processes", "2")


def test_kill_9_of_the_parent_takes_everybody_with_it(product: Product) -> None:
    worker = product.start("worker", "--queue", "fast", "--processes", "2")
    job = waits(services.enqueue(kind="tests.sleep"), JobState.RUNNING)
    eventually(lambda: len(sleepers(product)) == 2)
    # The shell is the program; the sleep it put into the background is its own affair: it is not our child.
    program = [found for found in sleepers(product) if found.ppid() != 1]
    assert program
    worker.kill()
    worker.wait()
    job.refresh_from_db()
    assert job.state == JobState.RUNNING  # until its lease ends
    eventually(lambda: not [found for found in product.marked() if found.name() != "sleep"], within_s=3)


def test_programs_of_media_work_give_way_to_everything_else(product: Product) -> None:
    product.start("worker", "--queue", "fast", "--processes", "1")
    services.enqueue(kind="tests.sleep")
    eventually(lambda: policies_of_sleepers(product) == {os.SCHED_OTHER})
    product.start("worker", "--queue", "media", "--processes", "1")
    services.enqueue(kind="tests.encode")
    eventually(lambda: policies_of_sleepers(product) == {os.SCHED_OTHER, os.SCHED_IDLE})


def policies_of_sleepers(product: Product) -> set[int]:
    return {os.sched_getscheduler(process.pid) for process in sleepers(product)}
