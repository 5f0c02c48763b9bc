"""On demand with many viewers: a segment is made once, by whoever is first; encoders are few, end with their viewers, leave nothing."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from asgiref.sync import sync_to_async

from mam.lib import process
from streaming.errors import MediaSourceOfflineError
from streaming.ondemand.encoder import AHEAD, LEFT_S
from streaming.ondemand.errors import EncoderBusyError, SegmentMissingError
from streaming.ondemand.headers import make_init
from streaming.ondemand.plan import OnDemandPlan, plan_for
from tests.fixtures.processes import PROJECT, Product, eventually
from tests.frame_clips import RATES, Numbered, make, make_long
from tests.streaming.making import Studio, frames_in
from tests.streaming.ondemand import open_door, player_of

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.models import MediaFile
    from streaming.ondemand.service import OnDemand
    from tests.fixtures.smbd import SmbServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media]
RATE = RATES["25"]
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "24", "-g", "50", "-c:a", "aac")
ONCE_FRAMES = 1000
REPEATS = 180  # two hours
SEGMENT_FRAMES = 100


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_long(tmp_path_factory.mktemp("long") / "film.mp4", Numbered(RATE, ONCE_FRAMES, H264), REPEATS)


@pytest.fixture
def film(studio: Studio, two_hours: Path) -> MediaFile:
    """Two hours in which frame n carries the number n % ONCE_FRAMES."""
    shutil.copy(two_hours, studio.shelf.root / "film.mp4")
    return studio.add("film.mp4")


def numbers_in(init: bytes, segment: bytes) -> list[int]:
    return [frame.number for frame in frames_in(init + segment)]


def expected(index: int) -> list[int]:
    return [number % ONCE_FRAMES for number in range(index * SEGMENT_FRAMES, (index + 1) * SEGMENT_FRAMES)]


async def test_any_place_of_two_hours_is_shown_at_once_and_exactly(door: OnDemand, film: MediaFile) -> None:
    player = await player_of(door, film)
    assert player.plan.grid.count in (1800, 1801)  # the sound is a little longer than the picture
    init = await player.init("v180")
    for index in (1799, 3, 1000, 4, 5, 6):
        began = time.monotonic()
        segment = await player.segment("v180", index)
        assert numbers_in(init, segment) == expected(index)
        assert time.monotonic() - began < 10  # on a busy machine; measured alone: half a second
    with pytest.raises(SegmentMissingError):
        await player.segment("v180", 1801)


async def test_an_encoder_works_a_few_segments_ahead_and_ends_with_its_viewer(door: OnDemand, film: MediaFile) -> None:
    player = await player_of(door, film)
    await player.segment("v180", 10)
    began = time.monotonic()
    await player.wait_until_quiet()
    assert time.monotonic() - began < 10
    assert door.made == 1 + AHEAD
    again = await player.segment("v180", 10 + AHEAD)  # it is there
    assert not door.runs()
    assert numbers_in(await player.init("v180"), again) == expected(10 + AHEAD)


async def test_a_viewer_who_hangs_up_stops_the_encoder(door: OnDemand, film: MediaFile) -> None:
    player = await player_of(door, film)
    asking = asyncio.create_task(player.segment("v180", 500))
    async with asyncio.timeout(20):
        while not door.runs():
            await asyncio.sleep(0.01)
    asking.cancel()
    await player.wait_until_quiet()
    children = psutil.Process().children(recursive=True)
    assert not [child for child in children if child.name() == "ffmpeg"]


async def test_the_next_viewer_is_told_that_all_encoders_are_busy(tmp_path: Path, film: MediaFile) -> None:
    door = open_door(tmp_path / "cache", encoders=1)
    first, second = await player_of(door, film, "first"), await player_of(door, film, "second")
    await first.segment("v180", 0)
    with pytest.raises(EncoderBusyError):
        await second.segment("v180", 900)
    assert await second.segment("a0", 900)  # sound has its own
    await first.segment("v180", 1)  # what is there is for everybody
    await second.segment("v180", 1)
    await first.wait_until_quiet()
    assert numbers_in(await second.init("v180"), await second.segment("v180", 900)) == expected(900)
    door.close()


async def test_who_seeks_takes_the_encoder_along(tmp_path: Path, film: MediaFile) -> None:
    door = open_door(tmp_path / "cache", encoders=1)
    player = await player_of(door, film)
    for index, track in ((0, "v180"), (1500, "v180"), (700, "v90"), (1, "v90")):
        assert numbers_in(await player.init(track), await player.segment(track, index)) == expected(index)
    door.close()


async def test_an_encoder_goes_on_for_others_when_its_viewer_went_elsewhere(door: OnDemand, film: MediaFile) -> None:
    first, second = await player_of(door, film, "first"), await player_of(door, film, "second")
    await first.segment("v180", 0)
    await second.segment("v180", 1)
    elsewhere = asyncio.ensure_future(first.segment("v180", 900))
    for index in range(2, 2 + 2 * AHEAD):
        await second.segment("v180", index)
    assert 0 in (run.order.index for run in door.runs())
    await elsewhere
    await second.segment("v180", 1500)
    async with asyncio.timeout(LEFT_S / 2):
        while 0 in (run.order.index for run in door.runs()):
            await asyncio.sleep(0.02)


async def test_who_closes_the_player_frees_the_encoder(door: OnDemand, film: MediaFile) -> None:
    player = await player_of(door, film)
    await player.segment("v180", 0)
    door.leave(viewer=player.viewer)
    async with asyncio.timeout(LEFT_S / 2):
        while door.runs():
            await asyncio.sleep(0.02)


async def test_viewers_of_one_place_share_one_encoder(door: OnDemand, film: MediaFile) -> None:
    players = [await player_of(door, film, f"viewer {number}") for number in range(20)]
    segments = await asyncio.gather(*(player.segment("v180", 20 + number % 3) for number, player in enumerate(players)))
    assert len(set(segments)) == 3
    door.close()
    assert door.made <= 3 + AHEAD


async def test_runs_that_meet_join(door: OnDemand, film: MediaFile) -> None:
    player, other = await player_of(door, film), await player_of(door, film, "other")
    await asyncio.gather(player.segment("v180", 100), other.segment("v180", 102))
    shown = [numbers_in(await player.init("v180"), await player.segment("v180", index)) for index in range(100, 108)]
    assert shown == [expected(index) for index in range(100, 108)]
    door.close()


@pytest.mark.smb
async def test_without_its_source_what_is_there_plays_on(studio: Studio, door: OnDemand, smb: SmbServer) -> None:
    make(studio.shelf.root / "film.mp4", Numbered(RATE, 1500, H264))
    file = await sync_to_async(studio.add)("film.mp4")
    await sync_to_async(move_to_share)(file, studio, smb)
    player = await player_of(door, file)
    init, first = await player.init("v180"), await player.segment("v180", 0)
    assert numbers_in(init, first) == expected(0)
    await player.wait_until_quiet()
    smb.kill()
    assert await player.segment("v180", 0) == first
    with pytest.raises(MediaSourceOfflineError):
        await player.segment("v180", 12)
    smb.restart()


def move_to_share(file: MediaFile, studio: Studio, smb: SmbServer) -> None:
    """The file's source becomes the share, with the same file in it."""
    from catalog.services.sources import Credentials, set_credentials, update_source  # noqa: PLC0415

    shutil.copy2(studio.shelf.root / "film.mp4", smb.root / "film.mp4")
    update_source(source=file.source, user=None, url=smb.url)
    set_credentials(source=file.source, credentials=Credentials(smb.username, smb.password), user=None)
    status = (smb.root / "film.mp4").stat()
    file.mtime_ns = status.st_mtime_ns // 100 * 100
    file.save(update_fields=["mtime_ns"])


# --- several processes ------------------------------------------------------------------------------------------------
def watch(product: Product, cache: Path, file: MediaFile, *orders: list[int]) -> list[process.GroupPopen]:
    """A process for each order, all at the same moment: each asks for all of its segments at once."""
    viewers = [start_viewer(product, cache, file, order) for order in orders]
    for viewer in viewers:
        assert viewer.stdout is not None
        assert viewer.stdout.readline() == b"ready\n"
    for viewer in viewers:
        assert viewer.stdin is not None
        viewer.stdin.write(b"go\n")
        viewer.stdin.flush()
    return viewers


def start_viewer(product: Product, cache: Path, file: MediaFile, indices: list[int]) -> process.GroupPopen:
    words = [sys.executable, "-m", "tests.streaming.ondemand_viewer", str(cache), str(file.pk), "v180", *map(str, indices)]
    child = process.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT, env=product.environment)
    product.started.append(child)
    return child


def said_by(child: process.GroupPopen) -> dict[str, str]:
    output = child.communicate(timeout=120)[0].decode()
    assert child.returncode == 0
    return dict(line.split(" ") for line in output.splitlines())


@pytest.mark.processes
def test_processes_never_encode_a_segment_twice(product: Product, film: MediaFile, tmp_path: Path) -> None:
    indices = list(range(200, 224))
    children = watch(product, tmp_path / "cache", film, indices, indices[::-1], indices[12:] + indices[:12])
    said = [said_by(child) for child in children]
    made = [int(one.pop("made")) for one in said]
    assert said[0] == said[1] == said[2]
    assert sorted(map(int, said[0])) == indices
    there = list((tmp_path / "cache" / "segments").rglob("*.m4s"))
    assert sum(made) == len(there)  # `AHEAD` of them nobody asked for
    assert sum(number > 0 for number in made) > 1  # more than one had something to do


@pytest.mark.processes
def test_a_killed_process_leaves_no_encoder_and_no_half_segment(product: Product, film: MediaFile, tmp_path: Path) -> None:
    indices = list(range(600, 640))
    killed, other = watch(product, tmp_path / "cache", film, indices, indices)
    eventually(lambda: any((tmp_path / "cache").rglob("*.m4s")), what="the first segment")
    tree = psutil.Process(killed.pid).children(recursive=True)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    eventually(
        lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in tree), what="its encoders are gone"
    )
    said = said_by(other)
    assert sorted(int(index) for index in said if index != "made") == indices
    init = make_init(plan_of(film), "v180")
    for index in indices:
        (path,) = (tmp_path / "cache" / "segments").rglob(f"{index}.m4s")
        assert numbers_in(init, path.read_bytes()) == expected(index)


def plan_of(file: MediaFile) -> OnDemandPlan:
    plan = plan_for(file)
    assert plan is not None
    return plan
