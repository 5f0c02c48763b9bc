"""Live connections for who has `jobs.view_job`.

`WS /ws/logs?after=<id>&job=<id>&kinds=<kind>,<kind>`: log lines after `after` (without it: all since it was accepted), of one job or of
all, of jobs of some kinds ("sync." stands for all that begin so) or of all.
    {"type": "log", "lines": [{id, job, at, level, level_label, code, params, message}, ...], "last": <id>}
A client that connects again with the `last` it has gets exactly the lines it missed.

`WS /ws/jobs`: first what runs and waits, then what changes.
    {"type": "snapshot", "jobs": [<job as in the REST API>, ...], "counts": {"running": n, "waiting": n}}
    {"type": "jobs", "jobs": [<changed job>, ...], "counts": {...}}

Texts are in the language of the user. Closed with 4403 when the permission is missing or taken away, and with 4401 by
`mam.accounts.websocket` when the login ends. What the client sends is ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from mam.accounts.models import User
from mam.jobs import live, registry, selectors

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOSE_FORBIDDEN = 4403
VIEW = "jobs.view_job"
RECHECK_S = 5.0  # how long a connection may outlive the permission


class WatchConsumer(AsyncWebsocketConsumer):
    """Base: lets in who may watch, runs `serve()` until the client goes or may watch no more."""

    _tasks: tuple[asyncio.Task[None], ...] = ()

    async def connect(self) -> None:
        """Accept, or refuse with 4403."""
        self.user = cast("User", self.scope["user"])  # put there by WebSocketAuthMiddleware
        if not await _may_watch(self.user):
            await self.close(CLOSE_FORBIDDEN)
            return
        self.language = await _language_of(self.scope)
        await self.begin()
        await self.accept()
        self._tasks = (asyncio.create_task(self.serve()), asyncio.create_task(self._recheck()))

    async def disconnect(self, code: int) -> None:
        """Stop; returns when nothing of this connection is left."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def begin(self) -> None:
        """What has to be known before the client is told that it is connected."""

    async def serve(self) -> None:
        """Send frames until cancelled."""
        raise NotImplementedError

    async def _recheck(self) -> None:
        while await _may_watch(self.user):
            await asyncio.sleep(RECHECK_S)
        await self.close(CLOSE_FORBIDDEN)


class LogConsumer(WatchConsumer):
    """`WS /ws/logs`."""

    async def begin(self) -> None:
        """Where "from now on" begins: whatever happens once the client is connected is after it."""
        self._query = {name: values[-1] for name, values in parse_qs(self.scope["query_string"].decode("latin-1")).items()}
        after = selectors.log_cursor(self._query.get("after", ""))
        self._after = await database_sync_to_async(selectors.last_log_id)() if after is None else after

    async def serve(self) -> None:
        """One frame per tick at most; a slow client is waited for, and misses nothing."""
        query, feed = self._query, live.feed()
        place = live.LogSubscription(
            feed,
            after=self._after,
            job_id=selectors.log_cursor(query.get("job", "")),
            kinds=registry.names_of(query["kinds"]) if "kinds" in query else None,
        )
        try:
            await feed.subscribe(place)
            while True:
                lines = await place.next_lines()
                await self.send(live.log_frame(lines, self.language))
                await asyncio.sleep(live.TICK_S)
        finally:
            await feed.unsubscribe(place)


class JobConsumer(WatchConsumer):
    """`WS /ws/jobs`."""

    async def serve(self) -> None:
        """Subscribed before the snapshot is read: a change in between comes again, it is not lost."""
        feed = live.feed()
        changes = live.JobsSubscription()
        try:
            await feed.subscribe(changes)
            await self._send("snapshot", await feed.read(live.list_watched), feed)
            while True:
                await self._send("jobs", await changes.next_jobs(), feed)
                await asyncio.sleep(live.TICK_S)
        finally:
            await feed.unsubscribe(changes)

    async def _send(self, kind: str, jobs: list[Any], feed: live.Feed) -> None:
        counts = await feed.read(selectors.count_active)
        await self.send(live.jobs_frame(kind, jobs, counts, self.language))


@database_sync_to_async
def _may_watch(user: User) -> bool:
    """Whether the user has the permission now; roles may have changed since the connection was made."""
    fresh = User.objects.filter(pk=user.pk, is_active=True).first()
    if fresh is None:
        return False
    fresh.api_key = user.api_key
    return fresh.has_perm(VIEW)


@database_sync_to_async
def _language_of(scope: Mapping[str, Any]) -> str:
    """The user's language, else the language cookie's, else the browser's, else Korean: as for a page."""
    header = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
    wishes = [
        scope["user"].language,
        scope.get("cookies", {}).get(settings.LANGUAGE_COOKIE_NAME, ""),
        *(name for name, _ in parse_accept_lang_header(header)),
    ]
    for wish in wishes:
        with contextlib.suppress(LookupError):
            if wish:
                return str(get_supported_language_variant(wish))
    return str(settings.LANGUAGE_CODE)
