"""The answer to "how do I play this file?": one shape for the page, the API and programs. Reads; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext

from catalog.choices import ProbeReason
from mam.lib import messages
from mam.templatetags.mam_format import format_codec
from streaming import encoding, selectors, tokens
from streaming.choices import PlaybackMode, RenditionKind, RenditionState
from streaming.decision import ClientSupport, Reason, Stock, choose
from streaming.delivery import LEFT, PREFIX
from streaming.languages import names_of
from streaming.models import Rendition, WatchPosition
from streaming.streams import get_stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from catalog.models import MediaFile
    from mam.accounts.models import User
    from streaming.decision import Decision
    from streaming.streams import Stream
    from streaming.tokens import Token

ON_DEMAND = "on_demand"  # query parameter of playlists: nothing that is prepared
HLS_TYPE = "application/vnd.apple.mpegurl"
_KINDS = [RenditionKind.HLS, RenditionKind.STORYBOARD, RenditionKind.WAVEFORM]
_STREAMED = {PlaybackMode.REMUX, PlaybackMode.PREPARED, PlaybackMode.ON_DEMAND}
_PENDING = {"playback_pending", "playback_growing"}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a user, in a browser session or (None) as a program, and what the browser plays."""

    user: User
    session_key: str | None
    client: ClientSupport = field(default_factory=ClientSupport)


@dataclass(frozen=True, slots=True)
class _Situation:
    """Everything the answer is made of, read once."""

    file: MediaFile
    decision: Decision
    stream: Stream
    renditions: dict[str, Rendition]
    token: Token
    mode: PlaybackMode

    @property
    def has_segments(self) -> bool:
        """There is something for a playlist to name."""
        return bool(self.stream.prepared) or (self.stream.is_online and self.stream.plan is not None)


def answer(file: MediaFile, viewer: Viewer, *, following: MediaFile | None = None) -> dict[str, Any]:
    """How `viewer` plays `file` (with folder and source) now; `following`: its next part. A fixed number of queries."""
    prefetch_related_objects([file], "streams")
    found = _look(file, viewer)
    state = _state(found)
    url = _url(found) if state == "ready" else ""
    reasons = found.decision.reasons
    if state == "offline":
        reasons = (*reasons, Reason("playback_offline"))
    return {
        "mode": found.mode.value,
        "state": state,
        "reasons": [*_shown(reasons), *_failure(found, state)],
        "url": url,
        "mime_type": (found.decision.mime_type if found.mode is PlaybackMode.DIRECT else HLS_TYPE) if url else "",
        "hevc_type": found.decision.hevc_type,
        "expires_at": found.token.expires_at.isoformat(),
        "fallback_url": _fallback(found) if url else None,
        "left_url": f"{PREFIX}{found.token.text}/{LEFT}" if url else None,
        "sounds": _sounds(found),
        "poster": selectors.poster_urls([file.pk])[file.pk],
        "storyboard": _storyboard(found),
        "waveform": _waveform(found),
        "chapters": file.chapters,
        **_time(found),
        "position_ms": _position_ms(file, viewer.user),
        "next": {"url": reverse("streaming:watch", args=[following.pk]), "title": str(following)} if following else None,
        "job": _job(found.renditions.get(RenditionKind.HLS)),
    }


def _look(file: MediaFile, viewer: Viewer) -> _Situation:
    decision = selectors.get_decision(file, viewer.client)
    stream = get_stream(file)
    has_stream = stream.is_playable and (stream.is_whole or not stream.is_online)
    rows = Rendition.objects.filter(file=file, kind__in=_KINDS).select_related("job").prefetch_related("stored_objects")
    return _Situation(
        file=file,
        decision=decision,
        stream=stream,
        renditions={row.kind: row for row in rows},
        token=tokens.issue(file, session_key=viewer.session_key),
        mode=choose(decision.mode, Stock(has_stream=has_stream, is_online=stream.is_online)),
    )


def _state(found: _Situation) -> str:
    if any(reason.code in _PENDING for reason in found.decision.reasons):
        return "pending"
    if found.mode is PlaybackMode.UNAVAILABLE:
        return "ready" if found.decision.mode is PlaybackMode.UNAVAILABLE else "offline"
    if found.mode is PlaybackMode.DIRECT or found.has_segments:
        return "ready"
    # Nothing can be cut on demand, of a file whose length nobody knows: it plays when it is prepared.
    hls = found.renditions.get(RenditionKind.HLS)
    is_given_up = hls is not None and hls.state == RenditionState.FAILED and hls.source_fingerprint == found.file.fingerprint
    return "failed" if is_given_up else "preparing"


def _url(found: _Situation) -> str:
    if found.mode is PlaybackMode.DIRECT:
        return reverse("streaming:media", args=[found.file.pk, found.file.name])
    return reverse("streaming:hls_main", args=[found.token.text]) if found.mode in _STREAMED else ""


def _fallback(found: _Situation) -> str | None:
    """Segments made on demand, for a player that finds the first choice broken."""
    if not found.stream.is_online or found.stream.plan is None or found.mode is PlaybackMode.ON_DEMAND:
        return None
    return f"{reverse('streaming:hls_main', args=[found.token.text])}?{ON_DEMAND}=1"


def _sounds(found: _Situation) -> list[str]:
    """Names of the sounds of a file that plays as it lies, of which a browser plays only the first: the others are in the fallback."""
    if found.mode is not PlaybackMode.DIRECT or _fallback(found) is None:
        return []
    facts = encoding.audio_facts(found.file)
    return names_of((sound.title, sound.language) for sound in facts) if len(facts) > 1 else []


def _shown(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    """Reasons in the reader's language, codecs by the names that people use."""
    return [{"code": reason.code, "message": reason_text(reason)} for reason in reasons]


# Parameters as people write them.
_SPELLING: dict[str, Callable[[str], str]] = {"codec": format_codec, "probe_reason": lambda value: str(ProbeReason(value).label)}


def reason_text(reason: Reason) -> str:
    """A reason in the reader's language."""
    params = {name: _SPELLING.get(name, str)(value) for name, value in reason.params.items()}
    return messages.render(reason.code, params, gettext)


def _failure(found: _Situation, state: str) -> list[dict[str, str]]:
    hls = found.renditions.get(RenditionKind.HLS)
    if state != "failed" or hls is None or not hls.error_code:
        return []
    return [{"code": hls.error_code, "message": messages.render(hls.error_code, hls.error_params, gettext)}]


def _storyboard(found: _Situation) -> dict[str, str] | None:
    row = found.renditions.get(RenditionKind.STORYBOARD)
    if row is None or row.made_from != found.file.fingerprint:
        return None
    return {"url": reverse("streaming:storyboard", args=[found.token.text])}


def _waveform(found: _Situation) -> dict[str, Any] | None:
    row = found.renditions.get(RenditionKind.WAVEFORM)
    stored = next(iter(row.stored_objects.all()), None) if row is not None else None
    if row is None or stored is None or row.made_from != found.file.fingerprint:
        return None
    return {"url": f"{PREFIX}{found.token.text}/o/{stored.name}"} | {name: row.details[name] for name in ("channels", "peaks", "peak_ms")}


def _time(found: _Situation) -> dict[str, Any]:
    """Rate and frames of what is played: a stream of a file with a variable rate has a constant one."""
    file = found.file
    picture = encoding.picture_facts(file)
    rate: Fraction | None = file.frame_rate if found.mode is PlaybackMode.DIRECT else (picture.rate if picture else None)
    frames = round(encoding.duration_of(file) * rate) if rate else 0
    return {
        "rate": {"num": rate.numerator, "den": rate.denominator} if rate else None,
        "start_timecode": file.start_timecode,
        "drop_frame": file.is_drop_frame,
        "duration_ms": file.duration_ms or 0,
        "frames": frames,
    }


def _position_ms(file: MediaFile, user: User) -> int:
    row = WatchPosition.objects.filter(user=user, file=file).values_list("position_ms", flat=True).first()
    return row or 0


def _job(row: Rendition | None) -> dict[str, Any] | None:
    if row is None or row.job is None or row.job.finished_at is not None:
        return None
    done, total = row.job.progress_done, row.job.progress_total
    return {"id": row.job.pk, "progress": min(1.0, done / total) if total else None}
