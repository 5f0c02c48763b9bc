"""A program for test_store_killed: publishes one rendition again and again, each time in a child that is killed one line later.

    python -m tests.streaming.publish_until_killed FILE_ID FIRST STEP

Prints one JSON line per child: the line number at which it was killed (null: it came to its end), and what was wrong afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from types import FrameType

django.setup()

from django.db import connections  # noqa: E402  (after the setup)

from catalog.models import MediaFile  # noqa: E402
from mam.jobs import context, forks, runner  # noqa: E402
from mam.jobs.models import Job, JobState  # noqa: E402
from mam.lib.storages import local  # noqa: E402
from streaming.choices import RenditionKind, TrackKind  # noqa: E402
from streaming.models import Rendition, StoredObject  # noqa: E402
from streaming.services import inventory, renditions  # noqa: E402
from streaming.services.renditions import Made, MadeTrack  # noqa: E402
from streaming.stores import objects as store  # noqa: E402

TRACED = {module.__file__ for module in (context, local, renditions, store)}
MOST_LINES = 2_000


def main(file_id: int, first: int, step: int) -> None:
    """Kill at line `first`, then `step` lines later, and so on, until a child comes to its end."""
    forks.make_forks_safe()  # a child must not use its parent's connections, nor outlive it
    file = MediaFile.objects.get(pk=file_id)
    publish(file)  # there is an old rendition from the start
    for line in range(first, MOST_LINES, step):
        connections.close_all()
        pid = os.fork()
        if pid == 0:
            publish_until(file, line)
        status = os.waitpid(pid, 0)[1]
        was_killed = os.WIFSIGNALED(status)
        Job.objects.filter(state=JobState.RUNNING).delete()
        sys.stdout.write(json.dumps({"line": line if was_killed else None, "wrong": what_is_wrong(file)}) + "\n")
        sys.stdout.flush()
        if not was_killed:
            return


def publish_until(file: MediaFile, last_line: int) -> None:
    """In the child: publish, and be gone before the `last_line`-th line is run."""
    lines = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line":
            lines += 1
            if lines == last_line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    publish(file)
    sys.settrace(None)
    os._exit(0)


def publish(file: MediaFile) -> None:
    """What a job does that makes a stream of two tracks."""
    row = renditions.want(file=file, kind=RenditionKind.HLS, again=True)
    assert row.job is not None
    job = runner.take(row.job.pk)
    assert job is not None
    folder = store.folder_for(file_id=file.pk, kind=RenditionKind.HLS)
    tracks = []
    for name in ("v720", "a0"):
        stored = store.put(f"{folder}/{name}.mp4", os.urandom(50_000), content_type="video/mp4")
        tracks.append(MadeTrack(stored, name, TrackKind.VIDEO, segments=[(1, 50_000)]))
    renditions.publish(context.JobContext(job), row, Made(tracks=tracks))


def what_is_wrong(file: MediaFile) -> list[str]:
    """Everything that a viewer could meet, and everything that the sweep leaves lying about."""
    row = Rendition.objects.get(file=file)
    wrong = [] if sorted(row.tracks.values_list("name", flat=True)) == ["a0", "v720"] else ["tracks"]
    for stored in row.stored_objects.all():
        path = store.local_path(stored.name)
        if path is None or not path.exists() or path.stat().st_size != stored.size_bytes:
            wrong.append(f"object {stored.name}")
    inventory.delete_orphans(inventory.take_inventory(older_than=timedelta(0)))
    inventory.purge_unfinished(older_than=timedelta(0))
    root = Path(str(store.local_path("streams")))
    there = {path.relative_to(root.parent).as_posix() for path in root.rglob("*") if path.is_file()}
    if there != set(StoredObject.objects.values_list("name", flat=True)):
        wrong.append(f"left over: {sorted(there)}")
    return wrong


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
