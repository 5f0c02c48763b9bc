"""The door: give me this segment. From the cache if it is there; else whoever is first makes it, and everybody else waits for it.

For `streaming.delivery`: `await service().segment(grant.file_id, grant.version, "v720", 12, viewer=token)` gives a path in the hot cache,
to be sent at once. A segment that is there costs no query and no thread. Cancel the call when the client hangs up: an encoder that
nobody waits for stops. `viewer` tells viewers apart (a token does), so that a seek frees what the same viewer left behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from channels.db import database_sync_to_async
from django.conf import settings

from catalog.choices import Presence
from catalog.models import MediaFile
from mam.lib.errors import MamError
from streaming.errors import MediaChangedError, MediaGoneError, MediaSourceOfflineError
from streaming.inputs import ffmpeg_input
from streaming.ondemand import adopt, clock, headers
from streaming.ondemand.claims import Claims, viewer_of
from streaming.ondemand.encoder import Order, Run
from streaming.ondemand.errors import EncoderBusyError, EncoderFailedError, SegmentMissingError
from streaming.ondemand.once import one_at_a_time
from streaming.ondemand.plan import OnDemandPlan, plan_for, segments_directory
from streaming.ondemand.slots import Slot, Slots
from streaming.stores import hot

if TYPE_CHECKING:
    from pathlib import Path

_POLL_S = 0.02
_ASK_S = 0.2  # who waits says so this often; less than `encoder.AGAIN_S`
_TIMEOUT_S = 60.0
_SLOT_WAIT_S = 3.0  # what a seek has left behind ends within this time
_FAILED_S = 5.0  # a failure answers everybody who waits for the same segment, and who asks again at once
_FILM_S = 60.0  # how long a look into the database is believed; the source is looked at by every run anyway
_MAX_FILMS = 256
_LOOKS_AHEAD = 4  # files opened ahead at once: a source that hangs takes no more threads
_SOUND_SLOTS = 4  # for each encoder of pictures: sound costs a fiftieth of it
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Film:
    file: MediaFile
    plan: OnDemandPlan
    until_s: float  # of the monotonic clock


class OnDemand:
    """The encoders of this process, and the way to those of the others. One an event loop; `service()` is that of the server."""

    def __init__(self, cache: hot.HotCache, *, encoders: int) -> None:
        self.cache = cache
        directory = cache.root / ".encoders"
        self._slots = {True: Slots(directory, "picture", encoders), False: Slots(directory, "sound", encoders * _SOUND_SLOTS)}
        self._films: OrderedDict[tuple[int, str], _Film] = OrderedDict()
        self._looked: OrderedDict[tuple[int, str], float] = OrderedDict()
        self._ahead = ThreadPoolExecutor(_LOOKS_AHEAD, thread_name_prefix="look-ahead")
        self._failures: dict[Path, tuple[float, MamError]] = {}
        self._runs: set[Run] = set()
        self._lock = threading.Lock()
        self.made = 0  # segments encoded by runs of this process that are over

    async def init(self, file_id: int, version: str, track: str) -> Path:
        """The init segment of a track. Raises as `segment`; does not read the source."""
        path = self._directory(file_id, version, track) / "init.mp4"
        if not self.cache.use(path):
            plan = (await self._film(file_id, version)).plan
            plan.check(track)
            await asyncio.to_thread(self._make_init, path, plan, track)
        return path

    def _make_init(self, path: Path, plan: OnDemandPlan, track: str) -> None:
        with one_at_a_time(path):
            if not path.exists():
                self.cache.put(path, headers.make_init(plan, track))

    async def segment(self, file_id: int, version: str, track: str, index: int, *, viewer: str = "") -> Path:
        """Segment `index` (from 0) of a track, as soon as it is there.

        Raises SegmentMissingError, EncoderBusyError, EncoderFailedError, MediaSourceOfflineError and its kin.
        """
        directory = self._directory(file_id, version, track)
        path = directory / f"{index}.m4s"
        if not self.cache.use(path):
            film = await self._film(file_id, version)
            film.plan.check(track, index)
            await self._wait_for(Order(film.file, film.plan, track, index, directory, self.cache), viewer_of(viewer))
        else:
            with Claims(directory) as claims:  # the one who makes what follows goes on
                claims.ask(index, viewer_of(viewer))
        return path

    def leave(self, *, viewer: str) -> None:
        """`viewer` has closed the player: encoders that nobody else follows end."""
        for slots in self._slots.values():
            slots.departures.note(viewer_of(viewer))

    def look_ahead(self, file: MediaFile, plan: OnDemandPlan) -> None:
        """Somebody is about to play `file` (with source and folder): open it meanwhile, so that the first segment has not to wait.

        In a thread, once a minute at most; whatever goes wrong is said to who asks for the segment.
        """
        if clock.is_known(plan, self.cache):
            return
        key, now = (plan.file_id, plan.version), time.monotonic()
        with self._lock:
            if now - self._looked.get(key, -_FILM_S) < _FILM_S:
                return
            self._looked[key] = now
            self._looked.move_to_end(key)
            while len(self._looked) > _MAX_FILMS:
                self._looked.popitem(last=False)
        self._ahead.submit(self._look, file, plan)

    def _look(self, file: MediaFile, plan: OnDemandPlan) -> None:
        try:
            with ffmpeg_input(file) as source:
                clock.read_clock(source, plan, self.cache)
        except MamError as error:
            _logger.info("on demand: file %s cannot be opened ahead: %s", file.pk, error)

    def runs(self) -> list[Run]:
        """The encoders at work in this process."""
        with self._lock:
            return list(self._runs)

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop them and wait."""
        runs = self.runs()
        for run in runs:
            run.stop()
        for run in runs:
            run.join(timeout_s)

    # --- waiting ------------------------------------------------------------------------------------------------------
    async def _wait_for(self, order: Order, viewer: bytes) -> None:
        path = order.path_of(order.index)
        started = asked = time.monotonic()
        with Claims(order.directory) as claims:
            claims.ask(order.index, viewer)
            while not self.cache.use(path):
                now = time.monotonic()
                self._raise_failure(path, now)
                if now - started > _TIMEOUT_S:
                    raise EncoderFailedError(detail=f"no segment within {_TIMEOUT_S:g} s")
                if now - asked > _ASK_S:
                    claims.ask(order.index, viewer)
                    asked = now
                if claims.is_free(order.index):
                    await self._start(order, viewer)
                await asyncio.sleep(_POLL_S)

    async def _start(self, order: Order, viewer: bytes) -> None:
        """Begin a run for the segment, unless another has it by now. EncoderBusyError if no encoder gets free."""
        own = Claims(order.directory)
        if not own.claim(order.index) or order.path_of(order.index).exists():
            own.close()
            return
        try:
            slots = self._slots[order.plan.find_rung(order.track) is not None]
            slots.departures.note(viewer)
            slot = await _take(slots, viewer)
        except BaseException:
            own.close()
            raise
        own.ask(order.index, viewer)
        run = Run(order, own, slot, slots.departures, when_over=self._over)
        with self._lock:
            self._runs.add(run)
        run.start()

    def _over(self, run: Run) -> None:
        """In the run's thread, before it gives its claims back."""
        try:
            if run.made and adopt.is_complete(self.cache, run.order.plan, run.order.track):
                adopt.request(run.order.file)
        finally:
            with self._lock:
                self._runs.discard(run)
                self.made += run.made
                if run.error is not None:
                    self._failures[run.order.path_of(run.order.index + run.made)] = (time.monotonic(), run.error)

    def _raise_failure(self, path: Path, now: float) -> None:
        with self._lock:
            for failed, (at, _) in list(self._failures.items()):
                if now - at > _FAILED_S:
                    del self._failures[failed]
            known = self._failures.get(path)
        if known is not None:
            raise known[1]

    # --- what is known ------------------------------------------------------------------------------------------------
    def _directory(self, file_id: int, version: str, track: str) -> Path:
        if not track.isascii() or not track.isalnum():
            raise SegmentMissingError
        return segments_directory(self.cache, file_id=file_id, version=version, track=track)

    async def _film(self, file_id: int, version: str) -> _Film:
        key, now = (file_id, version), time.monotonic()
        known = self._films.get(key)
        if known is None or known.until_s < now:
            file, plan = await database_sync_to_async(_load)(file_id, version)
            known = self._films[key] = _Film(file, plan, now + _FILM_S)
            while len(self._films) > _MAX_FILMS:
                self._films.popitem(last=False)
        self._films.move_to_end(key)
        return known


async def _take(slots: Slots, viewer: bytes) -> Slot:
    """A place, as soon as one is free. EncoderBusyError if that takes too long."""
    started = time.monotonic()
    while (slot := slots.take()) is None:
        slots.departures.note(viewer, is_wanting=True)
        if time.monotonic() - started > _SLOT_WAIT_S:
            raise EncoderBusyError
        await asyncio.sleep(_POLL_S)
    return slot


def _load(file_id: int, version: str) -> tuple[MediaFile, OnDemandPlan]:
    file = MediaFile.objects.select_related("source", "folder").prefetch_related("streams").filter(pk=file_id).first()
    if file is None or file.presence != Presence.PRESENT:
        raise MediaGoneError
    if not file.source.is_enabled:
        raise MediaSourceOfflineError
    plan = plan_for(file)
    if plan is None:
        raise SegmentMissingError
    if plan.version != version:
        raise MediaChangedError
    return file, plan


@cache
def service() -> OnDemand:
    """The one of this process."""
    return OnDemand(hot.cache(), encoders=settings.MAM_ENCODERS or os.cpu_count() or 1)
