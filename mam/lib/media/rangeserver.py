"""A `ReadableFile` over HTTP on the loopback, for a program that needs an address: one file, one random path, one reader.

A demuxer seeks by connecting anew, in a two-hour MXF seven hundred times before it shows anything. So one thread answers the newest
connection and drops the one before, and an answer begins small: what is read ahead of a seek is read for nothing.
Keeps a budget, if it is given one: over it, connections are cut.
"""

from __future__ import annotations

import re
import secrets
import select
import socket
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.media.outcomes import Budget, ReadableFile

FIRST_CHUNK_BYTES = 16 * 1024
_PROBED_CHUNK_BYTES = 64 * 1024  # within a budget, of bytes and of requests
_LAST_CHUNK_BYTES = 1024 * 1024  # a file on a server is read several times faster in large pieces (FACTS, SMB 10)
_SEND_BUFFER_BYTES = 128 * 1024
_SEEK_S = 0.003  # within so long the reader has seeked away, if it is going to
_REQUEST_S = 2.0
_REQUEST_BYTES = 16 * 1024
_LINE = re.compile(rb"GET (\S+) HTTP/1\.[01]\r\n")
_RANGE = re.compile(rb"\r\nRange: *bytes=(\d{1,19})-(\d{0,19})\r\n", re.IGNORECASE)


@dataclass(slots=True)
class _Answer:
    """What a connection gets: `head`, then the bytes from `start` to `end` of the file."""

    connection: socket.socket
    head: bytes
    start: int
    end: int


class RangeServer:
    """Serves `file` while `run` runs. `error` is what its `read_at` raised, `is_over_budget` whether the reader was cut off."""

    def __init__(self, file: ReadableFile, budget: Budget | None) -> None:
        self.file = file
        self.budget = budget
        self.path = f"/{secrets.token_urlsafe(16)}/media"
        self.bytes_read = 0
        self.requests = 0
        self.error: Exception | None = None
        self.is_over_budget = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop, self._stopped = socket.socketpair()
        self._newer: _Answer | None = None

    @property
    def url(self) -> str:
        """The address of the file."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}{self.path}"

    def run(self) -> None:
        """Answer until `stop`. In a thread: the only one that reads the file."""
        with self._listener, self._stopped:
            while self._wait(None, None):
                while (answer := self._newer) is not None:
                    self._newer = None
                    with answer.connection:
                        self._send(answer)

    def stop(self) -> None:
        """Let `run` end after the read it is in."""
        with closing(self._stop):
            self._stop.send(b".")

    # --- connections --------------------------------------------------------------------------------------------------
    def _wait(self, connection: socket.socket | None, timeout_s: float | None) -> bool:
        """Until `connection` takes more (None: nobody asked for anything), another one comes (`_newer`), or the time is over.

        False: the server stops, or the reader hung up.
        """
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._stopped, select.POLLIN)
        if connection is not None:
            # With a time-out, a reader that takes more is no news: only one that leaves.
            poll.register(connection, select.POLLRDHUP | (select.POLLOUT if timeout_s is None else 0))
        ready = dict(poll.poll(None if timeout_s is None else timeout_s * 1000))
        if self._stopped.fileno() in ready:
            return False
        if self._listener.fileno() in ready:
            self._newer = self._accept()
        gone = select.POLLRDHUP | select.POLLHUP | select.POLLERR
        return connection is None or not ready.get(connection.fileno(), 0) & gone

    def _accept(self) -> _Answer | None:
        """The next connection and what it asks for; None if that was refused."""
        connection, _address = self._listener.accept()
        try:
            connection.settimeout(_REQUEST_S)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answer = self._understand(connection, _request(connection))
            connection.setblocking(False)
        except OSError:  # it hung up, or had nothing to say
            answer = None
        if answer is None:
            connection.close()
        return answer

    def _understand(self, connection: socket.socket, request: bytes) -> _Answer | None:
        line, size = _LINE.match(request), self.file.size_bytes
        if line is None or line[1] != self.path.encode():
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return None
        found = _RANGE.search(request)
        start = int(found[1]) if found else 0
        end = min(int(found[2]) + 1, size) if found and found[2] else size
        if start >= end:
            refused = (
                f"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{size}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(refused.encode())
            return None
        head = (
            "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n"
            f"Content-Range: bytes {start}-{end - 1}/{size}\r\nContent-Length: {end - start}\r\n\r\n"
        )
        return _Answer(connection, head.encode(), start, end)

    # --- bytes --------------------------------------------------------------------------------------------------------
    def _send(self, answer: _Answer) -> None:
        """As much of the answer as the reader takes before it asks for something else."""
        is_limited = self.budget is not None
        chunk, last_chunk = (_PROBED_CHUNK_BYTES, _PROBED_CHUNK_BYTES) if is_limited else (FIRST_CHUNK_BYTES, _LAST_CHUNK_BYTES)
        head, at = answer.head, answer.start
        while at < answer.end:
            data = self._read(at, min(chunk, answer.end - at))
            if not self._push(answer.connection, head + data) or not data:
                return
            head, at = b"", at + len(data)
            if chunk == FIRST_CHUNK_BYTES and (not self._wait(answer.connection, _SEEK_S) or self._newer):
                return
            chunk = min(last_chunk, 2 * chunk)

    def _push(self, connection: socket.socket, data: bytes) -> bool:
        """Send all of `data`; False if the reader left first."""
        view = memoryview(data)
        while view:
            try:
                view = view[connection.send(view) :]
            except BlockingIOError:
                if not self._wait(connection, None) or self._newer:
                    return False
            except OSError:
                return False
        return True

    def _read(self, offset: int, length: int) -> bytes:
        """Bytes of the file; b"" ends the answer: at the end of the file, over budget, after an error."""
        if self.error is not None or self.is_over_budget:
            return b""
        if self.budget is not None and (self.requests >= self.budget.requests or self.bytes_read + length > self.budget.bytes):
            self.is_over_budget = True
            return b""
        self.requests += 1
        try:
            data = self.file.read_at(offset, length)
        except Exception as error:  # noqa: BLE001  (carried over to the thread that waits for the program)
            self.error = error
            return b""
        self.bytes_read += len(data)
        return data


def _request(connection: socket.socket) -> bytes:
    """Line and headers. TimeoutError when they do not come at once: it is a program on this machine."""
    data = b""
    until = time.monotonic() + _REQUEST_S
    while b"\r\n\r\n" not in data:
        more = connection.recv(_REQUEST_BYTES)
        data += more
        if not more or len(data) > _REQUEST_BYTES or time.monotonic() > until:
            raise TimeoutError
    return data


@contextmanager
def serving(file: ReadableFile, budget: Budget | None = None) -> Iterator[RangeServer]:
    """A server for `file`, for a program that may read all of it (no budget); when this ends, no thread of it uses the file any more."""
    server = RangeServer(file, budget)
    thread = threading.Thread(target=server.run, name="media-range-server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
