"""The ladder (1080, 720 and 480, one decode, packaged and stored) against a separate ffmpeg for each size, in processor time.

Both sides use the same options. Also against the same ffmpeg command without us: what looking at the source, checking, packaging and
storing cost. The best of alternating rounds counts.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import making
from benchmarks.databases import environment_of, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.models import MediaFile
    from streaming.making.ladder import Plan
    from streaming.making.timeline import Timeline

SECONDS = int(os.environ.get("MAM_BENCH_SECONDS", "20"))
ROUNDS = 2
GOAL, GOAL_OF_COMMAND = 0.8, 1.05


def measure(path: Path) -> None:
    """In a process with the benchmark's settings."""
    set_up()
    from django.conf import settings  # noqa: PLC0415  (the environment says which)

    settings.MAM_PRESETS["hls"]["rungs"] = [one for one in settings.MAM_PRESETS["hls"]["rungs"] if one["short_px"] >= 480]
    file = making.catalogued(path)
    costs = making.best(
        ROUNDS,
        {"ours": lambda: make_ours(file), "three ffmpegs": lambda: run_separately(file), "one ffmpeg": lambda: run_command(file)},
    )
    for name, seconds in costs.items():
        sys.stdout.write(f"{name:14} {seconds:7.2f} s of processor for {SECONDS} s of 1080p25\n")
    of_command = costs["ours"] / costs["one ffmpeg"]
    sys.stdout.write(f"ladder_command ratio {of_command:.3f} (ours/reference){'' if of_command <= GOAL_OF_COMMAND else '  GOAL MISSED'}\n")
    ratio = costs["ours"] / costs["three ffmpegs"]
    sys.stdout.write(f"ladder ratio {ratio:.3f} (ours/reference){'' if ratio <= GOAL else '  GOAL MISSED'}\n")


def make_ours(file: MediaFile) -> None:
    from streaming.making.ladder import make_ladder  # noqa: PLC0415

    with making.making(file, "hls") as work:
        made = make_ladder(work)
        if made.details["frames"] != SECONDS * 25:
            raise RuntimeError(f"{made.details['frames']} frames")


def run_command(file: MediaFile) -> None:
    """The ffmpeg command that `make_ladder` runs, and nothing else."""
    with making.making(file, "hls") as work:
        from streaming.making.ladder import plan_for  # noqa: PLC0415

        _run(file, plan_for(work))


def run_separately(file: MediaFile) -> None:
    """One ffmpeg a size; the sound goes with the first."""
    with making.making(file, "hls") as work:
        from streaming.making.ladder import plan_for  # noqa: PLC0415

        for plan in _one_by_one(plan_for(work)):
            _run(file, plan)


def _one_by_one(plan: Plan) -> Iterator[Plan]:
    for number, rung in enumerate(plan.rungs):
        yield replace(plan, rungs=(rung,), audio=() if number else plan.audio, subtitles=())


def _run(file: MediaFile, plan: Plan) -> None:
    import subprocess  # noqa: PLC0415

    import ffmpeg  # noqa: PLC0415

    from mam.lib.ffmpeg import command  # noqa: PLC0415
    from streaming.inputs import ffmpeg_input  # noqa: PLC0415
    from streaming.making.ladder import graph_for  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="mam-bench-") as directory, ffmpeg_input(file) as source:
        graph = graph_for(ffmpeg.input(source.url, **source.options), plan, _from_start(), Path(directory))
        subprocess.run(command(graph), check=True, stderr=subprocess.DEVNULL)


def _from_start() -> Timeline:
    from fractions import Fraction  # noqa: PLC0415

    from streaming.making.timeline import Timeline  # noqa: PLC0415

    return Timeline(Fraction(0))


def main() -> None:
    with environment_of("sqlite") as environment:
        film = making.draw(Path(environment["MAM_DATA_DIR"]) / "film.mp4", seconds=SECONDS)
        sys.stdout.write(making.run_in(environment, "benchmarks.ladder", "measure", str(film)))


if __name__ == "__main__":
    measure(Path(sys.argv[2])) if sys.argv[1:2] == ["measure"] else main()
