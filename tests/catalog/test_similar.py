"""Files with similar names: other parts, days and versions; never the file itself, its copies, or what stands beside it in its content."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from catalog import selectors
from catalog.choices import Presence
from catalog.search import index
from catalog.search.query import parse
from catalog.selectors.similar import find_similar, may_have_similar
from mam.accounts.errors import PermissionDeniedError
from tests.factories import make_content, make_file, make_source, make_user

if TYPE_CHECKING:
    from django.test import Client
    from rest_framework.test import APIClient

    from catalog.models import MediaFile
    from mam.accounts.models import User

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "Accept-Language": "en"}


@pytest.fixture
def viewer() -> User:
    return make_user("viewer")


def files_of(*names: str) -> list[MediaFile]:
    source = make_source()
    files = [make_file(f"{number}/{name}", source=source) for number, name in enumerate(names)]
    index.refresh_all()
    return files


def names_similar(user: User, file: MediaFile) -> list[str]:
    return [one.name for one in find_similar(user=user, file=file).files]


def test_the_same_words_with_other_numbers_come_first(viewer: User) -> None:
    file, *_others = files_of("WSOP_2024_ME_Day1_Part2.mp4", "WSOP_2024_ME_Day2_Part1.mp4", "WSOP_2011_ME_Day7.mp4", "HCL_2024_Cash.mp4")
    assert names_similar(viewer, file) == ["WSOP_2024_ME_Day2_Part1.mp4", "WSOP_2011_ME_Day7.mp4"]


def test_korean_names_are_similar_too(viewer: User) -> None:
    file, *_others = files_of("하이롤러 파이널 1부.mp4", "하이롤러 파이널 2부.mp4", "예선 3부.mp4")
    assert names_similar(viewer, file) == ["하이롤러 파이널 2부.mp4"]


def test_neither_copies_nor_files_of_the_same_content_nor_missing_ones_are_shown(viewer: User) -> None:
    source, content = make_source(), make_content()
    file = make_file("a/final table 1.mp4", source=source, content=content, sample_hash="x" * 32, size_bytes=7)
    make_file("b/final table 1.mp4", source=source, sample_hash="x" * 32, size_bytes=7)
    make_file("a/final table 2.mp4", source=source, content=content)
    make_file("a/final table 3.mp4", source=source, presence=Presence.MISSING)
    other = make_file("a/final table 4.mp4", source=source)
    index.refresh_all()
    assert find_similar(user=viewer, file=file).files == [other]


def test_one_other_content_does_not_fill_the_list(viewer: User) -> None:
    source, content = make_source(), make_content()
    file = make_file("a/final table.mp4", source=source)
    for number in range(6):
        make_file(f"b/final table {number}.mp4", source=source, content=content)
    alone = make_file("c/final table cut.mp4", source=source)
    index.refresh_all()
    found = find_similar(user=viewer, file=file).files
    assert len(found) == 4
    assert alone in found


@pytest.mark.parametrize("name", ["20240501.mp4", "C0001_01.mxf", "0.mp4"])
def test_a_name_without_words_is_similar_to_none(viewer: User, client: Client, name: str) -> None:
    file, _other = files_of(name, f"x{name}")
    assert names_similar(viewer, file) == []
    assert not may_have_similar(file)
    client.force_login(viewer)
    assert (
        reverse("catalog:file_similar", args=[file.pk]) not in client.get(reverse("catalog:file_detail", args=[file.pk])).content.decode()
    )


def test_who_may_not_see_the_library_sees_nothing(viewer: User, client: Client) -> None:
    (file,) = files_of("final table.mp4")
    with pytest.raises(PermissionDeniedError):
        find_similar(user=AnonymousUser(), file=file)
    url = reverse("catalog:file_similar", args=[file.pk])
    assert client.get(url).status_code == 302
    client.force_login(make_user(None))
    assert client.get(url).status_code == 403
    client.force_login(viewer)
    assert client.get(reverse("catalog:file_similar", args=[999])).status_code == 404


def test_the_page_of_a_file_asks_for_them_and_without_a_script_the_search_shows_them(viewer: User, client: Client) -> None:
    file, other = files_of("Final_Table_Day1.mp4", "Final_Table_Day2.mp4")
    client.force_login(viewer)
    url = reverse("catalog:file_similar", args=[file.pk])
    page = client.get(reverse("catalog:file_detail", args=[file.pk])).content.decode()
    assert f'hx-get="{url}"' in page
    assert f'href="{url}"' in page
    fragment = client.get(url, headers=HTMX).content.decode()
    assert reverse("catalog:file_detail", args=[other.pk]) in fragment
    assert reverse("catalog:file_detail", args=[file.pk]) + '"' not in fragment
    search = client.get(url).headers["Location"]
    assert parse_qs(urlsplit(search).query)["q"] == ["final table day"]
    assert "Day2.mp4" in client.get(search).content.decode().replace("<wbr>", "").replace("<mark>", "").replace("</mark>", "")


def test_the_search_for_them_finds_all_of_them(viewer: User) -> None:
    file, *others = files_of("Final_Table_Heads_Up.mp4", "Final_Table_Heads_Down.mp4", "Final_Table_Heads_Off.mp4")
    similar = find_similar(user=viewer, file=file)
    assert set(similar.files) == set(others)
    found = selectors.search(user=viewer, query=parse(similar.query), limit=20)
    assert set(others) <= set(found.items)


def test_the_api_lists_them(viewer_api: APIClient) -> None:
    file, other = files_of("Final_Table_Day1.mp4", "Final_Table_Day2.mp4")
    answer = viewer_api.get(f"/api/v1/files/{file.pk}/similar/")
    assert [item["id"] for item in answer.json()] == [other.pk]
