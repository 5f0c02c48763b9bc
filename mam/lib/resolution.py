"""Classes of resolution: what is shown of a picture's size is what is searched for."""

from __future__ import annotations

from bisect import bisect_right

# Lower bounds in lines: what is at least so high, or as wide as 16:9 of that height (1920x800 is 1080p), within a tenth.
RESOLUTIONS = (0, 480, 720, 1080, 1440, 2160, 4320)
_TOLERANCE = 0.9


def lines_of(width_px: int | None, height_px: int | None) -> int | None:
    """Lower bound of the resolution class, of RESOLUTIONS; None when there is no picture. Upright pictures count by their width."""
    if not width_px or not height_px:
        return None
    long, short = max(width_px, height_px), min(width_px, height_px)
    return class_of(int(max(short, long * 9 / 16) / _TOLERANCE))


def class_of(lines: int) -> int:
    """Lower bound of the class that so many lines are of."""
    return RESOLUTIONS[bisect_right(RESOLUTIONS, lines) - 1]
