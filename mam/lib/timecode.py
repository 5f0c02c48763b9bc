"""Timecode labels of frame numbers. A label is for people; a position is always an integer frame and an exact rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction


def label(frame: int, rate: Fraction, *, is_drop_frame: bool = False) -> str:
    """SMPTE label of `frame` (0 is 00:00:00:00), `HH:MM:SS:FF`, with `;` where frames are dropped (SMPTE ST 12-1).

    `rate` is exact (30000/1001). Drop-frame exists for 29.97 and 59.94 only; for other rates the flag is ignored, and it
    is never inferred from the rate. Raises ValueError for a negative frame or a rate that is not positive.
    """
    if frame < 0 or rate <= 0:
        raise ValueError("a timecode needs a frame >= 0 and a rate > 0")
    nominal = max(round(rate), 1)
    drops = is_drop_frame and _can_drop(rate)
    number = _skip_dropped_labels(frame, nominal) if drops else frame
    seconds, frames = divmod(number, nominal)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    separator = ";" if drops else ":"
    return separator.join((f"{hour:02}", f"{minute:02}", f"{second:02}", f"{frames:0{max(2, len(str(nominal - 1)))}}"))


def _skip_dropped_labels(frame: int, nominal: int) -> int:
    """Number of the label that `frame` carries: two labels (four at 60) are skipped each minute but every tenth."""
    dropped = nominal // 15
    per_minute = 60 * nominal - dropped
    per_ten_minutes = 600 * nominal - 9 * dropped
    tens, rest = divmod(frame, per_ten_minutes)
    minutes = (rest - dropped) // per_minute if rest >= dropped else 0
    return frame + 9 * dropped * tens + dropped * minutes


def frame_number(label: str, rate: Fraction, *, is_drop_frame: bool = False) -> int:
    """The frame that carries `label`, the inverse of `label()`; separators do not matter, the flag does.

    Raises ValueError for anything that is no label at this rate, also for the labels that drop-frame leaves out.
    """
    parts = label.replace(";", ":").replace(".", ":").split(":")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"no timecode: {label!r}")
    hours, minutes, seconds, frames = map(int, parts)
    nominal = max(round(rate), 1)
    if minutes > 59 or seconds > 59 or frames >= nominal:
        raise ValueError(f"no timecode at {rate} frames a second: {label!r}")
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if not (is_drop_frame and _can_drop(rate)):
        return number
    dropped = nominal // 15
    if minutes % 10 and not seconds and frames < dropped:
        raise ValueError(f"drop-frame leaves this label out: {label!r}")
    total_minutes = hours * 60 + minutes
    return number - dropped * (total_minutes - total_minutes // 10)


def _can_drop(rate: Fraction) -> bool:
    """Drop-frame exists for 29.97 and 59.94 only."""
    return rate.denominator == 1001 and round(rate) in (30, 60)
