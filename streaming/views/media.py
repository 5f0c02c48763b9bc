"""The bytes of a source file, by range, straight from the source.

The file is opened before the status line goes out, so what is gone, changed or offline is an error with a reason and not a broken
picture; after that only bytes follow. See `streaming.source_files` for threads and for what happens when a viewer goes away.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import connections
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods

from mam.lib import http_range
from mam.lib.api import error_body
from mam.lib.errors import MamError
from streaming.access import get_user
from streaming.errors import MediaChangedError, MediaSourceOfflineError
from streaming.media_types import content_type, is_shown_inline
from streaming.selectors import get_playable_file
from streaming.source_files import ByteStream, OpenFile, open_file

if TYPE_CHECKING:
    from pathlib import Path

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from catalog.models import MediaFile

RETRY_AFTER_S = 5


@login_not_required  # programs come with a key instead of a session: `get_user` decides
@require_http_methods(["GET", "HEAD"])
async def media(request: HttpRequest, file_id: int, name: str) -> HttpResponseBase:
    """GET/HEAD /media/<file_id>/<name>[?download=1]. `name` is for people and download managers; only the id counts."""
    try:
        file = await sync_to_async(_authorised_file)(request, file_id)
    except MamError as error:
        return refusal(error)
    return await send_file(request, file)


async def send_file(request: HttpRequest, file: MediaFile) -> HttpResponseBase:
    """The answer with the bytes of `file` (with source and folder) that a GET or HEAD asks for. Who asks was checked before."""
    if not file.source.is_enabled:
        return refusal(MediaSourceOfflineError())
    try:
        opened = await open_file(file.source, file.path)
    except MamError as error:
        return refusal(error)
    if opened.state.size_bytes != file.size_bytes:
        opened.close()
        return refusal(MediaChangedError())
    if settings.X_ACCEL_PREFIX and opened.state.local_path is not None:
        opened.close()
        return _hand_to_proxy(request, file, opened.state.local_path)
    return _answer(request, file, opened)


def _authorised_file(request: HttpRequest, file_id: int) -> MediaFile:
    return get_playable_file(user=get_user(request), file_id=file_id)


def _answer(request: HttpRequest, file: MediaFile, opened: OpenFile) -> HttpResponseBase:
    answer = http_range.answer(request.method or "GET", request.headers, _representation(file, opened))
    response: HttpResponseBase
    if answer.length:
        response = StreamingHttpResponse(_Body(ByteStream(opened, answer.offset, answer.length)), status=answer.status)
    else:
        opened.close()
        response = HttpResponse(status=answer.status)
    for header, value in answer.headers.items():
        response[header] = value
    if answer.status == HTTPStatus.NOT_MODIFIED:
        del response["Content-Type"]
    else:
        _describe(response, request, file)
    return response


def _representation(file: MediaFile, opened: OpenFile) -> http_range.Representation:
    """A rewrite in place that kept the size shows in the modification time: then the tag is another one as well."""
    suffix = "" if opened.state.mtime_ns == file.mtime_ns else f"-{opened.state.mtime_ns:x}"
    return http_range.Representation(file.size_bytes, f'"{file.fingerprint}{suffix}"', max(0, opened.state.mtime_ns // 1_000_000_000))


def _hand_to_proxy(request: HttpRequest, file: MediaFile, path: Path) -> HttpResponse:
    """Let nginx send the file: it does ranges and validators itself, so none of ours may be in the way."""
    response = HttpResponse()
    response["X-Accel-Redirect"] = settings.X_ACCEL_PREFIX.rstrip("/") + quote(os.fsencode(path))
    _describe(response, request, file)
    return response


def _describe(response: HttpResponseBase, request: HttpRequest, file: MediaFile) -> None:
    media_type = content_type(file)
    is_download = "download" in request.GET or not is_shown_inline(media_type)
    response["Content-Type"] = media_type
    response["Content-Disposition"] = content_disposition_header(is_download, file.name) or "attachment"
    response["Cache-Control"] = "private, no-cache"  # kept, but asked for by ETag each time: rights may have gone


def refusal(error: MamError) -> HttpResponse:
    """An error as `{code, message, params}`, never cached."""
    response = JsonResponse(error_body(error.code, error.params), status=error.http_status)
    response["Cache-Control"] = "no-store"
    if error.http_status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_S)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


class _Body:
    """The bytes, after the request's database connection has been given back: a film lasts longer than any pool."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._has_begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._has_begun:
            self._has_begun = True
            await sync_to_async(_release_connections)()  # in the request's own thread, whose connections they are
        return await self._stream.__anext__()

    def close(self) -> None:
        """Called by the response when it is done or dropped."""
        self._stream.close()


def _release_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
