"""What a scan must not get wrong when several rare things meet: old rows of a taken name, returns, hints, folders without access."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from catalog.choices import Presence, ProbeState
from catalog.models import Folder, MediaFile
from catalog.services import absence, moves
from catalog.services.file_systems import open_file_system
from catalog.services.registration import Listing
from ingest.models import FolderHint, Scan, ScanMode, ScanPlan, ScanState
from ingest.services import probing, scanner, scans
from mam.lib.sources.errors import AccessDeniedError
from tests.factories import make_file

if TYPE_CHECKING:
    from mam.lib.sources import Entry
    from tests.ingest.conftest import Archive


@pytest.mark.parametrize("order", [1, -1])
def test_a_row_that_lost_its_name_to_another_never_takes_it_back(archive: Archive, order: int) -> None:
    paths = archive.fill()
    archive.scan()
    winner, loser = sorted((archive.files()[path] for path in paths[1:3]), key=lambda file: order * file.pk)
    (archive.root / winner.path).rename(archive.root / loser.path)

    for _ in range(3):
        archive.scan()

    winner.refresh_from_db()
    loser.refresh_from_db()
    assert (winner.name, winner.presence, winner.absent_since) == (loser.name, Presence.PRESENT, None)
    assert loser.presence == Presence.MISSING
    archive.assert_totals_hold()


def test_a_file_that_comes_back_with_a_second_name_stays_in_its_place(archive: Archive) -> None:
    paths = archive.fill()
    archive.scan()
    old = archive.files()[paths[3]]
    hidden = archive.root.parent / "elsewhere.mp4"
    (archive.root / old.path).rename(hidden)
    archive.scan()
    hidden.rename(archive.root / old.path)
    os.link(archive.root / old.path, archive.root / "WSOP/2024/second name.mp4")

    scan = archive.scan()

    files = archive.files()
    assert files[old.path].pk == old.pk
    assert files["WSOP/2024/second name.mp4"].pk != old.pk
    assert (scan.restored, scan.added, scan.moved) == (1, 1, 0)
    archive.assert_totals_hold()


@pytest.mark.parametrize("mode", [ScanMode.GATED, ScanMode.FOLDERS])
def test_a_tree_that_comes_back_is_seen_by_the_next_look_at_its_parent(archive: Archive, mode: str) -> None:
    for number in range(30):
        archive.put(f"WSOP/{number}/clip.mp4", b"v" * (number + 1))
    archive.put("stays.txt")
    archive.scan()
    hidden = archive.root.parent / "hidden"
    (archive.root / "WSOP").rename(hidden)
    archive.scan()
    archive.scan()
    assert MediaFile.objects.filter(presence=Presence.HELD).count() == 30
    hidden.rename(archive.root / "WSOP")
    archive.age("stays.txt")
    FolderHint.objects.all().delete()
    scans.hint_folders(source=archive.source, paths=[""])

    archive.scan(mode)

    assert set(archive.presence().values()) == {Presence.PRESENT}
    archive.assert_totals_hold()


def test_a_tree_that_comes_back_elsewhere_is_seen_too(archive: Archive) -> None:
    for number in range(30):
        archive.put(f"WSOP/in/{number}/clip.mp4", b"v" * (number + 1))
    archive.put("HCL/stays.txt")
    archive.scan()
    ids = set(MediaFile.objects.values_list("pk", flat=True))
    hidden = archive.root.parent / "hidden"
    (archive.root / "WSOP/in").rename(hidden)
    archive.scan()
    archive.scan()
    hidden.rename(archive.root / "HCL/back")
    archive.age("HCL/stays.txt")

    archive.scan(ScanMode.GATED)

    assert set(archive.presence().values()) == {Presence.PRESENT}
    assert set(MediaFile.objects.values_list("pk", flat=True)) == ids
    archive.assert_totals_hold()


def test_a_hint_is_not_used_up_by_a_scan_that_skips_its_folder(archive: Archive) -> None:
    """A file rewritten in place leaves its directory's mtime alone: only the script on the NAS knows."""
    for number in range(30):
        archive.put(f"WSOP/{number:02}/clip.mp4", b"x")
    archive.scan()
    (archive.root / "WSOP/29/clip.mp4").write_bytes(b"rewritten in place")
    os.utime(archive.root / "WSOP/29/clip.mp4", (1_600_000_000, 1_600_000_000))
    Folder.objects.filter(path="WSOP/29").update(listed_at=timezone.now())  # the last in turn to be verified
    scans.hint_folders(source=archive.source, paths=["WSOP/29"])

    archive.scan(ScanMode.GATED)
    archive.scan(ScanMode.FOLDERS)

    assert archive.files()["WSOP/29/clip.mp4"].size_bytes == 18
    assert not FolderHint.objects.exists()


def test_an_old_folder_without_access_does_not_end_the_scan(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look whether a file left its old place may be refused; then it did not leave, as far as anybody knows."""
    archive.put("WSOP/clip.mp4", b"123")
    archive.put("HCL/other.mp4")
    archive.scan()
    os.link(archive.root / "WSOP/clip.mp4", archive.root / "HCL/link.mp4")
    refused: list[str] = []

    class Closed:
        def list_directory(self, path: str) -> list[Entry]:
            refused.append(path)
            raise AccessDeniedError(target=path)

    def look(self: scanner.Scanner, folder: str) -> dict[str, int | None] | None:
        with monkeypatch.context() as patch:
            patch.setattr(self, "fs", Closed())
            return ids_in(self, folder)

    ids_in = scanner.Scanner._ids_in
    monkeypatch.setattr(scanner.Scanner, "_ids_in", look)
    scans.hint_folders(source=archive.source, paths=["HCL"])

    archive.scan(ScanMode.FOLDERS)

    assert refused == ["WSOP"]
    assert {"WSOP/clip.mp4", "HCL/link.mp4"} <= set(archive.files())


def test_a_hint_scan_cut_short_does_not_stand_in_for_the_scan_that_is_asked_for(archive: Archive) -> None:
    archive.fill(3)
    archive.scan()
    Scan.objects.create(source=archive.source, mode=ScanMode.FOLDERS, state=ScanState.RUNNING)
    archive.put("HCL/new.mp4")

    scan = archive.scan(ScanMode.GATED)

    assert scan.mode == ScanMode.GATED
    assert "HCL/new.mp4" in archive.files()


def test_a_scan_killed_before_it_began_is_not_forgotten(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.fill(3)
    archive.scan()

    class KilledError(BaseException):
        pass

    def die(*_args: object, **_kwargs: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(scans, "_open_scan", die)
        with pytest.raises(KilledError):
            archive.run(ScanMode.FULL)

    assert ScanPlan.objects.get().wanted_mode == ScanMode.FULL


def test_folders_gone_long_ago_cost_nothing_more(archive: Archive) -> None:
    archive.fill(100)
    for number in range(3):
        archive.put(f"old/{number}/a.txt", b"x")
    archive.scan()
    for number in range(3):
        shutil.rmtree(archive.root / f"old/{number}")
        archive.age("old")
    archive.scan()
    archive.scan()
    seen = dict(Folder.objects.filter(is_missing=True).values_list("pk", "listed_at"))
    assert len(seen) == 3

    archive.scan()

    assert dict(Folder.objects.filter(is_missing=True).values_list("pk", "listed_at")) == seen


def test_links_known_at_both_places_are_not_looked_for(archive: Archive) -> None:
    archive.put("A/clip.mp4", b"123")
    (archive.root / "B").mkdir()
    os.link(archive.root / "A/clip.mp4", archive.root / "B/clip.mp4")
    archive.scan()
    archive.scan()
    assert set(archive.files()) == {"A/clip.mp4", "B/clip.mp4"}
    folder = archive.folder("A")
    entries = open_file_system(archive.source).list_directory("A")
    listing = Listing(folder.pk, entries, folder.mtime_ns, archive.source.created_at)
    assert moves.suspects(source=archive.source, listings=[listing]) == []


def test_a_new_row_with_a_title_of_a_curator_is_not_joined_away(archive: Archive) -> None:
    archive.put("A/clip.mp4", b"123")
    archive.scan()
    old = archive.files()["A/clip.mp4"]
    since = timezone.now()
    MediaFile.objects.filter(pk=old.pk).update(absent_since=since)
    make_file("B/clip.mp4", source=archive.source, size_bytes=3, mtime_ns=old.mtime_ns, title="Final table", first_seen_at=since)

    assert absence.rejoin_moved(source=archive.source, since=since) == []


def test_an_emptied_root_is_empty_whatever_the_server_itself_keeps_there(archive: Archive) -> None:
    archive.source.exclude_globs = ["#recycle"]
    archive.source.save()
    archive.fill(3)
    archive.scan()
    (archive.root / "WSOP").rename(archive.root.parent / "unmounted")
    (archive.root / "#recycle").mkdir()

    assert archive.run().error_code == "root_empty"
    assert not MediaFile.objects.exclude(absent_since=None).exists()


def test_files_that_are_not_as_the_catalog_says_do_not_block_the_others(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = archive.fill(6)
    archive.scan()
    first = sorted(archive.files()[path].pk for path in paths)[:4]
    MediaFile.objects.filter(pk__in=first).update(mtime_ns=1)
    monkeypatch.setattr(probing, "BATCH_FILES", 2)
    monkeypatch.setattr(probing, "_MOST_LEFT", 2)
    fs = open_file_system(archive.source)

    results = [probing.run_pending(source=archive.source, fs=fs) for _ in range(2)]

    assert [result["is_complete"] for result in results] == [False, False]
    waiting = MediaFile.objects.filter(probe_state=ProbeState.PENDING).values_list("pk", flat=True)
    assert sorted(waiting) == first
