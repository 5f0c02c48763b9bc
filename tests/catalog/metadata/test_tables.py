"""Curated metadata as CSV: out and in again exactly, whatever stands in it and however large it is."""

from __future__ import annotations

import io
import tracemalloc
import unicodedata
from typing import TYPE_CHECKING

import pytest

from catalog.choices import Placement
from catalog.models import Content, MediaFile, Series, Source, Tag
from catalog.selectors import metadata
from catalog.services import arranging, files, tags
from catalog.services.generating import generate
from catalog.services.metadata_csv import BOM, COLUMNS, guard, join_names, read_table, split_names, unguard
from catalog.services.placement import place_all
from catalog.text import tidy
from tests.catalog.metadata.tables import HOSTILE, applied, checked, everything, export, problems_of, rows_of, table
from tests.factories import make_catalog, make_content, make_file, make_player, make_series, make_tag

if TYPE_CHECKING:
    from mam.accounts.models import User

    pass


pytestmark = pytest.mark.django_db


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


def test_a_file_full_of_open_quotes_takes_no_longer_than_another() -> None:
    """Each of them begins a text that never ends: read to the end of the file for each line, this would take a quarter of an hour."""
    lines = 100_000
    stream = io.BytesIO(("id,title\r\n" + '7","\r\n' * lines).encode())
    records = list(read_table(stream).records())
    assert len(records) == lines
    assert all(record.problems for record in records)
