"""Placements and curators at the same time: nobody deadlocks, nothing is made twice, nothing is left over."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from catalog.choices import Placement, ProbeReason
from catalog.errors import CollectionCycleError
from catalog.models import Catalog, Collection, Content, Folder, MediaFile, Series, Source, Tag
from catalog.services import arranging, collections, rollups, tags, technical
from catalog.services.known import lock_files
from catalog.services.placement import load_placer, load_rules, place_files
from catalog.services.registration import Listing, ensure_root, register_listings
from catalog.services.technical import FileVersion, Finding
from mam.lib.sources import Entry
from tests.factories import make_collection, make_file, make_folder, make_source, make_tag
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 4


def test_the_same_new_catalogs_are_made_once() -> None:
    source = make_source()
    ids = [make_file(f"{catalog}/2024/{number}.mp4", source=source).pk for catalog in ("A", "B", "C") for number in range(10)]
    at_once(*(lambda order=order: place_files(file_ids=ids[::order]) for order in (1, -1, 1, -1)))
    assert sorted(Catalog.objects.values_list("name", flat=True)) == ["A", "B", "C"]
    assert (Series.objects.count(), Content.objects.count()) == (3, 30)


def test_moving_files_about_leaves_every_file_in_its_place_and_no_empty_content() -> None:
    source = make_source()
    folders = [make_folder(source, f"{catalog}/{year}") for catalog in ("A", "B") for year in (2023, 2024)]
    files = [make_file(f"{number}.mp4", folder=folders[number % 4]) for number in range(40)]
    ids = [file.pk for file in files]
    place_files(file_ids=ids)

    def move_and_place(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(ROUNDS):
            chosen = dice.sample(ids, 10)
            with transaction.atomic():
                lock_files(chosen)  # as a scan does: an update alone locks its rows in no order
                MediaFile.objects.filter(pk__in=chosen).update(folder=dice.choice(folders))
            place_files(file_ids=chosen)

    def curate() -> None:
        dice = random.Random(99)
        for _ in range(ROUNDS):
            target = Content.objects.select_related("series").order_by("pk").first()
            if target is not None and Content.objects.filter(pk=target.pk, is_curated=False).update(is_curated=True):
                arranging.move_files(file_ids=dice.sample(ids, 3), content=target, user=None)

    at_once(*(lambda seed=seed: move_and_place(seed) for seed in range(3)), curate)
    place_files(file_ids=ids)
    book = load_rules()
    for file in MediaFile.objects.filter(placement=Placement.RULE).select_related("folder", "content__series__catalog"):
        place = book.place(file.path, source_id=source.pk, source_name=source.name)
        assert file.content is not None
        series = file.content.series
        assert (series.catalog.key, series.key, file.content.key) == (place.catalog_key, place.series_key, place.content_key)
    assert not Content.objects.filter(files=None, is_curated=False).exists()
    assert all(series.total_contents == series.count for series in Series.objects.annotate(count=Count("contents")))


def test_a_collection_filled_by_several_keeps_each_file_once_and_its_order_whole() -> None:
    source = make_source()
    ids = [make_file(source=source).pk for _ in range(12)]
    collection = make_collection()
    at_once(*(lambda start=start: collections.add_files(collection=collection, file_ids=ids[start:], user=None) for start in (0, 3, 6)))
    items = list(collection.items.order_by("position").values_list("position", "file_id"))
    assert [position for position, _file_id in items] == list(range(12))
    assert sorted(file_id for _position, file_id in items) == sorted(ids)


def test_two_moves_at_once_do_not_close_a_ring() -> None:
    one, two = make_collection(), make_collection()

    def nest(inner: Collection, outer: Collection) -> None:
        try:
            collections.nest_collection(collection=inner, parent=outer, user=None)
        except CollectionCycleError:
            refused.append(inner)

    refused: list[Collection] = []
    at_once(lambda: nest(one, two), lambda: nest(two, one))
    assert len(refused) == 1
    assert Collection.objects.filter(parent=None).count() == 1


def test_the_same_tag_put_on_the_same_files_by_several_is_there_once() -> None:
    source = make_source()
    ids = [make_file(source=source).pk for _ in range(10)]
    tag = make_tag()
    at_once(*(lambda: tags.add_tags(file_ids=ids, tags=[tag], user=None) for _ in range(3)))
    assert Tag.objects.get().files.count() == 10


def test_a_scan_and_the_analysis_of_its_files_neither_deadlock_nor_undo_each_other() -> None:
    source = make_source()
    root = ensure_root(source=source)
    now = timezone.now()
    old_ns = 1_500_000_000 * 10**9
    settle = timedelta(0)
    register_listings(
        source=source,
        settle=settle,
        listings=[Listing(root.pk, [Entry(f"d{n}", True, 0, old_ns, old_ns, 1000 + n) for n in range(20)], 0, now)],
    )
    folders = list(Folder.objects.filter(parent=root).order_by("pk"))

    def listing(folder: Folder, ctime_ns: int) -> Listing:
        entries = [Entry(f"{n}.mp4", False, 5, old_ns, ctime_ns, folder.pk * 1000 + n) for n in range(10)]
        return Listing(folder.pk, entries, 0, timezone.now())

    register_listings(source=source, settle=settle, listings=[listing(folder, 0) for folder in folders])
    files = list(MediaFile.objects.order_by("pk"))

    def scan() -> None:
        for turn in range(1, 9):  # ctimes appear: every row is written again, in no order of id
            for start in range(0, 20, 5):
                part = list(reversed(folders))[start : start + 5]
                register_listings(source=source, settle=settle, listings=[listing(folder, 0 if turn % 2 else turn) for folder in part])

    def analyse() -> None:
        dice = random.Random(7)
        for _ in range(12):
            chosen = dice.sample(files, 40)
            versions = [FileVersion(file.pk, file.version, file.size_bytes, file.mtime_ns) for file in chosen]
            technical.store_descriptions(findings=[Finding(version, None, ProbeReason.UNREADABLE, "") for version in versions])

    def ask_again() -> None:
        dice = random.Random(8)
        for _ in range(30):
            technical.queue_probe(file=dice.choice(files))

    def curate() -> None:
        dice = random.Random(9)
        for _ in range(15):
            arranging.move_files(file_ids=[file.pk for file in dice.sample(files, 40)], content=None, user=None)

    at_once(scan, analyse, ask_again, curate)
    assert rollups.verify(source=source) == []


def test_scans_that_place_what_they_find_and_curators_neither_deadlock_nor_miscount() -> None:
    old_ns = 1_500_000_000 * 10**9
    sources = [make_source() for _ in range(2)]

    def scan(source: Source, order: int) -> None:
        root = ensure_root(source=source)
        tops = [Entry(name, True, 0, old_ns, old_ns, number) for number, name in enumerate("ABCD", start=100)]
        found = register_listings(source=source, settle=timedelta(0), listings=[Listing(root.pk, tops, 0, timezone.now())])
        for number, folder in enumerate(found.subfolders[::order]):
            names = [Entry(f"{n}.mp4", False, 5, old_ns, old_ns, number * 100 + n) for n in range(20)]
            listing = Listing(folder.pk, names, 0, timezone.now())
            register_listings(source=source, settle=timedelta(0), listings=[listing], placer=load_placer(source))

    def curate() -> None:
        dice = random.Random(5)
        for _ in range(30):
            ids = list(MediaFile.objects.values_list("pk", flat=True))
            if ids:
                arranging.move_files(file_ids=dice.sample(ids, min(10, len(ids))), content=None, user=None)

    at_once(*(lambda source=source, order=order: scan(source, order) for source, order in zip(sources, (1, -1), strict=True)), curate)
    assert MediaFile.objects.count() == 2 * 4 * 20
    assert not MediaFile.objects.filter(placement=Placement.RULE, content=None).exists()
    assert all(series.total_contents == series.count for series in Series.objects.annotate(count=Count("contents")))
    assert all(rollups.verify(source=source) == [] for source in sources)
