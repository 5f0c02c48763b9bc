"""The summary cube is what a count would give: whatever is changed, whoever is killed, and whoever writes at the same time."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce

from catalog.choices import FileKind, Presence, ProbeState
from catalog.models import Content, MediaFile, Series, SummaryCell
from catalog.summary import FILES
from mam.lib import cubes, triggers
from tests.factories import make_catalog, make_content, make_file, make_folder, make_series, make_source
from tests.fixtures.processes import eventually
from tests.threads import at_once

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db

BY = ("catalog_id", "year", "kind", "extension", "presence", "probe_state")
Cells = dict[tuple[object, ...], tuple[int, int, int]]


def stored() -> Cells:
    """The cube, without the cells that are nothing."""
    rows = SummaryCell.objects.values_list(*BY).annotate(Sum("files"), Sum("bytes"), Sum("duration_ms"))
    return {row[: len(BY)]: row[len(BY) :] for row in rows if any(row[len(BY) :])}


def counted() -> Cells:
    """Counted by the ORM, so that a mistake in the SQL of the cube does not hide itself."""
    rows = (
        MediaFile.objects.annotate(catalog_id=Coalesce("content__series__catalog_id", 0), year=Coalesce(F("content__series__year"), 0))
        .values_list(*BY)
        .annotate(Count("pk"), Sum("size_bytes"), Sum("duration_ms", default=0))
        .order_by()
    )
    return {row[: len(BY)]: row[len(BY) :] for row in rows}


def assert_right() -> None:
    assert stored() == counted()
    assert FILES.differences(connection) == []


def wait_until_doubts_are_over() -> None:
    """Whoever writes anywhere on the server counts, so do the tests beside this one."""
    eventually(lambda: FILES.doubts_are_over(connection), within_s=120, what="the doubts being over")


@pytest.fixture
def files() -> list[MediaFile]:
    contents = [make_content(make_series(name=str(2020 + number % 3))) for number in range(6)]
    folder = make_folder(make_source())
    made = [make_file(f"{number}.{'mp4' if number % 3 else 'mxf'}", folder=folder) for number in range(20)]
    for number, file in enumerate(made[:14]):
        MediaFile.objects.filter(pk=file.pk).update(content=contents[number % 6])
    return made


CHANGES: dict[str, Callable[[], object]] = {
    "size": lambda: MediaFile.objects.update(size_bytes=F("size_bytes") + 7),
    "length": lambda: MediaFile.objects.filter(extension="mp4").update(duration_ms=None),
    "missing": lambda: MediaFile.objects.filter(pk__in=MediaFile.objects.values("pk")[:5]).update(presence=Presence.MISSING),
    "not readable": lambda: MediaFile.objects.update(probe_state=ProbeState.FAILED),
    "out of every content": lambda: MediaFile.objects.update(content=None),
    "all into one content": lambda: MediaFile.objects.update(content=Content.objects.first()),
    "contents to another series": lambda: Content.objects.filter(pk__in=Content.objects.values("pk")[:3]).update(series=make_series()),
    "year of series": lambda: Series.objects.update(year=2011),
    "no year": lambda: Series.objects.update(year=None),
    "series to another catalog": lambda: Series.objects.filter(pk=Content.objects.earliest("pk").series_id).update(catalog=make_catalog()),
    "series deleted": lambda: Series.objects.all().delete(),
    "files deleted": lambda: MediaFile.objects.filter(extension="mp4").delete(),
    "what the cube does not read": lambda: MediaFile.objects.update(title="x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_cube_follows_each_kind_of_change(files: list[MediaFile], change: Callable[[], object]) -> None:
    assert len(files) == 20
    assert_right()
    change()
    assert_right()


def test_what_is_not_read_adds_no_row(files: list[MediaFile]) -> None:
    before = SummaryCell.objects.count()
    MediaFile.objects.update(title="x", size_bytes=F("size_bytes"))
    Content.objects.update(title="y")
    assert SummaryCell.objects.count() == before


def test_joined_rows_that_come_after_their_files_or_go_before_them_count(files: list[MediaFile]) -> None:
    """As a dump is read, or tables are tidied by hand, while foreign keys wait for the end of the transaction."""
    content = Content.objects.filter(files__isnull=False).order_by("pk").first()
    assert content is not None
    table = Content._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [content.pk])  # noqa: S608
        assert_right()
    Content.objects.bulk_create([content])
    assert_right()


def test_the_cube_equals_a_count_after_any_changes(files: list[MediaFile]) -> None:
    dice = random.Random(2026)
    for number in range(120):
        dice.choice([_add, _change, _remove, _move_content, _change_series, _fold])(dice)
        if number % 10 == 0:
            assert_right()
    assert_right()


def _add(dice: random.Random) -> None:
    content = Content.objects.order_by("?").first() if dice.random() < 0.5 else None
    make_file(f"new {dice.random()}.{dice.choice(['mp4', 'mov', 'jpg'])}", content=content, size_bytes=dice.randrange(10**12))


def _change(dice: random.Random) -> None:
    ids = dice.sample(list(MediaFile.objects.values_list("pk", flat=True)), 4)
    change: dict[str, object] = dice.choice(
        [
            {"presence": dice.choice(Presence.values)},
            {"probe_state": dice.choice(ProbeState.values), "duration_ms": dice.choice([None, 5000])},
            {"size_bytes": dice.randrange(10**9), "extension": "ts", "kind": dice.choice(FileKind.values)},
            {"content": Content.objects.order_by("?").first(), "video_codec": dice.choice(["h264", "hevc"])},
        ]
    )
    MediaFile.objects.filter(pk__in=ids).update(**change)


def _remove(dice: random.Random) -> None:
    MediaFile.objects.filter(pk__in=dice.sample(list(MediaFile.objects.values_list("pk", flat=True)), 1)).delete()


def _move_content(dice: random.Random) -> None:
    ids = list(Content.objects.values_list("pk", flat=True))
    Content.objects.filter(pk__in=dice.sample(ids, len(ids) // 2)).update(series=make_series(name=str(dice.randrange(2000, 2030))))


def _change_series(dice: random.Random) -> None:
    ids = list(Series.objects.values_list("pk", flat=True))
    Series.objects.filter(pk__in=dice.sample(ids, len(ids) // 2)).update(year=dice.choice([None, 1999, 2024]))
    Series.objects.filter(pk=dice.choice(ids)).update(catalog=make_catalog())


def _fold(_dice: random.Random) -> None:
    FILES.fold(connection)


def test_folding_leaves_one_row_of_each_cell_that_is_something(files: list[MediaFile]) -> None:
    MediaFile.objects.update(size_bytes=F("size_bytes") + 1)
    MediaFile.objects.filter(extension="mxf").delete()
    SummaryCell.objects.update(doubt_xid=None)
    before = stored()
    FILES.fold(connection)
    assert stored() == before
    assert (
        SummaryCell.objects.count()
        == SummaryCell.objects.values(*BY, "hls").distinct().count()
        == SummaryCell.objects.filter(is_sum=True).count()
    )
    assert not SummaryCell.objects.filter(files=0).exists()


def test_folding_is_asked_for_after_many_rows_and_not_again(monkeypatch: pytest.MonkeyPatch, files: list[MediaFile]) -> None:
    monkeypatch.setattr(cubes, "SCATTERED", 10)
    SummaryCell.objects.all().delete()
    for number in range(9):
        MediaFile.objects.filter(pk=files[number].pk).update(kind=FileKind.OTHER, extension=f"x{number}")
    MediaFile.objects.filter(pk=files[9].pk).delete()
    assert FILES.is_scattered(connection)
    FILES.fold(connection)
    MediaFile.objects.filter(pk=files[10].pk).delete()
    assert not FILES.is_scattered(connection)


def test_what_went_wrong_is_found_and_repaired(files: list[MediaFile]) -> None:
    SummaryCell.objects.filter(pk=SummaryCell.objects.earliest("pk").pk).delete()
    SummaryCell.objects.create(
        **{"catalog_id": 0, "year": 1990, "kind": "video", "extension": "zzz", "presence": "present", "probe_state": "done"},
        **{"hls": "no", "files": 3, "bytes": 5, "duration_ms": 0},
    )
    wrong = FILES.repair(connection)
    assert (0, 1990, "video", "zzz", "present", "done", "no", -3, -5, 0) in wrong
    assert len(wrong) >= 2
    assert_right()
    assert FILES.repair(connection) == []


def test_a_cube_whose_triggers_were_dropped_is_made_right_when_they_come_back(files: list[MediaFile]) -> None:
    for name, table in triggers.installed(connection, FILES.family).items():
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {name} ON {table}" if connection.vendor == "postgresql" else f"DROP TRIGGER {name}")
    MediaFile.objects.filter(pk=files[0].pk).delete()
    assert FILES.differences(connection)
    FILES.install(connection)
    assert_right()


def test_a_first_installation_fills_the_cube(files: list[MediaFile]) -> None:
    SummaryCell.objects.all().delete()
    FILES.repair(connection)
    assert_right()


def test_two_cubes_of_one_name_are_refused() -> None:
    other = cubes.Cube("files", "t", cubes.Table("f", "f", ("id",)), (), {"a": "f.a"}, {"n": "1"})
    with pytest.raises(ValueError, match="files"):
        cubes.register(other)


# --- at the same time -------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_dies_leaves_nothing_in_the_cube() -> None:
    file = make_file("film.mp4")
    with pytest.raises(RuntimeError), transaction.atomic():
        MediaFile.objects.filter(pk=file.pk).update(size_bytes=1)
        make_file("other.mp4")
        raise RuntimeError
    assert_right()


@pytest.mark.django_db(transaction=True)
def test_writers_and_folding_at_the_same_time_lose_nothing() -> None:
    folder = make_folder(make_source())
    contents = [make_content() for _ in range(4)]
    parts = [[make_file(f"{part} {number}.mp4", folder=folder).pk for number in range(15)] for part in range(3)]

    def write(ids: list[int], seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(15):
            with transaction.atomic():
                chosen = dice.sample(ids, 5)
                MediaFile.objects.filter(pk__in=chosen).update(size_bytes=dice.randrange(10**9), content=dice.choice(contents))
                if dice.random() < 0.3:
                    transaction.set_rollback(True)

    def fold() -> None:
        for _ in range(30):
            FILES.fold(connection)

    at_once(*(lambda ids=ids, seed=seed: write(ids, seed) for seed, ids in enumerate(parts)), fold, fold)
    assert_right()


@pytest.mark.django_db(transaction=True)
def test_a_file_and_its_series_changed_beside_each_other_are_right_once_both_have_ended() -> None:
    series = make_series(name="2020")
    file = make_file("film.mp4", content=make_content(series), size_bytes=5)
    is_changed, may_end = threading.Event(), threading.Event()

    def change_year() -> None:
        with transaction.atomic():
            Series.objects.filter(pk=series.pk).update(year=2021)
            is_changed.set()
            assert connection.vendor == "sqlite" or may_end.wait(timeout=30)

    def change_file() -> None:
        assert is_changed.wait(timeout=30)
        with transaction.atomic():
            MediaFile.objects.filter(pk=file.pk).update(size_bytes=7)
            may_end.set()

    at_once(change_year, change_file)
    if connection.vendor == "postgresql":
        wait_until_doubts_are_over()
        assert FILES.settle(connection)
    assert_right()
    assert not FILES.doubts_are_over(connection)


@pytest.mark.django_db(transaction=True)
def test_a_doubt_lasts_as_long_as_anybody_writes_who_may_not_have_seen_the_change() -> None:
    series = make_series(name="2020")
    make_file("film.mp4", content=make_content(series), size_bytes=5)
    other = make_file("other.mp4")
    if connection.vendor == "sqlite":  # nobody writes beside it
        Series.objects.filter(pk=series.pk).update(year=2021)
        assert not SummaryCell.objects.filter(doubt_xid__isnull=False).exists()
        return
    is_writing, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            MediaFile.objects.filter(pk=other.pk).update(size_bytes=7)
            is_writing.set()
            assert may_end.wait(timeout=30)

    def change_year() -> None:
        assert is_writing.wait(timeout=30)
        Series.objects.filter(pk=series.pk).update(year=2021)
        is_over.append(FILES.doubts_are_over(connection))
        FILES.settle(connection)
        FILES.fold(connection)
        is_over.append(FILES.doubts_are_over(connection))
        may_end.set()

    is_over: list[bool] = []
    at_once(write, change_year)
    assert is_over == [False, False]
    wait_until_doubts_are_over()
    FILES.settle(connection)
    assert not SummaryCell.objects.filter(doubt_xid__isnull=False).exists()
    assert_right()


@pytest.mark.django_db(transaction=True)
def test_files_and_series_changed_by_many_at_once_never_deadlock_and_end_right() -> None:
    all_series = [make_series(name=str(2000 + number)) for number in range(4)]
    contents = [make_content(one) for one in all_series for _ in range(2)]
    folder = make_folder(make_source())
    ids = [make_file(f"{number}.mp4", folder=folder, content=contents[number % 8]).pk for number in range(40)]

    def change_files(part: list[int], seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(12):
            with transaction.atomic():
                for pk in sorted(dice.sample(part, 4)):
                    MediaFile.objects.filter(pk=pk).update(size_bytes=dice.randrange(1000), content=dice.choice(contents))

    def change_series() -> None:
        dice = random.Random(5)
        for _ in range(12):
            Series.objects.filter(pk=dice.choice(all_series).pk).update(year=dice.randrange(1990, 2030))
            Content.objects.filter(pk=dice.choice(contents).pk).update(series=dice.choice(all_series))

    def settle() -> None:
        for _ in range(10):
            if FILES.doubts_are_over(connection):
                FILES.settle(connection)
            FILES.fold(connection)

    at_once(lambda: change_files(ids[:20], 1), lambda: change_files(ids[20:], 2), change_series, settle)
    if SummaryCell.objects.filter(doubt_xid__isnull=False).exists():
        wait_until_doubts_are_over()
        FILES.settle(connection)
    assert_right()
