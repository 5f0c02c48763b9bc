"""Values of fields as people write them: `>1h30m`, `10m..30m`, `>=1080p`, `2GB`, `2020..2024`. No Django here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.search.wanted import Bounds

_SIGNS = ("", "=", ">", ">=", "<", "<=")
_SPOKEN = re.compile(r"(?:(\d+(?:\.\d+)?)(?:h|시간))?(?:(\d+(?:\.\d+)?)(?:m(?:in)?|분))?(?:(\d+(?:\.\d+)?)(?:s|초))?")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmgt]?)i?b?")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_CODECS = {  # as people and other programs call them -> as FFmpeg does
    **dict.fromkeys(("264", "avc", "avc1", "x264"), "h264"),
    **dict.fromkeys(("265", "h265", "x265", "hev1", "hvc1"), "hevc"),
    **dict.fromkeys(("mpeg2", "m2v"), "mpeg2video"),
    "dnxhr": "dnxhd",
    "srt": "subrip",
    "vtt": "webvtt",
}
_LINES = {"sd": 480, "hd": 720, "fullhd": 1080, "fhd": 1080, "qhd": 1440, "2k": 1080, "4k": 2160, "uhd": 2160, "8k": 4320}
_FIXED = {  # as people, and the pages, say it in Korean -> as it is kept
    "있음": "present",
    "기록중": "growing",
    "보류": "held",
    **dict.fromkeys(("없어짐", "누락", "없음"), "missing"),
    **dict.fromkeys(("분석대기중", "대기", "대기중"), "pending"),
    **dict.fromkeys(("읽을수없음", "실패"), "failed"),
    **dict.fromkeys(("비디오", "동영상", "영상"), "video"),
    **dict.fromkeys(("오디오", "소리"), "audio"),
    **dict.fromkeys(("이미지", "그림", "사진"), "image"),
    "자막": "subtitle",
    "기타": "other",
    "예": "yes",
    **dict.fromkeys(("아니요", "아니오"), "no"),
}
_ABOUT = 0.1  # what a plain length or size may differ by
_MOST = 2**62  # more than anything is, and a number for both databases even if something is added to it


def bounds(text: str, read: Callable[[str], int | None], *, is_rough: bool = False) -> Bounds | None:
    """low <= x < high for a comparison (`>`, `>=`, `<`, `<=`), a span (`a..b`, both included) or a value; None for what is none.

    `is_rough`: a value means all that is near it, and what is above one begins with it.
    """
    low_text, dots, high_text = text.lower().replace(" ", "").partition("..")
    if dots:
        low, high = read(low_text), read(high_text)
        is_readable = (low is not None or not low_text) and (high is not None or not high_text) and bool(low_text or high_text)
        return (low, None if high is None else high + 1) if is_readable else None
    value_text = low_text.lstrip("<>=")
    sign, value = low_text.removesuffix(value_text), read(value_text)
    if value is None or sign not in _SIGNS:
        return None
    match sign:
        case ">":
            return value + (not is_rough), None
        case ">=":
            return value, None
        case "<":
            return None, value
        case "<=":
            return None, value + 1
    return (round(value * (1 - _ABOUT)), round(value * (1 + _ABOUT)) + 1) if is_rough else (value, value + 1)


def duration_ms(text: str) -> int | None:
    """`1h30m`, `90m`, `45s`, `1:30:00`, `2:05`, `1시간 30분`; a bare number is minutes."""
    if text.isdecimal():
        return _whole(float(text) * 60_000)
    found = _CLOCK.fullmatch(text) or (_SPOKEN.fullmatch(text) if text else None)
    if not found:
        return None
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return _whole(((hours * 60 + minutes) * 60 + seconds) * 1000)


def size_bytes(text: str) -> int | None:
    """`500MB`, `1.5GB`, `2tb`: powers of 1000, as disks and the pages count. A bare number is bytes."""
    found = _SIZE.fullmatch(text)
    return _whole(float(found[1]) * 1000 ** _POWERS[found[2]]) if found else None


def _whole(number: float) -> int:
    return round(min(number, _MOST))


def lines(text: str) -> int | None:
    """`1080p`, `1080`, `4k`, `hd`."""
    if text in _LINES:
        return _LINES[text]
    number = text.removesuffix("p").removesuffix("i")
    return int(number) if number.isdecimal() and len(number) <= 5 else None


def codec(text: str) -> str:
    """`H.265`, `x265`, `hevc`: as FFmpeg calls it, or as it is written."""
    plain = text.lower().translate({ord(sign): None for sign in ".-_ "})
    return _CODECS.get(plain, plain)


def fixed(text: str) -> str:
    """A value of a field that takes fixed words: `missing`, `없어짐`."""
    return _FIXED.get(text.replace(" ", ""), text)


def year(text: str) -> int | None:
    """Four digits: `2024`, `2024년`."""
    text = text.removesuffix("년")
    return int(text) if text.isdecimal() and len(text) == 4 else None
