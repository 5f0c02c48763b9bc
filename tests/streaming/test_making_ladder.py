"""The ladder: every frame in its place in every size, sound beside it, nothing lost at a border of segments."""

from __future__ import annotations

import pytest

from streaming.models import Track
from tests.frame_clips import RATES, Numbered, make
from tests.streaming.making import Studio, bytes_of, frames_in, made

pytestmark = pytest.mark.django_db
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-g", "48", "-c:a", "aac")


def track(name: str) -> Track:
    return Track.objects.select_related("object").get(name=name)


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_is_in_its_place_in_every_size(studio: Studio, rate: str) -> None:
    frames = int(9 * RATES[rate]) + 3
    make(studio.shelf.root / "clip.mkv", Numbered(RATES[rate], frames, H264))
    rendition = made(studio.add("clip.mkv"), "hls")
    assert rendition.details["frames"] == frames
    assert set(Track.objects.values_list("name", flat=True)) == {"v180", "v90", "a0"}
    for name in ("v180", "v90"):
        shown = frames_in(bytes_of(track(name)))
        assert [frame.number for frame in shown] == list(range(frames))
        assert [frame.at for frame in shown] == [number / RATES[rate] for number in range(frames)]
        gop = round(2 * RATES[rate])
        assert [number for number, frame in enumerate(shown) if frame.is_key] == list(range(0, frames, gop))
