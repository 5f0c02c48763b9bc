"""The storyboard (a hundred pictures on one sheet) against `ffmpeg -skip_frame nokey` over the whole file, in processor time.

A film of MAM_BENCH_MINUTES (60 unless told), 1080p H.264 with a keyframe every two seconds. The reference makes the same sheet of the
keyframes it meets on its way. Worker processes are started before, as they are once for hundreds of files.
"""

from __future__ import annotations

import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from benchmarks import making
from mam.lib.media import LocalFile, MediaWorkers

MINUTES = int(os.environ.get("MAM_BENCH_MINUTES", "60"))
PICTURES, COLUMNS, WIDTH_PX = 100, 10, 160
ROUNDS = 2
GOAL = 0.2


def make_sheet(workers: MediaWorkers, path: Path) -> float:
    """Processor seconds of the worker, which says them itself, and of reading for it."""
    before = making.cpu_s()
    with LocalFile(path) as file:
        places = [Fraction(2 * number + 1, 2 * PICTURES) for number in range(PICTURES)]
        sheet = workers.sheet(file, at=places, columns=COLUMNS, tile_width_px=WIDTH_PX)
    if sheet.pictures != PICTURES:
        raise RuntimeError(f"{sheet.pictures} pictures: {sheet.reason} {sheet.detail}")
    return sheet.cpu_ms / 1000 + making.cpu_s() - before


def scan(path: Path, directory: Path) -> float:
    """Processor seconds of ffmpeg, which decodes every keyframe."""
    filters = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{MINUTES * 60 / PICTURES})',scale={WIDTH_PX}:-2,tile={COLUMNS}x10"
    sheet = directory / "sheet.jpg"
    output = ("-an", "-vf", filters, "-fps_mode", "vfr", "-frames:v", "2", "-update", "1", str(sheet))
    return making.cost_of(lambda: making.ffmpeg("-skip_frame", "nokey", "-i", str(path), *output))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mam-bench-") as name, MediaWorkers(1) as workers:
        directory = Path(name)
        minute = making.draw(directory / "minute.mp4", seconds=60)
        film = directory / "film.mp4"
        making.ffmpeg("-stream_loop", str(MINUTES - 1), "-i", str(minute), "-map", "0", "-c", "copy", str(film))
        make_sheet(workers, film)
        ours = min(make_sheet(workers, film) for _ in range(ROUNDS))
        reference = scan(film, directory)
    sys.stdout.write(f"ours                {ours:7.2f} s of processor for {PICTURES} pictures of {MINUTES} minutes\n")
    sys.stdout.write(f"-skip_frame nokey   {reference:7.2f} s\n")
    ratio = ours / reference
    sys.stdout.write(f"storyboard ratio {ratio:.3f} (ours/reference){'' if ratio <= GOAL else '  GOAL MISSED'}\n")


if __name__ == "__main__":
    main()
