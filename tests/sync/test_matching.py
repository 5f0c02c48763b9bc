"""Which file and which row belong together."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from catalog.choices import Presence
from catalog.models import MediaFile
from sync.choices import Action, HistoryEvent, MatchReason, MatchStatus
from sync.matching import folders, notes
from sync.matching.recompute import match_touched
from sync.matching.touches import touch_all, touch_rows
from sync.models import FolderMatches, HistoryRow, Match, MatchCell, Target, TargetRow, Touch
from sync.services.history import Actor
from tests.factories import make_content, make_file, make_folder, make_source
from tests.sync.factories import make_target, make_target_row

if TYPE_CHECKING:
    from catalog.models import Source

pytestmark = pytest.mark.django_db

BY = Actor(job_id=7)


@pytest.fixture
def source() -> Source:
    return make_source("ARCHIVE")


@pytest.fixture
def target(source: Source) -> Target:
    return make_target("OTT", sources={source: ""})


def match_of(file: MediaFile) -> Match:
    return Match.objects.get(file=file)


def update(file: MediaFile, **fields: Any) -> None:
    MediaFile.objects.filter(pk=file.pk).update(**fields)


def match() -> int:
    return match_touched(by=BY)


def test_a_file_without_a_row_is_new(source: Source, target: Target) -> None:
    file = make_file("WSOP/2024/day1.mp4", source=source)
    assert match() == 1
    found = match_of(file)
    assert (found.status, found.action, found.path, found.extension) == (MatchStatus.NEW, Action.INSERT, "WSOP/2024/day1.mp4", "mp4")
    assert (found.target, found.folder, found.size_bytes) == (target, file.folder, file.size_bytes)


def test_nothing_is_done_about_a_file_that_vanished_until_somebody_decides(source: Source, target: Target) -> None:
    synced, new = make_file("WSOP/synced.mp4", source=source), make_file("WSOP/new.mp4", source=source)
    make_target_row(target, "WSOP/elsewhere.mp4", file=synced)
    match()
    MediaFile.objects.update(presence=Presence.HELD)
    match()
    assert (match_of(synced).status, match_of(synced).reason, match_of(synced).action) == (MatchStatus.MOVED, MatchReason.HELD, Action.NONE)
    assert (match_of(new).status, match_of(new).reason, match_of(new).action) == (MatchStatus.NEW, MatchReason.HELD, Action.NONE)
    MediaFile.objects.update(presence=Presence.PRESENT)
    match()
    assert [(one.reason, one.action) for one in Match.objects.order_by("file")] == [("", Action.UPDATE), ("", Action.INSERT)]


def test_an_entry_of_a_file_that_is_gone_keeps_its_catalog(source: Source, target: Target) -> None:
    content = make_content()
    file = make_file("WSOP/a.mp4", source=source, content=content)
    make_target_row(target, file=file)
    match()
    update(file, presence=Presence.MISSING)
    match()
    found = Match.objects.get()
    assert (found.status, found.file, found.catalog) == (MatchStatus.DELETED, None, content.series.catalog)
    file.delete()
    match()
    assert Match.objects.get().catalog is None


def test_a_row_at_the_path_of_a_file_is_its_row(source: Source, target: Target) -> None:
    file = make_file("WSOP/day1.mp4", source=source)
    row = make_target_row(target, file=file)
    TargetRow.objects.update(file=None)
    match()
    assert (match_of(file).status, match_of(file).row, match_of(file).action) == (MatchStatus.SYNCED, row, Action.NONE)


def test_names_in_nfd_and_nfc_are_one_file(source: Source, target: Target) -> None:
    file = make_file(unicodedata.normalize("NFD", "홀덤/파이널 테이블.mp4"), source=source)
    row = make_target_row(target, "홀덤/파이널 테이블.mp4", size_bytes=file.size_bytes)
    match()
    assert (match_of(file).status, match_of(file).row) == (MatchStatus.SYNCED, row)


def test_a_row_without_a_file_is_deleted(target: Target) -> None:
    row = make_target_row(target)
    touch_rows([row.pk])
    match()
    found = Match.objects.get(row=row)
    assert (found.status, found.action, found.reason, found.file) == (MatchStatus.DELETED, Action.DELETE, MatchReason.NONE, None)


def test_a_row_that_is_marked_needs_nothing_more(target: Target) -> None:
    row = make_target_row(target, is_deleted=True)
    touch_rows([row.pk])
    match()
    assert (Match.objects.get(row=row).reason, Match.objects.get(row=row).action) == (MatchReason.MARKED, Action.NONE)


def test_an_unreadable_row_is_left_alone(target: Target) -> None:
    row = make_target_row(target, error="no path")
    touch_rows([row.pk])
    match()
    assert (Match.objects.get(row=row).reason, Match.objects.get(row=row).action) == (MatchReason.UNREADABLE, Action.NONE)


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("special.mxf", {}, MatchReason.NOT_HLS),
        ("special.srt", {}, MatchReason.UNSUPPORTED),
        ("special.mp4", {"presence": Presence.GROWING}, MatchReason.GROWING),
    ],
)
def test_what_is_not_synced_says_why(source: Source, target: Target, name: str, fields: dict[str, Any], reason: MatchReason) -> None:
    file = make_file(name, source=source, **fields)
    match()
    assert (match_of(file).status, match_of(file).reason) == (MatchStatus.NOT_SYNCED, reason)


def test_the_filter_can_be_off(source: Source, target: Target) -> None:
    file = make_file("special.mxf", source=source)
    match()
    Target.objects.update(is_hls_only=False)
    touch_all()
    match()
    assert match_of(file).status == MatchStatus.NEW


def test_of_copies_the_first_seen_syncs_and_then_the_next(source: Source, target: Target) -> None:
    first = make_file("HCL/EP123.mp4", source=source, size_bytes=5)
    second = make_file("HCL/Archive/EP123.mp4", source=source, size_bytes=5)
    other = make_file("HCL/Other/EP123.mp4", source=source, size_bytes=6)
    row = make_target_row(target, file=first)
    match()
    assert [match_of(file).status for file in (first, second, other)] == [
        MatchStatus.SYNCED_WITH_DUPLICATES,
        MatchStatus.DUPLICATE,
        MatchStatus.NEW,
    ]
    assert match_of(first).copies == 1

    update(first, presence=Presence.MISSING)
    match()
    assert not Match.objects.filter(file=first).exists()
    assert (match_of(second).status, match_of(second).row, match_of(second).action) == (MatchStatus.MOVED, row, Action.UPDATE)

    update(first, presence=Presence.PRESENT)
    match()
    assert [match_of(file).status for file in (first, second)] == [MatchStatus.SYNCED_WITH_DUPLICATES, MatchStatus.DUPLICATE]


def test_a_file_that_moves_keeps_its_row(source: Source, target: Target) -> None:
    file = make_file("A/day1.mp4", source=source)
    row = make_target_row(target, file=file)
    match()
    update(file, folder=make_folder(source, "B"), name="day one.mp4", name_key="day one.mp4")
    match()
    assert (match_of(file).status, match_of(file).row, match_of(file).path) == (MatchStatus.MOVED, row, "B/day one.mp4")


def test_a_file_that_only_changes_its_case_has_moved(source: Source, target: Target) -> None:
    file = make_file("A/day1.mp4", source=source)
    make_target_row(target, file=file)
    match()
    update(file, name="Day1.mp4")
    match()
    assert match_of(file).status == MatchStatus.MOVED


def test_a_file_that_is_found_anew_elsewhere_gets_the_row_of_its_name_and_size(source: Source, target: Target) -> None:
    gone = make_file("A/day1.mp4", source=source, size_bytes=7)
    row = make_target_row(target, file=gone)
    match()
    update(gone, presence=Presence.MISSING)
    found = make_file("B/day1.mp4", source=source, size_bytes=7)
    match()
    assert (match_of(found).status, match_of(found).row) == (MatchStatus.MOVED, row)


def test_two_files_that_change_places_keep_their_rows(source: Source, target: Target) -> None:
    one, two = (make_file(f"A/{name}.mp4", source=source) for name in ("one", "two"))
    rows = [make_target_row(target, file=file) for file in (one, two)]
    match()
    update(one, name="x.mp4")
    update(two, name="one.mp4", name_key="one.mp4")
    update(one, name="two.mp4", name_key="two.mp4")
    match()
    assert [match_of(file).row for file in (one, two)] == rows
    assert {match_of(file).status for file in (one, two)} == {MatchStatus.MOVED}


def test_a_file_that_comes_back_is_restored(source: Source, target: Target) -> None:
    file = make_file("A/day1.mp4", source=source)
    row = make_target_row(target, file=file, is_deleted=True)
    match()
    found = match_of(file)
    assert (found.status, found.reason, found.action, found.row) == (MatchStatus.NEW, MatchReason.RETURNED, Action.RESTORE, row)


def test_held_files_are_there(source: Source, target: Target) -> None:
    """A share that is half empty deletes nothing."""
    file = make_file("A/day1.mp4", source=source)
    make_target_row(target, file=file)
    update(file, presence=Presence.HELD)
    match()
    assert match_of(file).status == MatchStatus.SYNCED


def test_a_file_that_was_overwritten_by_another_gives_it_its_row(source: Source, target: Target) -> None:
    old = make_file("A/day1.mp4", source=source)
    row = make_target_row(target, file=old)
    match()
    update(old, absent_since="2026-01-01T00:00:00Z")
    new = make_file("A/day1.mp4", source=source)
    match()
    assert not Match.objects.filter(file=old).exists()
    assert (match_of(new).row, match_of(new).action, match_of(new).reason) == (row, Action.UPDATE, MatchReason.CHANGED)


def test_a_changed_file_is_synced_and_to_be_updated(source: Source, target: Target) -> None:
    file = make_file("A/day1.mp4", source=source)
    make_target_row(target, file=file)
    match()
    update(file, duration_ms=99_000)
    match()
    found = match_of(file)
    assert (found.status, found.reason, found.action) == (MatchStatus.SYNCED, MatchReason.CHANGED, Action.UPDATE)
    update(file, duration_ms=10_000)
    match()
    assert (match_of(file).reason, match_of(file).action) == (MatchReason.NONE, Action.NONE)


def test_a_source_that_is_not_published_has_no_matches(source: Source, target: Target) -> None:
    make_file(source=make_source())
    match()
    assert not Match.objects.exists()


def test_paths_begin_as_the_source_is_published(target: Target) -> None:
    other = make_source("둘째")
    target.sources.create(source=other, prefix="둘째/")
    file = make_file("A/day1.mp4", source=other)
    match()
    assert match_of(file).path == "둘째/A/day1.mp4"


def test_the_folder_that_moves_moves_its_files_and_its_counts(source: Source, target: Target) -> None:
    file = make_file("WSOP/2024/day1.mp4", source=source)
    make_target_row(target, file=file)
    match()
    folder, new_parent = make_folder(source, "WSOP/2024"), make_folder(source, "HCL")
    type(folder).objects.filter(pk=folder.pk).update(
        parent=new_parent, path="HCL/2024", path_key="hcl/2024", lineage=new_parent.subtree_prefix
    )
    match()
    assert (match_of(file).status, match_of(file).path) == (MatchStatus.MOVED, "HCL/2024/day1.mp4")
    totals = dict(FolderMatches.objects.values_list("folder__path", "total"))
    assert totals == {"": {"moved": 1}, "HCL": {"moved": 1}, "HCL/2024": {"moved": 1}}
    assert folders.verify(target) == {}


def test_counts_of_folders_are_verified_and_repaired(source: Source, target: Target) -> None:
    for number in range(3):
        make_file(f"WSOP/{number}/day1.mp4", source=source)
    match()
    right = list(FolderMatches.objects.order_by("folder").values_list("folder", "own", "total"))
    wrong = FolderMatches.objects.get(folder__path="WSOP")
    FolderMatches.objects.filter(pk=wrong.pk).update(total={"new": 5})
    FolderMatches.objects.filter(folder__path="WSOP/1").delete()
    assert folders.verify(target)[wrong.folder_id] == {"new": -2}
    assert list(FolderMatches.objects.order_by("folder").values_list("folder", "own", "total")) == right


def test_the_catalog_of_a_match_follows_its_series(source: Source, target: Target) -> None:
    content = make_content()
    file = make_file("A/day1.mp4", source=source, content=content)
    match()
    assert match_of(file).catalog == content.series.catalog
    other = make_content().series.catalog
    type(content.series).objects.filter(pk=content.series_id).update(catalog=other)
    match()
    assert match_of(file).catalog == other


def test_nothing_is_written_twice(source: Source, target: Target) -> None:
    make_file("A/day1.mp4", source=source)
    assert match() == 1
    touch_all()
    assert match() == 0
    assert not notes.is_behind()


def test_what_happened_to_files_is_in_the_history(source: Source, target: Target) -> None:
    file = make_file("A/day1.mp4", source=source, size_bytes=5)
    match()
    update(file, name="day2.mp4", name_key="day2.mp4")
    match()
    update(file, size_bytes=6)
    match()
    update(file, presence=Presence.MISSING)
    match()
    rows = HistoryRow.objects.order_by("pk")
    assert [row.event for row in rows] == [HistoryEvent.ADDED, HistoryEvent.MOVED, HistoryEvent.CHANGED, HistoryEvent.DELETED]
    assert (rows[1].before["path"], rows[1].after["path"], rows[1].job_id) == ("A/day1.mp4", "A/day2.mp4", 7)


def test_the_cube_counts_matches(source: Source, target: Target) -> None:
    make_file("a.mp4", source=source, size_bytes=5)
    make_file("b.mxf", source=source, size_bytes=7)
    match()
    cells = MatchCell.objects.values_list("status", "extension", "matches", "bytes")
    assert sorted(cells) == [("new", "mp4", 1, 5), ("not_synced", "mxf", 1, 7)]


def test_a_note_that_comes_while_matching_is_kept(source: Source, target: Target) -> None:
    make_file(source=source)
    noted = notes.take()
    make_file(source=source)
    noted.forget()
    assert Touch.objects.count() == 1


def test_nothing_is_left_on_the_connection(source: Source, target: Target) -> None:
    make_file(source=source)
    match()
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    assert not [name for name in names if name.startswith("m_")]
