"""How long pages of lists take among a million files, at any depth, in any order, with conditions: the API's list and folders' pages.

MAM_BENCH_FILES files (1,000,000) of `manage.py generate_catalog`, and one more folder with a tenth as many in it. Through Django's WSGI
handler, as a viewer; what was asked before is forgotten before each request. First pages, and pages deep in the same lists, are asked for
in no order, after some that warm everything up. What counts is the 95th percentile of the deep ones against that of the first: the worst
of all lists, on both databases.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.asking import asker
from benchmarks.databases import analyse, run_on_each, set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = int(os.environ.get("MAM_BENCH_FILES", "1000000"))
IN_ONE_FOLDER = FILES // 10
DEPTHS = (0.3, 0.5, 0.9, 1.0)  # of a list
FOLDERS = 40
WARM = 30
SEED = 1
API = "/api/v1/files/"
API_ORDERS = {"": "-pk", "name": "name_key", "-first_seen_at": "-first_seen_at"}  # as asked for -> the column
FOLDER_SORTS = ("name", "-name", "newest", "oldest", "largest", "longest")


def measure() -> None:
    """In a process of its own: print seconds of each kind of list at the median and the 95th percentile, first pages and deep ones."""
    set_up()
    from django.core.management import call_command  # noqa: PLC0415

    from catalog.search import index  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415

    call_command("collectstatic", interactive=False, verbosity=0)  # pages name their files
    _fill_a_folder()
    generate(files=FILES, seed=SEED)
    index.refresh_all()
    analyse()
    ask_for_lists()


def ask_for_lists() -> None:
    """The same on the catalog that there is."""
    from django.core.cache import caches  # noqa: PLC0415

    ask = asker()
    times: dict[str, list[float]] = {}
    requests = [*_api_pages(), *_folder_pages()]
    random.Random(SEED).shuffle(requests)  # noqa: S311

    def seconds_of(address: str) -> float:
        path, _mark, query = address.partition("?")
        for cache in ("answers", "pages"):
            caches[cache].clear()
        started = time.perf_counter()
        ask(path, query)
        return time.perf_counter() - started

    for _kind, address in requests[:WARM]:
        seconds_of(address)
    for kind, address in requests:
        times.setdefault(kind, []).append(seconds_of(address))
    for kind, found in times.items():
        found.sort()
        sys.stdout.write(f"{kind}_p50 {statistics.median(found)}\n{kind}_p95 {found[int(0.95 * len(found))]}\n")


def _fill_a_folder() -> None:
    from django.utils import timezone  # noqa: PLC0415

    from catalog.models import Source  # noqa: PLC0415
    from catalog.services.registration import Listing, ensure_root, register_listings  # noqa: PLC0415
    from mam.lib.sources import Entry  # noqa: PLC0415

    source = Source.objects.create(name="one folder", url="file:///bench/one")
    chance = random.Random(SEED)  # noqa: S311  (a sample)
    sizes_and_times = ((chance.randrange(1 << 32), chance.randrange(1 << 60)) for _ in range(IN_ONE_FOLDER))
    entries = [Entry(f"카메라 {n % 16:02} clip {n}.mp4", False, size, time_ns, 1, n) for n, (size, time_ns) in enumerate(sizes_and_times)]
    listing = Listing(ensure_root(source=source).pk, entries, 1, timezone.now())
    register_listings(source=source, listings=[listing], settle=timedelta(seconds=15))


def _conditions() -> Iterator[str]:
    """Of the API's list."""
    from catalog.models import Catalog, Series, Tag  # noqa: PLC0415

    chance = random.Random(SEED)  # noqa: S311
    yield from (
        "",
        "kind=video",
        "extension=mxf",
        "probe_state=done",
        "min_height_px=1080",
        "presence=missing",
        "q=final",
        "is_placed=true",
    )
    yield from ("min_size_bytes=1000000000", "video_codec=h264&kind=video", "found_after=2020-01-01T00:00:00Z")
    for model, name, count in ((Catalog, "catalog", 3), (Series, "series", 5), (Tag, "tag", 3)):
        ids = list(model.objects.order_by("pk").values_list("pk", flat=True))
        yield from (f"{name}={pk}" for pk in chance.sample(ids, min(count, len(ids))))


def _api_pages() -> Iterator[tuple[str, str]]:
    """(kind, address) of first pages, and of pages from deeper and deeper in the list of all files; kinds end in "first" or "deep"."""
    cursors = {order: _cursors(path) for order, path in API_ORDERS.items()}  # they serve any conditions
    for conditions in _conditions():
        for order, found in cursors.items():
            first = f"{API}?ordering={order}&{conditions}"
            yield "api_first", first
            yield from (("api_deep", f"{first}&cursor={cursor}") for cursor in found)


def _cursors(path: str) -> list[str]:
    """At some depths of the list of all files in that order."""
    from catalog.models import MediaFile  # noqa: PLC0415
    from mam.lib.keyset import jump  # noqa: PLC0415

    files = MediaFile.objects.all()
    total = files.count()
    pages = [jump(files, [path], max(1, int(depth * total / 50) - 2), 50, total) for depth in DEPTHS]
    return [page.next for page in pages if page.next is not None]


def _folder_pages() -> Iterator[tuple[str, str]]:
    """As `_api_pages`, of ordinary folders with more than a page of files, and of the large one."""
    from django.db.models import Count  # noqa: PLC0415

    from catalog.models import MediaFile  # noqa: PLC0415

    chance = random.Random(SEED)  # noqa: S311
    counts = list(MediaFile.objects.order_by("folder").values_list("folder").annotate(files=Count("pk")).filter(files__gt=60))
    ordinary = [(pk, files) for pk, files in counts if files != IN_ONE_FOLDER]
    largest = [(pk, files) for pk, files in counts if files == IN_ONE_FOLDER]
    for kind, folders in (("folder", chance.sample(ordinary, min(FOLDERS, len(ordinary)))), ("large_folder", largest)):
        for pk, files in folders:
            pages = -(-files // 60)
            for sort in FOLDER_SORTS:
                yield f"{kind}_first", f"/folders/{pk}/?sort={sort}"
                yield from ((f"{kind}_deep", f"/folders/{pk}/?sort={sort}&page={max(2, int(depth * pages))}") for depth in DEPTHS)


def main() -> int:
    ratios = []
    for engine, found in run_on_each("benchmarks.lists").items():
        ms = {name: 1000 * seconds for name, seconds in found.items()}
        for kind in ("api", "folder", "large_folder"):
            if f"{kind}_deep_p95" not in ms:  # no folder with more than a page in a small archive
                continue
            ratios.append(ms[f"{kind}_deep_p95"] / ms[f"{kind}_first_p95"])
            first, deep = (f"p50 {ms[f'{kind}_{one}_p50']:.0f}, p95 {ms[f'{kind}_{one}_p95']:.0f} ms" for one in ("first", "deep"))
            sys.stdout.write(f"{engine}: {kind.replace('_', ' ')}: first pages {first}; deep ones {deep}\n")
    sys.stdout.write(f"lists ratio {max(ratios):.2f} (ours/reference: deep pages against first ones)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
