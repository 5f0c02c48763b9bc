"""What a batch of listings costs, and what it recognises, at the level of the service that writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.choices import Placement, Presence
from catalog.models import Catalog, Content, Folder, MediaFile, Series, Source
from catalog.services import moves, rollups
from catalog.services.placement import load_placer, place_files
from catalog.services.registration import Listing, Registered, ensure_root, register_listings
from mam.lib.sources import Entry
from tests.factories import make_rule, make_source

if TYPE_CHECKING:
    from catalog.services.arrivals import Placer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OLD_NS = 1_500_000_000 * 10**9
SETTLE = timedelta(seconds=15)


def directory(name: str, file_id: int, mtime_ns: int = OLD_NS) -> Entry:
    return Entry(name, True, 0, mtime_ns, mtime_ns, file_id)


def clip(name: str, file_id: int | None, *, size_bytes: int = 5, mtime_ns: int = OLD_NS) -> Entry:
    return Entry(name, False, size_bytes, mtime_ns, mtime_ns, file_id)


def register(source: Source, *listings: tuple[Folder, list[Entry]], minutes: int = 0, placer: Placer | None = None) -> Registered:
    at = NOW + timedelta(minutes=minutes)
    found = [Listing(folder.pk, entries, OLD_NS, at) for folder, entries in listings]
    return register_listings(source=source, settle=SETTLE, listings=found, placer=placer)


def folders_of(source: Source, *names: str) -> list[Folder]:
    """New folders in the root of `source`, with file ids from 100."""
    root = ensure_root(source=source)
    found = register(source, (root, [directory(name, 100 + number) for number, name in enumerate(names)]))
    return found.subfolders


def statements_of(count: int) -> int:
    """How many it takes to register `count` folders of as many files, each with a folder of its own in it."""
    source = make_source()
    folders = folders_of(source, *(f"{number}" for number in range(count)))
    listings = [
        (folder, [directory("inner", 1_000 + folder.pk), *(clip(f"{number}.mp4", folder.pk * 1_000 + number) for number in range(count))])
        for folder in folders
    ]
    with CaptureQueriesContext(connection) as queries:
        result = register(source, *listings)
    assert (result.added, len(result.subfolders)) == (count * count, count)
    return len(queries)


def test_a_first_look_takes_the_same_few_statements_for_a_few_folders_and_for_many() -> None:
    assert statements_of(30) == statements_of(3) <= 24


def test_the_ids_of_new_files_are_told() -> None:
    source = make_source()
    (folder,) = folders_of(source, "a")
    first = register(source, (folder, [clip("one.mp4", 1)]))
    second = register(source, (folder, [clip("one.mp4", 1), clip("two.mp4", 2), clip("three.mp4", 3)]), minutes=1)
    assert [MediaFile.objects.get(pk=pk).name for pk in first.arrived_ids] == ["one.mp4"]
    assert [MediaFile.objects.get(pk=pk).name for pk in second.arrived_ids] == ["two.mp4", "three.mp4"]


@pytest.mark.parametrize("few", [0, 500])
def test_files_that_left_long_ago_are_recognised_however_many_there_are(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "FEW_ABSENT", few)
    source = make_source()
    here, there = folders_of(source, "here", "there")
    register(source, (here, [clip("by id.mp4", 1), clip("by name.mp4", None, size_bytes=77), clip("gone.mp4", 3)]))
    old = {file.name: file.pk for file in MediaFile.objects.all()}
    register(source, (here, []), minutes=1)
    MediaFile.objects.filter(name="by id.mp4").update(presence=Presence.MISSING)

    found = register(source, (there, [clip("renamed.mp4", 1), clip("by name.mp4", None, size_bytes=77), clip("new.mp4", 9)]), minutes=2)

    now = {file.name: file.pk for file in MediaFile.objects.filter(folder=there)}
    assert (now["renamed.mp4"], now["by name.mp4"]) == (old["by id.mp4"], old["by name.mp4"])
    assert now["new.mp4"] not in old.values()
    assert (found.moved, found.added) == (2, 1)
    assert MediaFile.objects.get(pk=old["by id.mp4"]).presence == Presence.PRESENT


def test_a_folder_and_one_that_was_in_it_move_in_one_batch() -> None:
    source = make_source()
    root = ensure_root(source=source)
    outer, target = folders_of(source, "outer", "target")
    (inner,) = register(source, (outer, [directory("inner", 200)])).subfolders
    register(source, (inner, [clip("a.mp4", 1)]))

    register(
        source,
        (root, [directory("target", 101)]),
        (target, [directory("moved", 100), directory("apart", 200)]),
        (outer, []),
        minutes=1,
    )

    outer.refresh_from_db()
    inner.refresh_from_db()
    assert (outer.path, inner.path) == ("target/moved", "target/apart")
    assert inner.lineage == f"/{root.pk}/{target.pk}/"
    assert MediaFile.objects.get().folder_id == inner.pk


@pytest.mark.parametrize(("age_s", "presence"), [(14, Presence.GROWING), (16, Presence.PRESENT)])
def test_a_new_file_is_growing_until_its_time_lies_back_long_enough(age_s: int, presence: str) -> None:
    source = make_source()
    (folder,) = folders_of(source, "a")
    mtime_ns = round(NOW.timestamp() - age_s) * 10**9
    found = register(source, (folder, [clip("a.mp4", 1, mtime_ns=mtime_ns)]))
    assert MediaFile.objects.get().presence == presence
    assert found.growing_folder_ids == ({folder.pk} if presence == Presence.GROWING else set())
    assert rollups.verify(source=source) == []


@pytest.mark.parametrize(("days", "priority"), [(6, 20), (8, 60)])
def test_new_files_of_this_week_are_analysed_before_the_old_archive(days: int, priority: int) -> None:
    source = make_source()
    (folder,) = folders_of(source, "a")
    mtime_ns = round((NOW - timedelta(days=days)).timestamp()) * 10**9
    register(source, (folder, [clip("a.mp4", 1, mtime_ns=mtime_ns)]))
    assert MediaFile.objects.get().probe_priority == priority


def test_every_kind_of_file_counts_as_a_rebuild_counts_it() -> None:
    source = make_source()
    (folder,) = folders_of(source, "a")
    register(source, (folder, [clip(f"a.{extension}", number) for number, extension in enumerate(["mp4", "wav", "srt", "jpg", "xyz"])]))
    folder.refresh_from_db()
    assert (folder.total_files, folder.total_videos, folder.total_pending, folder.total_bytes) == (5, 1, 2, 25)
    assert rollups.verify(source=source) == []


# --- placed as they are inserted --------------------------------------------------------------------------------------
def test_new_files_are_placed_with_their_insert_as_they_would_be_afterwards() -> None:
    names = ["ME_Day1_Part1.mp4", "ME_Day1_Part2.mxf", "HU.mp4", "sound.wav", "cover.jpg", "ME_Day1_Part2.ko.srt", "promo teaser.mp4"]
    entries = [clip(name, 10 + number) for number, name in enumerate(names)]
    make_rule(r"promo (?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")

    def works_of(catalog: str, *, is_foreseen: bool) -> list[tuple[object, ...]]:
        source = make_source()
        (folder,) = folders_of(source, catalog)
        found = register(source, (folder, entries), placer=load_placer(source) if is_foreseen else None)
        assert len(found.arrived_ids) == (1 if is_foreseen else len(names))  # the subtitle
        place_files(file_ids=found.arrived_ids)
        rows = MediaFile.objects.filter(source=source).order_by("name").values_list("name", "content__title", "part_number", "placement")
        totals = Series.objects.filter(contents__files__source=source).order_by("key").distinct()
        return [*rows, *totals.values_list("key", "name", "year", "total_contents", "is_curated")]

    assert works_of("WSOP", is_foreseen=True) == works_of("HCL", is_foreseen=False)


def test_what_was_foreseen_by_rules_that_changed_meanwhile_is_foreseen_again() -> None:
    source = make_source()
    (folder,) = folders_of(source, "WSOP")
    entries = [clip("promo teaser.mp4", 1), clip("cover.jpg", 2)]
    foreseen = load_placer(source).foresee("WSOP", [entry.name for entry in entries])
    make_rule(r"promo (?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")
    listing = Listing(folder.pk, entries, OLD_NS, NOW, foreseen)

    register_listings(source=source, settle=SETTLE, listings=[listing], placer=load_placer(source))

    assert list(Catalog.objects.values_list("name", flat=True)) == ["Promotion"]


def test_what_was_foreseen_of_a_folder_that_moved_meanwhile_is_foreseen_again() -> None:
    source = make_source()
    (folder,) = folders_of(source, "WSOP")
    foreseen = load_placer(source).foresee("HCL", ["a.mp4"])
    listing = Listing(folder.pk, [clip("a.mp4", 1)], OLD_NS, NOW, foreseen)

    register_listings(source=source, settle=SETTLE, listings=[listing], placer=load_placer(source))

    assert list(Catalog.objects.values_list("name", flat=True)) == ["WSOP"]


def test_rules_are_one_object_until_one_of_them_changes() -> None:
    source = make_source()
    before = load_placer(source).rules
    assert load_placer(source).rules is before
    make_rule(r"(?P<title>[^/]+)$", catalog_name="Promotion", series_name="All")
    assert load_placer(source).rules is not before


def test_contents_that_are_there_already_get_the_new_files_and_are_not_counted_again() -> None:
    source = make_source()
    one, two = folders_of(source, "WSOP", "wsop")
    register(source, (one, [clip("ME_Part1.mp4", 1)]), placer=load_placer(source))
    register(source, (two, [clip("me_Part2.mp4", 2), clip("HU.mp4", 3)]), minutes=1, placer=load_placer(source))
    assert sorted(Content.objects.values_list("title", "series__total_contents")) == [("HU", 2), ("ME", 2)]
    assert list(MediaFile.objects.order_by("file_id").values_list("part_number", flat=True)) == [1, 2, None]


def test_a_known_file_in_a_new_folder_keeps_what_a_curator_decided_and_makes_no_catalog() -> None:
    source = make_source()
    (here,) = folders_of(source, "WSOP")
    register(source, (here, [clip("a.mp4", 1), clip("b.mp4", 2)]), placer=load_placer(source))
    MediaFile.objects.filter(name="a.mp4").update(placement=Placement.CURATOR)
    content_id = MediaFile.objects.get(name="a.mp4").content_id
    root = ensure_root(source=source)
    (there,) = [one for one in register(source, (root, [directory("WSOP", 100), directory("PAD", 300)])).subfolders if one.name == "PAD"]

    found = register(source, (here, [clip("b.mp4", 2)]), (there, [clip("a.mp4", 1)]), minutes=1, placer=load_placer(source))

    place_files(file_ids=found.arrived_ids)
    assert (found.moved, found.added) == (1, 0)
    assert (MediaFile.objects.get(name="a.mp4").folder_id, MediaFile.objects.get(name="a.mp4").content_id) == (there.pk, content_id)
    assert list(Catalog.objects.values_list("name", flat=True)) == ["WSOP"]


def test_placing_takes_the_same_few_statements_for_a_few_folders_and_for_many() -> None:
    def statements(count: int) -> int:
        source = make_source()
        folders = folders_of(source, *(f"{number} of {count}" for number in range(count)))
        placer = load_placer(source)
        with CaptureQueriesContext(connection) as queries:
            register(
                source, *((folder, [clip(f"{n}.mp4", folder.pk * 1_000 + n) for n in range(count)]) for folder in folders), placer=placer
            )
        return len(queries)

    assert statements(30) == statements(3) <= 32
