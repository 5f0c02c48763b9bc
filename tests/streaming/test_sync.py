"""Picture and sound stay together over ten minutes: in each way of playing, every flash of the clip has its tone within a frame."""

from __future__ import annotations

import io
import math
import shutil
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from asgiref.sync import sync_to_async

from mam.lib.media import fmp4
from streaming.choices import RenditionKind, TrackKind
from streaming.models import Track
from tests.frame_clips import FLASH_TOP_PX, HEIGHT_PX, RATES, Numbered, make
from tests.streaming.making import bytes_of, made
from tests.streaming.ondemand import player_of

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.models import MediaFile
    from streaming.ondemand.service import OnDemand
    from tests.streaming.making import Studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media]

SECONDS = 600
RATE = RATES["29.97"]
FRAMES = int(SECONDS * RATE)
SIZE = "160x90"  # ten minutes are decoded often
SILENCE = 0.05  # of full scale; the tone is louder
GAP_S = 0.3  # a tone begins after so much silence
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "2M", "-bf", "2", "-c:a", "pcm_s16le")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "60", "-sc_threshold", "0", "-c:a", "aac")


def flashes_in(data: bytes) -> list[Fraction]:
    """Seconds at which a flash comes on the screen.

    libav moves all times up where a frame is shown before it is decoded by the file's clock; so the first frame's time is read here.
    """
    track = fmp4.read_track(io.BytesIO(data))
    began = Fraction(track.fragments[0].start, track.init.timescale)
    found, was_lit = [], False
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(frame.height, -1)
            is_lit = luma[frame.height * (FLASH_TOP_PX + 10) // HEIGHT_PX :, : frame.width].mean() > 128
            if is_lit and not was_lit:
                found.append(began + ((frame.pts or 0) - (stream.start_time or 0)) * (stream.time_base or Fraction(1)))
            was_lit = is_lit
    return found


def tones_in(data: bytes) -> list[Fraction]:
    """Seconds at which a tone begins."""
    found: list[Fraction] = []
    last_loud = -Fraction(GAP_S)
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        for frame in container.decode(stream):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > SILENCE)
            if not loud.size:
                continue
            began = Fraction(frame.pts or 0) * (stream.time_base or 1)
            if began + Fraction(int(loud[0]), frame.sample_rate) - last_loud > GAP_S:
                found.append(began + Fraction(int(loud[0]), frame.sample_rate))
            last_loud = began + Fraction(int(loud[-1]), frame.sample_rate)
    return found


def assert_in_step(picture: bytes, sound: bytes) -> None:
    """Each second has a tone, and a flash from its first frame on; the two are as far apart as in the source, to half a frame."""
    flashes, tones = flashes_in(picture), tones_in(sound)
    assert len(flashes) == len(tones) == SECONDS
    drift_s = [
        float(flash - tone - (math.ceil(second * RATE) / RATE - second))
        for second, (flash, tone) in enumerate(zip(flashes, tones, strict=True))
    ]
    assert max(map(abs, drift_s)) < 1 / RATE / 2, (min(drift_s), max(drift_s))


def smallest_and_sound(file: MediaFile) -> tuple[bytes, bytes]:
    tracks = Track.objects.filter(rendition__file=file, rendition__kind=RenditionKind.HLS).select_related("object")
    pictures = tracks.filter(kind=TrackKind.VIDEO).order_by("height_px")
    return bytes_of(pictures[0]), bytes_of(tracks.get(kind=TrackKind.AUDIO))


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("sync") / "master.mxf", Numbered(RATE, FRAMES, MPEG2, SIZE))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("sync") / "web.mkv", Numbered(RATE, FRAMES, H264, SIZE))


def put(studio: Studio, path: Path) -> MediaFile:
    shutil.copy(path, studio.shelf.root)
    return studio.add(path.name)


@pytest.mark.parametrize(("name", "method"), [("master", "ladder"), ("web", "remux")])
def test_prepared_streams_stay_in_step(studio: Studio, name: str, method: str, request: pytest.FixtureRequest) -> None:
    file = put(studio, request.getfixturevalue(name))
    assert made(file, RenditionKind.HLS).details["method"] == method
    assert_in_step(*smallest_and_sound(file))


async def test_segments_on_demand_stay_in_step(studio: Studio, door: OnDemand, master: Path) -> None:
    """Also where one encoder ends and the next begins: the segments are asked for out of order."""
    player = await player_of(door, await sync_to_async(put)(studio, master))
    order = [*range(70, player.plan.grid.count), *range(70)]
    assert_in_step(await player.whole("v90", order), await player.whole("a0", order))
