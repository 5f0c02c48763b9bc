"""What changed, for everybody who watches: one feed per process reads it once, however many watch.

The log table is the truth. The feed keeps a cursor on it and offers the lines after it to its subscribers; a line that
changes a job's state makes it read the job too. It runs only while somebody watches. It looks every `_POLL_S`, or, with
Redis, when another process says so (`mam.jobs.wake`) and every `_SAFETY_S`.

Frames (JSON), see `mam.jobs.consumers`, are made from `JobLogSerializer` and `JobSerializer`, as in the REST API.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseAwayError
from django.db import connection, connections
from django.utils import translation
from rest_framework.utils.encoders import JSONEncoder

from mam.jobs import selectors, wake
from mam.jobs.models import Job, JobLog, JobState
from mam.jobs.serializers import JobLogSerializer, JobSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

T = TypeVar("T")

_logger = logging.getLogger(__name__)
TICK_S = 0.04  # at most one frame per client and tick
_POLL_S = 0.05
_SAFETY_S = 1.0
_PAGE_LINES = 500
_BUFFERED_LINES = 2000  # held for a slow client; beyond, it reads the table by itself again
_WATCHED_JOBS = 200  # in a first snapshot: what runs, and the next ones to run


class Subscriber(Protocol):
    """Gets what the feed read, at once and in order; must not block."""

    def offer(self, lines: Sequence[JobLog], jobs: Sequence[Job]) -> None:
        """New log lines, and jobs that changed."""


class Feed:
    """The reader of one event loop."""

    def __init__(self) -> None:
        self.cursor = 0  # every visible line up to here was offered
        self._subscribers: set[Subscriber] = set()
        self._task: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._executor: ThreadPoolExecutor | None = None
        self._running_ids: set[int] = set()
        self._shown: dict[int, tuple[Any, ...]] = {}

    async def subscribe(self, subscriber: Subscriber) -> None:
        """Offer everything after `cursor`, which stands from now on, to `subscriber`; starts the feed for the first one."""
        self._subscribers.add(subscriber)
        if self._task is None:
            # One thread: it keeps one database connection open for as long as somebody watches.
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs-feed")
            self._started.clear()
            self._task = asyncio.create_task(self._run())
        await self._started.wait()

    async def unsubscribe(self, subscriber: Subscriber) -> None:
        """Offer no more; stops the feed and closes its connection after the last one."""
        self._subscribers.discard(subscriber)
        if self._subscribers or self._task is None or self._executor is None:
            return
        task, executor = self._task, self._executor
        self._task = self._executor = None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.get_running_loop().run_in_executor(executor, connections.close_all)
        executor.shutdown(wait=False)

    async def read(self, function: Callable[..., T], **arguments: Any) -> T:
        """Run a selector in the feed's thread. Waits and tries again while the database is away."""
        while True:
            executor = self._executor
            if executor is None:
                raise asyncio.CancelledError
            try:
                return await sync_to_async(function, thread_sensitive=False, executor=executor)(**arguments)
            except DatabaseAwayError as error:
                _logger.warning("live readers cannot reach the database: %s", error)
                await sync_to_async(connection.close, thread_sensitive=False, executor=executor)()
                await asyncio.sleep(_SAFETY_S)

    async def _run(self) -> None:
        self.cursor = await self.read(selectors.last_log_id)
        self._shown.clear()
        self._running_ids = {job.pk for job in await self.read(_list_running)}
        self._started.set()
        async with _Waker() as waker:
            while True:
                lines = await self.read(selectors.list_log, after=self.cursor, limit=_PAGE_LINES)
                changed = {line.job_id for line in lines}
                jobs = await self.read(_list_by_id, ids=changed | self._running_ids) if changed or self._running_ids else []
                if lines:
                    self.cursor = lines[-1].pk
                moved = self._note(jobs, changed)
                if lines or moved:
                    for subscriber in list(self._subscribers):
                        subscriber.offer(lines, moved)
                if len(lines) < _PAGE_LINES:
                    await waker.wait()

    def _note(self, jobs: Iterable[Job], changed: set[int]) -> list[Job]:
        """Remember what runs; return the jobs that look different from the last time (or had a line)."""
        moved = []
        for job in jobs:
            look = (job.state, job.progress_done, job.progress_total, job.progress_note, job.cancel_requested)
            if job.pk in changed or self._shown.get(job.pk) != look:
                moved.append(job)
            if job.state == JobState.RUNNING:
                self._running_ids.add(job.pk)
                self._shown[job.pk] = look
            else:
                self._running_ids.discard(job.pk)
                self._shown.pop(job.pk, None)
        return moved


class LogSubscription:
    """One client's place in the log: gets every line after `after` once, in order, however slow the client is."""

    def __init__(self, feed: Feed, *, after: int, job_id: int | None, kinds: Sequence[str] | None = None) -> None:
        self.cursor = after
        self._feed = feed
        self._job_id = job_id
        self._kinds = kinds  # None: all
        self._buffer: list[JobLog] = []
        self._is_behind = True  # reads the table by itself, until it has caught up with the feed
        self._wake = asyncio.Event()
        self._wake.set()

    def offer(self, lines: Sequence[JobLog], jobs: Sequence[Job]) -> None:
        """Keep the lines for the client, or let it read them later when it has too many already."""
        if not self._is_behind:
            self._buffer += self._wanted(lines, jobs)
            if len(self._buffer) > _BUFFERED_LINES:
                self._buffer.clear()
                self._is_behind = True
        self._wake.set()

    def _wanted(self, lines: Sequence[JobLog], jobs: Sequence[Job]) -> list[JobLog]:
        of_kinds = None if self._kinds is None else {job.pk for job in jobs if job.kind in self._kinds}  # jobs of all lines are there
        return [line for line in lines if self._job_id in {None, line.job_id} and (of_kinds is None or line.job_id in of_kinds)]

    async def next_lines(self) -> list[JobLog]:
        """Wait for lines and return them: never empty, never one twice, none left out."""
        while True:
            lines = await self._read_page() if self._is_behind else self._take_buffer()
            if lines:
                self.cursor = max(self.cursor, lines[-1].pk)
                return lines
            if not self._is_behind:
                self._wake.clear()
                await self._wake.wait()

    async def _read_page(self) -> list[JobLog]:
        """Read after the cursor. A short page that reaches the feed's place ends the catching up."""
        reached = self._feed.cursor
        lines = await self._feed.read(selectors.list_log, after=self.cursor, job_id=self._job_id, kinds=self._kinds, limit=_PAGE_LINES)
        if len(lines) < _PAGE_LINES:
            last = lines[-1].pk if lines else 0
            # Read after `reached` was noted, so it holds all lines up to there, also those that are not ours.
            self.cursor = max(self.cursor, reached, last)
            # When nothing was offered meanwhile, what the feed offers next begins where this page ends (or before).
            self._is_behind = self._feed.cursor != reached
        return lines

    def _take_buffer(self) -> list[JobLog]:
        lines = [line for line in self._buffer if line.pk > self.cursor]
        self._buffer.clear()
        return lines


class JobsSubscription:
    """One client's view of the jobs: the latest look of each job that changed since its last frame."""

    def __init__(self) -> None:
        self._changed: dict[int, Job] = {}
        self._wake = asyncio.Event()

    def offer(self, lines: Sequence[JobLog], jobs: Sequence[Job]) -> None:
        """A newer look replaces an older one that was not sent yet: a slow client gets fewer frames, not older ones."""
        self._changed.update((job.pk, job) for job in jobs)
        if self._changed:
            self._wake.set()

    async def next_jobs(self) -> list[Job]:
        """Wait for changes and return them, oldest job first."""
        await self._wake.wait()
        self._wake.clear()
        changed, self._changed = self._changed, {}
        return sorted(changed.values(), key=lambda job: job.pk)


class _Waker:
    """Waits for the next reason to look: a word from another process by Redis, else the clock."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> _Waker:
        if settings.REDIS_URL:
            self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening

    async def wait(self) -> None:
        if self._listening is None or self._listening.done():
            await asyncio.sleep(_POLL_S)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), _SAFETY_S)
        self._told.clear()

    async def _listen(self) -> None:
        layer = wake.layer()
        try:
            channel = await layer.new_channel()
            await layer.group_add(wake.GROUP, channel)
            self._told.set()  # by whoever spoke before anybody listened
            while True:
                await layer.receive(channel)
                self._told.set()
        except wake.connection_errors() as error:
            _logger.warning("no words from other processes, looking by the clock: %s", error)


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, Feed] = WeakKeyDictionary()


def feed() -> Feed:
    """The feed of the running event loop."""
    return _feeds.setdefault(asyncio.get_running_loop(), Feed())


def list_watched() -> list[Job]:
    """What a new watcher sees first: the jobs that run, then those that start next."""
    jobs: list[Job] = []
    for tab in ("running", "waiting"):
        ordering = selectors.TABS[tab][1]
        jobs += selectors.list_jobs(tab=tab).order_by(*ordering)[: _WATCHED_JOBS - len(jobs)]
    return jobs


def log_frame(lines: Sequence[JobLog], language: str) -> str:
    """`{"type": "log", "lines": [...], "last": id}` in the reader's language."""
    made = ",".join(_line_json(line, line.at, language) for line in lines)
    return f'{{"type":"log","lines":[{made}],"last":{lines[-1].pk}}}'


@lru_cache(maxsize=4 * _PAGE_LINES)
def _line_json(line: JobLog, _at: datetime, language: str) -> str:
    """Made once, however many clients get it. (Lines are equal by their ids, which begin anew with another database: so the time.)"""
    with translation.override(language):
        return _json(JobLogSerializer(line).data)


def jobs_frame(kind: str, jobs: Sequence[Job], counts: dict[str, int], language: str) -> str:
    """`{"type": kind, "jobs": [...], "counts": {"running": n, "waiting": n}}` in the reader's language."""
    with translation.override(language):
        return _json({"type": kind, "jobs": JobSerializer(jobs, many=True).data, "counts": counts})


def _list_running() -> list[Job]:
    return list(Job.objects.filter(state=JobState.RUNNING))


def _list_by_id(ids: Iterable[int]) -> list[Job]:
    return list(Job.objects.filter(pk__in=list(ids)).select_related("requested_by"))


def _json(data: Any) -> str:
    return json.dumps(data, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))
