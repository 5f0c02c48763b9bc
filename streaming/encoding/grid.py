"""Where segments begin: in whole frames of an exact rate, whatever is in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from mam.lib.media import aac

if TYPE_CHECKING:
    from streaming.encoding.facts import PictureFacts

AUDIO_RATE_HZ = 48_000
GOP_S = 2  # a keyframe so often; a segment is two of them
SEGMENT_GOPS = 2
_LEAST_TICKS = 10_000  # a second, as ffmpeg does it


@dataclass(frozen=True, slots=True)
class SegmentGrid:
    """Where segments begin, in whole frames: two GOPs each, the last one shorter. Independent of the content.

    For a file without a picture a frame is one AAC packet.
    """

    rate: Fraction  # frames a second
    frames_per_gop: int
    frames_per_segment: int
    total_frames: int  # by the catalog's duration; what is decoded decides in the end

    @property
    def count(self) -> int:
        """How many segments there are."""
        return ceil(Fraction(self.total_frames, self.frames_per_segment))

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.total_frames / self.rate

    def first_frame(self, index: int) -> int:
        """The number of the first frame of a segment; for `count`, the number of frames."""
        return min(index * self.frames_per_segment, self.total_frames)

    def start_of(self, index: int) -> Fraction:
        """Seconds from the first frame."""
        return self.first_frame(index) / self.rate

    def duration_of(self, index: int) -> Fraction:
        """Seconds."""
        return self.start_of(index + 1) - self.start_of(index)

    def index_at(self, seconds: Fraction | float) -> int:
        """The segment that is shown at a time; the last one after the end."""
        frame = int(Fraction(seconds) * self.rate)
        return max(0, min(frame // self.frames_per_segment, self.count - 1))

    def first_packet(self, index: int) -> int:
        """The first AAC packet that begins in a segment. Packet k covers samples [1024 k, 1024 (k + 1)).

        Also for segments after the last one: sound may go on longer than the picture.
        """
        return ceil(index * self.frames_per_segment / self.rate * AUDIO_RATE_HZ / aac.PACKET_SAMPLES)


def grid_for(facts: PictureFacts) -> SegmentGrid:
    """The segment grid of a file with a picture."""
    return make_grid(facts.rate, round(facts.duration * facts.rate))


def audio_grid_for(duration: Fraction) -> SegmentGrid:
    """The segment grid of a file without a picture, in AAC packets; `duration` in seconds."""
    rate = Fraction(AUDIO_RATE_HZ, aac.PACKET_SAMPLES)
    return make_grid(rate, ceil(duration * rate))


def make_grid(rate: Fraction, total_frames: int) -> SegmentGrid:
    """The grid of `total_frames` frames at `rate`: a GOP is the whole number of frames next to two seconds."""
    gop = max(1, round(GOP_S * rate))
    return SegmentGrid(rate=rate, frames_per_gop=gop, frames_per_segment=SEGMENT_GOPS * gop, total_frames=total_frames)


def timescale_of(rate: Fraction) -> int:
    """Ticks a second of a video track in which each frame lasts a whole number of ticks; at least 10,000, as ffmpeg does it."""
    scale = rate.numerator
    while scale < _LEAST_TICKS:
        scale *= 2
    return scale
