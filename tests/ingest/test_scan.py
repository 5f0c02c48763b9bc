"""A scan makes the catalog say what the disk holds, and keeps what it knew of a file while the file lives."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from catalog.choices import Presence, ProbeState
from catalog.models import Collection, Folder, MediaFile, Tag
from catalog.services import rollups
from ingest.models import ScanMode, ScanPlan, ScanState
from ingest.services import scans
from mam.accounts.errors import PermissionDeniedError
from mam.jobs.models import Job, JobState, LogLevel
from mam.jobs.testing import run_pending
from tests.factories import make_user

if TYPE_CHECKING:
    from tests.ingest.conftest import Archive


def test_every_file_of_the_tree_is_found_with_its_facts(archive: Archive) -> None:
    archive.put("WSOP/2024/ME_Day1.mp4", b"12345")
    archive.put("readme.txt", b"hello")
    archive.put("HCL/홀덤 하이라이트.MKV", b"abc")

    scan = archive.scan()

    files = archive.files()
    assert set(files) == {"WSOP/2024/ME_Day1.mp4", "readme.txt", "HCL/홀덤 하이라이트.MKV"}
    clip = files["WSOP/2024/ME_Day1.mp4"]
    assert (clip.size_bytes, clip.extension, clip.kind, clip.probe_state) == (5, "mp4", "video", ProbeState.PENDING)
    assert clip.mtime_ns == (archive.root / clip.path).stat().st_mtime_ns
    assert files["readme.txt"].probe_state == ProbeState.NONE
    assert files["HCL/홀덤 하이라이트.MKV"].extension == "mkv"
    assert (scan.state, scan.added, scan.files, scan.directories) == (ScanState.DONE, 3, 3, 4)


def test_names_are_kept_as_spelled_and_compared_composed(archive: Archive) -> None:
    nfd = unicodedata.normalize("NFD", "파이널 테이블.mp4")
    archive.put(nfd)
    archive.put("🂡 emoji # % ' ;.mp4")
    archive.put("가" * 84 + ".mp"[:3])
    archive.scan()

    files = archive.files()
    assert nfd in files
    assert files[nfd].name_key == "파이널 테이블.mp4"
    assert len(files) == 3


def test_folders_sum_up_what_lies_below_them(archive: Archive) -> None:
    archive.put("WSOP/2024/a.mp4", b"12345")
    archive.put("WSOP/2023/b.mp4", b"123")
    archive.put("WSOP/notes.txt", b"1")
    archive.scan()

    wsop = archive.folder("WSOP")
    assert (wsop.total_files, wsop.total_bytes, wsop.total_videos, wsop.total_pending) == (3, 9, 2, 2)
    assert archive.folder("WSOP/2024").total_bytes == 5
    archive.assert_totals_hold()


def test_an_unchanged_tree_stays_as_it_is(archive: Archive) -> None:
    archive.fill(5)
    archive.scan()
    before = list(MediaFile.objects.order_by("pk").values())

    scan = archive.scan()

    assert list(MediaFile.objects.order_by("pk").values()) == before
    assert (scan.added, scan.changed, scan.moved, scan.absent, scan.restored) == (0, 0, 0, 0, 0)


def test_a_scan_without_news_that_nobody_asked_for_is_routine(archive: Archive) -> None:
    archive.fill(2)

    def levels_of(job: Job) -> tuple[bool, set[str], set[str]]:
        codes = {level: set(job.log.filter(level=level).values_list("code", flat=True)) for level in (LogLevel.DEBUG, LogLevel.INFO)}
        return job.is_routine, codes[LogLevel.DEBUG], codes[LogLevel.INFO]

    steps = {"job_started", "job_succeeded"}
    assert levels_of(archive.run()) == (False, steps | {"scan_started_full"}, {"scan_done"})
    assert levels_of(archive.run()) == (True, steps | {"scan_started_full", "scan_done"}, set())
    scans.request_scan(source=archive.source, mode=ScanMode.FULL, user=make_user("administrator"))
    (job,) = run_pending("fast", kinds=[scans.SCAN_KIND])
    assert levels_of(job) == (False, set(), steps | {"scan_started_full", "scan_done"})


def test_a_changed_file_is_a_new_version_and_is_analysed_again(archive: Archive) -> None:
    archive.put("a.mp4", b"one")
    archive.scan()
    MediaFile.objects.update(probe_state=ProbeState.DONE)
    rollups.verify(source=archive.source)
    archive.put("a.mp4", b"longer", age_s=1000)

    scan = archive.scan()

    file = archive.files()["a.mp4"]
    assert (scan.changed, file.version, file.size_bytes, file.probe_state) == (1, 2, 6, ProbeState.PENDING)
    archive.assert_totals_hold()


@pytest.mark.parametrize("new", ["WSOP/2024/renamed.mp4", "HCL/clip 000.mp4", "HCL/new name.mp4"])
def test_a_moved_file_keeps_its_row_and_all_that_hangs_on_it(archive: Archive, new: str) -> None:
    paths = archive.fill()
    archive.put("HCL/other.mp4", b"other")
    archive.scan()
    old = archive.files()[paths[0]]
    old.tags.add(Tag.objects.create(name="bluff", key="bluff"))
    Collection.objects.create(name="best").items.create(file=old)
    (archive.root / paths[0]).rename(archive.root / new)

    scan = archive.scan()

    moved = archive.files()[new]
    assert (moved.pk, moved.version, scan.moved, scan.added) == (old.pk, 1, 1, 0)
    assert moved.tags.count() == moved.collection_items.count() == 1
    assert paths[0] not in archive.files()
    archive.assert_totals_hold()


def test_a_file_moved_before_its_old_folder_is_listed_is_recognised(archive: Archive) -> None:
    """The walk meets some folders before others; whichever it is, the row moves."""
    for letter in "abcdefgh":
        archive.put(f"{letter}/stays.mp4", letter.encode())
        archive.put(f"{letter}/clip of {letter}.mp4", letter.encode() * 7)
    archive.scan()
    ids = {path.rpartition("/")[2]: file.pk for path, file in archive.files().items() if "clip" in path}
    for old, new in zip("abcdefgh", "hgfedcba", strict=True):
        (archive.root / old / f"clip of {old}.mp4").rename(archive.root / new / f"clip of {old}.mp4")

    scan = archive.scan()

    assert scan.moved == 8
    assert {path.rpartition("/")[2]: file.pk for path, file in archive.files().items() if "clip" in path} == ids
    archive.assert_totals_hold()


def test_a_copy_that_replaced_its_original_is_the_same_file(archive: Archive) -> None:
    """Another disk behind the share: no file id survives; the unique name, size and time do."""
    paths = archive.fill()
    archive.scan()
    old = archive.files()[paths[3]]
    source = archive.root / paths[3]
    copy = archive.root / "HCL" / source.name
    copy.parent.mkdir()
    copy.write_bytes(source.read_bytes())
    os.utime(copy, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    source.unlink()

    archive.scan()

    assert archive.files()[f"HCL/{source.name}"].pk == old.pk
    archive.assert_totals_hold()


def test_a_hard_link_is_a_file_of_its_own(archive: Archive) -> None:
    archive.put("a/clip.mp4", b"data")
    archive.scan()
    (archive.root / "b").mkdir()
    (archive.root / "b" / "clip.mp4").hardlink_to(archive.root / "a" / "clip.mp4")

    archive.scan()

    assert set(archive.presence()) == {"a/clip.mp4", "b/clip.mp4"}


def test_a_reused_inode_is_not_a_move(archive: Archive) -> None:
    archive.put("a/one.mp4", b"one")
    archive.put("a/two.mp4", b"two")
    archive.scan()
    MediaFile.objects.filter(name="one.mp4").update(file_id=(archive.root / "a").stat().st_ino)
    (archive.root / "a" / "one.mp4").unlink()
    new = archive.put("a/three.mp4", b"another content")
    MediaFile.objects.filter(name="one.mp4").update(file_id=new.stat().st_ino)

    scan = archive.scan()

    assert (scan.moved, scan.added) == (0, 1)


def test_a_renamed_directory_keeps_its_rows(archive: Archive) -> None:
    archive.fill(10, "WSOP/2024/Day 1")
    archive.put("HCL/x.mp4")
    archive.scan()
    ids = {file.name: file.pk for file in archive.files().values()}
    folder = archive.folder("WSOP/2024")
    (archive.root / "WSOP/2024").rename(archive.root / "HCL/2024 old")

    scan = archive.scan()

    assert {file.name: file.pk for file in archive.files().values()} == ids
    folder.refresh_from_db()
    assert (folder.path, scan.moved) == ("HCL/2024 old", 10)
    assert archive.folder("HCL/2024 old/Day 1").depth == 3
    assert (archive.folder("WSOP").total_files, archive.folder("HCL").total_files) == (0, 11)
    archive.assert_totals_hold()


def test_two_files_that_swap_names_keep_their_rows(archive: Archive) -> None:
    archive.put("a.mp4", b"first")
    archive.put("b.mp4", b"second!")
    archive.scan()
    a, b = archive.files()["a.mp4"], archive.files()["b.mp4"]
    (archive.root / "a.mp4").rename(archive.root / "tmp")
    (archive.root / "b.mp4").rename(archive.root / "a.mp4")
    (archive.root / "tmp").rename(archive.root / "b.mp4")

    scan = archive.scan()

    assert {path: file.pk for path, file in archive.files().items()} == {"a.mp4": b.pk, "b.mp4": a.pk}
    assert (scan.moved, scan.changed) == (2, 0)
    archive.assert_totals_hold()


def test_a_file_renamed_over_another_takes_its_place(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    winner, loser = archive.files()[paths[1]], archive.files()[paths[2]]
    (archive.root / paths[1]).rename(archive.root / paths[2])

    archive.scan()
    archive.scan()

    winner.refresh_from_db()
    loser.refresh_from_db()
    assert (winner.name, winner.presence, loser.presence) == ("clip 002.mp4", Presence.PRESENT, Presence.MISSING)
    archive.assert_totals_hold()


def test_a_file_saved_by_way_of_a_temporary_one_stays_the_same_row(archive: Archive) -> None:
    archive.put("a.mp4", b"one")
    archive.scan()
    old = archive.files()["a.mp4"]
    archive.put("b.tmp", b"edited", age_s=500).rename(archive.root / "a.mp4")

    archive.scan()

    file = archive.files()["a.mp4"]
    assert (file.pk, file.version, file.size_bytes) == (old.pk, 2, 6)
    assert len(archive.files()) == 1


def test_unchanged_leaf_directories_are_not_listed_again(archive: Archive) -> None:
    for number in range(20):
        archive.put(f"WSOP/{number}/clip.mp4", b"x" * number)
    archive.put("WSOP/3/new.mp4")
    archive.scan()

    scan = archive.scan(ScanMode.GATED)

    assert scan.skipped_directories == 20 - 4  # four are verified anyway
    assert scan.directories == 2 + 4
    assert set(archive.presence().values()) == {Presence.PRESENT}


def test_a_gated_scan_sees_what_changed(archive: Archive) -> None:
    for number in range(20):
        archive.put(f"WSOP/{number}/clip.mp4", b"x" * number)
    archive.scan()
    (archive.root / "WSOP/7/added.mp4").write_bytes(b"new")

    scan = archive.scan(ScanMode.GATED)

    assert scan.added == 1
    assert "WSOP/7/added.mp4" in archive.files()


def test_every_directory_is_verified_in_turn_by_gated_scans(archive: Archive) -> None:
    for number in range(12):
        archive.put(f"WSOP/{number}/clip.mp4", b"x")
    archive.scan()
    rewritten = archive.root / "WSOP/5/clip.mp4"
    stat = rewritten.parent.stat()
    rewritten.write_bytes(b"rewritten in place")
    os.utime(rewritten.parent, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    for _ in range(3):
        archive.scan(ScanMode.GATED)

    assert archive.files()["WSOP/5/clip.mp4"].size_bytes == 18


def test_a_folder_hint_finds_a_new_file_without_a_walk(archive: Archive) -> None:
    archive.fill(3)
    archive.scan()
    archive.put("WSOP/2025/Day 1/new.mp4")
    scans.hint_folders(source=archive.source, paths=["WSOP/2025/Day 1"])

    scan = archive.scan(ScanMode.FOLDERS)

    assert "WSOP/2025/Day 1/new.mp4" in archive.files()
    assert scan.directories == 3  # WSOP, and what is new below it


def test_globs_say_what_is_taken(archive: Archive) -> None:
    archive.source.exclude_globs = ["#recycle", "*.tmp", "WSOP/raw/*"]
    archive.source.save()
    for path in ("#recycle/x.mp4", "a.tmp", "WSOP/raw/b.mp4", "WSOP/c.mp4", "d.MP4"):
        archive.put(path)
    archive.scan()
    assert set(archive.files()) == {"WSOP/c.mp4", "d.MP4"}


def test_links_and_loops_are_not_followed(archive: Archive) -> None:
    archive.put("a/clip.mp4")
    (archive.root / "a" / "loop").symlink_to(archive.root)
    (archive.root / "link.mp4").symlink_to("/etc/passwd")
    archive.scan()
    assert set(archive.files()) == {"a/clip.mp4"}


@pytest.mark.timeout(600)
def believe_tables_empty() -> None:
    """What PostgreSQL's autovacuum does to its planner when it passes before a scan commits: a bad plan then takes minutes."""
    if connection.vendor == "postgresql":
        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("ANALYZE")
        other.close()


def test_ten_thousand_renames_keep_every_id(archive: Archive) -> None:
    folder = archive.root / "WSOP"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"old {number}.mp4").touch()
    archive.age("WSOP")
    archive.scan()
    ids = {file.file_id: pk for pk, file in MediaFile.objects.in_bulk().items()}
    for number in range(10_000):
        (folder / f"old {number}.mp4").rename(folder / f"new {number}.mp4")
    believe_tables_empty()

    scan = archive.scan()

    assert (scan.moved, scan.added, scan.absent) == (10_000, 0, 0)
    assert {file.file_id: pk for pk, file in MediaFile.objects.in_bulk().items()} == ids
    assert not MediaFile.objects.filter(name__startswith="old").exists()
    archive.assert_totals_hold()


def test_only_who_may_starts_a_scan(archive: Archive) -> None:
    with pytest.raises(PermissionDeniedError):
        scans.request_scan(source=archive.source, user=make_user("viewer"))
    assert scans.request_scan(source=archive.source, user=make_user("operator")).state == JobState.QUEUED


def test_requests_while_one_waits_share_its_job_and_the_most_thorough_wins(archive: Archive) -> None:
    first = scans.request_scan(source=archive.source, mode=ScanMode.FOLDERS, user=None)
    second = scans.request_scan(source=archive.source, mode=ScanMode.FULL, user=None)
    third = scans.request_scan(source=archive.source, mode=ScanMode.GATED, user=None)
    assert first.pk == second.pk == third.pk
    assert ScanPlan.objects.get().wanted_mode == ScanMode.FULL


def test_no_folder_is_left_behind_by_a_source(archive: Archive) -> None:
    archive.fill(3)
    archive.scan()
    archive.source.delete()
    assert not Folder.objects.exists()
    assert not MediaFile.objects.exists()
