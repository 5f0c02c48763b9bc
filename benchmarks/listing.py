"""Walking a whole share: our `walk` over `open_source` against `rclone lsjson -R`, on the same smbd, alternately.

100,000 files in 2,000 folders, or MAM_BENCH_FILES files in a fiftieth as many. Both sides list names, sizes and times; ours is
timed from the first connection to the last entry, rclone from its start to its end. The median of the rounds counts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from mam.lib.sources import open_source
from mam.lib.sources.walk import walk
from tests.fixtures.smbd import SmbServer, smbd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = int(os.environ.get("MAM_BENCH_FILES", "100000"))
FILES_PER_FOLDER = 50
FOLDERS_PER_FOLDER = 49
ROUNDS = 3
PARALLELISM = 8  # as many as rclone's checkers


def make_tree(root: Path, files: int) -> int:
    """Folders of 50 files each, two levels deep; returns how many entries there are."""
    folders = max(1, files // FILES_PER_FOLDER)
    for number in range(folders):
        top, below = divmod(number, FOLDERS_PER_FOLDER + 1)
        folder = root / f"시리즈 {top:03d}" / (f"Season {below:02d}" if below else "")
        folder.mkdir()
        for index in range(FILES_PER_FOLDER):
            (folder / f"Episode_{number:04d}_Part{index:02d}.mp4").touch()
    return folders * (FILES_PER_FOLDER + 1)


def list_with_ours(server: SmbServer) -> int:
    """Entries seen."""
    source = open_source(server.url, username=server.username, password=server.password, parallelism=PARALLELISM)
    try:
        return sum(len(entries) for _path, entries in walk(source, PARALLELISM))
    finally:
        source.close()


def list_with_rclone(server: SmbServer) -> int:
    """Entries seen."""
    obscured = subprocess.run(["rclone", "obscure", server.password], check=True, capture_output=True, text=True).stdout.strip()
    remote = f":smb,host={server.host},port={server.port},user={server.username},pass={obscured}:{server.share}"
    command = ["rclone", "--config", "/dev/null", "lsjson", "--recursive", "--no-mimetype", remote]
    return subprocess.run(command, check=True, capture_output=True).stdout.count(b'{"Path":')


def timed(work: Callable[[SmbServer], int], server: SmbServer, expected: int) -> float:
    """Seconds; RuntimeError when the listing is not complete."""
    started = time.perf_counter()
    seen = work(server)
    seconds = time.perf_counter() - started
    if seen != expected:
        raise RuntimeError(f"{work.__name__} saw {seen} of {expected} entries")
    return seconds


def main() -> int:
    with smbd({"server min protocol": "SMB2_02"}) as server:
        expected = make_tree(server.root, FILES)
        ours, reference = [], []
        for _round in range(ROUNDS):
            reference.append(timed(list_with_rclone, server, expected))
            ours.append(timed(list_with_ours, server, expected))
    ours_s, reference_s = statistics.median(ours), statistics.median(reference)
    sys.stdout.write(
        f"ours    {expected / ours_s:10,.0f} entries/s  {ours_s:.2f} s for {expected:,} entries, {PARALLELISM} connections\n"
        f"rclone  {expected / reference_s:10,.0f} entries/s  {reference_s:.2f} s for {expected:,} entries\n"
        f"listing ratio {reference_s / ours_s:.2f} (ours/reference)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
