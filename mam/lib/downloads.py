"""Files that are made while they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CSV = "text/csv; charset=utf-8"


def download(parts: Iterator[bytes], *, name: str, suffix: str, content_type: str) -> StreamingHttpResponse:
    """An answer that a browser stores as `name`-DATE.`suffix`; texts are in the language of the request."""
    response = StreamingHttpResponse(_stream(parts), content_type=content_type)
    filename = f"{name}-{timezone.localdate():%Y-%m-%d}.{suffix}"
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=filename) or "attachment"
    response["Cache-Control"] = "no-store"
    return response


async def _stream(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each part is made in the request's own thread; while the reader takes it, no database connection is held."""
    language = get_language()

    def make() -> bytes | None:
        with override(language):
            part = next(parts, None)
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()
        return part

    while (part := await sync_to_async(make)()) is not None:
        yield part
