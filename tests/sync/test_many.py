"""A hundred thousand files that are renamed at once are moved, not deleted and added."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone

from catalog.models import Folder, MediaFile, Source
from catalog.services.generating import generate
from ingest.models import ScanState
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from sync.models import Match, Target
from sync.ott.models import OttFile
from sync.services import syncing
from tests.factories import make_scan
from tests.sync.factories import make_target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "ott"]), pytest.mark.large, pytest.mark.timeout(900)]
FILES = 100_000


def sync(target: Target) -> dict[str, object]:
    syncing.request_sync(target=target, user=None)
    run_pending(kinds=[syncing.SYNC_JOB])
    job = Job.objects.filter(kind=syncing.SYNC_JOB).latest("pk")
    assert job.state == JobState.SUCCEEDED, job.error_text
    return dict(job.result or {})


def test_a_hundred_thousand_renames(ott_file: Path) -> None:
    source: Source = generate(files=FILES, seed=1)
    Source.objects.update(state="online")
    make_scan(source, state=ScanState.DONE, mode="full", finished_at=timezone.now())
    target = make_target("OTT", sources={source: ""}, is_hls_only=False)
    assert sync(target)["added"] == Match.objects.filter(status__startswith="synced").count()
    before = dict(OttFile.objects.using("ott").values_list("pk", "size_bytes"))

    MediaFile.objects.update(name=Concat(Value("r "), "name"), name_key=Concat(Value("r "), "name_key"))
    Folder.objects.exclude(parent=None).update(path=Concat(Value("새 "), "path"), path_key=Concat(Value("새 "), "path_key"))
    result = sync(target)
    assert (result["updated"], result["added"], result["deleted"], result["errors"]) == (len(before), 0, 0, 0)
    after = OttFile.objects.using("ott")
    assert dict(after.values_list("pk", "size_bytes")) == before
    assert after.filter(filename__startswith="r ", status="active").count() == len(before)
    assert not Match.objects.exclude(action="").exists()
