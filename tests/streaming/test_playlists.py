"""Playlists as text: every one passes a strict reader, whatever tracks, rates and names there are."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import pytest

from streaming import playlists
from streaming.languages import names_of, tag_of
from streaming.playlists import InitSegment, Segment, Sheets, SoundEntry, SubtitleEntry, VideoEntry
from tests.streaming.rfc8216 import read_media, read_multivariant

RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001), Fraction(60)]


def video(short_px: int = 720, **changes: object) -> VideoEntry:
    values = {"codecs": "avc1.64001f", "rate": Fraction(30000, 1001), "peak_bps": 4_000_000, "average_bps": 2_000_000}
    size = {"width_px": short_px * 16 // 9, "height_px": short_px}
    return VideoEntry(uri=f"v{short_px}.m3u8", **(values | size | changes))  # type: ignore[arg-type]


def sound(number: int = 0, **changes: object) -> SoundEntry:
    values = {"name": f"Track {number + 1}", "language": "", "is_default": number == 0, "channels": 2, "codecs": "mp4a.40.2"}
    bandwidth = {"peak_bps": 140_000, "average_bps": 128_000}
    return SoundEntry(uri=f"a{number}.m3u8", **(values | bandwidth | changes))  # type: ignore[arg-type]


def subtitle(number: int = 0, **changes: object) -> SubtitleEntry:
    values = {"name": f"Text {number}", "language": "ko", "is_default": False}
    return SubtitleEntry(uri=f"s{number}.m3u8", **(values | changes))  # type: ignore[arg-type]


# --- multivariant -----------------------------------------------------------------------------------------------------
def test_a_ladder_names_every_quality_with_its_sound() -> None:
    read = read_multivariant(playlists.multivariant([video(1080), video(720)], [sound(0, language="ko"), sound(1)], [subtitle()]))
    assert [variant.attributes["RESOLUTION"] for variant in read.variants] == ["1920x1080", "1280x720"]
    first = read.variants[0].attributes
    assert first["BANDWIDTH"] == "4140000" and first["AVERAGE-BANDWIDTH"] == "2128000"
    assert first["CODECS"] == "avc1.64001f,mp4a.40.2"
    assert first["FRAME-RATE"] == "29.970"
    audio = read.of_type("AUDIO")
    assert [one.attributes["DEFAULT"] for one in audio] == ["YES", "NO"]
    assert [one.attributes.get("LANGUAGE") for one in audio] == ["ko", None]
    assert read.of_type("SUBTITLES")[0].attributes["AUTOSELECT"] == "YES"


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_frame_rates_have_three_decimals(rate: Fraction) -> None:
    read = read_multivariant(playlists.multivariant([video(rate=rate)], [], []))
    assert abs(Decimal(read.variants[0].attributes["FRAME-RATE"]) - Decimal(rate.numerator) / rate.denominator) <= Decimal("0.0005")


def test_pictures_without_sound_name_no_group() -> None:
    read = read_multivariant(playlists.multivariant([video()], [], []))
    assert read.renditions == [] and "AUDIO" not in read.variants[0].attributes


def test_sound_alone_is_a_variant_and_further_sounds_its_alternatives() -> None:
    one = read_multivariant(playlists.multivariant([], [sound()], []))
    assert [variant.uri for variant in one.variants] == ["a0.m3u8"] and one.renditions == []
    two = read_multivariant(playlists.multivariant([], [sound(0, is_default=False), sound(1, is_default=True, channels=6)], []))
    assert [variant.uri for variant in two.variants] == ["a1.m3u8"]
    assert [one.attributes.get("URI") for one in two.renditions] == ["a0.m3u8", None]
    assert two.uris() == ["a1.m3u8", "a0.m3u8"]


def test_a_stream_of_nothing_is_a_defect_of_the_caller() -> None:
    with pytest.raises(ValueError, match="without picture and sound"):
        playlists.multivariant([], [], [subtitle()])


@pytest.mark.parametrize("name", ['5.1 "원음"', "한국어\n자막", "a,b=c", "\x00\x1f\x7f x", '"'])
def test_names_from_files_cannot_break_out_of_their_quotes(name: str) -> None:
    text = playlists.multivariant([video()], [sound(0, name=name), sound(1)], [subtitle(name=name)])
    if playlists.quotable(name):
        assert read_multivariant(text).of_type("AUDIO")[0].attributes["NAME"] == playlists.quotable(name)


def test_average_bandwidth_is_left_out_where_nobody_knows_it() -> None:
    read = read_multivariant(playlists.multivariant([video(average_bps=0)], [sound(average_bps=0)], []))
    assert "AVERAGE-BANDWIDTH" not in read.variants[0].attributes


# --- media ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_two_hours_are_as_long_as_their_frames(rate: Fraction) -> None:
    """Rounded durations do not add up to another film."""
    gop = round(2 * rate)
    frames = int(7200 * rate) + 5
    durations = [Fraction(min(2 * gop, frames - first)) / rate for first in range(0, frames, 2 * gop)]
    read = read_media(playlists.media(playlists.one_by_one(durations, "{}.m4s".format), InitSegment("init.mp4")))
    assert len(read.segments) == len(durations)
    assert abs(read.duration - Decimal(frames * rate.denominator) / rate.numerator) <= Decimal("0.000001")
    assert read.target_duration == 4


def test_segments_in_one_object_are_ranges_without_holes() -> None:
    chance = random.Random(3)
    rows = [[chance.randrange(40_000, 50_000), chance.randrange(1000, 900_000)] for _ in range(500)]
    segments = list(playlists.back_to_back("/stream/t/o/x.mp4", timescale=12_800, first_byte=761, segments=rows))
    read = read_media(playlists.media(segments, InitSegment("/stream/t/o/x.mp4", 761)))
    assert (read.map_uri, read.map_length) == ("/stream/t/o/x.mp4", 761)
    assert read.segments[0].offset == 761
    assert read.segments[-1].offset == 761 + sum(length for _, length in rows[:-1])
    assert [segment.length for segment in read.segments] == [length for _, length in rows]


@pytest.mark.parametrize(("seconds", "target"), [("4", 4), ("4.4999", 4), ("4.5", 5), ("0.2", 1), ("9.99", 10)])
def test_the_target_is_the_longest_segment_rounded(seconds: str, target: int) -> None:
    read = read_media(playlists.media([Segment(Fraction(0), Fraction(seconds), "a.m4s")], InitSegment("init.mp4")))
    assert read.target_duration == target


def test_subtitles_are_one_segment_without_a_head() -> None:
    read = read_media(playlists.media(playlists.whole("/s0.vtt", timescale=1000, ticks=7_200_000), None))
    assert (read.map_uri, len(read.segments), read.duration) == (None, 1, Decimal(7200))


# --- storyboard -------------------------------------------------------------------------------------------------------
def test_cues_cover_the_film_and_name_each_cell_once() -> None:
    sheets = Sheets(["/a.jpg", "/b.jpg"], 4, 3, 160, 90, [number * 5000 for number in range(15)], 74_000)
    blocks = playlists.storyboard(sheets).strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[1] == "00:00:00.000 --> 00:00:05.000\n/a.jpg#xywh=0,0,160,90"
    assert blocks[12].endswith("/a.jpg#xywh=480,180,160,90")
    assert blocks[13].endswith("/b.jpg#xywh=0,0,160,90")
    assert blocks[15] == "00:01:10.000 --> 00:01:14.000\n/b.jpg#xywh=320,0,160,90"
    assert len({block.split("\n")[1] for block in blocks[1:]}) == 15


def test_a_cue_is_never_empty_and_hours_are_counted() -> None:
    text = playlists.storyboard(Sheets(["/a.jpg"], 1, 1, 160, 90, [360_000_000], 5))
    assert "100:00:00.000 --> 100:00:00.001" in text


# --- languages --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("kor", "ko"),
        ("KOR", "ko"),
        ("eng", "en"),
        ("chi", "zh"),
        ("zh-Hant", "zh-Hant"),
        ("pt_BR", "pt-BR"),
        ("und", ""),
        ("", ""),
        ("qaa", "qaa"),
        ('e"n', ""),
        ("korean!", ""),
        ("한국어", ""),
        ("x" * 16, ""),
    ],
)
def test_languages_are_tags_or_nothing(said: str, tag: str) -> None:
    assert tag_of(said) == tag


def test_names_are_in_their_own_language_and_differ() -> None:
    tracks = [("", "kor"), ("", "kor"), ("감독 해설", "kor"), ("", "und"), ("", "eng"), ("", "tlh")]
    assert names_of(tracks) == ["한국어", "한국어 2", "감독 해설", "Track 4", "English", "tlh"]


# --- the reader itself ------------------------------------------------------------------------------------------------
GOOD = playlists.media([Segment(Fraction(0), Fraction(4), "a.m4s"), Segment(Fraction(4), Fraction(6), "b.m4s")], InitSegment("i.mp4"))
GOOD_MAIN = playlists.multivariant([video()], [sound(), sound(1)], [subtitle()])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#EXTM3U\n", ""),
        ("#EXTM3U\n", "\ufeff#EXTM3U\n"),
        ("TARGETDURATION:4", "TARGETDURATION:3"),
        ("TARGETDURATION:4", "TARGETDURATION:4.0"),
        ("#EXT-X-VERSION:7", "#EXT-X-VERSION:5"),
        ("#EXT-X-ENDLIST\n", ""),
        ("#EXT-X-ENDLIST\n", "#EXT-X-ENDLIST"),
        ("#EXTINF:4.000000,", "#EXTINF:4.000000"),
        ("#EXTINF:4.000000,", "#EXTINF:4.000000,\n#EXTINF:4.000000,"),
        ("#EXTINF:4.000000,", "#EXTINF:-4.0,"),
        ("#EXTINF:4.000000,", "#EXT-X-DISCONTINUITY\n#EXTINF:4.000000,"),
        ("a.m4s", "a b.m4s"),
        ('URI="i.mp4"', "URI=i.mp4"),
        ('URI="i.mp4"', 'URI="i.mp4",'),
        ("PLAYLIST-TYPE:VOD", "PLAYLIST-TYPE:EVENT"),
        ("a.m4s\n", "a.m4s\n\n"),
    ],
)
def test_the_reader_refuses_a_broken_media_playlist(old: str, new: str) -> None:
    read_media(GOOD)
    assert old in GOOD
    with pytest.raises(AssertionError):
        read_media(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BANDWIDTH=4140000,", ""),
        ('AUDIO="sound"', 'AUDIO="other"'),
        ('NAME="Track 2"', 'NAME="Track 1"'),
        ("DEFAULT=NO,AUTOSELECT=NO,CHANNELS", "DEFAULT=YES,AUTOSELECT=YES,CHANNELS"),
        ("DEFAULT=YES,AUTOSELECT=YES", "DEFAULT=YES,AUTOSELECT=NO"),
        ('LANGUAGE="ko"', 'LANGUAGE="korean language"'),
        ("RESOLUTION=1280x720", "RESOLUTION=1280X720"),
        ("FRAME-RATE=29.970", "FRAME-RATE=29.97"),
        ('CODECS="avc1.64001f', 'CODECS="h264'),
        ("v720.m3u8\n", ""),
        ("TYPE=SUBTITLES", "TYPE=CLOSED"),
        (',URI="s0.m3u8"', ""),
    ],
)
def test_the_reader_refuses_a_broken_multivariant_playlist(old: str, new: str) -> None:
    read_multivariant(GOOD_MAIN)
    assert old in GOOD_MAIN
    with pytest.raises((AssertionError, KeyError)):
        read_multivariant(GOOD_MAIN.replace(old, new, 1))
