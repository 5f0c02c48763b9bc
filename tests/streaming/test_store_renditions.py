"""Wanting, publishing, failing, using and purging renditions: one version at a time, everything or nothing."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from catalog.models import MediaFile
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry
from mam.jobs import runner
from mam.jobs.context import JobContext
from mam.jobs.errors import JobCancelledError
from mam.jobs.models import Job, JobPriority
from mam.lib.storages import ObjectMissingError, StorageOfflineError
from streaming.choices import RenditionKind, RenditionState, TrackKind
from streaming.models import Rendition, StoredObject, Track
from streaming.services import renditions
from streaming.services.renditions import Made, MadeTrack
from streaming.stores import objects as store
from tests.factories import make_file, make_job, make_rendition, make_user

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks
    from pytest_django.fixtures import Settings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_store")]
HLS = RenditionKind.HLS


@pytest.fixture
def file() -> MediaFile:
    return make_file("a.mxf")


@pytest.fixture
def ctx() -> JobContext:
    """A running job."""
    job = runner.take(make_job("streaming.posters").pk)
    assert job is not None
    return JobContext(job)


def put(file: MediaFile, data: bytes = b"bytes", name: str = "v720.mp4") -> store.MadeObject:
    return store.put(f"{store.folder_for(file_id=file.pk, kind=HLS)}/{name}", data, content_type="video/mp4")


def made_track(file: MediaFile, name: str, data: bytes = b"bytes") -> MadeTrack:
    return MadeTrack(put(file, data, f"{name}.mp4"), name, TrackKind.VIDEO, timescale=25, init_bytes=1, segments=[(100, 4)])


def stored(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# --- objects ----------------------------------------------------------------------------------------------------------
def test_a_name_says_whose_object_it_is(file: MediaFile) -> None:
    made = put(file)
    assert store.file_id_of(made.name) == file.pk
    assert made.name.startswith(f"streams/{file.pk % 256:02x}/{file.pk}-")
    for strange in (
        "streams/00/7-a/v",
        "streams/07/7/v",
        "other/07/7-a/v",
        "streams/07/x-a/v",
        "streams/07/7-a",
        "streams/07/7-a/b/c",
        "",
        "٧",
    ):
        assert store.file_id_of(strange) is None


@pytest.mark.parametrize("shape", ["bytes", "stream", "path"])
def test_size_and_checksum_are_made_on_the_way(file: MediaFile, tmp_path: Path, shape: str) -> None:
    (tmp_path / "made").write_bytes(b"bytes")
    data = {"bytes": b"bytes", "stream": io.BytesIO(b"bytes"), "path": tmp_path / "made"}[shape]
    made = store.put(f"{store.folder_for(file_id=file.pk, kind=HLS)}/v", data, content_type="video/mp4")  # type: ignore[arg-type]
    assert (made.size_bytes, made.checksum[:8]) == (5, "95f64cad")
    assert store.read_range(made.name, 1, 3) == b"yte"


def test_two_makings_never_share_a_folder(file: MediaFile) -> None:
    assert store.folder_for(file_id=file.pk, kind=HLS) != store.folder_for(file_id=file.pk, kind=HLS)


def test_what_cannot_be_deleted_is_left_for_the_sweep(monkeypatch: pytest.MonkeyPatch, file: MediaFile) -> None:
    made = put(file)

    def fail(_names: object) -> None:
        raise StorageOfflineError(reason="test")

    monkeypatch.setattr(store.storage(), "delete_many", fail)
    store.discard([made.name])
    assert store.read_range(made.name, 0, 9) == b"bytes"


# --- want -------------------------------------------------------------------------------------------------------------
def test_wanting_makes_one_job(file: MediaFile) -> None:
    first = renditions.want(file=file, kind=HLS, priority=JobPriority.LOW)
    second = renditions.want(file=file, kind=HLS, priority=JobPriority.HIGH)
    job = Job.objects.get()
    assert (first.pk, first.job, second.job) == (second.pk, job, job)
    assert (job.kind, job.key, job.params, job.priority) == ("streaming.hls", f"hls:{file.pk}", {"file_id": file.pk}, JobPriority.HIGH)
    assert first.state == RenditionState.WANTED


@pytest.mark.parametrize(("state", "jobs"), [("ready", 0), ("failed", 0), ("purged", 1), ("wanted", 1)])
def test_what_is_settled_is_not_made_again_unless_asked(file: MediaFile, state: str, jobs: int) -> None:
    row = renditions.want(file=file, kind=HLS)
    Job.objects.all().delete()
    Rendition.objects.filter(pk=row.pk).update(state=state, attempts=2, error_code="x", log_tail="y")
    renditions.want(file=file, kind=HLS)
    assert Job.objects.count() == jobs
    row = renditions.want(file=file, kind=HLS, again=True)
    assert Job.objects.count() == 1
    row.refresh_from_db()
    assert row.state == RenditionState.WANTED
    assert (row.attempts, row.error_code, row.log_tail) == ((0, "", "") if state != "wanted" else (2, "x", "y"))


def test_a_new_version_is_wanted_whatever_became_of_the_old_one(file: MediaFile) -> None:
    row = renditions.want(file=file, kind=HLS)
    Rendition.objects.filter(pk=row.pk).update(state=RenditionState.FAILED, attempts=2)
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    file.refresh_from_db()
    row = renditions.want(file=file, kind=HLS)
    assert (row.state, row.attempts, row.source_fingerprint) == (RenditionState.WANTED, 0, file.fingerprint)


def test_viewers_may_not_have_renditions_made(file: MediaFile) -> None:
    with pytest.raises(PermissionDeniedError):
        renditions.want(file=file, kind=HLS, user=make_user("viewer"))
    assert not Rendition.objects.exists()
    row = renditions.want(file=file, kind=HLS, user=make_user("operator"))
    with pytest.raises(PermissionDeniedError):
        renditions.purge(rendition=row, user=make_user("viewer"))


# --- publish ----------------------------------------------------------------------------------------------------------
def test_publishing_replaces_everything_old(
    ctx: JobContext, file: MediaFile, own_store: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row = renditions.want(file=file, kind=HLS)
    playlist = put(file, b"old", "notes")
    assert renditions.publish(ctx, row, Made(objects=[playlist], tracks=[made_track(file, "v720"), made_track(file, "a0")]))
    new = made_track(file, "v480", b"newer")
    with django_capture_on_commit_callbacks(execute=True):
        made = Made(tracks=[new], details={"a": 1}, cpu_ms=5, width_px=854, height_px=480, preset="p")
        assert renditions.publish(ctx, row, made)
    row.refresh_from_db()
    assert (row.state, row.made_from, row.size_bytes, row.cpu_ms, row.details) == ("ready", file.fingerprint, 5, 5, {"a": 1})
    assert [track.name for track in row.tracks.all()] == ["v480"]
    assert stored(own_store) == [new.object.name]
    track = row.tracks.get()
    assert (track.segments, track.timescale, track.object.checksum) == ([[100, 4]], 25, new.object.checksum)


def test_merged_tracks_join_those_of_the_same_version(
    ctx: JobContext, file: MediaFile, own_store: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row = renditions.want(file=file, kind=HLS)
    kept, replaced, added = made_track(file, "a0"), made_track(file, "v720"), made_track(file, "v720", b"again")
    renditions.publish(ctx, row, Made(tracks=[kept, replaced], details={"a": 1, "b": 1}, cpu_ms=5))
    with django_capture_on_commit_callbacks(execute=True):
        renditions.publish(ctx, row, Made(tracks=[added], details={"b": 2}, cpu_ms=6), is_merged=True)
    row.refresh_from_db()
    assert (row.cpu_ms, row.details, row.size_bytes) == (11, {"a": 1, "b": 2}, 10)
    assert stored(own_store) == sorted([kept.object.name, added.object.name])
    assert set(Track.objects.values_list("name", flat=True)) == {"a0", "v720"}


def test_nothing_is_merged_with_another_version(ctx: JobContext, file: MediaFile) -> None:
    row = renditions.want(file=file, kind=HLS)
    renditions.publish(ctx, row, Made(tracks=[made_track(file, "v720")]))
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    file.refresh_from_db()
    row = renditions.want(file=file, kind=HLS)
    renditions.publish(ctx, row, Made(tracks=[made_track(file, "a0")]), is_merged=True)
    assert [track.name for track in row.tracks.all()] == ["a0"]


def test_what_was_made_from_another_version_is_thrown_away(ctx: JobContext, file: MediaFile, own_store: Path) -> None:
    row = renditions.want(file=file, kind=HLS)
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    file.refresh_from_db()
    renditions.want(file=file, kind=HLS)
    assert not renditions.publish(ctx, row, Made(tracks=[made_track(file, "v720")]))
    assert stored(own_store) == []
    assert not StoredObject.objects.exists()


def test_a_job_that_was_cancelled_publishes_nothing(ctx: JobContext, file: MediaFile, own_store: Path) -> None:
    row = renditions.want(file=file, kind=HLS)
    ctx.interrupt(JobCancelledError())
    with pytest.raises(JobCancelledError):
        renditions.publish(ctx, row, Made(tracks=[made_track(file, "v720")]))
    assert stored(own_store) == []
    row.refresh_from_db()
    assert row.state == RenditionState.WANTED


# --- fail -------------------------------------------------------------------------------------------------------------
def test_a_version_is_given_up_after_two_failures_with_the_end_of_the_log(ctx: JobContext, file: MediaFile) -> None:
    row = renditions.want(file=file, kind=HLS)
    renditions.fail(ctx, row, ObjectMissingError(name="x"), log_tail="\n".join(str(line) for line in range(80)))
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error_code, row.error_params) == ("wanted", 1, "object_missing", {"name": "x"})
    assert row.log_tail.splitlines() == [str(line) for line in range(30, 80)]
    renditions.fail(ctx, row, ObjectMissingError(name="x"))
    row.refresh_from_db()
    assert row.state == RenditionState.FAILED


def test_a_failure_of_an_older_version_does_not_count(ctx: JobContext, file: MediaFile) -> None:
    row = renditions.want(file=file, kind=HLS)
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    file.refresh_from_db()
    renditions.want(file=file, kind=HLS)
    renditions.fail(ctx, row, ObjectMissingError(name="x"))
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("wanted", 0)


# --- use, purge -------------------------------------------------------------------------------------------------------
def test_use_is_noted_once_an_hour(file: MediaFile) -> None:
    row = renditions.want(file=file, kind=HLS)
    for minutes, is_noted in ((30, False), (90, True)):
        then = timezone.now() - timedelta(minutes=minutes)
        Rendition.objects.filter(pk=row.pk).update(last_access_at=then)
        renditions.touch([row.pk, row.pk])
        row.refresh_from_db()
        assert (row.last_access_at > then) is is_noted


def test_purging_deletes_the_bytes_and_leaves_a_trace(
    ctx: JobContext, file: MediaFile, own_store: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row = renditions.want(file=file, kind=HLS)
    renditions.publish(ctx, row, Made(tracks=[made_track(file, "v720")]))
    with django_capture_on_commit_callbacks(execute=True):
        assert renditions.purge(rendition=row, user=make_user("operator"))
    row.refresh_from_db()
    assert (row.state, row.made_from, row.size_bytes) == ("purged", "", 0)
    assert (stored(own_store), Track.objects.count()) == ([], 0)
    assert AuditEntry.objects.get(action="streaming.rendition.purge").before == {"state": "ready", "size_bytes": 5}
    assert renditions.want(file=file, kind=HLS).state == RenditionState.WANTED


def test_what_somebody_uses_meanwhile_is_not_purged(ctx: JobContext, file: MediaFile) -> None:
    row = renditions.want(file=file, kind=HLS)
    renditions.publish(ctx, row, Made(tracks=[made_track(file, "v720")]))
    row.refresh_from_db()
    seen_at = row.last_access_at
    Rendition.objects.filter(pk=row.pk).update(last_access_at=seen_at + timedelta(hours=1))
    assert not renditions.purge(rendition=row, unused_since=seen_at)
    assert row.tracks.exists()


@pytest.mark.parametrize(("policy", "made_again"), [("viewed", {"storyboard", "waveform", "hls"}), ("never", {"storyboard", "waveform"})])
def test_what_was_purged_is_made_again_when_somebody_plays_the_file(
    client: Client, settings: Settings, policy: str, made_again: set[str]
) -> None:
    settings.MAM_PREPARE = policy
    file = make_file("a.mxf")
    for kind in RenditionKind:
        make_rendition(file, kind, state=RenditionState.PURGED, made_from="")
    client.force_login(make_user("viewer"))
    assert client.post(f"/watch/{file.pk}/viewed/").status_code == 204
    assert set(Rendition.objects.filter(state=RenditionState.WANTED).values_list("kind", flat=True)) == made_again


def test_playing_a_file_uses_the_pictures_of_its_player(client: Client) -> None:
    file, then = make_file("a.mp4"), timezone.now() - timedelta(days=9)
    for kind in RenditionKind:
        make_rendition(file, kind, last_access_at=then)
    client.force_login(make_user("viewer"))
    client.post(f"/watch/{file.pk}/viewed/")
    used = set(Rendition.objects.filter(last_access_at__gt=then).values_list("kind", flat=True))
    assert used == {"storyboard", "waveform"}  # a stream is in use when a playlist of it is asked for


PICTURE_AND_SOUND = {"film.mp4": {"storyboard", "waveform"}, "song.mp3": {"waveform"}, "notes.txt": set()}


@pytest.mark.parametrize("name", PICTURE_AND_SOUND)
def test_playing_a_file_has_the_pictures_of_its_player_made(client: Client, name: str) -> None:
    file = make_file(name)
    client.force_login(make_user("viewer"))
    client.post(f"/watch/{file.pk}/viewed/")
    assert set(Rendition.objects.values_list("kind", flat=True)) == PICTURE_AND_SOUND[name]
    assert set(Job.objects.filter(kind__startswith="streaming.").values_list("priority", flat=True)) <= {JobPriority.LOW}


def test_a_silent_film_is_asked_for_no_waveform() -> None:
    renditions.note_viewing(file=make_file("film.mp4", audio_codec=""))
    assert Rendition.objects.get().kind == RenditionKind.STORYBOARD


@pytest.mark.parametrize(("policy", "presence"), [("never", "present"), ("viewed", "missing")])
def test_playing_has_nothing_made_against_the_policy_or_of_an_absent_file(settings: Settings, policy: str, presence: str) -> None:
    settings.MAM_PREPARE = policy
    renditions.note_viewing(file=make_file("film.mp4", presence=presence))
    assert not Rendition.objects.exists()


@pytest.mark.parametrize("state", ["ready", "failed", "wanted"])
def test_pictures_of_an_older_version_are_made_anew_and_those_of_this_one_cost_two_queries(
    state: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    file = make_file("film.mp4")
    for kind in (RenditionKind.STORYBOARD, RenditionKind.WAVEFORM):
        make_rendition(file, kind, state=state)
    with django_assert_max_num_queries(2):
        renditions.note_viewing(file=file)
    assert not Job.objects.exists()
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    file.refresh_from_db()
    renditions.note_viewing(file=file)
    assert set(Job.objects.values_list("kind", flat=True)) == {"streaming.storyboard", "streaming.waveform"}
