"""Helpers of the tests of on-demand segments: an own cache and encoders, and segments fetched as a player would."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async

from streaming.ondemand.plan import OnDemandPlan, plan_for
from streaming.ondemand.service import OnDemand
from streaming.stores.hot import HotCache

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.models import MediaFile

BUDGET_BYTES = 1_000_000_000


@dataclass
class Player:
    """One viewer of one file."""

    door: OnDemand
    plan: OnDemandPlan
    viewer: str = "viewer"

    async def init(self, track: str) -> bytes:
        """The init segment."""
        return (await self.door.init(self.plan.file_id, self.plan.version, track)).read_bytes()

    async def segment(self, track: str, index: int) -> bytes:
        """One media segment."""
        return (await self.door.segment(self.plan.file_id, self.plan.version, track, index, viewer=self.viewer)).read_bytes()

    async def whole(self, track: str, order: list[int] | None = None) -> bytes:
        """The track with all of its segments, fetched in `order`, one after the other."""
        indices = order if order is not None else list(range(self.plan.grid.count))
        parts = {index: await self.segment(track, index) for index in indices}
        return await self.init(track) + b"".join(parts[index] for index in sorted(parts))

    async def wait_until_quiet(self) -> None:
        """Until no encoder of this process runs."""
        async with asyncio.timeout(30):
            while self.door.runs():
                await asyncio.sleep(0.02)


def open_door(root: Path, *, encoders: int = 2) -> OnDemand:
    """Encoders over an empty cache at `root`."""
    return OnDemand(HotCache(root, BUDGET_BYTES, reserve_bytes=0), encoders=encoders)


async def player_of(door: OnDemand, file: MediaFile, viewer: str = "viewer") -> Player:
    """A viewer of `file`."""
    plan = await sync_to_async(plan_for)(file)
    assert plan is not None
    return Player(door, plan, viewer)
