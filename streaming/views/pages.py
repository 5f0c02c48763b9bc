"""Pages that play: the watch page, and the player as a panel of the file page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from catalog.errors import ObjectNotFoundError
from catalog.services.viewing import record_view
from mam.lib import messages
from mam.templatetags.mam_format import format_codec
from streaming import selectors
from streaming.decision import Decision, Mode

if TYPE_CHECKING:
    from django.http import HttpRequest

    from catalog.models import MediaFile
    from mam.accounts.models import User


@dataclass(frozen=True, slots=True)
class PlayerState:
    """What `streaming/_player.html` shows of a file."""

    file: MediaFile
    decision: Decision
    reasons: list[str]
    poster: str
    start_s: float | None  # None: where the viewer left off

    @property
    def has_poster(self) -> bool:
        """`poster` is a picture of the film, not a drawing in its place."""
        return "?v=" in self.poster

    @property
    def is_playable(self) -> bool:
        """There is a video element; whether it plays may still be for the browser to say."""
        return self.decision.mode in {Mode.DIRECT, Mode.ASK_BROWSER}

    @property
    def needs_hls(self) -> bool:
        """The file is fine, but no browser plays it as it lies."""
        return self.decision.mode is Mode.NEEDS_HLS

    @property
    def is_pending(self) -> bool:
        """Analysis is still to come; looking at the page moves it to the front."""
        return any(reason.code == "playback_pending" for reason in self.decision.reasons)


@require_safe
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def watch(request: HttpRequest, file_id: int) -> HttpResponse:
    """GET /watch/<file_id>/[?t=seconds]: the player, and the way to the parts before and after."""
    user = cast("User", request.user)
    file = _get_file(user, file_id)
    parts = selectors.list_content_parts(user=user, file=file)
    previous, following = selectors.find_neighbours(file, parts)
    posters = selectors.poster_urls({file.pk, *(part.pk for part in parts)})
    context = {
        "player": _player_state(file, posters[file.pk], request.GET.get("t", "")),
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
    file = _get_file(cast("User", request.user), file_id)
    poster = selectors.poster_urls([file.pk])[file.pk]
    context = {"player": _player_state(file, poster, request.GET.get("t", "")), "is_panel": True}
    return render(request, "streaming/_player.html", context)


@require_POST
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def viewed(request: HttpRequest, file_id: int) -> HttpResponse:
    """The player says that somebody looks at the file."""
    record_view(user=cast("User", request.user), file_id=file_id)
    return HttpResponse(status=204)


def _get_file(user: User, file_id: int) -> MediaFile:
    try:
        return selectors.get_playable_file(user=user, file_id=file_id)
    except ObjectNotFoundError as error:
        raise Http404 from error


def _player_state(file: MediaFile, poster: str, start: str) -> PlayerState:
    decision = selectors.get_decision(file)
    reasons = [
        messages.render(reason.code, {name: _shown(name, value) for name, value in reason.params.items()}, gettext)
        for reason in decision.reasons
    ]
    return PlayerState(file=file, decision=decision, reasons=reasons, poster=poster, start_s=_seconds(start))


def _shown(name: str, value: str) -> str:
    return format_codec(value) if name == "codec" else value


def _seconds(text: str) -> float | None:
    """`?t=` in seconds; None for none and for what is no moment."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
