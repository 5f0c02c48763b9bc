"""Posters, and what stands in their place. Answers 200 with a drawing where there is none: cards need not know."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from catalog.choices import FileKind, Presence, ProbeState
from catalog.errors import ObjectNotFoundError
from catalog.selectors import list_files
from mam.lib import http_range
from mam.lib.errors import MamError
from mam.lib.storages import StorageError
from streaming.access import get_user
from streaming.choices import RenditionState
from streaming.selectors import find_poster
from streaming.stores import objects as store
from streaming.views.media import refusal

if TYPE_CHECKING:
    from django.http import HttpRequest

    from catalog.models import MediaFile
    from streaming.models import StoredObject

_logger = logging.getLogger(__name__)
FOR_GOOD = "private, max-age=31536000, immutable"  # the address names the version
FOR_A_MOMENT = "private, max-age=30"  # it may be there, or be another one, any time


@login_not_required  # programs come with a key instead of a session: `get_user` decides
@require_safe
def poster(request: HttpRequest, file_id: int) -> HttpResponse:
    """GET /posters/<file_id>.jpg[?v=version]. `v`: `StoredObject.version`, or the file's fingerprint."""
    try:
        file = list_files(user=get_user(request)).filter(pk=file_id).first()
        if file is None:
            raise ObjectNotFoundError
    except MamError as error:
        return refusal(error)
    row = find_poster(file_id=file_id)
    data = _read(row) if row is not None else None
    if row is None or data is None:
        return _placeholder(file)
    representation = http_range.Representation(len(data), f'"{row.version}"', int(row.rendition.made_at.timestamp()))
    answer = http_range.answer(request.method or "GET", request.headers, representation)
    response = HttpResponse(
        data[answer.offset : answer.offset + answer.length],
        status=answer.status,
        headers=dict(answer.headers),
        content_type=row.content_type,
    )
    response["Cache-Control"] = FOR_GOOD if _names_version(request.GET.get("v", ""), row, file) else FOR_A_MOMENT
    return response


def _read(row: StoredObject) -> bytes | None:
    """The object; None if it is not what the row says (deleted by hand, cut off by a power failure), or cannot be read now."""
    try:
        data = store.read_range(row.name, 0, row.size_bytes + 1)
    except StorageError as error:
        _logger.warning("no picture from the storage: %s", error)
        return None
    return data if len(data) == row.size_bytes else None


def _names_version(version: str, row: StoredObject, file: MediaFile) -> bool:
    if version == row.version:
        return True
    return row.rendition.state == RenditionState.READY and version == file.fingerprint == row.rendition.made_from


def _placeholder(file: MediaFile) -> HttpResponse:
    response = HttpResponse(render_to_string("streaming/placeholder.svg", _drawing(file)), content_type="image/svg+xml")
    response["Cache-Control"] = FOR_A_MOMENT
    return response


def _drawing(file: MediaFile) -> dict[str, str]:
    """Which symbol and which words stand for the file. The words are few: a card is small."""
    if file.presence in {Presence.MISSING, Presence.HELD}:
        return {"symbol": "missing", "label": gettext("Missing")}
    if file.presence == Presence.GROWING:
        return {"symbol": "growing", "label": gettext("Being written")}
    if file.probe_state == ProbeState.FAILED:
        return {"symbol": "broken", "label": gettext("Not readable")}
    symbol = file.kind if file.kind in {FileKind.VIDEO, FileKind.AUDIO, FileKind.IMAGE} else "other"
    return {"symbol": symbol, "label": file.extension.upper()[:8]}
