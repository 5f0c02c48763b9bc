"""Rows a second of a first sync, from plan to synced matches, against a bare insert of the same rows. On both databases.

MAM_BENCH_FILES files (1,000,000) that are matched and have no rows yet; the target is an empty database of the same kind as the main one.
Ours reads the target, plans, writes batches of 500 with their mark, and tells the mirror, the matches, the counts of folders, the cube
and the history (a hashed row for each file). The reference writes the same rows, ready-made, into the same empty table with its indexes:
`executemany` in one transaction on SQLite, one COPY on PostgreSQL. The apply alone is told apart. Ours runs in a process of its own, as a
worker does: its memory is what a first sync takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.databases import analyse, run_on_each, set_up
from benchmarks.memory import Peak

FILES = int(os.environ.get("MAM_BENCH_FILES", "1000000"))
_MEASURE = "measure"


def prepare() -> None:
    """Files that are matched, in the database of this process."""
    set_up()
    from django.utils import timezone  # noqa: PLC0415

    from catalog.models import Source  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415
    from ingest.models import Scan  # noqa: PLC0415
    from sync.matching.recompute import match_touched  # noqa: PLC0415
    from sync.services import settings  # noqa: PLC0415
    from sync.services.history import Actor  # noqa: PLC0415

    generate(files=FILES, seed=1)
    target = settings.ensure_default_target()
    settings.ensure_sources(target)
    for source in Source.objects.all():
        Source.objects.filter(pk=source.pk).update(state="online")
        Scan.objects.create(source=source, mode="full", state="done", finished_at=timezone.now())
    analyse()
    match_touched(by=Actor())
    analyse()


def measure() -> None:
    """In a process of its own, after `prepare` in another: print rows a second of both sides, and our memory."""
    set_up()
    from mam.jobs.testing import run_pending  # noqa: PLC0415
    from sync.models import Match  # noqa: PLC0415
    from sync.services import settings, syncing  # noqa: PLC0415

    target = settings.ensure_default_target()
    rows = Match.objects.filter(action="insert").count()
    started = time.perf_counter()
    with Peak() as memory:
        syncing.request_sync(target=target, user=None)
        jobs = run_pending(kinds=[syncing.SYNC_JOB])
    seconds = time.perf_counter() - started
    if jobs[0].result is None or jobs[0].result["added"] != rows:
        raise RuntimeError(f"not all was added: {jobs[0].result} {jobs[0].error_text}")
    began, ended = target.plans.values_list("started_at", "finished_at").latest("pk")
    apply_s = (ended - began).total_seconds() if began and ended else 0.0
    found = {"ours": rows / seconds, "apply": rows / apply_s, "reference": rows / _bare()}
    found |= {"before": memory.before / 1e6, "memory": memory.most / 1e6}
    sys.stdout.write("".join(f"{name} {value}\n" for name, value in found.items()))


def _bare() -> float:
    """Seconds that the same rows take in the same table, emptied before."""
    from django.db import connections, transaction  # noqa: PLC0415

    connection = connections["ott"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM files ORDER BY id")
        columns = ", ".join(column[0] for column in cursor.description)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        cursor.execute("TRUNCATE files" if connection.vendor == "postgresql" else "DELETE FROM files")
    started = time.perf_counter()
    with transaction.atomic(using="ott"), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY files ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO files ({columns}) VALUES ({marks})", rows)  # noqa: S608
    return time.perf_counter() - started


def main() -> int:
    ratios = []
    for engine, found in run_on_each("benchmarks.sync_apply").items():
        ratios.append(found["ours"] / found["reference"])
        sys.stdout.write(
            f"{engine}: ours {found['ours']:,.0f} rows/s (apply alone {found['apply']:,.0f}), bare {found['reference']:,.0f}:"
            f" {ratios[-1]:.2f};"
            f" memory {found['memory']:,.0f} MB ({found['before']:,.0f} before)\n"
        )
    sys.stdout.write(f"sync_apply ratio {min(ratios):.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == [_MEASURE]:
        measure()
    elif len(sys.argv) > 1:
        prepare()
        subprocess.run([sys.executable, "-m", "benchmarks.sync_apply", _MEASURE], check=True)
    else:
        sys.exit(main())
