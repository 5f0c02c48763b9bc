"""What encoding costs, before it is done: processor time of a whole ladder by the preset table. An estimate for sums, not for plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streaming import encoding

if TYPE_CHECKING:
    from catalog.models import MediaFile

# Processor nanoseconds for each encoded pixel at x264's superfast, decoding and scaling included: measured on 1080p25 H.264 with all
# four rungs, on the machine of FACTS.
_NS_PER_PIXEL = 9.0
_NS_PER_AUDIO_SECOND = 12_000_000


def ladder_cpu_ms(file: MediaFile) -> int:
    """Milliseconds of one processor that a full ladder of `file` takes; 0 where its length is not known. Reads its streams."""
    duration = encoding.duration_of(file)
    picture = encoding.picture_facts(file)
    pixels_per_s = 0.0
    if picture is not None:
        pixels_per_s = float(picture.rate) * sum(rung.width_px * rung.height_px for rung in encoding.rungs_for(picture))
    ns_per_s = pixels_per_s * _NS_PER_PIXEL + _NS_PER_AUDIO_SECOND * len(encoding.audio_facts(file))
    return round(float(duration) * ns_per_s / 1_000_000)
