"""What a response holds is given back, however it ends: handles, reads, database connections; and no source holds up another."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection

from catalog.services.file_systems import open_file_system
from mam.lib.sources.errors import TransientError
from streaming import source_files
from tests.factories import make_source
from tests.streaming.conftest import Shelf, Viewer, media_url, noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from catalog.models import Source

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = 64 * 1024 * 1024  # more than sockets and buffers between a server and a client can hold


def wait_for(condition: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether `condition` came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def handles_on(path: Path) -> int:
    """Descriptors of this process (which the server is part of) on `path`."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += descriptor.readlink() == path
        except FileNotFoundError:
            continue
    return found


def open_databases() -> int:
    """Database connections in use: those out of the pool on PostgreSQL, descriptors of the file on SQLite that are not kept for others."""
    if isinstance(connection, PostgresConnection):
        pool = connection.pool.get_stats()
        return int(pool.get("pool_size", 0) - pool.get("pool_available", 0))
    connection.close_pool()  # type: ignore[attr-defined]  # of mam.lib.sqlite
    return handles_on(Path(connection.settings_dict["NAME"]))


@pytest.fixture
def film(shelf: Shelf) -> tuple[str, Path]:
    """Address and place of a file that no buffer holds."""
    path = shelf.root / "film.mp4"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as out:
        out.truncate(LARGE)
    return media_url(shelf.register("film.mp4")), path


def test_a_viewer_who_goes_away_leaves_no_open_file(viewer: Viewer, film: tuple[str, Path]) -> None:
    url, path = film
    responses = [viewer.open(url) for _ in range(10)]
    for response in responses:
        response.read(1000)
    assert handles_on(path) >= 1
    for response in responses:
        response.close()
    assert wait_for(lambda: handles_on(path) == 0)


def test_a_finished_or_refused_answer_leaves_no_open_file(viewer: Viewer, shelf: Shelf) -> None:
    file = shelf.put("a.mp4", noise(300_000))
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=300000-"}, {"If-None-Match": f'"{file.fingerprint}"'}):
        viewer.get(media_url(file), **headers)
    viewer.get(media_url(file), "HEAD")
    assert wait_for(lambda: handles_on(shelf.root / "a.mp4") == 0)


def test_a_viewer_who_reads_slowly_makes_the_server_read_no_further(viewer: Viewer, film: tuple[str, Path]) -> None:
    """Without back-pressure the whole film would be in the server's memory now."""
    url, path = film
    with viewer.open(url) as response:
        response.read(1000)
        position = _stable(lambda: _bytes_read())
        assert position < LARGE / 2
        assert handles_on(path) >= 1


def _bytes_read() -> int:
    line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar"))
    return int(line.split()[1])


def _stable(measure: Callable[[], int]) -> int:
    """How far a counter moves until it stands still; reading it moves it a little."""
    start = before = measure()
    while (now := measure()) - before > 100_000:
        before = now
        time.sleep(0.05)
    return now - start


def test_watching_holds_no_database_connection(viewer: Viewer, film: tuple[str, Path]) -> None:
    url, _ = film
    connection.close()
    others = open_databases()  # of threads that other tests have left
    responses = [viewer.open(url) for _ in range(others + 5)]
    for response in responses:
        response.read(1000)
    assert wait_for(lambda: open_databases() <= others)
    for response in responses:
        response.close()


def test_a_film_that_shrinks_while_it_is_sent_ends_in_a_broken_connection(viewer: Viewer, film: tuple[str, Path]) -> None:
    url, path = film
    with viewer.open(url) as response:
        response.read(1000)
        os.truncate(path, 20_000_000)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            response.read()
    assert wait_for(lambda: handles_on(path) == 0)


# --- one source does not hold up another -------------------------------------------------------------------------------
class HangingSource:
    """A file system that answers nothing until it is let go, as a dead server does."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.waiting = 0

    def open(self, path: str) -> None:
        self.waiting += 1
        self.go_on.wait(30)
        raise TransientError(target=path, detail="timed out")


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Source, HangingSource]]:
    source, file_system = make_source("dead server"), HangingSource()
    monkeypatch.setattr(
        "streaming.source_files.open_file_system", lambda asked: file_system if asked.pk == source.pk else open_file_system(asked)
    )
    monkeypatch.setattr(source_files, "OPEN_TIMEOUT_S", 0.5)
    yield source, file_system
    file_system.go_on.set()


def test_a_source_that_hangs_is_503_soon_and_other_sources_play_on(
    viewer: Viewer, shelf: Shelf, hanging: tuple[Source, HangingSource]
) -> None:
    source, file_system = hanging
    dead = Shelf(shelf.root, source).put("b.mp4", noise(10))
    alive = shelf.put("a.mp4", noise(1000))
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        response, body = viewer.get(media_url(dead))
        answers.append((response.status, body))
        assert response.headers["Retry-After"] == "5"

    threads = [threading.Thread(target=ask) for _ in range(3 * source_files.OPENING_THREADS)]
    for thread in threads:
        thread.start()
    assert wait_for(lambda: file_system.waiting == source_files.OPENING_THREADS)
    assert viewer.get(media_url(alive))[1] == noise(1000)
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {503}
    assert {json.loads(body)["code"] for _, body in answers} == {"media_source_offline"}


# --- the parts alone ----------------------------------------------------------------------------------------------------
async def test_a_file_opened_for_nobody_is_closed(shelf: Shelf) -> None:
    """The request was cancelled while the source was still opening the file."""
    (shelf.root / "a.mp4").write_bytes(noise(10))
    opening = asyncio.create_task(source_files.open_file(shelf.source, "a.mp4"))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert wait_for(lambda: handles_on(shelf.root / "a.mp4") == 0)


async def test_who_reads_does_not_wait_for_who_opens(shelf: Shelf) -> None:
    (shelf.root / "a.mp4").write_bytes(noise(10))
    file = await source_files.open_file(shelf.source, "a.mp4")
    released = threading.Event()
    for _ in range(2 * source_files.OPENING_THREADS):
        source_files._opening.of(shelf.source.pk).submit(released.wait)
    try:
        assert file.start_read(0, 10).result(timeout=10) == noise(10)
    finally:
        released.set()
        file.close()


async def test_a_file_that_is_lost_is_closed(shelf: Shelf) -> None:
    """A response that never came to be, because a middleware was cancelled, does not call close."""
    path = shelf.root / "a.mp4"
    path.write_bytes(noise(10))
    stream = source_files.ByteStream(await source_files.open_file(shelf.source, "a.mp4"), 0, 10)
    assert handles_on(path) == 1
    del stream
    assert wait_for(lambda: handles_on(path) == 0)


async def test_blocks_start_small_and_add_up(shelf: Shelf) -> None:
    content = noise(4_000_000)
    (shelf.root / "a.mp4").write_bytes(content)
    stream = source_files.ByteStream(await source_files.open_file(shelf.source, "a.mp4"), 100, 3_500_000)
    blocks = [block async for block in stream]
    assert b"".join(blocks) == content[100:3_500_100]
    assert [len(block) for block in blocks[:5]] == [131_072, 262_144, 524_288, 1_048_576, 1_048_576]
