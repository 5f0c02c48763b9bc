"""The nightly look: what is damaged is found and made again, what belongs to nothing goes, what nobody used goes, and nothing else."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog.choices import Presence, SourceState
from catalog.models import MediaFile, Source
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from mam.lib.storages import StorageOfflineError
from streaming import tasks
from streaming.choices import ObjectState, RenditionKind, RenditionState
from streaming.errors import StoreSuspectError
from streaming.models import Rendition, StoredObject
from streaming.services import fixity, inventory, purging, renditions, upkeep
from streaming.services.renditions import Made
from streaming.stores import objects as store
from tests.factories import make_file, make_source

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import DjangoCaptureOnCommitCallbacks
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
HLS = RenditionKind.HLS


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)], autouse=True)
def any_store(request: pytest.FixtureRequest, own_store: Path, settings: Settings) -> None:
    """Every test here on a folder and on a real S3 server."""
    if request.param == "s3":
        bucket = request.getfixturevalue("s3")
        s3 = {"BACKEND": "mam.lib.storages.s3.S3Storage", "OPTIONS": bucket.options(patience_s=1)}
        settings.STORAGES = settings.STORAGES | {"renditions": s3}


def publish(data: bytes = b"the bytes of a track", kind: str = HLS, file: MediaFile | None = None) -> StoredObject:
    """A published rendition with one object; its rendition and file are loaded."""
    file = file or make_file()
    row = renditions.want(file=file, kind=kind)
    Job.objects.all().delete()
    made = store.put(f"{store.folder_for(file_id=file.pk, kind=kind)}/v720.mp4", data, content_type="video/mp4")
    assert renditions.write(row, Made(objects=[made]))
    return StoredObject.objects.select_related("rendition__file").get(name=made.name)


def overwrite(row: StoredObject, data: bytes) -> None:
    """What no code of ours does."""
    store.storage().delete_many([row.name])
    store.storage().write(row.name, io.BytesIO(data), content_type="video/mp4")


def names() -> set[str]:
    return {entry.name for folder in store.folders() for entry in store.storage().list_entries(f"{folder}/")}


def orphan(file_id: int = 7) -> str:
    return store.put(f"{store.folder_for(file_id=file_id, kind=HLS)}/v720.mp4", b"nobody's", content_type="video/mp4").name


def verify(*, repair: bool = False, budget_bytes: int | None = None) -> fixity.FixityReport:
    return fixity.verify(budget_bytes=budget_bytes, repair=repair)


def make_orphans_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "ORPHAN_AGE", -timedelta(days=1))


# --- fixity -----------------------------------------------------------------------------------------------------------
def test_a_sound_store_is_found_sound() -> None:
    row = publish()
    before = row.verified_at
    report = verify(repair=True)
    assert (report.listed, report.read, report.read_bytes) == (1, 1, row.size_bytes)
    assert (report.missing, report.changed, report.orphans, report.wanted_again) == (0, 0, 0, 0)
    row.refresh_from_db()
    assert row.state == ObjectState.SOUND
    assert row.verified_at > before


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (lambda row: store.storage().delete_many([row.name]), "missing"),
        (lambda row: overwrite(row, b"the bytes of a trick"), "changed"),
        (lambda row: overwrite(row, b"the bytes"), "changed"),
    ],
    ids=["gone", "same size", "cut"],
)
def test_damage_is_found_marked_and_made_again(damage: object, state: str) -> None:
    row, other = publish(), publish()
    damage(row)  # type: ignore[operator]
    report = verify()
    assert (report.missing + report.changed, report.wanted_again) == (1, 0)
    row.refresh_from_db()
    assert (row.state, Rendition.objects.get(pk=row.rendition_id).state, Job.objects.count()) == (state, "ready", 0)

    assert verify(repair=True).wanted_again == 1
    job = Job.objects.get()
    assert (job.kind, job.params) == ("streaming.hls", {"file_id": row.rendition.file_id})
    assert Rendition.objects.get(pk=row.rendition_id).state == RenditionState.WANTED
    assert Rendition.objects.get(pk=other.rendition_id).state == RenditionState.READY
    assert verify(repair=True).wanted_again == 0  # on its way already


def test_what_is_damaged_is_made_again_also_after_that_failed_once() -> None:
    row = publish()
    overwrite(row, b"x")
    verify(repair=True)
    Job.objects.update(state=JobState.FAILED, error_code="media_source_offline")
    tasks.enqueue_due_renditions()
    assert Job.objects.get(state=JobState.QUEUED).params == {"file_id": row.rendition.file_id}


def test_what_was_damaged_and_is_back_is_sound_again() -> None:
    row = publish(b"good")
    overwrite(row, b"evil")
    assert verify().changed == 1
    overwrite(row, b"good")
    assert verify().changed == 0
    row.refresh_from_db()
    assert row.state == ObjectState.SOUND


def test_what_cannot_be_made_again_is_not_asked_for() -> None:
    row = publish()
    MediaFile.objects.filter(pk=row.rendition.file_id).update(presence=Presence.MISSING)
    overwrite(row, b"x")
    report = verify(repair=True)
    assert (report.changed, report.wanted_again) == (1, 0)


def test_the_budget_is_spent_on_what_was_longest_unread() -> None:
    rows = [publish(bytes(1000)) for _ in range(4)]
    for place, row in enumerate(rows):
        StoredObject.objects.filter(pk=row.pk).update(verified_at=timezone.now() - timedelta(days=10 - place))
    assert verify(budget_bytes=2500).read == 2
    looked = StoredObject.objects.filter(verified_at__gt=timezone.now() - timedelta(days=1)).values_list("pk", flat=True)
    assert set(looked) == {rows[0].pk, rows[1].pk}
    assert verify(budget_bytes=10).read == 1  # a small budget still comes round
    assert verify(budget_bytes=None).read == 4


def test_progress_is_told_and_may_stop_it() -> None:
    publish(bytes(100))
    steps: list[fixity.Step] = []
    fixity.verify(budget_bytes=None, repair=False, on_step=steps.append)
    assert (steps[0].total, steps[0].unit) == (100, "")
    assert (steps[-1].done, steps[-1].total, steps[-1].unit) == (100, 100, "bytes")

    class StopError(Exception):
        pass

    def stop(_step: fixity.Step) -> None:
        raise StopError

    with pytest.raises(StopError):
        fixity.verify(budget_bytes=None, repair=True, on_step=stop)


def test_a_store_that_does_not_answer_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    row = publish()

    def fail(*_args: object) -> bytes:
        raise StorageOfflineError(reason="test")

    monkeypatch.setattr(type(store.storage()), "read_range", fail)
    with pytest.raises(StorageOfflineError):
        verify(repair=True)
    row.refresh_from_db()
    assert row.state == ObjectState.SOUND


# --- orphans ----------------------------------------------------------------------------------------------------------
def test_orphans_are_counted_then_deleted_when_they_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    row, stray = publish(), orphan()
    assert verify(repair=True).orphans == 0  # somebody may be about to publish it
    assert names() == {row.name, stray}
    make_orphans_old(monkeypatch)
    report = verify()
    assert (report.orphans, report.orphan_bytes, report.deleted) == (1, 8, 0)
    assert verify(repair=True).deleted == 1
    assert names() == {row.name}


def test_an_orphan_that_was_published_meanwhile_stays() -> None:
    file = make_file()
    row = renditions.want(file=file, kind=HLS)
    made = store.put(f"{store.folder_for(file_id=file.pk, kind=HLS)}/v", b"x", content_type="video/mp4")
    found = inventory.take_inventory(older_than=-timedelta(days=1))
    assert [entry.name for entry in found.orphans] == [made.name]
    renditions.write(row, Made(objects=[made]))
    assert inventory.delete_orphans(found) == 0
    assert names() == {made.name}


def test_objects_of_deleted_files_are_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    row = publish()
    MediaFile.objects.filter(pk=row.rendition.file_id).delete()
    make_orphans_old(monkeypatch)
    assert verify(repair=True).deleted == 1
    assert names() == set()


# --- a store that looks wrong -----------------------------------------------------------------------------------------
def test_an_emptied_store_costs_nothing() -> None:
    """A share that is not mounted: every object is missing, and none of them is made again."""
    rows = [publish() for _ in range(25)]
    store.storage().delete_many([row.name for row in rows])
    with pytest.raises(StoreSuspectError) as raised:
        verify(repair=True)
    assert (raised.value.params["missing"], raised.value.params["rows"]) == (25, 25)
    assert set(StoredObject.objects.values_list("state", flat=True)) == {ObjectState.SOUND}
    assert not Job.objects.exists()
    assert fixity.verify(budget_bytes=None, repair=True, is_forced=True).wanted_again == 25


def test_the_objects_of_another_database_are_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = {orphan(number) for number in range(101)}
    make_orphans_old(monkeypatch)
    with pytest.raises(StoreSuspectError):
        verify(repair=True)
    assert names() == strange


# --- unused -----------------------------------------------------------------------------------------------------------
def unused(kind: str = HLS, days: int = 400, **source: Any) -> StoredObject:
    """A rendition that nobody used for `days`."""
    row = publish(kind=kind, file=make_file(source=make_source(**source)))
    Rendition.objects.filter(pk=row.rendition_id).update(last_access_at=timezone.now() - timedelta(days=days))
    return row


def test_what_nobody_used_is_shown_then_deleted_and_made_again_when_asked_for(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    old, young, poster = unused(), unused(days=100), unused(RenditionKind.POSTER)
    assert purging.list_unused() == [purging.Unused("hls", 1, old.size_bytes)]
    assert names() == {old.name, young.name, poster.name}
    with django_capture_on_commit_callbacks(execute=True):
        assert purging.purge_unused() == [purging.Unused("hls", 1, old.size_bytes)]
    assert names() == {young.name, poster.name}
    assert purging.purge_unused() == purging.list_unused() == []
    row = Rendition.objects.get(pk=old.rendition_id)
    assert row.state == RenditionState.PURGED
    assert renditions.want(file=row.file, kind=HLS).state == RenditionState.WANTED


def test_the_stream_of_an_older_version_is_deleted_as_well() -> None:
    row = unused()
    MediaFile.objects.filter(pk=row.rendition.file_id).update(version=2)
    file = MediaFile.objects.get(pk=row.rendition.file_id)
    renditions.want(file=file, kind=HLS)
    assert purging.purge_unused() == [purging.Unused("hls", 1, row.size_bytes)]
    assert Rendition.objects.get().state == RenditionState.WANTED  # the wish stays


@pytest.mark.parametrize("fields", [{"state": SourceState.OFFLINE}, {"is_enabled": False}], ids=["offline", "disabled"])
def test_nothing_is_deleted_that_could_not_be_made_again(fields: dict[str, Any]) -> None:
    row = unused(**fields)
    gone = unused()
    MediaFile.objects.filter(pk=gone.rendition.file_id).update(presence=Presence.HELD)
    assert purging.purge_unused() == []
    assert names() == {row.name, gone.name}
    Source.objects.update(state=SourceState.ONLINE, is_enabled=True)
    assert [kind.renditions for kind in purging.list_unused()] == [1]


# --- commands and the nightly job -------------------------------------------------------------------------------------
def call(*arguments: str) -> str:
    output = StringIO()
    with suppress(CommandError):
        call_command(*arguments, stdout=output)
    return output.getvalue()


def test_purging_by_command_is_a_dry_run_first(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    row = unused()
    assert "hls  1" in call("purge_renditions")
    assert names() == {row.name}
    with django_capture_on_commit_callbacks(execute=True):
        assert "hls  1" in call("purge_renditions", "--apply")
    assert names() == set()
    assert "hls" not in call("purge_renditions")


def test_verifying_by_command_ends_with_an_error_when_something_is_wrong() -> None:
    row = publish(bytes(1000))
    publish(bytes(1000))
    assert "read 1 " in call("verify_renditions", "--budget", "1000")
    assert "read 2 " in call("verify_renditions", "--all")
    overwrite(row, b"other")
    output = StringIO()
    with pytest.raises(CommandError, match="--repair") as raised:
        call_command("verify_renditions", stdout=output)
    assert raised.value.returncode == 2
    assert row.name in output.getvalue()
    assert not Job.objects.exists()
    assert row.name in call("verify_renditions", "--repair")
    assert Job.objects.filter(kind="streaming.hls").exists()


def test_what_cannot_be_made_again_stays_an_error() -> None:
    row = publish()
    overwrite(row, b"other")
    MediaFile.objects.update(presence=Presence.MISSING)
    with pytest.raises(CommandError, match="1") as raised:
        call_command("verify_renditions", "--repair", stdout=StringIO())
    assert raised.value.returncode == 2


def test_what_was_given_up_is_not_called_being_made() -> None:
    row = publish()
    overwrite(row, b"other")
    Rendition.objects.update(state=RenditionState.FAILED)
    with pytest.raises(CommandError) as raised:
        call_command("verify_renditions", "--repair", stdout=StringIO())
    assert raised.value.returncode == 2


def test_what_somebody_missed_is_sound_once_it_is_back() -> None:
    row = publish()
    fixity.note_missing(row.name)
    fixity.note_missing("streams/00/0-nothing/v720.mp4")
    row.refresh_from_db()
    assert row.state == ObjectState.MISSING
    assert verify(repair=True).missing == 0
    row.refresh_from_db()
    assert (row.state, Job.objects.count()) == (ObjectState.SOUND, 0)


def test_the_nightly_job_does_all_of_it(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    idle, damaged = unused(), publish()
    stray = orphan()
    overwrite(damaged, b"x")
    make_orphans_old(monkeypatch)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.enqueue_tidy()
        (job,) = run_pending("fast", kinds=[upkeep.TIDY_KIND])
    assert job.state == JobState.SUCCEEDED, job.error_text
    assert job.result is not None
    assert (job.result["purged"], job.result["changed"], job.result["wanted_again"]) == (1, 1, 1)
    assert stray not in names()
    assert idle.name not in names()
    tasks.enqueue_tidy()
    assert Job.objects.filter(kind=upkeep.TIDY_KIND).count() == 1  # not again today
