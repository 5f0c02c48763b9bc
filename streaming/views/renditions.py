"""How a file is played and what was made of it: a panel of the file page; and the sums of the whole archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from catalog.choices import ProbeState
from mam.jobs.models import JobPriority, JobState
from mam.lib import messages
from streaming import effort, selectors
from streaming.choices import RenditionKind, RenditionState
from streaming.models import Rendition
from streaming.playback import reason_text
from streaming.services import renditions
from streaming.services.renditions import MAKE_RENDITION
from streaming.views.pages import get_file

if TYPE_CHECKING:
    from django.http import HttpRequest

    from catalog.models import MediaFile
    from mam.accounts.models import User
    from mam.jobs.models import Job

_TONES = {
    RenditionState.READY: ("success", "check"),
    RenditionState.WANTED: ("info", "clock"),
    RenditionState.FAILED: ("danger", "error"),
    RenditionState.PURGED: ("", "x"),
}
_TONES_OF_ENDED = {JobState.FAILED: ("danger", "error"), JobState.CANCELLED: ("", "x")}


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of rendition of a file, made or not."""

    kind: RenditionKind
    row: Rendition | None
    is_outdated: bool

    @property
    def look(self) -> tuple[str, str]:
        """Tone and icon of its state."""
        if self._ended:
            return _TONES_OF_ENDED[JobState(self._ended.state)]
        return _TONES[RenditionState(self.row.state)] if self.row else ("", "")

    @property
    def label(self) -> str:
        """Its state. What is wanted while its job has ended without it waits for somebody, or until it is tried again."""
        shown = self._ended or self.row
        return shown.get_state_display() if shown else ""

    @property
    def is_running(self) -> bool:
        """A job works on it, or will."""
        return bool(self._job and self._job.finished_at is None)

    @property
    def _job(self) -> Job | None:
        """The one that makes what is wanted, or was to make it."""
        return self.row.job if self.row and self.row.state == RenditionState.WANTED else None

    @property
    def _ended(self) -> Job | None:
        return self._job if self._job and self._job.state in _TONES_OF_ENDED else None

    @property
    def can_be_purged(self) -> bool:
        """There are bytes to delete."""
        return bool(self.row and self.row.size_bytes)

    @property
    def error(self) -> str:
        """Why it could not be made, in the reader's language."""
        return messages.render(self.row.error_code, self.row.error_params, gettext) if self.row and self.row.error_code else ""


@require_safe
@permission_required(selectors.PLAY_FILE, raise_exception=True)
def file_renditions(request: HttpRequest, file_id: int) -> HttpResponse:
    """The panel (settings.MAM_FILE_PANELS)."""
    return _panel(request, get_file(cast("User", request.user), file_id))


@require_POST
@permission_required(MAKE_RENDITION, raise_exception=True)
def make(request: HttpRequest, file_id: int, kind: str) -> HttpResponse:
    """Have a kind made, also again, before the work that nobody waits for."""
    user = cast("User", request.user)
    file = get_file(user, file_id)
    if kind not in RenditionKind.values:
        raise Http404
    renditions.want(file=file, kind=kind, priority=JobPriority.HIGH, user=user, again=True)
    return _answer(request, file)


@require_POST
@permission_required(MAKE_RENDITION, raise_exception=True)
def purge(request: HttpRequest, file_id: int, kind: str) -> HttpResponse:
    """Delete the bytes of a kind."""
    user = cast("User", request.user)
    file = get_file(user, file_id)
    renditions.purge(rendition=get_object_or_404(Rendition, file=file, kind=kind), user=user)
    return _answer(request, file)


@require_safe
@permission_required(MAKE_RENDITION, raise_exception=True)
def effort_page(request: HttpRequest) -> HttpResponse:
    """GET /renditions/effort/: core-hours spent and saved."""
    return render(request, "streaming/effort.html", {"effort": effort.get_effort()})


def _answer(request: HttpRequest, file: MediaFile) -> HttpResponse:
    """The panel for htmx, the file page for everybody else."""
    if request.headers.get("HX-Request"):
        return _panel(request, file)
    return redirect(reverse("catalog:file_detail", args=[file.pk]))


def _panel(request: HttpRequest, file: MediaFile) -> HttpResponse:
    decision = selectors.get_decision(file)
    made = {row.kind: row for row in selectors.list_renditions(file=file)}
    rows = [
        KindRow(kind, made.get(kind), is_outdated=bool(kind in made and made[kind].made_from not in ("", file.fingerprint)))
        for kind in RenditionKind
    ]
    context = {
        "file": file,
        "mode": decision.mode,
        "reasons": [reason_text(reason) for reason in decision.reasons],
        "rows": rows,
        "may_make": request.user.has_perm(MAKE_RENDITION),
        "can_be_made": file.probe_state == ProbeState.DONE,
        "is_running": any(row.is_running for row in rows),
    }
    return render(request, "streaming/_renditions.html", context)
