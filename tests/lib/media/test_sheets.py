"""Sheets of small pictures: each cell is the keyframe before its place, whatever the container, for few bytes."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from mam.lib.media import Budget, LocalFile, Reason
from tests.frame_clips import Numbered, make, number_in

if TYPE_CHECKING:
    from pathlib import Path

    from mam.lib.media import MediaWorkers, SheetOutcome
    from tests.media import ClipLibrary

RATE, FRAMES, GOP = Fraction(25), 500, 25
CELLS = 10
PLACES = [Fraction(2 * cell + 1, 2 * CELLS) for cell in range(CELLS)]  # the middle of each tenth
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12", "-g", str(GOP), "-keyint_min", str(GOP), "-sc_threshold", "0")
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "8M", "-g", "12", "-c:a", "pcm_s16le", "-ar", "48000")
FORMATS: dict[str, tuple[str, ...]] = {
    "clip.mp4": (*H264, "-c:a", "aac"),
    "clip.mkv": (*H264, "-bf", "3", "-c:a", "aac"),
    "clip.ts": (*H264, "-c:a", "aac"),
    "clip.mxf": MPEG2,
    "clip.mpg": ("-c:v", "mpeg2video", "-b:v", "8M", "-g", "12", "-c:a", "mp2"),
    "clip.mov": ("-c:v", "prores", "-profile:v", "0", "-c:a", "pcm_s16le"),
    "clip.avi": ("-c:v", "mpeg4", "-q:v", "2", "-g", "25", "-c:a", "mp3"),
    "bare.mp4": (*H264, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+skip_trailer"),
}


def sheet_of(workers: MediaWorkers, path: Path, **options: object) -> SheetOutcome:
    with LocalFile(path) as file:
        return workers.sheet(file, at=PLACES, columns=4, tile_width_px=160, **options)  # type: ignore[arg-type]


def cells_of(sheet: SheetOutcome, columns: int = 4) -> list[np.ndarray]:
    """The cells' luma, in order."""
    with av.open(io.BytesIO(sheet.jpeg), "r") as container:
        luma = next(container.decode(video=0)).reformat(format="gray").to_ndarray()
    width, height = sheet.tile_width_px, sheet.tile_height_px
    return [
        luma[cell // columns * height : (cell // columns + 1) * height, cell % columns * width : (cell % columns + 1) * width]
        for cell in range(CELLS)
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_each_cell_is_a_keyframe_near_its_place(name: str, tmp_path: Path, media_workers: MediaWorkers) -> None:
    path = make(tmp_path / name, Numbered(RATE, FRAMES, FORMATS[name]))
    sheet = sheet_of(media_workers, path)
    assert (sheet.ok, sheet.reason) == (True, None), sheet.detail
    assert sheet.pictures >= CELLS - 1  # after a jump by bytes near the end there may be no keyframe any more
    assert (sheet.tile_width_px, sheet.tile_height_px) == (160, 90)
    numbers = [number_in(cell) for cell in cells_of(sheet)]
    for number, place in zip(numbers, PLACES, strict=True):
        assert abs(number - int(FRAMES * place)) <= 2 * GOP, numbers
    assert sheet.cpu_ms > 0


def test_turned_pictures_stand_upright(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    sheet = sheet_of(media_workers, clips["rotated.mp4"])
    assert (sheet.tile_width_px, sheet.tile_height_px) == (160, 284)


def test_hdr_is_mapped_and_not_grey(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    sheet = sheet_of(media_workers, clips["hdr10.mp4"])
    assert sheet.ok
    assert max(int(cell.max()) - int(cell.min()) for cell in cells_of(sheet)) > 120


def test_a_long_file_costs_a_small_part_of_it(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    path = clips.loop("moov_end.mp4", "twenty_minutes.mp4", times=300)
    sheet = sheet_of(media_workers, path)
    assert sheet.pictures == CELLS
    assert sheet.bytes_read < path.stat().st_size * 0.15


def test_over_budget_the_last_picture_is_repeated(tmp_path: Path, media_workers: MediaWorkers) -> None:
    path = make(tmp_path / "clip.mov", Numbered(RATE, FRAMES, FORMATS["clip.mov"]))
    sheet = sheet_of(media_workers, path, budget=Budget(bytes=path.stat().st_size // 3, requests=1000, seconds=60))
    assert (sheet.ok, sheet.reason) == (True, Reason.BUDGET)
    assert 0 < sheet.pictures < CELLS
    cells = cells_of(sheet)
    assert np.array_equal(cells[-1], cells[-2])
    assert sheet_of(media_workers, path).pictures == CELLS  # the worker that was refused bytes is not used again


@pytest.mark.parametrize(
    ("name", "reason"), [("empty.mp4", Reason.EMPTY), ("text.mp4", Reason.UNSUPPORTED), ("tone.mp3", Reason.UNSUPPORTED)]
)
def test_what_has_no_picture_has_no_sheet(name: str, reason: Reason, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    sheet = sheet_of(media_workers, clips[name])
    assert (sheet.ok, sheet.reason, sheet.jpeg) == (False, reason, b"")
