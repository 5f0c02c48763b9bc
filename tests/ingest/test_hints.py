"""Hints: one waiting row a folder however often it is named, and nothing that is said during a look is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from ingest.models import FolderHint, ScanMode
from ingest.services import events, scans
from ingest.services.scanner import Scanner
from tests.factories import make_source
from tests.threads import at_once

if TYPE_CHECKING:
    from tests.ingest.conftest import Archive


@pytest.mark.django_db
def test_a_flood_of_events_for_one_folder_waits_as_one_row() -> None:
    source = make_source("NAS")
    for number in range(50):
        events.accept_event(paths=[f"WSOP/2024/part {number}.mp4"])
    assert list(FolderHint.objects.values_list("source", "path")) == [(source.pk, "WSOP/2024")]


@pytest.mark.django_db
def test_each_source_has_its_own_row_of_the_same_path() -> None:
    make_source("one")
    make_source("two")
    for _ in range(2):
        events.accept_event(paths=["WSOP/a.mp4", "WSOP/b.mp4"])
    assert FolderHint.objects.count() == 2


@pytest.mark.django_db
def test_a_path_longer_than_a_database_can_index_is_taken() -> None:
    make_source("NAS")
    path = "/".join(["길" * 80] * 50)
    events.accept_event(paths=[f"{path}/x.mp4"])
    assert FolderHint.objects.get().path == path


@pytest.mark.django_db
def test_the_last_word_on_a_folder_says_when() -> None:
    source = make_source()
    scans.hint_folders(source=source, paths=["WSOP"])
    scans.hint_folders(source=source, paths=["WSOP"], delay_s=60)
    assert FolderHint.objects.get().due_at > timezone.now() + timedelta(seconds=30)
    scans.hint_folders(source=source, paths=["WSOP"])
    assert FolderHint.objects.get().due_at <= timezone.now()


def test_what_is_said_while_a_folder_is_looked_at_leads_to_another_look(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.put("WSOP/clip.mp4")
    archive.put("HCL/clip.mp4")
    archive.scan()
    walk = Scanner.walk

    def walk_and_hear(self: Scanner, *args: object) -> None:
        walk(self, *args)  # type: ignore[arg-type]
        scans.hint_folders(source=archive.source, paths=["WSOP"])

    monkeypatch.setattr(Scanner, "walk", walk_and_hear)
    scans.hint_folders(source=archive.source, paths=["WSOP", "HCL"])

    archive.scan(ScanMode.FOLDERS)

    assert list(FolderHint.objects.values_list("path", flat=True)) == ["WSOP"]


@pytest.mark.django_db(transaction=True)
def test_many_writers_neither_wait_for_each_other_nor_write_a_folder_twice() -> None:
    source = make_source()
    paths = [f"WSOP/{number}" for number in range(40)]

    def hint(step: int) -> None:
        for _ in range(5):
            scans.hint_folders(source=source, paths=paths[::step])

    at_once(*(lambda step=step: hint(step) for step in (1, -1, 1, -1)))
    assert sorted(FolderHint.objects.values_list("path", flat=True)) == sorted(paths)
