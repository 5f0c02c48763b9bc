"""A `ReadableFile` over HTTP on the loopback, for a program that needs an address: one file, one random path, one reader.

Keeps a budget, if it is given one: over it, connections are cut.
"""

from __future__ import annotations

import re
import secrets
import socket
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mam.lib.media.outcomes import Budget, ReadableFile

# An answer begins with small reads, because a prober looks at a header and seeks away, and goes on with large ones: a file on a
# server is read several times faster in pieces above half a megabyte (FACTS, SMB 10).
_FIRST_CHUNK_BYTES = 64 * 1024
_LAST_CHUNK_BYTES = 1024 * 1024
_SEND_BUFFER_BYTES = 128 * 1024  # what is sent ahead is read for nothing when the reader seeks
_IDLE_S = 30.0
_RANGE = re.compile(r"bytes=(\d{1,19})-(\d{0,19})")


class RangeServer(ThreadingHTTPServer):
    """Serves `file` until `serving` ends. `error` is what its `read_at` raised, `is_over_budget` whether it was cut off."""

    daemon_threads = False  # so that closing waits for them: nobody reads the file after that

    def __init__(self, file: ReadableFile, budget: Budget | None) -> None:
        self.file = file
        self.budget = budget
        self.path = f"/{secrets.token_urlsafe(16)}/media"
        self.bytes_read = 0
        self.requests = 0
        self.error: Exception | None = None
        self.is_over_budget = False
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """The address of the file."""
        return f"http://127.0.0.1:{self.server_address[1]}{self.path}"

    def read(self, offset: int, length: int) -> bytes:
        """Bytes for a handler; b"" ends its answer: at the end of the file, over budget, after an error."""
        with self._lock:
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

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: RangeServer
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S

    def do_GET(self) -> None:
        if self.path.split("?")[0] != self.server.path:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        size = self.server.file.size_bytes
        match = _RANGE.fullmatch(self.headers.get("Range", "bytes=0-"))
        start = int(match[1]) if match else 0
        if start >= size:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        end = min(int(match[2]) + 1, size) if match and match[2] else size
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self._send(start, end)

    def _send(self, start: int, end: int) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        # Within a budget every byte counts, and the reader is a prober.
        last_chunk = _LAST_CHUNK_BYTES if self.server.budget is None else _FIRST_CHUNK_BYTES
        chunk = _FIRST_CHUNK_BYTES
        while start < end:
            data = self.server.read(start, min(chunk, end - start))
            if not data:
                self.close_connection = True
                return
            try:
                self.connection.sendall(data)
            except OSError:  # it seeks elsewhere, or it is done
                self.close_connection = True
                return
            start += len(data)
            chunk = min(last_chunk, 2 * chunk)

    def log_message(self, format: str, *args: Any) -> None:
        """No access log."""


@contextmanager
def serving(file: ReadableFile, budget: Budget | None = None) -> Iterator[RangeServer]:
    """A server for `file`, for a program that may read all of it (no budget); when this ends, no thread of it uses the file any more."""
    server = RangeServer(file, budget)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="media-range-server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
