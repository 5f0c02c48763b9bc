"""Rows a second that listings become in the catalog, against a bare bulk insert of the same columns: `executemany` on SQLite, COPY on
PostgreSQL. On both databases; the worse ratio counts.

100,000 files, or MAM_BENCH_FILES, in folders of 50, registered as a first scan does it: compared with what is known, inserted, totals
of all folders above, checkpoint. Both sides write as many rows into the same table with all its indexes and constraints, in
transactions of the same size; the reference finds its values ready-made and does nothing else. The two take turns on one growing
table, so that neither has the emptier one throughout; the best round of each counts.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.databases import compare_on_each, set_up

if TYPE_CHECKING:
    from catalog.services.registration import Listing
    from mam.lib.sources import Entry

FILES = int(os.environ.get("MAM_BENCH_FILES", "100000"))
FILES_PER_FOLDER = 50
BATCH_FOLDERS = 100  # 5,000 files a transaction, as the scanner does
ROUNDS = 3


def measure() -> None:
    """In a process of its own: print rows a second of both sides, the best round of each."""
    set_up()
    sides = [("reference", _insert_bare), ("ours", _register)]
    best = dict.fromkeys(("ours", "reference"), 0.0)
    for number in range(ROUNDS):
        for name, run in sides:
            best[name] = max(best[name], run(number))
        sides.reverse()
    sys.stdout.write("".join(f"{name} {rate}\n" for name, rate in best.items()))


def _listings(round_number: int) -> tuple[Any, list[list[Listing]]]:
    """A new source with its folders, and the batches of their listings."""
    from datetime import timedelta  # noqa: PLC0415

    from django.utils import timezone  # noqa: PLC0415

    from catalog.models import Source  # noqa: PLC0415
    from catalog.services.registration import Listing, ensure_root, register_listings  # noqa: PLC0415
    from mam.lib.sources import Entry  # noqa: PLC0415

    source = Source.objects.create(name=f"bench {round_number}", url=f"file:///bench/{round_number}")
    root = ensure_root(source=source)
    now = timezone.now()
    folders = [Entry(f"Season {n:05}", True, 0, 1, 1, n) for n in range(FILES // FILES_PER_FOLDER)]
    found = register_listings(source=source, listings=[Listing(root.pk, folders, 1, now)], settle=timedelta(seconds=15))
    listings = [
        Listing(folder.pk, [_entry(index, n) for n in range(FILES_PER_FOLDER)], 1, timezone.now())
        for index, folder in enumerate(found.subfolders)
    ]
    return source, [listings[start : start + BATCH_FOLDERS] for start in range(0, len(listings), BATCH_FOLDERS)]


def _entry(folder: int, number: int) -> Any:
    from mam.lib.sources import Entry  # noqa: PLC0415

    file_id = 1_000_000 + folder * FILES_PER_FOLDER + number
    return Entry(f"WSOP_2024_ME_Day{folder}_Part{number} 파이널.mp4", False, file_id * 1000, 1_600_000_000_000_000_000, 1, file_id)


def _register(round_number: int) -> float:
    from datetime import timedelta  # noqa: PLC0415

    from catalog.services.registration import register_listings  # noqa: PLC0415

    source, batches = _listings(round_number)
    started = time.perf_counter()
    added = sum(register_listings(source=source, listings=batch, settle=timedelta(seconds=15)).added for batch in batches)
    seconds = time.perf_counter() - started
    if added != FILES // FILES_PER_FOLDER * FILES_PER_FOLDER:
        raise RuntimeError(f"registered {added} of {FILES}")
    return added / seconds


def _insert_bare(round_number: int) -> float:
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from catalog.models import MediaFile  # noqa: PLC0415
    from catalog.services.file_rows import INSERT_COLUMNS  # noqa: PLC0415
    from mam.lib.bulk import database_time, insert_rows  # noqa: PLC0415

    source, batches = _listings(1000 + round_number)
    now = database_time(timezone.now())

    def row(folder_id: int, e: Entry) -> tuple[Any, ...]:
        place = (source.pk, now, folder_id, e.name, e.name, "mp4", "video")
        return (*place, e.size_bytes, e.mtime_ns, e.ctime_ns, e.file_id, "present", now, "pending", 60, None, None)

    ready = [[row(listing.folder_id, entry) for listing in batch for entry in listing.entries] for batch in batches]
    started = time.perf_counter()
    for rows in ready:
        with transaction.atomic():
            insert_rows(MediaFile, INSERT_COLUMNS[1:], rows)
    seconds = time.perf_counter() - started
    return sum(len(rows) for rows in ready) / seconds


def main() -> int:
    ratio = compare_on_each("register", "bare bulk insert")
    sys.stdout.write(f"register ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        raise SystemExit(main())
