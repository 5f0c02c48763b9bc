"""The ladder: every frame in its place in every size, sound beside it, nothing lost at a border of segments."""

from __future__ import annotations

import io
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from streaming.models import Track
from tests.frame_clips import RATES, Numbered, make
from tests.streaming.making import bytes_of, frames_in, made, samples_in, segment_of

if TYPE_CHECKING:
    from tests.media import ClipLibrary
    from tests.streaming.making import Studio

pytestmark = [pytest.mark.django_db, pytest.mark.media]
# Not H.264, so that nothing of it could be copied.
INTRA = ("-c:v", "mpeg4", "-q:v", "2", "-g", "48", "-c:a", "flac")
INTRA_PCM = ("-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")


def ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True, timeout=120)


def track(name: str) -> Track:
    return Track.objects.select_related("object").get(name=name)


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_is_in_its_place_in_every_size(studio: Studio, rate: str) -> None:
    frames = int(9 * RATES[rate]) + 3
    make(studio.shelf.root / "clip.mkv", Numbered(RATES[rate], frames, INTRA))
    rendition = made(studio.add("clip.mkv"), "hls")
    assert rendition.details["frames"] == frames
    assert set(Track.objects.values_list("name", flat=True)) == {"v180", "v90", "a0"}
    for name in ("v180", "v90"):
        shown = frames_in(bytes_of(track(name)))
        assert [frame.number for frame in shown] == list(range(frames))
        assert [frame.at for frame in shown] == [number / RATES[rate] for number in range(frames)]
        gop = round(2 * RATES[rate])
        assert [number for number, frame in enumerate(shown) if frame.is_key] == list(range(0, frames, gop))


def test_every_segment_can_be_decoded_alone_and_follows_the_one_before(studio: Studio) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 253, INTRA))
    made(studio.add("clip.mkv"), "hls")
    for name in ("v180", "v90"):
        video = track(name)
        assert (video.timescale, [ticks for ticks, _ in video.segments]) == (12_800, [51_200, 51_200, 53 * 512])
        for index in range(3):
            shown = frames_in(segment_of(video, index))
            assert shown[0].is_key
            assert [frame.number for frame in shown] == list(range(100 * index, min(100 * index + 100, 253)))
            assert [frame.at for frame in shown] == [Fraction(frame.number, 25) for frame in shown]


def test_measures_are_those_of_the_bytes(studio: Studio) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(Fraction(25), 253, INTRA))
    rendition = made(studio.add("clip.mkv"), "hls")
    video = track("v180")
    assert (video.codecs, video.width_px, video.height_px, video.frame_rate) == ("avc1.64000d", 320, 180, Fraction(25))
    assert video.init_bytes + sum(size for _, size in video.segments) == video.object.size_bytes
    assert video.average_bps == round(8 * sum(size for _, size in video.segments) / Fraction(253, 25))
    assert video.average_bps <= video.peak_bps <= 2_500_000
    assert (rendition.preset, rendition.width_px, rendition.height_px) == ("ladder superfast", 320, 180)
    assert rendition.cpu_ms > 0
    assert rendition.size_bytes == sum(one.object.size_bytes for one in Track.objects.select_related("object"))


def test_sound_lies_on_the_grid_and_with_the_picture(studio: Studio) -> None:
    make(studio.shelf.root / "clip.mkv", Numbered(RATES["29.97"], 301, INTRA))
    made(studio.add("clip.mkv"), "hls")
    audio = track("a0")
    assert (audio.timescale, audio.channels, audio.codecs) == (48_000, 2, "mp4a.40.2")
    # 120 frames are 187.69 packets: a packet belongs to the segment in which it begins.
    assert [ticks // 1024 for ticks, _ in audio.segments][:2] == [188, 188]
    for index, first in enumerate((0, 188, 376)):
        with av.open(io.BytesIO(segment_of(audio, index)), "r") as container:
            assert next(container.demux(audio=0)).dts == first * 1024
    beeps = beeps_in(samples_in(bytes_of(audio))[0], 48_000)
    assert len(beeps) == 11
    assert beeps[0] < 0.022  # the first packet fades in: the decoder has nothing to overlap it with
    assert max(abs(beep - second) for second, beep in enumerate(beeps) if second) < 0.005


def beeps_in(sound: np.ndarray, rate_hz: int) -> list[float]:
    """When each beep begins, in seconds: after a quarter of a second of silence, or at the start."""
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    starts = [loud[0], *(place for before, place in pairwise(loud) if place - before > rate_hz // 4)]
    return [float(start) / rate_hz for start in starts]


def test_a_late_picture_takes_the_sound_with_it(studio: Studio) -> None:
    """In a transport stream cut anywhere, sound begins before the first picture: media time 0 is the picture's."""
    whole = make(studio.shelf.root / "whole.mov", Numbered(Fraction(25), 200, INTRA_PCM))
    ffmpeg("-i", str(whole), "-itsoffset", "0.4", "-i", str(whole), "-map", "1:v", "-map", "0:a", "-c:v", "mpeg2video", "-q:v", "2",
           "-c:a", "mp2", "-shortest", str(studio.shelf.root / "late.ts"))  # fmt: skip
    made(studio.add("late.ts"), "hls")
    assert frames_in(bytes_of(track("v180")))[0].number == 0
    beeps = beeps_in(samples_in(bytes_of(track("a0")))[0], 48_000)
    assert abs(beeps[0] - 0.6) < 0.03  # the beep of second 1 sounds 0.6 s after the picture that comes 0.4 s late


def test_late_sound_is_preceded_by_silence(studio: Studio) -> None:
    whole = make(studio.shelf.root / "whole.mov", Numbered(Fraction(25), 150, INTRA_PCM))
    ffmpeg("-i", str(whole), "-itsoffset", "0.7", "-i", str(whole), "-map", "0:v", "-map", "1:a", "-c", "copy",
           str(studio.shelf.root / "late.mkv"))  # fmt: skip
    made(studio.add("late.mkv"), "hls")
    beeps = beeps_in(samples_in(bytes_of(track("a0")))[0], 48_000)
    assert abs(beeps[0] - 0.7) < 0.01
    assert abs(beeps[3] - 3.7) < 0.01


# --- pictures that are not as they should be ----------------------------------------------------------------------------
def test_woven_fields_come_apart(studio: Studio) -> None:
    """A bar that moves between two fields leaves a comb in the woven frame; none is left in the stream."""
    path = studio.shelf.root / "fields.mpg"
    bar = "color=black:s=320x180:r=50:d=4,format=yuv420p,geq=lum='if(between(X,mod(N*6,280),mod(N*6,280)+40),235,16)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", bar, "-vf", "interlace=scan=tff:lowpass=0", "-flags", "+ildct+ilme", "-top", "1", "-c:v", "mpeg2video",
           "-q:v", "2", "-g", "12", str(path))  # fmt: skip
    with av.open(str(path)) as container:
        woven = [frame.reformat(format="gray").to_ndarray() for frame in container.decode(video=0)]
    file = studio.add("fields.mpg")
    made(file, "hls")
    shown = frames_in(bytes_of(track("v180")))
    assert len(shown) == len(woven) == 100
    assert np.mean([comb(luma) for luma in woven]) > 10
    assert np.mean([comb(frame.luma) for frame in shown]) < 2


def comb(luma: np.ndarray) -> float:
    """How much every other line differs from its neighbours, on average."""
    lines = luma[20:-20].astype(int)
    return float(np.mean(np.abs(2 * lines[1:-1] - lines[:-2] - lines[2:]) / 2))


def test_a_turned_picture_stands_upright(studio: Studio) -> None:
    path = studio.shelf.root / "turned.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=320x180:r=25:d=2,drawbox=w=40:h=40:color=red:t=fill", "-c:v", "libx264", "-g", "25",
           str(studio.shelf.root / "flat.mp4"))  # fmt: skip
    ffmpeg("-i", str(studio.shelf.root / "flat.mp4"), "-c", "copy", "-metadata:s:v", "rotate=90", str(path))
    made(studio.add("turned.mp4"), "hls")
    rgb = frames_in(bytes_of(track("v180")))[0].rgb
    assert rgb.shape == (320, 180, 3)
    assert is_red(rgb[-10, 10])  # what was at the top left is at the bottom left: this matrix turns to the left
    assert not is_red(rgb[10, 10])
    assert track("v180").height_px == 320


def is_red(pixel: np.ndarray) -> bool:
    return bool(pixel[0] > 180 and pixel[1] < 80 and pixel[2] < 80)


def test_pixels_become_square(studio: Studio) -> None:
    """A circle drawn for pixels of 16:11 is one again."""
    disc = "color=black:s=256x180:r=25:d=2,format=yuv420p,geq=lum='if(lt(hypot(X-128,Y-90),60),235,16)':cb=128:cr=128"
    path = studio.shelf.root / "disc.mkv"
    ffmpeg("-f", "lavfi", "-i", disc, "-vf", "scale=176:180,setsar=16/11", "-c:v", "mpeg4", "-q:v", "2", str(path))
    made(studio.add("disc.mkv"), "hls")
    luma = frames_in(bytes_of(track("v180")))[0].luma
    assert luma.shape == (180, 256)
    assert abs((luma[90] > 127).sum() - (luma[:, 128] > 127).sum()) <= 3


@pytest.mark.parametrize(
    ("transfer", "white", "middle"),
    [
        # 203 cd/m2, the white of HDR, is 58 % of PQ's signal and 75 % of HLG's (ITU-R BT.2408).
        ("smpte2084", 0.58, 0.38),
        ("arib-std-b67", 0.75, 0.38),
    ],
)
def test_hdr_is_bright_and_in_colour_on_an_ordinary_screen(studio: Studio, transfer: str, white: float, middle: float) -> None:
    """Four fields: white, middle grey, black, and a saturated red of BT.2020."""
    level = [round(64 + signal * 876) for signal in (white, middle, 0)]
    red_y, red_cb, red_cr = bt2020(white, 0, 0)
    lum = f"if(lt(X,80),{level[0]},if(lt(X,160),{level[1]},if(lt(X,240),{level[2]},{red_y})))"
    fields = (
        f"color=black:s=320x180:r=24:d=1,format=yuv420p10le,geq=lum='{lum}':cb='if(lt(X,120),512,{red_cb})':cr='if(lt(X,120),512,{red_cr})'"
    )
    path = studio.shelf.root / "hdr.mp4"
    ffmpeg("-f", "lavfi", "-i", fields, "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
           "-x265-params", f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:lossless=1", str(path))  # fmt: skip
    made(studio.add("hdr.mp4"), "hls")
    shown = frames_in(bytes_of(track("v180")))
    assert len(shown) == 24
    rgb = shown[0].rgb.astype(int)
    bright, grey, dark, red = (rgb[90, x] for x in (40, 120, 190, 290))
    assert 150 < bright.min() <= bright.max() <= 255
    assert bright.max() - bright.min() < 12  # grey stays grey
    assert 30 < grey.mean() < bright.mean() - 50
    assert dark.max() < 100
    assert red[0] > 150
    assert red[0] - max(red[1], red[2]) > 90


def bt2020(red: float, green: float, blue: float) -> tuple[int, int, int]:
    """10-bit code values of coded RGB (0 to 1), limited range (ITU-R BT.2020, table 4 and 5)."""
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    blue_difference, red_difference = (blue - luma) / 1.8814, (red - luma) / 1.4746
    return round(64 + 876 * luma), round(512 + 896 * blue_difference), round(512 + 896 * red_difference)


def test_a_changing_rate_becomes_a_constant_one_and_stays_in_time(studio: Studio) -> None:
    options = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-vf", "select='not(mod(n,3))+lt(n,40)'", "-vsync", "vfr", "-an")
    make(studio.shelf.root / "vfr.mkv", Numbered(Fraction(25), 200, options))
    file = studio.add("vfr.mkv")
    rendition = made(file, "hls")
    rate = Fraction(*rendition.details["rate"])
    shown = frames_in(bytes_of(track("v180")))
    assert rate in (Fraction(25), Fraction(30), Fraction(24), Fraction(24000, 1001))
    assert [frame.at for frame in shown] == [number / rate for number in range(len(shown))]
    for frame in shown:  # the newest frame that the source shows then
        source = frame.at * 25
        assert -1.5 <= frame.number - source <= 1.5 or source - 3.5 <= frame.number <= source


def test_sizes_that_are_odd_are_made_even(studio: Studio) -> None:
    path = studio.shelf.root / "odd.mov"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=321x181:r=25:d=1", "-c:v", "ffv1", str(path.with_suffix(".mkv")))
    made(studio.add("odd.mkv"), "hls")
    assert frames_in(bytes_of(track("v180")))[0].luma.shape == (180, 320)


# --- tracks -------------------------------------------------------------------------------------------------------------
def test_every_sound_is_a_track_of_its_own_with_its_language(studio: Studio) -> None:
    path = studio.shelf.root / "many.mkv"
    tones = [word for hertz in (300, 600, 900) for word in ("-f", "lavfi", "-i", f"sine=f={hertz}:r=44100:d=3")]
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3", *tones, "-map", "0", "-map", "1", "-map", "2", "-map", "3",
           "-c:v", "mpeg4", "-c:a", "flac", "-ac:a:1", "6", "-metadata:s:a:0", "language=kor", "-metadata:s:a:0", "title=해설",
           "-metadata:s:a:1", "language=eng", "-disposition:a:0", "0", "-disposition:a:1", "default", str(path))  # fmt: skip
    made(studio.add("many.mkv"), "hls")
    found = [
        (one.name, one.language, one.title, one.channels, one.is_default) for one in Track.objects.filter(kind="audio").order_by("name")
    ]
    assert found == [("a0", "kor", "해설", 2, False), ("a1", "eng", "", 6, True), ("a2", "", "", 2, False)]
    for name, hertz in (("a0", 300), ("a1", 600), ("a2", 900)):
        channels = samples_in(bytes_of(track(name)))
        loudest = channels[np.abs(channels).max(axis=1).argmax()]
        spectrum = np.abs(np.fft.rfft(loudest[48_000:96_000]))
        assert abs(int(spectrum.argmax()) - hertz) <= 1


def test_korean_subtitles_become_webvtt(studio: Studio, clips: ClipLibrary) -> None:
    shutil.copy(clips["korean.mkv"], studio.shelf.root / "korean.mkv")
    file = studio.add("korean.mkv")
    made(file, "hls")
    subtitles = track("s0")
    text = bytes_of(subtitles).decode()
    assert text.splitlines()[:3] == ["WEBVTT", "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000", ""]
    assert "안녕하세요" in text
    assert "올인입니다" in text
    assert (subtitles.language, subtitles.title, subtitles.timescale, subtitles.init_bytes) == ("kor", "한국어 자막", 1000, 0)
    assert [size for _, size in subtitles.segments] == [subtitles.object.size_bytes]
    assert abs(subtitles.segments[0][0] - 4000) < 60


def test_sound_alone_becomes_a_stream_without_pictures(studio: Studio) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=f=440:r=44100:d=9", "-c:a", "wmav2", str(studio.shelf.root / "song.wma"))
    rendition = made(studio.add("song.wma"), "hls")
    assert [one.name for one in Track.objects.all()] == ["a0"]
    assert [ticks // 1024 for ticks, _ in track("a0").segments][:2] == [188, 188]
    assert (rendition.width_px, rendition.details["rate"]) == (None, None)


def test_a_silent_film_is_one_track_a_size(studio: Studio, clips: ClipLibrary) -> None:
    shutil.copy(clips["prores_df.mov"], studio.shelf.root / "film.mov")
    ffmpeg("-i", str(studio.shelf.root / "film.mov"), "-an", "-c", "copy", str(studio.shelf.root / "silent.mov"))
    made(studio.add("silent.mov"), "hls")
    assert sorted(one.name for one in Track.objects.all()) == ["v180", "v90"]
