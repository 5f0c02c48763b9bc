"""Lists of files: what the API shows without objects is what its serializer would show; pages of folders by number; the summary."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from rest_framework.renderers import JSONRenderer

from catalog.choices import Presence, ProbeState
from catalog.models import Folder, MediaFile, SummaryCell
from catalog.search.index import refresh_all
from catalog.selectors import narrowing
from catalog.serializers.file_rows import show_files
from catalog.serializers.files import FileSerializer
from catalog.services import rollups, upkeep
from mam.jobs.models import JobLog
from mam.jobs.services import enqueue
from mam.jobs.testing import run_pending
from mam.lib import keyset
from tests.factories import (
    make_catalog,
    make_collection,
    make_content,
    make_file,
    make_folder,
    make_player,
    make_series,
    make_source,
    make_tag,
    make_user,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries
    from rest_framework.test import APIClient

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db

API = "/api/v1"


def test_a_list_shows_each_file_as_the_serializer_does() -> None:
    series = make_series(name="2024")
    tags = [make_tag("Zulu"), make_tag("Alpha", color="red")]
    files = [
        make_file("WSOP/2024/a.mp4", content=make_content(series), tags=tags, part_number=2, title="Final"),
        make_file("b.wav", mtime_ns=2**62),  # past the year 9999
        make_file("c.jpg", probe_state=ProbeState.NONE, presence=Presence.MISSING),
        make_file("d.mxf", content=make_content()),
    ]
    shown = FileSerializer(MediaFile.objects.filter(pk__in=[file.pk for file in files]).order_by("pk"), many=True).data
    assert show_files([file.pk for file in files]) == json.loads(JSONRenderer().render(shown))


def test_filters_of_many_values_find_each_file_once_and_in_order(viewer_api: APIClient) -> None:
    tags = [make_tag(), make_tag()]
    files = [make_file(f"{number}.mp4", tags=tags) for number in range(3)]
    make_file("x.jpg")
    query = "&".join([*(f"tag={tag.pk}" for tag in tags), "kind=video", "kind=audio", "presence=present", "ordering=-name", "limit=2"])
    first = viewer_api.get(f"{API}/files/?{query}").json()
    rest = viewer_api.get(f"{API}/files/?{query}&cursor={first['next']}").json()
    assert [file["id"] for file in [*first["items"], *rest["items"]]] == [file.pk for file in reversed(files)]


def test_below_a_root_is_its_whole_source(viewer_api: APIClient) -> None:
    file, _other = make_file("a/b/c.mp4"), make_file("a/b/c.mp4")
    root = Folder.objects.get(source=file.source, parent=None)
    for folder in (root, Folder.objects.get(source=file.source, name="a")):
        assert [one["id"] for one in viewer_api.get(f"{API}/files/?below={folder.pk}").json()["items"]] == [file.pk]


# --- pages of a folder ------------------------------------------------------------------------------------------------
@pytest.fixture
def full_folder() -> Folder:
    folder = make_folder(make_source(), "full")
    for number in range(130):
        make_file(f"{number:03}.mp4", folder=folder, duration_ms=number or None)
    make_file("inner/other.mp4", folder=folder)
    return Folder.objects.get(pk=folder.pk)


def names(html: str) -> list[str]:
    return re.findall(r'title="(\d{3}\.mp4)"', html)


def test_a_page_of_a_folder_is_reached_by_its_number_and_left_by_its_neighbours(client: Client, full_folder: Folder) -> None:
    client.force_login(make_user(language="en"))
    url = reverse("catalog:folder_detail", args=[full_folder.pk])
    page = client.get(url, {"page": "2", "sort": "-name"}).content.decode()
    assert names(page) == [f"{number:03}.mp4" for number in range(69, 9, -1)]
    assert 'value="2" min="1" max="3"' in page and '<input type="hidden" name="sort" value="-name">' in page
    for rel, first in (("next", "009.mp4"), ("prev", "129.mp4")):
        (href,) = re.findall(rf'href="([^"]+)" rel="{rel}"', page)
        assert names(client.get(url + href.replace("&amp;", "&").removeprefix(url)).content.decode())[0] == first


@pytest.mark.parametrize("asked", ["0", "-1", "x", "²", "999999999999", "3"])
def test_a_number_that_is_no_page_is_the_nearest(client: Client, full_folder: Folder, asked: str) -> None:
    client.force_login(make_user())
    page = client.get(reverse("catalog:folder_detail", args=[full_folder.pk]), {"page": asked}).content.decode()
    assert len(names(page)) == (10 if asked in {"999999999999", "3"} else 60)


# --- the summary ------------------------------------------------------------------------------------------------------
def test_the_summary_counts_by_what_is_asked(viewer_api: APIClient) -> None:
    catalog = make_catalog("WSOP")
    content = make_content(make_series(catalog, "2024"))
    make_file("a.mp4", content=content, size_bytes=10, duration_ms=1000)
    make_file("b.mp4", content=content, size_bytes=5, duration_ms=500, video_codec="prores")
    make_file("c.jpg", size_bytes=1, presence=Presence.MISSING)
    make_file("d.mp4", size_bytes=2, duration_ms=None)
    answer = viewer_api.get(f"{API}/summary/?by=catalog,year").json()
    assert answer == {
        "items": [
            {"catalog": None, "year": None, "files": 1, "bytes": 2, "duration_ms": 0},
            {"catalog": {"id": catalog.pk, "name": "WSOP"}, "year": 2024, "files": 2, "bytes": 15, "duration_ms": 1500},
        ],
        **{"files": 3, "bytes": 17, "duration_ms": 1500},
    }
    shares = viewer_api.get(f"{API}/summary/?by=hls&catalog={catalog.pk}").json()["items"]
    assert [(item["hls"], item["files"]) for item in shares] == [("no", 1), ("yes", 1)]
    missing = viewer_api.get(f"{API}/summary/?by=presence&presence=missing").json()["items"]
    assert missing == [{"presence": "missing", "files": 1, "bytes": 1, "duration_ms": 0}]


@pytest.mark.parametrize("query", ["by=color", "by=year,year", "by=catalog,year,kind,hls", "presence=gone", "catalog=x"])
def test_what_cannot_be_counted_by_is_refused(viewer_api: APIClient, query: str) -> None:
    assert viewer_api.get(f"{API}/summary/?{query}").status_code == 400


def test_who_may_not_see_the_library_learns_no_counts(client_of: object) -> None:
    assert client_of(None).get(f"{API}/summary/").status_code == 403  # type: ignore[operator]


def test_the_night_finds_what_is_wrong_puts_it_right_and_says_what_it_was() -> None:
    file = make_file("a/film.mp4", size_bytes=10)
    Folder.objects.filter(pk=file.folder_id).update(total_files=3)
    SummaryCell.objects.all().delete()
    job = enqueue(kind=upkeep.CHECK_JOB, key=upkeep.CHECK_JOB)
    run_pending()
    lines = list(JobLog.objects.filter(job=job, code="count_repaired").order_by("pk").values_list("params", flat=True))
    assert {"where": "a", "missing": "-2 files"} in lines
    assert any("extension=mp4" in line["where"] and "10 bytes" in line["missing"] for line in lines)
    assert Folder.objects.get(pk=file.folder_id).total_files == 1
    assert rollups.verify(source=file.source) == []
    job.refresh_from_db()
    assert job.result == {f"folders of {file.source.name}": 1, "cube files": 1, "cube matches": 0}


# --- what is narrowed by the search's bitmaps is exact ----------------------------------------------------------------
NARROWED = [
    *("kind=audio", "presence=missing", "probe_state=failed", "probe_state=done", "probe_state=none", "extension=WAV", "video_codec=vp9"),
    *("placement=curator", "is_placed=true", "is_placed=false", "min_size_bytes=900", "min_duration_ms=9000", "min_height_px=2000"),
    *("tag={tag}", "catalog={catalog}", "series={series}", "player={player}", "collection={collection}", "content={content}"),
    *("folder={folder}", "below={folder}", "source={source}", "source={source}&kind=audio"),
]


def listed(api: APIClient, query: str, ordering: str) -> list[int]:
    """All files of a list, page by page, and the same on the way back."""
    found: list[int] = []
    pages, cursor = [], ""
    while cursor is not None:
        page = api.get(f"{API}/files/?{query}&ordering={ordering}&limit=2&cursor={cursor}").json()
        pages.append(page)
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    back = pages[-1]["items"]
    while (cursor := (page if back is not pages[-1]["items"] else pages[-1])["previous"]) is not None:
        page = api.get(f"{API}/files/?{query}&ordering={ordering}&limit=2&cursor={cursor}").json()
        back = page["items"] + back
    assert [item["id"] for item in back] == found
    return found


@pytest.mark.parametrize("is_indexed", [True, False])
# By their ids; by walking an order; by a part of the way and, where that does not fill the page, by their ids.
@pytest.mark.parametrize(("few", "soon"), [(20_000, 2_000), (0, 0), (20_000, 0)])
@pytest.mark.parametrize("query", NARROWED)
def test_a_list_shows_what_was_written_a_moment_ago(
    viewer_api: APIClient, monkeypatch: pytest.MonkeyPatch, query: str, few: int, soon: int, *, is_indexed: bool
) -> None:
    monkeypatch.setattr(narrowing, "FEW", few)
    monkeypatch.setattr(narrowing, "_SOON_SORTED", soon)
    series, tag, player, source, other = make_series(name="2024"), make_tag(), make_player(), make_source(), make_source()
    content, folder = make_content(series), make_folder(source, "in")
    files = [make_file(f"{9 - number}.mp4", folder=folder, size_bytes=1, duration_ms=1) for number in range(3)]
    make_file("x.mp4", folder=make_folder(other, "in"), size_bytes=1, duration_ms=1)
    refresh_all()
    state = {"failed": ProbeState.FAILED, "none": ProbeState.NONE}.get(query.removeprefix("probe_state="), ProbeState.DONE)
    MediaFile.objects.filter(pk__in=[file.pk for file in files]).update(
        **{"kind": "audio", "extension": "wav", "video_codec": "vp9", "presence": "missing", "probe_state": state},
        **{"size_bytes": 1000, "duration_ms": 10_000, "height_px": 2160, "width_px": 3840, "placement": "curator"},
        content=None if query == "is_placed=false" else content,
    )
    collection = make_collection()
    for position, file in enumerate(files):
        file.tags.add(tag)
        file.players.add(player)
        collection.items.create(file=file, position=position)
    MediaFile.objects.filter(folder__source=other).update(
        content=content if query == "is_placed=false" else None, probe_state=ProbeState.PENDING
    )
    if is_indexed:
        refresh_all()
    ids = {"tag": tag.pk, "catalog": series.catalog_id, "series": series.pk, "player": player.pk, "collection": collection.pk}
    ids |= {"content": content.pk, "folder": folder.pk, "source": source.pk}
    expected = [file.pk for file in files]
    orders = {"id": expected, "-id": expected[::-1], "name": expected[::-1], "-name": expected, "-first_seen_at": expected[::-1]}
    assert {order: listed(viewer_api, query.format(**ids), order) for order in orders} == orders


def test_files_behind_many_others_are_found_without_reading_far_beyond(viewer_api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "FEW", 0)
    monkeypatch.setattr(narrowing, "_WALKED", 5)
    walked: list[int] = []

    def walk(*arguments: Any) -> Iterator[list[int]]:
        for ids in keyset.walk(*arguments):
            walked.extend(ids)
            yield ids

    monkeypatch.setattr(narrowing, "walk", walk)
    wanted = [make_file(f"{number}.wav", kind="audio").pk for number in range(40)][::-1]
    for number in range(20):  # found later: before all of them in the order
        make_file(f"{number}.mp4")
    refresh_all()
    api = f"{API}/files/?kind=audio&ordering=-first_seen_at&limit=1"
    assert [item["id"] for item in viewer_api.get(api).json()["items"]] == wanted[:1]
    assert len(walked) <= 20 + 2 * 5
    assert listed(viewer_api, "kind=audio", "-first_seen_at") == wanted


def test_while_too_much_waits_for_the_index_a_list_asks_the_files(viewer_api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "MANY_NOTES", 0)
    file, _other = make_file("a.wav", kind="audio"), make_file("b.mp4")
    assert listed(viewer_api, "kind=audio", "name") == [file.pk]


def test_a_list_costs_four_queries_and_two_of_the_session(viewer_api: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_file("a.mp4", tags=[make_tag()])
    with django_assert_num_queries(6):
        viewer_api.get(f"{API}/files/")


def test_a_permission_that_is_taken_away_is_gone_with_the_next_request(client_of: Callable[[str | None], APIClient]) -> None:
    api = client_of("viewer")
    assert api.get(f"{API}/files/").status_code == 200
    Group.objects.get(name="viewer").permissions.remove(Permission.objects.get(codename="view_library"))
    assert api.get(f"{API}/files/").status_code == 403


def test_permissions_are_those_that_django_finds(django_user_model: type[User]) -> None:
    user = make_user("operator")
    user.user_permissions.add(Permission.objects.get(codename="view_audit"))
    fresh, other = (django_user_model.objects.get(pk=user.pk) for _ in range(2))
    assert fresh.get_all_permissions() == ModelBackend().get_all_permissions(other) and "accounts.view_audit" in fresh.get_all_permissions()
    user.is_active = False
    assert user.get_all_permissions() == set() and not user.has_perm("catalog.view_library")
