"""Which files a browser plays as they lie, and what the others are said to need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.choices import FileKind, Presence, ProbeState
from mam.lib import messages
from streaming.choices import PlaybackMode
from streaming.decision import FILES, NOW, ClientSupport, Decision, FileFacts, Stock, StreamFacts, choose, decide

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"


def video(codec: str = "h264", pixel_format: str = "yuv420p", profile: str = "High", field_order: str = "progressive") -> StreamFacts:
    return StreamFacts("video", codec, profile, pixel_format, field_order)


def audio(codec: str = "aac") -> StreamFacts:
    return StreamFacts("audio", codec)


def facts(container: str = MP4, extension: str = "mp4", *streams: StreamFacts, kind: str = FileKind.VIDEO, **more: Any) -> FileFacts:
    defaults: dict[str, Any] = {"presence": Presence.PRESENT, "probe_state": ProbeState.DONE}
    return FileFacts(kind=kind, container=container, extension=extension, streams=streams, **(defaults | more))


DIRECT = [
    (facts(MP4, "mp4", video(), audio()), "video/mp4"),
    (facts(MP4, "mov", video(), audio()), "video/mp4"),
    (facts(MP4, "MP4", video(pixel_format="yuvj420p"), audio()), "video/mp4"),
    (facts(MP4, "mp4", video()), "video/mp4"),
    (facts(MP4, "mp4", audio(), video()), "video/mp4"),
    (facts(MP4, "mp4", video(), audio("mp3")), "video/mp4"),
    (facts(MP4, "mp4", video("av1", "yuv420p10le", "Main"), audio("opus")), "video/mp4"),
    (facts(MP4, "mp4", video("vp9"), audio("flac")), "video/mp4"),
    (facts(MP4, "mp4", video(), StreamFacts("data", "tmcd"), audio()), "video/mp4"),
    (facts(MATROSKA, "webm", video("vp9", "yuv420p", "Profile 0"), audio("opus")), "video/webm"),
    (facts(MATROSKA, "webm", video("vp8", "yuv420p", "0"), audio("vorbis")), "video/webm"),
    (facts(MATROSKA, "webm", video("av1", "yuv420p", "Main")), "video/webm"),
    (facts(MP4, "m4a", audio(), kind=FileKind.AUDIO), "audio/mp4"),
    (facts(MP4, "m4a", audio(), StreamFacts("video", "mjpeg"), kind=FileKind.AUDIO), "audio/mp4"),
    (facts("mp3", "mp3", audio("mp3"), StreamFacts("video", "png"), kind=FileKind.AUDIO), "audio/mpeg"),
    (facts("wav", "wav", audio("pcm_s24le"), kind=FileKind.AUDIO), "audio/wav"),
    (facts("flac", "flac", audio("flac"), kind=FileKind.AUDIO), "audio/flac"),
    (facts("ogg", "opus", audio("opus"), kind=FileKind.AUDIO), "audio/ogg"),
    (facts("aac", "aac", audio("aac"), kind=FileKind.AUDIO), "audio/aac"),
]


@pytest.mark.parametrize(("file", "mime_type"), DIRECT, ids=[f"{f.extension}-{'+'.join(s.codec for s in f.streams)}" for f, _ in DIRECT])
def test_what_all_browsers_play_goes_straight_from_the_source(file: FileFacts, mime_type: str) -> None:
    assert decide(file) == Decision(PlaybackMode.DIRECT, mime_type)


REMUX = [
    facts(MATROSKA, "mkv", video(), audio()),
    facts(MATROSKA, "mkv", video()),
    facts(MATROSKA, "mkv", video(pixel_format="yuvj420p"), audio(), audio()),
    facts(MATROSKA, "mp4", video(), audio()),  # the name lies, the bytes count
    facts("mpegts", "ts", video(), audio()),
    facts("flv", "flv", video(), audio()),
]


@pytest.mark.parametrize("file", REMUX, ids=[f"{f.extension}-{'+'.join(s.codec for s in f.streams)}" for f in REMUX])
def test_where_only_the_container_stands_in_the_way_nothing_is_encoded(file: FileFacts) -> None:
    decision = decide(file)
    assert decision.mode is PlaybackMode.REMUX
    assert [reason.code for reason in decision.reasons] == ["playback_container"]


ENCODED = [
    (facts(MP4, "mov", video("prores", "yuv422p10le", "HQ"), audio("pcm_s16le")), ["playback_video_codec", "playback_audio_codec"]),
    (facts(MP4, "mp4", video(), audio("pcm_s16le")), ["playback_audio_codec"]),
    (facts(MP4, "mp4", video(), audio("ac3")), ["playback_audio_codec"]),
    (facts(MP4, "mp4", video(), audio("pcm_s16le"), audio("aac")), ["playback_audio_codec"]),
    (facts(MP4, "mp4", video(pixel_format="yuv422p"), audio()), ["playback_pixel_format"]),
    (facts(MP4, "mp4", video(pixel_format="yuv420p10le"), audio()), ["playback_pixel_format"]),
    (facts(MP4, "mp4", video(pixel_format=""), audio()), ["playback_pixel_format"]),
    (facts(MP4, "mp4", video("hevc", "yuv422p10le"), audio()), ["playback_pixel_format"]),
    (facts(MP4, "mp4", video("mpeg4", profile="Simple"), audio()), ["playback_video_codec"]),
    (facts(MP4, "mp4", video("vp8"), audio()), ["playback_video_codec"]),
    (facts(MATROSKA, "mkv", video("ffv1"), audio("flac")), ["playback_container", "playback_video_codec"]),
    (facts(MATROSKA, "mkv", video(), audio("ac3")), ["playback_container", "playback_audio_codec"]),
    (facts(MATROSKA, "mkv", video(), audio(), audio("ac3"), audio("ac3")), ["playback_container", "playback_audio_codec"]),
    (facts(MATROSKA, "mkv", video(), audio("opus")), ["playback_container"]),
    (facts(MATROSKA, "mkv", video(), audio(), rotation=90), ["playback_container"]),
    (facts(MATROSKA, "mkv", video(), audio(), has_unfit_gops=True), ["playback_container", "playback_gops"]),
    (facts(MATROSKA, "mkv", video("hevc"), audio()), ["playback_container", "playback_browser_codec"]),
    (facts(MATROSKA, "webm", video(), audio("opus")), ["playback_video_codec"]),
    (facts("mpegts", "ts", video(field_order="tt"), audio()), ["playback_container", "playback_interlaced"]),
    (
        facts("mxf", "mxf", video("mpeg2video", "yuv422p"), audio("pcm_s24le")),
        ["playback_container", "playback_video_codec", "playback_audio_codec"],
    ),
    (
        facts("avi", "avi", video("mjpeg", "yuvj420p"), audio("pcm_s16le")),
        ["playback_container", "playback_video_codec", "playback_audio_codec"],
    ),
    (facts("wav", "wav", audio("pcm_s32be"), kind=FileKind.AUDIO), ["playback_audio_codec"]),
    (facts(MP4, "m4a", audio("alac"), kind=FileKind.AUDIO), ["playback_audio_codec"]),
    (facts("ogg", "ogv", video("theora"), audio("vorbis")), ["playback_container", "playback_video_codec"]),
]


@pytest.mark.parametrize(("file", "codes"), ENCODED, ids=[f"{f.extension}-{'+'.join(s.codec for s in f.streams)}" for f, _ in ENCODED])
def test_what_browsers_do_not_play_says_every_reason(file: FileFacts, codes: list[str]) -> None:
    decision = decide(file)
    assert decision.mode is PlaybackMode.ON_DEMAND
    assert [reason.code for reason in decision.reasons] == codes


UNAVAILABLE: list[tuple[dict[str, str], str]] = [
    ({"presence": Presence.MISSING}, "playback_missing"),
    ({"presence": Presence.HELD}, "playback_held"),
    ({"presence": Presence.GROWING}, "playback_growing"),
    ({"probe_state": ProbeState.PENDING}, "playback_pending"),
    ({"probe_state": ProbeState.FAILED, "probe_reason": "truncated"}, "playback_unreadable"),
    ({"probe_state": ProbeState.FAILED, "probe_reason": "empty"}, "playback_empty"),
    ({"probe_state": ProbeState.NONE}, "playback_not_media"),
    ({"kind": FileKind.IMAGE}, "playback_not_media"),
    ({"presence": Presence.MISSING, "probe_state": ProbeState.FAILED}, "playback_missing"),  # what is gone comes first
]


@pytest.mark.parametrize(("state", "code"), UNAVAILABLE, ids=[code + "-" + "-".join(state) for state, code in UNAVAILABLE])
def test_what_is_not_there_or_not_understood_says_so(state: dict[str, str], code: str) -> None:
    decision = decide(facts(MP4, "mp4", video(), audio(), **state))
    assert (decision.mode, [reason.code for reason in decision.reasons]) == (PlaybackMode.UNAVAILABLE, [code])


def test_a_file_without_picture_and_sound_is_not_played() -> None:
    assert decide(facts(MP4, "mp4", StreamFacts("data", "tmcd"))).reasons[0].code == "playback_no_streams"


@pytest.mark.parametrize(("pixel_format", "type_"), [("yuv420p", "hvc1.1.6.L120.B0"), ("yuv420p10le", "hvc1.2.4.L120.B0")])
def test_hevc_is_for_the_browser_to_decide(pixel_format: str, type_: str) -> None:
    file = facts(MP4, "mp4", video("hevc", pixel_format, "Main"), audio())
    plain = decide(file)
    assert (plain.mode, plain.hevc_type) == (PlaybackMode.ON_DEMAND, f'video/mp4; codecs="{type_}"')
    assert [reason.code for reason in plain.reasons] == ["playback_browser_codec"]
    able = decide(file, ClientSupport(hevc=True))
    assert (able.mode, able.mime_type, able.reasons) == (PlaybackMode.DIRECT, plain.hevc_type, ())


@pytest.mark.parametrize("file", [facts(MATROSKA, "mkv", video("hevc"), audio()), facts(MP4, "mp4", video("hevc"), audio("ac3"))])
def test_a_browser_is_not_asked_for_hevc_that_it_could_not_play_all_the_same(file: FileFacts) -> None:
    assert decide(file).hevc_type == ""
    assert decide(file, ClientSupport(hevc=True)).mode is PlaybackMode.ON_DEMAND


@pytest.mark.parametrize(
    ("container", "extension", "label"),
    [(MATROSKA, "mkv", "MKV"), ("mxf", "mxf", "MXF"), ("mpegts", "ts", "MPEGTS"), (MATROSKA, "mp4", "MATROSKA")],
)
def test_a_container_is_called_what_people_call_it(container: str, extension: str, label: str) -> None:
    assert decide(facts(container, extension, video(), audio())).reasons[0].params == {"container": label}


def test_every_reason_has_a_text_that_its_parameters_fill() -> None:
    decisions = [decide(file) for file, _ in ENCODED] + [decide(facts(MP4, "mp4", video(), **state)) for state, _ in UNAVAILABLE]
    for reason in [reason for decision in decisions for reason in decision.reasons]:
        text = messages.render(reason.code, reason.params)
        assert text != reason.code
        assert "%(" not in text and "{" not in text


# --- the tables -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("has_stream", [True, False])
@pytest.mark.parametrize("is_online", [True, False])
@pytest.mark.parametrize("needs", [mode for mode in PlaybackMode if mode is not PlaybackMode.PREPARED])
def test_each_situation_is_in_exactly_one_row(needs: PlaybackMode, *, has_stream: bool, is_online: bool) -> None:
    fitting = [row for row in NOW if row.needs == needs and row.has_stream in (None, has_stream) and row.is_online in (None, is_online)]
    assert [row.mode for row in fitting] == [choose(needs, Stock(has_stream=has_stream, is_online=is_online))]


def test_whatever_was_prepared_plays_without_its_source() -> None:
    for needs in {row.needs for row in NOW}:
        assert choose(needs, Stock(has_stream=True, is_online=False)) is not PlaybackMode.UNAVAILABLE


def test_the_document_has_the_tables_of_the_code() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "streaming.md").read_text(encoding="utf-8")
    either = {None: "either", True: "yes", False: "no"}
    files = [f"| {number} | {row.when} | {row.mode.value} |" for number, row in enumerate(FILES, 1)]
    now = [f"| {row.needs.value} | {either[row.has_stream]} | {either[row.is_online]} | {row.mode.value} |" for row in NOW]
    for table in (files, now):
        assert "\n".join(table) in text
