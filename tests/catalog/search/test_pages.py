"""The search page and the search of the API: one search, shown twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from catalog.search import engines, index
from tests.factories import make_catalog, make_file, make_player, make_series, make_source, make_tag, make_user

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


@pytest.fixture
def person(client: Client) -> Client:
    client.force_login(make_user("viewer", language="en"))
    return client


def page(person: Client, address: str) -> str:
    answer = person.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_found_files_are_shown_with_their_words_marked(person: Client) -> None:
    make_file("WSOP/2024/FinalTable_Day1.mp4")
    make_file("HCL/other.mp4")
    index.refresh_all()
    shown = page(person, "/search/?q=final+day+1")
    assert "<mark>FinalTable</mark>" in shown.replace("<wbr>", "")
    assert "1 file" in shown
    assert "other.mp4" not in shown


def test_of_a_file_with_a_title_the_words_of_its_name_are_shown_too(person: Client) -> None:
    make_file("WSOP/2024/FinalTable_Day1.mp4", title="What a night")
    index.refresh_all()
    shown = page(person, "/search/?q=final+night").replace("<wbr>", "")
    assert "What a <mark>night</mark>" in shown
    assert "<mark>FinalTable</mark>_Day1.mp4" in shown


def test_a_hostile_name_stays_text(person: Client) -> None:
    make_file("a/<img src=x onerror=alert(1)> final.mp4")
    index.refresh_all()
    assert "<img src=x" not in page(person, "/search/?q=final")
    assert "<script>" not in page(person, "/search/?q=%3Cscript%3E+tag:%3Cscript%3E")


def test_fields_of_a_search_can_be_taken_away(person: Client) -> None:
    make_file("WSOP/2024/final.mp4")
    index.refresh_all()
    assert 'href="?q=final"' in page(person, "/search/?q=final+ext:mp4")


def test_facets_are_links_that_narrow_and_widen(person: Client) -> None:
    make_file("WSOP/2024/final.mp4", tags=[make_tag("Hero Call")])
    index.refresh_all()
    shown = page(person, "/search/facets/?q=final+ext:mp4&sort=name")
    assert "/search/?q=final+ext%3Amp4+tag%3A%22Hero+Call%22&amp;sort=name" in shown
    assert "/search/?q=final&amp;sort=name" in shown
    assert 'aria-current="true"' in shown


def test_an_empty_result_says_what_to_do(person: Client) -> None:
    make_file("WSOP/2024/final.mp4")
    index.refresh_all()
    assert "Nothing was found" in page(person, "/search/?q=qqqqqqqq")
    assert "/search/ways-out/?q=final%20qqqqqqqq" in page(person, "/search/?q=final+qqqqqqqq")
    ways = re.sub(r"<[^>]*>", "", page(person, "/search/ways-out/?q=final+qqqqqqqq"))
    assert ways.split() == ["Without", "qqqqqqqq", "1", "file"]
    assert "There is no tag “x”." in page(person, "/search/?q=tag:x")
    assert "What can be typed" in page(person, "/search/")
    assert "What can be typed" in page(person, "/search/?q=+")


def test_what_a_word_was_taken_for_is_said_with_the_search_for_it_alone(person: Client) -> None:
    make_file("WSOP/2024/final.mp4")
    index.refresh_all()
    shown = page(person, "/search/?q=fnial+ext:mp4")
    assert "“fnial” hardly occurs, so final was searched too." in shown
    assert "<mark>final</mark>" in shown
    assert 'href="/search/?q=%22fnial%22+ext%3Amp4"' in shown
    assert "hardly occurs" not in page(person, "/search/?q=%22fnial%22+ext:mp4")


def test_a_mistyped_field_has_a_link_to_what_may_be_meant(person: Client) -> None:
    make_file("WSOP/2024/final.mp4")
    index.refresh_all()
    shown = page(person, "/search/?q=final+resolution:1080p")
    assert "resolution: is nothing that can be asked for, so it was searched as words." in shown
    assert '<a href="/search/?q=final+res%3A1080p">Did you mean res:1080p?</a>' in shown


def test_an_order_that_does_not_exist_is_the_usual_one(person: Client) -> None:
    make_file("final.mp4")
    index.refresh_all()
    assert "final.mp4" in page(person, "/search/?q=final&sort=strange").replace("<wbr>", "").replace("<mark>", "").replace("</mark>", "")
    assert person.get("/search/?q=final&cursor=x").status_code == 400


def test_a_page_costs_as_many_queries_whatever_it_shows(person: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    source = make_source()
    for number in range(30):
        make_file(f"final {number}.mp4", source=source, tags=[make_tag(f"tag {number}")])
    index.refresh_all()
    page(person, "/search/?q=final")
    with django_assert_max_num_queries(16):
        page(person, "/search/?q=final")
    with django_assert_max_num_queries(14):
        page(person, "/search/facets/?q=final")


def test_values_of_a_file_are_chosen_one_after_the_other(person: Client) -> None:
    for codec in ("h264", "hevc", "prores"):
        make_file(f"final {codec}.mp4", video_codec=codec)
    index.refresh_all()
    shown = page(person, "/search/facets/?q=final+codec:h264")
    assert 'href="/search/?q=final"' in shown  # without the one that is chosen
    assert 'href="/search/?q=final+codec%3Ah264+codec%3Ahevc"' in shown
    assert shown.count('aria-current="true"') == 1


def test_counts_that_may_be_more_say_so(person: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        make_file(f"final {number}.mp4")
    index.refresh_all()
    assert '<span class="facet-count">5</span>' in page(person, "/search/facets/?q=final")
    monkeypatch.setattr(engines, "CAP", 3)
    assert '<span class="facet-count">3+</span>' in page(person, "/search/facets/?q=final")


# --- API --------------------------------------------------------------------------------------------------------------
def test_the_api_gives_a_page_with_facets(viewer_api: APIClient) -> None:
    file = make_file("WSOP/2024/final.mp4")
    make_file("WSOP/2024/final two.mp4")
    index.refresh_all()
    found = viewer_api.get("/api/v1/search/", {"q": "final", "facets": "year,ext", "limit": "1"}).json()
    assert (found["count"], found["is_capped"], found["sort"], found["problems"], found["proposal"]) == (2, False, "relevance", [], None)
    assert viewer_api.get("/api/v1/search/", {"q": "fnial"}).json()["taken_for"] == {"fnial": ["final"]}
    assert found["items"][0]["id"] == file.pk
    year = {"value": "2024", "label": "2024", "count": 2, "is_capped": False, "is_chosen": False, "term": "year:2024"}
    assert found["facets"]["year"] == [{**year, "q": "final year:2024"}]
    following = viewer_api.get("/api/v1/search/", {"q": "final", "limit": "1", "cursor": found["next"]}).json()
    assert following["items"][0]["name"] == "final two.mp4"
    assert following["next"] is None


@pytest.mark.parametrize(
    "wrong", [{}, {"q": "x", "facets": "nothing"}, {"q": "x", "sort": "strange"}, {"q": "x", "limit": "0"}, {"q": "x", "cursor": "x"}]
)
def test_the_api_refuses_what_makes_no_sense(viewer_api: APIClient, wrong: dict[str, str | bytes]) -> None:
    answer = viewer_api.get("/api/v1/search/", wrong)
    assert (answer.status_code, bool(answer.json()["code"])) == (400, True)


def test_the_api_completes_words(viewer_api: APIClient) -> None:
    make_player("Phil Ivey")
    make_file("finals.mp4")
    index.refresh_all()
    assert viewer_api.get("/api/v1/suggest/", {"q": "fin"}).json()["words"] == ["finals"]
    assert viewer_api.get("/api/v1/suggest/", {"q": "ive"}).json()["players"] == ["Phil Ivey"]


def test_the_search_is_for_members(client: Client) -> None:
    assert client.get("/search/?q=x").status_code == 302
    assert client.get("/search/facets/?q=x").status_code == 302
    for path in ("search", "suggest"):
        assert client.get(f"/api/v1/{path}/?q=x").status_code == 401


def test_suggestions_are_links_and_open_fields(person: Client) -> None:
    make_player("Phil Ivey")

    def options(typed: str) -> list[dict[str, str | None]]:
        found: list[dict[str, str | None]] = person.get("/search/suggestions/", {"q": typed}).json()["options"]
        return found

    player = {"label": "Phil Ivey", "kind": "Player", "href": "/search/?q=final+player%3A%22Phil+Ivey%22", "continues": None}
    assert options("final ive") == [player]
    series = make_series(make_catalog("Hustler"), name="High Stakes")
    assert [(one["label"], one["kind"]) for one in options("hust")] == [("Hustler", "Catalog")]
    assert [(one["label"], one["kind"]) for one in options("high")] == [("Hustler / High Stakes", "Series")]
    assert series.pk
    assert [one["continues"] for one in options("final cod")] == ["final codec:"]
    assert [one["label"] for one in options("final codec:h")] == ["h264", "hevc"]
    assert [one["label"] for one in options("ext:mx")] == ["mxf"]
    assert options("") == []
