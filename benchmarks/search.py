"""How long a page of results takes among a million files, against a scan of the same rows with LIKE. On both databases.

MAM_BENCH_FILES files (1,000,000) of `manage.py generate_catalog`, and QUERIES searches drawn from its names, the same for the same seed:
titles, players in both spellings, years, numbers, fields; and TYPOS with one slip in a player's name. Each is asked once, after a few
others have warmed everything up, in a process that has indexed nothing itself, as a web server. A page is the 60 best files and the count;
with facets, all of those too. The reference finds the newest 60 files whose name, title, folder or work holds each word, and counts as far
as we do. What counts is the 95th percentile of both.
Then somebody looks for a player by a misspelt name, and puts all that is found into a collection and out again (`benchmarks.journey`).
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import journey
from benchmarks.databases import analyse, run_on_each, set_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from catalog.generated import GeneratedPlayer
    from mam.accounts.models import User

FILES = int(os.environ.get("MAM_BENCH_FILES", "1000000"))
QUERIES, TYPOS, SCANS = 200, 60, 60
PAGE = 60
SEED = 1
_MEASURE = "measure"


def prepare() -> None:
    """An archive that is indexed, in the database of this process: print rows indexed in a second, and memory in bytes."""
    set_up()
    from catalog.search import index  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415

    generate(files=FILES, seed=SEED)
    started = time.perf_counter()
    index.refresh_all()
    indexed_s = time.perf_counter() - started
    analyse()
    sys.stdout.write(f"indexed {FILES / indexed_s}\nmemory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\n")
    sys.stdout.flush()


def measure() -> None:
    """In a process of its own, after `prepare` in another: print seconds of each side at its median and its 95th percentile."""
    set_up()
    from django.core.cache import caches  # noqa: PLC0415

    from catalog import selectors  # noqa: PLC0415
    from catalog.generated import Archive  # noqa: PLC0415
    from catalog.search.query import parse  # noqa: PLC0415
    from mam.accounts.models import User  # noqa: PLC0415

    user = User(is_active=True, is_superuser=True)
    chance = random.Random(SEED)  # noqa: S311  (a sample)
    players = Archive(SEED).players
    queries, typos = [_query(chance, players) for _ in range(QUERIES)], [_typo(chance, players) for _ in range(TYPOS)]

    def page(typed: str) -> None:
        caches["answers"].clear()  # what was asked before is not measured
        len(selectors.search(user=user, query=parse(typed), limit=PAGE).items)

    def page_and_facets(typed: str) -> None:
        page(typed)
        selectors.list_facets(user=user, query=parse(typed))

    for typed in queries[-20:]:
        page_and_facets(typed)
    plain = [typed for typed in queries if ":" not in typed]
    for name, run, asked in (
        ("page", page, queries),
        ("facets", page_and_facets, queries),
        ("typo", page, typos),
        ("like", _scan, plain[:SCANS]),
        ("page_like", page, plain[:SCANS]),
    ):
        times = sorted(_times(run, asked))
        sys.stdout.write(f"{name}_p50 {statistics.median(times)}\n{name}_p95 {times[int(0.95 * len(times))]}\n")
    for name, seconds in journey.walk(_somebody()).items():
        sys.stdout.write(f"step_{name} {seconds}\n")


def _somebody() -> User:
    from mam.accounts.models import User  # noqa: PLC0415

    return User.objects.create_superuser(email="bench@example.test", password=None)


def _times(run: Callable[[str], None], asked: Sequence[str]) -> list[float]:
    times = []
    for typed in asked:
        started = time.perf_counter()
        run(typed)
        times.append(time.perf_counter() - started)
    return times


def _scan(typed: str) -> None:
    """The newest files with each word somewhere, and how many there are, up to the same cap."""
    from django.db.models import Q  # noqa: PLC0415

    from catalog.models import MediaFile  # noqa: PLC0415
    from catalog.search.engines import CAP  # noqa: PLC0415
    from catalog.text import fold  # noqa: PLC0415

    found = MediaFile.objects.all()
    for word in map(fold, typed.split()):
        found = found.filter(
            Q(name_key__contains=word) | Q(title__contains=word) | Q(folder__path_key__contains=word) | Q(content__title__contains=word)
        )
    list(found.order_by("-pk")[:PAGE])
    found.order_by()[:CAP].count()


def _query(chance: random.Random, players: Sequence[GeneratedPlayer]) -> str:
    from catalog.generated import EVENTS, MOMENTS, STAGES, YEARS  # noqa: PLC0415

    player = chance.choice(players)
    event, year = chance.choice(EVENTS)[0], chance.choice(YEARS)
    return chance.choice(
        (
            player.name_en.split()[-1],
            player.name_ko,
            f"{event} {year}",
            f"{event} {year} {player.name_en.split()[-1]}",
            f"{player.name_ko} {year}",
            chance.choice(MOMENTS),
            f"{chance.choice(STAGES)} {chance.choice(MOMENTS)}",
            f"{chance.choice(MOMENTS).replace(' ', '')} {year}",
            f"{chance.randrange(FILES // 10):07}",
            f"{event} codec:prores year:{year}",
            f"player:{player.name_ko.split()[-1]} {chance.choice(MOMENTS)}",
            f"{event} duration:>1h res:>=1080p",
        )
    )


def _typo(chance: random.Random, players: Sequence[GeneratedPlayer]) -> str:
    """A player's name with a letter or syllable wrong, and sometimes a year."""
    from catalog.generated import YEARS  # noqa: PLC0415

    name = chance.choice(players).name_en.split()[-1].lower()
    while len(name) < 5:
        name = chance.choice(players).name_en.split()[-1].lower()
    at = chance.randrange(1, len(name) - 2)
    slipped = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return f"{slipped} {chance.choice(YEARS)}" if chance.random() < 0.5 else slipped


def main() -> int:
    ratios = []
    for engine, result in run_on_each("benchmarks.search").items():
        ms = {name: 1000 * seconds for name, seconds in result.items() if "_p" in name}
        for name in ("page", "facets", "typo", "like"):
            sys.stdout.write(f"{engine}: {name} p50 {ms[f'{name}_p50']:.1f} ms, p95 {ms[f'{name}_p95']:.1f} ms\n")
        steps = ", ".join(f"{name.removeprefix('step_')} {1000 * s:.0f}" for name, s in result.items() if name.startswith("step_"))
        sys.stdout.write(f"{engine}: milliseconds of each step of somebody who looks for a player, collects and undoes: {steps}\n")
        ratio = ms["like_p95"] / ms["page_like_p95"]
        ratios.append(ratio)
        sys.stdout.write(f"{engine}: page of the same searches p95 {ms['page_like_p95']:.1f} ms, LIKE takes {ratio:.1f} times as long\n")
        sys.stdout.write(f"{engine}: indexed {result['indexed']:,.0f} rows/s, memory {result['memory'] / 1e6:.0f} MB\n")
    sys.stdout.write(f"search ratio {min(ratios):.1f} (reference/ours: LIKE takes so many times as long)\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == [_MEASURE]:
        measure()
    elif len(sys.argv) > 1:
        prepare()
        subprocess.run([sys.executable, "-m", "benchmarks.search", _MEASURE], check=True)
    else:
        sys.exit(main())
