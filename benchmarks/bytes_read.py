"""How much of a source is read for poster and storyboard: bytes read over bytes there are, for files of an hour in several containers.

Reading is counted where the source is asked, so what is read twice counts twice. The worst container is the ratio.
"""

from __future__ import annotations

import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from mam.lib.media import LocalFile, MediaWorkers
from tests.media import ClipLibrary

PICTURES, COLUMNS, WIDTH_PX = 100, 10, 160
GOAL = 0.15
POSTER_AT = Fraction(1, 10)
# clip -> the file of an hour made of it
LONG: list[tuple[str, str, int]] = [
    ("moov_end.mp4", "hour.mp4", 900),
    ("moov_end.mp4", "hour.mov", 900),
    ("op1a.mxf", "hour.mxf", 900),
    ("h264.ts", "hour.ts", 900),
    ("film.mkv", "hour.mkv", 900),
    ("prores_df.mov", "hour_prores.mov", 900),
]


def bytes_read(workers: MediaWorkers, path: Path) -> int:
    """For both. RuntimeError where one of them could not be made."""
    places = [Fraction(2 * number + 1, 2 * PICTURES) for number in range(PICTURES)]
    with LocalFile(path) as file:
        poster = workers.frame(file, at=POSTER_AT)
    with LocalFile(path) as file:
        sheet = workers.sheet(file, at=places, columns=COLUMNS, tile_width_px=WIDTH_PX)
    if not poster.ok or sheet.pictures < PICTURES * 0.9:
        raise RuntimeError(f"{path.name}: {poster.reason} {poster.detail}; {sheet.pictures} pictures, {sheet.reason} {sheet.detail}")
    return poster.bytes_read + sheet.bytes_read


def main() -> None:
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="mam-bench-") as directory, MediaWorkers(1) as workers:
        clips = ClipLibrary(Path(directory))
        for clip, target, times in LONG:
            path = clips.loop(clip, target, times=times)
            size, read = path.stat().st_size, bytes_read(workers, path)
            path.unlink()
            worst = max(worst, read / size)
            missed = "" if read / size <= GOAL else "  GOAL MISSED"
            sys.stdout.write(f"{target:16} {read / 1e6:7.1f} of {size / 1e6:8.1f} MB = {read / size:.3f}{missed}\n")
    sys.stdout.write(f"bytes_read ratio {worst:.3f} (ours/reference)\n")


if __name__ == "__main__":
    main()
