"""What people see of the library, and in how many queries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from catalog import selectors
from catalog.choices import Presence, ProbeState
from catalog.errors import ObjectNotFoundError
from catalog.services.placement import place_all
from mam.accounts.errors import PermissionDeniedError
from mam.lib.keyset import keyset_page
from tests.factories import (
    make_catalog,
    make_collection,
    make_file,
    make_folder,
    make_player,
    make_source,
    make_stream,
    make_tag,
    make_user,
)

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer() -> User:
    return make_user("viewer")


# --- works ------------------------------------------------------------------------------------------------------------
def test_catalog_cards_count_and_lend_a_picture(viewer: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    source = make_source()
    make_file("WSOP/2023/HU.mp4", source=source)
    broken = make_file("WSOP/2024/A.mp4", source=source, probe_state=ProbeState.FAILED)
    picture = make_file("WSOP/2024/B.mp4", source=source)
    make_file("PAD/Sound/a.wav", source=source)
    place_all()
    make_catalog("Empty")
    viewer.has_perm("catalog.view_library")  # loads the permissions
    with django_assert_num_queries(5):
        cards = {card.catalog.name: card for card in selectors.list_catalog_cards(user=viewer)}
    assert {name: (card.total_series, card.total_contents, card.poster_file_id) for name, card in cards.items()} == {
        "Empty": (0, 0, None),
        "PAD": (1, 1, None),
        "WSOP": (2, 3, picture.pk),
    }
    assert broken.pk != picture.pk


def test_series_come_newest_year_first_and_undated_ones_last(viewer: User) -> None:
    source = make_source()
    for path in ("WSOP/2019/a.mp4", "WSOP/Specials/a.mp4", "WSOP/2024/a.mp4"):
        make_file(path, source=source)
    place_all()
    (card,) = selectors.list_catalog_cards(user=viewer)
    series = selectors.list_series_cards(user=viewer, catalog=card.catalog)
    assert [(row.series.name, row.poster_file_id is not None) for row in series] == [("2024", True), ("2019", True), ("Specials", True)]


def test_content_cards_sum_what_is_there_and_name_what_is_missing(viewer: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    source = make_source()
    first = make_file("WSOP/2024/ME_Part1.mp4", source=source, size_bytes=100, duration_ms=1000)
    make_file("WSOP/2024/ME_Part2.mxf", source=source, size_bytes=50, duration_ms=500)
    make_file("WSOP/2024/ME_Part3.mp4", source=source, size_bytes=7, presence=Presence.MISSING)
    place_all()
    first.refresh_from_db()
    assert first.content is not None
    contents = list(selectors.list_contents(user=viewer, series=first.content.series))
    with django_assert_num_queries(1):
        (card,) = selectors.content_cards(contents)
    assert (card.total_files, card.total_bytes, card.duration_ms, card.missing_files) == (2, 150, 1500, 1)
    assert (card.poster_file_id, card.extensions) == (first.pk, ["mp4", "mxf"])
    parts = selectors.list_parts(user=viewer, content=card.content)
    assert [part.part_number for part in parts] == [1, 2, 3]


# --- folders and files ------------------------------------------------------------------------------------------------
def test_folders_are_listed_level_by_level_with_their_totals(viewer: User) -> None:
    source = make_source("NAS")
    make_file("b/inner/x.mp4", source=source, size_bytes=10)
    make_file("A/x.mp4", source=source, size_bytes=5)
    make_file("A/gone.mp4", source=source, presence=Presence.MISSING)
    (card,) = selectors.list_sources(user=viewer)
    assert card.root is not None
    assert (card.root.total_files, card.root.total_bytes, card.root.total_missing) == (2, 15, 1)
    folders = list(selectors.list_subfolders(user=viewer, folder=card.root))
    assert [(folder.name, folder.total_files) for folder in folders] == [("A", 1), ("b", 1)]
    inner = make_folder(source, "b/inner")
    assert [folder.path for folder in selectors.folder_ancestors(inner)] == ["", "b"]
    assert selectors.get_root(user=viewer, source_id=source.pk) == card.root


def test_files_of_a_folder_come_by_name_in_pages_without_gap_or_repeat(viewer: User) -> None:
    source = make_source()
    for number in range(25):
        make_file(f"clips/Clip {number:02}.mp4", source=source)
    rows = selectors.list_folder_files(user=viewer, folder=make_folder(source, "clips"))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = keyset_page(rows, selectors.FILE_ORDER, cursor, 10)
        seen += [file.name for file in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [f"Clip {number:02}.mp4" for number in range(25)]


def test_a_file_comes_with_everything_its_page_shows(viewer: User, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    source = make_source()
    files = [make_file(f"WSOP/2024/{number}.mp4", source=source, tags=[make_tag()]) for number in range(2)]
    for file in files:
        make_stream(file)
        make_stream(file, "audio")
        file.players.add(make_player())
    make_collection(files=files)
    place_all()
    viewer.has_perm("catalog.view_library")
    with django_assert_max_num_queries(5):
        file = selectors.get_file(user=viewer, file_id=files[0].pk)
        assert file.content is not None
        shown = [file.path, file.source.name, file.content.series.catalog.name]
        counts = [len(file.streams.all()), len(file.tags.all()), len(file.players.all()), len(file.collections.all())]
    assert (shown, counts) == (["WSOP/2024/0.mp4", source.name, "WSOP"], [2, 1, 1, 1])
    with pytest.raises(ObjectNotFoundError):
        selectors.get_file(user=viewer, file_id=10**9)


def test_duplicates_have_the_same_bytes_and_the_same_size(viewer: User) -> None:
    same: dict[str, Any] = {"sample_hash": "abc", "size_bytes": 10}
    file, copy = make_file(**same), make_file(**same)
    make_file(sample_hash="abc", size_bytes=11)
    make_file(**same, presence=Presence.MISSING)
    unknown = make_file(size_bytes=10)
    assert selectors.list_duplicates(user=viewer, file=file) == [copy]
    assert selectors.list_duplicates(user=viewer, file=unknown) == []


def test_recent_videos_leave_out_sound_and_what_is_gone(viewer: User) -> None:
    now = timezone.now()
    old, new = make_file(first_seen_at=now - timedelta(days=1)), make_file(first_seen_at=now)
    make_file("a.wav", first_seen_at=now)
    make_file(presence=Presence.MISSING, first_seen_at=now)
    assert selectors.list_recent_files(user=viewer) == [new, old]


# --- search -----------------------------------------------------------------------------------------------------------
# --- curation, numbers ------------------------------------------------------------------------------------------------
def test_collections_come_as_a_tree_in_three_queries(viewer: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    source = make_source()
    files = [make_file(source=source) for _ in range(2)]
    outer = make_collection("outer", files=files, position=1)
    inner = make_collection("inner", parent=outer)
    make_collection("first", position=0)
    viewer.has_perm("catalog.view_library")
    with django_assert_num_queries(3):
        tree = selectors.list_collection_tree(user=viewer)
    assert [(node.collection.name, node.total_items, node.poster_file_id) for node in tree] == [
        ("first", 0, None),
        ("outer", 2, files[0].pk),
    ]
    assert [(node.collection, node.depth) for node in tree[1].children] == [(inner, 1)]
    assert selectors.collection_ancestors(inner) == [outer]
    assert [item.file for item in selectors.list_collection_items(user=viewer, collection=outer)] == files


def test_the_totals_of_the_library_come_from_roll_ups(viewer: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_file("a/x.mp4", size_bytes=10)
    make_file("b/y.mp4", size_bytes=5, probe_state=ProbeState.FAILED)
    make_file("b/z.wav", size_bytes=1, presence=Presence.MISSING)
    place_all()
    viewer.has_perm("catalog.view_library")
    with django_assert_num_queries(2):
        totals = selectors.library_totals(user=viewer)
    assert (totals.files, totals.bytes, totals.videos, totals.missing, totals.failed, totals.contents) == (2, 15, 2, 1, 1, 3)


# --- who may ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "read",
    [
        lambda user: selectors.list_catalog_cards(user=user),
        lambda user: selectors.list_sources(user=user),
        lambda user: selectors.list_files(user=user),
        lambda user: selectors.get_file(user=user, file_id=1),
        lambda user: selectors.list_recent_files(user=user),
        lambda user: selectors.list_collection_tree(user=user),
        lambda user: selectors.list_tags(user=user),
        lambda user: selectors.list_players(user=user),
        lambda user: selectors.library_totals(user=user),
    ],
)
def test_nobody_without_the_permission_sees_anything(read: Callable[[User | AnonymousUser], object]) -> None:
    for stranger in (AnonymousUser(), make_user(None), make_user("viewer", is_active=False)):
        with pytest.raises(PermissionDeniedError):
            read(stranger)
