"""WebVTT as a track of a stream: cues counted from media time 0, with the line that ties them to it (RFC 8216, 3.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_TIMING = re.compile(r"^((?:\d+:)?\d\d:\d\d\.\d{3}) --> ((?:\d+:)?\d\d:\d\d\.\d{3})(.*)$")
_HEAD = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n"


def for_stream(text: str, zero: Fraction) -> str:
    """What ffmpeg wrote, moved so that `zero` (seconds) becomes media time 0; cues that end before it are left out."""
    blocks = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip())
    kept = [moved for block in blocks[1:] if (moved := _moved(block, round(zero * 1000)))]
    return "\n\n".join([_HEAD.rstrip("\n"), *kept]) + "\n"


def _moved(block: str, zero_ms: int) -> str:
    """A cue at its new time; "" if there is none in this block."""
    lines = block.split("\n")
    for number, line in enumerate(lines):
        timing = _TIMING.match(line)
        if timing is not None:
            start, end = (_milliseconds(timing[side]) - zero_ms for side in (1, 2))
            if end <= 0 or not any(lines[number + 1 :]):
                return ""
            return "\n".join([f"{_clock(max(0, start))} --> {_clock(end)}{timing[3]}", *lines[number + 1 :]])
    return ""


def _milliseconds(clock: str) -> int:
    whole, _, thousandths = clock.partition(".")
    seconds = 0
    for part in whole.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds * 1000 + int(thousandths)


def _clock(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"
