"""Making that does not go well: nothing half is ever visible, nothing is left behind, and a failure says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from catalog.models import MediaFile
from mam.jobs.context import JobContext
from mam.jobs.errors import JobCancelledError
from mam.jobs.models import JobState
from mam.lib import ffmpeg
from streaming.making import workshop
from streaming.models import Rendition, StoredObject
from tests.frame_clips import Numbered, make
from tests.streaming.making import Studio, made, make_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
INTRA = ("-c:v", "mpeg4", "-q:v", "2", "-g", "48", "-c:a", "flac")
KINDS = ["hls", "proxy", "storyboard", "waveform"]


@pytest.fixture
def film(studio: Studio) -> MediaFile:
    """Ten seconds that have to be encoded."""
    make(studio.shelf.root / "film.mkv", Numbered(Fraction(25), 250, INTRA))
    return studio.add("film.mkv")


def leftovers(settings: Settings) -> list[Path]:
    """Files below the data directory that no row names."""
    known = {settings.DATA_DIR / "renditions" / name for name in StoredObject.objects.values_list("name", flat=True)}
    return [path for path in settings.DATA_DIR.rglob("*") if path.is_file() and path not in known]


def nothing_is_left(settings: Settings, file: MediaFile, kind: str) -> Rendition:
    """The rendition, of which there is nothing to be seen."""
    rendition = Rendition.objects.get(file=file, kind=kind)
    assert not rendition.stored_objects.exists()
    assert leftovers(settings) == []
    assert not list((settings.DATA_DIR / "work").glob("*"))
    return rendition


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_changed_meanwhile_is_noticed(
    film: MediaFile, kind: str, settings: Settings, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = studio.shelf.root / film.name

    def then_touch(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            result = work(*args, **options)
            os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000_000))
            return result

        return run

    monkeypatch.setattr(ffmpeg, "run", then_touch(ffmpeg.run))
    monkeypatch.setattr("mam.lib.media.pool.MediaWorkers.sheet", then_touch(studio.workers.__class__.sheet))
    job = make_now(film, kind)
    assert (job.state, job.error_code) == (JobState.FAILED, "media_changed")
    rendition = nothing_is_left(settings, film, kind)
    assert (rendition.state, rendition.attempts) == (Rendition.State.WANTED, 0)  # nobody gave up the file


@pytest.mark.parametrize("kind", ["hls", "proxy", "waveform"])
def test_cancelling_stops_the_encoder_and_leaves_nothing(
    film: MediaFile, kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobContext, "progress", lambda self, *_, **__: self.interrupt(JobCancelledError()))
    job = make_now(film, kind)
    assert job.state == JobState.CANCELLED
    assert nothing_is_left(settings, film, kind).attempts == 0
    assert not [one for one in psutil.Process().children(recursive=True) if "ffmpeg" in one.name()]


def test_a_broken_file_fails_twice_and_keeps_the_log(studio: Studio, settings: Settings) -> None:
    path = make(studio.shelf.root / "film.mkv", Numbered(Fraction(25), 250, INTRA))
    status = path.stat()
    file = studio.add("film.mkv")
    path.write_bytes(bytes(status.st_size))  # the catalogued size and time, and nothing in it
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for attempt, state in ((1, Rendition.State.WANTED), (2, Rendition.State.FAILED)):
        job = make_now(file, "proxy")
        assert (job.state, job.error_code) == (JobState.FAILED, "ffmpeg_failed")
        rendition = nothing_is_left(settings, file, "proxy")
        assert (rendition.attempts, rendition.state, rendition.error_code) == (attempt, state, "ffmpeg_failed")
        assert "Invalid data" in rendition.log_tail
    assert make_now_or_none(file, "proxy") is None  # given up for this version


def make_now_or_none(file: MediaFile, kind: str) -> object | None:
    from mam.jobs.testing import run_pending  # noqa: PLC0415
    from streaming.services import renditions  # noqa: PLC0415

    renditions.want(file=file, kind=kind)
    return next(iter(run_pending("media")), None)


def test_a_disk_without_room_is_asked_first(film: MediaFile, settings: Settings) -> None:
    hours = 1_000_000
    MediaFile.objects.filter(pk=film.pk).update(duration_ticks=hours * 3600, duration_base_num=1, duration_base_den=1)
    film.refresh_from_db()
    job = make_now(film, "hls")
    assert (job.state, job.error_code) == (JobState.FAILED, "disk_space")
    assert nothing_is_left(settings, film, "hls").state == Rendition.State.WANTED


def test_a_disk_that_fills_up_stops_the_work(film: MediaFile, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = iter(range(10_000))
    real = workshop.check_space

    def fill(needed_bytes: int = 0) -> None:
        real(needed_bytes if next(checks) < 1 else 10**18)

    monkeypatch.setattr("streaming.making.jobs.check_space", fill)
    job = make_now(film, "hls")
    assert (job.state, job.error_code) == (JobState.FAILED, "disk_space")
    assert nothing_is_left(settings, film, "hls").attempts == 0


def test_what_is_ready_is_not_made_again(film: MediaFile) -> None:
    first = made(film, "proxy")
    assert make_now_or_none(film, "proxy") is None
    assert Rendition.objects.get(pk=first.pk).made_at == first.made_at


def test_an_absent_file_is_left_wanted(film: MediaFile) -> None:
    MediaFile.objects.filter(pk=film.pk).update(presence="missing")
    job = make_now(film, "proxy")
    assert (job.state, job.result) == (JobState.SUCCEEDED, None)
    assert Rendition.objects.get(file=film).state == Rendition.State.WANTED


# --- workshops ----------------------------------------------------------------------------------------------------------
HOLD = """
import sys, os
sys.path.insert(0, os.getcwd())
from django.conf import settings
from pathlib import Path
settings.configure(DATA_DIR=Path(sys.argv[1]))
from streaming.making.workshop import workshop
with workshop(needed_bytes=0) as path:
    (path / "half").write_bytes(b"half")
    print(path, flush=True)
    sys.stdin.read()
"""


def test_a_workshop_outlives_nobody(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        path = Path(holder.stdout.readline().strip())
        assert (path / "half").exists()
        assert workshop.sweep() == 0
        assert (path / "half").exists()
        holder.kill()
    assert path.exists()
    with workshop.workshop(needed_bytes=0) as own:
        assert not path.exists()  # the next one to come tidies up
        assert list(own.iterdir()) == []
        (own / "file").write_bytes(b"file")
    assert not own.exists()


def test_a_workshop_goes_whatever_happens_in_it(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    with pytest.raises(LookupError), workshop.workshop(needed_bytes=0) as own:
        (own / "file").write_bytes(b"file")
        raise LookupError
    assert not own.exists()


def test_more_than_the_disk_has_is_refused(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(workshop.DiskSpaceError) as refusal, workshop.workshop(needed_bytes=free):
        pytest.fail("there is no room")
    assert refusal.value.params.keys() == {"needed_gb", "free_gb"}
