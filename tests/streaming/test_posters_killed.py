"""Posters made by real workers that are killed in the middle: each video ends with one picture, and nothing else stays."""

from __future__ import annotations

import shutil
import signal
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import pytest

from mam.jobs.models import ACTIVE, Job
from streaming import tasks
from streaming.models import Rendition
from streaming.services import inventory
from tests.fixtures.processes import Product, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from mam.lib.process import GroupPopen
    from tests.media import ClipLibrary
    from tests.streaming.conftest import Shelf

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
VIDEOS = 70  # more than two batches


def kill(worker: GroupPopen) -> None:
    """The worker and all its processes, at once."""
    tree = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    for process in tree:
        with suppress(psutil.NoSuchProcess):  # killed with its parent
            process.send_signal(signal.SIGKILL)
    worker.wait()


def test_killed_twice_each_video_has_one_poster(
    product: Product, shelf: Shelf, clips: ClipLibrary, settings: Settings, tmp_path: Path
) -> None:
    location = tmp_path / "var" / "renditions"  # where the product's processes keep them
    settings.STORAGES = settings.STORAGES | {
        "renditions": {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": location}}
    }
    files = []
    for number in range(VIDEOS):
        shutil.copy(clips["rate_25.mp4"], shelf.root / f"{number}.mp4")
        files.append(shelf.register(f"{number}.mp4"))
    tasks.enqueue_posters([file.pk for file in files])
    ready = Rendition.objects.filter(state=Rendition.State.READY)
    product.start("clock")
    for least in (1, 40):
        worker = product.start("worker", "--queue", "media", "--processes", "1")
        eventually(lambda least=least: ready.count() >= least, within_s=120, what=f"{least} posters are there")  # type: ignore[misc]
        kill(worker)
    product.start("worker", "--queue", "media", "--processes", "1")
    eventually(lambda: ready.count() == VIDEOS, within_s=120, what="all posters are there")
    eventually(lambda: not Job.objects.filter(state__in=ACTIVE, kind=tasks.POSTERS_KIND).exists(), within_s=30)

    shown = {location / name for name in ready.values_list("stored_objects__name", flat=True)}
    assert len(shown) == VIDEOS
    assert all(path.stat().st_size > 0 for path in shown)
    inventory.delete_orphans(inventory.take_inventory(older_than=timedelta(0)))
    inventory.purge_unfinished(older_than=timedelta(0))
    assert {path for path in location.rglob("*") if path.is_file()} == shown
