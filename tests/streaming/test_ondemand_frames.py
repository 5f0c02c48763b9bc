"""On demand: every frame in its place, over the borders of segments and of encoder runs, whatever the source is like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async

from tests.frame_clips import RATES, Numbered, make
from tests.streaming.making import Studio, frames_in
from tests.streaming.ondemand import player_of

if TYPE_CHECKING:
    from streaming.ondemand.service import OnDemand

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media]
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-c:a", "aac")


CLIPS = {
    "plain.mp4": ("25", (*H264, "-g", "50", "-bf", "0")),
    "b_frames.mp4": ("23.976", (*H264, "-g", "60", "-bf", "3", "-preset", "veryfast")),
    "film.mkv": ("23.976", (*H264, "-g", "48")),
    "ntsc.mov": ("29.97", ("-c:v", "prores", "-c:a", "pcm_s16le")),
    "fast.mp4": ("59.94", (*H264, "-g", "120")),
    "broadcast.mxf": ("25", ("-c:v", "mpeg2video", "-b:v", "8M", "-bf", "2", "-g", "12", "-c:a", "pcm_s16le", "-ar", "48000")),
    "ntsc.mxf": ("29.97", ("-c:v", "mpeg2video", "-b:v", "8M", "-bf", "2", "-g", "15", "-c:a", "pcm_s16le", "-ar", "48000")),
    "stream.ts": ("25", (*H264, "-g", "50", "-muxdelay", "0.7")),
    "program.mpg": ("25", ("-c:v", "mpeg2video", "-b:v", "8M", "-bf", "2", "-g", "15", "-c:a", "mp2")),
    "old.avi": ("25", ("-c:v", "mpeg4", "-q:v", "2", "-g", "100", "-c:a", "pcm_s16le")),
}


@pytest.mark.parametrize("name", CLIPS)
async def test_every_frame_is_in_its_place(studio: Studio, door: OnDemand, name: str) -> None:
    rate, options = RATES[CLIPS[name][0]], CLIPS[name][1]
    frames = int(17 * rate)
    make(studio.shelf.root / name, Numbered(rate, frames, options))
    player = await player_of(door, await sync_to_async(studio.add)(name))
    # Backwards, so that every segment is the first of a run.
    backwards = list(reversed(range(player.plan.grid.count)))
    for track, order in (("v180", None), ("v90", backwards)):
        shown = frames_in(await player.whole(track, order))
        assert [frame.number for frame in shown] == list(range(frames))
        assert [frame.at for frame in shown] == [number / rate for number in range(frames)]
        gop = player.plan.grid.frames_per_gop
        assert [number for number, frame in enumerate(shown) if frame.is_key] == list(range(0, frames, gop))
