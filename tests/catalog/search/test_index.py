"""The index follows the catalog, whoever writes it: each kind of change is noted in its transaction, and the entry made anew from it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.db import close_old_connections, connection, transaction

from catalog.choices import Presence
from catalog.models import Collection, MediaFile, SearchChange, SearchEntry, SearchWord
from catalog.search import index, postings, triggers
from catalog.services import arranging, collections, players, tags, works
from catalog.services.files import update_file
from mam.jobs.models import Job
from mam.lib.triggers import installed
from tests.factories import make_collection, make_content, make_file, make_player, make_series, make_source, make_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_django import DjangoCaptureOnCommitCallbacks


pytestmark = pytest.mark.django_db


@pytest.fixture
def film() -> MediaFile:
    content = make_content(make_series(name="Main Event"), "Final Table")
    file = make_file("WSOP/2024/film.mp4", content=content, tags=[make_tag("Bluff")])
    file.players.add(make_player("Phil Ivey", name_ko="필 아이비"))
    make_collection("Best of", files=[file])
    content.players.add(make_player("Tom Dwan"))
    index.refresh_all()
    return file


def words_of(file: MediaFile) -> set[str]:
    return set(SearchEntry.objects.get(pk=file.pk).words.split())


def test_an_entry_holds_all_that_people_remember(film: MediaFile) -> None:
    assert {"film", "wsop", "2024", "main", "event", "final", "table", "bluff", "phil", "아이", "이비", "tom", "dwan", "best"} <= words_of(
        film
    )
    assert " year_2024 " in SearchEntry.objects.get(pk=film.pk).facets


CHANGES: dict[str, tuple[Callable[[MediaFile], object], str]] = {
    "title": (lambda file: update_file(file=file, user=None, title="Hero Call"), "hero"),
    "description": (lambda file: update_file(file=file, user=None, description="river card"), "river"),
    "renamed on disk": (lambda file: MediaFile.objects.filter(pk=file.pk).update(name="other.mp4", name_key="other.mp4"), "other"),
    "folder moved": (lambda file: type(file.folder).objects.filter(pk=file.folder_id).update(path="EPT/2024"), "ept"),
    "tag put on": (lambda file: tags.add_tags(file_ids=[file.pk], tags=[make_tag("Cooler")], user=None), "cooler"),
    "tag renamed": (lambda file: tags.rename_tag(tag=file.tags.get(), name="Semibluff", user=None), "semibluff"),
    "player linked": (lambda file: players.set_players(file=file, players=[make_player("Doyle Brunson")], user=None), "brunson"),
    "player renamed": (lambda file: file.players.update(name="Philip Ivey Jr"), "philip"),
    "player of the content": (lambda file: file.content.players.add(make_player("Gus Hansen")), "hansen"),  # type: ignore[union-attr]
    "content renamed": (lambda file: works.update_content(content=file.content, user=None, title="Heads Up"), "heads"),  # type: ignore[arg-type]
    "content left": (lambda file: arranging.move_files(file_ids=[file.pk], content=make_content(title="Bonus"), user=None), "bonus"),
    "series renamed": (lambda file: works.update_series(series=file.content.series, user=None, name="High Roller"), "roller"),  # type: ignore[union-attr]
    "catalog renamed": (lambda file: works.update_catalog(catalog=file.content.series.catalog, user=None, name="Poker Masters"), "masters"),  # type: ignore[union-attr]
    "collected": (
        lambda file: collections.add_files(collection=make_collection("Highlights"), file_ids=[file.pk], user=None),
        "highlights",
    ),
    "collection renamed": (lambda file: Collection.objects.filter(items__file=file).update(name="Worst of"), "worst"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_changes_is_noted_and_found(film: MediaFile, name: str) -> None:
    change, word = CHANGES[name]
    assert word not in words_of(film)
    change(film)
    assert SearchChange.objects.filter(file_id=film.pk).exists()
    index.refresh_all()
    assert word in words_of(film)
    assert not SearchChange.objects.exists()


def test_what_is_taken_away_is_found_no_more(film: MediaFile) -> None:
    tags.remove_tags(file_ids=[film.pk], tags=[film.tags.get()], user=None)
    players.set_players(file=film, players=[], user=None)
    Collection.objects.all().delete()
    index.refresh_all()
    assert not {"bluff", "phil", "아이", "best"} & words_of(film)


def test_what_matters_to_no_search_is_not_noted(film: MediaFile) -> None:
    MediaFile.objects.filter(pk=film.pk).update(last_viewed_at=film.first_seen_at, probe_priority=3, title=film.title)
    assert not SearchChange.objects.exists()


def test_a_state_is_part_of_the_entry(film: MediaFile) -> None:
    MediaFile.objects.filter(pk=film.pk).update(presence=Presence.MISSING)
    index.refresh_all()
    assert " is_missing " in SearchEntry.objects.get(pk=film.pk).facets


def test_the_entry_goes_with_its_file(film: MediaFile) -> None:
    pk = film.pk
    film.delete()
    index.refresh_all()
    assert not SearchEntry.objects.filter(pk=pk).exists()


def test_who_curates_finds_it_at_once(film: MediaFile, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        update_file(file=film, user=None, title="Hero Call")
    assert "hero" in words_of(film)


def test_many_changes_are_left_to_one_job(
    monkeypatch: pytest.MonkeyPatch, film: MediaFile, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    monkeypatch.setattr(index, "AT_ONCE", 3)
    source = make_source()
    for number in range(5):
        make_file(f"clip {number}.mp4", source=source)
    with django_capture_on_commit_callbacks(execute=True):
        update_file(file=film, user=None, title="Hero Call")
    assert "hero" not in words_of(film)
    index.request_due_refresh()
    assert Job.objects.filter(kind=index.INDEX_JOB).count() == 1
    assert index.refresh_all() > 5


def test_the_comparison_repairs_what_differs(film: MediaFile) -> None:
    other = make_file("other.mp4")
    index.refresh_all()
    SearchEntry.objects.filter(pk=film.pk).update(words=" wrong ")
    SearchEntry.objects.filter(pk=other.pk).delete()
    SearchEntry.objects.create(pk=other.pk + 1000, words=" ", facets=" ", name_key="", size_bytes=0)
    found = index.check()
    assert (found.files, found.wrong) == (2, 3)
    assert "film" in words_of(film) and "other" in words_of(other)
    assert index.check().wrong == 0


def test_a_rebuild_forgets_words_that_nothing_has(film: MediaFile) -> None:
    SearchWord.objects.create(word="vanished")
    call_command("rebuild_search")
    assert not SearchWord.objects.filter(word="vanished").exists()
    assert {"film", "아이"} <= set(SearchWord.objects.values_list("word", flat=True))


def test_triggers_that_a_migration_dropped_come_back_and_everything_is_compared(film: MediaFile) -> None:
    with connection.cursor() as cursor:
        for name, table in installed(connection, triggers.FAMILY).items():
            if table == "catalog_tag":
                cursor.execute(f"DROP TRIGGER {name} ON {table}" if connection.vendor == "postgresql" else f"DROP TRIGGER {name}")
    film.tags.update(name="Semibluff")
    assert not SearchChange.objects.exists()
    triggers.install(connection)
    index.refresh_all()
    assert "semibluff" in words_of(film)
    triggers.install(connection)
    assert not SearchChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_is_not_noted() -> None:
    file = make_file("film.mp4")
    index.refresh_all()
    with pytest.raises(RuntimeError), transaction.atomic():
        MediaFile.objects.filter(pk=file.pk).update(title="Never")
        raise RuntimeError
    assert not SearchChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_changes_made_while_others_are_indexed_are_indexed_too() -> None:
    files = [make_file(f"clip {number}.mp4") for number in range(4)]
    index.refresh_all()
    is_over = threading.Event()

    def refresh() -> None:
        while not is_over.is_set():
            index.refresh(2)
        close_old_connections()
        connection.close()

    threads = [threading.Thread(target=refresh) for _ in range(2)]
    for thread in threads:
        thread.start()
    for round_ in range(15):
        for file in files:
            MediaFile.objects.filter(pk=file.pk).update(title=f"take{round_}")
    is_over.set()
    for thread in threads:
        thread.join()
    index.refresh_all()
    assert all("take14" in words_of(file) for file in files)


def test_facts_are_read_after_the_block_was_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for another who wrote the same entry would else put an older one in its place."""
    file = make_file("film.mp4")
    lock = postings.lock

    def change_and_lock(file_ids: Iterable[int]) -> None:
        lock(list(file_ids))
        MediaFile.objects.filter(pk=file.pk).update(title="Newer")

    monkeypatch.setattr(postings, "lock", change_and_lock)
    index.refresh()
    assert "newer" in words_of(file)


def test_a_killed_rebuild_leaves_the_words_as_they_were(film: MediaFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "check", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        index.rebuild()
    assert SearchWord.objects.filter(word="film").exists()


def test_the_comparison_brings_back_words_that_were_lost(film: MediaFile) -> None:
    SearchWord.objects.all().delete()
    index.check()
    assert {"film", "아이"} <= set(SearchWord.objects.values_list("word", flat=True))


def test_many_changes_of_a_transaction_ask_once(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> None:
    film = make_file("a.mp4")
    with django_capture_on_commit_callbacks() as asked:
        for name in ("Bluff", "Call", "Fold"):
            tags.add_tags(file_ids=[film.pk], tags=[make_tag(name)], user=None)
    assert len(asked) == 1
