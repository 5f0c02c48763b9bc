"""Sources: added, tested, opened, taken away. Passwords go in and never come out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from catalog.choices import SourceState
from catalog.errors import ConfirmationMismatchError, NameTakenError, SourceOptionInvalidError
from catalog.models import Catalog, Content, Folder, MediaFile, Source
from catalog.services import sources
from catalog.services.file_systems import Credentials, close_file_system, credentials_of, open_file_system
from catalog.services.placement import place_files
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from mam.jobs.models import JobState
from mam.jobs.testing import run_pending
from mam.lib.secrets import CredentialsUnreadableError
from mam.lib.sources.url import InvalidSourceUrlError
from tests.factories import make_collection, make_file, make_source, make_stream, make_tag, make_user

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db

SECRET = "hunter2 짜장면"


@pytest.fixture
def administrator() -> User:
    return make_user("administrator")


@pytest.fixture
def share(tmp_path: Path) -> Path:
    (tmp_path / "WSOP").mkdir()
    (tmp_path / "a.mp4").write_bytes(b"12345")
    return tmp_path


# --- adding and changing ----------------------------------------------------------------------------------------------
def test_a_source_is_stored_with_its_address_in_one_spelling(administrator: User) -> None:
    source = sources.create_source(
        name=" NAS  1 ", url="SMB://nas:445/media//clips/", user=administrator, parallelism=8, exclude_globs=["*.tmp", " ", "*.tmp"]
    )
    source.refresh_from_db()
    assert (source.name, source.url, source.parallelism, source.exclude_globs) == ("NAS 1", "smb://nas/media/clips", 8, ["*.tmp"])
    assert source.state == SourceState.UNKNOWN
    with pytest.raises(NameTakenError):
        sources.create_source(name="NAS 1", url="smb://other/share", user=administrator)


@pytest.mark.parametrize(
    "url", ["http://nas/share", "smb://", "smb://nas", "smb://user:pw@nas/share", "smb://nas:0/share", "file:///a/../b"]
)
def test_an_address_that_cannot_be_one_is_refused(administrator: User, url: str) -> None:
    with pytest.raises(InvalidSourceUrlError) as caught:
        sources.create_source(name="x", url=url, user=administrator)
    assert "pw" not in str(caught.value)
    assert not Source.objects.exists()


@pytest.mark.parametrize(
    ("option", "value"), [("parallelism", 0), ("parallelism", 65), ("poll_interval_s", 1), ("read_limit_bytes_per_s", 10)]
)
def test_options_out_of_reason_are_refused(administrator: User, option: str, value: int) -> None:
    source = make_source()
    changes: Any = {option: value}
    with pytest.raises(SourceOptionInvalidError):
        sources.update_source(source=source, user=administrator, **changes)


def test_a_new_address_forgets_the_old_root_and_state(administrator: User) -> None:
    source = make_source(root_identity="1:2", state=SourceState.OFFLINE, state_code="source_transient")
    changed = sources.update_source(source=source, user=administrator, url="smb://nas/other")
    assert (changed.root_identity, changed.state, changed.state_code) == ("", SourceState.UNKNOWN, "")
    kept = sources.update_source(source=make_source(root_identity="1:2"), user=administrator, poll_interval_s=30)
    assert kept.root_identity == "1:2"


# --- credentials ------------------------------------------------------------------------------------------------------
def test_a_password_is_encrypted_and_appears_nowhere(administrator: User, caplog: pytest.LogCaptureFixture) -> None:
    credentials = Credentials(username="mam", password=SECRET, domain="STUDIO")
    source = sources.create_source(name="NAS", url="smb://nas/share", user=administrator, credentials=credentials)
    sources.set_credentials(source=source, credentials=Credentials(username="mam", password=SECRET + "!"), user=administrator)
    source.refresh_from_db()
    assert credentials_of(source) == Credentials(username="mam", password=SECRET + "!")
    everything = [source.credentials, repr(credentials), repr(source.__dict__), caplog.text]
    everything += [json.dumps([entry.before, entry.after], ensure_ascii=False) for entry in AuditEntry.objects.all()]
    assert not any(SECRET in words or "hunter2" in words for words in everything)
    assert AuditEntry.objects.get(action="catalog.source.credentials").after == {"credentials": True}


def test_empty_credentials_take_them_away(administrator: User) -> None:
    source = sources.create_source(name="NAS", url="smb://nas/share", user=administrator, credentials=Credentials("mam", "x"))
    assert sources.set_credentials(source=source, credentials=Credentials(), user=administrator).credentials == ""


def test_credentials_sealed_with_a_lost_key_are_an_error_of_their_own(administrator: User, settings: Any) -> None:
    source = sources.create_source(name="NAS", url="smb://nas/share", user=administrator, credentials=Credentials("mam", "x"))
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CredentialsUnreadableError):
        open_file_system(source)


# --- opening ------------------------------------------------------------------------------------------------------------
def test_a_file_system_is_shared_until_the_settings_change(administrator: User, share: Path) -> None:
    source = sources.create_source(name="disk", url=f"file://{share}", user=administrator)
    first = open_file_system(source)
    assert open_file_system(Source.objects.get(pk=source.pk)) is first
    assert {entry.name for entry in first.list_directory("")} == {"WSOP", "a.mp4"}
    renamed = sources.update_source(source=source, user=administrator, name="other name")
    assert open_file_system(renamed) is first
    narrowed = sources.update_source(source=source, user=administrator, parallelism=1)
    second = open_file_system(narrowed)
    assert second is not first
    assert second.stat("a.mp4").size_bytes == 5
    close_file_system(source.pk)
    assert open_file_system(narrowed) is not second


def test_a_test_tells_how_the_source_answers_and_its_state_follows(administrator: User, share: Path) -> None:
    source = make_source(url=f"file://{share}", state=SourceState.OFFLINE, state_code="source_share_missing")
    report = sources.test_connection(source=source, user=administrator)
    assert (report.is_ok, report.root_entries, report.code) == (True, 2, "")
    source.refresh_from_db()
    assert (source.state, source.state_code) == (SourceState.ONLINE, "")


def test_a_failed_test_says_why(administrator: User, tmp_path: Path) -> None:
    source = make_source(url=f"file://{tmp_path}/gone", state=SourceState.ONLINE)
    report = sources.test_connection(source=source, user=administrator)
    assert (report.is_ok, report.code) == (False, "source_share_missing")
    source.refresh_from_db()
    assert (source.state, source.state_code) == (SourceState.OFFLINE, "source_share_missing")


def test_a_degraded_source_is_not_called_healthy_by_a_test(administrator: User, share: Path) -> None:
    source = make_source(url=f"file://{share}", state=SourceState.DEGRADED, state_code="held")
    assert sources.test_connection(source=source, user=administrator).is_ok
    source.refresh_from_db()
    assert source.state == SourceState.DEGRADED


def test_a_state_is_news_only_once() -> None:
    source = make_source()
    assert sources.set_state(source_id=source.pk, state=SourceState.OFFLINE, code="x", params={"a": 1})
    assert not sources.set_state(source_id=source.pk, state=SourceState.OFFLINE, code="x")
    source.refresh_from_db()
    assert source.state_params == {"a": 1}


# --- taking away --------------------------------------------------------------------------------------------------------
def test_a_source_goes_with_its_files_and_the_works_only_it_had(administrator: User) -> None:
    gone, kept = make_source("gone"), make_source("kept")
    doomed = [make_file(f"WSOP/2024/{number}.mp4", source=gone, tags=[make_tag()]) for number in range(3)]
    make_stream(doomed[0])
    make_collection(files=doomed)
    staying = make_file("HCL/2024/x.mp4", source=kept)
    place_files(file_ids=[staying.pk, *(file.pk for file in doomed)])
    sources.delete_source(source=gone, confirm_name="Gone", user=administrator)
    (job,) = run_pending()
    assert (job.state, job.result) == (JobState.SUCCEEDED, {"files": 3})
    assert list(Source.objects.all()) == [kept]
    assert list(MediaFile.objects.all()) == [staying]
    assert not Folder.objects.filter(source_id=gone.pk).exists()
    assert list(Catalog.objects.values_list("name", flat=True)) == ["HCL"]
    assert Content.objects.count() == 1


def test_a_source_goes_only_when_its_name_is_entered(administrator: User) -> None:
    source = make_source("NAS 1")
    with pytest.raises(ConfirmationMismatchError):
        sources.delete_source(source=source, confirm_name="NAS 2", user=administrator)
    source.refresh_from_db()
    assert source.is_enabled
    assert run_pending() == []


def test_only_administrators_manage_sources(share: Path) -> None:
    operator, source = make_user("operator"), make_source("kept", url=f"file://{share}")
    with pytest.raises(PermissionDeniedError):
        sources.create_source(name="x", url="smb://nas/share", user=operator)
    with pytest.raises(PermissionDeniedError):
        sources.update_source(source=source, name="x", user=operator)
    with pytest.raises(PermissionDeniedError):
        sources.set_credentials(source=source, credentials=Credentials("a", "b"), user=operator)
    with pytest.raises(PermissionDeniedError):
        sources.test_connection(source=source, user=operator)
    with pytest.raises(PermissionDeniedError):
        sources.delete_source(source=source, confirm_name="kept", user=operator)
    source.refresh_from_db()
    assert (source.name, source.credentials, source.is_enabled) == ("kept", "", True)
