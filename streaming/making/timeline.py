"""Where media time 0 lies in a source: at its first video frame."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mam.lib import ffmpeg

if TYPE_CHECKING:
    import threading

    from streaming.inputs import SourceInput


@dataclass(frozen=True, slots=True)
class Timeline:
    """`zero`: seconds from what ffmpeg takes for the start of the file (its earliest stream) to the first video frame."""

    zero: Fraction

    def shifted(self, stream: Any, *, is_audio: bool = False) -> Any:
        """Frames or samples of ffmpeg, counted from media time 0. Sound from before it is cut off."""
        if not self.zero:
            return stream
        expression = f"PTS-({self.zero.numerator}/{self.zero.denominator})/TB"
        if not is_audio:
            return stream.filter("setpts", expression)
        return stream.filter("atrim", start=f"{float(self.zero):.6f}").filter("asetpts", expression)


def read_timeline(source: SourceInput, *, cancelled: threading.Event | None = None) -> Timeline:
    """Ask ffprobe, which sees the start times that ffmpeg sees. Raises as `mam.lib.ffmpeg.run`."""
    entries = "format=start_time:stream=codec_type,start_pts,time_base:stream_disposition=attached_pic"
    found = ffmpeg.probe(source.url, source.options, entries=entries, cancelled=cancelled)
    start = Fraction(found.get("format", {}).get("start_time", 0))
    for stream in found.get("streams", []):
        is_cover = stream.get("disposition", {}).get("attached_pic")
        if stream.get("codec_type") == "video" and not is_cover and "start_pts" in stream:
            zero = int(stream["start_pts"]) * Fraction(stream["time_base"]) - start
            # The start of the file is rounded to microseconds.
            return Timeline(zero if zero > Fraction(1, 100_000) else Fraction(0))
    return Timeline(Fraction(0))
