"""GET /api/matching: the match table as PRD 7.3 has it."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.search import index
from sync.models import Match
from sync.selectors.filters import MatchFilter
from sync.selectors.matching import ORDERS, count_matches
from sync.serializers.matching import MatchingPageSerializer
from tests.factories import make_catalog, make_content, make_file, make_series, make_source
from tests.sync.api.conftest import SIZE
from tests.sync.api.shapes import assert_shape
from tests.sync.factories import make_match, make_synced, make_target, make_target_row, match_all

if TYPE_CHECKING:
    from rest_framework.test import APIClient

    from tests.sync.api.conftest import World

pytestmark = pytest.mark.django_db

URL = "/api/matching"


def ask(api: APIClient, query: str = "", **headers: Any) -> dict[str, Any]:
    answer = api.get(f"{URL}?{query}", headers=headers or None)
    assert answer.status_code == 200, answer.json()
    return dict(answer.json())


def paths(page: dict[str, Any]) -> list[str]:
    return [item["source"]["path"] if item["source"] else item["target"]["nas_path"] for item in page["items"]]


def item_of(page: dict[str, Any], path: str) -> dict[str, Any]:
    return dict(page["items"][paths(page).index(path)])


# --- the shape --------------------------------------------------------------------------------------------------------
def test_a_synced_file_stands_beside_its_entry(viewer_api: APIClient, world: World) -> None:
    item = item_of(ask(viewer_api), "WSOP/2024/ME_Day1.mp4")
    assert item == {
        "id": Match.objects.get(file=world.files["synced"]).pk,
        "status": "synced",
        "source": {
            "id": world.files["synced"].pk,
            "path": "WSOP/2024/ME_Day1.mp4",
            "size_bytes": SIZE,
            "codec": "h264",
            "resolution": "1920x1080",
            "duration_sec": 3600,
        },
        "target": {
            "id": 42,
            "nas_path": "WSOP/2024/ME_Day1.mp4",
            "size_bytes": SIZE,
            "hls_compatible": True,
            "status": "active",
            "error": None,
        },
        "duplicates": [],
        "duplicates_total": 0,
        "reason": None,
        "reason_code": None,
        "action": None,
        "catalog": {"id": world.catalog.pk, "name": "WSOP"},
    }


def test_a_page_has_the_shape_that_the_schema_says(viewer_api: APIClient, world: World) -> None:
    assert_shape(MatchingPageSerializer, ask(viewer_api))


def test_the_file_that_syncs_names_its_copies_and_they_name_it(viewer_api: APIClient, world: World) -> None:
    page = ask(viewer_api)
    elected = item_of(page, "HCL/EP123.mp4")
    assert (elected["status"], elected["duplicates_total"], elected["source"]["duration_sec"]) == ("synced_with_duplicates", 2, 1.5)
    assert [(copy["id"], copy["path"], copy["status"]) for copy in elected["duplicates"]] == [
        (world.files["copy"].pk, "HCL/Archive/EP123.mp4", "duplicate"),
        (world.files["other_copy"].pk, "HCL/Backup/EP123.mp4", "duplicate"),
    ]
    copy = item_of(page, "HCL/Archive/EP123.mp4")
    assert (copy["status"], copy["target"], copy["duplicates_total"]) == ("duplicate", None, 2)
    assert [one["path"] for one in copy["duplicates"] if one["status"] != "duplicate"] == ["HCL/EP123.mp4"]


@pytest.mark.parametrize(
    ("path", "status", "code", "korean", "english"),
    [
        ("PAD/Special.mxf", "not_synced", "not_hls", "mxf", "Not HLS compatible (mxf)"),
        ("PAD/Special.srt", "not_synced", "unsupported", "", "File type not supported"),
        ("PAD/today.mp4", "not_synced", "growing", "", "Still being written"),
        ("loose.mp4", "synced", "changed", "", "Changed since the last sync"),
        ("OLD/marked.mp4", "deleted", "marked", "", "Marked as deleted in the target"),
        ("OLD/unreadable.mp4", "deleted", "unreadable", "", "The entry in the target cannot be read"),
    ],
)
def test_a_reason_is_a_code_and_a_text_in_the_readers_language(
    viewer_api: APIClient, world: World, path: str, status: str, code: str, korean: str, english: str
) -> None:
    item = item_of(ask(viewer_api, **{"accept-language": "en"}), path)
    assert (item["status"], item["reason_code"], item["reason"]) == (status, code, english)
    assert korean in item_of(ask(viewer_api, **{"accept-language": "ko"}), path)["reason"]


def test_what_is_on_one_side_only_has_null_on_the_other(viewer_api: APIClient, world: World) -> None:
    page = ask(viewer_api)
    new, gone = item_of(page, "WSOP/2023/결승전.mov"), item_of(page, "OLD/결승 gone.mp4")
    assert (new["status"], new["target"], new["action"]) == ("new", None, "insert")
    assert (gone["status"], gone["source"], gone["target"]["id"], gone["action"]) == ("deleted", None, 100, "delete")
    assert item_of(page, "OLD/marked.mp4")["target"]["status"] == "deleted"


def test_a_moved_file_keeps_the_id_of_its_entry_also_one_that_is_no_number(viewer_api: APIClient, world: World) -> None:
    moved = item_of(ask(viewer_api), "WSOP/2023/finals/moved.mp4")
    assert (moved["status"], moved["target"]["id"], moved["target"]["nas_path"]) == ("moved", "doc-7", "OLD/moved.mp4")


@pytest.mark.parametrize(("remote_id", "shown"), [("0", 0), ("7", 7), ("007", "007"), ("9" * 40, "9" * 40), ("-1", "-1"), ("７", "７")])
def test_only_an_id_that_is_a_plain_number_is_shown_as_one(viewer_api: APIClient, remote_id: str, shown: int | str) -> None:
    target = make_target()
    make_match(target, row=make_target_row(target, remote_id=remote_id))
    assert ask(viewer_api)["items"][0]["target"]["id"] == shown


def test_paths_begin_with_what_their_source_is_published_under_and_are_composed(viewer_api: APIClient) -> None:
    source = make_source()
    make_target(sources={source: "지난 시즌/"})
    make_file(normalize("NFD", "WSOP/결승전.mp4"), source=source)  # as macOS writes it
    match_all()
    assert paths(ask(viewer_api)) == ["지난 시즌/WSOP/결승전.mp4"]


def test_hostile_names_come_out_as_they_are(viewer_api: APIClient) -> None:
    source = make_source()
    make_target(sources={source: ""})
    name = "<script>alert(1)</script>\n%(x)s ' ; DROP TABLE.mxf"
    make_file(name, source=source)
    match_all()
    item = ask(viewer_api, **{"accept-language": "en"})["items"][0]
    assert item["source"]["path"] == name
    assert item["reason"] == "Not HLS compatible (mxf)"


def test_the_summary_is_of_all_whatever_is_asked_for(viewer_api: APIClient, world: World) -> None:
    by_status = {"synced": 2, "synced_with_duplicates": 1, "duplicate": 2, "not_synced": 3, "new": 1, "moved": 1, "deleted": 3}
    expected = {"synced": 3, "not_synced": 3, "duplicates_excluded": 2, "by_status": by_status}
    assert ask(viewer_api)["summary"] == expected
    assert ask(viewer_api, "status=new")["summary"] == expected


# --- what is asked for ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=new", {"WSOP/2023/결승전.mov"}),
        ("status=new,moved", {"WSOP/2023/결승전.mov", "WSOP/2023/finals/moved.mp4"}),
        ("status=duplicate", {"HCL/Archive/EP123.mp4", "HCL/Backup/EP123.mp4"}),
        ("catalog={catalog}", {"WSOP/2024/ME_Day1.mp4", "WSOP/2023/결승전.mov"}),
        ("catalog=wsop", {"WSOP/2024/ME_Day1.mp4", "WSOP/2023/결승전.mov"}),
        ("catalog=WSOP&status=new", {"WSOP/2023/결승전.mov"}),
        ("catalog=none&status=new,synced", {"loose.mp4"}),
        ("ext=.MXF", {"PAD/Special.mxf"}),
        ("ext=mov&status=synced", set()),
        ("status=deleted&ext=mp4", {"OLD/결승 gone.mp4", "OLD/marked.mp4", "OLD/unreadable.mp4"}),
    ],
)
@pytest.mark.parametrize("sort", ["newest", "path"])
def test_matches_are_narrowed_and_the_total_is_exact(
    viewer_api: APIClient, world: World, query: str, expected: set[str], sort: str
) -> None:
    page = ask(viewer_api, f"{query.format(catalog=world.catalog.pk)}&sort={sort}")
    assert set(paths(page)) == expected
    assert page["total"] == len(expected)


def test_all_statuses_are_as_good_as_none(viewer_api: APIClient, world: World) -> None:
    every = ",".join(item["status"] for item in ask(viewer_api)["items"])
    assert ask(viewer_api, f"status={every}")["total"] == Match.objects.count()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=hologram", "status"),
        ("catalog=nothing", "catalog"),
        ("catalog=999999", "catalog"),
        ("sort=codec", "sort"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("per_page=0", "per_page"),
        ("per_page=201", "per_page"),
        (f"q={'x' * 301}", "q"),
    ],
)
def test_what_makes_no_sense_is_an_error(viewer_api: APIClient, world: World, query: str, field: str) -> None:
    answer = viewer_api.get(f"{URL}?{query}")
    assert (answer.status_code, answer.json()["code"], set(answer.json()["params"])) == (400, "invalid", {field})


def test_a_target_is_the_first_one_unless_it_is_named(viewer_api: APIClient, world: World) -> None:
    other = make_target()
    make_match(other, row=make_target_row(other, "ONLY/here.mp4"))
    assert len(ask(viewer_api)["items"]) == 13
    assert paths(ask(viewer_api, f"target={other.pk}")) == ["ONLY/here.mp4"]
    assert viewer_api.get(f"{URL}?target=999999").status_code == 404


def test_an_installation_that_never_synced_has_an_empty_table(viewer_api: APIClient) -> None:
    page = ask(viewer_api)
    assert (page["total"], page["items"], page["page"]) == (0, [], 1)


# --- pages ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("filters", ["", "&status=synced,new,deleted", "&ext=mp4"])
@pytest.mark.parametrize("sort", list(ORDERS))
def test_pages_by_number_and_by_cursor_are_the_same_whichever_way_they_are_turned(
    viewer_api: APIClient, world: World, sort: str, filters: str
) -> None:
    whole = [item["id"] for item in ask(viewer_api, f"sort={sort}&per_page=200{filters}")["items"]]
    by_number: list[list[int]] = []
    by_cursor: list[list[int]] = []
    cursor = ""
    while cursor is not None:
        page = ask(viewer_api, f"sort={sort}&per_page=3&cursor={cursor}{filters}")
        by_cursor.append([item["id"] for item in page["items"]])
        numbered = ask(viewer_api, f"sort={sort}&per_page=3&page={len(by_cursor)}{filters}")
        by_number.append([item["id"] for item in numbered["items"]])
        if len(by_cursor) > 1:
            back = ask(viewer_api, f"sort={sort}&per_page=3&cursor={numbered['previous']}{filters}")
            assert [item["id"] for item in back["items"]] == by_cursor[-2]
        assert (numbered["next"] is None) == (page["next"] is None)
        cursor = page["next"]
    assert [pk for page in by_cursor for pk in page] == whole == [pk for page in by_number for pk in page]
    assert len(by_cursor) > 1


@pytest.mark.django_db(transaction=True)
def test_a_page_is_counted_off_from_one_read_before_until_matches_change(viewer_api: APIClient, world: World) -> None:
    def page(number: int) -> list[int]:
        return [item["id"] for item in ask(viewer_api, f"sort=path&per_page=3&page={number}")["items"]]

    def whole() -> list[list[int]]:
        ids = [item["id"] for item in ask(viewer_api, "sort=path&per_page=200")["items"]]
        return [ids[start : start + 3] for start in range(0, len(ids), 3)]

    assert page(2) == whole()[1]
    with CaptureQueriesContext(connection) as captured:
        assert page(3) == whole()[2]
    assert not [one["sql"] for one in captured if " OFFSET " in one["sql"]]
    make_file("0 first of all.mp4", source=world.source)
    match_all()
    assert [page(number) for number in (3, 2, 4)] == [whole()[number - 1] for number in (3, 2, 4)]


def test_orders_are_what_they_are_called(viewer_api: APIClient, world: World) -> None:
    assert paths(ask(viewer_api, "sort=path")) == sorted(paths(ask(viewer_api)), key=str.casefold)
    sizes = [(item["source"] or item["target"])["size_bytes"] for item in ask(viewer_api, "sort=-size")["items"]]
    assert sizes == sorted(sizes, reverse=True)
    ids = [item["id"] for item in ask(viewer_api)["items"]]
    assert ids == sorted(ids, reverse=True)


def test_a_page_after_the_last_one_is_the_last_one_and_says_so(viewer_api: APIClient, world: World) -> None:
    page = ask(viewer_api, "page=999&per_page=5")
    assert (page["page"], page["per_page"], len(page["items"]), page["next"]) == (3, 5, 3, None)


@pytest.mark.parametrize(("query", "code"), [("cursor=x", "invalid_cursor"), ("cursor={cursor}&sort=path", "cursor_mismatch")])
def test_a_cursor_that_does_not_fit_is_named(viewer_api: APIClient, world: World, query: str, code: str) -> None:
    cursor = ask(viewer_api, "per_page=1")["next"]
    answer = viewer_api.get(f"{URL}?{query.format(cursor=cursor)}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_page_costs_the_same_number_of_queries_however_much_is_on_it(viewer_api: APIClient, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(viewer_api, "per_page=200")
        return len(captured)

    queries()
    few = queries()
    for number in range(30):
        catalog = make_catalog()
        make_synced(world.target, make_file(f"{number}/a.mp4", source=world.source, content=make_content(make_series(catalog))))
        make_match(world.target, make_file(f"{number}/EP123.mp4", source=world.source, size_bytes=897_581_056), status="duplicate")
    assert queries() == few
    assert few <= 14


@pytest.mark.parametrize("sort", ["path", "name", "-size", "newest"])
@pytest.mark.parametrize("query", ["", "&ext=mp4", "&status=synced,new&catalog=WSOP"])
def test_a_page_is_counted_off_in_an_index_without_sorting(
    viewer_api: APIClient, world: World, sort: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.selectors.matching._FEW", 0)  # as if there were many
    with CaptureQueriesContext(connection) as captured:
        ask(viewer_api, f"sort={sort}&per_page=1&page=2{query}")
    (counted,) = [one["sql"] for one in captured if re.search(r"ORDER BY .* LIMIT 1\b", one["sql"]) and "sync_match" in one["sql"]]
    plan = plan_of(counted)
    assert re.search("COVERING INDEX match_|Index (Only )?Scan", plan), plan
    assert not re.search("TEMP B-TREE|Sort", plan)


def plan_of(statement: str) -> str:
    """How the database reads it, whatever the size of its tables."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{statement.replace('%', '%%')}")
        return " ".join(str(row[-1]) for row in cursor.fetchall())


def test_the_cube_counts_what_there_is(world: World) -> None:
    counts = count_matches(world.target, MatchFilter(statuses=("synced", "new"), extension="mp4"))
    assert counts.everything == Match.objects.count()
    assert counts.total == Match.objects.filter(status__in=["synced", "new"], extension="mp4").count()
    assert counts.of_statuses == Match.objects.filter(status__in=["synced", "new"]).count()
    assert counts.of_extension == Match.objects.filter(extension="mp4").count()


# --- words ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=EP123", {"HCL/EP123.mp4", "HCL/Archive/EP123.mp4", "HCL/Backup/EP123.mp4"}),
        ("q=ep123&status=duplicate", {"HCL/Archive/EP123.mp4", "HCL/Backup/EP123.mp4"}),
        ("q=결승", {"WSOP/2023/결승전.mov", "OLD/결승 gone.mp4"}),
        ("q=결승&status=new", {"WSOP/2023/결승전.mov"}),
        ("q=GONE", {"OLD/결승 gone.mp4"}),
        ("q=old -marked", {"OLD/결승 gone.mp4", "OLD/unreadable.mp4"}),
        ("q=ext:mxf", {"PAD/Special.mxf"}),
        ("q=special&ext=srt", {"PAD/Special.srt"}),
        ("q=nothing_like_it", set()),
        ("q=결승&catalog=WSOP", {"WSOP/2023/결승전.mov"}),
    ],
)
@pytest.mark.parametrize("sort", ["newest", "-path"])
def test_words_find_files_and_entries_that_no_file_has(
    viewer_api: APIClient, world: World, query: str, expected: set[str], sort: str
) -> None:
    index.refresh_all()
    page = ask(viewer_api, f"{query}&sort={sort}")
    assert set(paths(page)) == expected
    assert (page["total"], page["is_capped"]) == (len(expected), False)


def test_pages_of_a_search_follow_each_other_both_ways(viewer_api: APIClient, world: World) -> None:
    index.refresh_all()
    whole = paths(ask(viewer_api, "q=ep123&sort=path"))
    for number in (1, 2, 3):
        page = ask(viewer_api, f"q=ep123&sort=path&per_page=1&page={number}")
        assert paths(page) == [whole[number - 1]]
        assert (page["previous"] is None, page["next"] is None) == (number == 1, number == 3)
        if page["next"]:
            assert paths(ask(viewer_api, f"q=ep123&sort=path&per_page=1&cursor={page['next']}")) == [whole[number]]
        if page["previous"]:
            assert paths(ask(viewer_api, f"q=ep123&sort=path&per_page=1&cursor={page['previous']}")) == [whole[number - 2]]


def test_a_search_that_finds_more_than_it_shows_says_so(viewer_api: APIClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    index.refresh_all()
    monkeypatch.setattr("sync.selectors.matching.FOUND_FILES", 2)
    page = ask(viewer_api, "q=ep123")
    assert (page["total"], page["is_capped"]) == (2, True)


def test_a_phrase_that_was_not_looked_for_everywhere_says_so(viewer_api: APIClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    index.refresh_all()
    assert not ask(viewer_api, 'q="ep 123"')["is_capped"]
    monkeypatch.setattr(import_module("catalog.selectors.search"), "PHRASE_FILES", 1)
    assert ask(viewer_api, 'q="ep 123"&sort=path')["is_capped"]


def test_words_that_say_nothing_narrow_nothing(viewer_api: APIClient, world: World) -> None:
    assert ask(viewer_api, "q=--")["total"] == Match.objects.count()


# --- copies -----------------------------------------------------------------------------------------------------------
def test_all_copies_are_to_be_had_page_by_page(viewer_api: APIClient) -> None:
    source = make_source()
    make_target(sources={source: ""})
    files = [make_file(f"{number}/EP.mp4", source=source, size_bytes=77) for number in range(25)]
    match_all()
    elected = Match.objects.get(file=files[0])
    page = ask(viewer_api, "status=new")
    assert (page["items"][0]["duplicates_total"], len(page["items"][0]["duplicates"])) == (24, 20)
    found: list[int] = []
    cursor = ""
    while cursor is not None:
        copies = viewer_api.get(f"{URL}/{elected.pk}/duplicates?limit=10&cursor={cursor}").json()
        found += [copy["id"] for copy in copies["items"]]
        cursor = copies["next"]
    assert found == [file.pk for file in files[1:]]


def test_what_has_no_copies_has_an_empty_page_of_them(viewer_api: APIClient, world: World) -> None:
    match = Match.objects.get(file=world.files["synced"])
    assert viewer_api.get(f"{URL}/{match.pk}/duplicates").json() == {"items": [], "next": None, "previous": None}
    assert viewer_api.get(f"{URL}/999999/duplicates").status_code == 404
