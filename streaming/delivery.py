"""Bytes of streams, in front of Django: `/stream/<token>/o/<object>`, `.../s/<track>/<segment>`, and `POST .../left`.

A viewer asks for a segment every few seconds, a library full of them for hundreds a second, so the way here is short: the token is
checked by arithmetic (`streaming.tokens`; remembered for the next segment), no table is asked, and where nginx stands in front it gets
the path of the file and sends it. What is read here is read in threads of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar
from urllib.parse import quote

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import parse_cookie
from django.utils import translation
from django.utils.datastructures import CaseInsensitiveMapping

from mam.lib import http_range
from mam.lib.api import error_body
from mam.lib.errors import MamError
from mam.lib.storages import ObjectMissingError, StorageError
from streaming import tokens
from streaming.errors import StreamPartMissingError, StreamStoreOfflineError, TokenExpiredError, TokenInvalidError
from streaming.stores import objects

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from mam.lib.asgi import Application, Message, Receive, Scope, Send
    from streaming.tokens import Grant

T = TypeVar("T")

logger = logging.getLogger(__name__)

PREFIX = "/stream/"
LEFT = "left"  # where a player says that its viewer goes
CHUNK_BYTES = 1024 * 1024  # FACTS, Queue 3
THREADS = 16
RETRY_AFTER_S = 3
_REMEMBERED = 8192  # tokens with their cookies
_SIZES = 65_536  # of objects in a remote store; a name never changes its bytes
_OBJECT = re.compile(r"[a-z]+/[0-9a-f]{2}/[0-9]+-[0-9a-f]+/[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_SEGMENT = re.compile(r"s/(?P<track>[va][0-9]{1,4})/(?:(?P<init>init\.mp4)|(?P<index>[0-9]{1,6})\.m4s)", re.ASCII)
_TYPES = {
    "mp4": "video/mp4",
    "m4s": "video/mp4",
    "m4a": "audio/mp4",
    "vtt": "text/vtt; charset=utf-8",
    "jpg": "image/jpeg",
    "webp": "image/webp",
}
_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Found:
    """What an address names. `path`: a local file; else `name` is an object of the store."""

    name: str
    content_type: str
    path: Path | None


@lru_cache(maxsize=_REMEMBERED)
def _find_object(file_id: int, name: str) -> Found:
    """Where an object of the file is: a name never moves. TokenInvalidError for one of another file, StreamPartMissingError."""
    if not _OBJECT.fullmatch(name):
        raise StreamPartMissingError
    if objects.file_id_of(name) != file_id:
        raise TokenInvalidError
    return Found(name, _TYPES.get(name.rpartition(".")[2], _UNKNOWN_TYPE), objects.local_path(name))


@lru_cache(maxsize=_REMEMBERED)
def _accelerated(prefix: str, path: Path) -> str:
    """What nginx is told: the way to the file, below the prefix that it maps."""
    return prefix.rstrip("/") + quote(os.fsencode(path))


class Segments(Protocol):
    """Who makes segments on demand. Both raise MamErrors, and give the path of a whole file in the local cache."""

    async def init(self, file_id: int, version: str, track: str) -> Path:
        """The init segment of a track."""

    async def segment(self, file_id: int, version: str, track: str, index: int, *, viewer: str) -> Path:
        """A media segment; cancelled, an encoder that nobody else waits for stops. `viewer` tells viewers apart."""

    def leave(self, *, viewer: str) -> None:
        """What `viewer` asked for until now is not wanted any more."""


class Delivery:
    """The ASGI application; what is not under `/stream/` is for `inner`."""

    def __init__(self, inner: Application, segments: Callable[[], Segments], note_missing: Callable[[str], Awaitable[None]]) -> None:
        """`note_missing` is told the name of an object that should be in the store and is not."""
        self._inner = inner
        self._segments = segments
        self._note_missing = note_missing
        self._local = ThreadPoolExecutor(THREADS, thread_name_prefix="delivery")
        self._remote = ThreadPoolExecutor(THREADS, thread_name_prefix="delivery-store")  # a store that hangs stops nothing else

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._inner(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await self._answer(request, send)
        except _ViewerGoneError:
            return  # nobody is there to be answered
        except MamError as error:
            await _refuse(request, send, error)

    async def _answer(self, request: Request, send: Send) -> None:
        token, _, rest = request.scope["path"][len(PREFIX) :].partition("/")
        methods = ("POST",) if rest == LEFT else ("GET", "HEAD")
        if request.method not in methods:
            await _send_empty(send, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": ", ".join(methods), "Content-Length": "0"})
            return
        grant = grant_of(token, request.cookies)
        if rest == LEFT:
            self._segments().leave(viewer=token)
            await _send_empty(send, HTTPStatus.NO_CONTENT, {})
            return
        is_object = rest.startswith("o/")
        found = _find_object(grant.file_id, rest[2:]) if is_object else await self._find_segment(request, token, grant, rest)
        headers = {"Content-Type": found.content_type, "Cache-Control": cache_control(grant), "X-Content-Type-Options": "nosniff"}
        if settings.X_ACCEL_PREFIX and found.path is not None:
            place = _accelerated(settings.X_ACCEL_PREFIX, found.path)
            await _send_empty(send, HTTPStatus.OK, headers | {"X-Accel-Redirect": place, "Content-Length": "0"})
            return
        try:
            await self._send(request, send, found, headers)
        except StreamPartMissingError:
            if is_object:
                await self._note_missing(found.name)
            raise

    async def _find_segment(self, request: Request, token: str, grant: Grant, rest: str) -> Found:
        match = _SEGMENT.fullmatch(rest)
        if match is None:
            raise StreamPartMissingError
        segments, track = self._segments(), match["track"]
        if match["init"]:
            making = segments.init(grant.file_id, grant.version, track)
        else:
            making = segments.segment(grant.file_id, grant.version, track, int(match["index"]), viewer=token)
        path = await _unless_gone(making, request.receive)
        return Found(f"{grant.file_id}-{grant.version}/{rest}", "audio/mp4" if track[0] == "a" else "video/mp4", path)

    async def _send(self, request: Request, send: Send, found: Found, headers: dict[str, str]) -> None:
        """The bytes themselves, or those that were asked for."""
        threads = self._remote if found.path is None else self._local
        source = await _in_thread(threads, _open, found)
        try:
            representation = http_range.Representation(source.size_bytes, f'"{found.name}-{source.size_bytes:x}"', 0)
            answer = http_range.answer(request.method, request.headers, representation)
            validators = {name: value for name, value in answer.headers.items() if name != "Last-Modified"}
            end = answer.offset + answer.length
            # Before the head: what cannot be read at all is refused properly.
            chunk = await _read(threads, source, answer.offset, end) if answer.length else b""
            await _send_head(send, answer.status, validators | (headers if answer.status < HTTPStatus.BAD_REQUEST else _UNKEPT))
            await send({"type": "http.response.body", "body": chunk, "more_body": answer.offset + len(chunk) < end})
            await _send_rest(request, send, source, threads, answer.offset + len(chunk), end)
        finally:
            source.close()


async def _send_rest(request: Request, send: Send, source: Source, threads: ThreadPoolExecutor, offset: int, end: int) -> None:
    """Raises CutShortError when the bytes end too early: the server cuts the connection, so that nobody takes them for whole."""
    with _Leaving(request.receive if offset < end else None) as leaving:
        while offset < end and not leaving.is_gone:
            try:
                chunk = await _read(threads, source, offset, end)
            except MamError as error:
                raise CutShortError from error
            offset += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": offset < end})


async def _read(threads: ThreadPoolExecutor, source: Source, offset: int, end: int) -> bytes:
    """Up to a border of chunks: what is fetched from a store is fetched in blocks of a multiple of them. StreamPartMissingError."""
    length = min(CHUNK_BYTES - offset % CHUNK_BYTES, end - offset)
    chunk = await _in_thread(threads, source.read, offset, length)
    if len(chunk) != length:
        raise StreamPartMissingError
    return chunk


async def _in_thread(threads: ThreadPoolExecutor, function: Callable[..., T], *arguments: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, function, *arguments)


_UNKEPT = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}  # answers without what was asked for
_LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class _Leaving:
    """Whether the viewer has gone: looked at between two chunks of a long answer. `receive` None: nobody looks."""

    def __init__(self, receive: Receive | None) -> None:
        self._task = asyncio.ensure_future(_disconnected(receive)) if receive is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

    @property
    def is_gone(self) -> bool:
        return self._task is not None and self._task.done()


class _ViewerGoneError(Exception):
    """The connection was closed before there was anything to send."""


class CutShortError(Exception):
    """There were fewer bytes than the answer had promised."""


async def _unless_gone(making: Coroutine[Any, Any, T], receive: Receive) -> T:
    """What is being made, unless the viewer goes away meanwhile: then it is cancelled, and _ViewerGoneError raised."""
    task, leaving = asyncio.ensure_future(making), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _ViewerGoneError
        return task.result()
    finally:
        for waiting in (task, leaving):
            waiting.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Source(Protocol):
    """Something open that is read from."""

    size_bytes: int

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`."""

    def close(self) -> None:
        """No more reads."""


class _LocalSource:
    """A file. Open, it stays readable when it is deleted or swept from the cache."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size_bytes = os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def close(self) -> None:
        os.close(self._descriptor)


class _StoredSource:
    """An object of a store on another machine, through the cache of this one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.size_bytes = _size_of(name)

    def read(self, offset: int, length: int) -> bytes:
        with _for_viewers():
            return objects.read_range(self._name, offset, length)

    def close(self) -> None:
        """Nothing is held."""


def _open(found: Found) -> Source:
    """In a thread. StreamPartMissingError, StreamStoreOfflineError."""
    if found.path is None:
        with _for_viewers():
            return _StoredSource(found.name)
    try:
        return _LocalSource(found.path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise StreamPartMissingError from error


@lru_cache(maxsize=_SIZES)
def _size_of(name: str) -> int:
    return objects.storage().stat(name).size_bytes


@contextmanager
def _for_viewers() -> Iterator[None]:
    try:
        yield
    except ObjectMissingError as error:
        raise StreamPartMissingError from error
    except StorageError as error:
        logger.warning("%s: %s", error.code, error)
        raise StreamStoreOfflineError from error


# --- who asks ---------------------------------------------------------------------------------------------------------
class Request:
    """What is looked at of a request."""

    __slots__ = ("method", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]

    @property
    def cookies(self) -> bytes:
        """The Cookie header."""
        return next((value for name, value in self.scope["headers"] if name == b"cookie"), b"")

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers, whatever their case."""
        pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.scope["headers"])
        return CaseInsensitiveMapping(dict(pairs))


def grant_of(token: str, cookies: bytes) -> Grant:
    """What `token` opens for a request with this Cookie header. TokenInvalidError, TokenExpiredError, TokenForeignError."""
    grant = _remembered_grant(token, cookies)
    if grant.expires_s <= time.time():
        raise TokenExpiredError
    return grant


@lru_cache(maxsize=_REMEMBERED)
def _remembered_grant(token: str, cookies: bytes) -> Grant:
    """Time aside, the answer for a token and a cookie never changes."""
    return tokens.verify(token, parse_cookie(cookies.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, ""))


def cache_control(grant: Grant) -> str:
    """The bytes never change, but nobody keeps them for others longer than the token opens them."""
    scope = "public" if grant.is_shared else "private"
    return f"{scope}, max-age={max(0, grant.expires_s - int(time.time()))}, immutable"


# --- answers ----------------------------------------------------------------------------------------------------------
async def _send_head(send: Send, status: int, headers: Mapping[str, str]) -> None:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": raw})


async def _send_empty(send: Send, status: int, headers: Mapping[str, str]) -> None:
    await _send_head(send, status, headers)
    await send(_LAST)


async def _refuse(request: Request, send: Send, error: MamError) -> None:
    """`{code, message, params}` in the reader's language, never cached."""
    with translation.override(translation.get_language_from_request(ASGIRequest(request.scope, BytesIO()))):
        body = json.dumps(error_body(error.code, error.params), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    if error.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    await _send_head(send, error.http_status, headers)
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
