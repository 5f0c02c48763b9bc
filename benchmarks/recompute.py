"""How long matching takes after 5,000 of a million files have changed, against matching all of them anew. On both databases.

MAM_BENCH_FILES files (1,000,000), 0.7 times as many rows of the target (`benchmarks.sync_rows`). The first matching, which writes a row and
a line of the history for every file, is told apart; both sides that are compared find matches and folders' counts as they are on an
ordinary day. What changed of the 5,000 is where they lie in time: their length, so that most are to be updated at the target.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

from benchmarks.databases import analyse, run_on_each, set_up
from benchmarks.memory import Peak
from benchmarks.sync_rows import FILES, SEED, fill, match_all

TOUCHED = min(5_000, FILES // 20)
ROUNDS = 3


def measure() -> None:
    """In a process of its own: print seconds of each side, the median of some rounds."""
    set_up()
    from sync.matching.touches import touch_all  # noqa: PLC0415

    fill()
    analyse()
    found = {"first": _seconds()}
    analyse()
    full, touched = [], []
    with Peak() as memory:
        for number in range(ROUNDS):
            touch_all()
            full.append(_seconds())
            _touch(number)
            touched.append(_seconds())
    found |= {"full": statistics.median(full), "touched": statistics.median(touched)}
    found["memory"] = memory.most / 1e6
    sys.stdout.write("".join(f"{name} {value}\n" for name, value in found.items()))


def _seconds() -> float:
    started = time.perf_counter()
    match_all()
    return time.perf_counter() - started


def _touch(number: int) -> None:
    """Change files from all over the archive."""
    from catalog.models import MediaFile  # noqa: PLC0415
    from mam.lib.bulk import among  # noqa: PLC0415

    ids = MediaFile.objects.order_by("pk").values_list("pk", flat=True)
    chosen = random.Random(SEED + number).sample(list(ids), TOUCHED)  # noqa: S311
    MediaFile.objects.filter(pk__in=among(chosen)).update(duration_ms=1_000 + number)


def main() -> int:
    ratios = []
    for engine, found in run_on_each("benchmarks.recompute").items():
        ratios.append(found["touched"] / found["full"])
        sys.stdout.write(
            f"{engine}: {TOUCHED:,} touched {found['touched']:.2f} s, all {FILES:,} {found['full']:.1f} s: {ratios[-1]:.3f};"
            f" the first time {found['first']:.0f} s, {found['memory']:,.0f} MB\n"
        )
    sys.stdout.write(f"recompute ratio {max(ratios):.3f} (ours/reference: what was touched against everything)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
