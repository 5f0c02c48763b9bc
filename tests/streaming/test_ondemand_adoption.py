"""What viewers had made on demand becomes a prepared stream, once it is complete and nobody else makes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from streaming.models import Rendition, Track
from streaming.ondemand import adopt
from streaming.services import renditions
from tests.frame_clips import RATES, Numbered, make
from tests.streaming.making import Studio, bytes_of, frames_in, samples_in
from tests.streaming.ondemand import Player, open_door, player_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile
    from streaming.ondemand.service import OnDemand

pytestmark = pytest.mark.django_db(transaction=True)
FRAMES = 250
PRORES = ("-c:v", "prores", "-c:a", "pcm_s16le")


@pytest.fixture
def local_door(settings: Settings, tmp_path: Path) -> Iterator[OnDemand]:
    """Encoders over the cache that jobs look into."""
    kept = {name: settings.STORAGES[name] | {"OPTIONS": {"location": tmp_path / name}} for name in ("cache", "renditions")}
    settings.STORAGES = settings.STORAGES | kept
    door = open_door(tmp_path / "cache")
    yield door
    door.close()


async def watched(studio: Studio, door: OnDemand, *tracks: str) -> tuple[MediaFile, Player]:
    """A film of which somebody has seen all of `tracks`."""
    make(studio.shelf.root / "film.mov", Numbered(RATES["25"], FRAMES, PRORES))
    file = await sync_to_async(studio.add)("film.mov")
    player = await player_of(door, file)
    for track in tracks:
        await player.whole(track)
    await player.wait_until_quiet()
    return file, player


def adopted() -> list[Job]:
    return run_pending("media", kinds=[adopt.KIND])


def track(name: str) -> Track:
    return Track.objects.select_related("object").get(name=name)


async def test_complete_tracks_are_published_and_further_ones_added(studio: Studio, local_door: OnDemand) -> None:
    file, player = await watched(studio, local_door, "v180", "a0")
    (job,) = await sync_to_async(adopted)()
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"published": True, "tracks": ["a0", "v180"]})
    await sync_to_async(check_stream)(file, ["a0", "v180"])

    await player.whole("v90")
    await player.wait_until_quiet()
    (job,) = await sync_to_async(adopted)()
    assert job.result == {"published": True, "tracks": ["v90"]}
    await sync_to_async(check_stream)(file, ["a0", "v180", "v90"])


def check_stream(file: MediaFile, names: list[str]) -> None:
    row = Rendition.objects.get(file=file)
    assert (row.kind, row.state, row.made_from) == ("hls", "ready", file.fingerprint)
    assert sorted(row.tracks.values_list("name", flat=True)) == names
    for name in names:
        stored = track(name)
        assert stored.init_bytes + sum(size for _, size in stored.segments) == stored.object.size_bytes
        assert sum(ticks for ticks, _ in stored.segments) / stored.timescale == pytest.approx(FRAMES / 25, abs=0.03)
        if name.startswith("v"):
            assert [frame.number for frame in frames_in(bytes_of(stored))] == list(range(FRAMES))
        else:
            assert samples_in(bytes_of(stored)).shape[1] == pytest.approx(FRAMES / 25 * 48_000, abs=1024)


async def test_a_picture_without_its_sound_is_no_stream_yet(studio: Studio, local_door: OnDemand) -> None:
    await watched(studio, local_door, "v180")
    (job,) = await sync_to_async(adopted)()
    assert (job.state, job.result) == (JobState.SUCCEEDED, None)
    assert not await Rendition.objects.aexists()


async def test_a_stream_whose_job_waits_is_played_from_what_was_seen_until_then(studio: Studio, local_door: OnDemand) -> None:
    file, _player = await watched(studio, local_door, "v180", "a0")
    await sync_to_async(renditions.want)(file=file, kind="hls")
    (job,) = await sync_to_async(adopted)()
    assert job.result == {"published": True, "tracks": ["a0", "v180"]}
    row = await Rendition.objects.aget(file=file)
    assert (row.state, row.made_from, row.preset) == ("wanted", file.fingerprint, "on demand")
    await sync_to_async(run_pending)("media", kinds=["streaming.hls"])
    await sync_to_async(check_stream)(file, ["a0", "v180", "v90"])
    assert (await Rendition.objects.aget(file=file)).preset.startswith("ladder")


async def test_a_stream_that_a_job_makes_is_left_to_it(studio: Studio, local_door: OnDemand) -> None:
    file, _player = await watched(studio, local_door, "v180", "a0")
    await sync_to_async(renditions.want)(file=file, kind="hls")
    await Job.objects.filter(kind="streaming.hls").aupdate(state=JobState.RUNNING)
    (job,) = await sync_to_async(adopted)()
    assert job.result is None
    assert not await Track.objects.aexists()


async def test_while_a_job_makes_the_stream_no_other_one_is_asked_for(studio: Studio, local_door: OnDemand) -> None:
    file, player = await watched(studio, local_door)
    await sync_to_async(renditions.want)(file=file, kind="hls")
    await Job.objects.filter(kind="streaming.hls").aupdate(state=JobState.RUNNING)
    await player.whole("v180")
    await player.wait_until_quiet()
    assert await sync_to_async(adopted)() == []


async def test_a_film_of_which_a_part_was_seen_is_not_adopted(studio: Studio, local_door: OnDemand) -> None:
    file = (await watched(studio, local_door))[0]
    player = await player_of(local_door, file)
    await player.segment("v180", 2)
    await player.wait_until_quiet()
    assert await sync_to_async(adopted)() == []
