"""Each object tells who changed what of it, when, and by which request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from catalog.services import arranging, collections, players, tags, works
from catalog.services.files import update_file
from tests.factories import make_collection, make_content, make_file, make_player, make_series, make_tag, make_user

if TYPE_CHECKING:
    from django.test import Client

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def operator(client: Client) -> User:
    user = make_user("operator", email="curator@example.test")
    client.force_login(user)
    return user


def history(client: Client, kind: str, pk: int) -> str:
    response = client.get(reverse("catalog:object_history", args=[kind, pk]), headers=ENGLISH)
    assert response.status_code == 200
    return response.content.decode()


def test_a_file_tells_all_that_was_said_of_it(client: Client, operator: User) -> None:
    file, content = make_file("a.mp4"), make_content(title="Final table")
    tag, player, collection = make_tag("블러프"), make_player("Phil Ivey"), make_collection("Best")
    assert "Nobody has changed anything yet" in history(client, "file", file.pk)
    update_file(file=file, title="결승 <b>", user=operator)
    tags.add_tags(file_ids=[file.pk], tags=[tag], user=operator)
    tags.remove_tags(file_ids=[file.pk], tags=[tag], user=operator)
    players.set_players(file=file, players=[player], user=operator)
    collections.add_files(collection=collection, file_ids=[file.pk], user=operator)
    collections.remove_files(collection=collection, file_ids=[file.pk], user=operator)
    arranging.move_files(file_ids=[file.pk], content=content, user=operator)

    page = history(client, "file", file.pk)
    words = [
        "Moved to another content",
        "Taken out of a collection",
        "Put into a collection",
        "Players set",
        "Tag removed",
        "Tag added",
        "Described",
    ]
    assert sorted(words, key=page.index) == words  # the newest first
    for said in (
        "<ins>결승 &lt;b&gt;</ins>",
        "<del>블러프</del>",
        "<ins>Phil Ivey</ins>",
        "<ins>Final table</ins>",
        "curator@example.test",
    ):
        assert said in page


def test_a_request_is_named(client: Client, operator: User) -> None:
    file = make_file("a.mp4")
    client.post(
        reverse("catalog:file_tags", args=[file.pk]), {"add": "Bluff"}, headers={"X-Request-ID": "0d3adb33-0000-4000-8000-000000000001"}
    )
    response = client.post(reverse("catalog:file_tags", args=[file.pk]), {"add": "Call"})
    assert response.headers["X-Request-ID"] in history(client, "file", file.pk)


def test_works_and_what_curators_make_have_one_too(client: Client, operator: User) -> None:
    content, series, tag, collection = make_content(), make_series(), make_tag("Old"), make_collection("Best")
    works.update_content(content=content, title="New title", user=operator)
    arranging.move_content(content=content, series=series, user=operator)
    tags.rename_tag(tag=tag, name="New", user=operator)
    collections.add_files(collection=collection, file_ids=[make_file("a.mp4").pk, make_file("b.mp4").pk], user=operator)
    assert "Moved to another series" in history(client, "content", content.pk)
    assert "<del>Old</del> → <ins>New</ins>" in history(client, "tag", tag.pk)
    assert "<ins>2</ins>" in history(client, "collection", collection.pk)
    for kind, pk in (("series", series.pk), ("catalog", series.catalog_id), ("player", make_player().pk)):
        history(client, kind, pk)


def test_what_was_deleted_is_named_by_its_number(client: Client, operator: User) -> None:
    file, content = make_file("a.mp4"), make_content()
    arranging.move_files(file_ids=[file.pk], content=content, user=operator)
    works.delete_content(content=content, user=operator)
    assert f"<ins>#{content.pk}</ins>" in history(client, "file", file.pk)


def test_it_is_for_curators_and_of_known_kinds(client: Client, operator: User) -> None:
    file = make_file("a.mp4")
    for kind, pk in (("file", 10**9), ("user", operator.pk), ("source", 1)):
        assert client.get(reverse("catalog:object_history", args=[kind, pk])).status_code == 404
    client.force_login(make_user("viewer"))
    assert client.get(reverse("catalog:object_history", args=["file", file.pk])).status_code == 403
    assert "/history/" not in client.get(reverse("catalog:file_detail", args=[file.pk])).content.decode()
