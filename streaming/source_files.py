"""Bytes of source files for responses: a few threads of its own for each source, and streams that end with their reader.

Why own threads: a source that hangs fills its own, not those of other sources, and never the event loop's default pool.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from catalog.services.sources import open_file_system
from mam.lib.sources.errors import SourceError
from streaming.errors import MediaChangedError, MediaSourceOfflineError
from streaming.inputs import for_viewers

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.models import Source
    from mam.lib.sources import RangedReader

BLOCK_BYTES = 1024 * 1024  # FACTS, Queue 3
# The first blocks are small: the first byte comes early, and a player that only looks at a header and goes away costs little.
FIRST_BLOCK_BYTES = 128 * 1024
THREADS = 8  # per source; viewers beyond that wait for a block's time, since no thread is held between two blocks
OPENING_THREADS = 4  # apart: opening waits where a source allows so many open files, and nobody who reads shall wait with it
OPEN_TIMEOUT_S = 10.0
T = TypeVar("T")


class SourceThreads:
    """`count` threads for each source, started as needed, kept for the life of the process."""

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._lock = threading.Lock()
        self._by_source: dict[int, ThreadPoolExecutor] = {}

    def of(self, source_id: int) -> ThreadPoolExecutor:
        """The threads of one source."""
        with self._lock:
            if source_id not in self._by_source:
                self._by_source[source_id] = ThreadPoolExecutor(self._count, thread_name_prefix=f"{self._name}-{source_id}")
            return self._by_source[source_id]


_reading = SourceThreads("read", THREADS)
_opening = SourceThreads("open", OPENING_THREADS)


@dataclass(frozen=True, slots=True)
class FileState:
    """What was found when the file was opened."""

    size_bytes: int
    mtime_ns: int
    local_path: Path | None  # None on a network share


class OpenFile:
    """A file of a source, open for one response. `close` from any thread, any number of times; it never blocks.

    It is also closed when nobody holds it any more: a request that is cancelled between opening and answering loses it.
    """

    def __init__(self, threads: ThreadPoolExecutor, reader: RangedReader, state: FileState) -> None:
        self.state = state
        self._threads = threads
        self._reader = reader
        self._lock = threading.Lock()
        self._reading: Future[bytes] | None = None
        self._is_closed = False

    def __del__(self) -> None:
        self.close()

    def start_read(self, offset: int, length: int) -> Future[bytes]:
        """Begin to read `length` bytes in one of the source's threads. One read at a time. RuntimeError when closed."""
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the file is closed")
            self._reading = self._threads.submit(self._reader.read_at, offset, length)
            return self._reading

    def close(self) -> None:
        """Close the reader, after the read that may be running."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            reading, self._reading = self._reading, None
        if reading is None or reading.cancel() or reading.done():
            _submit_close(self._threads, self._reader)
        else:
            threads, reader = self._threads, self._reader
            reading.add_done_callback(lambda _: _submit_close(threads, reader))


def _submit_close(threads: ThreadPoolExecutor, reader: RangedReader) -> None:
    """In a thread: closing a file on a server is a round trip."""
    with suppress(RuntimeError):  # the interpreter is going down, and the file with it
        threads.submit(_close, reader)


def _close(reader: RangedReader) -> None:
    with suppress(SourceError):
        reader.close()


async def open_file(source: Source, path: str) -> OpenFile:
    """Open `path` of `source` for reading. MediaGoneError, MediaUnreadableError, MediaSourceOfflineError, or what credentials raise."""
    opening = _opening.of(source.pk).submit(_open, _reading.of(source.pk), source, path)
    has_arrived = False
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            file = (await _outcome(opening)).pop()
        has_arrived = True
    except SourceError as error:
        raise for_viewers(error) from error
    except TimeoutError as error:
        raise MediaSourceOfflineError from error
    finally:
        if not has_arrived:
            opening.add_done_callback(_close_unwanted)
    return file


def _open(threads: ThreadPoolExecutor, source: Source, path: str) -> list[OpenFile]:
    """In a list, to be taken out of it: whatever still holds the future must not hold the file open."""
    file_system = open_file_system(source)
    reader = file_system.open(path)
    return [OpenFile(threads, reader, FileState(reader.size_bytes, reader.entry.mtime_ns, file_system.local_path(path)))]


def _close_unwanted(opening: Future[list[OpenFile]]) -> None:
    """The viewer did not wait for this file."""
    if not opening.cancelled() and opening.exception() is None:
        for file in opening.result():
            file.close()


async def _outcome(future: Future[T]) -> T:
    """Wait for work in a thread; cancelled with the waiter if it has not begun.

    asyncio.wrap_future ties both futures into a cycle, and blocks of a megabyte would lie there until the garbage collector comes.
    """
    loop = asyncio.get_running_loop()
    is_done = loop.create_future()

    def finish() -> None:
        if not is_done.done():
            is_done.set_result(None)

    def wake(_: Future[T]) -> None:
        with suppress(RuntimeError):  # the loop is closed: the server has stopped
            loop.call_soon_threadsafe(finish)

    future.add_done_callback(wake)
    try:
        await is_done
    except asyncio.CancelledError:
        future.cancel()
        raise
    return future.result()


class ByteStream:
    """The body of a response: `length` bytes from `offset`, as an asynchronous iterator that reads one block ahead.

    Ends by an exception when the source fails on the way: the server then cuts the connection, so that a short body never looks
    complete.
    """

    def __init__(self, file: OpenFile, offset: int, length: int) -> None:
        self._file = file
        self._next = offset
        self._end = offset + length
        self._block_bytes = FIRST_BLOCK_BYTES
        self._ahead: Future[bytes] | None = None
        self._expected = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._next_block()
        except BaseException:  # also the end: Django closes a response that ended well, not one that failed on the way
            self.close()
            raise

    async def _next_block(self) -> bytes:
        if self._ahead is None:
            self._read_ahead()
        if self._ahead is None:
            raise StopAsyncIteration
        try:
            block = await _outcome(self._ahead)
        except SourceError as error:
            raise for_viewers(error) from error
        if len(block) != self._expected:
            raise MediaChangedError
        self._ahead = None
        self._read_ahead()
        return block

    def close(self) -> None:
        """Stop reading and close the file. Called by the response, whatever became of it."""
        self._file.close()

    def _read_ahead(self) -> None:
        self._expected = min(self._block_bytes, self._end - self._next)
        if self._expected == 0:
            return
        self._ahead = self._file.start_read(self._next, self._expected)
        self._next += self._expected
        self._block_bytes = min(BLOCK_BYTES, self._block_bytes * 2)
