"""What a scan does not find, or finds unfinished: nothing is called missing, or whole, before its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog.choices import Presence, ProbeState
from catalog.models import MediaFile
from ingest.models import FolderHint, MissingHold, ScanMode
from ingest.services import holds
from mam.accounts.errors import PermissionDeniedError
from mam.jobs.models import JobState
from tests.factories import make_user

if TYPE_CHECKING:
    from pytest_django import Settings

    from tests.ingest.conftest import Archive


def test_one_listing_without_a_file_does_not_make_it_missing_but_two_do(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    (archive.root / paths[0]).unlink()

    first = archive.scan()
    assert archive.presence()[paths[0]] == Presence.PRESENT
    assert (first.absent, first.missing) == (1, 0)
    second = archive.scan()

    assert archive.presence()[paths[0]] == Presence.MISSING
    assert (second.absent, second.missing) == (0, 1)
    assert archive.folder("WSOP/2024").total_files == 29
    assert archive.folder("").total_missing == 1
    archive.assert_totals_hold()


def test_the_second_look_is_planned_by_the_first(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    (archive.root / paths[0]).unlink()
    archive.scan()

    FolderHint.objects.update(due_at=archive.source.created_at)
    scan = archive.scan(ScanMode.FOLDERS)

    assert (scan.directories, scan.missing) == (1, 1)
    assert archive.presence()[paths[0]] == Presence.MISSING
    assert not FolderHint.objects.exists()


def test_a_missing_file_that_comes_back_is_the_same_file(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    old = archive.files()[paths[0]]
    hidden = archive.root.parent / "elsewhere.mp4"
    (archive.root / paths[0]).rename(hidden)
    archive.scan()
    archive.scan()
    hidden.rename(archive.root / paths[0])

    scan = archive.scan()

    again = archive.files()[paths[0]]
    assert (again.pk, again.presence, again.version, again.absent_since) == (old.pk, Presence.PRESENT, 1, None)
    assert scan.restored == 1
    archive.assert_totals_hold()


def test_more_than_a_tenth_gone_is_held_for_an_administrator(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    for path in paths[:4]:
        (archive.root / path).unlink()
    archive.scan()

    scan = archive.scan()

    assert scan.missing == 0
    assert [archive.presence()[path] for path in paths[:4]] == [Presence.HELD] * 4
    hold = MissingHold.objects.get()
    assert (hold.files, hold.folder, hold.share_percent) == (4, None, 13)
    archive.assert_totals_hold()

    with pytest.raises(PermissionDeniedError):
        holds.declare_gone(hold=hold, user=make_user("operator"))
    assert holds.declare_gone(hold=hold, user=make_user("administrator")) == 4
    assert [archive.presence()[path] for path in paths[:4]] == [Presence.MISSING] * 4
    archive.assert_totals_hold()


def test_held_files_that_come_back_close_the_hold(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    hidden = archive.root.parent / "hidden"
    (archive.root / "WSOP").rename(hidden)
    archive.put("other.txt")
    archive.scan()
    archive.scan()
    assert set(MediaFile.objects.filter(kind="video").values_list("presence", flat=True)) == {Presence.HELD}
    hidden.rename(archive.root / "WSOP")

    archive.scan()

    assert [archive.presence()[path] for path in paths] == [Presence.PRESENT] * 30
    assert MissingHold.objects.get().decision == MissingHold.Decision.CAME_BACK
    archive.assert_totals_hold()


def test_a_whole_folder_that_vanishes_is_held_however_small_its_share(archive: Archive) -> None:
    archive.fill(60)
    gone = archive.fill(3, "HCL/2023")
    archive.scan()
    for path in gone:
        (archive.root / path).unlink()
    (archive.root / "HCL/2023").rmdir()
    (archive.root / "WSOP/2024/clip 005.mp4").unlink()
    archive.scan()

    scan = archive.scan()

    assert [archive.presence()[path] for path in gone] == [Presence.HELD] * 3
    assert archive.presence()["WSOP/2024/clip 005.mp4"] == Presence.MISSING
    assert scan.missing == 1
    assert MissingHold.objects.get().folder == archive.folder("HCL")
    archive.assert_totals_hold()


def test_an_empty_root_changes_nothing_and_says_so(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    before = list(MediaFile.objects.order_by("pk").values())
    (archive.root / "WSOP").rename(archive.root.parent / "unmounted")

    job = archive.run()

    assert (job.state, job.error_code) == (JobState.FAILED, "root_empty")
    assert list(MediaFile.objects.order_by("pk").values()) == before
    assert (archive.source.state, archive.source.state_code) == ("degraded", "root_empty")
    assert len(paths) == 30


def test_another_disk_behind_the_address_changes_nothing_until_accepted(archive: Archive) -> None:
    archive.fill()
    archive.scan()
    archive.root.rename(archive.root.parent / "old disk")
    archive.root.mkdir()
    archive.put("something else.mp4")

    job = archive.run()

    assert (job.state, job.error_code) == (JobState.FAILED, "root_replaced")
    assert set(archive.presence().values()) == {Presence.PRESENT}
    holds.accept_root(source=archive.source, user=make_user("administrator"))
    archive.scan()
    assert "something else.mp4" in archive.files()


def test_a_source_that_is_away_is_offline_and_keeps_its_rows(archive: Archive) -> None:
    archive.fill()
    archive.scan()
    archive.root.rename(archive.root.parent / "away")

    job = archive.run()

    assert job.state == JobState.FAILED
    assert archive.source.state == "offline"
    assert set(archive.presence().values()) == {Presence.PRESENT}
    (archive.root.parent / "away").rename(archive.root)
    archive.scan()
    assert archive.source.state == "online"


def test_a_growing_file_waits_until_it_stands_still(archive: Archive, settings: Settings) -> None:
    settings.MAM_SETTLE_S = 3600
    archive.put("rec.mp4", b"abc", age_s=5)
    archive.scan()
    assert archive.presence() == {"rec.mp4": Presence.GROWING}
    assert FolderHint.objects.count() == 1

    archive.put("rec.mp4", b"abcdef", age_s=1)
    archive.scan()
    assert archive.files()["rec.mp4"].size_bytes == 6
    assert archive.presence() == {"rec.mp4": Presence.GROWING}

    archive.age("rec.mp4", 4000)
    archive.scan()
    assert archive.presence() == {"rec.mp4": Presence.PRESENT}
    archive.assert_totals_hold()


def test_a_copy_under_a_temporary_name_becomes_the_file_it_is_renamed_to(archive: Archive) -> None:
    archive.put("WSOP/.final.mp4.Xy12", b"half", age_s=1)
    archive.scan()
    row = archive.files()["WSOP/.final.mp4.Xy12"]
    (archive.root / "WSOP/.final.mp4.Xy12").write_bytes(b"the whole")
    (archive.root / "WSOP/.final.mp4.Xy12").rename(archive.root / "WSOP/final.mp4")
    archive.age("WSOP/final.mp4")

    archive.scan()

    file = archive.files()["WSOP/final.mp4"]
    assert (file.pk, file.kind, file.size_bytes, file.presence) == (row.pk, "video", 9, Presence.PRESENT)
    assert (len(archive.files()), file.probe_state) == (1, ProbeState.PENDING)
    archive.assert_totals_hold()


def test_a_copy_that_was_given_up_is_not_worth_a_decision(archive: Archive) -> None:
    archive.put("a.mp4")
    archive.put("b.mp4", b"half", age_s=1)
    archive.scan()
    (archive.root / "b.mp4").unlink()
    archive.scan()
    archive.scan()
    assert archive.presence() == {"a.mp4": Presence.PRESENT, "b.mp4": Presence.MISSING}
    assert not MissingHold.objects.exists()


def test_a_file_from_the_future_settles_by_our_own_clock(archive: Archive, settings: Settings) -> None:
    settings.MAM_SETTLE_S = 0
    archive.put("rec.mp4", b"abc", age_s=-5000)
    archive.scan()
    archive.scan()
    assert archive.presence() == {"rec.mp4": Presence.PRESENT}
