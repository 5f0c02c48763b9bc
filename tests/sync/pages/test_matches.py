"""The match table: what a row says, how the table is narrowed and paged, and what odd addresses get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from catalog.models import Catalog, MediaFile
from catalog.search import index
from sync.choices import Action, MatchReason, MatchStatus
from sync.matching.recompute import match_touched
from sync.models import Match
from sync.services.history import Actor
from tests.bodies import body_of
from tests.factories import make_file
from tests.sync.factories import make_match, make_synced, make_target_row
from tests.sync.pages.reading import HTMX, show, words_of

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import Source
    from sync.models import Target
    from tests.sync.pages.conftest import Archive

pytestmark = pytest.mark.django_db

LIST = "/sync/matches/"


def names(person: Client, **query: Any) -> list[str]:
    """The files of the page, in their order."""
    return [item["name"] for item in person.get(LIST, query).context["items"]]


# --- a row ------------------------------------------------------------------------------------------------------------
def test_a_row_shows_both_sides(viewer: Client, archive: Archive) -> None:
    page = show(viewer, LIST, {"status": "synced"})
    assert "Synced WSOP / 2024 / synced.mp4" in page
    assert "1 MB H.264 1080p 0:10" in page.replace("1.00 MB", "1 MB")
    row = Match.objects.get(status=MatchStatus.SYNCED).row
    assert row is not None
    assert f"WSOP/2024/synced.mp4 1.00 MB HLS {row.remote_id}" in page


def test_a_row_leads_to_the_files_page_and_its_folders(viewer: Client, archive: Archive) -> None:
    page = viewer.get(LIST, {"status": "synced"}).content.decode()
    file = archive.files["synced"]
    assert f'href="{reverse("catalog:file_detail", args=[file.pk])}" data-primary' in page
    assert f'href="{reverse("sync:match_tree")}?folder={file.folder_id}">2024' in page
    assert f'href="{reverse("sync:match_tree")}?folder={file.folder.parent_id}">WSOP' in page


def test_folders_below_a_prefix_and_without_one_lead_to_their_own(viewer: Client, target: Target, source: Source) -> None:
    target.sources.update(prefix="NAS/")
    file = make_file("WSOP/day1.mp4", source=source)
    make_synced(target, file)
    (item,) = viewer.get(LIST).context["items"]
    assert item["folders"] == [("NAS", file.folder.parent_id), ("WSOP", file.folder_id)]


def test_an_entry_without_a_file_says_so_and_leads_to_what_happened(viewer: Client, archive: Archive) -> None:
    page = viewer.get(LIST, {"status": "deleted"}).content.decode()
    assert "Not on the NAS" in page
    assert f"{reverse('sync:history')}?q=WSOP%2Fgone.mp4" in page


def test_a_file_without_an_entry_says_why(viewer: Client, archive: Archive) -> None:
    assert "Not synced Not HLS compatible (mxf) WSOP / 2024 / special.mxf" in show(viewer, LIST, {"status": "not_synced"})


def test_a_moved_file_shows_where_its_entry_still_is(viewer: Client, archive: Archive) -> None:
    page = show(viewer, LIST, {"status": "moved"})
    assert "Moved WSOP / 2024 / moved.mp4" in page
    assert "OLD/moved.mp4" in page


def test_an_entry_that_is_marked_and_one_that_is_not_hls_are_told_apart(viewer: Client, target: Target) -> None:
    make_match(target, None, make_target_row(target, is_deleted=True), reason=MatchReason.MARKED)
    assert "Marked as deleted" in show(viewer, LIST)
    Match.objects.all().delete()
    make_match(target, None, make_target_row(target, "a.mkv"), action=Action.DELETE)
    assert "Not HLS" in show(viewer, LIST)


def test_names_of_files_are_text_whatever_is_in_them(viewer: Client, target: Target, source: Source) -> None:
    make_match(target, make_file('<img src=x onerror="alert(1)">.mp4', source=source))
    page = viewer.get(LIST).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in page.replace("<wbr>", "")


# --- copies -----------------------------------------------------------------------------------------------------------
def test_copies_are_counted_and_their_paths_come_on_demand(viewer: Client, archive: Archive) -> None:
    match = archive.matches["synced_with_duplicates"]
    url = reverse("sync:match_copies", args=[match.pk])
    page = viewer.get(LIST, {"status": "synced_with_duplicates"}).content.decode()
    assert "+1 copy" in page
    assert f'hx-get="{url}"' in page
    assert "WSOP/Backup" not in page
    found = viewer.get(url, headers=HTMX)
    assert words_of(found.content.decode()) == "Copy WSOP/Backup/twice.mp4"


def test_of_a_copy_the_original_is_found(viewer: Client, archive: Archive) -> None:
    url = reverse("sync:match_copies", args=[archive.matches["duplicate"].pk])
    assert words_of(viewer.get(url, headers=HTMX).content.decode()) == "Synced, has copies WSOP/2024/twice.mp4"


def test_very_many_copies_come_in_pages(viewer: Client, archive: Archive, source: Source) -> None:
    twice = archive.files["synced_with_duplicates"]
    for number in range(30):
        copy = make_file(f"Copies/{number}/twice.mp4", source=source, size_bytes=twice.size_bytes)
        make_match(archive.target, copy, status=MatchStatus.DUPLICATE)
    url = reverse("sync:match_copies", args=[archive.matches["synced_with_duplicates"].pk])
    first = viewer.get(url, headers=HTMX)
    assert len(first.context["copies"]) == 20
    second = viewer.get(url, {"cursor": first.context["next"]}, headers=HTMX)
    assert (len(second.context["copies"]), second.context["next"]) == (11, None)


def test_copies_alone_are_the_table_of_that_name(viewer: Client, archive: Archive) -> None:
    url = reverse("sync:match_copies", args=[archive.matches["duplicate"].pk])
    assert viewer.get(url)["Location"] == f"{LIST}?q=twice.mp4"
    assert viewer.get(reverse("sync:match_copies", args=[999_999]), headers=HTMX).status_code == 404


# --- narrowing --------------------------------------------------------------------------------------------------------
def test_each_status_can_be_shown_alone_and_says_how_many_it_has(viewer: Client, archive: Archive) -> None:
    chips = viewer.get(LIST).context["chips"]
    assert [(chip.get("status"), chip["count"]) for chip in chips] == [(None, 7), *((status.value, 1) for status in MatchStatus)]
    for chip in chips[1:]:
        (item,) = viewer.get(LIST + chip["href"]).context["items"]
        assert item["row"].status == chip["status"]


def test_a_status_without_matches_is_not_offered_unless_it_is_chosen(viewer: Client, target: Target, source: Source) -> None:
    make_synced(target, make_file(source=source))
    assert [chip.get("status") for chip in viewer.get(LIST).context["chips"]] == [None, "synced"]
    assert "moved" in [chip.get("status") for chip in viewer.get(LIST, {"status": "moved"}).context["chips"]]


def test_catalog_and_file_type_narrow_the_table_and_the_numbers(viewer: Client, archive: Archive) -> None:
    catalog = Catalog.objects.get()
    context = viewer.get(LIST).context
    assert context["catalogs"] == [("", "All catalogs"), (str(catalog.pk), catalog.name), ("none", "Without a catalog")]
    assert context["extensions"] == [("", "All file types"), ("mp4", "mp4"), ("mxf", "mxf")]
    assert names(viewer, ext="mxf") == ["special.mxf"]
    assert names(viewer, catalog="none") == ["gone.mp4"]
    narrowed = viewer.get(LIST, {"catalog": str(catalog.pk), "ext": "mp4"}).context["chips"]
    assert narrowed[0]["count"] == 5


def test_words_find_files_and_entries_that_are_gone(viewer: Client, archive: Archive) -> None:
    index.refresh_all()
    assert names(viewer, q="moved") == ["moved.mp4"]
    assert names(viewer, q="gone") == ["gone.mp4"]
    page = viewer.get(LIST, {"q": "moved"})
    assert {chip["count"] for chip in page.context["chips"]} == {None}  # how many have the words in each is not known
    assert page.context["page"].total == 1


def test_the_table_can_be_put_in_order(viewer: Client, archive: Archive) -> None:
    by_name = names(viewer, sort="name")
    assert by_name == sorted(by_name)
    assert names(viewer, sort="-name") == by_name[::-1]
    sizes = [item["row"].size_bytes for item in viewer.get(LIST, {"sort": "-size"}).context["items"]]
    assert sizes == sorted(sizes, reverse=True)


def test_links_keep_filter_order_and_size_of_the_page(viewer: Client, archive: Archive, source: Source) -> None:
    for number in range(60):
        make_match(archive.target, make_file(f"more/{number}.mp4", source=source))
    query = {"ext": "mp4", "sort": "name", "per_page": "50"}
    page = viewer.get(LIST, query)
    assert len(page.context["items"]) == 50
    chip = next(one for one in page.context["chips"] if one.get("status") == "new")
    assert parse_qs(urlsplit(chip["href"]).query) == {"status": ["new"], **{name: [value] for name, value in query.items()}}
    following = page.content.decode().split('rel="next"')[0].rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
    second = viewer.get(following)
    assert len(second.context["items"]) == 16
    assert set(names(viewer, **query)).isdisjoint(item["name"] for item in second.context["items"])


def test_table_tree_and_export_share_the_filter(viewer: Client, archive: Archive) -> None:
    page = viewer.get(LIST, {"status": "moved", "ext": "mp4", "sort": "name"}).content.decode()
    for name in ("sync:match_tree", "sync:match_export", "sync:match_list"):
        assert f'href="{reverse(name)}?status=moved&amp;ext=mp4"' in page


def test_the_part_that_is_typed_for_is_the_table_alone(viewer: Client, archive: Archive) -> None:
    response = viewer.get(LIST, {"status": "moved"}, headers={**HTMX, "HX-Target": "results"})
    assert b"<html" not in response.content
    assert "moved.mp4" in words_of(response.content.decode())
    assert b"<html" in viewer.get(LIST, headers={**HTMX, "HX-Target": "jobs-live"}).content


# --- pages ------------------------------------------------------------------------------------------------------------
def test_pages_by_number_show_each_match_once(viewer: Client, target: Target, source: Source) -> None:
    for number in range(45):
        make_match(target, make_file(f"{number:02}.mp4", source=source))
    pages = [viewer.get(LIST, {"sort": "name", "page": number}).context for number in (1, 2, 3)]
    assert [item["name"] for page in pages for item in page["items"]] == [f"{number:02}.mp4" for number in range(45)]
    assert [(page["number"], page["pages"], page["first"]) for page in pages] == [(1, 3, 1), (2, 3, 21), (3, 3, 41)]
    assert "41–45 of 45" in show(viewer, LIST, {"sort": "name", "page": 3})


@pytest.mark.parametrize("page", ["abc", "-1", "0", "1.5", "", "9" * 40, "²"])
def test_what_is_no_page_number_shows_a_page(viewer: Client, archive: Archive, page: str) -> None:
    response = viewer.get(LIST, {"page": page})
    assert (response.status_code, response.context["number"]) == (200, 1)


def test_beyond_the_last_page_is_the_last_one(viewer: Client, archive: Archive) -> None:
    assert viewer.get(LIST, {"page": 500}).context["number"] == 1
    assert len(names(viewer, page=500)) == 7


@pytest.mark.parametrize("query", [{"status": "nonsense"}, {"status": "nonsense,also"}, {"sort": "nonsense"}, {"per_page": "7"}])
def test_what_nobody_knows_narrows_nothing(viewer: Client, archive: Archive, query: dict[str, str]) -> None:
    response = viewer.get(LIST, query)
    assert (response.status_code, len(response.context["items"])) == (200, 7)
    assert response.context["chips"][0]["is_selected"]


@pytest.mark.parametrize("query", [{"catalog": "nonsense"}, {"catalog": "9" * 30}, {"ext": "nonsense"}, {"status": "new", "ext": "mxf"}])
def test_where_nothing_fits_a_way_back_is_shown(viewer: Client, archive: Archive, query: dict[str, str]) -> None:
    response = viewer.get(LIST, query)
    assert response.status_code == 200
    assert "No file fits the filter" in words_of(response.content.decode())


@pytest.mark.parametrize("cursor", ["nonsense", "a.b", "eyJ.x.y"])
def test_a_broken_cursor_is_said_to_be_one(viewer: Client, archive: Archive, cursor: str) -> None:
    response = viewer.get(LIST, {"cursor": cursor})
    assert response.status_code == 400
    assert "This page address is damaged." in response.content.decode()
    assert viewer.get(LIST, {"cursor": cursor}, headers=HTMX).json()["code"] == "invalid_cursor"


def test_a_cursor_of_another_order_is_said_to_be_one(viewer: Client, target: Target, source: Source) -> None:
    for number in range(21):
        make_match(target, make_file(f"{number}.mp4", source=source))
    cursor = viewer.get(LIST, {"sort": "name"}).context["page"].next
    assert viewer.get(LIST, {"sort": "size", "cursor": cursor}).status_code == 400


def test_an_empty_table_says_what_it_is_for(administrator: Client, viewer: Client, target: Target) -> None:
    assert "No file yet" in show(viewer, LIST)
    assert reverse("ingest:source_add") in administrator.get(LIST).content.decode()


def test_while_matching_is_behind_the_table_says_so(viewer: Client, archive: Archive) -> None:
    words = "The list is being brought up to date."
    assert words in show(viewer, LIST)
    match_touched(by=Actor())
    assert words not in show(viewer, LIST)
    MediaFile.objects.filter(name="new.mp4").update(size_bytes=5)
    assert words in show(viewer, LIST)


# --- as a file --------------------------------------------------------------------------------------------------------
def test_the_filtered_table_is_a_file(viewer: Client, archive: Archive) -> None:
    response = viewer.get(reverse("sync:match_export"), {"status": "moved"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="matching-')
    text = body_of(response).decode("utf-8-sig")
    assert len(text.strip().splitlines()) == 2
    assert "WSOP/2024/moved.mp4" in text


# --- cost -------------------------------------------------------------------------------------------------------------
def test_more_rows_take_no_more_queries(
    viewer: Client, archive: Archive, source: Source, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(20) as few:
        viewer.get(LIST, {"per_page": 100})
    for number in range(90):
        make_synced(archive.target, make_file(f"f{number}/a{number}.mp4", source=source))
    with django_assert_max_num_queries(20) as many:
        assert len(viewer.get(LIST, {"per_page": 100}).context["items"]) == 97
    assert len(many) == len(few)
