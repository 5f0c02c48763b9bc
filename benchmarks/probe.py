"""Understanding files: our workers against an `ffprobe FILE` process each, on the same local files, alternately, one at a time.

MAM_BENCH_FILES files (200 unless told) of twenty-odd formats. Ours is timed from opening the file to the checked description,
worker and messages included; workers are started before, as they are once for 500 files. The median of the rounds counts.
Then how much of files of an hour and more is read.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mam.lib.media import LocalFile, MediaWorkers
from tests.media import RECIPES, ClipLibrary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILES = int(os.environ.get("MAM_BENCH_FILES", "200"))
ROUNDS = 3
GOAL_SHARE = 0.01
# clip -> the file of an hour made of it, by how many copies in a row, and how it is written
LONG: list[tuple[str, str, int, tuple[str, ...]]] = [
    ("moov_end.mp4", "hour.mp4", 900, ()),
    ("moov_end.mp4", "hour.mov", 900, ()),
    ("moov_end.mp4", "hour_fragmented.mp4", 900, ("-movflags", "frag_keyframe+empty_moov")),
    ("op1a.mxf", "hour.mxf", 900, ()),
    ("h264.ts", "hour.ts", 900, ()),
    ("film.mkv", "hour.mkv", 900, ()),
]


def probe_with_ours(workers: MediaWorkers, paths: Sequence[Path]) -> None:
    for path in paths:
        with LocalFile(path) as file:
            if not workers.probe(file, name=path.name).ok:
                raise RuntimeError(f"ours failed on {path.name}")


def probe_with_ffprobe(paths: Sequence[Path]) -> None:
    for path in paths:
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_chapters", str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)


def milliseconds(work: Callable[[], None], files: int) -> float:
    """Per file."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / files * 1000


def measure_time(workers: MediaWorkers, clips: ClipLibrary) -> float:
    """Print both sides; return ours/reference."""
    names = list(RECIPES)
    paths = [clips[names[number % len(names)]] for number in range(FILES)]
    probe_with_ours(workers, paths[:1])
    ours, reference = [], []
    for _round in range(ROUNDS):
        reference.append(milliseconds(lambda: probe_with_ffprobe(paths), FILES))
        ours.append(milliseconds(lambda: probe_with_ours(workers, paths), FILES))
    ours_ms, reference_ms = statistics.median(ours), statistics.median(reference)
    sys.stdout.write(
        f"ours      {ours_ms:8.2f} ms a file, {FILES} files, {len(names)} formats\n"
        f"ffprobe   {reference_ms:8.2f} ms a file, a process each\n"
    )
    return ours_ms / reference_ms


def measure_bytes(workers: MediaWorkers, clips: ClipLibrary) -> None:
    """Print how much of long files is read; RuntimeError where one is not understood."""
    for clip, target, times, arguments in LONG:
        path = clips.loop(clip, target, times=times, arguments=arguments)
        with LocalFile(path) as file:
            outcome = workers.probe(file, name=target)
        size = path.stat().st_size
        path.unlink()
        if not outcome.ok or outcome.description is None or outcome.description.duration_ms is None:
            raise RuntimeError(f"{target} was not understood: {outcome.reason} {outcome.detail}")
        share = outcome.bytes_read / size
        sys.stdout.write(
            f"{target:20} {outcome.bytes_read / 1e6:6.2f} of {size / 1e6:8.1f} MB = {share:.3%} in {outcome.requests} requests, "
            f"{outcome.elapsed_ms} ms, {outcome.description.duration_ms / 3_600_000:.2f} h{'' if share < GOAL_SHARE else '  GOAL MISSED'}\n"
        )


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mam-bench-") as directory, MediaWorkers(1) as workers:
        clips = ClipLibrary(Path(directory))
        measure_bytes(workers, clips)
        ratio = measure_time(workers, clips)
    sys.stdout.write(f"probe ratio {ratio:.3f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
