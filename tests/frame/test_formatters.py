"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from mam.templatetags import mam_format

SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_995, "10.0 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),  # never "1000 kB"
        (1_234_567, "1.23 MB"),
        (21_474_836_480, "21.5 GB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_sizes_have_three_digits_in_decimal_units(size_bytes: int | None, text: str) -> None:
    assert mam_format.format_bytes(size_bytes) == text.replace(" ", SPACE)


@pytest.mark.parametrize(("bit_rate_bps", "text"), [(None, "–"), (128_000, "128 kbps"), (8_012_345, "8.01 Mbps")])
def test_bit_rates_are_bits_per_second(bit_rate_bps: int | None, text: str) -> None:
    assert mam_format.format_bit_rate(bit_rate_bps) == text.replace(" ", SPACE)


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(None, "–"), (0, "0:00"), (900, "0:01"), (59_499, "0:59"), (59_500, "1:00"), (3_599_999, "1:00:00"), (3_723_004, "1:02:03")],
)
def test_durations_are_rounded_to_seconds(duration_ms: int | None, text: str) -> None:
    assert mam_format.format_duration(duration_ms) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (None, "–"),
        (Fraction(24000, 1001), "23.976 fps"),
        (Fraction(25), "25 fps"),
        (Fraction(30000, 1001), "29.97 fps"),
        (Fraction(60000, 1001), "59.94 fps"),
        (Fraction(25, 2), "12.5 fps"),
        (Fraction(100), "100 fps"),
    ],
)
def test_frame_rates_are_written_as_the_field_writes_them(rate: Fraction | None, text: str) -> None:
    assert mam_format.format_frame_rate(rate) == text.replace(" ", SPACE)


@pytest.mark.parametrize(
    ("width_px", "height_px", "name"),
    [
        (1920, 1080, "1080p"),
        (1080, 1920, "1080p"),  # a phone held upright
        (1920, 800, "1080p"),  # wide screen
        (1440, 1080, "1080p"),  # HDV
        (3840, 2160, "4K"),
        (3996, 2160, "4K"),
        (7680, 4320, "8K"),
        (1280, 720, "720p"),
        (720, 576, "SD"),
        (640, 480, "SD"),
        (960, 540, "SD"),
        (320, 180, "480p 미만"),
        (None, None, ""),
    ],
)
def test_a_resolution_has_the_name_people_use(width_px: int | None, height_px: int | None, name: str) -> None:
    with translation.override("ko"):
        assert mam_format.classify_resolution(width_px, height_px) == name


@pytest.mark.parametrize(
    ("container", "extension", "name"),
    [
        ("mov,mp4,m4a,3gp,3g2,mj2", "mp4", "MP4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "MOV", "QuickTime"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "m4v", "QuickTime"),
        ("matroska,webm", "mkv", "Matroska"),
        ("matroska,webm", "webm", "WebM"),
        ("mpegts", "ts", "MPEG-TS"),
        ("mxf", "mxf", "MXF"),
        ("", "", "–"),
    ],
)
def test_a_container_has_the_name_people_use(container: str, extension: str, name: str) -> None:
    assert mam_format.format_container(container, extension) == name


@pytest.mark.parametrize(
    ("seconds", "korean", "english"),
    [
        (3, "방금", "just now"),
        (61, "1분 전", "1 minute ago"),
        (7_300, "2시간 전", "2 hours ago"),
        (200_000, "2일 전", "2 days ago"),
        (-7_300, "2시간 후", "in 2 hours"),
    ],
)
def test_times_are_said_by_their_distance(seconds: int, korean: str, english: str) -> None:
    moment = timezone.now() - timedelta(seconds=seconds)
    for language, words in (("ko", korean), ("en", english)):
        with translation.override(language):
            assert f">{words}</time>" in mam_format.format_relative_time(moment)


def test_the_absolute_time_is_in_the_viewers_zone() -> None:
    moment = datetime(2026, 3, 14, 16, 30, 5, tzinfo=UTC)
    with timezone.override(ZoneInfo("Asia/Seoul")):
        assert mam_format.format_absolute_time(moment) == "2026-03-15 01:30:05 KST"
        assert 'title="2026-03-15 01:30:05 KST"' in mam_format.format_relative_time(moment)


def test_file_times_outside_of_every_calendar_are_unknown() -> None:
    assert mam_format.moment_from_ns(1_773_505_805_000_000_000) == datetime(2026, 3, 14, 16, 30, 5, tzinfo=UTC)
    assert mam_format.moment_from_ns(10**30) is None


@pytest.mark.parametrize(
    ("done", "total", "unit", "text"),
    [
        (1200, 5000, "files", "1,200 of 5,000 files"),
        (1200, None, "folders", "1,200 folders"),
        (1_500_000, 3_000_000, "bytes", "1.50 MB of 3.00 MB"),
        (3, 7, "anything", "3 of 7"),
    ],
)
def test_progress_is_told_in_its_own_unit(done: int, total: int | None, unit: str, text: str) -> None:
    with translation.override("en"):
        assert mam_format.progress_amount(done, total, unit) == text.replace(" MB", f"{SPACE}MB")


def test_timecode_takes_the_files_own_rate_and_flag() -> None:
    template = Template("{% load mam_format %}{% timecode frame rate is_drop_frame=True %} {% timecode None rate %}")
    assert template.render(Context({"frame": 107_957, "rate": Fraction(30000, 1001)})) == "01;00;02;05 –"
