"""A scan for changes of an unchanged share, against a full scan of the same share in the same run: whole jobs, database included.

100,000 files in 2,000 folders on a real smbd, or MAM_BENCH_FILES; everything older than a day, as an archive is.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import scanning
from benchmarks.databases import environment_of, set_up
from benchmarks.listing import FILES, make_tree
from tests.fixtures.smbd import SmbServer, smbd

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3
AGE_S = 40 * 24 * 3600


def age(root: Path) -> None:
    """Make every directory as old as an archive's."""
    then = time.time() - AGE_S
    for folder, _names, _files in os.walk(root, topdown=False):
        os.utime(folder, (then, then))


def measure(server: SmbServer) -> dict[str, float]:
    """Seconds of the first scan, of full and of gated scans after it (medians)."""
    from catalog.models import MediaFile  # noqa: PLC0415
    from ingest.models import ScanMode  # noqa: PLC0415

    source = scanning.make_source(server.url, server.username, server.password)
    first = scanning.scan(source, ScanMode.FULL)
    if MediaFile.objects.count() != FILES // 50 * 50:
        raise RuntimeError("the first scan did not find every file")
    full = [scanning.scan(source, ScanMode.FULL) for _ in range(ROUNDS)]
    gated = [scanning.scan(source, ScanMode.GATED) for _ in range(ROUNDS)]
    return {"first": first, "full": statistics.median(full), "gated": statistics.median(gated)}


def main() -> int:
    with environment_of("sqlite") as environment, smbd({"server min protocol": "SMB2_02"}) as server:
        os.environ.update(environment)
        make_tree(server.root, FILES)
        age(server.root)
        set_up()
        seconds = measure(server)
    rate = FILES / seconds["first"]
    sys.stdout.write(f"first scan {seconds['first']:.2f} s ({rate:,.0f} files/s into SQLite)\n")
    sys.stdout.write(f"full scan {seconds['full']:.2f} s, scan for changes {seconds['gated']:.2f} s\n")
    sys.stdout.write(f"rescan ratio {seconds['gated'] / seconds['full']:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
