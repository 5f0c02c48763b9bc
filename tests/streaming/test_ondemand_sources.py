"""On demand: sources that are not straightforward give the same frames, and the headers made without them fit."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from mam.lib.media import fmp4
from streaming.inputs import ffmpeg_input
from streaming.ondemand.child import Child
from streaming.ondemand.clock import FAST, read_clock
from streaming.ondemand.graphs import Input, video_graph
from tests.frame_clips import RATES, Numbered, make
from tests.streaming.making import Studio, frames_in
from tests.streaming.ondemand import Player, player_of

if TYPE_CHECKING:
    from catalog.models import MediaFile
    from streaming.ondemand.service import OnDemand
    from tests.media import ClipLibrary

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media]
RATE = RATES["25"]
FRAMES = 325
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-g", "50", "-c:a", "aac")
INTERLACED = ("-c:v", "mpeg2video", "-b:v", "8M", "-g", "12", "-bf", "2", "-flags", "+ildct+ilme", "-top", "1", "-c:a", "mp2")


async def numbers(studio: Studio, door: OnDemand, name: str) -> tuple[Player, list[int]]:
    """The numbers shown, every segment made by a run of its own."""
    player = await player_of(door, await sync_to_async(studio.add)(name))
    shown = frames_in(await player.whole("v180", list(reversed(range(player.plan.grid.count)))))
    assert [frame.at for frame in shown] == [number / player.plan.grid.rate for number in range(len(shown))]
    return player, [frame.number for frame in shown]


async def test_interlaced_pictures_are_woven_alike_in_every_run(studio: Studio, door: OnDemand) -> None:
    make(studio.shelf.root / "field.ts", Numbered(RATE, FRAMES, INTERLACED))
    player, shown = await numbers(studio, door, "field.ts")
    assert player.plan.picture is not None
    assert player.plan.picture.is_interlaced
    assert shown[:FRAMES] == list(range(FRAMES))


async def test_an_edit_list_cuts_the_beginning(studio: Studio, door: OnDemand) -> None:
    make(studio.shelf.root / "raw.mp4", Numbered(RATE, FRAMES, X264))
    # Cut by copy in the middle of a group of pictures: an edit list hides what comes before.
    words = ["-ss", "1.2", "-i", str(studio.shelf.root / "raw.mp4"), "-c", "copy", str(studio.shelf.root / "cut.mp4")]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True, timeout=60)
    _player, shown = await numbers(studio, door, "cut.mp4")
    assert shown[:295] == list(range(30, FRAMES))


async def test_a_picture_that_begins_after_its_sound_is_time_zero(studio: Studio, door: OnDemand) -> None:
    make(studio.shelf.root / "raw.mov", Numbered(RATE, FRAMES, ("-c:v", "prores", "-c:a", "pcm_s16le")))
    raw = str(studio.shelf.root / "raw.mov")
    words = ["-i", raw, "-itsoffset", "0.48", "-i", raw, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "ac3"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, str(studio.shelf.root / "late.mkv")], check=True, timeout=60)
    _player, shown = await numbers(studio, door, "late.mkv")
    assert shown[:FRAMES] == list(range(FRAMES))


async def test_a_variable_rate_stands_on_a_constant_one(studio: Studio, door: OnDemand) -> None:
    make(studio.shelf.root / "raw.mp4", Numbered(RATE, FRAMES, X264))
    # Every second frame is left out from frame 100 on: the one before it stays in the picture for longer.
    pick = ["-vf", "select=lt(n\\,100)+not(mod(n\\,2))", "-fps_mode", "vfr", "-video_track_timescale", "12800"]
    words = ["-i", str(studio.shelf.root / "raw.mp4"), *pick, *X264, str(studio.shelf.root / "variable.mp4")]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True, timeout=60)
    player, shown = await numbers(studio, door, "variable.mp4")
    rate = player.plan.grid.rate
    for position, number in enumerate(shown[: int(12 * rate)]):
        source = position / rate * RATE
        exact = int(source) if source < 100 else int(source) // 2 * 2
        assert abs(number - exact) <= (1 if source < 100 else 2), (position, number, exact)
    assert shown == sorted(shown)


@pytest.mark.parametrize("order", [None, list(reversed(range(10)))], ids=["in one run", "each by a run of its own"])
async def test_a_picture_stands_still_while_its_sound_goes_on(studio: Studio, door: OnDemand, order: list[int] | None) -> None:
    raw = make(studio.shelf.root / "raw.mp4", Numbered(RATE, 163, X264))
    words = ["-i", str(raw), "-f", "lavfi", "-i", "sine=d=40:r=48000", "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, str(studio.shelf.root / "song.mp4")], check=True, timeout=60)
    player = await player_of(door, await sync_to_async(studio.add)("song.mp4"))
    assert player.plan.grid.count == 10
    shown = [frame.number for frame in frames_in(await player.whole("v180", order))]
    assert shown == [*range(163), *[162] * (1000 - 163)]


async def test_what_lies_turned_is_shown_upright(studio: Studio, door: OnDemand) -> None:
    make(studio.shelf.root / "raw.mp4", Numbered(RATE, 120, X264))
    words = ["-i", str(studio.shelf.root / "raw.mp4"), "-c", "copy", "-metadata:s:v", "rotate=90", str(studio.shelf.root / "turned.mp4")]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True, timeout=60)
    player = await player_of(door, await sync_to_async(studio.add)("turned.mp4"))
    (rung, *_) = player.plan.rungs
    assert rung.height_px > rung.width_px
    shown = frames_in(await player.whole(rung.name))
    assert shown[0].luma.shape == (rung.height_px, rung.width_px)
    assert len(shown) == player.plan.grid.total_frames


SOURCES = ["hdr10.mp4", "interlaced.mpg", "anamorphic.mp4", "rotated.mp4", "op1a.mxf", "prores_df.mov", "film.mkv", "rate_5994.mp4"]


@pytest.mark.parametrize("name", SOURCES)
async def test_headers_made_without_the_source_are_those_of_the_encoder(
    studio: Studio, door: OnDemand, clips: ClipLibrary, name: str
) -> None:
    (studio.shelf.root / name).write_bytes(clips[name].read_bytes())
    file = await sync_to_async(studio.add)(name)
    player = await player_of(door, file)
    for rung in player.plan.rungs:
        made = await player.init(rung.name)
        assert await sync_to_async(header_of_a_run)(door, player, file, rung.name) == made
        assert frames_in(made + await player.segment(rung.name, 0))


def header_of_a_run(door: OnDemand, player: Player, file: MediaFile, track: str) -> bytes:
    """What an encoder of the film itself writes first."""
    rung = player.plan.find_rung(track)
    assert rung is not None
    cutter = fmp4.FragmentCutter()
    with ffmpeg_input(file) as source:
        given = Input(source, read_clock(source, player.plan, door.cache), FAST)
        with Child(video_graph(given, player.plan, rung, 0)) as child:
            while cutter.init is None:
                data = child.read(30)
                assert data, child.log_tail
                cutter.feed(data)
    return cutter.init.data
