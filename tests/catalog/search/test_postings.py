"""The bitmaps say what the entries say, whoever wrote them, in whatever order, and are repaired where they do not."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from pyroaring import BitMap

from catalog.models import MediaFile, SearchBlock, SearchChange, SearchEntry, SearchPosting
from catalog.search import index, postings
from catalog.search.engines import engine
from catalog.search.postings import KnownPostings, facet_counts
from catalog.search.wanted import Range, Wanted
from catalog.services import tags
from tests.factories import make_file, make_source, make_tag
from tests.threads import at_once

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

pytestmark = pytest.mark.django_db


def make_files(count: int) -> list[int]:
    source = make_source()
    return [make_file(f"Clip {number} {'bluff' if number % 3 else 'cooler'}.mp4", source=source).pk for number in range(count)]


def counted() -> Counter[str]:
    """Facets of all entries, one by one."""
    return Counter(token for facets in SearchEntry.objects.values_list("facets", flat=True) for token in facets.split())


def all_ids() -> list[int]:
    return list(SearchEntry.objects.values_list("pk", flat=True))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of four ids, and a memory that knows nothing of larger ones."""
    monkeypatch.setattr(postings, "BLOCK", 4)
    monkeypatch.setattr(postings, "known_postings", KnownPostings())


@pytest.mark.parametrize("count", [0, 1, 900, 1100, 20_000, 150_000])
@pytest.mark.parametrize("newest", [1.0, 0.1], ids=["of all", "of the newest"])
def test_facets_are_counted_alike_among_few_and_many(count: int, newest: float) -> None:
    dice, end = random.Random(count), 200_000
    files = BitMap(dice.sample(range(int(end * (1 - newest)), end), min(count, int(end * newest))))
    having = {
        "tag_1": BitMap(dice.sample(range(end), 700)),
        "year_2024": BitMap(dice.sample(range(end), 90_000)),
        "kind_video": BitMap(range(end)),
        "player_1": BitMap([end - 1]),
        "player_2": BitMap(),
    }
    counts = {token: len(set(some) & set(files)) for token, some in having.items()}
    assert postings.count_each(files, having) == {token: number for token, number in counts.items() if number}


def test_whatever_changes_they_count_what_the_entries_hold() -> None:
    dice, ids = random.Random(7), make_files(30)
    chosen = [make_tag(name) for name in ("Bluff", "Cooler", "Hero")]
    for _round in range(12):
        some = dice.sample(ids, 5)
        match dice.choice(("tag", "kind", "delete", "make")):
            case "tag":
                tags.add_tags(file_ids=some, tags=[dice.choice(chosen)], user=None)
            case "kind":
                MediaFile.objects.filter(pk__in=some).update(kind=dice.choice(("audio", "image", "video")), width_px=1920, height_px=1080)
            case "delete":
                MediaFile.objects.filter(pk__in=some[:2]).delete()
                ids = [pk for pk in ids if pk not in some[:2]]
            case _:
                ids += make_files(3)
        index.refresh_all()
        assert facet_counts.of(all_ids()) == counted()
        assert postings.check() == 0
    assert not SearchPosting.objects.filter(ids=BitMap().serialize()).exists()


def test_what_somebody_broke_is_repaired() -> None:
    ids = make_files(6)
    index.refresh_all()
    SearchPosting.objects.filter(token="kind_video").delete()
    block = ids[0] // postings.BLOCK  # where sequences stand is the affair of the tests before
    SearchPosting.objects.create(block=block, token="kind_ghost", is_facet=True, ids=BitMap(ids[:1]).serialize())
    assert index.check().wrong == 1
    assert facet_counts.of(all_ids()) == counted()
    assert index.check().wrong == 0


def test_a_block_without_postings_gets_all_of_them_with_its_next_change() -> None:
    """As after the migration that brought them."""
    ids = make_files(6)
    index.refresh_all()
    SearchPosting.objects.all().delete()
    SearchBlock.objects.all().delete()
    SearchChange.objects.create(file_id=ids[0])
    index.refresh_all()
    assert facet_counts.of(all_ids()) == counted()
    assert postings.check() == 0


@pytest.mark.usefixtures("small_blocks")
def test_blocks_are_counted_together() -> None:
    ids = make_files(11)
    index.refresh_all()
    assert SearchBlock.objects.count() >= 3
    assert facet_counts.of(ids) == counted()
    wanted = Wanted(clauses=((("bluff",),),))
    expected = sorted((pk for number, pk in enumerate(ids) if number % 3), reverse=True)
    assert engine(wanted).newest(100) == expected
    assert engine(wanted).newest(2, up_to=expected[2]) == expected[2:4]
    assert postings.check() == 0


@pytest.mark.usefixtures("small_blocks")
def test_what_was_read_is_read_again_only_of_blocks_that_changed(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ids = make_files(11)
    index.refresh_all()
    known = KnownPostings()
    bluffs = BitMap(pk for number, pk in enumerate(ids) if number % 3)
    with django_assert_num_queries(2):
        assert known.of(["clip", "bluff", "nowhere"]) == {"clip": BitMap(ids), "bluff": bluffs, "nowhere": BitMap()}
    with django_assert_num_queries(1):
        assert known.of(["bluff", "nowhere"]) == {"bluff": bluffs, "nowhere": BitMap()}
    SearchPosting.objects.exclude(block=ids[1] // 4).update(ids=BitMap([77]).serialize())  # would be seen if it were read
    MediaFile.objects.filter(pk=ids[1]).delete()
    index.refresh_all()
    with django_assert_num_queries(2):
        assert known.of(["clip", "bluff"]) == {"clip": BitMap(ids) - BitMap([ids[1]]), "bluff": bluffs - BitMap([ids[1]])}
    with django_assert_num_queries(1):
        assert known.of(["bluff"])["bluff"] == bluffs - BitMap([ids[1]])


def test_what_was_rolled_back_is_not_remembered() -> None:
    ids = make_files(3)
    index.refresh_all()
    known = KnownPostings()
    with contextlib.suppress(InterruptedError), transaction.atomic():
        MediaFile.objects.filter(pk=ids[0]).delete()
        index.refresh_all()
        assert known.of(["clip"])["clip"] == BitMap(ids[1:])
        raise InterruptedError
    assert known.of(["clip"])["clip"] == BitMap(ids)


def test_only_what_was_asked_for_last_is_remembered(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(postings, "_REMEMBERED_BYTES", 3_000)
    make_files(3)
    index.refresh_all()
    known = KnownPostings()
    known.of(["clip"])
    known.of(["bluff"])
    known.of(["cooler"])
    with django_assert_num_queries(1):
        known.of(["cooler"])
    with django_assert_num_queries(2):
        assert len(known.of(["clip"])["clip"]) == 3


def test_ids_far_apart_cost_no_more_than_ids_side_by_side(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    near = make_files(3)
    far = make_file("far clip.mp4", id=2**31)
    index.refresh_all()
    with django_assert_max_num_queries(60):
        assert postings.check() == 0
    SearchPosting.objects.all().delete()
    SearchBlock.objects.all().delete()
    with django_assert_max_num_queries(60):
        postings.make_missing()
    assert engine(Wanted(clauses=((("clip",),),))).newest(100) == [far.pk, *sorted(near, reverse=True)]


def test_a_range_is_looked_up_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_LOOKED_AT", 3)
    ids = make_files(12)
    for number, pk in enumerate(ids):
        MediaFile.objects.filter(pk=pk).update(size_bytes=number)
    index.refresh_all()
    found = engine(Wanted(clauses=((("clip",),),), ranges=(Range("size_bytes", ((2, 9),)),)))
    assert found.newest(100) == ids[8:1:-1]
    assert found.newest(2) == ids[8:6:-1]
    assert (len(found.newest(100)), len(found.newest(3))) == (7, 3)


@pytest.mark.django_db(transaction=True)
def test_two_that_write_the_same_block_lose_nothing() -> None:
    ids = make_files(40)
    index.refresh_all()
    halves, marks = (ids[::2], ids[1::2]), [make_tag("One"), make_tag("Two")]

    def put(half: int) -> None:
        for pk in halves[half]:
            tags.add_tags(file_ids=[pk], tags=[marks[half]], user=None)
            index.refresh()

    at_once(lambda: put(0), lambda: put(1))
    index.refresh_all()
    assert facet_counts.of(ids) == counted()
    assert [counted()[f"tag_{mark.pk}"] for mark in marks] == [20, 20]
    assert postings.check() == 0
