"""One worker: a small parent that runs a django-q2 cluster for one queue, and replaces it when it stands still.

A cluster can stall for good (a process killed while it holds a lock of the queue inside of the cluster keeps it for ever),
and it waits without limit for a long task when it is told to stop. The parent does neither: it watches from outside, with
nothing shared but `activity`, and ends the cluster by SIGKILL when it must. All processes of the cluster, and what tasks
started, die with their parent; the jobs they had are claimed anew when their lease ends.
"""

from __future__ import annotations

import logging
import signal
import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import OperationalError, connections
from django_q.cluster import Cluster
from django_q.conf import Conf

from mam.jobs import activity, hints, runner
from mam.jobs.forks import make_forks_safe
from mam.jobs.stopping import StopFlag
from mam.lib import process

if TYPE_CHECKING:
    from types import FrameType

_logger = logging.getLogger(__name__)
_WATCH_S = 1.0
_HINT_AFTER_S = 2.0  # of standing still while jobs wait: perhaps their message got lost
_RESTART_AFTER_S = 8.0
_STOP_S = 6.0  # for tasks to stop, out of the 10 s in which everything has to be gone


class Worker:
    """Runs `processes` processes for `queue` until `stop()` (from a signal handler or another thread)."""

    def __init__(self, queue: str, processes: int) -> None:
        self.queue = queue
        self.processes = processes
        self._stopping = StopFlag()
        self._cluster: Cluster | None = None

    def stop(self, *_signal: int | FrameType | None) -> None:
        """Have `run()` return within about `_STOP_S`."""
        activity.request_stop()
        self._stopping.set()

    def run(self) -> None:
        """Run until stopped. Call it in the main thread, once per process: it sets signal handlers and fork hooks."""
        # The cluster's name is the queue it reads; django-q2 reads both when a cluster starts.
        Conf.CLUSTER_NAME, Conf.WORKERS = self.queue, self.processes
        if self.queue in settings.MAM_IDLE_QUEUES:
            process.let_children_give_way()
        activity.begin()
        make_forks_safe()
        while not self._stopping.is_set():
            try:
                self._start()
                self._watch()
            finally:
                self._end()

    def _start(self) -> None:
        connections.close_all()
        activity.touch()
        self._cluster = Cluster()  # sets its own handlers, which wait without limit
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        self._cluster.start()

    def _watch(self) -> None:
        """Return when the cluster has died or stood still for too long, or when we are to stop."""
        still_since: float | None = None
        was_hinted = False
        while not self._stopping.wait(_WATCH_S):
            if not self._is_alive():
                _logger.error("the cluster of queue %s died; starting another", self.queue)
                return
            if not self._stands_still():
                still_since, was_hinted = None, False
                continue
            still_since = still_since or time.monotonic()
            stood_s = time.monotonic() - still_since
            if stood_s > _RESTART_AFTER_S:
                _logger.error("the cluster of queue %s stands still while jobs wait; starting another", self.queue)
                return
            if stood_s > _HINT_AFTER_S and not was_hinted:
                hints.send(self.queue)
                was_hinted = True

    def _is_alive(self) -> bool:
        return self._cluster is not None and bool(self._cluster.sentinel.is_alive())

    def _stands_still(self) -> bool:
        if activity.idle_s() < 2 * _WATCH_S:
            return False
        try:
            return runner.has_claimable(self.queue)
        except OperationalError as error:
            _logger.warning("cannot look into queue %s: %s", self.queue, error)
            return False
        finally:
            connections.close_all()

    def _end(self) -> None:
        """End all processes of the cluster: nicely when we are stopping, then by force."""
        cluster, self._cluster = self._cluster, None
        if cluster is None or cluster.sentinel is None:
            return
        if self._stopping.is_set() and cluster.sentinel.is_alive():
            cluster.stop_event.set()
            cluster.sentinel.join(_STOP_S)
        cluster.sentinel.kill()  # its children follow it
        cluster.sentinel.join()
