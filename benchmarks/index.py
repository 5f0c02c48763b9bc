"""Rows a second that changed files become in the search index, against the bare insert of the same entries. On both databases; the worse
ratio counts.

MAM_BENCH_FILES files (100,000) of `manage.py generate_catalog`. Ours reads what each file is called and in which works, folders, tags and
collections it is, makes the words of it, writes and takes the notes away, in transactions of a thousand. The reference finds the entries
ready-made and writes as many into the same, emptied table with its full-text index, in transactions of the same size.
"""

from __future__ import annotations

import os
import resource
import sys
import time

from benchmarks.databases import compare_on_each, set_up

FILES = int(os.environ.get("MAM_BENCH_FILES", "100000"))
SEED = 1


def measure() -> None:
    """In a process of its own: print rows a second of both sides, and memory in bytes."""
    set_up()
    from catalog.search import index  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415

    generate(files=FILES, seed=SEED)
    before = _peak_bytes()
    started = time.perf_counter()
    index.refresh_all()
    ours_s = time.perf_counter() - started
    peak = _peak_bytes()
    sys.stdout.write(f"ours {FILES / ours_s}\nreference {FILES / _insert_bare()}\nbefore {before}\npeak {peak}\n")


def _insert_bare() -> float:
    """Seconds. Takes the entries there are out and writes them again."""
    from django.db import transaction  # noqa: PLC0415

    from catalog.models import SearchEntry  # noqa: PLC0415
    from catalog.search.index import BATCH  # noqa: PLC0415
    from mam.lib.bulk import chunks, insert_rows  # noqa: PLC0415

    columns = [field.attname for field in SearchEntry._meta.concrete_fields]  # named as in the table
    rows = list(SearchEntry.objects.order_by("pk").values_list(*columns))
    if len(rows) != FILES:
        raise RuntimeError(f"indexed {len(rows)} of {FILES} files")
    SearchEntry.objects.all().delete()
    started = time.perf_counter()
    for part in chunks(rows, BATCH):
        with transaction.atomic():
            insert_rows(SearchEntry, columns, part)
    return time.perf_counter() - started


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    def memory(found: dict[str, float]) -> str:
        return f"; memory {found['peak'] / 1e6:.0f} MB at its peak, {found['before'] / 1e6:.0f} before"

    ratio = compare_on_each("index", "bare insert of the entries", more=memory)
    sys.stdout.write(f"index ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        raise SystemExit(main())
