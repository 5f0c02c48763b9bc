"""Playlists, made from rows when they are asked for: `/hls/<token>/main.m3u8`, `<track>.m3u8`, `storyboard.vtt`.

The token in the path is the permission (`streaming.tokens`); the segments that a playlist names are sent by `streaming.delivery`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from catalog.models import MediaFile
from mam.lib.errors import MamError
from streaming import selectors, streams
from streaming.delivery import PREFIX, grant_of
from streaming.errors import MediaChangedError, StreamPartMissingError
from streaming.models import Rendition, Track
from streaming.ondemand.service import service as ondemand
from streaming.playback import ON_DEMAND
from streaming.playlists import Sheets, storyboard
from streaming.services import decisions, renditions
from streaming.stores import objects
from streaming.tokens import version_of
from streaming.views.media import refusal

if TYPE_CHECKING:
    from django.http import HttpRequest

    from streaming.tokens import Grant

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"


def object_address(token: str, grant: Grant, name: str) -> str:
    """Where a viewer fetches an object: here, or at the store itself until the token expires."""
    if settings.S3_PRESIGNED:
        url = objects.presigned_url(name, expires_s=max(1, grant.expires_s - int(time.time())))
        if url is not None:
            return url
    return f"{PREFIX}{token}/o/{name}"


@login_not_required  # the token decides
@require_safe
@gzip_page  # a playlist of two hours repeats one address 1,800 times
def main(request: HttpRequest, token: str) -> HttpResponse:
    """GET /hls/<token>/main.m3u8[?on_demand=1]."""
    is_on_demand = ON_DEMAND in request.GET
    try:
        file, _grant = _file_of(request, token)
        stream = streams.get_stream(file)
        tracks = stream.tracks(is_on_demand=is_on_demand)
        if not tracks:
            raise StreamPartMissingError
    except MamError as error:
        return refusal(error)
    if not stream.is_whole:
        decisions.prepare_viewed(file=file, needs=selectors.get_decision(file).mode)
        if stream.plan is not None and stream.is_online:
            ondemand().look_ahead(file, stream.plan)
    return _text(streams.main_playlist(tracks, query=f"?{ON_DEMAND}=1" if is_on_demand else ""), PLAYLIST_TYPE)


@login_not_required  # the token decides
@require_safe
@gzip_page
def track(request: HttpRequest, token: str, name: str) -> HttpResponse:
    """GET /hls/<token>/<track>.m3u8[?on_demand=1]."""
    try:
        file, grant = _file_of(request, token)
        stream = streams.get_stream(file, with_segments=True)
        found = stream.find(name, is_on_demand=ON_DEMAND in request.GET)
        text = streams.track_playlist(
            found, stream.plan, address=lambda name: object_address(token, grant, name), base=f"{PREFIX}{token}/s/"
        )
    except MamError as error:
        return refusal(error)
    if isinstance(found, Track):
        renditions.note_use(found.rendition)
    return _text(text, PLAYLIST_TYPE)


@login_not_required  # the token decides
@require_safe
@gzip_page
def storyboard_cues(request: HttpRequest, token: str) -> HttpResponse:
    """GET /hls/<token>/storyboard.vtt: cues that name cells of the sheets."""
    try:
        file, grant = _file_of(request, token)
        rendition = Rendition.objects.filter(file=file, kind=Rendition.Kind.STORYBOARD, made_from=file.fingerprint).first()
        if rendition is None:
            raise StreamPartMissingError
    except MamError as error:
        return refusal(error)
    renditions.note_use(rendition)
    names = rendition.stored_objects.order_by("name").values_list("name", flat=True)
    facts = rendition.details
    sheets = Sheets(
        urls=[object_address(token, grant, name) for name in names],
        columns=facts["columns"],
        rows=facts["rows"],
        width_px=facts["width_px"],
        height_px=facts["height_px"],
        starts_ms=facts["starts_ms"],
        duration_ms=facts["duration_ms"],
    )
    return _text(storyboard(sheets), "text/vtt; charset=utf-8")


def _file_of(request: HttpRequest, token: str) -> tuple[MediaFile, Grant]:
    """The file that the token opens. Raises what `grant_of` raises, StreamPartMissingError, MediaChangedError."""
    grant = grant_of(token, request.headers.get("Cookie", "").encode("latin-1"))
    file = MediaFile.objects.select_related("source", "folder").prefetch_related("streams").filter(pk=grant.file_id).first()
    if file is None:
        raise StreamPartMissingError
    if version_of(file.fingerprint) != grant.version:
        raise MediaChangedError
    return file, grant


def _text(text: str, content_type: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Cache-Control"] = "private, no-cache"  # what is prepared meanwhile shows at the next start
    return response
