"""Live connections: every line once, in order, in the reader's language, for who may see it."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
import redis
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.db import connections

from mam.accounts.models import User
from mam.accounts.services import create_user, write_roles
from mam.accounts.websocket import WebSocketAuthMiddleware
from mam.jobs import consumers, live, log, runner, wake
from mam.jobs.models import Job, JobLog, LogLevel
from mam.jobs.urls import websocket_urlpatterns
from mam.lib import process
from tests.fixtures.processes import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from django.conf import LazySettings
    from django.test import Client

    MakeJob = Callable[..., Job]

pytestmark = pytest.mark.django_db(transaction=True)

application = WebSocketAuthMiddleware(URLRouter(websocket_urlpatterns))  # type: ignore[arg-type]  # channels' own way to write it


class Socket:
    """The client's end. (channels' own wants a server that is not installed.)"""

    def __init__(self, path: str, *headers: tuple[bytes, bytes]) -> None:
        address, _, query = path.partition("?")
        scope = {"type": "websocket", "path": address, "query_string": query.encode(), "headers": list(headers), "subprotocols": []}
        self._end: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]

    async def connect(self) -> tuple[bool, int | None]:
        """Whether it was accepted, and the code it was refused with."""
        await self._end.send_input({"type": "websocket.connect"})
        answer = await self._end.receive_output(timeout=20)
        return answer["type"] == "websocket.accept", answer.get("code")

    async def receive(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads((await self._end.receive_output(timeout=20))["text"])
        return frame

    async def disconnect(self) -> None:
        await self._end.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._end.wait(timeout=20)

    async def is_silent(self, for_s: float) -> bool:
        return bool(await self._end.receive_nothing(for_s))

    async def closed_with(self) -> int:
        """The code of the close that comes next."""
        answer = await self._end.receive_output(timeout=20)
        assert answer["type"] == "websocket.close"
        return int(answer["code"])


def member(role: str, language: str = "en") -> User:
    write_roles()
    user = create_user(actor=None, email=f"{role}@example.org", role=role, password="long enough 1")
    User.objects.filter(pk=user.pk).update(language=language)
    return user


@pytest.fixture
def operator_cookie(client: Client) -> bytes:
    """The Cookie header of an operator who reads English."""
    client.force_login(member("operator"))
    return f"sessionid={client.cookies['sessionid'].value}".encode()


@pytest.fixture
def job(make_job: MakeJob) -> Job:
    return make_job()


@pytest.fixture
def korean(tmp_path: Path, settings: LazySettings) -> Iterator[None]:
    """A Korean catalog of one text, so that this test needs no compiled translations."""
    catalog = tmp_path / "ko" / "LC_MESSAGES"
    catalog.mkdir(parents=True)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    (catalog / "django.po").write_text(f'{header}\nmsgid "Done."\nmsgstr "완료되었습니다."\n')
    process.run(["msgfmt", "-o", str(catalog / "django.mo"), str(catalog / "django.po")], timeout_s=20).raise_for_status()
    settings.LOCALE_PATHS = [tmp_path]  # Django drops its catalogs when this setting changes
    yield
    settings.LOCALE_PATHS = []


@asynccontextmanager
async def connected(path: str, cookie: bytes, *headers: tuple[bytes, bytes]) -> AsyncIterator[Socket]:
    socket = Socket(path, (b"cookie", cookie), *headers)
    accepted, code = await socket.connect()
    assert accepted, code
    try:
        yield socket
    finally:
        await socket.disconnect()


async def receive_lines(socket: Socket, count: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    while len(lines) < count:
        frame = await socket.receive()
        assert frame["last"] == frame["lines"][-1]["id"]
        lines += frame["lines"]
    return lines


def write(job: Job, count: int = 1, **params: Any) -> None:
    with log.commit_ordered():
        log.write_lines([JobLog(job=job, code="tests_line", params=params | {"n": n}) for n in range(count)])


awrite = sync_to_async(write)


async def test_lines_arrive_in_frames_with_code_params_and_text(job: Job, operator_cookie: bytes) -> None:
    last = await sync_to_async(log_end)()
    async with connected(f"/ws/logs?after={last}", operator_cookie) as socket:
        await sync_to_async(log.write)(job.pk, log.STARTED, {"attempt": 2}, LogLevel.WARNING)
        [line] = await receive_lines(socket, 1)
    assert line["message"] == "Started, attempt 2."
    assert (line["job"], line["code"], line["params"], line["level"], line["level_label"]) == (
        job.pk,
        log.STARTED,
        {"attempt": 2},
        30,
        "WARN",
    )


def log_end() -> int:
    newest = JobLog.objects.order_by("-pk").first()
    return newest.pk if newest else 0


async def test_who_comes_back_gets_exactly_what_was_missed(job: Job, operator_cookie: bytes) -> None:
    seen: list[int] = []
    last = await sync_to_async(log_end)()
    for _ in range(6):
        await awrite(job, 5)  # while nobody watches
        async with connected(f"/ws/logs?after={last}", operator_cookie) as socket:
            await awrite(job, 3)
            seen += [line["id"] for line in await receive_lines(socket, 8)]
            last = seen[-1]
    assert seen == await sync_to_async(ids)(job)


def ids(job: Job) -> list[int]:
    return list(JobLog.objects.filter(job=job, code="tests_line").order_by("pk").values_list("pk", flat=True))


async def test_lines_of_some_kinds_alone_are_missed_by_nobody_either(make_job: MakeJob, operator_cookie: bytes) -> None:
    ours, others = [await sync_to_async(make_job)() for _ in range(2)]
    start = await sync_to_async(log_end)()
    await awrite(others, 2)
    await awrite(ours, 3)  # read from the table
    async with connected(f"/ws/logs?after={start}&kinds={ours.kind},nonsense.", operator_cookie) as socket:
        seen = await receive_lines(socket, 3)
        await awrite(others, 2)
        await awrite(ours, 3)  # told by the feed
        seen += await receive_lines(socket, 3)
    assert [line["id"] for line in seen] == await sync_to_async(ids)(ours)


async def test_of_a_kind_that_nobody_has_there_are_no_lines(job: Job, operator_cookie: bytes) -> None:
    async with connected("/ws/logs?after=0&kinds=nonsense", operator_cookie) as socket:
        await awrite(job, 3)
        assert await socket.is_silent(0.3)


async def test_lines_of_many_writers_come_once_and_in_order(job: Job, operator_cookie: bytes) -> None:
    """Four threads with a connection each write 400 lines; two readers, one of them reconnecting all the time."""
    start = await sync_to_async(log_end)()

    def work() -> None:
        try:
            for _ in range(100):
                write(job)
        finally:
            connections.close_all()

    writers = [threading.Thread(target=work) for _ in range(4)]

    async def restless() -> list[int]:
        seen: list[int] = []
        last = start
        while len(seen) < 400:
            async with connected(f"/ws/logs?after={last}", operator_cookie) as socket:
                seen += [line["id"] for line in (await socket.receive())["lines"]]
                last = seen[-1]
        return seen

    async def calm() -> list[int]:
        async with connected(f"/ws/logs?after={start}", operator_cookie) as socket:
            return [line["id"] for line in await receive_lines(socket, 400)]

    for writer in writers:
        writer.start()
    with_gaps, without = await asyncio.gather(restless(), calm())
    for writer in writers:
        await asyncio.to_thread(writer.join)
    expected = await sync_to_async(ids)(job)
    assert with_gaps == expected
    assert without == expected


async def test_a_slow_reader_misses_nothing(job: Job) -> None:
    """It takes nothing while more lines are written than are held for it."""
    feed = live.feed()
    place = live.LogSubscription(feed, after=await sync_to_async(log_end)(), job_id=None)
    await feed.subscribe(place)
    try:
        await awrite(job, 1)
        seen = [line.pk for line in await place.next_lines()]
        for _ in range(5):
            await awrite(job, 700)
            await until(feed, await sync_to_async(log_end)())
        while len(seen) < 3501:
            seen += [line.pk for line in await place.next_lines()]
        await awrite(job, 2)
        while len(seen) < 3503:
            seen += [line.pk for line in await place.next_lines()]
    finally:
        await feed.unsubscribe(place)
    assert seen == await sync_to_async(ids)(job)


async def until(feed: live.Feed, cursor: int) -> None:
    async with asyncio.timeout(20):
        while feed.cursor < cursor:
            await asyncio.sleep(0.01)


async def test_one_jobs_log_has_only_its_lines(make_job: MakeJob, operator_cookie: bytes) -> None:
    first, second = await sync_to_async(make_job)(), await sync_to_async(make_job)()
    async with connected(f"/ws/logs?job={second.pk}&after=0", operator_cookie) as socket:
        await awrite(first, 3)
        await awrite(second, 2)
        await awrite(first, 3)
        await awrite(second, 1)
        lines = [line for line in await receive_lines(socket, 4) if line["code"] == "tests_line"]
        while len(lines) < 3:
            lines += await receive_lines(socket, 1)
    assert {line["job"] for line in lines} == {second.pk}


async def test_a_jobs_life_is_seen_from_queue_to_end(make_job: MakeJob, operator_cookie: bytes) -> None:
    def task(ctx: Any) -> None:
        ctx.progress(1, 4, unit="files", note="a.mov")
        reported.set()
        go_on.wait(20)

    reported, go_on = threading.Event(), threading.Event()

    def run() -> None:
        try:
            claimed = runner.claim("fast")
            assert claimed is not None
            runner.execute(claimed)
        finally:
            connections.close_all()

    async with connected("/ws/jobs", operator_cookie) as socket:
        first = await socket.receive()
        assert (first["type"], first["jobs"], first["counts"]) == ("snapshot", [], {"running": 0, "waiting": 0})
        made = await sync_to_async(make_job)(task, subject="WSOP 아카이브")
        waiting = await socket.receive()
        assert [(job["id"], job["state"], job["subject"]) for job in waiting["jobs"]] == [(made.pk, "queued", "WSOP 아카이브")]
        assert waiting["counts"] == {"running": 0, "waiting": 1}
        worker = threading.Thread(target=run)
        worker.start()
        looks: list[dict[str, Any]] = []
        while not looks or looks[-1]["progress"]["percent"] != 25:
            looks += (await socket.receive())["jobs"]
        assert looks[-1]["state"] == "running"
        assert looks[-1]["progress"] == {"done": 1, "total": 4, "percent": 25, "unit": "files", "note": "a.mov"}
        go_on.set()
        while looks[-1]["state"] == "running":
            frame = await socket.receive()
            looks += frame["jobs"]
        await asyncio.to_thread(worker.join)
    assert looks[-1]["state"] == "succeeded"
    assert frame["counts"] == {"running": 0, "waiting": 0}


async def test_a_late_watcher_sees_what_runs_and_waits(make_job: MakeJob, operator_cookie: bytes) -> None:
    running, waiting = await sync_to_async(make_job)(), await sync_to_async(make_job)()
    await sync_to_async(runner.claim)("fast")
    async with connected("/ws/jobs", operator_cookie) as socket:
        frame = await socket.receive()
    assert [(job["id"], job["state"]) for job in frame["jobs"]] == [(running.pk, "running"), (waiting.pk, "queued")]


@pytest.mark.parametrize(
    ("chosen", "header", "text"),
    [("ko", b"en", "완료되었습니다."), ("en", b"ko", "Done."), ("", b"en-US,ko;q=0.5", "Done."), ("", b"fr", "완료되었습니다.")],
)
async def test_texts_are_in_the_readers_language(
    job: Job, operator_cookie: bytes, korean: None, chosen: str, header: bytes, text: str
) -> None:
    await User.objects.aupdate(language=chosen)
    async with connected("/ws/logs?after=0", operator_cookie, (b"accept-language", header)) as socket:
        await sync_to_async(log.write)(job.pk, log.SUCCEEDED)
        lines = await receive_lines(socket, 1)
        while lines[-1]["code"] != log.SUCCEEDED:
            lines += await receive_lines(socket, 1)
    assert lines[-1]["message"] == text


async def test_strangers_and_viewers_stay_outside(client: Client) -> None:
    socket = Socket("/ws/jobs")
    assert await socket.connect() == (False, 4401)
    viewer = await sync_to_async(member)("viewer")
    await sync_to_async(client.force_login)(viewer)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    for path in ("/ws/jobs", "/ws/logs"):
        socket = Socket(path, (b"cookie", cookie))
        assert await socket.connect() == (False, consumers.CLOSE_FORBIDDEN)


async def test_who_loses_the_permission_loses_the_connection(operator_cookie: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    async with connected("/ws/logs", operator_cookie) as socket:
        assert await socket.is_silent(0.2)
        await sync_to_async(take_roles)()
        assert await socket.closed_with() == consumers.CLOSE_FORBIDDEN


def take_roles() -> None:
    for user in User.objects.all():
        user.groups.clear()


async def test_from_now_on_is_since_the_connection_was_made(job: Job, operator_cookie: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    may_subscribe, subscribe = asyncio.Event(), live.Feed.subscribe

    async def subscribe_late(self: live.Feed, subscriber: live.Subscriber) -> None:
        await may_subscribe.wait()
        await subscribe(self, subscriber)

    monkeypatch.setattr(live.Feed, "subscribe", subscribe_late)
    await awrite(job, 1, number=1)
    async with connected("/ws/logs", operator_cookie) as socket:
        await awrite(job, 1, number=2)
        may_subscribe.set()
        [line] = await receive_lines(socket, 1)
    assert line["params"]["number"] == 2


async def test_the_feed_rests_while_nobody_watches(operator_cookie: bytes) -> None:
    async with connected("/ws/logs", operator_cookie), connected("/ws/jobs", operator_cookie):
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("jobs-feed")]
    for thread in threading.enumerate():
        if thread.name.startswith("jobs-feed"):
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()


@pytest.fixture
def told_by_redis(redis_url: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its address. The clock is too slow to explain what is read."""
    settings.REDIS_URL = redis_url
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis_url]}}}
    monkeypatch.setattr(live, "_SAFETY_S", 60)
    return redis_url


@pytest.mark.redis
async def test_redis_wakes_readers_of_other_processes(job: Job, operator_cookie: bytes, told_by_redis: str) -> None:
    async with connected("/ws/logs", operator_cookie) as socket:
        with redis.Redis.from_url(told_by_redis) as server:
            await asyncio.to_thread(eventually, lambda: any(wake.GROUP in str(name) for name in server.pubsub_channels()))
        for number in range(3):
            await awrite(job, 1, number=number)
            wake.notify()
            async with asyncio.timeout(20):
                [line] = await receive_lines(socket, 1)
            assert line["params"]["number"] == number


@pytest.mark.redis
@pytest.mark.usefixtures("told_by_redis")
async def test_what_was_said_before_anybody_listened_is_read(job: Job, operator_cookie: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, may_listen = asyncio.Event(), asyncio.Event()
    layer, real_wait = wake.layer(), live._Waker.wait
    join = layer.group_add

    async def wait(self: live._Waker) -> None:
        waits.set()
        await real_wait(self)

    async def join_late(group: str, channel: str) -> None:
        await may_listen.wait()
        await join(group, channel)

    monkeypatch.setattr(live._Waker, "wait", wait)
    monkeypatch.setattr(wake, "notify", Mock())
    monkeypatch.setattr(layer, "group_add", join_late)
    async with connected("/ws/logs", operator_cookie) as socket, asyncio.timeout(20):
        await waits.wait()
        await awrite(job, 1, number=1)  # and nobody hears of it
        may_listen.set()
        [line] = await receive_lines(socket, 1)
    assert line["params"]["number"] == 1


def test_log_ids_become_visible_in_order(job: Job) -> None:
    """While a line is written, not yet committed, no other writer can take the next number and commit first."""
    first_wrote, may_commit, second_done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        try:
            with log.commit_ordered():
                log.write_lines([JobLog(job=job, code="tests_line", params={"n": 1})])
                first_wrote.set()
                may_commit.wait(20)
        finally:
            connections.close_all()

    def second() -> None:
        try:
            first_wrote.wait(20)
            write(job)
            second_done.set()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    first_wrote.wait(20)
    assert not second_done.wait(0.5)
    may_commit.set()
    for thread in threads:
        thread.join()
    assert second_done.is_set()
