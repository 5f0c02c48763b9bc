"""How a file is played, and why not more cheaply. Pure: facts in, decision and coded reasons out.

Two tables, both in docs/streaming.md (a test compares). `FILES`: what a file needs, for a client; the first row that fits decides.
`NOW`: what becomes of that with what there is at the moment. What browsers play is what Chromium, Firefox and Safari share; HEVC
depends on the machine, so the browser is asked (`Decision.hevc_type` for `canPlayType`) and says it with `ClientSupport`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from catalog.choices import FileKind, Presence, ProbeReason, ProbeState, StreamKind
from mam.lib import messages
from mam.lib.errors import gettext_noop
from streaming.choices import PlaybackMode


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a code of `mam.lib.messages` and its parameters; `codec` in them is FFmpeg's name."""

    code: str
    params: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a file needs to be played by a client. `mode` is never PREPARED: that something was made is no property of the file."""

    mode: PlaybackMode
    mime_type: str = ""  # DIRECT: what the bytes are served as
    reasons: tuple[Reason, ...] = ()  # everything that keeps it from being DIRECT
    hevc_type: str = ""  # it would be DIRECT for a client whose `canPlayType` takes this


@dataclass(frozen=True, slots=True)
class ClientSupport:
    """What a browser is known to play beyond what all of them do."""

    hevc: bool = False


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What the probe found out about one stream, in FFmpeg's words."""

    kind: str
    codec: str
    profile: str = ""
    pixel_format: str = ""
    field_order: str = ""


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
    rotation: int = 0  # degrees
    has_unfit_gops: bool = False  # found when it was to be cut into segments; the probe does not look


messages.register(
    {
        "playback_missing": gettext_noop("The file is no longer on its source."),
        "playback_held": gettext_noop(
            "The file has vanished from its source together with many others. An administrator decides what that means."
        ),
        "playback_growing": gettext_noop("The file is still being written. It can be played when it has been complete for a moment."),
        "playback_pending": gettext_noop("The file has not been analysed yet. It is at the front of the queue now."),
        "playback_empty": gettext_noop("The file is empty."),
        "playback_unreadable": gettext_noop("%(probe_reason)s So it cannot be played."),
        "playback_not_media": gettext_noop("This is neither a video nor an audio file."),
        "playback_no_streams": gettext_noop("The file holds neither picture nor sound."),
        "playback_container": gettext_noop("Browsers do not open the container “%(container)s”."),
        "playback_video_codec": gettext_noop("Browsers do not play the video codec %(codec)s."),
        "playback_audio_codec": gettext_noop("Browsers do not play the audio codec %(codec)s."),
        "playback_pixel_format": gettext_noop("Browsers do not play %(codec)s with the pixel format %(pixel_format)s."),
        "playback_browser_codec": gettext_noop("This browser does not play the video codec %(codec)s on this machine."),
        "playback_interlaced": gettext_noop("The picture is interlaced: it has to be deinterlaced when its container is changed."),
        "playback_gops": gettext_noop("The keyframes are irregular or too far apart for cutting the picture into segments as it is."),
        "playback_offline": gettext_noop("The source does not answer at the moment, and nothing of this file has been prepared."),
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


@dataclass(frozen=True, slots=True)
class _Case:
    """A file and a client, looked at once. `unavailable`: why there is nothing to play at all; `obstacles`: why not DIRECT."""

    facts: FileFacts
    video: StreamFacts | None
    audios: tuple[StreamFacts, ...]
    container: _Container | None
    unavailable: Reason | None
    obstacles: tuple[Reason, ...]
    lacks_hevc: bool  # HEVC is the one thing in the way

    @property
    def is_copyable(self) -> bool:
        """H.264 and AAC that every browser decodes, upright and progressive: a change of container makes it HLS."""
        video = self.video
        if video is None or video.codec != "h264" or video.pixel_format not in _EIGHT_BIT_420:
            return False
        is_plain = video.field_order in ("", "progressive") and not self.facts.rotation and not self.facts.has_unfit_gops
        return is_plain and all(audio.codec == "aac" for audio in self.audios)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of the first table: `when` as the document says it."""

    when: str
    fits: Callable[[_Case], bool]
    mode: PlaybackMode


FILES: tuple[FileRow, ...] = (
    FileRow(
        "gone, still being written, not analysed, not readable, or neither picture nor sound",
        lambda case: case.unavailable is not None,
        PlaybackMode.UNAVAILABLE,
    ),
    FileRow(
        "container, codecs and pixel format that every browser plays; HEVC only for a client that says it plays it",
        lambda case: not case.obstacles,
        PlaybackMode.DIRECT,
    ),
    FileRow(
        "H.264 (8 bit, 4:2:0, progressive, upright, regular closed GOPs) and no sound but AAC, in a container that browsers do not open",
        lambda case: case.is_copyable,
        PlaybackMode.REMUX,
    ),
    FileRow("everything else", lambda case: True, PlaybackMode.ON_DEMAND),
)


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is at the moment, besides the file's facts."""

    has_stream: bool  # an HLS rendition of the present version lies in the store
    is_online: bool  # the source answers


@dataclass(frozen=True, slots=True)
class NowRow:
    """A row of the second table; None fits either way."""

    needs: PlaybackMode
    has_stream: bool | None
    is_online: bool | None
    mode: PlaybackMode


NOW: tuple[NowRow, ...] = (
    NowRow(PlaybackMode.DIRECT, None, True, PlaybackMode.DIRECT),
    NowRow(PlaybackMode.DIRECT, True, False, PlaybackMode.PREPARED),
    NowRow(PlaybackMode.DIRECT, False, False, PlaybackMode.UNAVAILABLE),
    NowRow(PlaybackMode.REMUX, True, None, PlaybackMode.REMUX),
    NowRow(PlaybackMode.REMUX, False, True, PlaybackMode.ON_DEMAND),
    NowRow(PlaybackMode.REMUX, False, False, PlaybackMode.UNAVAILABLE),
    NowRow(PlaybackMode.ON_DEMAND, True, None, PlaybackMode.PREPARED),
    NowRow(PlaybackMode.ON_DEMAND, False, True, PlaybackMode.ON_DEMAND),
    NowRow(PlaybackMode.ON_DEMAND, False, False, PlaybackMode.UNAVAILABLE),
    NowRow(PlaybackMode.UNAVAILABLE, True, None, PlaybackMode.PREPARED),
    NowRow(PlaybackMode.UNAVAILABLE, False, None, PlaybackMode.UNAVAILABLE),
)


def decide(facts: FileFacts, client: ClientSupport | None = None) -> Decision:
    """What `facts` need for `client` (None: one of which nothing is known). Every reason is given, not only the first."""
    case = _look_at(facts, client or ClientSupport())
    mode = next(row.mode for row in FILES if row.fits(case))
    if mode is PlaybackMode.UNAVAILABLE:
        return Decision(mode, reasons=(case.unavailable,) if case.unavailable else ())
    hevc_type = _hevc_type(case)
    if mode is PlaybackMode.DIRECT:
        return Decision(mode, hevc_type or _plain_type(case), hevc_type=hevc_type)
    return Decision(mode, reasons=case.obstacles, hevc_type=hevc_type if case.lacks_hevc else "")


def choose(needs: PlaybackMode, stock: Stock) -> PlaybackMode:
    """How a file that `needs` this is played now."""
    return next(
        row.mode
        for row in NOW
        if row.needs == needs and row.has_stream in (None, stock.has_stream) and row.is_online in (None, stock.is_online)
    )


def is_copyable(facts: FileFacts) -> bool:
    """Whether a change of container makes HLS of it, also where it plays as it lies."""
    return _look_at(facts, ClientSupport()).is_copyable


def container_label(facts: FileFacts) -> str:
    """What people call the container: the file's extension where FFmpeg knows the family by many names."""
    names = facts.container.split(",")
    if len(names) == 1:
        return names[0].upper()
    return (facts.extension if facts.extension in {*names, "mkv", "mka", "m4v"} else names[0]).upper()


def _look_at(facts: FileFacts, client: ClientSupport) -> _Case:
    audios = tuple(stream for stream in facts.streams if stream.kind == StreamKind.AUDIO)
    video = next((stream for stream in facts.streams if stream.kind == StreamKind.VIDEO), None)  # a browser takes the first of its kind
    if video is not None and audios and facts.kind == FileKind.AUDIO and video.codec in _COVER_CODECS:
        video = None
    container = _container(facts)
    if video is not None and container is not None and not container.video:
        container = None
    unavailable = _unavailable(facts)
    if unavailable is None and video is None and not audios:
        unavailable = Reason("playback_no_streams")
    general = _obstacles(facts, video, audios, container)
    is_hevc = video is not None and video.codec == "hevc" and not any(reason.code == "playback_pixel_format" for reason in general)
    hevc = (Reason("playback_browser_codec", {"codec": "hevc"}),) if is_hevc and not client.hevc else ()
    return _Case(
        facts=facts,
        video=video,
        audios=audios,
        container=container,
        unavailable=unavailable,
        obstacles=(*general, *hevc),
        lacks_hevc=bool(hevc) and not general,
    )


def _unavailable(facts: FileFacts) -> Reason | None:
    by_presence = {Presence.MISSING: "playback_missing", Presence.HELD: "playback_held", Presence.GROWING: "playback_growing"}
    if facts.presence in by_presence:
        return Reason(by_presence[Presence(facts.presence)])
    if facts.probe_state == ProbeState.PENDING:
        return Reason("playback_pending")
    if facts.probe_state == ProbeState.FAILED:
        why = facts.probe_reason or ProbeReason.UNREADABLE
        return Reason("playback_empty") if why == ProbeReason.EMPTY else Reason("playback_unreadable", {"probe_reason": why})
    if facts.probe_state != ProbeState.DONE or facts.kind not in {FileKind.VIDEO, FileKind.AUDIO}:
        return Reason("playback_not_media")
    return None


def _container(facts: FileFacts) -> _Container | None:
    names = facts.container.split(",")
    if "mp4" in names:
        return _MP4
    if "webm" in names:  # the demuxer is one for Matroska and WebM; only what calls itself WebM is opened everywhere
        return _WEBM if facts.extension in {"webm", "weba"} else None
    return _AUDIO_ONLY.get(facts.container)


def _obstacles(
    facts: FileFacts, video: StreamFacts | None, audios: tuple[StreamFacts, ...], container: _Container | None
) -> tuple[Reason, ...]:
    """What no browser plays of these streams: in this container, or in any (None), for which every sound is brought over."""
    reasons = [] if container is not None else [Reason("playback_container", {"container": container_label(facts)})]
    if video is not None:
        reasons += _obstacles_of_picture(video, container)
    playable = container.audio if container is not None else _MP4.audio | _WEBM.audio
    if container is None and facts.has_unfit_gops:
        reasons.append(Reason("playback_gops"))
    heard = audios[:1] if container is not None else audios
    codecs = dict.fromkeys(audio.codec for audio in heard if audio.codec not in playable)
    return (*reasons, *(Reason("playback_audio_codec", {"codec": codec}) for codec in codecs))


def _obstacles_of_picture(video: StreamFacts, container: _Container | None) -> Iterable[Reason]:
    allowed = container.video if container is not None else _PIXEL_FORMATS.keys()
    if video.codec not in allowed:
        yield Reason("playback_video_codec", {"codec": video.codec})
    elif video.pixel_format not in _PIXEL_FORMATS[video.codec]:
        yield Reason("playback_pixel_format", {"codec": video.codec, "pixel_format": video.pixel_format or "?"})
    elif container is None and video.codec == "h264" and video.field_order not in ("", "progressive"):
        yield Reason("playback_interlaced")


def _plain_type(case: _Case) -> str:
    container = case.container or _MP4
    return container.video_type if case.video is not None else container.audio_type


def _hevc_type(case: _Case) -> str:
    """RFC 6381 type of Main (8 bit) or Main 10 at level 4.0: what decoders answer differs by profile, hardly by level."""
    if case.video is None or case.video.codec != "hevc" or case.container is None:
        return ""
    profile = "hvc1.2.4.L120.B0" if case.video.pixel_format in _TEN_BIT_420 else "hvc1.1.6.L120.B0"
    return f'{case.container.video_type}; codecs="{profile}"'
