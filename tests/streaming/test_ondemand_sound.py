"""On demand: sound without a click where one encoder run ends and another begins, and at its place beside the picture."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
from asgiref.sync import sync_to_async

from tests.streaming.making import Studio, samples_in
from tests.streaming.ondemand import Player, player_of

if TYPE_CHECKING:
    from pathlib import Path

    from streaming.ondemand.service import OnDemand

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media]
SECONDS = 13
TONE_HZ, RATE_HZ, AMPLITUDE = 440, 48_000, 0.5
PICTURE = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p")
CLIPS: dict[str, tuple[str, ...]] = {
    "pcm.mov": (*PICTURE, "-c:a", "pcm_s16le"),
    "aac.mp4": (*PICTURE, "-c:a", "aac", "-b:a", "256k"),
    "aac.mkv": (*PICTURE, "-c:a", "aac", "-b:a", "256k"),  # timestamps in whole milliseconds
    "mp3_44100.mkv": (*PICTURE, "-ar", "44100", "-c:a", "mp3", "-b:a", "256k"),
    "aac.ts": (*PICTURE, "-c:a", "aac", "-b:a", "256k", "-muxdelay", "0.7"),
    "pcm.mxf": ("-c:v", "mpeg2video", "-b:v", "5M", "-bf", "2", "-c:a", "pcm_s16le", "-ar", "48000"),
    "ac3.mkv": (*PICTURE, "-c:a", "ac3", "-b:a", "256k"),
}


def make_tone(path: Path, options: tuple[str, ...], *, tone_s: float = SECONDS, offset_s: float = 0) -> None:
    tone = f"aevalsrc={AMPLITUDE}*sin(2*PI*{TONE_HZ}*t):s={RATE_HZ}:d={tone_s}"
    picture = f"testsrc2=s=320x180:r=25:d={SECONDS}"
    words = ["-f", "lavfi", "-i", picture, "-itsoffset", str(offset_s), "-f", "lavfi", "-i", tone, "-map", "0", "-map", "1", *options]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, str(path)], check=True, timeout=120)


async def fetched(studio: Studio, door: OnDemand, name: str, order: list[int] | None = None) -> tuple[Player, np.ndarray]:
    """The first channel of the first audio track, its segments fetched in `order`."""
    player = await player_of(door, await sync_to_async(studio.add)(name))
    return player, samples_in(await player.whole("a0", order))[0]


def phase_of(samples: np.ndarray, start: int) -> float:
    """Of the tone in 50 ms from sample `start`, against one that begins at media time 0; in samples, -54 to 54."""
    window = samples[start : start + RATE_HZ // 20]
    times = np.arange(start, start + len(window)) / RATE_HZ
    phasor = np.sum(window * np.exp(-2j * np.pi * TONE_HZ * times)) * 1j
    return float(np.angle(phasor) / (2 * np.pi * TONE_HZ) * RATE_HZ)


@pytest.mark.parametrize("name", CLIPS)
async def test_runs_join_without_a_click(studio: Studio, door: OnDemand, name: str) -> None:
    make_tone(studio.shelf.root / name, CLIPS[name])
    player, samples = await fetched(studio, door, name, order=[3, 2, 1, 0])
    assert player.plan.grid.count == 4
    borders = [player.plan.first_packet(index) * 1024 for index in (1, 2, 3)]
    # The second difference of a sine is the sine, made small; a jump or a kink stands out.
    bend = np.abs(np.diff(samples, 2))
    usual = float(np.percentile(bend[2 * RATE_HZ : 3 * RATE_HZ], 99.9))
    for border in borders:
        near = bend[border - 2048 : border + 2048]
        assert near.max() < 2 * usual, (name, border, near.max() / usual)
        before, after = phase_of(samples, border - 6000), phase_of(samples, border + 3000)
        assert abs(before - after) < 1, (name, border, before, after)
        assert abs(before) < 25, (name, border, before)  # half a millisecond, where that is how exact the source is


async def test_sound_that_begins_late_and_ends_early_is_silent_there(studio: Studio, door: OnDemand) -> None:
    make_tone(studio.shelf.root / "short.mov", CLIPS["pcm.mov"], tone_s=5, offset_s=2)
    _player, samples = await fetched(studio, door, "short.mov", order=[2, 3, 0, 1])
    loud = np.abs(samples) > 0.01
    first, last = int(loud.argmax()), len(loud) - int(loud[::-1].argmax())
    assert abs(first - 2 * RATE_HZ) < 64
    assert abs(last - 7 * RATE_HZ) < 1100  # an encoder smears an end over its packet
    assert len(samples) >= 12.9 * RATE_HZ


async def test_surround_stays_surround(studio: Studio, door: OnDemand) -> None:
    words = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=5", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=5,aformat=channel_layouts=5.1"]
    path = studio.shelf.root / "surround.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words, *PICTURE, "-c:a", "ac3", str(path)], check=True, timeout=120)
    player = await player_of(door, await sync_to_async(studio.add)("surround.mkv"))
    assert samples_in(await player.whole("a0")).shape[0] == 6


async def test_a_file_of_sound_alone_plays(studio: Studio, door: OnDemand) -> None:
    path = studio.shelf.root / "song.flac"
    tone = f"aevalsrc={AMPLITUDE}*sin(2*PI*{TONE_HZ}*t):s={RATE_HZ}:d={SECONDS}"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", tone, str(path)], check=True, timeout=60)
    player, samples = await fetched(studio, door, "song.flac", order=[1, 0, 3, 2])
    assert [track.name for track in player.plan.tracks] == ["a0"]
    assert abs(len(samples) - SECONDS * RATE_HZ) < 1024
    assert abs(phase_of(samples, 6 * RATE_HZ)) < 1
