"""How a file is played, and what was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.generics import get_object_or_404
from rest_framework.response import Response
from rest_framework.views import APIView

from mam.jobs.models import JobPriority
from streaming import playback, selectors
from streaming.decision import ClientSupport
from streaming.models import Rendition
from streaming.serializers import MakeRenditionSerializer, PlaybackSerializer, RenditionSerializer
from streaming.services import renditions
from streaming.services.renditions import MAKE_RENDITION

if TYPE_CHECKING:
    from rest_framework.request import Request

    from mam.accounts.models import User


def viewer_of(request: Request) -> playback.Viewer:
    """Who asks. Addresses are bound to the session of a browser; a program that came with a key or a token gets shared ones."""
    is_browser = isinstance(request.successful_authenticator, SessionAuthentication)
    session_key = request.session.session_key if is_browser else None
    client = ClientSupport(hevc=request.query_params.get("hevc") == "1")
    return playback.Viewer(cast("User", request.user), session_key, client)


class PlaybackView(APIView):
    """GET /api/v1/files/<id>/playback."""

    required_permissions: ClassVar = {"GET": selectors.PLAY_FILE}

    @extend_schema(
        operation_id="files_playback",
        parameters=[OpenApiParameter("hevc", str, enum=["1"], description="The player has an HEVC decoder.")],
        responses=PlaybackSerializer,
    )
    def get(self, request: Request, file_id: int, **_kwargs: Any) -> Response:
        """The decision, its reasons and the addresses to play from, bound to the session or, for programs, short-lived."""
        viewer = viewer_of(request)
        file = selectors.get_playable_file(user=viewer.user, file_id=file_id)
        parts = selectors.list_content_parts(user=viewer.user, file=file)
        _previous, following = selectors.find_neighbours(file, parts)
        return Response(playback.answer(file, viewer, following=following))


class RenditionListView(APIView):
    """GET, POST /api/v1/files/<id>/renditions."""

    required_permissions: ClassVar = {"GET": selectors.PLAY_FILE, "POST": MAKE_RENDITION}

    @extend_schema(operation_id="files_renditions_list", responses=RenditionSerializer(many=True))
    def get(self, request: Request, file_id: int, **_kwargs: Any) -> Response:
        """What was made of the file, or is to be made."""
        file = selectors.get_playable_file(user=cast("User", request.user), file_id=file_id)
        return Response(RenditionSerializer(selectors.list_renditions(file=file), many=True).data)

    @extend_schema(operation_id="files_renditions_make", request=MakeRenditionSerializer, responses={202: RenditionSerializer})
    def post(self, request: Request, file_id: int, **_kwargs: Any) -> Response:
        """Have one made by a job, which is in the answer. Nothing happens to one that is ready, unless `again`."""
        sent = MakeRenditionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        user = cast("User", request.user)
        file = selectors.get_playable_file(user=user, file_id=file_id)
        row = renditions.want(
            file=file, kind=sent.validated_data["kind"], priority=JobPriority.NORMAL, user=user, again=sent.validated_data["again"]
        )
        return Response(RenditionSerializer(row).data, status=202)


class RenditionView(APIView):
    """DELETE /api/v1/files/<id>/renditions/<kind>."""

    required_permissions: ClassVar = {"DELETE": MAKE_RENDITION}

    @extend_schema(operation_id="files_renditions_purge", responses={204: None})
    def delete(self, request: Request, file_id: int, kind: str, **_kwargs: Any) -> Response:
        """Delete its bytes. It is made again when somebody asks for it."""
        user = cast("User", request.user)
        file = selectors.get_playable_file(user=user, file_id=file_id)
        renditions.purge(rendition=get_object_or_404(Rendition, file=file, kind=kind), user=user)
        return Response(status=204)
