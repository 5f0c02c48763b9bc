"""One run of an encoder: from the segment somebody asked for, on and on, as long as viewers follow and nobody else has made the rest."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from mam.lib.errors import MamError
from streaming.inputs import ffmpeg_input
from streaming.ondemand import clock as clocks
from streaming.ondemand.child import Child
from streaming.ondemand.errors import EncoderFailedError, SegmentMissingError
from streaming.ondemand.graphs import Input, audio_graph, video_graph
from streaming.ondemand.packing import AudioPacker, VideoPacker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from catalog.models import MediaFile
    from streaming.inputs import SourceInput
    from streaming.ondemand.claims import Asked, Claims
    from streaming.ondemand.departures import Departures
    from streaming.ondemand.packing import MadeSegment, Packer
    from streaming.ondemand.plan import OnDemandPlan
    from streaming.ondemand.slots import Slot
    from streaming.stores.hot import HotCache

AHEAD = 3  # segments made beyond the last one that was asked for
CLAIMED = 3  # segments that wait for this run instead of starting another: the one in work and the next ones
LEFT_S = 8.0  # nobody asked for so long: the viewers have left
AGAIN_S = 0.5  # a viewer has asked for another place or size: who waits here as well, in another window, says so within this time
_STEP_S = 0.1
_STALL_S = 60.0  # without a byte of output though it may write: the source or the decoder hangs
_logger = logging.getLogger(__name__)


class Interest(Enum):
    """What viewers have in a run; DOUBTFUL: the last one went elsewhere just now, and may wait here as well."""

    SOME = auto()
    DOUBTFUL = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Order:
    """What to encode: a track of a file from segment `index` on, into `directory` of `cache`."""

    file: MediaFile
    plan: OnDemandPlan
    track: str
    index: int
    directory: Path
    cache: HotCache

    def path_of(self, index: int) -> Path:
        """Where segment `index` lies when it is made."""
        return self.directory / f"{index}.m4s"

    def packer(self, index: int) -> Packer:
        """What cuts the output of an encoder that begins with segment `index` into segments."""
        return (VideoPacker if self.plan.find_rung(self.track) else AudioPacker)(self.plan, index)

    def graph(self, given: Input, index: int) -> object:
        """The ffmpeg call that begins with segment `index`."""
        rung, facts = self.plan.find_rung(self.track), self.plan.find_audio(self.track)
        if rung is not None:
            return video_graph(given, self.plan, rung, index)
        if facts is None:
            raise SegmentMissingError
        return audio_graph(given, self.plan, facts, index)


class Run:
    """An encoder at work in a thread of its own. It owns `claims` (which hold the order's segment) and `slot`, and gives them back."""

    def __init__(self, order: Order, claims: Claims, slot: Slot, departures: Departures, *, when_over: Callable[[Run], None]) -> None:
        self.order = order
        self.error: MamError | None = None
        self.made = 0  # segments
        self._claims = claims
        self._slot = slot
        self._departures = departures
        self._when_over = when_over
        self._stop = threading.Event()
        self._next = order.index  # the segment in work
        self._end = order.plan.grid.count  # the first one that is not for this run
        self._thread = threading.Thread(target=self._work, name=f"encoder-{order.track}-{order.index}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; what is complete stays."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; False if that did not come in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            self._encode()
        except MamError as error:
            self.error = error
            _logger.warning("on demand: file %s, %s, segment %s: %s", self.order.file.pk, self.order.track, self.order.index, error)
        except Exception as error:
            self.error = EncoderFailedError(detail=type(error).__name__)
            raise
        finally:
            # First what waiters read, then what makes them look: the claims.
            try:
                self._when_over(self)
            finally:
                self._claims.close()
                self._slot.release()

    def _encode(self) -> None:
        with ffmpeg_input(self.order.file) as source:
            clock = clocks.read_clock(source, self.order.plan, self.order.cache)
            if self._attempt(source, Input(source, clock, clocks.FAST)) or self._attempt(source, Input(source, clock, clocks.DEEP)):
                return
            if not self._attempt(source, Input(source, clock, clocks.DEEP, is_padded=True)):
                raise SegmentMissingError

    def _attempt(self, source: SourceInput, given: Input) -> bool:
        """Encode until the end of the run; False if the encoder ended well before it: the file is shorter than expected."""
        if self._next >= self._end:
            return True
        with Child(self.order.graph(given, self._next)) as child:
            if self._follow(source, child):
                return True
            status = child.wait()
        source.verify()
        if status and given.effort is not clocks.FAST:
            raise EncoderFailedError(child.log_tail, detail=child.complaint(status))
        return False

    def _follow(self, source: SourceInput, child: Child) -> bool:
        """Publish what comes; True when the run is over, False when the encoder has ended before that."""
        packer = self.order.packer(self._next)
        self._reserve()
        silent_since = time.monotonic()
        looked_s = -_STEP_S
        while self._next < self._end and not self._stop.is_set():
            if time.monotonic() - looked_s >= _STEP_S:  # sound comes in pieces of some bytes
                asked = self._claims.asked(max(0, self._next - AHEAD - 1), self._next + CLAIMED, within_s=LEFT_S)
                interest, looked_s = self._interest(asked), time.monotonic()
                if interest is Interest.NONE:
                    return True
            if interest is Interest.DOUBTFUL or self._next > asked.furthest + AHEAD:
                child.idle(_STEP_S)
                silent_since = time.monotonic()
                continue
            chunk = child.read(_STEP_S)
            if chunk is None:
                if time.monotonic() - silent_since > _STALL_S:
                    raise EncoderFailedError(child.log_tail, detail=f"no output for {_STALL_S:g} s")
                continue
            silent_since = time.monotonic()
            for segment in packer.feed(chunk) if chunk else self._rest(packer, child):
                if segment.index >= self._end:  # another run's: it came in one piece with the one before
                    return True
                self._check(source, child)
                self._publish(segment)
            if not chunk:
                return self._next >= self._end
        return True

    def _rest(self, packer: Packer, child: Child) -> list[MadeSegment]:
        """The last segment of the film, which may be short. Any other that is short is half of one: the encoder died, or the picture
        ended before the sound."""
        if child.wait() or packer.index != self.order.plan.grid.count - 1:
            return []
        return packer.finish()

    def _interest(self, asked: Asked) -> Interest:
        """Whether viewers follow. A question counts until its viewer goes elsewhere, or leaves without a word.

        Where one of them has gone and cannot get another encoder, the rest count only if they wait right now.
        """
        now = time.time()
        known = {viewer: self._departures.find(viewer) for viewer in asked.last_s}
        gone = {viewer: left for viewer, left in known.items() if left is not None and asked.last_s[viewer] <= left.at_s}
        limit_s = AGAIN_S if any(left.is_wanting for left in gone.values()) else LEFT_S
        following = [at_s for viewer, at_s in asked.last_s.items() if viewer not in gone]
        if any(now - at_s < limit_s for at_s in following):
            return Interest.SOME
        return Interest.DOUBTFUL if any(now - left.at_s < AGAIN_S for left in gone.values()) else Interest.NONE

    def _check(self, source: SourceInput, child: Child) -> None:
        """Raise if the source broke off: then what looks like a segment is padding."""
        if source.has_failed or child.has_read_error:
            source.verify()
            raise EncoderFailedError(child.log_tail, detail=child.complaint(0))

    def _publish(self, segment: MadeSegment) -> None:
        self.order.cache.put(self.order.path_of(segment.index), segment.data)
        self.made += 1
        self._next = segment.index + 1
        self._claims.release(segment.index)
        self._reserve()

    def _reserve(self) -> None:
        """Claim the next segments, up to the first that is there or belongs to another run: there this one ends."""
        for index in range(self._next, min(self._next + CLAIMED, self._end)):
            if not self._claims.claim(index):
                self._end = index
            elif self.order.path_of(index).exists():
                self._claims.release(index)
                self._end = index
            if self._end == index:
                return
