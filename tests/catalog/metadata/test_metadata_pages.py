"""Exports and imports as people and commands ask for them, and who may."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.http import StreamingHttpResponse
from django.urls import reverse

from catalog.errors import ObjectNotFoundError
from catalog.models import MediaFile, MetadataImport
from catalog.search import index
from catalog.search.query import parse
from catalog.selectors import metadata
from catalog.services import metadata_import
from catalog.services.metadata_apply import apply_changes
from mam.accounts.errors import PermissionDeniedError
from mam.jobs.testing import run_pending
from tests.bodies import body_of
from tests.catalog.metadata.tables import ENGLISH, checked, export, rows_of, table
from tests.factories import make_file, make_source, make_user

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import AsyncClient, Client

    from mam.accounts.models import User


pytestmark = pytest.mark.django_db


# --- pages ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def indexed(library: list[MediaFile]) -> list[MediaFile]:
    index.refresh_all()
    return library


@pytest.mark.parametrize("sort", ["", "newest", "name", "-name"])
def test_a_search_is_exported_in_its_order(client: Client, operator: User, indexed: list[MediaFile], sort: str) -> None:
    client.force_login(operator)
    page = client.get(reverse("catalog:search"), {"q": "day", "sort": sort}, headers=ENGLISH).content.decode()
    assert f"{reverse('catalog:metadata_export')}?q=day&amp;sort={sort}" in page
    response = client.get(reverse("catalog:metadata_export"), {"q": "day", "sort": sort})
    assert response.headers["Content-Disposition"].startswith('attachment; filename="metadata-20')
    ids = [int(row["id"]) for row in rows_of(body_of(response))]
    expected = [file.pk for file in indexed]
    assert ids == (expected if sort == "name" else expected[::-1] if sort in {"-name", "newest"} else ids)
    assert sorted(ids) == expected


@pytest.mark.django_db(transaction=True)
async def test_the_asynchronous_server_sends_an_export_part_by_part(async_client: AsyncClient) -> None:
    def prepare() -> User:
        source = make_source("NAS")
        for number in range(8):
            make_file(f"Day {number}.mp4", source=source)
        index.refresh_all()
        return make_user("operator")

    await async_client.aforce_login(await sync_to_async(prepare)())
    response = await async_client.get(reverse("catalog:metadata_export"), {"q": "day"})
    assert isinstance(response, StreamingHttpResponse)
    assert response.is_async
    parts = [part async for part in response.streaming_content]
    assert len(parts) == 1 + 3
    assert len(rows_of(b"".join(parts))) == 8


@pytest.mark.parametrize("sort", ["newest", "name", "-name", "largest", ""])
def test_more_files_than_are_counted_are_exported_page_by_page(
    operator: User, indexed: list[MediaFile], monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("catalog.search.engines.CAP", 4)
    pages = list(metadata.list_matching_pages(user=operator, query=parse("day"), sort=sort))
    ids = [pk for page in pages for pk in page]
    assert max(map(len, pages)) <= 3
    by_name = [file.pk for file in indexed]
    assert ids == (by_name if sort == "name" else by_name[::-1])


def test_a_curator_uploads_looks_applies_and_undoes(client: Client, operator: User, library: list[MediaFile]) -> None:
    client.force_login(operator)
    data = table("id,title,extra", f"{library[0].pk},<b>새 제목</b>,x", "77777777,y,x")
    url = reverse("catalog:metadata_import")
    assert "Nothing changes until" in client.get(url, headers=ENGLISH).content.decode()
    assert "This field is required" in client.post(url, headers=ENGLISH).content.decode()
    response = client.post(url, {"file": SimpleUploadedFile("목록.csv", data)})
    found = MetadataImport.objects.get()
    detail = response.headers["Location"]
    assert detail == reverse("catalog:metadata_import_detail", args=[found.pk])
    assert 'hx-trigger="load delay' in client.get(detail).content.decode()
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    page = client.get(detail, headers=ENGLISH).content.decode()
    for text in ("Apply 1 change", "There is no such file.", "&lt;b&gt;새 제목&lt;/b&gt;", found.digest, "There is no column “extra”"):
        assert text in page
    assert "hx-trigger" not in page
    client.post(reverse("catalog:metadata_import_apply", args=[found.pk]), {"digest": found.digest})
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    library[0].refresh_from_db()
    assert library[0].title == "<b>새 제목</b>"
    fragment = client.post(
        reverse("catalog:metadata_import_undo", args=[found.pk]), headers={"HX-Request": "true", "HX-Target": "metadata-import"}
    ).content.decode()
    assert fragment.startswith("<div")
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    library[0].refresh_from_db()
    assert library[0].title == ""
    assert "Do it again" in client.get(detail, headers=ENGLISH).content.decode()
    assert "목록.csv" in client.get(url).content.decode()


def test_the_page_shows_some_problems_and_the_download_all(
    client: Client, operator: User, library: list[MediaFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.metadata_views.SHOWN_PROBLEMS", 2)
    found = checked(table("id,title", *(f"{10**9 + number},x" for number in range(7))), operator)
    client.force_login(operator)
    page = client.get(reverse("catalog:metadata_import_detail", args=[found.pk]), headers=ENGLISH).content.decode()
    assert page.count("There is no such file.") == 2
    assert "The first 2 of 7" in page
    response = client.get(reverse("catalog:metadata_import_problems", args=[found.pk]), headers=ENGLISH)
    rows = list(csv.reader(io.StringIO(body_of(response).decode("utf-8-sig"), newline="")))
    assert rows == [["Line", "Column", "Problem"], *([str(line), "id", "There is no such file."] for line in range(2, 9))]


ROUTES = [
    ("get", "metadata_export", False),
    ("get", "metadata_import", False),
    ("post", "metadata_import", False),
    ("get", "metadata_import_detail", True),
    ("get", "metadata_import_problems", True),
    ("post", "metadata_import_apply", True),
    ("post", "metadata_import_undo", True),
    ("post", "metadata_import_resume", True),
]


@pytest.mark.parametrize(("method", "name", "is_of_one"), ROUTES)
def test_viewers_are_denied_and_an_upload_is_its_owners_alone(
    client: Client, operator: User, library: list[MediaFile], method: str, name: str, *, is_of_one: bool
) -> None:
    found = checked(table("id,title", f"{library[0].pk},x"), operator)
    url = reverse(f"catalog:{name}", args=[found.pk] if is_of_one else [])
    client.force_login(make_user("viewer"))
    assert getattr(client, method)(url, {"digest": found.digest}).status_code == 403
    if is_of_one:
        client.force_login(make_user("operator"))
        assert getattr(client, method)(url, {"digest": found.digest}).status_code == 404
    library[0].refresh_from_db()
    assert library[0].title == ""


def test_services_check_who_asks_themselves(library: list[MediaFile], operator: User) -> None:
    found = checked(table("id,title", f"{library[0].pk},x"), operator)
    viewer, other = make_user("viewer"), make_user("operator")
    with pytest.raises(PermissionDeniedError):
        metadata_import.upload(stream=io.BytesIO(b"id\r\n"), name="a.csv", user=viewer)
    with pytest.raises(PermissionDeniedError):
        metadata.list_matching_pages(user=viewer, query=parse("day"), sort="")
    for user, error in ((viewer, PermissionDeniedError), (other, ObjectNotFoundError)):
        with pytest.raises(error):
            metadata_import.apply_import(found=found, digest=found.digest, user=user)
        with pytest.raises(error):
            metadata_import.undo_import(found=found, user=user)
        with pytest.raises(error):
            metadata_import.resume_import(found=found, user=user)


# --- commands ---------------------------------------------------------------------------------------------------------
def test_the_commands_export_check_and_apply(indexed: list[MediaFile], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "all.csv"
    call_command("export_metadata", file)
    assert file.read_bytes() == export()
    call_command("export_metadata", file, query='"Day 3"')
    assert [row["content"] for row in rows_of(file.read_bytes())] == ["Day 3"]
    file.write_bytes(table("id,title", f"{indexed[0].pk},x", "777777777,y"))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call_command("import_metadata", file)
    assert ended.value.code == 1
    assert capsys.readouterr().out.startswith("3:id: ")
    indexed[0].refresh_from_db()
    assert indexed[0].title == ""
    call_command("import_metadata", file, apply=True)
    indexed[0].refresh_from_db()
    assert indexed[0].title == "x"
    number = MetadataImport.objects.get().pk
    assert f"--undo {number}" in capsys.readouterr().out
    file.write_bytes(table("id,title", f"{indexed[0].pk},y"))
    call_command("import_metadata", file)
    assert [found.pk for found in MetadataImport.objects.all()] == [number]
    call_command("import_metadata", undo=number)
    indexed[0].refresh_from_db()
    assert indexed[0].title == ""
    assert not MetadataImport.objects.exists()


def test_an_import_by_the_command_that_was_interrupted_is_taken_back(
    indexed: list[MediaFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes(table("id,title", f"{indexed[0].pk},x", f"{indexed[1].pk},y"))
    monkeypatch.setattr(metadata_import, "PART_LINES", 1)
    done: list[Any] = []

    def apply_one(plan: Any, user: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(apply_changes(plan, user))
        return done[0]

    monkeypatch.setattr(metadata_import, "apply_changes", apply_one)
    with pytest.raises(KeyboardInterrupt):
        call_command("import_metadata", file, apply=True)
    titles = MediaFile.objects.filter(title__in="xy").values_list("title", flat=True)
    assert list(titles.all()) == ["x"]
    call_command("import_metadata", undo=MetadataImport.objects.get().pk)
    assert not titles.all().exists()
    assert not MetadataImport.objects.exists()


def test_only_what_the_command_did_is_taken_back_by_it(indexed: list[MediaFile], operator: User, tmp_path: Path) -> None:
    found = metadata_import.upload(stream=io.BytesIO(table("id,title", f"{indexed[0].pk},x")), name="mine.csv", user=operator)
    for number in (found.pk, found.pk + 1):
        with pytest.raises(CommandError, match=str(number)):
            call_command("import_metadata", undo=number)
    with pytest.raises(CommandError):
        call_command("import_metadata")
    with pytest.raises(CommandError):
        call_command("import_metadata", tmp_path / "a.csv", undo=1)
