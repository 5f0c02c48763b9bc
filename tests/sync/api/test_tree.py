"""GET /api/matching/tree: the matches as they lie, as PRD 7.4 has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import Folder, Source
from sync.models import Match
from sync.serializers.tree import TreePlaceSerializer, TreeSerializer
from tests.factories import make_file, make_folder, make_source
from tests.sync.api.shapes import assert_shape
from tests.sync.factories import make_target, make_target_row, match_all, publish

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.sync.api.conftest import World

pytestmark = pytest.mark.django_db

URL = "/api/matching/tree"


def ask(api: APIClient, query: str = "", **headers: Any) -> dict[str, Any]:
    answer = api.get(f"{URL}?{query}", headers=headers or None)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def named(places: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {place["name"]: place for place in places}


# --- the shape --------------------------------------------------------------------------------------------------------
def test_the_top_has_the_first_folders_with_what_lies_below_them(viewer_api: APIClient, world: World) -> None:
    tree = ask(viewer_api)
    counts = {place["name"]: (place["total_files"], place["synced"], place["not_synced"]) for place in tree["catalogs"]}
    assert counts == {"HCL": (3, 1, 2), "PAD": (3, 0, 3), "WSOP": (3, 1, 2)}
    assert named(tree["catalogs"])["WSOP"]["by_status"] == {"synced": 1, "new": 1, "moved": 1}
    assert [place["is_opened"] for place in tree["catalogs"]] == [False] * 3
    assert [(file["name"], file["status"]) for file in tree["files"]] == [("loose.mp4", "synced")]
    assert tree["only_target"]["total_files"] == 3


def test_every_level_has_the_shape_that_the_schema_says(viewer_api: APIClient, world: World) -> None:
    tree = ask(viewer_api, "depth=4")
    assert_shape(TreeSerializer, tree)
    below = [child for place in tree["catalogs"] for child in place["children"]]
    assert below
    for child in below:
        assert_shape(TreePlaceSerializer, child)
    assert_shape(TreeSerializer, ask(viewer_api, "only_target=true"))


def test_a_place_is_opened_by_its_path(viewer_api: APIClient, world: World) -> None:
    (wsop,) = ask(viewer_api, "path=WSOP")["catalogs"]
    assert (wsop["type"], wsop["path"], wsop["is_opened"], wsop["files"]) == ("directory", "WSOP", True, [])
    assert [(child["name"], child["path"], child["total_files"], child["is_opened"]) for child in wsop["children"]] == [
        ("2023", "WSOP/2023", 2, False),
        ("2024", "WSOP/2024", 1, False),
    ]


def test_the_files_of_a_place_name_both_sides(viewer_api: APIClient, world: World) -> None:
    (place,) = ask(viewer_api, "path=PAD", **{"accept-language": "en"})["catalogs"]
    files = named(place["files"])
    assert list(files) == ["Special.mxf", "Special.srt", "today.mp4"]
    assert files["Special.mxf"] == {
        "name": "Special.mxf",
        "type": "file",
        "path": "PAD/Special.mxf",
        "source_id": world.files["not_hls"].pk,
        "target_id": None,
        "match_id": Match.objects.get(file=world.files["not_hls"]).pk,
        "status": "not_synced",
        "size_bytes": 2_684_354_560,
        "reason": "Not HLS compatible (mxf)",
        "reason_code": "not_hls",
        "duplicates_total": 0,
    }
    (day,) = ask(viewer_api, "path=WSOP/2024")["catalogs"]
    assert [(file["name"], file["target_id"]) for file in day["files"]] == [("ME_Day1.mp4", 42)]


@pytest.mark.parametrize(
    ("depth", "opened"), [(1, []), (2, ["WSOP"]), (3, ["WSOP", "2023", "2024"]), (4, ["WSOP", "2023", "finals", "2024"])]
)
def test_as_many_levels_are_shown_as_are_asked_for(viewer_api: APIClient, world: World, depth: int, opened: list[str]) -> None:
    def walk(place: dict[str, Any]) -> list[str]:
        return [place["name"] for _ in range(place["is_opened"])] + [name for child in place["children"] for name in walk(child)]

    assert walk(named(ask(viewer_api, f"depth={depth}")["catalogs"])["WSOP"]) == opened


@pytest.mark.parametrize("depth", [0, 5])
def test_no_more_than_four_levels_are_shown(viewer_api: APIClient, world: World, depth: int) -> None:
    assert viewer_api.get(f"{URL}?depth={depth}").json()["code"] == "invalid"


# --- places -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["wsop/2023", "/WSOP/2023/", "WSOP/2023"])
def test_names_are_compared_as_people_do(viewer_api: APIClient, world: World, path: str) -> None:
    assert ask(viewer_api, f"path={path}")["catalogs"][0]["path"] == "WSOP/2023"


def test_a_name_that_is_stored_decomposed_is_found_composed_and_shown_so(viewer_api: APIClient) -> None:
    source = make_source()
    make_target(sources={source: ""})
    make_file(normalize("NFD", "결승/첫째 날/a.mp4"), source=source)
    match_all()
    (place,) = ask(viewer_api, f"path={quote('결승')}")["catalogs"]
    assert (place["path"], place["children"][0]["path"]) == ("결승", "결승/첫째 날")


@pytest.mark.parametrize("query", ["path=nothing", "path=WSOP/2024/ME_Day1.mp4", "path=WSOP/2024/2023", "folder=999999", "path=.."])
def test_a_place_that_is_not_there_is_not_found(viewer_api: APIClient, world: World, query: str) -> None:
    answer = viewer_api.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (404, "object_not_found")


def test_a_source_with_a_beginning_of_its_own_is_a_place_of_the_first_level(viewer_api: APIClient, world: World) -> None:
    other = make_source("second")
    publish(world.target, other, "지난 시즌/")
    make_file("loose.mp4", source=other, size_bytes=1)
    make_file("HCL/b.mp4", source=other, size_bytes=2)
    match_all()
    tree = ask(viewer_api)
    assert [place["name"] for place in tree["catalogs"]] == ["지난 시즌", "HCL", "PAD", "WSOP"]
    (place,) = ask(viewer_api, f"path={quote('지난 시즌')}")["catalogs"]
    assert ([child["path"] for child in place["children"]], [file["name"] for file in place["files"]]) == (["지난 시즌/HCL"], ["loose.mp4"])
    assert [file["path"] for file in ask(viewer_api, f"path={quote('지난 시즌/HCL')}")["catalogs"][0]["files"]] == ["지난 시즌/HCL/b.mp4"]


def test_folders_of_sources_that_are_not_published_are_not_shown(viewer_api: APIClient, world: World) -> None:
    hidden = make_source("hidden")
    publish(world.target, hidden, "HIDDEN/", is_included=False)
    folder = make_file("secret/a.mp4", source=hidden).folder
    match_all()
    assert [place["name"] for place in ask(viewer_api)["catalogs"]] == ["HCL", "PAD", "WSOP"]
    assert viewer_api.get(f"{URL}?folder={folder.pk}").status_code == 404
    assert viewer_api.get(f"{URL}?path=HIDDEN/secret").status_code == 404


def test_a_source_that_was_never_scanned_is_not_in_the_way(viewer_api: APIClient, world: World) -> None:
    publish(world.target, Source.objects.create(name="not yet", url="file:///nonexistent"), "")
    publish(world.target, Source.objects.create(name="nor this", url="file:///nonexistent/2"), "LATER/")
    assert [place["name"] for place in ask(viewer_api)["catalogs"]] == ["HCL", "PAD", "WSOP"]


def test_a_place_is_opened_by_its_folder_too(viewer_api: APIClient, world: World) -> None:
    folder = Folder.objects.get(path="WSOP/2023")
    tree = ask(viewer_api, f"folder={folder.pk}")
    assert (tree["path"], tree["catalogs"][0]["folder_id"]) == ("WSOP/2023", folder.pk)


def test_an_empty_folder_is_not_in_the_way(viewer_api: APIClient, world: World) -> None:
    make_folder(world.source, "WSOP/empty")
    assert [child["name"] for child in ask(viewer_api, "path=WSOP")["catalogs"][0]["children"]] == ["2023", "2024"]


# --- narrowed ---------------------------------------------------------------------------------------------------------
def test_only_what_has_a_status_is_shown_at_every_level(viewer_api: APIClient, world: World) -> None:
    tree = ask(viewer_api, "status=new,duplicate&depth=4")
    places = named(tree["catalogs"])
    assert (set(places), tree["files"]) == ({"HCL", "WSOP"}, [])
    assert [child["name"] for child in places["WSOP"]["children"]] == ["2023"]
    assert [file["name"] for file in places["WSOP"]["children"][0]["files"]] == ["결승전.mov"]
    assert [child["name"] for child in places["HCL"]["children"]] == ["Archive", "Backup"]
    assert places["HCL"]["files"] == []


@pytest.mark.parametrize("status", ["new", "not_synced"])  # of few files in the folder, and of most
def test_the_files_of_a_status_follow_each_other_by_name(viewer_api: APIClient, status: str) -> None:
    source = make_source()
    make_target(sources={source: ""})
    names = [f"{number:02}.{'mp4' if number % 6 == 0 else 'mxf'}" for number in range(18)]
    for name in reversed(names):
        make_file(f"big/{name}", source=source)
    match_all()
    wanted = [name for name in names if name.endswith("mp4") == (status == "new")]
    assert pages_of(viewer_api, f"path=big&status={status}&limit=2", "files") == wanted


# --- pages ------------------------------------------------------------------------------------------------------------
def pages_of(api: APIClient, query: str, *kinds: str) -> list[str]:
    """The names of what is in a place (of the top without a path), page by page."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        tree = ask(api, f"{query}&cursor={cursor}")
        place = tree["catalogs"][0] if "path=" in query else {"children": tree["catalogs"], **tree}
        found += [one["name"] for kind in kinds for one in place[kind]]
        cursor = place["next"]
    return found


def test_a_large_place_is_had_page_by_page_folders_first(viewer_api: APIClient) -> None:
    source = make_source()
    make_target(sources={source: ""})
    for number in range(7):
        make_file(f"big/folder {number}/a.mp4", source=source)
        make_file(f"big/file {number}.mp4", source=source)
        make_file(f"top {number}.mp4", source=source)
    match_all()
    expected = [*(f"folder {number}" for number in range(7)), *(f"file {number}.mp4" for number in range(7))]
    for limit in (1, 3, 7, 100):
        assert pages_of(viewer_api, f"path=big&limit={limit}", "children", "files") == expected
        assert pages_of(viewer_api, f"limit={limit}", "children", "files") == ["big", *(f"top {number}.mp4" for number in range(7))]


def test_names_that_people_would_call_the_same_are_all_there(viewer_api: APIClient) -> None:
    source = make_source()
    make_target(sources={source: ""})
    composed = "결승.mp4"
    for name in ("a.mp4", "A.mp4", "a.MP4", composed, normalize("NFD", composed)):
        make_file(f"big/{name}", source=source)
    match_all()
    found = pages_of(viewer_api, "path=big&limit=1", "files")
    assert sorted(found) == sorted(["a.mp4", "A.mp4", "a.MP4", composed, composed])


@pytest.mark.parametrize("cursor", ["x", "x.y", "WyJmIiwxXQ.AAAA"])
def test_a_damaged_cursor_is_an_error(viewer_api: APIClient, world: World, cursor: str) -> None:
    answer = viewer_api.get(f"{URL}?path=WSOP&cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_a_cursor_of_another_place_is_an_error(viewer_api: APIClient, world: World) -> None:
    cursor = ask(viewer_api, "path=PAD&limit=1")["catalogs"][0]["next"]
    assert viewer_api.get(f"{URL}?path=WSOP&cursor={cursor}").json()["code"] == "invalid_cursor"


def test_entries_that_no_file_has_are_had_page_by_page(viewer_api: APIClient, world: World) -> None:
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask(viewer_api, f"only_target=true&limit=2&cursor={cursor}")["only_target"]
        assert page["total_files"] == 3
        found += [(file["target_id"], file["source_id"], file["reason_code"]) for file in page["files"]]
        cursor = page["next"]
    assert found == [(102, None, "unreadable"), (101, None, "marked"), (100, None, None)]


# --- queries ----------------------------------------------------------------------------------------------------------
def test_a_level_costs_the_same_number_of_queries_however_much_is_on_it(viewer_api: APIClient, world: World) -> None:
    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(viewer_api, query)
        return len(captured)

    asked = ("", "depth=3", "path=WSOP", "path=WSOP&status=new", "only_target=true")
    few = {query: queries(query) for query in asked}
    for number in range(25):
        make_file(f"WSOP/{number}/a.mp4", source=world.source)
        make_file(f"WSOP/{number} file.mp4", source=world.source)
        make_file(f"event {number}/day/b.mp4", source=world.source)
        make_target_row(world.target)
    match_all()
    # Files appear where there was none: one query more for them, and for what is shown of them.
    assert all(queries(query) <= few[query] + 2 for query in asked)


def test_of_very_many_places_the_first_are_opened(viewer_api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.selectors.tree.OPENED", 3)
    source = make_source()
    make_target(sources={source: ""})
    for number in range(5):
        make_file(f"event {number}/day/a.mp4", source=source)
    match_all()
    assert [place["is_opened"] for place in ask(viewer_api, "depth=4")["catalogs"]] == [True] * 3 + [False] * 2
