"""Every field of a description against what `ffprobe` says of the same file with full access."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from mam.lib.media import Chapter, Description, Kind, LocalFile, ProbeOutcome, Reason, Stream
from mam.lib.media.ffprobe import description_of
from tests.media import RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from mam.lib.media import MediaWorkers
    from tests.media import ClipLibrary

# Another FFmpeg wrote ours: 5.1 counts a fragmented file's average rate with its edit list, and gives raw MPEG a bit rate.
SAME_TEXTS = ("codec", "pixel_format", "language", "title", "color_primaries", "color_transfer", "color_space", "color_range")


def probe(workers: MediaWorkers, path: Path) -> ProbeOutcome:
    with LocalFile(path) as file:
        return workers.probe(file, name=path.name)


def described(workers: MediaWorkers, path: Path) -> Description:
    outcome = probe(workers, path)
    assert outcome.ok, outcome
    assert outcome.description is not None
    return outcome.description


def ffprobe(path: Path) -> Description:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    return description_of(found, size_bytes=path.stat().st_size)


@pytest.mark.parametrize("name", RECIPES)
def test_agrees_with_ffprobe(name: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    ours, theirs = described(media_workers, clips[name]), ffprobe(clips[name])
    assert ours.container == theirs.container
    assert ours.size_bytes == theirs.size_bytes
    assert ours.rotation == theirs.rotation
    assert ours.chapters == theirs.chapters
    assert ours.recorded_at == theirs.recorded_at
    assert (ours.start_timecode, ours.is_drop_frame) == (theirs.start_timecode, theirs.is_drop_frame)
    assert ours.duration is not None and theirs.duration is not None
    assert abs(ours.duration - theirs.duration) <= Fraction(1, 20)
    assert ours.bit_rate_bps == pytest.approx(theirs.bit_rate_bps, rel=0.02)
    assert len(ours.streams) == len(theirs.streams)
    for one, other in zip(ours.streams, theirs.streams, strict=True):
        agree(one, other)


def agree(ours: Stream, theirs: Stream) -> None:
    assert (ours.index, ours.kind, ours.is_default) == (theirs.index, theirs.kind, theirs.is_default)
    assert [getattr(ours, name) for name in SAME_TEXTS] == [getattr(theirs, name) for name in SAME_TEXTS]
    assert (ours.width_px, ours.height_px, ours.sample_aspect) == (theirs.width_px, theirs.height_px, theirs.sample_aspect)
    assert (ours.channels, ours.sample_rate_hz) == (theirs.channels, theirs.sample_rate_hz)
    if ours.profile and theirs.profile and ours.kind is Kind.VIDEO:
        assert ours.profile == theirs.profile
    if theirs.field_order:
        assert ours.field_order == theirs.field_order
    if ours.frame_rate or theirs.frame_rate:
        assert float(ours.frame_rate or 0) == pytest.approx(float(theirs.frame_rate or 0), rel=0.03)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("film.mkv", Fraction(24000, 1001)),
        ("rate_25.mp4", Fraction(25)),
        ("prores_df.mov", Fraction(30000, 1001)),
        ("rate_5994.mp4", Fraction(60000, 1001)),
        ("op1a.mxf", Fraction(25)),
        ("h264.ts", Fraction(25)),
        ("fragmented.mp4", Fraction(25)),
        ("interlaced.mpg", Fraction(25)),
    ],
)
def test_frame_rates_are_exact(name: str, rate: Fraction, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    video = described(media_workers, clips[name]).first(Kind.VIDEO)
    assert video is not None
    assert video.frame_rate == rate


def test_a_variable_rate_is_the_average(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    video = described(media_workers, clips["variable.mp4"]).first(Kind.VIDEO)
    assert video is not None and video.frame_rate is not None
    assert 8 < video.frame_rate < 24


def test_durations_are_ticks_of_the_longest_stream(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    description = described(media_workers, clips["prores_df.mov"])
    assert (description.duration_ticks, description.duration_base) == (120120, Fraction(1, 30000))
    assert description.duration_ms == 4004


@pytest.mark.parametrize(
    ("name", "label", "is_drop_frame"), [("prores_df.mov", "01:00:00;02", True), ("prores_ndf.mov", "01:00:00:02", False)]
)
def test_drop_frame_is_what_the_timecode_track_says(
    name: str, label: str, is_drop_frame: bool, clips: ClipLibrary, media_workers: MediaWorkers
) -> None:
    description = described(media_workers, clips[name])
    assert (description.start_timecode, description.is_drop_frame) == (label, is_drop_frame)


def test_korean_titles_subtitles_and_chapters(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    description = described(media_workers, clips["korean.mkv"])
    assert description.chapters == (Chapter(0, 1500, "시작"), Chapter(1500, 4000, "마지막 핸드"))
    subtitle = description.first(Kind.SUBTITLE)
    assert subtitle is not None
    assert (subtitle.codec, subtitle.language, subtitle.title) == ("subrip", "kor", "한국어 자막")


def test_hdr_colours(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    video = described(media_workers, clips["hdr10.mp4"]).first(Kind.VIDEO)
    assert video is not None
    assert (video.color_primaries, video.color_transfer, video.color_space) == ("bt2020", "smpte2084", "bt2020nc")
    assert (video.codec, video.profile, video.pixel_format) == ("hevc", "Main 10", "yuv420p10le")


def test_surround_sound(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    audio = described(media_workers, clips["surround.mp4"]).first(Kind.AUDIO)
    assert audio is not None
    assert (audio.channels, audio.channel_layout, audio.sample_rate_hz) == (6, "5.1", 48000)


def test_time_of_recording(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    assert described(media_workers, clips["recorded.mp4"]).recorded_at == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.mark.parametrize("name", ["mkv_named.mp4", "mp4_named.txt"])
def test_content_counts_not_the_extension(name: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    video = described(media_workers, clips[name]).first(Kind.VIDEO)
    assert video is not None
    assert video.codec == "h264"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.mp4", Reason.EMPTY),
        ("text.mp4", Reason.UNSUPPORTED),
        ("text.mp3", Reason.UNSUPPORTED),
        ("truncated.mp4", Reason.TRUNCATED),
    ],
)
def test_what_cannot_be_described_has_a_reason(name: str, reason: Reason, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = probe(media_workers, clips[name])
    assert (outcome.ok, outcome.reason, outcome.description) == (False, reason, None)


@pytest.mark.parametrize("name", ["cut_off.mp4", "cut_off.mkv", "cut_off.avi"])
def test_files_cut_off_after_their_header_are_described_and_called_truncated(
    name: str, clips: ClipLibrary, media_workers: MediaWorkers
) -> None:
    outcome = probe(media_workers, clips[name])
    assert (outcome.ok, outcome.reason) == (True, Reason.TRUNCATED)


def test_copies_have_the_same_sample_hash_and_others_have_not(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    hashes = [probe(media_workers, clips[name]).sample_hash for name in ("film.mkv", "mkv_named.mp4", "moov_end.mp4", "text.mp4")]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    assert all(len(value) == 32 for value in hashes)
