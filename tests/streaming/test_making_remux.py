"""Streams by copy: no frame is encoded again, each is in its exact place, and what is unfit is encoded instead."""

from __future__ import annotations

import io
import os
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from mam.jobs.errors import JobCancelledError
from mam.jobs.models import JobLog, JobState
from mam.lib.ffmpeg import FfmpegFailedError
from mam.lib.media import fmp4
from streaming.making import remux
from streaming.making.jobs import Making
from streaming.models import Playback, Rendition, Track
from tests.frame_clips import RATES, TONE_HZ, Numbered, make
from tests.streaming.making import Studio, bytes_of, frames_in, made, make_now, samples_in, segment_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.django_db, pytest.mark.media]


def h264(rate: Fraction, *more: str) -> tuple[str, ...]:
    """Closed GOPs of two seconds with B-frames."""
    gop = str(round(2 * rate))
    return ("-c:v", "libx264", "-preset", "veryfast", "-crf", "14", "-bf", "2", "-g", gop, "-keyint_min", gop, "-sc_threshold", "0", *more)


def track(name: str) -> Track:
    return Track.objects.select_related("object").get(name=name)


def slices_of(path: Path | str, data: bytes | None = None) -> list[bytes]:
    """The coded slices in decode order: the same for the same pictures in any container."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264", "-"]
    stream = subprocess.run(command, input=data, check=True, capture_output=True, timeout=60).stdout
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1") if unit and unit[0] & 31 in (1, 5)]


@pytest.mark.parametrize("container", ["mkv", "ts"])
@pytest.mark.parametrize("rate", RATES)
def test_every_frame_is_copied_to_its_exact_place(studio: Studio, rate: str, container: str) -> None:
    frames = int(9 * RATES[rate]) + 3
    name = f"clip.{container}"
    path = make(studio.shelf.root / name, Numbered(RATES[rate], frames, h264(RATES[rate], "-c:a", "aac", "-ac", "2")))
    rendition = made(studio.add(name), "hls")
    assert (rendition.details["method"], rendition.details["frames"]) == ("remux", frames)
    assert set(Track.objects.values_list("name", flat=True)) == {"v0", "a0"}
    video = track("v0")
    data = bytes_of(video)
    assert slices_of("pipe:0", data) == slices_of(path)
    shown = frames_in(data)
    assert [frame.number for frame in shown] == list(range(frames))
    # FFmpeg's demuxer moves a track whose composition offsets are negative, so that nothing is shown before it is decoded.
    assert [frame.at - shown[0].at for frame in shown] == [number / RATES[rate] for number in range(frames)]
    fragments = fmp4.read_track(io.BytesIO(data)).fragments
    assert all(fragment.start == fragment.decode_time for fragment in fragments)
    assert fragments[0].start == 0


@pytest.mark.parametrize("gop", [50, 48])
def test_a_long_film_is_copied_wherever_the_trial_at_its_beginning_ends(studio: Studio, gop: int) -> None:
    """At a keyframe or inside of a GOP: what is shown before it, but decoded later, is missing in what was tried."""
    frames = 125 * 25
    options = (*h264(Fraction(25), "-preset", "ultrafast", "-b_strategy", "0", "-c:a", "aac"), "-g", str(gop), "-keyint_min", str(gop))
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), frames, options, size="160x90"))
    rendition = made(studio.add("clip.mkv"), "hls")
    assert (rendition.details["method"], rendition.details["frames"]) == ("remux", frames)


def test_every_segment_can_be_decoded_alone(studio: Studio) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 253, h264(Fraction(25), "-c:a", "aac")))
    made(studio.add("clip.mkv"), "hls")
    video = track("v0")
    assert [ticks for ticks, _ in video.segments] == [100 * 512, 100 * 512, 53 * 512]
    assert video.timescale == 12_800
    for index, first in enumerate((0, 100, 200)):
        shown = frames_in(segment_of(video, index))
        assert [frame.number for frame in shown] == list(range(first, min(first + 100, 253)))
        assert shown[0].is_key


@pytest.mark.parametrize("container", ["mkv", "ts"])
def test_the_sound_stays_with_the_picture(studio: Studio, container: str) -> None:
    make(studio.shelf.root / f"clip.{container}", Numbered(Fraction(25), 250, h264(Fraction(25), "-c:a", "aac", "-ar", "44100")))
    made(studio.add(f"clip.{container}"), "hls")
    audio = track("a0")
    assert (audio.timescale, audio.codecs, audio.channels) == (44_100, "mp4a.40.2", 1)
    sound = samples_in(bytes_of(audio))[0]
    for second in range(10):
        assert abs(beep_start(sound, second, 44_100) - second) < 0.03


def beep_start(sound: np.ndarray, second: int, rate_hz: int) -> float:
    """When the beep that belongs to `second` begins, in seconds."""
    start = max(0, int((second - 0.4) * rate_hz))
    loud = np.flatnonzero(np.abs(sound[start : start + int(0.8 * rate_hz)]) > 0.2)
    assert len(loud) > rate_hz / TONE_HZ
    return float(start + loud[0]) / rate_hz


def test_other_sound_is_encoded_beside_the_copied_picture(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 250, h264(Fraction(25), "-c:a", "ac3")))
    monkeypatch.setattr("streaming.decision.is_copyable", lambda facts: True)  # whatever the table says about such sound
    rendition = made(studio.add("clip.mkv"), "hls")
    assert rendition.details["method"] == "remux"
    assert slices_of("pipe:0", bytes_of(track("v0"))) == slices_of(path)
    assert (track("a0").timescale, track("a0").codecs) == (48_000, "mp4a.40.2")
    sound = samples_in(bytes_of(track("a0")))[0]
    for second in range(10):
        assert abs(beep_start(sound, second, 48_000) - second) < 0.03


UNFIT = {
    "open GOPs": (*h264(Fraction(25)), "-x264-params", "open-gop=1:bframes=3:b-adapt=0"),
    "long GOPs": ("-c:v", "libx264", "-preset", "ultrafast", "-g", "400", "-keyint_min", "400", "-sc_threshold", "0"),
    "no IDR": ("-c:v", "libx264", "-preset", "ultrafast", "-x264-params", "keyint=50:intra-refresh=1"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_cannot_be_cut_is_encoded_and_that_is_remembered(studio: Studio, kind: str) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 300, (*UNFIT[kind], "-c:a", "aac")))
    file = studio.add("clip.mkv")
    rendition = made(file, "hls")
    assert rendition.details["method"] == "ladder"
    assert JobLog.objects.filter(code="hls_not_by_copy").exists()
    assert "playback_gops" in [reason["code"] for reason in Playback.objects.get(file=file).reasons]
    assert {"v180", "v90"} <= set(Track.objects.values_list("name", flat=True))
    assert [frame.number for frame in frames_in(bytes_of(track("v180")))] == list(range(300))


def test_a_changing_rate_is_encoded(studio: Studio) -> None:
    options = (*h264(Fraction(25)), "-vf", "select='not(mod(n,3))+lt(n,40)'", "-vsync", "vfr", "-c:a", "aac")
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 150, options))
    assert made(studio.add("clip.mkv"), "hls").details["method"] == "ladder"


def test_a_copy_that_fails_is_encoded_and_that_is_remembered(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 100, h264(Fraction(25), "-c:a", "aac")))
    file = studio.add("clip.mkv")
    monkeypatch.setattr(remux, "_SOUND_FLAGS", "no_such_flag")
    assert made(file, "hls").details["method"] == "ladder"
    assert JobLog.objects.filter(code="hls_not_by_copy").exists()
    assert Playback.objects.get(file=file).mode == "on_demand"


def test_a_copy_whose_bytes_make_no_sense_is_encoded(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 100, h264(Fraction(25), "-c:a", "aac")))
    monkeypatch.setattr(remux, "_SOUND_FLAGS", "faststart")  # no fragments: nothing that could be cut
    assert made(studio.add("clip.mkv"), "hls").details["method"] == "ladder"


@pytest.mark.parametrize(("trouble", "state"), [("cancelled", JobState.CANCELLED), ("changed", JobState.FAILED)])
def test_what_kept_a_copy_from_being_made_says_nothing_about_the_file(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, trouble: str, state: JobState
) -> None:
    path = make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 100, h264(Fraction(25), "-c:a", "aac")))
    file = studio.add("clip.mkv")

    def fail(self: Making, *_: object, **__: object) -> None:
        if trouble == "cancelled":
            self.ctx.interrupt(JobCancelledError())
        else:
            os.utime(path)
        raise FfmpegFailedError(detail="killed")

    monkeypatch.setattr(Making, "encode", fail)
    assert make_now(file, "hls").state == state
    assert not Playback.objects.exists()
    assert Rendition.objects.get().attempts == 0


def test_sound_that_is_declared_and_empty_is_left_out(studio: Studio) -> None:
    film = make(studio.shelf.root / "film.mkv", Numbered(Fraction(25), 100, h264(Fraction(25), "-c:a", "aac")))
    without_sound(film, studio.shelf.root / "clip.mkv")
    file = studio.add("clip.mkv")
    file.streams.filter(kind="audio").update(profile="LC")  # as it is read where a packet of it is met
    assert made(file, "hls").details["method"] == "remux"
    assert [track.name for track in Track.objects.all()] == ["v0"]


def without_sound(source: Path, target: Path) -> None:
    """The streams of `source`, and the packets of its picture alone."""
    with av.open(str(source)) as film, av.open(str(target), "w") as silent:
        picture = silent.add_stream_from_template(film.streams.video[0])
        silent.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                silent.mux(packet)
