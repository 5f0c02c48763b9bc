"""The clock: one of many leads, each function has its own beat, and none can stop the others."""

from __future__ import annotations

import datetime
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from mam.jobs.clock import Clock, Entry
from mam.jobs.models import Lease
from tests.fixtures.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.conf import LazySettings

pytestmark = pytest.mark.django_db(transaction=True)

HERE = __name__
calls: list[tuple[str, float]] = []


def tick() -> None:
    calls.append(("tick", time.monotonic()))


def fail() -> None:
    calls.append(("fail", time.monotonic()))
    raise ZeroDivisionError("a defect")


def block() -> None:
    calls.append(("block", time.monotonic()))
    gate.wait(30)


gate = threading.Event()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()
    gate.clear()


def times(name: str) -> list[float]:
    return [at for called, at in calls if called == name]


@contextmanager
def running(clock: Clock) -> Iterator[Clock]:
    def run() -> None:
        try:
            clock.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield clock
    finally:
        gate.set()
        clock.stop()
        thread.join()


def test_neither_a_defect_nor_a_slow_call_disturbs_the_others() -> None:
    with running(Clock({f"{HERE}.tick": 0.1, f"{HERE}.fail": 0.1, f"{HERE}.block": 0.1})):
        eventually(lambda: len(times("tick")) >= 10)
    assert len(times("fail")) >= 5
    assert len(times("block")) == 1  # still at its first call, which is not doubled


@pytest.mark.parametrize(("called_at", "next_at"), [(100.0, 102.0), (100.7, 102.0), (101.99, 102.0), (107.1, 108.0), (108.0, 110.0)])
def test_late_calls_neither_move_the_beat_nor_are_made_up_for(called_at: float, next_at: float) -> None:
    entry = Entry("tick", tick, interval_s=2.0, due_at=100.0)
    entry.move_on(called_at)
    assert entry.due_at == next_at


def test_one_clock_leads_and_another_takes_over_at_once() -> None:
    first, second = Clock({f"{HERE}.tick": 0.1}), Clock({f"{HERE}.fail": 0.1})
    with running(second):
        with running(first):
            eventually(lambda: len(calls) >= 5)
            leaders = {name for name, _ in calls}
            assert len(leaders) == 1
        stopped_at = time.monotonic()
        eventually(lambda: any(at > stopped_at for at in times("fail")), within_s=10)


def test_a_dead_leaders_lease_ends() -> None:
    Lease.objects.create(name="clock", owner="6d1f7fb5-7b3c-4c5b-9d2e-1f0c7f9f8a11", until=timezone.now() + datetime.timedelta(seconds=2))
    with running(Clock({f"{HERE}.tick": 0.1})):
        eventually(lambda: bool(times("tick")), within_s=15)


def test_every_function_of_the_settings_is_there(settings: LazySettings) -> None:
    for path in [*settings.MAM_CLOCK, *settings.MAM_FIRST_START]:
        assert callable(import_string(path)), path
    assert min(settings.MAM_CLOCK.values()) > 0
