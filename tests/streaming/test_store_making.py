"""A store that refuses or goes away while something is made: the file is not to blame, and the work is not lost for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from streaming.choices import RenditionKind, RenditionState
from streaming.models import Rendition
from streaming.services import renditions
from streaming.stores import objects as store

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile
    from tests.fixtures.s3 import Bucket
    from tests.media import ClipLibrary
    from tests.streaming.conftest import Shelf

pytestmark = [pytest.mark.django_db, pytest.mark.s3, pytest.mark.usefixtures("own_store")]


@pytest.fixture
def file(shelf: Shelf, clips: ClipLibrary) -> MediaFile:
    (shelf.root / "a.mp4").write_bytes(clips["moov_end.mp4"].read_bytes())
    return shelf.register("a.mp4")


def use_bucket(settings: Settings, bucket: Bucket, **options: Any) -> None:
    s3 = {"BACKEND": "mam.lib.storages.s3.S3Storage", "OPTIONS": bucket.options(**{"patience_s": 1} | options)}
    settings.STORAGES = settings.STORAGES | {"renditions": s3}


def make_waveform(file: MediaFile) -> Job:
    renditions.want(file=file, kind=RenditionKind.WAVEFORM, again=True)
    return run_pending("media", kinds=["streaming.waveform"])[-1]


def test_a_wrong_key_fails_the_job_with_its_reason_and_not_the_file(file: MediaFile, s3: Bucket, settings: Settings) -> None:
    use_bucket(settings, s3, secret_key="wrong")
    job = make_waveform(file)
    assert (job.state, job.error_code, job.attempt) == (JobState.FAILED, "storage_refused", 1)
    row = Rendition.objects.get()
    assert (row.state, row.attempts) == (RenditionState.WANTED, 0)
    use_bucket(settings, s3)
    assert make_waveform(file).state == JobState.SUCCEEDED
    assert Rendition.objects.get().state == RenditionState.READY


def test_what_is_made_lies_in_the_bucket_and_is_read_through_the_cache(
    file: MediaFile, s3: Bucket, settings: Settings, tmp_path: Path
) -> None:
    use_bucket(settings, s3)
    assert make_waveform(file).state == JobState.SUCCEEDED
    stored = Rendition.objects.get().stored_objects.get()
    assert s3.keys() == [f"mam/{stored.name}"]
    data = store.read_range(stored.name, 0, stored.size_bytes)
    assert len(data) == stored.size_bytes
    s3.server.kill("proxy")
    try:
        assert store.read_range(stored.name, 0, stored.size_bytes) == data  # from the cache
    finally:
        s3.server.start()


def test_a_server_that_is_away_is_tried_again(file: MediaFile, s3: Bucket, settings: Settings) -> None:
    use_bucket(settings, s3, patience_s=0)
    s3.server.kill("proxy")
    try:
        job = make_waveform(file)
    finally:
        s3.server.start()
    assert (job.state, job.error_code) == (JobState.FAILED, "storage_offline")
    assert job.attempt == job.max_attempts > 1
    assert Rendition.objects.get().attempts == 0
    assert make_waveform(file).state == JobState.SUCCEEDED
