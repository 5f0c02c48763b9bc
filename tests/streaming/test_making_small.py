"""Proxy, storyboard and waveform: made once per version of a file, and what is in them is what is in the file."""

from __future__ import annotations

import io
import shutil
import struct
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from streaming.models import Rendition
from streaming.stores import objects
from tests.frame_clips import Numbered, make, number_in
from tests.streaming.making import Studio, frames_in, made, make_now

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.media import ClipLibrary

pytestmark = [pytest.mark.django_db, pytest.mark.media]
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-g", "25")


def whole(rendition: Rendition) -> bytes:
    """The only object of a rendition."""
    stored = rendition.stored_objects.get()
    return objects.read_range(stored.name, 0, stored.size_bytes)


# --- proxy ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
def test_a_proxy_has_every_frame_of_its_source(studio: Studio, rate: Fraction) -> None:
    make(studio.shelf.root / "clip.mxf", Numbered(rate, 77, ("-c:v", "mpeg2video", "-b:v", "8M", "-c:a", "pcm_s16le", "-ar", "48000")))
    proxy = made(studio.add("clip.mxf"), "proxy")
    data = whole(proxy)
    assert [frame.number for frame in frames_in(data)] == list(range(77))
    assert (proxy.details["frames"], proxy.width_px, proxy.height_px) == (77, 320, 180)
    assert data.index(b"moov") < data.index(b"mdat")  # it plays before it is there as a whole
    assert proxy.cpu_ms > 0
    with av.open(io.BytesIO(data), "r") as container:
        assert container.streams.video[0].average_rate == rate
        assert container.streams.audio[0].codec_context.name == "aac"


def test_timecode_is_burnt_in_if_the_preset_says_so(studio: Studio, settings: Settings) -> None:
    make(studio.shelf.root / "clip.mov", Numbered(Fraction(30000, 1001), 60, (*H264, "-timecode", "00:00:59;28")))
    file = studio.add("clip.mov")
    plain = frames_in(whole(made(file, "proxy")))
    Rendition.objects.all().delete()
    settings.MAM_PRESETS = settings.MAM_PRESETS | {"proxy": settings.MAM_PRESETS["proxy"] | {"has_timecode": True}}
    burnt = frames_in(whole(made(file, "proxy")))
    assert len(burnt) == len(plain) == 60
    bottom, top = slice(150, 178), slice(0, 120)
    changed = [np.abs(one.luma[bottom].astype(int) - other.luma[bottom]).max() for one, other in zip(plain, burnt, strict=True)]
    assert min(changed) > 100
    # 00:00:59;29 is followed by 00:01:00;02: the last two digits change from frame to frame, nothing above them does.
    steps = [np.abs(burnt[number + 1].luma[bottom].astype(int) - burnt[number].luma[bottom]).max() for number in range(30)]
    assert min(steps) > 40
    assert all(number_in(frame.luma[top]) == number for number, frame in enumerate(burnt))


def test_sound_alone_has_no_proxy(studio: Studio, clips: ClipLibrary) -> None:
    shutil.copy(clips["tone.mp3"], studio.shelf.root / "tone.mp3")
    file = studio.add("tone.mp3")
    make_now(file, "proxy")
    assert Rendition.objects.get(file=file).error_code == "no_picture"


# --- storyboard -------------------------------------------------------------------------------------------------------
def test_a_storyboard_shows_what_is_where(studio: Studio) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 500, (*H264, "-an")))
    storyboard = made(studio.add("clip.mkv"), "storyboard")
    details = storyboard.details
    assert (details["columns"], details["rows"], details["width_px"], details["height_px"]) == (10, 2, 160, 90)
    assert (details["starts_ms"], details["duration_ms"]) == ([1000 * number for number in range(20)], 20_000)
    sheet = frames_in_jpeg(whole(storyboard))
    assert sheet.shape == (180, 1600)
    for cell in range(20):
        top, left = cell // 10 * 90, cell % 10 * 160
        number = number_in(sheet[top : top + 90, left : left + 160])
        assert number == 25 * cell  # the keyframe of this second


def frames_in_jpeg(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), "r") as container:
        luma: np.ndarray = next(container.decode(video=0)).reformat(format="gray").to_ndarray()
        return luma


def test_many_pictures_take_several_sheets(studio: Studio, settings: Settings) -> None:
    settings.MAM_PRESETS = settings.MAM_PRESETS | {"storyboard": {"pictures": 10, "columns": 2, "rows": 2, "width_px": 80}}
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 500, (*H264, "-an")))
    storyboard = made(studio.add("clip.mkv"), "storyboard")
    stored = storyboard.stored_objects.order_by("name")
    assert [one.name.rpartition("/")[2] for one in stored] == ["sheet-000.jpg", "sheet-001.jpg", "sheet-002.jpg"]
    assert (storyboard.details["columns"], storyboard.details["rows"], len(storyboard.details["starts_ms"])) == (2, 2, 10)


def test_what_has_no_pictures_has_no_storyboard(studio: Studio, clips: ClipLibrary) -> None:
    shutil.copy(clips["tone.mp3"], studio.shelf.root / "tone.mp3")
    file = studio.add("tone.mp3")
    make_now(file, "storyboard")
    rendition = Rendition.objects.get(file=file)
    assert (rendition.error_code, rendition.attempts) == ("no_storyboard", 1)


# --- waveform ---------------------------------------------------------------------------------------------------------
def test_a_waveform_follows_the_sound(studio: Studio) -> None:
    make(studio.shelf.root / "clip.mov", Numbered(Fraction(25), 125, ("-c:v", "libx264", "-c:a", "pcm_s16le")))
    waveform = made(studio.add("clip.mov"), "waveform")
    assert waveform.details == {"channels": 1, "peaks": 50, "peak_ms": 100}
    peaks = whole(waveform)
    assert len(peaks) == 50
    for number, peak in enumerate(peaks):  # a beep of half of full scale in the first tenth of each second
        assert (110 <= peak <= 140) if number % 10 == 0 else peak < 30, (number, list(peaks))


def test_long_sound_has_longer_peaks(studio: Studio, settings: Settings) -> None:
    settings.MAM_PRESETS = settings.MAM_PRESETS | {"waveform": {"rate_hz": 8000, "peaks_per_s": 10, "max_peaks": 8}}
    make(studio.shelf.root / "clip.mov", Numbered(Fraction(25), 125, ("-c:v", "libx264", "-c:a", "pcm_s16le")))
    waveform = made(studio.add("clip.mov"), "waveform")
    assert waveform.details == {"channels": 1, "peaks": 8, "peak_ms": 625}


def test_the_loudest_sample_is_full_scale(studio: Studio) -> None:
    samples = [0] * 8000 + [-32768] + [0] * 7999
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 32000, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 32000)
    (studio.shelf.root / "click.wav").write_bytes(header + struct.pack("<16000h", *samples))
    peaks = whole(made(studio.add("click.wav"), "waveform"))
    assert len(peaks) == 20
    assert max(peaks) > 200
    assert peaks.index(max(peaks)) in (9, 10)


def test_silent_films_have_no_waveform(studio: Studio, clips: ClipLibrary) -> None:
    shutil.copy(clips["rate_25.mp4"], studio.shelf.root / "silent.mp4")
    file = studio.add("silent.mp4")
    make_now(file, "waveform")
    assert Rendition.objects.get(file=file).error_code == "no_sound"
