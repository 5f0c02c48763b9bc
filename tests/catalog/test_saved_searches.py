"""A search is kept as a collection, which holds what the search finds at the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from catalog.choices import EditKind
from catalog.errors import FilledBySearchError, NotEmptyError
from catalog.forms import EDIT_FORMS
from catalog.models import Collection
from catalog.search import index
from catalog.services import collections
from tests.factories import make_collection, make_file, make_user

if TYPE_CHECKING:
    from django.test import Client
    from rest_framework.test import APIClient

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def operator() -> User:
    return make_user("operator")


@pytest.fixture
def saved(client: Client, operator: User) -> Collection:
    """The search for "bluff", saved on its page."""
    make_file("WSOP/bluff of the year.mp4")
    index.refresh_all()
    client.force_login(operator)
    assert "save-search" in client.get(reverse("catalog:search"), {"q": "bluff"}).content.decode()
    response = client.post(reverse("catalog:search_save"), {"q": " bluff  ext:mp4", "name": "블러프"})
    made = Collection.objects.get(name="블러프")
    assert response.headers["Location"] == reverse("catalog:collection_detail", args=[made.pk])
    return made


def test_it_shows_what_is_found_now(client: Client, saved: Collection) -> None:
    url = reverse("catalog:collection_detail", args=[saved.pk])
    assert saved.query == "bluff ext:mp4"
    assert "1 file" in client.get(url, headers=ENGLISH).content.decode()
    make_file("HCL/another bluff.mp4")
    make_file("HCL/a call.mp4")
    index.refresh_all()
    page = client.get(url, headers=ENGLISH).content.decode()
    assert "2 files" in page
    assert "another" in page
    assert "a call" not in page
    assert "Search: bluff ext:mp4" in client.get(reverse("catalog:collection_list"), headers=ENGLISH).content.decode()


def test_files_cannot_be_put_in_by_hand_nor_a_search_over_them(saved: Collection, operator: User) -> None:
    file = make_file()
    with pytest.raises(FilledBySearchError):
        collections.add_files(collection=saved, file_ids=[file.pk], user=operator)
    with pytest.raises(NotEmptyError):
        collections.update_collection(collection=make_collection("by hand", files=[file]), query="bluff", user=operator)
    form = EDIT_FORMS[EditKind.COLLECT]({"collection": str(saved.pk), "new_name": ""})
    assert not form.is_valid()


def test_its_search_can_be_changed_and_taken_away(saved: Collection, operator: User) -> None:
    assert collections.update_collection(collection=saved, query="call", user=operator).query == "call"
    collections.update_collection(collection=saved, query="", user=operator)
    assert len(collections.add_files(collection=saved, file_ids=[make_file().pk], user=operator)) == 1


def test_a_name_that_is_taken_is_said_on_the_search(client: Client, saved: Collection) -> None:
    response = client.post(reverse("catalog:search_save"), {"q": "call", "name": "블러프"}, follow=True, headers=ENGLISH)
    page = response.content.decode()
    assert "is used already" in page
    assert 'value="블러프"' in page  # in its dialog, to be put right
    assert 'value="블러프"' not in client.get(reverse("catalog:search"), {"q": "call"}).content.decode()
    assert Collection.objects.count() == 1


def test_what_is_wrong_with_its_search_is_said_on_its_page(client: Client, saved: Collection, operator: User) -> None:
    collections.update_collection(collection=saved, query="tag:nothing", user=operator)
    page = client.get(reverse("catalog:collection_detail", args=[saved.pk]), headers=ENGLISH).content.decode()
    assert "There is no tag “nothing”." in page


def test_viewers_see_it_and_cannot_make_one(client: Client, saved: Collection) -> None:
    client.force_login(make_user("viewer"))
    assert client.post(reverse("catalog:search_save"), {"q": "call", "name": "x"}).status_code == 403
    assert "save-search" not in client.get(reverse("catalog:search"), {"q": "bluff"}).content.decode()
    assert client.get(reverse("catalog:collection_detail", args=[saved.pk])).status_code == 200


def test_programs_save_searches(operator_api: APIClient) -> None:
    made = operator_api.post("/api/v1/collections/", {"name": "Bluffs", "query": "bluff  year:2024"}, format="json")
    assert (made.status_code, made.json()["query"]) == (201, "bluff year:2024")


def test_the_api_says_where_its_files_are(operator_api: APIClient, saved: Collection) -> None:
    answer = operator_api.get(f"/api/v1/collections/{saved.pk}/items/")
    assert (answer.status_code, answer.json()["code"]) == (409, "filled_by_search")
