"""REST: how a file is played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from streaming import playback, selectors
from streaming.decision import ClientSupport
from streaming.serializers import PlaybackSerializer

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
