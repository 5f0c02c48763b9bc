"""Posters: made once per version of a file, published as one step, and shown, or something drawn in their place."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import av
import pytest
from django.core.files.storage import storages

from catalog.choices import Presence, ProbeState
from catalog.models import MediaFile
from catalog.services.file_systems import open_file_system
from mam.jobs.models import Job, JobState
from mam.jobs.testing import run_pending
from mam.lib.media import shared_workers
from mam.lib.sources.errors import TransientError
from streaming import selectors, tasks
from streaming.choices import RenditionKind
from streaming.making import posters
from streaming.models import Rendition, StoredObject
from streaming.services import inventory, renditions, upkeep
from streaming.services import posters as services
from streaming.services.renditions import Made
from streaming.stores import objects as store
from tests.factories import make_file, make_source, make_user
from tests.streaming.conftest import Shelf, make_key, noise

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.fixtures import Settings

    from tests.media import ClipLibrary

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_storage(settings: Settings, tmp_path: Path) -> Path:
    """Renditions of this test alone."""
    location = tmp_path / "renditions"
    settings.STORAGES = settings.STORAGES | {
        "renditions": {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": location}}
    }
    return location


def add_clip(shelf: Shelf, clips: ClipLibrary, name: str, clip: str = "moov_end.mp4") -> MediaFile:
    shutil.copy(clips[clip], shelf.root / name)
    return shelf.register(name)


def make_posters(*files: MediaFile) -> list[Job]:
    tasks.enqueue_posters([file.pk for file in files])
    return run_pending("media")


def poster_of(file: MediaFile) -> Rendition:
    return Rendition.objects.get(file=file, kind=Rendition.Kind.POSTER)


def object_of(file: MediaFile) -> StoredObject:
    return StoredObject.objects.get(rendition=poster_of(file))


def delete_orphans(older_than: timedelta = timedelta(0)) -> int:
    return inventory.delete_orphans(inventory.take_inventory(older_than=older_than))


def stored(location: Path) -> list[Path]:
    return [path for path in location.rglob("*") if path.is_file()]


def test_each_video_gets_a_poster_of_its_picture(shelf: Shelf, clips: ClipLibrary, own_storage: Path) -> None:
    wide, turned = add_clip(shelf, clips, "결승 1부.mp4"), add_clip(shelf, clips, "b.mp4", "rotated.mp4")
    (job,) = make_posters(wide, turned)
    assert (job.state, job.result, job.key) == (JobState.SUCCEEDED, {"made": 2, "failed": 0}, f"posters:{shelf.source.pk}")
    row = poster_of(wide)
    assert (row.state, row.source_fingerprint, row.width_px, row.height_px) == ("ready", wide.fingerprint, 320, 180)
    assert (poster_of(turned).width_px, poster_of(turned).height_px) == (180, 320)
    with av.open(io.BytesIO(storages["renditions"].open(object_of(wide).name).read()), "r") as picture:
        assert next(picture.decode(video=0)).width == 320
    assert len(stored(own_storage)) == 2


def test_only_videos_that_were_understood_get_one(shelf: Shelf, clips: ClipLibrary) -> None:
    sound = make_file("a.wav", source=shelf.source)
    unread = make_file("b.mp4", source=shelf.source, probe_state=ProbeState.PENDING)
    blind = make_file("c.mp4", source=shelf.source, video_codec="")
    tasks.enqueue_posters([sound.pk, unread.pk, blind.pk])
    assert not Rendition.objects.exists()
    assert not Job.objects.exists()


def test_a_second_run_makes_nothing_again(shelf: Shelf, clips: ClipLibrary) -> None:
    file = add_clip(shelf, clips, "a.mp4")
    make_posters(file)
    before = object_of(file).name
    assert make_posters(file) == []
    assert object_of(file).name == before


def test_many_calls_make_one_job_per_source(shelf: Shelf, clips: ClipLibrary) -> None:
    first, second = add_clip(shelf, clips, "a.mp4"), add_clip(shelf, clips, "b.mp4")
    tasks.enqueue_posters([first.pk])
    tasks.enqueue_posters([second.pk])
    assert Job.objects.count() == 1
    assert run_pending("media")[0].result == {"made": 2, "failed": 0}


def test_a_video_without_any_row_is_found_by_the_job_of_its_source(shelf: Shelf, clips: ClipLibrary) -> None:
    forgotten, file = add_clip(shelf, clips, "a.mp4"), add_clip(shelf, clips, "b.mp4")
    make_posters(file)
    assert poster_of(forgotten).state == "ready"


def test_a_new_version_replaces_the_picture_and_its_object(
    shelf: Shelf, clips: ClipLibrary, own_storage: Path, django_capture_on_commit_callbacks: object
) -> None:
    file = add_clip(shelf, clips, "a.mp4")
    make_posters(file)
    old = object_of(file)
    shutil.copy(clips["counter.mp4"], shelf.root / "a.mp4")
    status = (shelf.root / "a.mp4").stat()
    MediaFile.objects.filter(pk=file.pk).update(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns, version=2)
    services.want_posters(file_ids=[file.pk])
    assert selectors.find_poster(file_id=file.pk) == old  # shown until the new one is there
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        make_posters(file)
    new = object_of(file)
    assert new.checksum != old.checksum
    assert stored(own_storage) == [own_storage / new.name]


def test_a_broken_file_is_tried_twice_and_then_left_alone(shelf: Shelf) -> None:
    file = shelf.put("a.mp4", noise(50_000))
    (job,) = make_posters(file)
    row = poster_of(file)
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"made": 0, "failed": 2})
    assert (row.state, row.attempts, row.error_code) == ("failed", 2, "poster_no_frame")
    assert make_posters(file) == []
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    assert services.want_posters(file_ids=[file.pk]) == {shelf.source.pk}
    assert poster_of(file).attempts == 0


def test_a_file_that_is_gone_or_changed_fails_alone(shelf: Shelf, clips: ClipLibrary) -> None:
    gone, changed, fine = (add_clip(shelf, clips, name) for name in ("a.mp4", "b.mp4", "c.mp4"))
    (shelf.root / "a.mp4").unlink()
    (shelf.root / "b.mp4").write_bytes(b"short")
    make_posters(gone, changed, fine)
    assert [poster_of(file).state for file in (gone, changed, fine)] == ["failed", "failed", "ready"]
    assert [poster_of(file).error_code for file in (gone, changed)] == ["source_not_found", "media_changed"]


def test_a_source_that_is_offline_uses_up_no_attempts(shelf: Shelf, clips: ClipLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    file = add_clip(shelf, clips, "a.mp4")

    class Offline:
        def open(self, path: str) -> None:
            raise TransientError(target=path, detail="ECONNREFUSED")

    with monkeypatch.context() as patch:
        patch.setattr("streaming.making.posters.open_file_system", lambda source: Offline())
        job = make_posters(file)[-1]
    assert (job.state, job.error_code) == (JobState.FAILED, "source_transient")
    assert (poster_of(file).state, poster_of(file).attempts) == ("wanted", 0)
    tasks.enqueue_due_posters()
    run_pending("media")
    assert poster_of(file).state == "ready"


def test_a_root_that_is_not_mounted_fails_no_file(shelf: Shelf, clips: ClipLibrary) -> None:
    file = add_clip(shelf, clips, "a.mp4")
    shelf.root.rename(shelf.root.with_name("elsewhere"))
    job = make_posters(file)[-1]
    assert (job.state, job.error_code, poster_of(file).attempts) == (JobState.FAILED, "source_share_missing", 0)


def test_missing_files_wait_until_they_are_back(shelf: Shelf, clips: ClipLibrary) -> None:
    file = add_clip(shelf, clips, "a.mp4")
    MediaFile.objects.filter(pk=file.pk).update(presence=Presence.MISSING)
    make_posters(file)
    assert poster_of(file).state == "wanted"
    assert selectors.list_sources_wanting_posters() == []


def test_a_killed_job_leaves_a_wanted_poster_and_an_orphan_that_is_tidied_up(
    shelf: Shelf, clips: ClipLibrary, own_storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between storing and publishing: as far as the process got, without any of the clean-up it would do alive."""
    file = add_clip(shelf, clips, "a.mp4")
    services.want_posters(file_ids=[file.pk])
    (wanted,) = selectors.list_wanted_posters(source=shelf.source, limit=10)
    studio = posters._Studio(open_file_system(shelf.source), shared_workers())
    studio.make(wanted)
    assert (poster_of(file).state, len(stored(own_storage))) == ("wanted", 1)

    make_posters(file)
    tasks.enqueue_due_posters()
    run_pending("media")
    assert len(stored(own_storage)) == 2
    assert delete_orphans(timedelta(hours=1)) == 0  # it might be about to be published
    assert delete_orphans() == 1
    assert stored(own_storage) == [own_storage / object_of(file).name]


def test_a_result_for_an_old_version_is_dropped(shelf: Shelf, clips: ClipLibrary, own_storage: Path) -> None:
    file = add_clip(shelf, clips, "a.mp4")
    services.want_posters(file_ids=[file.pk])
    (wanted,) = selectors.list_wanted_posters(source=shelf.source, limit=10)
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    services.want_posters(file_ids=[file.pk])
    made = Made(objects=[store.put("thumbnails/00/x/poster.jpg", b"x", content_type="image/jpeg")])
    services.publish_poster(services.MadePoster(wanted, made))
    row = poster_of(file)
    assert (row.state, row.stored_objects.count(), row.source_fingerprint) == ("wanted", 0, MediaFile.objects.get(pk=file.pk).fingerprint)


def test_tidying_finds_what_an_interrupted_step_forgot(shelf: Shelf, clips: ClipLibrary) -> None:
    file = add_clip(shelf, clips, "a.mp4")
    make_posters(file)
    MediaFile.objects.filter(pk=file.pk).update(version=2)
    tasks.enqueue_tidy()
    (job,) = run_pending("fast", kinds=[upkeep.TIDY_KIND])
    assert (job.state, poster_of(file).state) == (JobState.SUCCEEDED, "wanted")


def test_tidying_an_empty_store_is_no_error() -> None:
    assert delete_orphans() == 0


def test_wanting_posters_costs_few_queries(shelf: Shelf, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    files = [make_file(f"{number}.mp4", source=shelf.source) for number in range(40)]
    with django_assert_max_num_queries(6):
        services.want_posters(file_ids=[file.pk for file in files])
    assert selectors.count_wanted_posters(source=shelf.source) == 40


# --- the view ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(make_user("viewer"))
    return client


def poster_with_bytes(data: bytes = b"\xff\xd8 picture \xff\xd9") -> StoredObject:
    """A published poster of a file; its rendition and file are loaded."""
    file = make_file("a.mp4")
    rendition = renditions.want(file=file, kind=RenditionKind.POSTER)
    name = f"{store.folder_for(file_id=file.pk, kind=RenditionKind.POSTER)}/poster.jpg"
    assert renditions.write(rendition, Made(objects=[store.put(name, data, content_type="image/jpeg")]))
    return StoredObject.objects.select_related("rendition__file").get()


def test_the_poster_is_sent_with_its_version(person: Client) -> None:
    row = poster_with_bytes()
    response = person.get(f"/posters/{row.rendition.file_id}.jpg")
    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"\xff\xd8 picture \xff\xd9", "image/jpeg")
    assert response["Cache-Control"] == "private, max-age=30"
    assert person.get(f"/posters/{row.rendition.file_id}.jpg", headers={"If-None-Match": response["ETag"]}).status_code == 304


@pytest.mark.parametrize(("version", "is_kept"), [("own", True), ("file", True), ("other", False), ("", False)])
def test_an_address_with_the_version_is_kept_for_good(person: Client, version: str, is_kept: bool) -> None:
    row = poster_with_bytes()
    version = {"own": row.version, "file": row.rendition.file.fingerprint}.get(version, version)
    response = person.get(f"/posters/{row.rendition.file_id}.jpg?v={version}")
    assert ("immutable" in response["Cache-Control"]) is is_kept


def test_the_picture_of_an_older_version_is_shown_but_not_kept(person: Client) -> None:
    row = poster_with_bytes()
    MediaFile.objects.filter(pk=row.rendition.file_id).update(version=2)
    services.want_posters(file_ids=[row.rendition.file_id])
    row.rendition.file.refresh_from_db()
    response = person.get(f"/posters/{row.rendition.file_id}.jpg?v={row.rendition.file.fingerprint}")
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, max-age=30"


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_object_is_no_picture(person: Client, own_storage: Path, damage: str) -> None:
    row = poster_with_bytes()
    path = own_storage / row.name
    path.unlink() if damage == "gone" else path.write_bytes(b"\xff\xd8 pic")
    assert person.get(f"/posters/{row.rendition.file_id}.jpg")["Content-Type"] == "image/svg+xml"


@pytest.mark.parametrize(
    ("name", "fields", "label"),
    [
        ("a.mxf", {}, "MXF"),
        ("a.wav", {}, "WAV"),
        ("a.jpg", {}, "JPG"),
        ("a.edl", {}, "EDL"),
        ("a.mp4", {"presence": Presence.MISSING}, "Missing"),
        ("a.mp4", {"presence": Presence.GROWING}, "Being written"),
        ("a.mp4", {"probe_state": ProbeState.FAILED}, "Not readable"),
    ],
)
def test_without_a_poster_a_drawing_says_what_it_is(person: Client, name: str, fields: dict[str, Any], label: str) -> None:
    file = make_file(name, **fields)
    response = person.get(f"/posters/{file.pk}.jpg?v={file.fingerprint}", headers={"Accept-Language": "en"})
    assert (response.status_code, response["Content-Type"]) == (200, "image/svg+xml")
    assert "immutable" not in response["Cache-Control"]
    assert f">{label}</text>" in response.content.decode()
    assert response.content.startswith(b"<svg")


def test_only_who_sees_the_library_sees_posters(client: Client) -> None:
    row = poster_with_bytes()
    url = f"/posters/{row.rendition.file_id}.jpg"
    assert client.get(url).status_code == 401
    stranger, person = make_user(None), make_user("viewer")
    client.force_login(stranger)
    assert client.get(url).status_code == 403
    client.logout()
    key = make_key(person, "catalog.view_library")
    assert client.get(url, headers={"Authorization": f"Api-Key {key}"}).status_code == 200
    blind = make_key(person, "streaming.play_file")
    assert client.get(url, headers={"Authorization": f"Api-Key {blind}"}).status_code == 403


def test_an_unknown_file_has_no_poster(person: Client) -> None:
    assert person.get("/posters/999999.jpg").status_code == 404


def test_addresses_of_many_posters_cost_one_query(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    row, bare = poster_with_bytes(), make_file("b.mp4", source=make_source())
    with django_assert_max_num_queries(1):
        urls = selectors.poster_urls([row.rendition.file_id, bare.pk])
    assert urls == {row.rendition.file_id: f"/posters/{row.rendition.file_id}.jpg?v={row.version}", bare.pk: f"/posters/{bare.pk}.jpg"}
