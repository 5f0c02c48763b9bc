"""From what an encoder writes into its pipe to media segments at their places on the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mam.lib.media import aac, fmp4
from streaming import encoding
from streaming.ondemand.errors import EncoderFailedError
from streaming.ondemand.graphs import first_packet_of

if TYPE_CHECKING:
    from streaming.ondemand.plan import OnDemandPlan


@dataclass(frozen=True, slots=True)
class MadeSegment:
    """A whole media segment."""

    index: int
    data: bytes


class Packer(Protocol):
    """Takes the bytes of one run."""

    index: int  # of the segment that is being filled

    def feed(self, data: bytes) -> list[MadeSegment]:
        """The segments that are complete now. EncoderFailedError if the bytes are not what was ordered."""

    def finish(self) -> list[MadeSegment]:
        """The encoder has ended: the last segment of all, if it is shorter than planned."""


class VideoPacker:
    """Groups the GOPs of a fragmented MP4, whose time 0 is the first frame of segment `index`, into segments."""

    def __init__(self, plan: OnDemandPlan, index: int) -> None:
        self.index = index
        self._grid = plan.grid
        self._cutter = fmp4.FragmentCutter()
        self._first = plan.grid.first_frame(index)
        self._frames = 0  # of this run so far
        self._gops: list[bytes] = []

    def feed(self, data: bytes) -> list[MadeSegment]:
        try:
            return [segment for fragment in self._cutter.feed(data) for segment in self._add(fragment)]
        except fmp4.Fmp4Error as error:
            raise EncoderFailedError(detail=str(error)) from error

    def finish(self) -> list[MadeSegment]:
        return self._take() if self._gops else []

    def _add(self, fragment: bytes) -> list[MadeSegment]:
        if self._cutter.init is None:
            raise fmp4.Fmp4Error("a fragment before the init segment")
        timescale = self._cutter.init.timescale
        ticks = int(timescale / self._grid.rate)
        samples = fmp4.read_samples(fragment, self._cutter.init.defaults)
        is_whole = samples.decode_times == [(self._frames + number) * ticks for number in range(len(samples))]
        if timescale != encoding.timescale_of(self._grid.rate) or not samples or not samples.syncs[0] or not is_whole:
            raise EncoderFailedError(detail=f"frames are missing after {self._first + self._frames}")
        frame = self._first + self._frames
        moved = fmp4.restamped(fragment, decode_time=frame * ticks, sequence=frame // self._grid.frames_per_gop + 1)
        self._gops.append(moved)
        self._frames += len(samples)
        return self._take() if self._first + self._frames >= self._grid.first_frame(self.index + 1) else []

    def _take(self) -> list[MadeSegment]:
        segment = MadeSegment(self.index, b"".join(self._gops))
        self._gops = []
        self.index += 1
        return [segment]


class AudioPacker:
    """Groups the packets of an ADTS stream, which begins at `first_packet_of` segment `index`, into segments."""

    def __init__(self, plan: OnDemandPlan, index: int) -> None:
        self.index = index
        self._plan = plan
        self._reader = aac.AdtsReader()
        self._skipped = 1 + plan.first_packet(index) - first_packet_of(plan, index)  # priming and warming up
        self._packets: list[bytes] = []

    def feed(self, data: bytes) -> list[MadeSegment]:
        try:
            self._packets += self._reader.feed(data)
        except aac.AdtsError as error:
            raise EncoderFailedError(detail=str(error)) from error
        skipped = min(self._skipped, len(self._packets))
        del self._packets[:skipped]
        self._skipped -= skipped
        segments = []
        while not self._skipped and len(self._packets) >= (needed := self._length()):
            segments.append(self._segment(self._packets[:needed]))
            del self._packets[:needed]
            self.index += 1
        return segments

    def finish(self) -> list[MadeSegment]:
        return []  # silence goes on: an end is a failure

    def _length(self) -> int:
        """Packets of the segment that is being filled."""
        if self.index >= self._plan.grid.count:
            return 1 << 30
        return self._plan.first_packet(self.index + 1) - self._plan.first_packet(self.index)

    def _segment(self, packets: list[bytes]) -> MadeSegment:
        decode_time = self._plan.first_packet(self.index) * aac.PACKET_SAMPLES
        return MadeSegment(self.index, aac.fragment(packets, decode_time=decode_time, sequence=self.index + 1))
