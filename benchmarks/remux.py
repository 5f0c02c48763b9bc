"""HLS by copy (exact times, checks, packaged, stored) against `ffmpeg -c copy` into HLS of fragmented MP4, in processor time.

A film of MAM_BENCH_MINUTES (60 unless told) in Matroska, made of a minute in a loop. The best of alternating rounds counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import making
from benchmarks.databases import environment_of, set_up

if TYPE_CHECKING:
    from catalog.models import MediaFile

MINUTES = int(os.environ.get("MAM_BENCH_MINUTES", "60"))
ROUNDS = 3
GOAL = 1.2


def measure(path: Path) -> None:
    """In a process with the benchmark's settings."""
    set_up()
    file = making.catalogued(path)
    costs = making.best(ROUNDS, {"ours": lambda: make_ours(file), "ffmpeg -c copy": lambda: copy(path)})
    for name, seconds in costs.items():
        sys.stdout.write(f"{name:15} {seconds:7.2f} s of processor for {MINUTES} minutes, {path.stat().st_size / 1e6:.0f} MB\n")
    ratio = costs["ours"] / costs["ffmpeg -c copy"]
    sys.stdout.write(f"remux ratio {ratio:.3f} (ours/reference){'' if ratio <= GOAL else '  GOAL MISSED'}\n")


def make_ours(file: MediaFile) -> None:
    from streaming.making.remux import make_remux  # noqa: PLC0415

    with making.making(file, "hls") as work:
        frames = make_remux(work).details["frames"]
        if frames != MINUTES * 60 * 25:
            raise RuntimeError(f"{frames} frames")


def copy(path: Path) -> None:
    """What ffmpeg's own HLS muxer makes: a file a track and playlists with byte ranges."""
    with tempfile.TemporaryDirectory(prefix="mam-bench-") as directory:
        hls = ["-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4", "-hls_flags", "single_file"]
        variants = ["-var_stream_map", "v:0,agroup:a a:0,agroup:a", "-master_pl_name", "main.m3u8", f"{directory}/stream_%v.m3u8"]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(path), "-map", "0:v", "-map", "0:a", "-c", "copy", *hls, *variants]
        subprocess.run(command, check=True)


def main() -> None:
    with environment_of("sqlite") as environment:
        directory = Path(environment["MAM_DATA_DIR"])
        minute = making.draw(directory / "minute.mp4", size="640x360", seconds=60)
        film = directory / "film.mkv"
        tone = ("-f", "lavfi", "-i", f"sine=f=440:r=48000:d={MINUTES * 60}")  # in one piece: a minute is no whole number of AAC frames
        copied = ("-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-ac", "2")
        making.ffmpeg("-stream_loop", str(MINUTES - 1), "-an", "-i", str(minute), *tone, *copied, str(film))
        sys.stdout.write(making.run_in(environment, "benchmarks.remux", "measure", str(film)))


if __name__ == "__main__":
    measure(Path(sys.argv[2])) if sys.argv[1:2] == ["measure"] else main()
