"""Curated metadata as CSV: out and in again exactly, every problem by its line, applied as shown, taken back."""

from __future__ import annotations

import csv
import io
import tracemalloc
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.http import StreamingHttpResponse
from django.urls import reverse

from catalog.choices import MetadataState, Placement
from catalog.errors import ImportNotAsShownError, ImportTooLargeError, ObjectNotFoundError
from catalog.models import Content, MediaFile, MetadataImport, Player, Series, Source, Tag
from catalog.search import index
from catalog.search.query import parse
from catalog.selectors import metadata
from catalog.services import arranging, files, metadata_import, tags
from catalog.services.generating import generate
from catalog.services.metadata_csv import BOM, COLUMNS, guard, join_names, read_table, split_names, unguard
from catalog.services.placement import place_all
from catalog.text import tidy
from mam.accounts.errors import PermissionDeniedError
from mam.accounts.models import AuditEntry, User
from mam.jobs.testing import run_pending
from tests.catalog.killing import Killed, dies_after, ignore
from tests.factories import make_catalog, make_content, make_file, make_player, make_rule, make_series, make_source, make_tag, make_user

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import AsyncClient, Client

pytestmark = pytest.mark.django_db
ENGLISH = {"Accept-Language": "en"}
HOSTILE = [
    'He said "all in", then folded',
    "one\ntwo\n\nfour",
    "=1+1",
    "'=1+1",
    "''-2",
    "'tis no formula",
    "+82 2 123",
    "-3",
    "@here",
    "a;b, c\td",
    "결승 🃏👩‍👩‍👧 테이블",
    "\\; back\\slash\\",
    "＝fullwidth",
    "</td><script>alert(1)</script>",
]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_import, "PART_LINES", 3)
    monkeypatch.setattr(metadata, "PAGE_FILES", 3)


@pytest.fixture
def operator() -> User:
    return make_user("operator")


@pytest.fixture
def nas() -> Source:
    return make_source("NAS")


@pytest.fixture
def library(nas: Source) -> list[MediaFile]:
    """Eight files that a rule has placed: three parts."""
    made = [make_file(f"WSOP/2024/Day {number}.mp4", source=nas) for number in range(8)]
    make_rule()
    place_all()
    return made


def export() -> bytes:
    return b"".join(metadata.write_table(metadata.list_all_pages()))


def rows_of(exported: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.decode("utf-8-sig"), newline="")))


def table(head: str, *lines: str) -> bytes:
    return "\r\n".join([head, *lines, ""]).encode()


def checked(data: bytes, user: User | None, name: str = "a.csv") -> MetadataImport:
    """Uploaded, and its job has run."""
    found = metadata_import.upload(stream=io.BytesIO(data), name=name, user=user)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    found.refresh_from_db()
    return found


def applied(found: MetadataImport, user: User | None) -> MetadataImport:
    metadata_import.apply_import(found=found, digest=found.digest, user=user)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    found.refresh_from_db()
    return found


def undone(found: MetadataImport, user: User | None) -> MetadataImport:
    metadata_import.undo_import(found=found, user=user)
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    found.refresh_from_db()
    return found


def problems_of(found: MetadataImport) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.column, problem.code) for problem in metadata.list_problems(found)]


def everything() -> dict[str, Any]:
    """All that an import may change, without the ids of works."""
    columns = ("pk", "content__series__catalog__name", "content__series__name", "content__title", "part_number", "placement")
    return {
        "texts": list(MediaFile.objects.order_by("pk").values_list("pk", "title", "description")),
        "tags": set(MediaFile.tags.through.objects.values_list("mediafile_id", "tag__name")),
        "players": set(MediaFile.players.through.objects.values_list("mediafile_id", "player__name")),
        "places": list(MediaFile.objects.order_by("pk").values_list(*columns)),
        "series": set(Series.objects.values_list("name", "total_contents")),
        "contents": set(Content.objects.values_list("title", flat=True)),
    }


# --- the format -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [*HOSTILE, "", "\tx", "\rx", "'", "'''@"])
def test_a_guarded_cell_is_no_formula_and_comes_back_exactly(value: str) -> None:
    assert not guard(value).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguard(guard(value)) == value


def test_names_with_separators_in_them_come_back_as_they_were() -> None:
    names = ["a;b", "back\\slash", "ends\\", ";", "plain", "x\\;y"]
    assert split_names(join_names(names)) == names
    assert split_names(" a ;; b; ") == ["a", "b"]


def test_an_export_is_utf8_with_a_mark_and_lines_as_rfc_4180_wants_them(library: list[MediaFile]) -> None:
    make_player("Phil Ivey").files.add(library[0])
    library[0].tags.add(make_tag("Bluff"), make_tag("All in"))
    exported = export()
    assert exported.startswith(BOM.encode() + ",".join(COLUMNS).encode() + b"\r\n")
    assert exported.count(b"\r\n") == len(library) + 1
    first = rows_of(exported)[0]
    assert first == {
        "id": str(library[0].pk),
        "source": "NAS",
        "path": "WSOP/2024/Day 0.mp4",
        "title": "",
        "description": "",
        "catalog": "WSOP",
        "series": "2024",
        "content": "Day 0",
        "part": "",
        "tags": "All in; Bluff",
        "players": "Phil Ivey",
    }


# --- there and back ---------------------------------------------------------------------------------------------------
def make_hostile(source: Source) -> list[MediaFile]:
    """Files whose texts, names, tags, players and works are of every unpleasant kind."""
    made = []
    for number, value in enumerate(HOSTILE):
        name = unicodedata.normalize("NFD", f"{number} 한글.mp4")
        file = make_file(f"=folder/{name}", source=source)
        tag = make_tag(tidy(f"{value[:60]} {number}"))
        player = make_player(tidy(f"{value[:60]} P{number}"))
        catalog = make_catalog(tidy(f"{value[:50]} C{number}"), is_curated=True)
        content = make_content(make_series(catalog, is_curated=True), title=tidy(f"{value} {number}"))
        files.update_file(file=file, user=None, title=value, description=f"{value}\n{value}", part_number=number)
        tags.add_tags(file_ids=[file.pk], tags=[tag, make_tag(f"-{number}")], user=None)
        player.files.add(file)
        arranging.move_files(file_ids=[file.pk], content=content, user=None)
        made.append(file)
    return made


def test_what_was_exported_changes_nothing_when_it_is_imported(nas: Source, operator: User) -> None:
    make_hostile(nas)
    found = checked(export(), operator)
    assert (found.total_lines, found.planned_files, problems_of(found)) == (len(HOSTILE), 0, [])


def test_everything_hostile_comes_back_exactly_into_files_that_had_lost_it(nas: Source, operator: User) -> None:
    made = make_hostile(nas)
    exported, before = export(), everything()
    for file in made:
        files.update_file(file=file, user=None, title="", description="", part_number=None)
        tags.set_tags(file=file, tags=[], user=None)
        file.players.clear()
    arranging.move_files(file_ids=[file.pk for file in made], content=None, user=None)
    Content.objects.all().delete()
    Series.objects.update(total_contents=0)
    Tag.objects.all().delete()
    found = checked(exported, operator)
    assert (found.planned_files, problems_of(found)) == (len(made), [])
    applied(found, operator)
    after = everything()
    for key in before:
        assert after[key] == before[key]
    assert export() == exported


def test_files_are_found_by_source_and_path_however_a_program_spells_hangul(nas: Source, operator: User) -> None:
    decomposed = make_file(unicodedata.normalize("NFD", "결승/테이블.mp4"), source=nas)
    twin = make_file("결승/other.mp4", source=nas)  # in another folder of the same name
    found = checked(table("source,path,title", "NAS,결승/테이블.mp4,one", f"nas,{twin.path},two"), operator)
    assert problems_of(found) == []
    applied(found, operator)
    decomposed.refresh_from_db()
    twin.refresh_from_db()
    assert (decomposed.title, twin.title) == ("one", "two")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "euc-kr"])
def test_files_of_korean_excel_are_understood(library: list[MediaFile], operator: User, encoding: str, delimiter: str) -> None:
    text = f"ID{delimiter}Title\r\n{library[0].pk}{delimiter}결승 테이블\r\n"
    found = checked(text.encode(encoding), operator)
    applied(found, operator)
    library[0].refresh_from_db()
    assert library[0].title == "결승 테이블"
    assert found.columns == ["id", "title"]


def test_only_columns_that_are_there_are_touched_and_an_empty_cell_clears(library: list[MediaFile], operator: User) -> None:
    file = library[0]
    files.update_file(file=file, user=None, title="Old", description="stays", part_number=3)
    tags.add_tags(file_ids=[file.pk], tags=[make_tag("Bluff")], user=None)
    applied(checked(table("id,title,tags", f"{file.pk},,"), operator), operator)
    file.refresh_from_db()
    assert (file.title, file.description, file.part_number, file.tags.count()) == ("", "stays", 3, 0)


def test_cells_that_a_spreadsheet_left_out_at_the_end_of_a_line_are_empty(library: list[MediaFile], operator: User) -> None:
    tags.add_tags(file_ids=[library[0].pk], tags=[make_tag("Bluff")], user=None)
    found = checked(table("id,title,description,tags", f"{library[0].pk},New", ",,,", ""), operator)
    assert (found.planned_files, problems_of(found), found.total_lines) == (1, [], 1)
    applied(found, operator)
    assert not library[0].tags.exists()


# --- places -----------------------------------------------------------------------------------------------------------
def test_an_assignment_makes_the_content_and_no_scan_takes_it_back(library: list[MediaFile], operator: User) -> None:
    series = make_series(make_catalog("HCL"), name="Season 1", is_curated=True)
    lines = [f"{file.pk},HCL,Season 1,Best hands,{number}" for number, file in enumerate(library[:4], 1)]
    applied(checked(table("id,catalog,series,content,part", *lines), operator), operator)
    place_all()
    content = Content.objects.get(title="Best hands")
    assert content.series == series
    assert list(content.files.order_by("part_number").values_list("pk", "part_number")) == [
        (file.pk, number) for number, file in enumerate(library[:4], 1)
    ]
    series.refresh_from_db()
    assert series.total_contents == 1


def test_a_part_alone_stays_when_the_rules_run_again(library: list[MediaFile], operator: User) -> None:
    applied(checked(table("id,part", f"{library[0].pk},7"), operator), operator)
    place_all()
    library[0].refresh_from_db()
    assert (library[0].part_number, library[0].content and library[0].content.title) == (7, "Day 0")


def test_subtitles_get_the_part_of_their_video(library: list[MediaFile], operator: User) -> None:
    subtitle = make_file("WSOP/2024/Day 0.srt", source=library[0].source)
    applied(checked(table("id,part", f"{library[0].pk},7"), operator), operator)
    subtitle.refresh_from_db()
    library[0].refresh_from_db()
    assert (subtitle.part_number, subtitle.content) == (7, library[0].content)


def test_three_empty_cells_take_a_file_out_of_its_content(library: list[MediaFile], operator: User) -> None:
    applied(checked(table("id,catalog,series,content", f"{library[0].pk},,,"), operator), operator)
    place_all()
    library[0].refresh_from_db()
    assert (library[0].content, library[0].placement) == (None, Placement.CURATOR)


def test_files_that_change_places_find_the_work_that_went_away_meanwhile(library: list[MediaFile], operator: User) -> None:
    lines = [f"{file.pk},Day {(number + 1) % 8}" for number, file in enumerate(library)]
    applied(checked(table("id,content", *lines), operator), operator)
    assert list(MediaFile.objects.order_by("pk").values_list("content__title", flat=True)) == [f"Day {(n + 1) % 8}" for n in range(8)]
    assert Content.objects.count() == 8


# --- problems ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("head", "line", "column", "code"),
    [
        ("id,title", "999999999,x", "id", "import_file_unknown"),
        ("id,title", "12x,x", "id", "import_id_invalid"),
        ("id,source,path", ",,", "", None),
        ("id,source,path,title", ",,,x", "", "import_file_missing"),
        ("source,path,title", "NAS,nowhere/at all.mp4,x", "path", "import_file_unknown"),
        ("source,path,title", "NSA,WSOP/2024/Day 0.mp4,x", "source", "import_file_unknown"),
        ("id,path", "{id},WSOP/2024/Day 1.mp4", "path", "import_path_differs"),
        ("id,source", "{id},NSA", "source", "import_path_differs"),
        ("id,players", "{id},Nobody; Phil Ivey", "players", "player_unknown"),
        ("id,players", "{id},ivey", "players", "import_player_ambiguous"),
        ("id,title", "{id}," + "x" * 256, "title", "name_too_long"),
        ("id,tags", "{id},ok; " + "x" * 101, "tags", "name_too_long"),
        ("id,content", "{id}," + "x" * 256, "content", "name_too_long"),
        ("id,part", "{id},two", "part", "import_part_invalid"),
        ("id,part", "{id},-1", "part", "import_part_invalid"),
        ("id,part", "{id},32768", "part", "import_part_invalid"),
        ("id,part", "{id},1.0", "part", "import_part_invalid"),
        ("id,catalog,series,content", "{id},None,2024,x", "catalog", "import_catalog_unknown"),
        ("id,catalog,series,content", "{id},WSOP,1999,x", "series", "import_series_unknown"),
        ("id,catalog,series,content", "{id},,2024,x", "series", "import_series_without_catalog"),
        ("id,catalog,series,content", "{id},,,x", "content", "import_content_without_series"),
        ("id,catalog,series,content", "{id},WSOP,2024,", "content", "import_content_missing"),
        ("id,title", '{id},"a"b', "", "import_quotes_broken"),
        ("id,title", "{id},a,b", "", "import_too_many_cells"),
        ("id,title", "{id},a\x00b", "title", "import_undecodable"),
    ],
)
def test_each_problem_is_found_at_its_line(
    library: list[MediaFile], operator: User, head: str, line: str, column: str, code: str | None
) -> None:
    make_player("Phil Ivey", aliases=["Ivey"])
    make_player("Other Ivey", aliases=["ivey"])
    other = f"{library[2].pk},NAS,{library[2].path}" if "source,path" in head else f"{library[2].pk}"
    if head.startswith("source"):
        other = f"NAS,{library[2].path}"
    cells = other + "," * (head.count(",") - other.count(","))
    if "source" in head and head.startswith("id") and "path" not in head:
        cells = f"{library[2].pk},NAS"
    before = everything()
    found = checked(table(head, cells if "content" not in head else "", line.format(id=library[0].pk)), operator)
    assert problems_of(found) == ([(3, column, code)] if code else [])
    assert found.planned_files == 0
    assert everything() == before


def test_every_problem_of_a_line_is_said_and_the_other_lines_are_applied(library: list[MediaFile], operator: User) -> None:
    found = checked(
        table("id,part,players,title", f"{library[0].pk},x,Nobody,{'t' * 300}", f"{library[1].pk},2,,ok", f"{library[1].pk},3,,again"),
        operator,
    )
    assert problems_of(found) == [
        (2, "title", "name_too_long"),
        (2, "part", "import_part_invalid"),
        (2, "players", "player_unknown"),
        (4, "", "import_file_twice"),
    ]
    applied(found, operator)
    library[1].refresh_from_db()
    assert (library[1].part_number, library[1].title, found.changed_files) == (2, "ok", 1)


def test_a_file_is_found_twice_across_parts_and_by_id_and_path(library: list[MediaFile], operator: User) -> None:
    lines = [f"{file.pk},,,t{number}" for number, file in enumerate(library)]
    found = checked(table("id,source,path,title", *lines, f",NAS,{library[0].path},u"), operator)
    assert problems_of(found) == [(10, "", "import_file_twice")]


def test_bytes_that_are_no_text_are_a_problem_of_their_cell_alone(library: list[MediaFile], operator: User) -> None:
    data = (
        f"id,title,tags\r\n{library[0].pk},결승,x\r\n{library[1].pk},b".encode()
        + b"\xff\xc3"
        + f"c,x\r\n{library[2].pk},좋은,x\r\n".encode()
    )
    found = checked(data, operator)
    assert problems_of(found) == [(3, "title", "import_undecodable")]
    assert found.planned_files == 2


def test_a_quote_that_is_never_closed_spoils_its_own_line_only(library: list[MediaFile], operator: User) -> None:
    lines = [
        f"{library[0].pk},fine",
        f'{library[1].pk},"open',
        f"{library[2].pk},fine",
        f'{library[3].pk},"two\r\nlines"',
        f"{library[4].pk},x",
    ]
    found = checked(table("id,title", *lines), operator)
    assert problems_of(found) == [(3, "", "import_quotes_broken")]
    applied(found, operator)
    assert list(MediaFile.objects.order_by("pk").values_list("title", flat=True)[:5]) == ["fine", "", "fine", "two lines", "x"]


def test_lines_are_counted_as_an_editor_counts_them(library: list[MediaFile], operator: User) -> None:
    found = checked(table("id,description", f'{library[0].pk},"a\r\nb\r\nc"', "", "0,x"), operator)
    assert problems_of(found) == [(6, "id", "import_file_unknown")]


def test_a_file_that_was_cut_off_says_so(library: list[MediaFile], operator: User) -> None:
    found = checked(f"id,title,tags\r\n{library[0].pk},a".encode(), operator)
    assert problems_of(found) == [(2, "", "import_cut_off")]


@pytest.mark.parametrize(
    ("head", "expected", "ignored"),
    [
        ("id,colour,title", [(1, "colour", "import_column_unknown")], ["colour"]),
        ("id,title,Title", [(1, "Title", "import_column_twice")], ["Title"]),
        ("path,title", [(1, "", "import_key_missing")], []),
        ("title", [(1, "", "import_key_missing")], []),
        ("", [(1, "", "import_key_missing")], []),
    ],
)
def test_problems_of_the_head_are_said(operator: User, head: str, expected: list[Any], ignored: list[str]) -> None:
    found = checked(table(head), operator)
    assert (problems_of(found), found.ignored_columns, found.state) == (expected, ignored, MetadataState.READY)


def test_any_bytes_at_all_are_answered_with_problems(operator: User) -> None:
    for data in (b"", b"\x00", bytes(range(256)) * 50, b"\xff\xfei\x00d\x00", b'"' * 999, b"id\r\n" + b"\xb0" * 999):
        assert checked(data, operator).planned_files == 0


def test_what_is_too_large_is_refused_and_leaves_nothing(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_import, "MAX_LINES", 2)
    data = table("id", "1", "2", "3")
    with pytest.raises(ImportTooLargeError):
        metadata_import.upload(stream=io.BytesIO(data), name="a.csv", user=operator)
    monkeypatch.setattr(metadata_import, "MAX_LINES", 3)
    monkeypatch.setattr(metadata_import, "MAX_BYTES", len(data) - 1)
    with pytest.raises(ImportTooLargeError):
        metadata_import.upload(stream=io.BytesIO(data), name="a.csv", user=operator)
    assert not MetadataImport.objects.exists()


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


# --- pages ------------------------------------------------------------------------------------------------------------
def body_of(response: Any) -> bytes:
    return b"".join(response)


@pytest.fixture
def indexed(library: list[MediaFile]) -> list[MediaFile]:
    index.refresh_all()
    return library


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.parametrize("sort", ["", "newest", "name", "-name"])
def test_a_search_is_exported_in_its_order(client: Client, operator: User, indexed: list[MediaFile], sort: str) -> None:
    client.force_login(operator)
    page = client.get(reverse("catalog:search"), {"q": "day", "sort": sort}, headers=ENGLISH).content.decode()
    assert f"{reverse('catalog:metadata_export')}?q=day&amp;sort={sort}" in page
    response = client.get(reverse("catalog:metadata_export"), {"q": "day", "sort": sort})
    assert response.headers["Content-Disposition"].startswith('attachment; filename="metadata-20')
    ids = [int(row["id"]) for row in rows_of(body_of(response))]
    expected = [file.pk for file in indexed]
    assert ids == (expected if sort == "name" else expected[::-1] if sort in {"-name", "newest"} else ids)
    assert sorted(ids) == expected


@pytest.mark.django_db(transaction=True)
async def test_the_asynchronous_server_sends_an_export_part_by_part(async_client: AsyncClient) -> None:
    def prepare() -> User:
        source = make_source("NAS")
        for number in range(8):
            make_file(f"Day {number}.mp4", source=source)
        index.refresh_all()
        return make_user("operator")

    await async_client.aforce_login(await sync_to_async(prepare)())
    response = await async_client.get(reverse("catalog:metadata_export"), {"q": "day"})
    assert isinstance(response, StreamingHttpResponse)
    assert response.is_async
    parts = [part async for part in response.streaming_content]
    assert len(parts) == 1 + 3
    assert len(rows_of(b"".join(parts))) == 8


@pytest.mark.parametrize("sort", ["newest", "name", "-name", "largest", ""])
def test_more_files_than_are_counted_are_exported_page_by_page(
    operator: User, indexed: list[MediaFile], monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("catalog.search.engines.CAP", 4)
    pages = list(metadata.list_matching_pages(user=operator, query=parse("day"), sort=sort))
    ids = [pk for page in pages for pk in page]
    assert max(map(len, pages)) <= 3
    by_name = [file.pk for file in indexed]
    assert ids == (by_name if sort == "name" else by_name[::-1])


def test_a_curator_uploads_looks_applies_and_undoes(client: Client, operator: User, library: list[MediaFile]) -> None:
    client.force_login(operator)
    data = table("id,title,extra", f"{library[0].pk},<b>새 제목</b>,x", "77777777,y,x")
    url = reverse("catalog:metadata_import")
    assert "Nothing changes until" in client.get(url, headers=ENGLISH).content.decode()
    assert "This field is required" in client.post(url, headers=ENGLISH).content.decode()
    response = client.post(url, {"file": SimpleUploadedFile("목록.csv", data)})
    found = MetadataImport.objects.get()
    detail = response.headers["Location"]
    assert detail == reverse("catalog:metadata_import_detail", args=[found.pk])
    assert 'hx-trigger="load delay' in client.get(detail).content.decode()
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    page = client.get(detail, headers=ENGLISH).content.decode()
    for text in ("Apply 1 change", "There is no such file.", "&lt;b&gt;새 제목&lt;/b&gt;", found.digest, "There is no column “extra”"):
        assert text in page
    assert "hx-trigger" not in page
    client.post(reverse("catalog:metadata_import_apply", args=[found.pk]), {"digest": found.digest})
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    library[0].refresh_from_db()
    assert library[0].title == "<b>새 제목</b>"
    fragment = client.post(
        reverse("catalog:metadata_import_undo", args=[found.pk]), headers={"HX-Request": "true", "HX-Target": "metadata-import"}
    ).content.decode()
    assert fragment.startswith("<div")
    run_pending(kinds=[metadata_import.IMPORT_JOB])
    library[0].refresh_from_db()
    assert library[0].title == ""
    assert "목록.csv" in client.get(url).content.decode()


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_the_page_shows_some_problems_and_the_download_all(
    client: Client, operator: User, library: list[MediaFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.metadata_views.SHOWN_PROBLEMS", 2)
    found = checked(table("id,title", *(f"{10**9 + number},x" for number in range(7))), operator)
    client.force_login(operator)
    page = client.get(reverse("catalog:metadata_import_detail", args=[found.pk]), headers=ENGLISH).content.decode()
    assert page.count("There is no such file.") == 2
    assert "The first 2 of 7" in page
    response = client.get(reverse("catalog:metadata_import_problems", args=[found.pk]), headers=ENGLISH)
    rows = list(csv.reader(io.StringIO(body_of(response).decode("utf-8-sig"), newline="")))
    assert rows == [["Line", "Column", "Problem"], *([str(line), "id", "There is no such file."] for line in range(2, 9))]


ROUTES = [
    ("get", "metadata_export", False),
    ("get", "metadata_import", False),
    ("post", "metadata_import", False),
    ("get", "metadata_import_detail", True),
    ("get", "metadata_import_problems", True),
    ("post", "metadata_import_apply", True),
    ("post", "metadata_import_undo", True),
    ("post", "metadata_import_resume", True),
]


@pytest.mark.parametrize(("method", "name", "is_of_one"), ROUTES)
def test_viewers_are_denied_and_an_upload_is_its_owners_alone(
    client: Client, operator: User, library: list[MediaFile], method: str, name: str, *, is_of_one: bool
) -> None:
    found = checked(table("id,title", f"{library[0].pk},x"), operator)
    url = reverse(f"catalog:{name}", args=[found.pk] if is_of_one else [])
    client.force_login(make_user("viewer"))
    assert getattr(client, method)(url, {"digest": found.digest}).status_code == 403
    if is_of_one:
        client.force_login(make_user("operator"))
        assert getattr(client, method)(url, {"digest": found.digest}).status_code == 404
    library[0].refresh_from_db()
    assert library[0].title == ""


def test_services_check_who_asks_themselves(library: list[MediaFile], operator: User) -> None:
    found = checked(table("id,title", f"{library[0].pk},x"), operator)
    viewer, other = make_user("viewer"), make_user("operator")
    with pytest.raises(PermissionDeniedError):
        metadata_import.upload(stream=io.BytesIO(b"id\r\n"), name="a.csv", user=viewer)
    with pytest.raises(PermissionDeniedError):
        metadata.list_matching_pages(user=viewer, query=parse("day"), sort="")
    for user, error in ((viewer, PermissionDeniedError), (other, ObjectNotFoundError)):
        with pytest.raises(error):
            metadata_import.apply_import(found=found, digest=found.digest, user=user)
        with pytest.raises(error):
            metadata_import.undo_import(found=found, user=user)
        with pytest.raises(error):
            metadata_import.resume_import(found=found, user=user)


# --- commands ---------------------------------------------------------------------------------------------------------
def test_the_commands_export_check_and_apply(indexed: list[MediaFile], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "all.csv"
    call_command("export_metadata", file)
    assert file.read_bytes() == export()
    call_command("export_metadata", file, query='"Day 3"')
    assert [row["content"] for row in rows_of(file.read_bytes())] == ["Day 3"]
    file.write_bytes(table("id,title", f"{indexed[0].pk},x", "777777777,y"))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call_command("import_metadata", file)
    assert ended.value.code == 1
    assert capsys.readouterr().out.startswith("3:id: ")
    indexed[0].refresh_from_db()
    assert indexed[0].title == ""
    call_command("import_metadata", file, apply=True)
    indexed[0].refresh_from_db()
    assert indexed[0].title == "x"
    file.write_bytes(table("id,title", f"{indexed[0].pk},y"))
    call_command("import_metadata", file)
    assert not MetadataImport.objects.exists()


# --- sizes ------------------------------------------------------------------------------------------------------------
def peak_of_export() -> int:
    tracemalloc.start()
    for _part in metadata.write_table(metadata.list_all_pages()):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_an_export_needs_no_more_memory_for_more_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "PAGE_FILES", 500)
    generate(files=2_000, seed=1)
    MediaFile.objects.update(description="설명 " * 200)
    few = peak_of_export()
    make_all_again()
    assert peak_of_export() < few * 1.5


def make_all_again() -> None:
    """Four times as many files."""
    folder = MediaFile.objects.order_by("pk").values_list("folder_id", "source_id")[0]
    MediaFile.objects.bulk_create(
        MediaFile(
            folder_id=folder[0],
            source_id=folder[1],
            name=f"more {number}.mp4",
            name_key=f"more {number}.mp4",
            kind="video",
            size_bytes=1,
            mtime_ns=1,
            description="설명 " * 200,
        )
        for number in range(6_000)
    )


def test_a_table_is_read_without_holding_all_of_it() -> None:
    line = f'1,"{"가" * 1000}"\r\n'.encode()
    stream = io.BytesIO(b"id,title\r\n" + line * 5_000)
    tracemalloc.start()
    count = sum(1 for _record in read_table(stream).records())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 3_000_000) == (5_000, True)


def test_works_of_the_same_name_are_not_guessed(library: list[MediaFile], operator: User) -> None:
    for key in ("one", "two"):
        make_catalog("Twins", key=key)
    found = checked(table("id,catalog,series,content", f"{library[0].pk},Twins,2024,x"), operator)
    assert problems_of(found) == [(2, "catalog", "import_name_ambiguous")]


def test_a_file_full_of_open_quotes_takes_no_longer_than_another() -> None:
    """Each of them begins a text that never ends: read to the end of the file for each line, this would take a quarter of an hour."""
    lines = 100_000
    stream = io.BytesIO(("id,title\r\n" + '7","\r\n' * lines).encode())
    records = list(read_table(stream).records())
    assert len(records) == lines
    assert all(record.problems for record in records)
