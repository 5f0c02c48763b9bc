"""Walking a whole share: our `walk` over `open_source` against `rclone lsjson -R`, on the same smbd, alternately.

100,000 files in 2,000 folders, or MAM_BENCH_FILES files in a fiftieth as many. Both sides list names, sizes and times in a process of
their own. Ours is measured from the first connection to the last entry, for a worker has been running long before it scans; rclone from
its start to its end, of which its start is a twentieth. Processor time is that of the client and of all of smbd: a server's child is
counted when it has ended, so a side is counted when its connections have gone. The median of the rounds counts.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.fixtures.smbd import SmbServer, smbd

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = int(os.environ.get("MAM_BENCH_FILES", "100000"))
FILES_PER_FOLDER = 50
FOLDERS_PER_FOLDER = 49
ROUNDS = 5
PARALLELISM = 4  # of a source, unless told otherwise; rclone has eight checkers


class Cost(NamedTuple):
    """Of one listing."""

    seconds: float
    client_cpu_s: float
    server_cpu_s: float

    @property
    def cpu_s(self) -> float:
        return self.client_cpu_s + self.server_cpu_s


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


_OURS = """
import resource, sys, time
from mam.lib.sources import open_source
from mam.lib.sources.walk import walk
url, username, password, parallelism = sys.argv[1:]
before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
source = open_source(url, username=username, password=password, parallelism=int(parallelism))
seen = sum(len(entries) for _path, entries in walk(source, int(parallelism)))
source.close()
seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
print(seen, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
"""  # alone in a process: this module imports the test servers


class Seen(NamedTuple):
    entries: int
    seconds: float
    cpu_s: float


def ours(server: SmbServer) -> Callable[[], Seen]:
    """Lists with ours."""
    command = [sys.executable, "-c", _OURS, server.url, server.username, server.password, str(PARALLELISM)]

    def run() -> Seen:
        entries, seconds, cpu_s = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.split()
        return Seen(int(entries), float(seconds), float(cpu_s))

    return run


def rclone(server: SmbServer) -> Callable[[], Seen]:
    """Lists with rclone."""
    obscured = subprocess.run(["rclone", "obscure", server.password], check=True, capture_output=True, text=True).stdout.strip()
    remote = f":smb,host={server.host},port={server.port},user={server.username},pass={obscured}:{server.share}"
    command = ["rclone", "--config", "/dev/null", "lsjson", "--recursive", "--no-mimetype", remote]

    def run() -> Seen:
        cpu_s, started = _children_cpu_s(), time.perf_counter()
        with tempfile.TemporaryFile() as output:  # as who looks at the listing afterwards: it never waits for us
            subprocess.run(command, check=True, stdout=output, stderr=subprocess.DEVNULL)
            seconds, cpu_s = time.perf_counter() - started, _children_cpu_s() - cpu_s
            output.seek(0)
            return Seen(output.read().count(b'{"Path":'), seconds, cpu_s)

    return run


def measured(work: Callable[[], Seen], server: SmbServer, expected: int) -> Cost:
    """What a listing took; RuntimeError when it is not complete."""
    server_s = _server_cpu_s(server)
    seen = work()
    if seen.entries != expected:
        raise RuntimeError(f"saw {seen.entries} of {expected} entries")
    return Cost(seen.seconds, seen.cpu_s, _server_cpu_s(server) - server_s)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _processes(server: SmbServer) -> list[Path]:
    """smbd's directory in /proc, then those of its children."""
    process = server.daemon.process
    if process is None:
        raise RuntimeError("smbd does not run")
    main = Path(f"/proc/{process.pid}")
    return [main, *(main.parent / child for child in (main / f"task/{process.pid}/children").read_text().split())]


def _is_idle(server: SmbServer) -> bool:
    """Nobody is connected: smbd's helpers have names of their own, who serves a connection keeps smbd's."""
    return all(child.joinpath("comm").read_text().strip() != "smbd" for child in _processes(server)[1:])


def _server_cpu_s(server: SmbServer) -> float:
    """User and system time of smbd, of its children and of those that have ended, once nobody is connected any more."""
    deadline = time.monotonic() + 20
    while not _is_idle(server):
        if time.monotonic() > deadline:
            raise RuntimeError("a connection to smbd is left")
        time.sleep(0.02)
    # utime, stime, cutime, cstime (proc(5)); the name may hold spaces
    fields = [process.joinpath("stat").read_text().rpartition(")")[2].split() for process in _processes(server)]
    return sum(int(ticks) for one in fields for ticks in one[11:15]) / os.sysconf("SC_CLK_TCK")


def median(costs: list[Cost]) -> Cost:
    """Each figure's own median."""
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def main() -> int:
    with smbd({"server min protocol": "SMB2_02"}) as server:
        expected = make_tree(server.root, FILES)
        sides = {"rclone": rclone(server), "ours": ours(server)}
        costs: dict[str, list[Cost]] = {name: [] for name in sides}
        for _round in range(ROUNDS):
            for name, work in sides.items():
                costs[name].append(measured(work, server, expected))
    found = {name: median(some) for name, some in costs.items()}
    for name, cost in found.items():
        sys.stdout.write(
            f"{name:7}{expected / cost.seconds:10,.0f} entries/s  {cost.seconds:.2f} s for {expected:,} entries; processor time "
            f"{cost.client_cpu_s:.2f} s here, {cost.server_cpu_s:.2f} s of smbd\n"
        )
    mine, reference = found["ours"], found["rclone"]
    sys.stdout.write(f"processor time of both sides {mine.cpu_s / reference.cpu_s:.2f} (ours/reference)\n")
    sys.stdout.write(f"listing ratio {reference.seconds / mine.seconds:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
