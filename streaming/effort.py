"""What encoding costs, before it is done and after: processor time of a whole ladder by the preset table, and the sums of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Sum

from streaming import encoding
from streaming.choices import PlaybackMode, RenditionKind
from streaming.models import Playback, Rendition

if TYPE_CHECKING:
    from catalog.models import MediaFile

# Processor nanoseconds for each encoded pixel at x264's superfast, and for each second of AAC; decoding and scaling included. Measured
# with ffmpeg 5.1 on two busy cores, generated 1080p25 H.264 to all four rungs: 16.3 (flat drawing), 20.1 (fractal) and 21.2 (noise)
# nanoseconds, 27 milliseconds a second of stereo. Good for sums, not for plans: content and machine change it by a third and more.
_NS_PER_PIXEL = 18.0
_NS_PER_AUDIO_SECOND = 27_000_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Spent:
    """What making one kind of rendition has cost."""

    kind: str
    count: int
    size_bytes: int
    cpu_ms: int

    @property
    def label(self) -> str:
        """The kind in the reader's language."""
        return str(RenditionKind(self.kind).label)

    @property
    def core_hours(self) -> float:
        """Of one processor."""
        return self.cpu_ms / _HOUR_MS


@dataclass(frozen=True, slots=True)
class Needed:
    """Files that are played in one way, and what encoding all of them would cost."""

    mode: str
    count: int
    cpu_ms: int

    @property
    def label(self) -> str:
        """The mode in the reader's language."""
        return str(PlaybackMode(self.mode).label)

    @property
    def core_hours(self) -> float:
        """Of one processor."""
        return self.cpu_ms / _HOUR_MS


@dataclass(frozen=True, slots=True)
class Effort:
    """Core-hours of the whole archive."""

    spent: list[Spent]
    needed: list[Needed]

    @property
    def spent_hours(self) -> float:
        """By what is stored now."""
        return sum(one.core_hours for one in self.spent)

    @property
    def saved_hours(self) -> float:
        """By not encoding what browsers play as it lies, or by copy."""
        return sum(one.core_hours for one in self.needed if one.mode in {PlaybackMode.DIRECT, PlaybackMode.REMUX})


def get_effort() -> Effort:
    """Two sums over whole tables."""
    renditions = Rendition.objects.filter(cpu_ms__gt=0).values("kind").order_by("kind")
    spent = [
        Spent(row["kind"], row["count"], row["bytes"], row["cpu"])
        for row in renditions.annotate(count=Count("pk"), bytes=Sum("size_bytes"), cpu=Sum("cpu_ms"))
    ]
    decisions = Playback.objects.values("mode").order_by("mode").annotate(count=Count("pk"), cpu=Sum("ladder_cpu_ms"))
    return Effort(spent, [Needed(row["mode"], row["count"], row["cpu"]) for row in decisions])


def ladder_cpu_ms(file: MediaFile) -> int:
    """Milliseconds of one processor that a full ladder of `file` takes; 0 where its length is not known. Reads its streams."""
    duration = encoding.duration_of(file)
    picture = encoding.picture_facts(file)
    pixels_per_s = 0.0
    if picture is not None:
        pixels_per_s = float(picture.rate) * sum(rung.width_px * rung.height_px for rung in encoding.rungs_for(picture))
    ns_per_s = pixels_per_s * _NS_PER_PIXEL + _NS_PER_AUDIO_SECOND * len(encoding.audio_facts(file))
    return round(float(duration) * ns_per_s / 1_000_000)
