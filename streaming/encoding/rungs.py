"""The ladder: which sizes a picture is offered in."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streaming.encoding.facts import PictureFacts

# H.264 (ITU-T H.264, table A-1): level -> macroblocks a second, macroblocks a frame.
_LEVELS = {
    13: (11_880, 396),
    21: (19_800, 792),
    30: (40_500, 1_620),
    31: (108_000, 3_600),
    32: (216_000, 5_120),
    40: (245_760, 8_192),
    42: (522_240, 8_704),
    51: (983_040, 36_864),
}
_HIGH_PROFILE = 100
_FAST = 31  # frames a second from which on a picture may use half as much again


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of a ladder. Even sides, square pixels."""

    name: str  # "v720", by the short side
    width_px: int
    height_px: int
    crf: int
    max_bps: int  # of the video; what a decoder's buffer of one second never exceeds
    level: int  # of H.264, times ten


def rungs_for(facts: PictureFacts) -> tuple[Rung, ...]:
    """The ladder, largest first: the presets' sizes that the source reaches; its own size if it is smaller than all of them."""
    presets = settings.MAM_PRESETS["hls"]["rungs"]
    short = min(facts.width_px, facts.height_px)
    reached = [preset for preset in presets if preset["short_px"] <= short]
    return tuple(rung_of(facts, preset) for preset in reached or [min(presets, key=lambda preset: preset["short_px"])])


def rung_of(facts: PictureFacts, preset: Mapping[str, Any]) -> Rung:
    """The rung that `preset` (short_px, crf, max_bps) gives; a source that is smaller keeps its size."""
    short_px = min(preset["short_px"], max(2, min(facts.width_px, facts.height_px) // 2 * 2))
    width, height = fitted(facts, short_px)
    max_bps = preset["max_bps"]
    return Rung(
        name=f"v{short_px}",
        width_px=width,
        height_px=height,
        crf=preset["crf"],
        max_bps=max_bps * 3 // 2 if facts.rate > _FAST else max_bps,
        level=_level(width, height, facts.rate),
    )


def fitted(facts: PictureFacts, short_px: int) -> tuple[int, int]:
    """Width and height with the picture's aspect and this short side; both even."""
    scale = Fraction(short_px, min(facts.width_px, facts.height_px))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (facts.width_px, facts.height_px))
    return width, height


def _level(width: int, height: int, rate: Fraction) -> int:
    """The lowest level of H.264 that allows this picture; decoders refuse what says less than it needs."""
    frame = ceil(width / 16) * ceil(height / 16)
    for level, (per_second, per_frame) in _LEVELS.items():
        if frame <= per_frame and frame * rate <= per_second:
            return level
    return max(_LEVELS)


def bandwidth_of(rung: Rung) -> int:
    """Bits a second to declare before it is made: what a segment of four seconds needs at most, the buffer's second included."""
    return rung.max_bps * 5 // 4 + 20_000


def codecs_of(rung: Rung) -> str:
    """RFC 6381: H.264 High without constraints, at the rung's level."""
    return f"avc1.{_HIGH_PROFILE:02x}00{rung.level:02x}"
