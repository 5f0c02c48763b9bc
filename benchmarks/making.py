"""Help of the benchmarks that make renditions: a film, its row as a probe leaves it, and processor time.

Processor time (user and system, of this process and its children) says what work costs, also on a machine that does other things.
"""

from __future__ import annotations

import os
import resource
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mam.lib.media import LocalFile, MediaWorkers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from catalog.models import MediaFile
    from streaming.making.jobs import Making


def cpu_s() -> float:
    """User and system time of this process and of all its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def cost_of(work: Callable[[], object]) -> float:
    """Processor seconds of `work`."""
    before = cpu_s()
    work()
    return cpu_s() - before


def ffmpeg(*words: str) -> None:
    """Run ffmpeg; CalledProcessError if it fails."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *words], check=True)


def draw(path: Path, *, size: str = "1920x1080", seconds: int = 20, codec: tuple[str, ...] = ()) -> Path:
    """A film with movement, edges and a little grain, and a tone."""
    picture = f"testsrc2=s=640x360:r=25:d={seconds},noise=alls=3:allf=t,scale={size}:flags=bicubic,format=yuv420p"
    chosen = codec or ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0")
    ffmpeg(
        "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}", *chosen, "-c:a", "aac", "-ac", "2", str(path)
    )
    return path


def catalogued(path: Path) -> MediaFile:
    """The row of a local file, analysed; needs `benchmarks.databases.set_up`."""
    from catalog.models import MediaFile  # noqa: PLC0415  (models: once Django is there)
    from catalog.services.technical import FileVersion, Finding, store_descriptions  # noqa: PLC0415
    from tests.factories import make_file, make_source  # noqa: PLC0415

    status = path.stat()
    source = make_source(f"bench {path.name}", url=path.parent.as_uri())
    file = make_file(path.name, source=source, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    with MediaWorkers(1) as workers, LocalFile(path) as opened:
        outcome = workers.probe(opened, name=path.name)
    store_descriptions(findings=[Finding(FileVersion(file.pk, 1, file.size_bytes, file.mtime_ns), outcome.description, None, "")])
    return MediaFile.objects.select_related("source", "folder").get(pk=file.pk)


@contextmanager
def making(file: MediaFile, kind: str) -> Iterator[Making]:
    """A `Making` of a claimed job, as a worker would have it; nothing is published."""
    from mam.jobs import runner  # noqa: PLC0415
    from mam.jobs.context import JobContext  # noqa: PLC0415
    from streaming.making.jobs import Making  # noqa: PLC0415
    from streaming.services import renditions  # noqa: PLC0415

    rendition = renditions.want(file=file, kind=kind, again=True)
    job = runner.take(rendition.job_id or 0)
    if job is None:
        raise RuntimeError("the job is taken")
    made = Making(JobContext(job), file, rendition)
    try:
        yield made
    finally:
        made.discard()
        job.delete()


def run_in(environment: dict[str, str], module: str, *arguments: str) -> str:
    """What `python -m module ARGUMENTS` prints in `environment`."""
    import sys  # noqa: PLC0415

    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def best(rounds: int, sides: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Processor seconds of each side, the best of alternating rounds: other work only ever makes one dearer."""
    found = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, work in sides.items():
            found[name] = min(found[name], cost_of(work))
    return found
