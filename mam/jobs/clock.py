"""The clock: calls the functions of `settings.MAM_CLOCK`, each at its own interval, on one of the machines.

Any number of clocks may run; the one that holds the lease "clock" calls, the others wait to take over. What is called is
idempotent, so the moment in which two of them lead (one was suspended and does not know yet) does no harm.
"""

from __future__ import annotations

import datetime
import logging
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from mam.jobs.models import Lease
from mam.jobs.stopping import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

_logger = logging.getLogger(__name__)
_LEASE = "clock"
_LEASE_S = 10.0
_RENEW_S = 2.5


@dataclass(slots=True)
class Entry:
    """One function and when it is due. Due times lie on a fixed grid: a slow call never moves the later ones."""

    path: str
    call: Callable[[], object]
    interval_s: float
    due_at: float  # time.monotonic()
    running: Future[None] | None = None

    def is_due(self, now: float) -> bool:
        return now >= self.due_at and (self.running is None or self.running.done())

    def move_on(self, now: float) -> None:
        """To the first point of the grid after `now`; points that were missed are not made up for."""
        self.due_at += self.interval_s * (1 + max(0, int((now - self.due_at) / self.interval_s)))


class Clock:
    """Runs until `stop()`. `schedule`: dotted path of a function without arguments -> seconds between its calls."""

    def __init__(self, schedule: Mapping[str, float] | None = None) -> None:
        now = time.monotonic()
        self._entries = [
            Entry(path, import_string(path), interval_s, due_at=now)
            for path, interval_s in (settings.MAM_CLOCK if schedule is None else schedule).items()
        ]
        self._owner = uuid.uuid4()
        self._renew_at = 0.0
        self._leads_until = 0.0
        self._stopping = StopFlag()

    def stop(self, *_signal: int | FrameType | None) -> None:
        """Have `run()` return soon (from a signal handler or another thread)."""
        self._stopping.set()

    def run(self) -> None:
        """Lead when possible, and call what is due while leading."""
        with ThreadPoolExecutor(max_workers=max(1, len(self._entries)), thread_name_prefix="clock") as executor:
            while not self._stopping.is_set():
                now = time.monotonic()
                if now >= self._renew_at:
                    self._renew(now)
                if now < self._leads_until:
                    self._call_due(executor, now)
                self._stopping.wait(self._pause_s())
            self._release()

    def _call_due(self, executor: ThreadPoolExecutor, now: float) -> None:
        for entry in self._entries:
            if entry.is_due(now):
                entry.running = executor.submit(_call, entry)
                entry.move_on(now)

    def _pause_s(self) -> float:
        """Until something is to be done, but short enough to see when a call that is overdue may start again."""
        nearest = min([self._renew_at, *(entry.due_at for entry in self._entries)])
        return min(1.0, max(0.02, nearest - time.monotonic()))

    def _renew(self, now: float) -> None:
        """Take or keep the lease: one conditional UPDATE, by the database's own time."""
        self._renew_at = now + _RENEW_S
        try:
            Lease.objects.get_or_create(name=_LEASE)
            free = Q(owner=self._owner) | Q(owner=None) | Q(until__lt=Now())
            until = Now() + datetime.timedelta(seconds=_LEASE_S)
            leads = Lease.objects.filter(free, name=_LEASE).update(owner=self._owner, until=until)
        except (OperationalError, InterfaceError) as error:
            _logger.warning("the clock cannot reach the database: %s", error)
            connections.close_all()
            return  # what was gained lasts until it ends
        if leads and now >= self._leads_until:
            _logger.info("this clock leads")
        self._leads_until = now + _LEASE_S if leads else 0.0

    def _release(self) -> None:
        """Let another clock take over at once."""
        try:
            Lease.objects.filter(name=_LEASE, owner=self._owner).update(owner=None, until=None)
        except (OperationalError, InterfaceError) as error:
            _logger.warning("the clock's lease will end by itself: %s", error)
        finally:
            connections.close_all()


def _call(entry: Entry) -> None:
    try:
        entry.call()
    except Exception:
        _logger.exception("the clock's call of %s failed", entry.path)
    finally:
        connections.close_all()
