"""The encoding table: which sizes, rates, grids and tracks a file gets, by what the catalog says about it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ffmpeg
import pytest

from streaming import encoding
from tests.factories import make_file, make_source, make_stream

if TYPE_CHECKING:
    from catalog.models import MediaFile

pytestmark = pytest.mark.django_db


def film(name: str = "film.mxf", *, seconds: int = 10, rotation: int = 0, **stream: Any) -> MediaFile:
    """A file of `seconds` with one video stream."""
    file = make_file(name, duration_ticks=seconds * 1000, duration_base_num=1, duration_base_den=1000, rotation=rotation)
    make_stream(file, "video", **stream)
    return file


def facts_of(**fields: Any) -> encoding.PictureFacts:
    facts = encoding.picture_facts(film(**fields))
    assert facts is not None
    return facts


def sizes_of(**fields: Any) -> list[tuple[str, int, int]]:
    return [(rung.name, rung.width_px, rung.height_px) for rung in encoding.rungs_for(facts_of(**fields))]


FULL_HD = [("v1080", 1920, 1080), ("v720", 1280, 720), ("v480", 854, 480), ("v360", 640, 360)]


@pytest.mark.parametrize(
    ("fields", "sizes"),
    [
        pytest.param({}, FULL_HD, id="1080"),
        pytest.param({"width_px": 3840, "height_px": 2160}, FULL_HD, id="4K"),
        pytest.param({"width_px": 1440, "height_px": 1080, "sample_aspect_num": 4, "sample_aspect_den": 3}, FULL_HD, id="HDV"),
        pytest.param({"rotation": 90}, [(name, height, width) for name, width, height in FULL_HD], id="turned"),
        pytest.param({"rotation": 180}, FULL_HD, id="upside down"),
        pytest.param({"width_px": 1080, "height_px": 1920}, [(name, height, width) for name, width, height in FULL_HD], id="portrait"),
        pytest.param({"width_px": 1920, "height_px": 800}, [("v720", 1728, 720), ("v480", 1152, 480), ("v360", 864, 360)], id="wide"),
        pytest.param(
            {"width_px": 720, "height_px": 576, "sample_aspect_num": 64, "sample_aspect_den": 45},
            [("v480", 854, 480), ("v360", 640, 360)],
            id="PAL wide",
        ),
        pytest.param(
            {"width_px": 720, "height_px": 480, "sample_aspect_num": 8, "sample_aspect_den": 9},
            [("v480", 640, 480), ("v360", 480, 360)],
            id="NTSC 4:3, where the height grows",
        ),
        pytest.param({"width_px": 320, "height_px": 180}, [("v180", 320, 180)], id="smaller than all"),
        pytest.param({"width_px": 321, "height_px": 181}, [("v180", 320, 180)], id="odd"),
        pytest.param({"width_px": 2, "height_px": 1}, [("v2", 4, 2)], id="a pixel"),
    ],
)
def test_sizes_never_exceed_the_source_and_keep_its_shape(fields: dict[str, Any], sizes: list[tuple[str, int, int]]) -> None:
    assert sizes_of(**fields) == sizes


@pytest.mark.parametrize(
    ("rate", "out", "is_variable", "gop", "timescale"),
    [
        ((24000, 1001), (24000, 1001), False, 48, 24000),
        ((24, 1), (24, 1), False, 48, 12288),
        ((25, 1), (25, 1), False, 50, 12800),
        ((30000, 1001), (30000, 1001), False, 60, 30000),
        ((30, 1), (30, 1), False, 60, 15360),
        ((50, 1), (50, 1), False, 100, 12800),
        ((60000, 1001), (60000, 1001), False, 120, 60000),
        ((60, 1), (60, 1), False, 120, 15360),
        ((25, 2), (25, 2), False, 25, 12800),
        ((100, 1), (50, 1), False, 100, 12800),
        ((120000, 1001), (60000, 1001), False, 120, 60000),
        ((240, 1), (60, 1), False, 120, 15360),
        ((1, 1), (1, 1), False, 2, 16384),
        ((19001, 317), (60000, 1001), False, 120, 60000),  # Matroska, from nanoseconds
        ((359000, 12034), (30000, 1001), True, 60, 30000),  # a telephone, a few frames short
        ((2487, 100), (25, 1), True, 50, 12800),
        ((1733, 100), (30, 1), True, 60, 15360),
        ((4711, 100), (60, 1), True, 120, 15360),
        ((None, None), (30, 1), True, 60, 15360),
    ],
)
def test_rates_are_exact_and_the_grid_is_whole_frames(
    rate: tuple[int, int], out: tuple[int, int], is_variable: bool, gop: int, timescale: int
) -> None:
    facts = facts_of(frame_rate_num=rate[0], frame_rate_den=rate[1])
    grid = encoding.grid_for(facts)
    assert (facts.rate, facts.is_variable) == (Fraction(*out), is_variable)
    assert (grid.frames_per_gop, grid.frames_per_segment) == (gop, 2 * gop)
    assert encoding.timescale_of(facts.rate) == timescale
    assert (timescale / facts.rate).denominator == 1


def test_the_grid_counts_every_frame_once() -> None:
    grid = encoding.make_grid(Fraction(30000, 1001), 1000)
    assert (grid.count, grid.first_frame(1), grid.first_frame(9)) == (9, 120, 1000)
    assert [grid.duration_of(index) * grid.rate for index in range(grid.count)] == [120] * 8 + [40]
    assert sum(map(grid.duration_of, range(grid.count))) == grid.duration == Fraction(1000 * 1001, 30000)
    for index in range(grid.count):
        assert grid.index_at(grid.start_of(index)) == index
        assert grid.index_at(grid.start_of(index) - Fraction(1, 10**9)) == max(0, index - 1)
    assert grid.index_at(10**6) == grid.count - 1


def test_audio_packets_belong_to_the_segment_they_begin_in() -> None:
    grid = encoding.make_grid(Fraction(30000, 1001), 1000)
    assert [grid.first_packet(index) for index in range(3)] == [0, 188, 376]  # 4.004 s are 187.6875 packets
    for index in range(grid.count):
        start = Fraction(grid.first_packet(index) * 1024, 48_000)
        assert grid.start_of(index) <= start < grid.start_of(index) + Fraction(1024, 48_000)


def test_sound_alone_has_a_grid_of_packets() -> None:
    grid = encoding.audio_grid_for(Fraction(10))
    assert (grid.rate, grid.frames_per_segment, grid.total_frames, grid.count) == (Fraction(375, 8), 188, 469, 3)
    assert [grid.first_packet(index) for index in range(4)] == [0, 188, 376, 564]


def test_a_file_without_a_picture_has_no_picture_facts() -> None:
    song = make_file("song.mp3", source=make_source())
    make_stream(song, "audio", codec="mp3")
    make_stream(song, "video", codec="mjpeg")  # its cover
    assert encoding.picture_facts(song) is None


@pytest.mark.parametrize(
    ("size", "rate", "level"),
    [
        ((320, 180), 25, 13), ((640, 360), 25, 30), ((640, 360), 60, 31), ((854, 480), 30, 31), ((1280, 720), 30, 31),
        ((1280, 720), 60, 32), ((1920, 1080), 30, 40), ((1920, 1080), 60, 42), ((1080, 1920), 25, 40), ((2592, 1080), 24, 51),
    ],
)  # fmt: skip
def test_the_level_is_the_lowest_that_allows_the_picture(size: tuple[int, int], rate: int, level: int) -> None:
    top = encoding.rungs_for(facts_of(width_px=size[0], height_px=size[1], frame_rate_num=rate, frame_rate_den=1))[0]
    assert top.level == level
    assert encoding.codecs_of(top) == f"avc1.6400{level:02x}"


def test_fast_pictures_may_use_more_bits() -> None:
    slow, fast = (encoding.rungs_for(facts_of(frame_rate_num=rate, frame_rate_den=1))[0] for rate in (30, 60))
    assert (slow.max_bps, fast.max_bps) == (6_000_000, 9_000_000)
    assert encoding.bandwidth_of(fast) > fast.max_bps


@pytest.mark.parametrize(
    ("order", "is_interlaced", "top_first"),
    [
        ("progressive", False, False),
        ("", False, False),
        ("tt", True, True),
        ("bb", True, False),
        ("tb", True, False),
        ("bt", True, True),
    ],
)
def test_what_is_interlaced_is_woven_out_by_the_field_shown_first(order: str, is_interlaced: bool, top_first: bool) -> None:
    facts = facts_of(field_order=order)
    assert (facts.is_interlaced, facts.top_field_first) == (is_interlaced, top_first)
    assert ("bwdif" in chain_of(facts)) == is_interlaced
    if is_interlaced:
        assert f"parity={'tff' if top_first else 'bff'}" in chain_of(facts)


def chain_of(facts: encoding.PictureFacts) -> str:
    """The filters, as ffmpeg gets them."""
    video = encoding.video_filters(ffmpeg.input("in").video, facts, encoding.rungs_for(facts)[0])
    words: list[str] = ffmpeg.output(video, "out").get_args()
    return words[words.index("-filter_complex") + 1]


@pytest.mark.parametrize(
    ("stream", "names"),
    [
        pytest.param({}, "fps scale setsar format setparams", id="SDR"),
        pytest.param(
            {"color_transfer": "smpte2084", "color_primaries": "bt2020", "color_space": "bt2020nc"},
            "fps zscale format tonemap zscale format setsar",
            id="PQ",
        ),
        pytest.param(
            {"color_transfer": "arib-std-b67", "color_primaries": "bt2020", "color_space": "bt2020nc"},
            "fps zscale format tonemap zscale format setsar",
            id="HLG",
        ),
        pytest.param(
            {"color_transfer": "bt2020-10", "color_primaries": "bt2020", "color_space": "bt2020nc"},
            "fps zscale format zscale format setsar",
            id="BT.2020 without HDR",
        ),
    ],
)
def test_filters_by_colour(stream: dict[str, Any], names: str) -> None:
    assert re.findall(r"\](\w+)=", chain_of(facts_of(**stream))) == names.split()


@pytest.mark.parametrize(
    ("stream", "matrix"),
    [
        ({}, "bt709"),
        ({"width_px": 720, "height_px": 576}, "smpte170m"),
        ({"width_px": 720, "height_px": 576, "color_space": "bt709"}, "bt709"),
        ({"color_space": "bt470bg"}, "bt470bg"),
    ],
)
def test_the_colour_matrix_is_always_said(stream: dict[str, Any], matrix: str) -> None:
    assert f"colorspace={matrix}" in chain_of(facts_of(**stream))


def test_full_range_becomes_that_of_video() -> None:
    assert "in_range=pc" in chain_of(facts_of(pixel_format="yuvj420p"))
    assert "in_range" not in chain_of(facts_of(pixel_format="yuv420p"))


def test_audio_streams_become_tracks_with_one_default() -> None:
    file = film()
    make_stream(file, "audio", language="kor", title="해설")
    make_stream(file, "audio", language="eng", channels=6, is_default=True)
    make_stream(file, "audio", codec="")
    made = encoding.audio_facts(file)
    assert [(track.name, track.stream_index, track.channels, track.language, track.title, track.is_default) for track in made] == [
        ("a0", 1, 2, "kor", "해설", False),
        ("a1", 2, 6, "eng", "", True),
    ]
    assert encoding.audio_options(2)["ac"] == 2
    assert encoding.audio_options(6)["ac"] == 6


def test_without_a_marked_one_the_first_audio_stream_is_the_default() -> None:
    file = film()
    make_stream(file, "audio")
    make_stream(file, "audio")
    assert [track.is_default for track in encoding.audio_facts(file)] == [True, False]


def test_only_subtitles_of_text_become_tracks() -> None:
    file = film()
    make_stream(file, "subtitle", codec="dvd_subtitle")
    make_stream(file, "subtitle", codec="subrip", language="kor", title="한국어")
    make_stream(file, "subtitle", codec="mov_text")
    assert [(track.name, track.stream_index, track.language, track.title) for track in encoding.subtitle_facts(file)] == [
        ("s0", 2, "kor", "한국어"),
        ("s1", 3, "", ""),
    ]
