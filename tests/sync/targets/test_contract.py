"""What every target promises, tried on each kind: our own SQLite file, an adopted one, PostgreSQL, Firestore."""

from __future__ import annotations

import threading
import unicodedata
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sync.errors import TargetBusyError, TargetRowsChangedError
from sync.targets.base import FileFields, TargetFile, Work, Write
from tests.sync.targets.places import AT, LATER, OTHER_PLAN, PLAN, all_files, batch, fields, new, paths

if TYPE_CHECKING:
    from sync.targets.base import OttTarget
    from tests.sync.targets.places import Place

KOREAN = "시즌 2024/결승전 1부.mp4"
VARIED = [
    fields(),
    fields(KOREAN, codec="hevc", width_px=3840, height_px=2160, content_id="17"),
    FileFields("a", 0),
    FileFields("b/clip.ts", 2**40, "ts", is_hls=True, duration_ms=0),
    fields("c/%s 'quoted' \"x\" \\ ; --\t.mov", extension="mov", duration_ms=10_010, content_id=str(2**62)),
    fields("d/" + "긴" * 200 + ".mp4", width_px=1, height_px=99_999, duration_ms=359_999_999),
]


def insert(target: OttTarget, *names: str, plan: str = PLAN, number: int = 0) -> list[str]:
    return target.apply(batch([new(name) for name in names], plan=plan, number=number))


def changed(file: TargetFile, path: str | None = None, *, is_deleted: bool | None = None, **changes: Any) -> Write:
    """What makes a row another."""
    to = replace(file.fields, path=path or file.fields.path, **changes)
    return Write(file.remote_id, to, file.is_deleted if is_deleted is None else is_deleted, file)


# --- reading and writing ----------------------------------------------------------------------------------------------
def test_what_is_written_is_read(target: OttTarget) -> None:
    ids = target.apply(batch([Write("", one, is_deleted=False) for one in VARIED]))
    found = all_files(target)
    assert [found[remote_id] for remote_id in ids] == [TargetFile(remote_id, one) for remote_id, one in zip(ids, VARIED, strict=True)]
    assert len(set(ids)) == len(VARIED)
    assert target.find_by_id(ids) == found


def test_an_empty_target_has_nothing(target: OttTarget) -> None:
    assert target.exists()
    assert list(target.read_files()) == []
    assert target.find_by_id(["1"]) == {}
    assert target.find_by_path(["a"]) == {}
    assert target.applied(PLAN) == 0
    assert target.apply(batch([])) == []


def test_a_moved_file_keeps_its_id_and_all_that_is_not_ours(place: Place, target: OttTarget) -> None:
    extra = place.add_extra()
    (remote_id,) = insert(target, "old/a.mp4")
    place.update(remote_id, **{extra: 41})
    before = place.row(remote_id)
    assert target.apply(batch([changed(all_files(target)[remote_id], "new/b.mp4")], 1, at=LATER)) == [remote_id]
    after = place.row(remote_id)
    assert (after["nas_path"], after["filename"], after[extra]) == ("new/b.mp4", "b.mp4", 41)
    untouched = set(before) - {"nas_path", "filename", "updated_at", "updated"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert all_files(target)[remote_id].fields == fields("new/b.mp4")


@pytest.mark.parametrize(
    "changes",
    [
        {"size_bytes": 1},
        {"extension": "mov"},
        {"is_hls": False},
        {"codec": ""},
        {"width_px": 1280, "height_px": 720},
        {"width_px": None, "height_px": None},
        {"duration_ms": None},
        {"content_id": "5"},
    ],
    ids=str,
)
def test_any_field_can_be_changed(target: OttTarget, changes: dict[str, Any]) -> None:
    (remote_id,) = insert(target, "a.mp4")
    target.apply(batch([changed(all_files(target)[remote_id], **changes)], 1))
    assert all_files(target)[remote_id].fields == fields("a.mp4", **changes)


def test_a_deleted_file_is_marked_with_the_time_and_can_be_restored(place: Place, target: OttTarget) -> None:
    (remote_id,) = insert(target, "a.mp4")
    target.apply(batch([changed(all_files(target)[remote_id], is_deleted=True)], 1, at=LATER))
    deleted = all_files(target)[remote_id]
    assert deleted == TargetFile(remote_id, fields("a.mp4"), is_deleted=True, deleted_at=LATER)
    assert place.row(remote_id)["status"] == "deleted"
    target.apply(batch([changed(deleted, is_deleted=False)], 2))
    assert all_files(target)[remote_id] == TargetFile(remote_id, fields("a.mp4"))
    assert place.row(remote_id)["deleted_at"] is None


def test_since_when_a_file_is_deleted_can_be_said(target: OttTarget) -> None:
    (remote_id,) = insert(target, "a.mp4")
    since = LATER - timedelta(days=400, microseconds=1)
    target.apply(batch([replace(changed(all_files(target)[remote_id], is_deleted=True), deleted_at=since)], 1))
    assert all_files(target)[remote_id].deleted_at == since


def test_a_row_that_does_not_change_is_not_written(place: Place, target: OttTarget) -> None:
    (remote_id,) = insert(target, "a.mp4")
    before = place.row(remote_id)
    target.apply(batch([changed(all_files(target)[remote_id])], 1, at=LATER))
    assert place.row(remote_id) == before


def test_rows_come_in_batches_and_as_they_were_when_the_first_was_read(
    place: Place, target: OttTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.targets.database.table.READ_ROWS", 4)
    monkeypatch.setattr("sync.targets.firestore.target.READ_ROWS", 4)
    ids = insert(target, *(f"{number:02}.mp4" for number in range(10)))
    reading = target.read_files()
    first = next(reading)
    seen = {file.remote_id for file in first}
    for remote_id in ids:
        if remote_id not in seen:
            place.update(remote_id, nas_path=f"moved/{remote_id}")
    place.insert("zz.mp4", size_bytes=1)
    parts = [first, *reading]
    assert [len(part) for part in parts] == [4, 4, 2]
    assert sorted(file.fields.path for part in parts for file in part) == [f"{number:02}.mp4" for number in range(10)]
    assert len(all_files(target)) == 11


def test_a_reading_that_is_broken_off_is_in_nobodys_way(place: Place, target: OttTarget) -> None:
    insert(target, "a.mp4", "b.mp4")
    next(target.read_files())
    place.insert("c.mp4", size_bytes=1)
    insert(target, "d.mp4", number=1)
    assert len(all_files(target)) == 4


def test_too_many_writes_are_refused(target: OttTarget) -> None:
    with pytest.raises(ValueError, match="writes"):
        insert(target, *map(str, range(target.batch_rows + 1)))
    assert len(insert(target, *map(str, range(target.batch_rows)))) == target.batch_rows


# --- once -------------------------------------------------------------------------------------------------------------
def test_a_batch_counts_once_whoever_does_it_again(place: Place, target: OttTarget) -> None:
    (first,) = insert(target, "a.mp4")
    writes = [new("b.mp4"), changed(all_files(target)[first], "c.mp4"), new("d.mp4")]
    ids = target.apply(batch(writes, 1))
    state = all_files(target)
    fingerprint = target.fingerprint()
    other = place.target()
    assert target.apply(batch(writes, 1)) == other.apply(batch(writes, 1)) == ids
    assert ids[1] == first
    assert all_files(other) == state
    assert other.fingerprint() == fingerprint
    assert other.applied(PLAN) == 2
    other.close()


def test_ids_of_an_earlier_batch_are_told_after_later_ones(target: OttTarget) -> None:
    made = [insert(target, *(f"{number}-{index}.mp4" for index in range(3)), number=number) for number in range(4)]
    assert [insert(target, *(f"{number}-{index}.mp4" for index in range(3)), number=number) for number in range(4)] == made
    assert len({remote_id for ids in made for remote_id in ids}) == 12


def test_a_batch_may_be_left_out_and_come_later(target: OttTarget) -> None:
    insert(target, "a.mp4", number=0)
    insert(target, "c.mp4", number=2)
    assert target.applied(PLAN) == 2
    insert(target, "b.mp4", number=1)
    assert target.applied(PLAN) == 3
    assert [path for path, _ in paths(target)] == ["a.mp4", "b.mp4", "c.mp4"]


def test_plans_are_told_apart(target: OttTarget) -> None:
    insert(target, "a.mp4", plan=PLAN)
    insert(target, "b.mp4", plan=OTHER_PLAN)
    assert (target.applied(PLAN), target.applied(OTHER_PLAN), target.applied(str(uuid.UUID(int=9)))) == (1, 1, 0)


def test_two_who_do_the_same_batch_at_once_do_it_once(place: Place, target: OttTarget) -> None:
    writes = [new(f"{number}.mp4") for number in range(50)]
    start, found = threading.Barrier(4), list[list[str]]()

    def do() -> None:
        one = place.target()
        start.wait()
        while True:
            try:
                found.append(one.apply(batch(writes)))
                break
            except TargetBusyError:  # on a busy machine another's lock lasts longer than we wait
                continue
        one.close()

    threads = [threading.Thread(target=do) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(ids == found[0] for ids in found)
    assert len(all_files(target)) == 50


# --- what others have changed -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"nas_path": "theirs.mp4"},
        {"size_bytes": 5},
        {"codec": "av1"},
        {"hls_compatible": False},
        {"status": "deleted"},
    ],
    ids=str,
)
def test_a_row_that_another_program_has_changed_is_refused_and_nothing_is_written(
    place: Place, target: OttTarget, change: dict[str, Any]
) -> None:
    first, second = insert(target, "a.mp4", "b.mp4")
    found = all_files(target)
    place.update(second, **change)
    state, fingerprint = all_files(target), target.fingerprint()
    writes = [new("c.mp4"), changed(found[first], "d.mp4"), changed(found[second], "e.mp4")]
    with pytest.raises(TargetRowsChangedError) as refused:
        target.apply(batch(writes, 1))
    assert refused.value.params["remote_id"] == second
    assert (all_files(target), target.fingerprint(), target.applied(PLAN)) == (state, fingerprint, 1)


def test_a_row_that_another_program_has_taken_out_is_refused(place: Place, target: OttTarget) -> None:
    first, second = insert(target, "a.mp4", "b.mp4")
    found = all_files(target)
    place.remove(second)
    with pytest.raises(TargetRowsChangedError):
        target.apply(batch([changed(found[first], "x.mp4"), changed(found[second], "y.mp4")], 1))
    assert paths(target) == [("a.mp4", False)]


def test_a_new_row_is_refused_where_another_program_has_just_made_one(place: Place, target: OttTarget) -> None:
    theirs = place.insert(unicodedata.normalize("NFD", KOREAN), size_bytes=1)
    with pytest.raises(TargetRowsChangedError) as refused:
        insert(target, "a.mp4", KOREAN)
    assert refused.value.params["remote_id"] == theirs
    assert len(all_files(target)) == 1


def test_what_another_program_has_changed_of_its_own_is_no_reason_to_refuse(place: Place, target: OttTarget) -> None:
    extra = place.add_extra()
    (remote_id,) = insert(target, "a.mp4")
    found = all_files(target)
    place.update(remote_id, **{extra: 8})
    target.apply(batch([changed(found[remote_id], "b.mp4")], 1))
    assert place.row(remote_id)[extra] == 8


def test_an_id_that_cannot_be_is_refused(target: OttTarget) -> None:
    file = TargetFile("no such id", fields())
    with pytest.raises(TargetRowsChangedError):
        target.apply(batch([changed(file, "b.mp4")]))


# --- paths ------------------------------------------------------------------------------------------------------------
def test_two_rows_swap_their_paths(target: OttTarget) -> None:
    first, second = insert(target, "a.mp4", "b.mp4")
    found = all_files(target)
    target.apply(batch([changed(found[first], "b.mp4"), changed(found[second], "a.mp4")], 1))
    after = all_files(target)
    assert (after[first].fields.path, after[second].fields.path) == ("b.mp4", "a.mp4")


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_chain_of_renames_is_done_in_any_order_within_a_batch(target: OttTarget, *, is_reversed: bool) -> None:
    ids = insert(target, *(f"{number}.mp4" for number in range(6)))
    found = all_files(target)
    writes = [changed(found[remote_id], f"{number + 1}.mp4") for number, remote_id in enumerate(ids)]
    writes.append(new("0.mp4"))
    *moved, made = target.apply(batch(writes[::-1] if is_reversed else writes, 1))[:: -1 if is_reversed else 1]
    assert moved == ids
    assert {remote_id: file.fields.path for remote_id, file in all_files(target).items()} == {
        made: "0.mp4",
        **{remote_id: f"{number + 1}.mp4" for number, remote_id in enumerate(ids)},
    }


def test_a_chain_of_renames_goes_over_batches(target: OttTarget) -> None:
    ids = insert(target, *(f"{number}.mp4" for number in range(6)))
    found = all_files(target)
    for batch_number, number in enumerate(reversed(range(6)), start=1):
        target.apply(batch([changed(found[ids[number]], f"{number + 1}.mp4")], batch_number))
    insert(target, "0.mp4", number=7)
    assert [path for path, _ in paths(target)] == [f"{number}.mp4" for number in range(7)]


def test_a_deleted_row_leaves_its_path_to_others(target: OttTarget) -> None:
    first, second = insert(target, "a.mp4", "b.mp4")
    found = all_files(target)
    target.apply(batch([changed(found[first], is_deleted=True)], 1))
    target.apply(batch([changed(found[second], "a.mp4")], 2))
    assert paths(target) == [("a.mp4", False), ("a.mp4", True)]
    assert target.find_by_path(["a.mp4"])["a.mp4"].remote_id == second
    found = all_files(target)
    target.apply(batch([changed(found[second], "c.mp4"), changed(found[first], is_deleted=False)], 3))
    assert paths(target) == [("a.mp4", False), ("c.mp4", False)]


def test_a_path_passes_from_a_row_to_another_in_one_batch(target: OttTarget) -> None:
    first, second = insert(target, "a.mp4", "b.mp4")
    found = all_files(target)
    (*_, made) = target.apply(batch([changed(found[second], "a.mp4"), changed(found[first], is_deleted=True), new("b.mp4")], 1))
    after = all_files(target)
    assert (after[first].is_deleted, after[second].fields.path, after[made].fields.path) == (True, "a.mp4", "b.mp4")
    again = target.apply(batch([changed(after[made], is_deleted=True), new("b.mp4")], 2))[-1]
    target.apply(batch([changed(all_files(target)[again], is_deleted=True)], 3))
    assert paths(target) == [("a.mp4", False), ("a.mp4", True), ("b.mp4", True), ("b.mp4", True)]


def test_what_is_spelt_otherwise_there_is_the_same(place: Place, target: OttTarget) -> None:
    half = f"{unicodedata.normalize('NFD', '시즌 2024')}/결승전 1부.mp4"
    theirs = place.insert(half, size_bytes=7, status="deleted")
    other = place.insert(unicodedata.normalize("NFD", KOREAN), size_bytes=8)
    assert {file.fields.path for file in all_files(target).values()} == {KOREAN}
    assert target.find_by_path([KOREAN, "x"])[KOREAN].remote_id == other
    place.remove(other)
    assert target.find_by_path([KOREAN])[KOREAN].remote_id == theirs


def test_of_several_rows_with_a_path_the_first_id_is_found(place: Place, target: OttTarget) -> None:
    ids = [place.insert(unicodedata.normalize(form, KOREAN), size_bytes=7) for form in ("NFD", "NFC")]
    assert target.find_by_path([KOREAN])[KOREAN].remote_id == ids[0]


def test_ids_that_nothing_can_have_are_not_found(target: OttTarget) -> None:
    (remote_id,) = insert(target, "a.mp4")
    odd = ["", "0", "-1", "1.0", "01", "x/y", "..", "9" * 40, "' OR 1=1", "\x00"]
    assert set(target.find_by_id([*odd, remote_id])) <= {remote_id}


# --- the fingerprint --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"nas_path": "b.mp4"},
        {"size_bytes": 1_288_490_189},
        {"codec": "H264"},
        {"hls_compatible": False},
        {"status": "deleted"},
        {"extension": None},
    ],
    ids=str,
)
def test_the_fingerprint_tells_of_any_change(place: Place, target: OttTarget, change: dict[str, Any]) -> None:
    first, _second = insert(target, "a.mp4", "c.mp4")
    before = target.fingerprint()
    assert target.fingerprint() == before
    if change == {"extension": None} and place.row(first)["extension"] == "mp4":
        change = {"extension": "MP4"}
    place.update(first, **change)
    assert target.fingerprint() != before


def test_the_fingerprint_tells_of_rows_that_come_and_go(place: Place, target: OttTarget) -> None:
    seen = {target.fingerprint()}
    (first,) = insert(target, "a.mp4")
    seen.add(target.fingerprint())
    theirs = place.insert("b.mp4", size_bytes=1)
    seen.add(target.fingerprint())
    place.remove(first)
    seen.add(target.fingerprint())
    assert len(seen) == 4
    other = place.target()
    assert other.fingerprint() in seen
    other.close()
    place.remove(theirs)


def test_the_fingerprint_tells_rows_that_swapped_their_paths(place: Place, target: OttTarget) -> None:
    first, second = insert(target, "a.mp4", "b.mp4")
    before = target.fingerprint()
    for remote_id, path in ((first, "c.mp4"), (second, "a.mp4"), (first, "b.mp4")):
        place.update(remote_id, nas_path=path)
    assert target.fingerprint() != before


# --- what cannot be read ----------------------------------------------------------------------------------------------
def test_rows_that_are_no_use_come_with_the_reason(place: Place, target: OttTarget) -> None:
    insert(target, "a.mp4")
    no_path = place.insert("", size_bytes=1)
    no_size = place.insert("b.mp4", size_bytes=-1)
    long = place.insert("x" * 2_401, size_bytes=1)
    found = all_files(target)
    assert (found[no_path].error, found[no_size].error, found[long].error) == (
        "row_path_missing",
        "row_size_unreadable",
        "row_path_too_long",
    )
    assert found[no_size].fields.path == "b.mp4"
    assert len(found) == 4
    assert target.find_by_id([no_size])[no_size].error


def test_what_is_not_known_is_no_error(place: Place, target: OttTarget) -> None:
    remote_id = place.insert("dir/a.mp4")
    found = all_files(target)[remote_id]
    assert found == TargetFile(remote_id, FileFields("dir/a.mp4", 0))
    target.apply(batch([Write(remote_id, fields("dir/a.mp4"), is_deleted=False, before=found)]))
    assert all_files(target)[remote_id].fields == fields("dir/a.mp4")


# --- works, and the target itself -------------------------------------------------------------------------------------
WORKS = [
    Work("catalog", "1", (), "WSOP", {"description": "World Series", "position": 1}),
    Work("series", "2", ("1",), "2024", {"year": 2024, "position": None}),
    Work("content", "3", ("1", "2"), "메인 이벤트 1일차", {"players": ["4"], "description": ""}),
    Work("player", "4", (), "Phil Ivey", {"aliases": ["필 아이비"]}),
]


def test_works_are_written_and_again_give_the_same(place: Place, target: OttTarget) -> None:
    wanted = [
        ("catalog", "1", "WSOP"),
        ("content", "1", "2", "3", "메인 이벤트 1일차"),
        ("player", "4", "Phil Ivey"),
        ("series", "1", "2", "2024"),
    ]
    assert target.keeps_works
    for works in (WORKS, WORKS, WORKS[2:], []):
        target.put_works(works)
        assert place.works() == wanted
    target.put_works([replace(WORKS[0], name="WSOP+")])
    assert place.works()[0] == ("catalog", "1", "WSOP+")


def test_many_works_are_written_at_once(place: Place, target: OttTarget) -> None:
    target.put_works([Work("player", str(number), (), f"Player {number}") for number in range(1_200)])
    assert len(place.works()) == 1_200


def test_preparing_again_changes_nothing(place: Place, target: OttTarget) -> None:
    insert(target, "a.mp4")
    target.put_works(WORKS)
    state, fingerprint = all_files(target), target.fingerprint()
    target.prepare()
    place.target().prepare()
    assert (all_files(target), target.fingerprint(), target.applied(PLAN)) == (state, fingerprint, 1)
    assert len(place.works()) == 4


def test_a_closed_target_opens_itself(target: OttTarget) -> None:
    insert(target, "a.mp4")
    target.close()
    target.close()
    assert len(all_files(target)) == 1


def test_it_says_what_it_is(target: OttTarget) -> None:
    info = target.info()
    assert info.name
    assert info.location
    assert info.size_bytes is None or info.size_bytes > 0


def test_times_are_those_of_the_plan(place: Place, target: OttTarget) -> None:
    """So that a plan that was killed and done again gives the same as one that was not."""
    (remote_id,) = insert(target, "a.mp4")
    row = place.row(remote_id)
    stored = [row[name] for name in ("created_at", "updated_at", "updated") if row.get(name)]
    moments = [datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value for value in stored]
    assert moments
    assert all(abs(moment - AT) < timedelta(microseconds=1) for moment in moments)
