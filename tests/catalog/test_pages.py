"""Pages of the library: each stands in one place, and the rail and the path above the title agree where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from catalog.models import Player
from tests.factories import make_collection, make_content, make_file, make_folder, make_player, make_source, make_tag, make_user

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(make_user("viewer"))
    return client


def show(person: Client, url: str) -> str:
    response = person.get(url, headers=ENGLISH)
    assert response.status_code == 200
    return response.content.decode()


def place_in_rail(page: str) -> list[str]:
    """The words of the rail that are marked as the present place."""
    return re.findall(r'<a class="rail-link"[^>]* title="([^"]+)" aria-current="page"', page)


def path_of(page: str) -> list[str]:
    """The words of the path above the title."""
    crumbs = re.search(r'<ol class="breadcrumb-list">(.*?)</ol>', page, re.DOTALL)
    assert crumbs is not None
    return [re.sub(r"<[^>]+>", "", crumb).strip() for crumb in re.findall(r"<li>(.*?)</li>", crumbs[1], re.DOTALL)]


def pages_with_a_path() -> list[str]:
    source = make_source("NAS")
    content = make_content(title="결승")
    placed = make_file("WSOP/2024/결승.mp4", source=source, content=content)
    unplaced = make_file("incoming/new.mp4", source=source)
    return [
        reverse("catalog:catalog_detail", args=[content.series.catalog_id]),
        reverse("catalog:series_detail", args=[content.series_id]),
        reverse("catalog:content_detail", args=[content.pk]),
        reverse("catalog:file_detail", args=[placed.pk]),
        reverse("catalog:file_detail", args=[unplaced.pk]),
        reverse("catalog:folder_detail", args=[make_folder(source, "WSOP/2024").pk]),
        reverse("catalog:tag_detail", args=[make_tag("final").pk]),
        reverse("catalog:collection_detail", args=[make_collection("Best").pk]),
    ]


def test_the_path_begins_where_the_rail_says_one_is(person: Client) -> None:
    for url in pages_with_a_path():
        page = show(person, url)
        assert place_in_rail(page) == path_of(page)[:1], url


def test_a_file_stands_in_its_content(person: Client) -> None:
    content = make_content(title="결승")
    file = make_file("WSOP/2024/final.mp4", content=content)
    page = show(person, reverse("catalog:file_detail", args=[file.pk]))
    assert path_of(page) == ["Library", content.series.catalog.name, content.series.name, "결승", "final.mp4"]


def test_where_a_file_lies_is_shown_and_can_be_copied(person: Client) -> None:
    file = make_file("incoming/raw/new.mp4")
    page = show(person, reverse("catalog:file_detail", args=[file.pk]))
    assert path_of(page) == ["Library", "new.mp4"]
    assert reverse("catalog:folder_detail", args=[file.folder_id]) in page
    assert 'data-copy="incoming/raw/new.mp4"' in page


def test_the_page_of_a_player_has_files_that_no_content_names_the_player_of(client: Client) -> None:
    player, named = make_player('Phil "Unabomber" Laak'), make_content()
    named.players.add(player)
    alone, of_it, other = make_file("alone.mp4"), make_file("of it.mp4", content=named), make_file("other.mp4")
    for file in (alone, of_it):
        file.players.add(player)
    client.force_login(make_user("viewer"))
    shown = client.get(reverse("catalog:player_detail", args=[player.pk])).content.decode()
    hrefs = {file.name: reverse("catalog:file_detail", args=[file.pk]) for file in (alone, of_it, other)}
    assert [name for name, href in hrefs.items() if f'href="{href}"' in shown] == ["alone.mp4"]
    assert reverse("catalog:content_detail", args=[named.pk]) in shown
    assert urlencode({"q": 'player:"Phil \\"Unabomber\\" Laak"'}) in shown


# --- what is curated on the page of a file --------------------------------------------------------------------------------
@pytest.fixture
def curator(client: Client) -> Client:
    client.force_login(make_user("operator", language="en"))
    return client


def test_players_are_named_on_a_file_in_any_spelling_and_taken_off(curator: Client) -> None:
    file, player = make_file(), make_player("Phil Ivey", name_ko="필 아이비")
    url = reverse("catalog:file_players", args=[file.pk])
    assert player.name in curator.post(url, {"add": "필 아이비"}, headers=HTMX).content.decode()
    assert list(file.players.all()) == [player]
    assert curator.post(url, {"remove": player.pk}).headers["Location"] == reverse("catalog:file_detail", args=[file.pk])
    assert list(file.players.all()) == []


def test_a_player_that_nobody_knows_is_made_when_asked_for(curator: Client) -> None:
    file = make_file()
    url = reverse("catalog:file_players", args=[file.pk])
    page = curator.post(url, {"add": " New <b>Face</b> "}, headers=HTMX).content.decode()
    assert "There is no player named “New &lt;b&gt;Face&lt;/b&gt;”." in page
    assert not Player.objects.exists()
    curator.post(url, {"create": "New Face"}, headers=HTMX)
    assert [player.name for player in file.players.all()] == ["New Face"]


def test_a_name_of_several_players_is_not_guessed(curator: Client) -> None:
    file = make_file()
    for name in ("Phil Ivey", "Phil Laak"):
        make_player(name)
    answer = curator.post(reverse("catalog:file_players", args=[file.pk]), {"add": "phil"}, follow=True)
    assert "“phil” may be one of several players (Phil Ivey, Phil Laak)." in " ".join(map(str, answer.context["messages"]))
    assert not file.players.exists()


def test_tags_are_put_on_a_file_and_taken_off(curator: Client) -> None:
    file = make_file()
    url = reverse("catalog:file_tags", args=[file.pk])
    assert "bluff" in curator.post(url, {"add": "bluff"}, headers=HTMX).content.decode()
    tag = file.tags.get()
    curator.post(url, {"remove": tag.pk})
    assert not file.tags.exists()


@pytest.mark.parametrize("name", ["file_tags", "file_players"])
@pytest.mark.parametrize("typed", ["²", "9" * 30, "x", ""])
def test_what_is_no_id_takes_nothing_off(curator: Client, name: str, typed: str) -> None:
    file = make_file()
    assert curator.post(reverse(f"catalog:{name}", args=[file.pk]), {"remove": typed}).status_code == 302


@pytest.mark.parametrize("name", ["file_tags", "file_players"])
def test_only_curators_change_tags_and_players(client: Client, name: str) -> None:
    file = make_file()
    client.force_login(make_user("viewer"))
    assert client.post(reverse(f"catalog:{name}", args=[file.pk]), {"add": "x"}).status_code == 403
