"""A table is applied as it was shown, gone on with after a kill, and taken back."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from catalog.choices import MetadataState
from catalog.errors import ImportNotAsShownError
from catalog.models import MediaFile, MetadataImport, Player, Tag
from catalog.services import arranging, files, metadata_import
from mam.accounts.models import AuditEntry, User
from mam.jobs.testing import run_pending
from tests.catalog.killing import Killed, dies_after, ignore
from tests.catalog.metadata.tables import applied, checked, everything, problems_of, table, undone
from tests.factories import make_catalog, make_content, make_player, make_series, make_tag

pytestmark = pytest.mark.django_db


# --- applied as shown, gone on with, taken back -----------------------------------------------------------------------
def changes_of_every_kind(library: list[MediaFile]) -> bytes:
    """Each file gets something of everything; some had it."""
    make_player("Phil Ivey", name_ko="필 아이비").files.add(library[1])
    make_player("Annie Duke").files.add(library[0])
    library[0].tags.add(make_tag("Old"), make_tag("Bluff"))
    make_series(make_catalog("HCL"), name="Season 1", is_curated=True)
    by_hand = make_content(make_series(name="by hand"), title="apart")
    arranging.move_files(file_ids=[library[2].pk], content=by_hand, user=None, part_number=7)
    lines = [
        f'{file.pk},Title {number},"Two\nlines",HCL,Season 1,Hand {number // 2},{number},bluff; New,필 아이비'
        for number, file in enumerate(library)
    ]
    return table("id,title,description,catalog,series,content,part,tags,players", *lines)


def test_what_was_applied_is_taken_back_exactly_and_done_again(library: list[MediaFile], operator: User) -> None:
    data = changes_of_every_kind(library)
    before = everything()
    found = checked(data, operator)
    assert everything() == before
    applied(found, operator)
    assert (found.state, found.changed_files) == (MetadataState.DONE, 8)
    after = everything()
    assert after["tags"] == {(file.pk, name) for file in library for name in ("Bluff", "New")}
    assert after["players"] == {(file.pk, "Phil Ivey") for file in library}
    undone(found, operator)
    assert (found.state, found.changed_files) == (MetadataState.UNDONE, 0)
    now = everything()
    for key in before:
        assert now[key] == before[key]
    applied(found, operator)
    assert everything() == after


def test_who_was_killed_goes_on_where_the_last_part_ended(library: list[MediaFile], operator: User) -> None:
    data = changes_of_every_kind(library) + f"{library[0].pk},doubled\r\n".encode()
    before = everything()
    found = metadata_import.upload(stream=io.BytesIO(data), name="a.csv", user=operator)

    def killed_once_then_finished(done: Callable[[MetadataImport], int]) -> None:
        with pytest.raises(Killed):
            metadata_import.settle(import_id=found.pk, publish=dies_after(2), on_progress=ignore)
        found.refresh_from_db()
        assert done(found) == 2
        run_pending(kinds=[metadata_import.IMPORT_JOB])
        found.refresh_from_db()
        assert found.is_settled

    killed_once_then_finished(lambda row: row.checked_parts)
    assert problems_of(found) == [(18, "", "import_file_twice")]
    metadata_import.apply_import(found=found, digest=found.digest, user=operator)
    killed_once_then_finished(lambda row: row.applied_parts)
    assert found.changed_files == 8
    metadata_import.undo_import(found=found, user=operator)
    killed_once_then_finished(lambda row: row.total_parts - row.applied_parts)
    now = everything()
    for key in before:
        assert now[key] == before[key]


def test_a_file_that_was_changed_after_the_check_is_left_as_it_is(library: list[MediaFile], operator: User) -> None:
    lines = [f"{file.pk},new,Bluff" for file in library[:4]]
    found = checked(table("id,title,tags", *lines), operator)
    files.update_file(file=library[1], user=None, title="by somebody")
    library[2].delete()
    applied(found, operator)
    assert list(MediaFile.objects.order_by("pk").values_list("title", flat=True)[:3]) == ["new", "by somebody", "new"]
    assert problems_of(found) == [(3, "", "import_changed_meanwhile"), (4, "", "import_changed_meanwhile")]
    assert found.changed_files == 2


def test_without_its_player_a_line_is_left_out(library: list[MediaFile], operator: User) -> None:
    make_player("Phil Ivey")
    found = checked(table("id,players", f"{library[0].pk},Phil Ivey"), operator)
    Player.objects.all().delete()
    applied(found, operator)
    assert problems_of(found) == [(2, "", "import_target_gone")]
    undone(found, operator)
    assert found.state == MetadataState.UNDONE


def test_what_others_changed_meanwhile_stays_when_it_is_taken_back(library: list[MediaFile], operator: User) -> None:
    make_series(make_catalog("HCL"), name="Season 1", is_curated=True)
    lines = [f"{file.pk},new,Bluff,HCL,Season 1,X" for file in library[:3]]
    found = applied(checked(table("id,title,tags,catalog,series,content", *lines), operator), operator)
    files.update_file(file=library[0], user=None, title="by somebody")
    elsewhere = make_content(title="elsewhere")
    arranging.move_files(file_ids=[library[1].pk], content=elsewhere, user=None)
    library[2].delete()
    undone(found, operator)
    rows = MediaFile.objects.order_by("pk").values_list("title", "content__title")[:2]
    assert list(rows) == [("by somebody", "Day 0"), ("", "elsewhere")]
    assert not Tag.objects.filter(files__isnull=False).exists()


def test_only_what_was_shown_is_applied_and_only_once(library: list[MediaFile], operator: User) -> None:
    found = metadata_import.upload(stream=io.BytesIO(table("id,title", f"{library[0].pk},x")), name="a.csv", user=operator)
    with pytest.raises(ImportNotAsShownError):
        metadata_import.apply_import(found=found, digest=found.digest, user=operator)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    with pytest.raises(ImportNotAsShownError):
        metadata_import.apply_import(found=found, digest="0" * 64, user=operator)
    with pytest.raises(ImportNotAsShownError):
        metadata_import.undo_import(found=found, user=operator)
    applied(found, operator)
    with pytest.raises(ImportNotAsShownError):
        metadata_import.apply_import(found=found, digest=found.digest, user=operator)


def test_the_audit_names_who_changed_what(library: list[MediaFile], operator: User) -> None:
    applied(checked(table("id,title", f"{library[0].pk},New"), operator), operator)
    entries = AuditEntry.objects.filter(actor=operator).order_by("pk").values_list("action", "object_id", "after")
    found = MetadataImport.objects.get()
    assert list(entries) == [
        ("catalog.metadata_import.apply", str(found.pk), {"name": "a.csv", "digest": found.digest, "files": 1}),
        ("catalog.file.update", str(library[0].pk), {"title": "New"}),
    ]
