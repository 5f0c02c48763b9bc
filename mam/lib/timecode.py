"""Timecode labels of frame numbers. A label is for people; a position is always an integer frame and an exact rate.

`static/js/timecode.js` is the same in the browser; both are tested from `tests/timecode_vectors.json`. Rates are exact fractions
(30000/1001). Drop-frame is a flag, never inferred from the rate; it exists for 29.97 and 59.94 only, elsewhere it is ignored.
"""

from __future__ import annotations

import re
from fractions import Fraction

_MINUTES_PER_DAY = 24 * 60
_HALF = Fraction(1, 2)
_FULL = re.compile(r"(\d{1,2})[:;.,](\d{1,2})[:;.,](\d{1,2})[:;.,](\d{1,3})", re.ASCII)
_PARTIAL = re.compile(r"(?:(\d{1,2})[:;.,])?(\d{1,3})[:;.,](\d{1,3})", re.ASCII)
_FRAME = re.compile(r"#\s*(\d{1,9})", re.ASCII)


# --- frames and seconds -----------------------------------------------------------------------------------------------
def frame_at(seconds: Fraction | float, rate: Fraction) -> int:
    """The frame shown at a media time, which players round to about a microsecond (FACTS, Playing 4)."""
    return int((Fraction(seconds) * rate + _HALF) // 1)


def middle_of(frame: int, rate: Fraction) -> Fraction:
    """Seconds to seek to for `frame`: its middle. At its start, rounding shows the frame before about every other time."""
    return (frame + _HALF) / rate


# --- labels -----------------------------------------------------------------------------------------------------------
def label(frame: int, rate: Fraction, *, is_drop_frame: bool = False) -> str:
    """SMPTE label of `frame` (0 is 00:00:00:00), `HH:MM:SS:FF`, with `;` where frames are dropped (SMPTE ST 12-1).

    After 24 hours labels begin again. Raises ValueError for a negative frame or a rate that is not positive.
    """
    if frame < 0 or rate <= 0:
        raise ValueError("a timecode needs a frame >= 0 and a rate > 0")
    nominal = nominal_rate(rate)
    seconds, frames = divmod(label_number(frame, rate, is_drop_frame=is_drop_frame), nominal)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    separator = ";" if _dropped(rate, is_drop_frame=is_drop_frame) else ":"
    return separator.join((f"{hour:02}", f"{minute:02}", f"{second:02}", f"{frames:0{max(2, len(str(nominal - 1)))}}"))


def frame_number(label: str, rate: Fraction, *, is_drop_frame: bool = False) -> int:
    """The frame that carries `label`, the inverse of `label()`; separators do not matter, the flag does.

    Raises ValueError for anything that is no label at this rate, also for the labels that drop-frame leaves out.
    """
    match = _FULL.fullmatch(label)
    if match is None:
        raise ValueError(f"no timecode: {label!r}")
    hours, minutes, seconds, frames = map(int, match.groups())
    nominal = nominal_rate(rate)
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        raise ValueError(f"no timecode at {rate} frames a second: {label!r}")
    if minutes % 10 and not seconds and frames < _dropped(rate, is_drop_frame=is_drop_frame):
        raise ValueError(f"drop-frame leaves this label out: {label!r}")
    return frame_of_number(((hours * 60 + minutes) * 60 + seconds) * nominal + frames, rate, is_drop_frame=is_drop_frame)


def typed_frame(text: str, rate: Fraction, *, is_drop_frame: bool = False, start: int = 0, current: int = 0) -> int:
    """The frame a person means, counted from the first one of a file whose first label is that of frame `start`.

    `01:02:03:04` (or eight digits): the label in the source. `2:15`, `1215`: so long after the first frame, filled from the right.
    `+12`, `-1:00`: from `current` on. `#1234`: a frame number. A label that drop-frame leaves out means the next one that exists.
    The frame may lie behind the end of the file. Raises ValueError for what is none of these.
    """
    words = text.strip()
    if match := _FRAME.fullmatch(words):
        return int(match[1])
    if words[:1] in {"+", "-"}:
        distance = frame_of_number(_partial_number(words[1:].strip(), nominal_rate(rate)), rate, is_drop_frame=is_drop_frame)
        return max(0, current + (distance if words[0] == "+" else -distance))
    if re.fullmatch(r"\d{7,8}", words, re.ASCII):
        words = ":".join(re.findall("..", words.zfill(8)))
    if not _FULL.fullmatch(words):
        return frame_of_number(_partial_number(words, nominal_rate(rate)), rate, is_drop_frame=is_drop_frame)
    frame = frame_number(_existing(words, rate, is_drop_frame=is_drop_frame), rate, is_drop_frame=is_drop_frame)
    return (frame - start) % frames_per_day(rate, is_drop_frame=is_drop_frame)


def frames_per_day(rate: Fraction, *, is_drop_frame: bool = False) -> int:
    """How many frames carry different labels; the next one is 00:00:00:00 again."""
    dropped_minutes = _MINUTES_PER_DAY - _MINUTES_PER_DAY // 10
    return _MINUTES_PER_DAY * 60 * nominal_rate(rate) - dropped_minutes * _dropped(rate, is_drop_frame=is_drop_frame)


def nominal_rate(rate: Fraction) -> int:
    """Frames counted by one second of labels: 24 for 23.976, 30 for 29.97."""
    return max(round(rate), 1)


# --- arithmetic: integer operators only, so that arrays of numbers pass as well (the tests send every frame of a day) ---
def label_number(frame: int, rate: Fraction, *, is_drop_frame: bool = False) -> int:
    """Place of the label of `frame` among all labels of a day, those left out included."""
    number = frame % frames_per_day(rate, is_drop_frame=is_drop_frame)
    dropped = _dropped(rate, is_drop_frame=is_drop_frame)
    if not dropped:
        return number
    per_minute = 60 * nominal_rate(rate) - dropped
    tens = number // (10 * per_minute + dropped)
    rest = number % (10 * per_minute + dropped)
    minutes = (rest - dropped) // per_minute + (rest < dropped)  # the first minute of ten keeps its labels
    return number + 9 * dropped * tens + dropped * minutes


def frame_of_number(number: int, rate: Fraction, *, is_drop_frame: bool = False) -> int:
    """The frame whose label stands at place `number`: the inverse of `label_number()`."""
    minutes = number // (60 * nominal_rate(rate))
    return number - _dropped(rate, is_drop_frame=is_drop_frame) * (minutes - minutes // 10)


def _dropped(rate: Fraction, *, is_drop_frame: bool) -> int:
    """Labels left out at each minute but every tenth: 2 at 29.97, 4 at 59.94, 0 where nothing is dropped."""
    nominal = nominal_rate(rate)
    return nominal // 15 if is_drop_frame and rate.denominator == 1001 and nominal in (30, 60) else 0


def _partial_number(text: str, nominal: int) -> int:
    """`215`, `2:15` -> 2 seconds and 15 frames, in labels; fields may be larger than a label's. ValueError."""
    if match := _PARTIAL.fullmatch(text):
        fields = match.groups(default="0")
    elif re.fullmatch(r"\d{1,6}", text, re.ASCII):
        fields = tuple(re.findall("..", text.zfill(6)))
    else:
        raise ValueError(f"no timecode: {text!r}")
    minutes, seconds, frames = map(int, fields)
    return (minutes * 60 + seconds) * nominal + frames


def _existing(label: str, rate: Fraction, *, is_drop_frame: bool) -> str:
    """`label`, or the first that exists after it where drop-frame leaves it out."""
    hours, minutes, seconds, frames = (int(field) for field in re.split("[:;.,]", label))
    dropped = _dropped(rate, is_drop_frame=is_drop_frame)
    if minutes % 10 and not seconds and frames < dropped:
        frames = dropped
    return f"{hours:02}:{minutes:02}:{seconds:02}:{frames:02}"
