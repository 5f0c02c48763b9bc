"""Pictures of files: the right place, upright, in the right shape and brightness."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest

from mam.lib.media import LocalFile, Reason
from tests.lib.media.readers import MemoryFile
from tests.media import COUNTER_BITS, COUNTER_FRAMES, COUNTER_RATE

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mam.lib.media import FrameOutcome, MediaWorkers
    from tests.media import ClipLibrary

TENTH = Fraction(1, 10)
FRAGMENTED = ("-movflags", "frag_keyframe+empty_moov+skip_trailer")


def frame(workers: MediaWorkers, path: Path, at: Fraction = TENTH, max_width_px: int = 1280) -> FrameOutcome:
    with LocalFile(path) as file:
        outcome = workers.frame(file, at=at, max_width_px=max_width_px)
    assert outcome.ok, outcome
    return outcome


def pixels(outcome: FrameOutcome) -> NDArray[np.uint8]:
    """The JPEG, decoded: height x width x RGB."""
    with av.open(io.BytesIO(outcome.jpeg), "r", format="jpeg_pipe") as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert picture.shape == (outcome.height_px, outcome.width_px, 3)
    return picture.astype("uint8")


def counter_of(picture: NDArray[np.uint8]) -> int:
    """The frame number that a picture of `counter.mp4` shows."""
    height, width, _ = picture.shape
    bars = [picture[height // 2, int((bit + 0.5) * width / COUNTER_BITS)].mean() > 127 for bit in range(COUNTER_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(bars) if is_set)


@pytest.mark.parametrize("at", [Fraction(1, 10), Fraction(1, 2), Fraction(9, 10)])
def test_the_frame_lies_where_it_was_asked_for(at: Fraction, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = frame(media_workers, clips["counter.mp4"], at)
    assert counter_of(pixels(outcome)) == COUNTER_FRAMES * at
    assert outcome.at_ms == COUNTER_FRAMES * at * 1000 / COUNTER_RATE


def test_black_is_left_out(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = frame(media_workers, clips["black_start.mp4"])  # black for a quarter of it
    assert outcome.at_ms is not None and outcome.at_ms >= 3000
    assert pixels(outcome).mean() > 60


def test_a_film_that_is_black_throughout_has_a_black_picture(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    path = clips.loop("black_start.mp4", "black.mp4", times=1, arguments=("-t", "2"))
    assert pixels(frame(media_workers, path)).mean() < 5


def test_rotated_pictures_are_upright(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    lying, upright = (pixels(frame(media_workers, clips[name])) for name in ("moov_end.mp4", "rotated.mp4"))
    assert upright.shape == (320, 180, 3)
    turned = lying.swapaxes(0, 1)[::-1]  # counter-clockwise, as the file says
    assert abs(turned.astype(int) - upright.astype(int)).mean() < 8


def test_pixels_are_square(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = frame(media_workers, clips["anamorphic.mp4"])  # 180 x 144, pixels 16:11
    assert (outcome.width_px, outcome.height_px) == (262, 144)


def test_wide_pictures_are_made_smaller(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = frame(media_workers, clips["moov_end.mp4"], max_width_px=160)
    assert (outcome.width_px, outcome.height_px) == (160, 90)


def test_colours_are_those_of_the_test_picture(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    picture = pixels(frame(media_workers, clips["moov_end.mp4"]))
    red, green = picture[150, 20].astype(int), picture[90, 70].astype(int)
    assert red[0] > 200 > 80 > max(red[1], red[2])
    assert green[1] > 200 > 80 > max(green[0], green[2])


def test_hdr_is_shown_as_sdr(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = frame(media_workers, clips["hdr10.mp4"])
    picture = pixels(outcome)
    assert 40 < picture.mean() < 220
    assert picture.max() > 200
    assert outcome.elapsed_ms < 5000


@pytest.mark.parametrize(
    "name",
    ["fragmented.mp4", "fragmented_bare.mp4", "fragmented_sidx.mp4", "op1a.mxf", "h264.ts", "vp9.webm", "interlaced.mpg", "prores_df.mov"],
)
def test_every_container_gives_a_picture(name: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    assert pixels(frame(media_workers, clips[name])).std() > 40


def test_long_fragmented_files_are_entered_in_the_middle(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    path = clips.loop("moov_end.mp4", "long_fragmented_bare.mp4", times=150, arguments=FRAGMENTED)
    outcome = frame(media_workers, path)
    assert outcome.at_ms == pytest.approx(60_000, abs=10_000)
    assert outcome.bytes_read < 2_000_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [("tone.wav", Reason.UNSUPPORTED), ("text.mp4", Reason.UNSUPPORTED), ("truncated.mp4", Reason.TRUNCATED), ("empty.mp4", Reason.EMPTY)],
)
def test_where_there_is_no_picture_there_is_a_reason(name: str, reason: Reason, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    outcome = media_workers.frame(MemoryFile.of(clips[name]), at=TENTH)
    assert (outcome.ok, outcome.reason, outcome.jpeg) == (False, reason, b"")
