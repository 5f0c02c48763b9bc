"""What is wanted is made in the end: after its source was away or its worker was killed. What cannot be made ends with its reason."""

from __future__ import annotations

import os
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from catalog.choices import Presence, SourceState
from catalog.models import Source
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from streaming import tasks
from streaming.choices import RenditionKind, RenditionState
from streaming.errors import MediaSourceOfflineError
from streaming.models import Rendition
from streaming.services import renditions
from tests.factories import make_file, make_source
from tests.frame_clips import Numbered, make
from tests.streaming.making import make_now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.models import MediaFile
    from tests.streaming.conftest import Shelf
    from tests.streaming.making import Studio

pytestmark = pytest.mark.django_db


@pytest.fixture
def film(studio: Studio) -> MediaFile:
    """Two seconds with sound."""
    make(studio.shelf.root / "film.mov", Numbered(Fraction(25), 50, ("-c:v", "mpeg4", "-c:a", "pcm_s16le")))
    return studio.add("film.mov")


def forgotten(state: str = JobState.FAILED, error_code: str = "media_source_offline", kind: str = RenditionKind.HLS, **fields: Any) -> Job:
    """A wish whose job has come to `state`; the job."""
    job = renditions.want(file=make_file("film.mxf", **fields), kind=kind).job
    assert job is not None
    params = {"attempts": 3} if error_code == "worker_lost" else {}
    finished_at = timezone.now() if state in {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED} else None
    Job.objects.filter(pk=job.pk).update(state=state, error_code=error_code, error_params=params, finished_at=finished_at)
    return job


def waiting() -> list[str]:
    """The keys of the jobs that wait."""
    return list(Job.objects.filter(state=JobState.QUEUED).order_by("pk").values_list("key", flat=True))


# --- tried again ------------------------------------------------------------------------------------------------------
def test_a_source_that_was_away_for_a_minute_costs_no_wish(film: MediaFile, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def away(_file: MediaFile) -> Iterator[None]:
        raise MediaSourceOfflineError
        yield

    with monkeypatch.context() as patch:
        patch.setattr("streaming.making.jobs.ffmpeg_input", away)
        job = make_now(film, "waveform")
    assert (job.state, job.error_code) == (JobState.FAILED, "media_source_offline")
    assert Rendition.objects.get().state == RenditionState.WANTED
    tasks.enqueue_due_renditions()
    assert run_pending("media")[-1].state == JobState.SUCCEEDED
    assert Rendition.objects.get().state == RenditionState.READY


@pytest.mark.parametrize("kind", ["hls", "proxy", "storyboard", "waveform"])
@pytest.mark.parametrize("ended", [{}, {"state": JobState.SUCCEEDED, "error_code": ""}, None], ids=["failed", "did nothing", "job is gone"])
def test_every_wish_without_a_job_gets_one(kind: str, ended: dict[str, str] | None) -> None:
    job = forgotten(kind=kind, **(ended or {}))
    if ended is None:
        job.delete()
    tasks.enqueue_due_renditions()
    (key,) = waiting()
    assert key == job.key
    assert Rendition.objects.get().job == Job.objects.get(state=JobState.QUEUED)


@pytest.mark.parametrize(
    ("job", "file", "source"),
    [
        ({"state": JobState.QUEUED}, {}, {}),
        ({"state": JobState.RUNNING}, {}, {}),
        ({"state": JobState.CANCELLED}, {}, {}),  # somebody meant it
        ({"error_code": "storage_refused"}, {}, {}),  # a wrong key stays wrong, and encoding is dear
        ({}, {"presence": Presence.MISSING}, {}),
        ({}, {}, {"is_enabled": False}),
        ({}, {}, {"state": SourceState.OFFLINE}),
        ({"kind": RenditionKind.POSTER}, {}, {}),  # has a clock of its own
    ],
    ids=["waits", "runs", "cancelled", "store refuses", "file missing", "source off", "source offline", "poster"],
)
def test_nothing_is_asked_for_that_nobody_could_make_now(job: dict[str, Any], file: dict[str, Any], source: dict[str, Any]) -> None:
    forgotten(source=make_source(**source), **job, **file)
    before = waiting()
    tasks.enqueue_due_renditions()
    assert waiting() == before


def test_many_wishes_come_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renditions, "_FORGOTTEN_AT_ONCE", 2)
    keys = [forgotten().key for _ in range(3)]
    tasks.enqueue_due_renditions()
    assert waiting() == keys[:2]
    Job.objects.update(state=JobState.FAILED)
    tasks.enqueue_due_renditions()
    assert waiting() == [keys[2], keys[0]]  # who has waited longest


# --- given up ---------------------------------------------------------------------------------------------------------
def test_a_file_that_kills_its_workers_is_given_up_with_that_reason() -> None:
    forgotten(error_code="worker_lost")
    tasks.enqueue_due_renditions()
    assert len(waiting()) == 1
    Job.objects.update(state=JobState.FAILED, error_code="worker_lost", error_params={"attempts": 3})
    tasks.enqueue_due_renditions()
    assert waiting() == []
    row = Rendition.objects.get()
    assert (row.state, row.error_code, row.error_params) == (RenditionState.FAILED, "worker_lost", {"attempts": 3})


def test_a_broken_file_is_given_up_and_not_asked_for_again(film: MediaFile, studio: Studio) -> None:
    path = studio.shelf.root / film.name
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    make_now(film, "waveform")
    for state, jobs in ((RenditionState.FAILED, 1), (RenditionState.FAILED, 0)):
        tasks.enqueue_due_renditions()
        assert len(run_pending("media")) == jobs
        row = Rendition.objects.get()
        assert (row.state, row.error_code) == (state, "ffmpeg_failed")


def test_sound_of_an_unknown_codec_is_no_stream_and_says_so(shelf: Shelf) -> None:
    file = shelf.put("voice.wma", b"unknown", video_codec="")
    file.streams.filter(kind="video").delete()
    file.streams.update(codec="", channels=None)
    job = make_now(file, "hls")
    assert (job.state, job.error_code) == (JobState.FAILED, "nothing_to_encode")
    tasks.enqueue_due_renditions()
    run_pending("media")
    row = Rendition.objects.get()
    assert (row.state, row.error_code) == (RenditionState.FAILED, "nothing_to_encode")


def test_what_nobody_foresaw_is_a_failure_like_others_and_tells_viewers_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_making: object) -> None:
        raise LookupError("/srv/secret")

    monkeypatch.setattr("streaming.making.waveform.make_waveform", stumble)
    job = make_now(shelf.put("a.mp4", b"x"), "waveform")
    assert (job.state, job.error_code) == (JobState.FAILED, "unexpected")
    tasks.enqueue_due_renditions()
    run_pending("media")
    row = Rendition.objects.get()
    assert (row.state, row.attempts, row.error_code, row.error_params) == (RenditionState.FAILED, 2, "making_failed", {})


# --- a source that is switched off --------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["hls", "proxy", "storyboard", "waveform"])
def test_a_source_that_is_switched_off_is_not_read_and_its_wishes_wait(shelf: Shelf, kind: str) -> None:
    file = shelf.put("a.mp4", b"x")
    Source.objects.update(is_enabled=False)
    job = make_now(file, kind)
    assert (job.state, job.result) == (JobState.SUCCEEDED, None)
    row = Rendition.objects.get()
    assert (row.state, row.attempts) == (RenditionState.WANTED, 0)
    Source.objects.update(is_enabled=True)
    tasks.enqueue_due_renditions()
    assert waiting() == [f"{kind}:{file.pk}"]
