"""The first scan of a share, as the job that does it: walked, compared, written with all totals, put into works; against `walk` of the
same share alone, which writes nothing. On both databases; the worse ratio counts.

100,000 files in 2,000 folders, all long untouched, on a real smbd, or MAM_BENCH_FILES. Each database is empty before each of the rounds
and walk and scan take turns in one process with as many connections; the best of the rounds counts on both sides, for other work
only ever makes them longer. Memory is the peak of that process, with Django and all, and what it was before; "its own" is what it has at
the end without the pages of the database's file that SQLite maps (`mmap_size`): those are the kernel's, who takes them back when in need.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import scanning
from benchmarks.databases import ENGINES, environment_of, set_up
from benchmarks.listing import FILES, FILES_PER_FOLDER, make_tree
from benchmarks.memory import own_bytes
from tests.fixtures.smbd import SmbServer, smbd

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 2
LONG_AGO_S = 1_600_000_000


def make_archive(root: Path) -> None:
    """A tree in which nothing has changed for years."""
    make_tree(root, FILES)
    for folder, _folders, names in os.walk(root, topdown=False):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            for name in names:
                os.utime(name, (LONG_AGO_S, LONG_AGO_S), dir_fd=descriptor)
        finally:
            os.close(descriptor)
        os.utime(folder, (LONG_AGO_S, LONG_AGO_S))


def measure(url: str, username: str, password: str) -> None:
    """In a process of its own, on an empty database: print seconds of a walk and of a first scan, and memory in bytes."""
    set_up()
    before = _peak_bytes()
    walk_s = _walk(url, username, password)
    scan_s = _scan(url, username, password)
    sys.stdout.write(f"walk {walk_s}\nscan {scan_s}\nbefore {before}\npeak {_peak_bytes()}\nown {own_bytes()}\n")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _walk(url: str, username: str, password: str) -> float:
    from mam.lib.sources import open_source  # noqa: PLC0415
    from mam.lib.sources.walk import walk  # noqa: PLC0415

    started = time.perf_counter()
    source = open_source(url, username=username, password=password, parallelism=scanning.PARALLELISM)
    found = sum(not entry.is_dir for _path, entries in walk(source, scanning.PARALLELISM) for entry in entries)
    source.close()
    _require_all(found)
    return time.perf_counter() - started


def _scan(url: str, username: str, password: str) -> float:
    from catalog.models import MediaFile  # noqa: PLC0415
    from ingest.models import ScanMode  # noqa: PLC0415

    seconds = scanning.scan(scanning.make_source(url, username, password), ScanMode.FULL)
    _require_all(MediaFile.objects.count())
    return seconds


def _require_all(found: int) -> None:
    expected = FILES // FILES_PER_FOLDER * FILES_PER_FOLDER
    if found != expected:
        raise RuntimeError(f"found {found} of {expected} files")


def _rounds(engine: str, server: SmbServer) -> dict[str, float]:
    """The best seconds of the rounds, and the most memory."""
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        with environment_of(engine) as environment:
            command = [sys.executable, "-m", "benchmarks.scan_register", server.url, server.username, server.password]
            output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        rounds.append({key: float(value) for key, value in (line.split() for line in output.splitlines())})
    return {key: (min if key in ("walk", "scan") else max)(one[key] for one in rounds) for key in rounds[0]}


def main() -> int:
    ratios = []
    with smbd({"server min protocol": "SMB2_02"}) as server:
        make_archive(server.root)
        for engine in ENGINES:
            found = _rounds(engine, server)
            ratio = found["scan"] / found["walk"]
            ratios.append(ratio)
            sys.stdout.write(
                f"{engine}: first scan {found['scan']:.2f} s ({FILES / found['scan']:,.0f} files/s), walk alone {found['walk']:.2f} s, "
                f"ratio {ratio:.2f}; "
                f"memory {found['peak'] / 1e6:.0f} MB at its peak, {found['own'] / 1e6:.0f} its own, {found['before'] / 1e6:.0f} before\n"
            )
            sys.stdout.flush()
    sys.stdout.write(f"scan_register ratio {max(ratios):.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        raise SystemExit(main())
