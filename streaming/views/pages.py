"""Pages that play: the watch page, the player as a panel of the file page, and what the player tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from catalog.errors import ObjectNotFoundError
from catalog.services.viewing import record_view
from streaming import playback, selectors
from streaming.choices import PlaybackMode
from streaming.forms import FaultForm, PositionForm
from streaming.ondemand.plan import plan_for
from streaming.ondemand.service import service as ondemand
from streaming.services import decisions, renditions, watching

if TYPE_CHECKING:
    from django.http import HttpRequest

    from catalog.models import MediaFile
    from mam.accounts.models import User


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What `streaming/_player.html` shows of a file. `playback`: the answer of the playback API."""

    file: MediaFile
    playback: dict[str, Any]

    @property
    def poster(self) -> str:
        """Address of its picture, or of a drawing in its place."""
        return str(self.playback["poster"])


@require_safe
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def watch(request: HttpRequest, file_id: int) -> HttpResponse:
    """GET /watch/<file_id>/[?t=timecode]: the player, and the way to the parts before and after."""
    user = cast("User", request.user)
    file = get_file(user, file_id)
    parts = selectors.list_content_parts(user=user, file=file)
    previous, following = selectors.find_neighbours(file, parts)
    posters = selectors.poster_urls({part.pk for part in parts})
    player = _player_state(request, file, following)
    if player.playback["mode"] == PlaybackMode.ON_DEMAND and (plan := plan_for(file)) is not None:
        ondemand().look_ahead(file, plan)  # while the browser fetches the player
    context = {
        "player": player,
        "file": file,
        "parts": [(part, posters[part.pk]) for part in parts] if len(parts) > 1 else [],
        "previous": previous,
        "following": following,
    }
    return render(request, "streaming/watch.html", context)


@require_safe
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def file_player(request: HttpRequest, file_id: int) -> HttpResponse:
    """The player alone, for the file page (settings.MAM_FILE_PANELS)."""
    file = get_file(cast("User", request.user), file_id)
    return render(request, "streaming/_player.html", {"player": _player_state(request, file, None), "is_panel": True})


@require_POST
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def viewed(request: HttpRequest, file_id: int) -> HttpResponse:
    """The player says that somebody looks at the file: it is analysed first, and prepared if it has to be."""
    user = cast("User", request.user)
    record_view(user=user, file_id=file_id)
    file = _find_file(user, file_id)
    if file is not None:
        kept = selectors.find_playback(file)
        decision = selectors.get_decision(file, kept=kept)
        decisions.keep_decision(file=file, decision=decision, kept=kept)
        decisions.prepare_viewed(file=file, needs=decision.mode)
        renditions.note_viewing(file=file)
    return HttpResponse(status=204)


@require_POST
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def position(request: HttpRequest, file_id: int) -> HttpResponse:
    """The player says where the viewer is: `position_ms`."""
    user = cast("User", request.user)
    form = PositionForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    watching.keep_position(user=user, file=get_file(user, file_id), position_ms=form.cleaned_data["position_ms"])
    return HttpResponse(status=204)


@require_POST
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def fault(request: HttpRequest, file_id: int) -> HttpResponse:
    """The player says what it could not play: `code`, `position_ms`, `detail`."""
    user = cast("User", request.user)
    form = FaultForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=400)
    browser = request.headers.get("User-Agent", "")[:200]
    watching.report_fault(user=user, file=get_file(user, file_id), browser=browser, **form.cleaned_data)
    return HttpResponse(status=204)


@require_POST
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def retry(request: HttpRequest, file_id: int) -> HttpResponse:
    """Have the stream of a file made again after it was given up: the viewer asks for it."""
    file = get_file(cast("User", request.user), file_id)
    decisions.retry_failed(file=file)
    return HttpResponse(status=204)


def _find_file(user: User, file_id: int) -> MediaFile | None:
    try:
        return selectors.get_playable_file(user=user, file_id=file_id)
    except ObjectNotFoundError:
        return None


def get_file(user: User, file_id: int) -> MediaFile:
    """A file that `user` may play; 404 for every other."""
    file = _find_file(user, file_id)
    if file is None:
        raise Http404
    return file


def _player_state(request: HttpRequest, file: MediaFile, following: MediaFile | None) -> PlayerState:
    viewer = playback.Viewer(cast("User", request.user), request.session.session_key)
    return PlayerState(file, playback.answer(file, viewer, following=following))
