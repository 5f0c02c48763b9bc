"""The short API for other systems: `/api/videos`. The long one is `/api/v1/files`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from asgiref.sync import async_to_sync
from django.http import HttpResponseRedirect
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import filters
from catalog.choices import FileKind
from catalog.models import MediaFile
from catalog.selectors import list_files
from mam.jobs.models import JobPriority
from mam.lib.keyset import keyset_page
from streaming import playback, selectors, tokens
from streaming.api.playback import viewer_of
from streaming.choices import PlaybackMode, RenditionKind, RenditionState
from streaming.delivery import PREFIX
from streaming.errors import NothingToPlayError
from streaming.models import Rendition
from streaming.serializers import VideoPageSerializer, VideoSearchSerializer, VideoSerializer
from streaming.services import renditions
from streaming.views.media import send_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http.response import HttpResponseBase
    from rest_framework.parsers import BaseParser
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request

    from mam.accounts.models import User

VIEW = "catalog.view_library"
_HLS_TYPES = {"application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"}


def list_videos(user: User) -> QuerySet[MediaFile]:
    """What the short API is about."""
    return list_files(user=user).filter(kind=FileKind.VIDEO)


def described(files: list[MediaFile]) -> list[dict[str, Any]]:
    """Videos as JSON, with the addresses of their pictures: one query."""
    posters = selectors.poster_urls([file.pk for file in files])
    return [dict(VideoSerializer(file, context={"posters": posters}).data) for file in files]


class VideoListView(ListAPIView[MediaFile]):
    """GET /api/videos."""

    queryset = MediaFile.objects.none()
    serializer_class = VideoSerializer
    filterset_class = filters.FileFilter
    ordering: ClassVar = ["-id"]
    ordering_fields: ClassVar = {"id": "pk", "name": "name_key", "first_seen_at": "first_seen_at"}
    required_permissions: ClassVar = {"GET": VIEW}

    def get_queryset(self) -> QuerySet[MediaFile]:
        """What the user may see."""
        if getattr(self, "swagger_fake_view", False):  # drawing the schema: nobody asks
            return self.queryset
        return list_videos(cast("User", self.request.user))

    @extend_schema(operation_id="videos_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Videos, newest first unless `ordering` says otherwise."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(described(list(page or [])))


class VideoSearchView(APIView):
    """POST /api/videos/search."""

    required_permissions: ClassVar = {"POST": VIEW}

    @extend_schema(operation_id="videos_search", request=VideoSearchSerializer, responses=VideoPageSerializer)
    def post(self, request: Request) -> Response:
        """Videos that the search finds for `query`, newest first."""
        form = VideoSearchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        sent = dict(form.validated_data)
        cursor, limit = sent.pop("cursor") or None, sent.pop("limit")
        conditions = {name: value for name, value in sent.items() if value not in (None, "", [])}
        if "query" in conditions:
            conditions["q"] = conditions.pop("query")
        found = filters.FileFilter(conditions, queryset=list_videos(cast("User", request.user)))
        if not found.is_valid():
            raise ValidationError(found.errors)
        page = keyset_page(found.qs, ["-pk"], cursor, limit)
        return Response({"items": described(page.items), "next": page.next, "previous": page.previous})


class _AnyAccept(BaseContentNegotiation):
    """`Accept` is about the video; what is said in JSON, an error, is said to everybody."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """Nothing is sent."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first."""
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class VideoStreamView(APIView):
    """GET /api/videos/<id>/stream."""

    content_negotiation_class = _AnyAccept
    required_permissions: ClassVar = {"GET": selectors.PLAY_FILE}

    @extend_schema(
        operation_id="videos_stream",
        parameters=[OpenApiParameter("Range", str, OpenApiParameter.HEADER)],
        responses={
            (200, "video/mp4"): OpenApiTypes.BINARY,
            (206, "video/mp4"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="To the HLS playlist, or to the proxy MP4."),
        },
    )
    def get(self, request: Request, file_id: int, **_kwargs: Any) -> HttpResponseBase:
        """The video: its bytes by range where browsers play it as it lies, else its proxy MP4; HLS if `Accept` prefers it, or if there is
        nothing else.
        """
        viewer = viewer_of(request)
        file = selectors.get_playable_file(user=viewer.user, file_id=file_id)
        answer = playback.answer(file, viewer)
        wants_hls = _prefers_hls(request.headers.get("Accept", ""))
        hls = answer["url"] if answer["mode"] != PlaybackMode.DIRECT else answer["fallback_url"]
        if not wants_hls and answer["mode"] == PlaybackMode.DIRECT and answer["url"]:
            return async_to_sync(send_file)(request._request, file)
        if not wants_hls and (proxy := _proxy_address(file, viewer)):
            return HttpResponseRedirect(proxy)
        if hls:
            return HttpResponseRedirect(hls)
        raise NothingToPlayError


def _prefers_hls(accept: str) -> bool:
    """The first type that is asked for by name is a playlist. Players ask for one or the other, they do not weigh."""
    types = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    named = [name for name in types if name in _HLS_TYPES or name.startswith("video/")]
    return bool(named) and named[0] in _HLS_TYPES


def _proxy_address(file: MediaFile, viewer: playback.Viewer) -> str | None:
    """Where the proxy is; None without one. It is in use by that; one that was purged is made again, behind all other work."""
    row = Rendition.objects.filter(file=file, kind=RenditionKind.PROXY).first()
    if row is not None and row.state == RenditionState.PURGED:
        renditions.want(file=file, kind=RenditionKind.PROXY, priority=JobPriority.LOW)
    if row is None or row.state != RenditionState.READY or row.made_from != file.fingerprint:
        return None
    renditions.note_use(row)
    name = row.stored_objects.values_list("name", flat=True)[0]
    return f"{PREFIX}{tokens.issue(file, session_key=viewer.session_key).text}/o/{name}"
