"""Real workers killed while ffmpeg runs: nothing half is visible, no encoder lives on, and the next worker makes it whole."""

from __future__ import annotations

import signal
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import psutil
import pytest

from mam.jobs.models import ACTIVE, Job
from streaming import tasks
from streaming.models import Rendition, StoredObject, Track
from streaming.services import renditions
from tests.fixtures.processes import Product, eventually
from tests.frame_clips import Numbered, make
from tests.streaming.making import Studio, bytes_of, frames_in

if TYPE_CHECKING:
    from pathlib import Path

    from mam.lib.process import GroupPopen

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
FRAMES = 3000


def kill(worker: GroupPopen) -> None:
    """The worker and its own processes, at once; ffmpeg is left to the kernel."""
    tree = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            if process.name() != "ffmpeg":
                process.send_signal(signal.SIGKILL)
    worker.wait()


def encoders(product: Product) -> list[psutil.Process]:
    return [process for process in product.marked() if process.name() == "ffmpeg"]


def test_killed_in_the_middle_it_is_made_whole_by_the_next(product: Product, studio: Studio, tmp_path: Path) -> None:
    data = tmp_path / "var"
    make(
        studio.shelf.root / "film.mkv",
        Numbered(Fraction(25), FRAMES, ("-c:v", "mpeg4", "-q:v", "2", "-g", "48", "-c:a", "flac"), "640x360"),
    )
    file = studio.add("film.mkv")
    product.start("clock")
    renditions.want(file=file, kind="hls")
    worker = product.start("worker", "--queue", "media", "--processes", "1")
    eventually(lambda: any((data / "work").glob("*/v*.mp4")), within_s=60, what="ffmpeg writes")
    kill(worker)
    eventually(lambda: not encoders(product), within_s=10, what="the encoder has gone with its worker")
    rendition = Rendition.objects.get(file=file)
    assert (rendition.state, StoredObject.objects.count()) == (Rendition.State.WANTED, 0)
    assert len(list((data / "work").iterdir())) == 1

    product.start("worker", "--queue", "media", "--processes", "1")
    eventually(lambda: Rendition.objects.get(file=file).state == Rendition.State.READY, within_s=120, what="it is made")
    eventually(lambda: not Job.objects.filter(state__in=ACTIVE, kind="streaming.hls").exists(), within_s=30)
    video = Track.objects.select_related("object").get(name="v360")
    assert sum(ticks for ticks, _ in video.segments) == FRAMES * 512
    assert [frame.number for frame in frames_in(bytes_of(video))[::500]] == list(range(0, FRAMES, 500))
    assert list((data / "work").iterdir()) == []
    stored = {path for path in (data / "renditions").rglob("*") if path.is_file()}
    assert stored == {data / "renditions" / name for name in StoredObject.objects.values_list("name", flat=True)}


def test_the_clock_deletes_what_a_killed_worker_left(product: Product, studio: Studio, tmp_path: Path) -> None:
    left = tmp_path / "var" / "work" / "0123456789abcdef"
    left.mkdir(parents=True)
    (left / "v720.mp4").write_bytes(b"half")
    tasks.sweep_workshops()
    assert not left.exists()
