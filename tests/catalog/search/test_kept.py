"""Answers that are kept: nobody sees a stale one, whichever process wrote, and nobody one that was made for others."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog import selectors
from catalog.models import Catalog, Content, Folder, MediaFile, SearchChange, SearchEntry, Series, Source, Tag
from catalog.search import index
from catalog.search.query import Field, parse
from catalog.selectors import kept
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import User
from tests.factories import make_content, make_file, make_folder, make_source, make_tag, make_user

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model
    from django.test import Client

pytestmark = pytest.mark.django_db(transaction=True)

_ELSEWHERE = """
import django
django.setup()
from django.conf import settings
from django.db import connection, transaction
connection.settings_dict["NAME"] = {name!r}
from catalog.services import tags
from catalog.models import Tag
tags.add_tags(file_ids=[{file}], tags=[Tag.objects.get(name="Bluff")], user=None)
"""


FILES = "/api/v1/files/"


def forget() -> None:
    for name in ("answers", "pages"):
        caches[name].clear()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def viewer() -> User:
    return make_user("viewer")


def names(user: User, typed: str) -> list[str]:
    return [file.name for file in selectors.search(user=user, query=parse(typed), limit=10).items]


def test_the_second_time_the_index_is_not_asked(viewer: User) -> None:
    make_file("final.mp4")
    index.refresh_all()
    assert names(viewer, "final") == ["final.mp4"]
    with CaptureQueriesContext(connection) as queries:
        assert names(viewer, "final") == ["final.mp4"]
    assert not [query for query in queries if SearchEntry._meta.db_table in query["sql"]]


def test_what_another_process_wrote_is_seen_at_once(viewer: User) -> None:
    film = make_file("final.mp4")
    make_tag("Bluff")
    index.refresh_all()
    facets = (Field.TAG,)
    assert names(viewer, "tag:Bluff") == []
    assert selectors.list_facets(user=viewer, query=parse("final"), facets=facets) == {}
    script = _ELSEWHERE.format(name=str(connection.settings_dict["NAME"]), file=film.pk)
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert names(viewer, "tag:Bluff") == ["final.mp4"]
    (found,) = selectors.list_facets(user=viewer, query=parse("final"), facets=facets)[Field.TAG]
    assert (found.label, found.count) == ("Bluff", 1)


def test_a_change_that_the_index_has_not_read_yet_is_another_version(viewer: User) -> None:
    film = make_file("final.mp4")
    index.refresh_all()
    before = kept.library_version()
    MediaFile.objects.filter(pk=film.pk).update(title="Hero Call")
    noted = kept.library_version()
    index.refresh_all()
    assert len({before, noted, kept.library_version()}) == 3


def test_while_much_waits_nothing_is_kept(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_MANY", 2)
    source = make_source()
    for number in range(4):
        make_file(f"{number}.mp4", source=source)
    made = iter(range(2))
    answers = [kept.keep(lambda: [next(made)], version=kept.library_version(), user=viewer, about=("x",)) for _ in range(2)]
    assert answers == [[0], [1]]


def test_readers_who_see_other_things_share_nothing(viewer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_user()
    monkeypatch.setattr(kept, "reader_scope", lambda user: str(user.pk))
    assert kept.keep(lambda: "for the viewer", version=kept.library_version(), user=viewer, about=("x",)) == "for the viewer"
    assert kept.keep(lambda: "for the other", version=kept.library_version(), user=other, about=("x",)) == "for the other"


def test_who_may_not_read_gets_nothing_that_is_kept(viewer: User) -> None:
    kept.keep(lambda: "secret", version=kept.library_version(), user=viewer, about=("x",))
    with pytest.raises(PermissionDeniedError):
        kept.keep(lambda: "secret", version=kept.library_version(), user=make_user(None), about=("x",))


def test_what_a_transaction_sees_is_not_kept(viewer: User) -> None:
    make_file("final.mp4")
    index.refresh_all()
    with transaction.atomic():
        assert kept.library_version() is None
        assert names(viewer, "final") == ["final.mp4"]
    MediaFile.objects.update(name="final cut.mp4")
    assert names(viewer, "final") == ["final cut.mp4"]


@pytest.mark.parametrize(("typed", "moment"), [('"final table"', 1), ("final table", 2)])
def test_what_is_committed_while_an_answer_is_made_is_in_the_next_one(
    viewer: User, monkeypatch: pytest.MonkeyPatch, typed: str, moment: int
) -> None:
    """The first moment is after exact words were compared, the second after the page and before the facets."""
    source = make_source()
    make_file("final table.mp4", source=source)
    index.refresh_all()
    module, calls = sys.modules["catalog.selectors.search"], []

    def keep(*args: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == moment:
            make_file("final table.mov", source=source)
            index.refresh_all()
        return kept.keep(*args, **named)

    monkeypatch.setattr(module, "keep", keep)
    facets = (Field.CONTAINER,)
    selectors.search(user=viewer, query=parse(typed), limit=10, facets=facets)
    found = selectors.search(user=viewer, query=parse(typed), limit=10, facets=facets)
    assert len(found.items) == 2
    assert {value.value for value in found.facets[Field.CONTAINER]} == {"mp4", "mov"}


def test_a_folder_s_listing_is_kept_until_a_file_of_it_changes(client: Client, viewer: User) -> None:
    folder = make_folder(make_source(), "WSOP")
    film = make_file("b.mp4", folder=folder)
    client.force_login(viewer)
    address = reverse("catalog:folder_detail", args=[folder.pk])

    def listed() -> list[str]:
        return [str(file) for file in client.get(address).context["page"].items]

    assert listed() == ["b.mp4"]
    with CaptureQueriesContext(connection) as queries:
        assert listed() == ["b.mp4"]
    assert not [query for query in queries if 'ORDER BY "catalog_mediafile"' in query["sql"]]
    MediaFile.objects.filter(pk=film.pk).update(title="Hero Call")
    assert listed() == ["Hero Call"]
    make_file("a.mp4", folder=folder)
    assert listed() == ["a.mp4", "Hero Call"]


# --- whole answers ----------------------------------------------------------------------------------------------------
def listed(client: Client, **asked: str) -> list[dict[str, Any]]:
    """The first page of the API's list of files."""
    answer = client.get(FILES, asked)
    assert answer["Content-Type"] == "application/json"
    return list(answer.json()["items"])


@pytest.fixture
def reader(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


def test_a_list_that_was_asked_for_before_reads_no_files(reader: Client) -> None:
    make_file("final.mp4")
    index.refresh_all()
    first = listed(reader)
    with CaptureQueriesContext(connection) as queries:
        assert listed(reader) == first
    assert not [query for query in queries if MediaFile._meta.db_table in query["sql"]]


def test_lists_are_told_apart_by_all_that_is_asked_and_by_the_zone(reader: Client, viewer: User) -> None:
    make_file("final.mp4")
    make_file("notes.txt")
    index.refresh_all()
    assert [len(listed(reader)), len(listed(reader, kind="video")), len(listed(reader, limit="1"))] == [2, 1, 1]
    seoul = listed(reader)[0]["first_seen_at"]
    User.objects.filter(pk=viewer.pk).update(time_zone="America/New_York")
    assert listed(reader)[0]["first_seen_at"] != seoul


def test_what_no_search_knows_is_noted_once_and_not_file_by_file(reader: Client) -> None:
    source, tag = make_source(), make_tag("Bluff")
    for number in range(3):
        make_file(f"{number}.mp4", source=source).tags.add(tag)
    index.refresh_all()
    Source.objects.filter(pk=source.pk).update(name="NAS 2")
    Tag.objects.filter(pk=tag.pk).update(color="red")
    assert list(SearchChange.objects.values_list("file_id", flat=True)) == [0, 0]
    before = kept.library_version()
    index.refresh_all()
    assert kept.library_version() != before
    assert not SearchChange.objects.exists()


def test_who_lost_the_permission_gets_no_list_that_is_kept(reader: Client, viewer: User) -> None:
    make_file("final.mp4")
    assert listed(reader)
    viewer.groups.clear()
    assert reader.get(FILES).status_code == 403


SHOWN_CHANGES: dict[str, Any] = {
    "name": "other.mp4",
    "title": "Hero Call",
    "part_number": 7,
    "placement": "curator",
    "kind": "audio",
    "extension": "mov",
    "size_bytes": 4321,
    "presence": "growing",
    "probe_state": "failed",
    "probe_reason": "truncated",
    "duration_ms": 9,
    "width_px": 9,
    "height_px": 9,
    "mtime_ns": 9,
    "video_codec": "hevc",
    "audio_codec": "opus",
    "frame_rate_num": 48,
    "frame_rate_den": 7,
    "first_seen_at": datetime(2020, 1, 1, tzinfo=UTC),
}


@pytest.mark.parametrize(("column", "value"), SHOWN_CHANGES.items())
def test_no_column_of_a_file_is_shown_stale(reader: Client, column: str, value: object) -> None:
    film = make_file("final.mp4")
    index.refresh_all()
    before = listed(reader)
    MediaFile.objects.filter(pk=film.pk).update(**{column: value})
    after = listed(reader)
    caches["pages"].clear()
    assert after == listed(reader) != before


@pytest.mark.parametrize("shown", ["source", "folder", "content", "series", "year", "catalog", "tag", "color", "tagging"])
def test_nothing_around_a_file_is_shown_stale(reader: Client, shown: str) -> None:
    content = make_content()
    film = make_file("final.mp4", content=content)
    tag = make_tag("Bluff")
    film.tags.add(tag)
    index.refresh_all()
    before = listed(reader)
    if shown == "tagging":
        film.tags.remove(tag)
    else:
        rows: dict[str, tuple[type[Model], int, dict[str, Any]]] = {
            "source": (Source, film.source_id, {"name": "NAS 2"}),
            "folder": (Folder, film.folder_id, {"path": "Elsewhere"}),
            "content": (Content, content.pk, {"title": "Other"}),
            "series": (Series, content.series_id, {"name": "Other"}),
            "year": (Series, content.series_id, {"year": 1999}),
            "catalog": (Catalog, content.series.catalog_id, {"name": "Other"}),
            "tag": (Tag, tag.pk, {"name": "Other"}),
            "color": (Tag, tag.pk, {"color": "red"}),
        }
        model, pk, change = rows[shown]
        model._default_manager.filter(pk=pk).update(**change)
    after = listed(reader)
    caches["pages"].clear()
    assert after == listed(reader) != before
