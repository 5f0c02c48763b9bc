"""The REST API at work on files, works and curation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog.choices import Placement
from catalog.models import Catalog, Collection, Content, MediaFile, Player, Tag
from catalog.search import index
from catalog.services.placement import place_all, recount_series
from tests.factories import (
    make_catalog,
    make_collection,
    make_content,
    make_file,
    make_folder,
    make_player,
    make_series,
    make_source,
    make_stream,
    make_tag,
)

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db

API = "/api/v1"


# --- files --------------------------------------------------------------------------------------------------------------
def test_a_file_is_shown_in_full_with_exact_rates(viewer_api: APIClient) -> None:
    file = make_file("WSOP/2024/ME_Part2.mp4", tags=[make_tag("Bluff")], mtime_ns=1_700_000_000_000_000_000)
    make_stream(file)
    make_stream(file, "audio")
    place_all()
    shown = viewer_api.get(f"{API}/files/{file.pk}/").json()
    assert (shown["path"], shown["part_number"], shown["frame_rate"], shown["duration"]) == (
        "WSOP/2024/ME_Part2.mp4",
        2,
        "30000/1001",
        "10000/1000",
    )
    assert shown["modified_at"] == "2023-11-14T22:13:20Z"
    assert (shown["content"]["title"], shown["content"]["series"]["catalog"]["name"]) == ("ME", "WSOP")
    assert [(stream["kind"], stream["frame_rate"], stream["channels"]) for stream in shown["streams"]] == [
        ("video", "30000/1001", None),
        ("audio", None, 2),
    ]
    assert [tag["name"] for tag in shown["tags"]] == ["Bluff"]
    assert shown["page_url"] == f"/files/{file.pk}/"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=audio", {"sound"}),
        ("kind=audio&kind=video", {"sound", "film", "deep"}),
        ("q=FILM", {"film"}),
        ("q=wsop deep", {"deep"}),
        ("extension=MOV", {"deep"}),
        ("folder={wsop}", {"film", "sound"}),
        ("below={wsop}", {"film", "sound", "deep"}),
        ("tag={tag}", {"film"}),
        ("tag={tag}&tag={other_tag}", set()),
        ("collection={collection}", {"sound"}),
        ("catalog={catalog}", {"film"}),
        ("is_placed=true", {"film"}),
        ("is_placed=false", {"sound", "deep", "text"}),
        ("min_size_bytes=5000000", {"deep"}),
        ("max_duration_ms=9000", {"sound"}),
        ("presence=missing", set()),
    ],
)
def test_files_are_narrowed(viewer_api: APIClient, query: str, expected: set[str]) -> None:
    source, tag, other_tag, content = make_source(), make_tag(), make_tag(), make_content()
    files = {
        "film": make_file("WSOP/film.mp4", source=source, content=content, tags=[tag]),
        "sound": make_file("WSOP/sound.wav", source=source, duration_ms=8000),
        "deep": make_file("WSOP/2024/deep.mov", source=source, size_bytes=5_000_000),
        "text": make_file("notes.txt", source=source),
    }
    ids = {
        "wsop": make_folder(source, "WSOP").pk,
        "tag": tag.pk,
        "other_tag": other_tag.pk,
        "collection": make_collection(files=[files["sound"]]).pk,
        "catalog": content.series.catalog_id,
    }
    index.refresh_all()
    answer = viewer_api.get(f"{API}/files/?{query.format(**ids)}")
    assert answer.status_code == 200, answer.json()
    names = {file.pk: name for name, file in files.items()}
    assert {names[item["id"]] for item in answer.json()["items"]} == expected


def test_a_filter_that_makes_no_sense_is_an_error_not_an_empty_list(viewer_api: APIClient) -> None:
    answer = viewer_api.get(f"{API}/files/?kind=hologram&folder=999999")
    assert (answer.status_code, answer.json()["code"], set(answer.json()["params"])) == (400, "invalid", {"kind", "folder"})


def test_duplicates_of_a_file(viewer_api: APIClient) -> None:
    file, copy = (make_file(sample_hash="abc", size_bytes=7) for _ in range(2))
    assert [item["id"] for item in viewer_api.get(f"{API}/files/{file.pk}/duplicates/").json()] == [copy.pk]


def test_one_patch_changes_everything_that_is_curated(operator_api: APIClient) -> None:
    file, content, player = make_file("x/a.mp4"), make_content(), make_player()
    body = {
        "title": " 결승 ",
        "description": "d",
        "part_number": 3,
        "content": content.pk,
        "tags": ["Bluff", "bluff"],
        "players": [player.pk],
    }
    answer = operator_api.patch(f"{API}/files/{file.pk}/", body)
    assert answer.status_code == 200, answer.json()
    shown = answer.json()
    assert (shown["title"], shown["part_number"], shown["content"]["id"], shown["placement"]) == ("결승", 3, content.pk, Placement.CURATOR)
    assert ([tag["name"] for tag in shown["tags"]], [row["id"] for row in shown["players"]]) == (["bluff"], [player.pk])


def test_a_patch_that_fails_half_way_changes_nothing(operator_api: APIClient) -> None:
    file = make_file()
    answer = operator_api.patch(f"{API}/files/{file.pk}/", {"title": "x", "tags": ["new", "   "]})
    assert answer.status_code == 400
    answer = operator_api.patch(f"{API}/files/{file.pk}/", {"title": "x", "content": 999_999})
    assert (answer.status_code, set(answer.json()["params"])) == (400, {"content"})
    file.refresh_from_db()
    assert (file.title, Tag.objects.count()) == ("", 0)


def test_technical_fields_cannot_be_written(operator_api: APIClient) -> None:
    file = make_file()
    operator_api.patch(f"{API}/files/{file.pk}/", {"size_bytes": 1, "presence": "missing", "name": "x"})
    fresh = MediaFile.objects.get(pk=file.pk)
    assert (fresh.size_bytes, fresh.presence, fresh.name) == (file.size_bytes, file.presence, file.name)


def test_many_files_are_tagged_moved_and_released_at_once(operator_api: APIClient) -> None:
    source = make_source()
    files = [make_file(f"WSOP/2024/{number}.mp4", source=source) for number in range(3)]
    ids = [file.pk for file in files]
    make_tag("Old").files.add(files[0])
    assert operator_api.post(f"{API}/files/tag/", {"file_ids": ids, "add": ["New"], "remove": ["OLD", "unknown"]}).json() == {"changed": 4}
    series, content = make_series(), make_content()
    assert operator_api.post(f"{API}/files/move/", {"file_ids": ids[:2], "series": series.pk}).json() == {"changed": 2}
    assert operator_api.post(f"{API}/files/move/", {"file_ids": ids[2:], "content": content.pk}).json() == {"changed": 1}
    assert (Content.objects.filter(series=series).count(), content.files.count()) == (2, 1)
    assert operator_api.post(f"{API}/files/release/", {"file_ids": ids}).json() == {"changed": 3}
    assert set(MediaFile.objects.values_list("content__series__name", flat=True)) == {"2024"}


@pytest.mark.parametrize("body", [{"file_ids": [1]}, {"file_ids": [1], "series": 1, "content": None}, {"file_ids": [], "content": None}])
def test_a_move_names_files_and_one_target(operator_api: APIClient, body: dict[str, object]) -> None:
    assert operator_api.post(f"{API}/files/move/", body).status_code == 400


# --- works --------------------------------------------------------------------------------------------------------------
def test_catalog_series_and_content_are_made_changed_and_deleted(operator_api: APIClient) -> None:
    catalog = operator_api.post(f"{API}/catalogs/", {"name": "High  Stakes"})
    assert (catalog.status_code, catalog.json()["name"], catalog.json()["key"]) == (201, "High Stakes", "high stakes")
    series = operator_api.post(f"{API}/series/", {"catalog": catalog.json()["id"], "name": "2024", "year": 2024}).json()
    content = operator_api.post(f"{API}/contents/", {"series": series["id"], "title": "Final"}).json()
    assert operator_api.get(f"{API}/catalogs/{catalog.json()['id']}/").json()["total_contents"] == 1
    player = make_player()
    changed = operator_api.patch(f"{API}/contents/{content['id']}/", {"title": "Finale", "players": [player.pk]}).json()
    assert (changed["title"], [row["id"] for row in changed["players"]], changed["is_curated"]) == ("Finale", [player.pk], True)
    busy = operator_api.delete(f"{API}/series/{series['id']}/")
    assert (busy.status_code, busy.json()["code"]) == (409, "not_empty")
    for path in (f"contents/{content['id']}", f"series/{series['id']}", f"catalogs/{catalog.json()['id']}"):
        assert operator_api.delete(f"{API}/{path}/").status_code == 204
    assert not Catalog.objects.exists()


def test_a_content_moves_to_another_series_by_patch(operator_api: APIClient) -> None:
    content, target = make_content(), make_series()
    assert operator_api.patch(f"{API}/contents/{content.pk}/", {"series": target.pk}).json()["series"]["id"] == target.pk


def test_contents_are_merged_and_split(operator_api: APIClient) -> None:
    series = make_series()
    one, two = make_content(series), make_content(series)
    files = [make_file(content=content) for content in (one, two)]
    recount_series([series.pk])
    assert operator_api.post(f"{API}/contents/{one.pk}/merge/", {"others": [two.pk]}).status_code == 200
    assert one.files.count() == 2
    made = operator_api.post(f"{API}/contents/{one.pk}/split/", {"file_ids": [files[1].pk], "title": "Second"})
    assert (made.status_code, made.json()["title"]) == (201, "Second")
    refused = operator_api.post(f"{API}/contents/{one.pk}/split/", {"file_ids": [files[0].pk], "title": "Third"})
    assert (refused.status_code, refused.json()["code"]) == (400, "split_takes_all")


def test_series_without_a_year_are_found_by_catalog(viewer_api: APIClient) -> None:
    catalog = make_catalog()
    make_series(catalog, "2024")
    make_series(catalog, "Specials")
    make_series()
    items = viewer_api.get(f"{API}/series/?catalog={catalog.pk}").json()["items"]
    assert [item["name"] for item in items] == ["2024", "Specials"]


# --- curation -----------------------------------------------------------------------------------------------------------
def test_tags_are_made_renamed_merged_and_deleted(operator_api: APIClient) -> None:
    tag = operator_api.post(f"{API}/tags/", {"name": "Bluff", "color": "#FF8800"}).json()
    assert tag["color"] == "#ff8800"
    taken = operator_api.post(f"{API}/tags/", {"name": "BLUFF"})
    assert (taken.status_code, taken.json()["code"], taken.json()["params"]) == (409, "name_taken", {"name": "BLUFF"})
    assert operator_api.patch(f"{API}/tags/{tag['id']}/", {"name": "Big bluff", "color": ""}).json()["name"] == "Big bluff"
    other = make_tag()
    assert operator_api.post(f"{API}/tags/{tag['id']}/merge/", {"other": other.pk}).status_code == 200
    assert operator_api.delete(f"{API}/tags/{tag['id']}/").status_code == 204
    assert not Tag.objects.exists()


def test_errors_are_told_in_the_readers_language(operator_api: APIClient) -> None:
    answer = operator_api.post(f"{API}/tags/", {"name": "x", "color": "red"}, headers={"accept-language": "en"})
    assert answer.json()["message"] == "“red” is not a colour like #1f6feb."


def test_players_are_made_changed_merged_and_deleted(operator_api: APIClient) -> None:
    player = operator_api.post(f"{API}/players/", {"name": "Phil Ivey", "aliases": ["Jerome"], "country": "us"}).json()
    assert (player["aliases"], player["country"]) == (["Jerome"], "US")
    assert operator_api.patch(f"{API}/players/{player['id']}/", {"name_ko": "필 아이비"}).json()["name_ko"] == "필 아이비"
    other = make_player("P. Ivey")
    merged = operator_api.post(f"{API}/players/{player['id']}/merge/", {"other": other.pk}).json()
    assert merged["aliases"] == ["Jerome", "P. Ivey"]
    assert [row["id"] for row in operator_api.get(f"{API}/players/?name=아이비").json()["items"]] == [player["id"]]
    assert operator_api.delete(f"{API}/players/{player['id']}/").status_code == 204
    assert not Player.objects.exists()


def test_collections_are_filled_ordered_nested_and_deleted(operator_api: APIClient) -> None:
    source = make_source()
    ids = [make_file(source=source).pk for _ in range(3)]
    outer = operator_api.post(f"{API}/collections/", {"name": "Best of"}).json()
    path = f"{API}/collections/{outer['id']}"
    assert operator_api.post(f"{path}/items/add/", {"file_ids": ids}).json() == {"changed": 3}
    assert operator_api.put(f"{path}/items/order/", {"file_ids": ids[::-1]}).status_code == 204
    assert operator_api.post(f"{path}/items/remove/", {"file_ids": [ids[1]]}).json() == {"changed": 1}
    assert [item["file"]["id"] for item in operator_api.get(f"{path}/items/").json()["items"]] == [ids[2], ids[0]]
    stale = operator_api.put(f"{path}/items/order/", {"file_ids": ids})
    assert (stale.status_code, stale.json()["code"]) == (409, "order_mismatch")
    inner = operator_api.post(f"{API}/collections/", {"name": "Bluffs", "parent": outer["id"]}).json()
    ring = operator_api.patch(f"{path}/", {"parent": inner["id"]})
    assert (ring.status_code, ring.json()["code"]) == (409, "collection_cycle")
    assert operator_api.patch(f"{API}/collections/{inner['id']}/", {"parent": None}).json()["parent"] is None
    order = operator_api.put(f"{API}/collections/order/", {"parent": None, "collection_ids": [inner["id"], outer["id"]]})
    assert order.status_code == 204
    assert list(Collection.objects.values_list("pk", flat=True)) == [inner["id"], outer["id"]]
    assert operator_api.delete(f"{path}/").status_code == 204
    assert Collection.objects.count() == 1
