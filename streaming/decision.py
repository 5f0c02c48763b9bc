"""May a browser play this file as it lies, or what does it need first? Pure: facts in, decision and coded reasons out.

What browsers play is taken from the sets that Chromium, Firefox and Safari share; HEVC depends on the machine, so for it the page
asks the browser itself (`Mode.ASK_BROWSER`, `mime_type` for `canPlayType`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from catalog.choices import FileKind, Presence, ProbeState, StreamKind
from mam.lib import messages
from mam.lib.errors import gettext_noop


class Mode(StrEnum):
    DIRECT = "direct"  # every current browser plays it from the source
    ASK_BROWSER = "ask_browser"  # some do: `canPlayType(mime_type)` decides
    NEEDS_HLS = "needs_hls"  # readable, but not by a browser
    UNAVAILABLE = "unavailable"  # there is nothing to play now


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a code of `mam.lib.messages` and its parameters; `codec` in them is FFmpeg's name."""

    code: str
    params: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    mode: Mode
    mime_type: str = ""  # what the bytes are served as; with codecs where the browser is asked
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What the probe found out about one stream, in FFmpeg's words."""

    kind: str
    codec: str
    profile: str = ""
    pixel_format: str = ""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the catalog knows about a file. `container` is FFmpeg's demuxer name, `probe_reason` a ProbeReason value."""

    kind: str
    presence: str
    probe_state: str
    container: str
    extension: str
    streams: Sequence[StreamFacts] = ()
    probe_reason: str = ""


messages.register(
    {
        "playback_missing": gettext_noop("The file is no longer on its source."),
        "playback_held": gettext_noop(
            "The file has vanished from its source together with many others. An administrator decides what that means."
        ),
        "playback_growing": gettext_noop("The file is still being written. It can be played when it has been complete for a moment."),
        "playback_pending": gettext_noop("The file has not been analysed yet. It is at the front of the queue now."),
        "playback_empty": gettext_noop("The file is empty."),
        "playback_unreadable": gettext_noop("The file could not be analysed, so it cannot be played."),
        "playback_not_media": gettext_noop("This is neither a video nor an audio file."),
        "playback_no_streams": gettext_noop("The file holds neither picture nor sound."),
        "playback_container": gettext_noop("Browsers do not open the container “%(container)s”."),
        "playback_video_codec": gettext_noop("Browsers do not play the video codec %(codec)s."),
        "playback_audio_codec": gettext_noop("Browsers do not play the audio codec %(codec)s."),
        "playback_pixel_format": gettext_noop("Browsers do not play %(codec)s with the pixel format %(pixel_format)s."),
        "playback_browser_codec": gettext_noop("This browser does not play the video codec %(codec)s on this machine."),
    }
)


@dataclass(frozen=True, slots=True)
class _Container:
    """A container that browsers open, and the codecs they play in it."""

    video: frozenset[str]
    audio: frozenset[str]
    video_type: str
    audio_type: str


_EIGHT_BIT_420 = frozenset({"yuv420p", "yuvj420p", "nv12"})
_TEN_BIT_420 = frozenset({"yuv420p10le", "p010le"})
# Codec -> pixel formats that software decoders of all browsers take. H.264 in 4:2:2 or 10 bit (every camera) is not among them.
_PIXEL_FORMATS: dict[str, frozenset[str]] = {
    "h264": _EIGHT_BIT_420,
    "hevc": _EIGHT_BIT_420 | _TEN_BIT_420,
    "vp8": _EIGHT_BIT_420 | {"yuva420p"},
    "vp9": _EIGHT_BIT_420 | _TEN_BIT_420 | {"yuva420p"},
    "av1": _EIGHT_BIT_420 | _TEN_BIT_420,
}
_ASKED = {"hevc"}
_MP4 = _Container(frozenset({"h264", "hevc", "vp9", "av1"}), frozenset({"aac", "mp3", "opus", "flac"}), "video/mp4", "audio/mp4")
_WEBM = _Container(frozenset({"vp8", "vp9", "av1"}), frozenset({"opus", "vorbis"}), "video/webm", "audio/webm")
_AUDIO_ONLY = {
    "mp3": _Container(frozenset(), frozenset({"mp3"}), "", "audio/mpeg"),
    "aac": _Container(frozenset(), frozenset({"aac"}), "", "audio/aac"),
    "flac": _Container(frozenset(), frozenset({"flac"}), "", "audio/flac"),
    "ogg": _Container(frozenset(), frozenset({"vorbis", "opus", "flac"}), "", "audio/ogg"),
    "wav": _Container(frozenset(), frozenset({"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le"}), "", "audio/wav"),
}
_COVER_CODECS = {"mjpeg", "png", "bmp"}  # a picture attached to an audio file is no video


def decide(facts: FileFacts) -> Decision:
    """How `facts` can be played. Reasons are complete: every one that stands in the way, not only the first."""
    unavailable = _unavailable(facts)
    if unavailable is not None:
        return Decision(Mode.UNAVAILABLE, reasons=(unavailable,))
    video = _first(StreamKind.VIDEO, facts.streams)
    audio = _first(StreamKind.AUDIO, facts.streams)
    if video is not None and audio is not None and facts.kind == FileKind.AUDIO and video.codec in _COVER_CODECS:
        video = None
    if video is None and audio is None:
        return Decision(Mode.UNAVAILABLE, reasons=(Reason("playback_no_streams"),))
    container = _container(facts)
    if container is None or (video is not None and not container.video):
        reasons = [Reason("playback_container", {"container": container_label(facts)}), *_codec_reasons(video, audio, None)]
        return Decision(Mode.NEEDS_HLS, reasons=tuple(reasons))
    blocking = _codec_reasons(video, audio, container)
    if blocking:
        return Decision(Mode.NEEDS_HLS, reasons=tuple(blocking))
    if video is not None and video.codec in _ASKED:
        reason = Reason("playback_browser_codec", {"codec": video.codec})
        return Decision(Mode.ASK_BROWSER, _hevc_type(container, video), (reason,))
    return Decision(Mode.DIRECT, container.video_type if video is not None else container.audio_type)


def container_label(facts: FileFacts) -> str:
    """What people call the container: the file's extension where FFmpeg knows the family by many names."""
    names = facts.container.split(",")
    if len(names) == 1:
        return names[0].upper()
    return (facts.extension if facts.extension in {*names, "mkv", "mka", "m4v"} else names[0]).upper()


def _unavailable(facts: FileFacts) -> Reason | None:
    by_presence = {Presence.MISSING: "playback_missing", Presence.HELD: "playback_held", Presence.GROWING: "playback_growing"}
    if facts.presence in by_presence:
        return Reason(by_presence[Presence(facts.presence)])
    if facts.probe_state == ProbeState.PENDING:
        return Reason("playback_pending")
    if facts.probe_state == ProbeState.FAILED:
        return Reason("playback_empty" if facts.probe_reason == "empty" else "playback_unreadable")
    if facts.probe_state != ProbeState.DONE or facts.kind not in {FileKind.VIDEO, FileKind.AUDIO}:
        return Reason("playback_not_media")
    return None


def _first(kind: StreamKind, streams: Iterable[StreamFacts]) -> StreamFacts | None:
    """The stream a browser would take: the first of its kind."""
    return next((stream for stream in streams if stream.kind == kind), None)


def _container(facts: FileFacts) -> _Container | None:
    names = facts.container.split(",")
    if "mp4" in names:
        return _MP4
    if "webm" in names:  # the demuxer is one for Matroska and WebM; only what calls itself WebM is opened everywhere
        return _WEBM if facts.extension in {"webm", "weba"} else None
    return _AUDIO_ONLY.get(facts.container)


def _codec_reasons(video: StreamFacts | None, audio: StreamFacts | None, container: _Container | None) -> list[Reason]:
    """What no browser plays of these streams: in this container, or in any (None)."""
    reasons = []
    if video is not None:
        allowed = container.video if container is not None else _PIXEL_FORMATS.keys()
        if video.codec not in allowed:
            reasons.append(Reason("playback_video_codec", {"codec": video.codec}))
        elif video.pixel_format not in _PIXEL_FORMATS[video.codec]:
            params = {"codec": video.codec, "pixel_format": video.pixel_format or "?"}
            reasons.append(Reason("playback_pixel_format", params))
    if audio is not None:
        playable = container.audio if container is not None else _MP4.audio | _WEBM.audio
        if audio.codec not in playable:
            reasons.append(Reason("playback_audio_codec", {"codec": audio.codec}))
    return reasons


def _hevc_type(container: _Container, video: StreamFacts) -> str:
    """RFC 6381 type of Main (8 bit) or Main 10 at level 4.0: what decoders answer differs by profile, hardly by level."""
    profile = "hvc1.2.4.L120.B0" if video.pixel_format in _TEN_BIT_420 else "hvc1.1.6.L120.B0"
    return f'{container.video_type}; codecs="{profile}"'
