"""Every problem of a table is found at its line, and the other lines are applied."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from catalog.choices import MetadataState
from catalog.errors import ImportTooLargeError
from catalog.models import MediaFile, MetadataImport
from catalog.services import metadata_import
from tests.catalog.metadata.tables import applied, checked, everything, problems_of, table
from tests.factories import make_catalog, make_player

if TYPE_CHECKING:
    from mam.accounts.models import User

    pass


pytestmark = pytest.mark.django_db


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


def test_works_of_the_same_name_are_not_guessed(library: list[MediaFile], operator: User) -> None:
    for key in ("one", "two"):
        make_catalog("Twins", key=key)
    found = checked(table("id,catalog,series,content", f"{library[0].pk},Twins,2024,x"), operator)
    assert problems_of(found) == [(2, "catalog", "import_name_ambiguous")]
