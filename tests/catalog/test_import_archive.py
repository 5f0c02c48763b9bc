"""Taking over an old archive: real SQLite files of both shapes, matched with files that the catalog has found."""

from __future__ import annotations

import csv
import sqlite3
import unicodedata
from contextlib import closing
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from catalog.choices import ImportReason, ImportState, Placement
from catalog.errors import ArchiveBusyError, ArchiveDamagedError, ArchiveEmptyError, ArchiveFileError, ArchiveNotDatabaseError
from catalog.models import Catalog, Content, ImportedRecord, MediaFile, Player, Series, Tag
from catalog.services.archive_import import ImportResult, NotPlaced, import_archive
from catalog.services.archive_matching import path_parts
from catalog.services.placement import place_all
from mam.accounts.models import AuditEntry
from tests.factories import make_catalog, make_content, make_file, make_folder, make_player, make_series, make_source, make_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from catalog.models import Source

    Form = Literal["NFC", "NFD"]

pytestmark = pytest.mark.django_db

# The scanner's database: files and little else.
ARCHIVE = """
CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT, filename TEXT, extension TEXT, size_bytes INTEGER, modified_at TEXT, file_type TEXT,
    parent_folder TEXT, scan_status TEXT, title TEXT, description TEXT, tags TEXT, players TEXT, catalog TEXT, series TEXT);
"""
# The OTT database: works, people, links between them.
POKERVOD = """
CREATE TABLE catalogs (id TEXT PRIMARY KEY, name TEXT, description TEXT, display_title TEXT);
CREATE TABLE series (id INTEGER PRIMARY KEY, catalog_id TEXT, slug TEXT, title TEXT, year INTEGER, description TEXT, location TEXT);
CREATE TABLE contents (id INTEGER PRIMARY KEY, series_id INTEGER, content_type TEXT, headline TEXT, description TEXT,
    episode_number INTEGER, nas_path TEXT, file_size_bytes INTEGER, view_count INTEGER);
CREATE TABLE files (id TEXT PRIMARY KEY, content_id INTEGER, nas_path TEXT, filename TEXT, size_bytes INTEGER, part_number INTEGER,
    display_title TEXT, analysis_status TEXT, hls_compatible INTEGER);
CREATE TABLE players (id INTEGER PRIMARY KEY, name TEXT, display_name TEXT, name_kr TEXT, aliases TEXT, country TEXT, total_hands INTEGER);
CREATE TABLE content_players (content_id INTEGER, player_id INTEGER, role TEXT);
CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE file_tags (file_id TEXT, tag_id INTEGER);
"""


@pytest.fixture
def nas(db: None) -> Source:
    """A source whose files the old archives speak of."""
    return make_source("nas", url="smb://10.0.0.2/docker/ARCHIVE")


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Makes an old archive: `old(schema, files=[{...}], ...)`."""
    folder = tmp_path / "old"
    folder.mkdir()

    def make(schema: str, /, name: str = "pokervod.db", **tables: list[dict[str, Any]]) -> Path:
        path = folder / name
        with closing(sqlite3.connect(path)) as database:
            database.executescript(schema)
            for table, rows in tables.items():
                add(database, table, rows)
            database.commit()
        return path

    yield make


def add(database: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608  (names of these tests)


def run(path: Path, **options: Any) -> tuple[ImportResult, list[NotPlaced]]:
    """An import, with what it did not place."""
    left: list[NotPlaced] = []
    return import_archive(path=path, user=None, on_not_placed=left.append, **options), left


def reasons(left: list[NotPlaced]) -> dict[str, ImportReason]:
    return {row.old_id: row.reason for row in left}


def everything() -> list[Any]:
    """All that an import may write, to compare."""
    models = (Catalog, Series, Content, Tag, Player, ImportedRecord, AuditEntry, MediaFile)
    links = (MediaFile.tags.through, MediaFile.players.through, Content.players.through)
    return [list(model._default_manager.order_by("pk").values()) for model in (*models, *links)]


POKER: dict[str, list[dict[str, Any]]] = {
    "catalogs": [{"id": "WSOP", "name": "World Series of Poker", "description": "라스베이거스"}],
    "series": [{"id": 3, "catalog_id": "WSOP", "title": "WSOP 2024", "year": 2024, "location": "Las Vegas"}],
    "contents": [{"id": 9, "series_id": 3, "content_type": "episode", "headline": "Main Event Day 1", "view_count": 77}],
    "players": [{"id": 1, "name": "Phil Ivey", "name_kr": "필 아이비", "country": "USA", "total_hands": 12}],
    "content_players": [{"content_id": 9, "player_id": 1, "role": "featured"}],
    "tags": [{"id": 5, "name": "Bluff"}],
    "file_tags": [{"file_id": "f1", "tag_id": 5}],
}
FIRST = {
    "id": "f1",
    "content_id": 9,
    "nas_path": r"\\10.0.0.2\docker\ARCHIVE\WSOP\2024\ME_D1_P1.mp4",
    "hls_compatible": 1,
    "part_number": 1,
}
SECOND = {"id": "f2", "content_id": 9, "nas_path": "Z:/ARCHIVE/WSOP/2024/ME_D1_P2.mp4", "part_number": 2, "display_title": "둘째 날"}


# --- what is taken over -----------------------------------------------------------------------------------------------
def test_an_ott_database_gives_files_their_works_players_and_tags(nas: Source, old: Callable[..., Path]) -> None:
    one, two = make_file("WSOP/2024/ME_D1_P1.mp4", source=nas), make_file("WSOP/2024/ME_D1_P2.mp4", source=nas)
    result, left = run(old(POKERVOD, **POKER, files=[FIRST, SECOND]))
    assert not left
    content = Content.objects.select_related("series__catalog").get()
    assert (content.title, content.series.name, content.series.year) == ("Main Event Day 1", "WSOP 2024", 2024)
    assert (content.series.catalog.name, content.series.catalog.description) == ("World Series of Poker", "라스베이거스")
    assert list(content.files.order_by("part_number")) == [one, two]
    assert content.series.total_contents == 1
    two.refresh_from_db()
    assert (two.placement, two.part_number, two.title) == (Placement.CURATOR, 2, "둘째 날")
    assert [tag.name for tag in one.tags.all()] == ["Bluff"]
    player = content.players.get()
    assert (player.name, player.name_ko, player.country) == ("Phil Ivey", "필 아이비", "")
    assert (result.placed, result.contents_made, result.not_placed) == (6, 1, 0)


def test_rules_leave_what_was_imported_where_it_is(nas: Source, old: Callable[..., Path]) -> None:
    file = make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    place_all()
    run(old(POKERVOD, **POKER, files=[FIRST]))
    assert [content.title for content in Content.objects.all()] == ["Main Event Day 1"]  # the one of the rule is empty, and gone
    place_all()
    file.refresh_from_db()
    assert file.content is not None
    assert file.content.title == "Main Event Day 1"


def test_a_scanner_database_gives_titles_tags_and_players(nas: Source, old: Callable[..., Path]) -> None:
    file = make_file("HCL/2025/EP7.mp4", source=nas)
    ivey = make_player("Phil Ivey", aliases=["필 아이비"])
    row = {"path": "/Volumes/ARCHIVE/HCL/2025/EP7.mp4", "filename": "EP7.mp4", "title": "Episode 7", "description": "첫째\r\n둘째"}
    said = {
        "tags": '["cash", "Cash", {"name": "hero call"}]',
        "players": "필 아이비; Garrett Adelstein",
        "catalog": "HCL",
        "series": "2025 Live",
    }
    result, left = run(old(ARCHIVE, name="archive.db", files=[row | said]))
    assert not left
    assert result.placed == 1
    file.refresh_from_db()
    assert (file.title, file.description) == ("Episode 7", "첫째\n둘째")
    assert sorted(tag.name for tag in file.tags.all()) == ["cash", "hero call"]
    assert sorted(player.name for player in file.players.all()) == ["Garrett Adelstein", "Phil Ivey"]
    assert ivey in file.players.all()
    assert file.content is not None
    assert (str(file.content), str(file.content.series), str(file.content.series.catalog)) == ("Episode 7", "2025 Live", "HCL")


def test_contents_that_have_paths_of_their_own_need_no_file_rows(nas: Source, old: Callable[..., Path]) -> None:
    file = make_file("WSOP/2024/ME.mp4", source=nas)
    clip = {"id": 10, "series_id": 3, "content_type": "clip", "headline": "Ivey bluffs"}
    contents = [POKER["contents"][0] | {"nas_path": "smb://nas/ARCHIVE/WSOP/2024/ME.mp4"}, clip]
    _result, left = run(old(POKERVOD, catalogs=POKER["catalogs"], series=POKER["series"], contents=contents))
    file.refresh_from_db()
    assert str(file.content) == "Main Event Day 1"
    assert reasons(left) == {"10": ImportReason.NO_FILE}


def test_events_and_tournaments_are_contents_and_series_under_older_names(nas: Source, old: Callable[..., Path]) -> None:
    file = make_file("WSOP/2024/ME.mp4", source=nas)
    schema = """
        CREATE TABLE catalogs (id VARCHAR(50) PRIMARY KEY, name VARCHAR(200));
        CREATE TABLE tournaments (id VARCHAR(100) PRIMARY KEY, catalog_id VARCHAR(50), name TEXT, year INTEGER);
        CREATE TABLE events (id VARCHAR(150) PRIMARY KEY, tournament_id VARCHAR(100), name TEXT, day INTEGER);
        CREATE TABLE files (id VARCHAR(200) PRIMARY KEY, event_id VARCHAR(150), nas_path TEXT UNIQUE);
        INSERT INTO catalogs VALUES ('WSOP', 'WSOP');
        INSERT INTO tournaments VALUES ('wsop-2024', 'WSOP', 'WSOP Las Vegas', 2024);
        INSERT INTO events VALUES ('me-d1', 'wsop-2024', 'Main Event Day 1', 1);
        INSERT INTO files VALUES ('a1', 'me-d1', 'ARCHIVE/WSOP/2024/ME.mp4');
    """
    _result, left = run(old(schema))
    assert not left
    file.refresh_from_db()
    assert file.content is not None
    assert (str(file.content), str(file.content.series), file.content.series.year) == ("Main Event Day 1", "WSOP Las Vegas", 2024)


def test_the_whole_old_row_is_kept_whatever_its_columns(nas: Source, old: Callable[..., Path]) -> None:
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    run(old(POKERVOD, **POKER, files=[FIRST]))
    content = ImportedRecord.objects.get(table="contents")
    assert content.old_row["view_count"] == 77
    assert content.content == Content.objects.get()
    assert ImportedRecord.objects.get(table="files").old_row["hls_compatible"] == 1
    assert ImportedRecord.objects.get(table="players").old_row["country"] == "USA"  # not two letters, so only kept


def test_contents_of_one_title_stay_two(nas: Source, old: Callable[..., Path]) -> None:
    make_file("WSOP/2024/a.mp4", source=nas)
    make_file("WSOP/2024/b.mp4", source=nas)
    contents = [{"id": pk, "series_id": 3, "headline": "Day 1"} for pk in (1, 2)]
    files = [{"id": name, "content_id": pk, "nas_path": f"WSOP/2024/{name}.mp4"} for pk, name in ((1, "a"), (2, "b"))]
    run(old(POKERVOD, catalogs=POKER["catalogs"], series=POKER["series"], contents=contents, files=files))
    assert [content.files.count() for content in Content.objects.filter(title="Day 1")] == [1, 1]


# --- which file is meant ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        r"\\10.0.0.2\docker\ARCHIVE\WSOP\2024\Final Table.mp4",
        r"Z:\docker\ARCHIVE\wsop\2024\FINAL TABLE.MP4",
        "/Volumes/docker/ARCHIVE/WSOP/2024/Final Table.mp4",
        "smb://user@10.0.0.2/docker/ARCHIVE/WSOP/2024/Final%20Table.mp4",
        "WSOP/2024/Final Table.mp4",
        "./2024/../WSOP/2024//Final Table.mp4",
    ],
)
def test_paths_are_understood_however_they_are_written(nas: Source, old: Callable[..., Path], path: str) -> None:
    file = make_file("WSOP/2024/Final Table.mp4", source=nas)
    make_file("HCL/2024/Final Table.mp4", source=nas)
    run(old(ARCHIVE, files=[{"path": path, "size_bytes": 1}]))  # the size decides nothing where the whole path agrees
    assert ImportedRecord.objects.get().file == file


@pytest.mark.parametrize(("here", "there"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_korean_names_are_the_same_composed_and_decomposed(nas: Source, old: Callable[..., Path], here: Form, there: Form) -> None:
    path = "포커/2024/결승전 1부.mp4"
    file = make_file(unicodedata.normalize(here, path), source=nas)
    run(old(ARCHIVE, files=[{"path": unicodedata.normalize(there, f"/Volumes/nas/{path}"), "title": unicodedata.normalize("NFD", "결승")}]))
    file.refresh_from_db()
    assert file.title == "결승"


def test_a_moved_file_is_known_by_name_and_size(nas: Source, old: Callable[..., Path]) -> None:
    moved = make_file("Restored/ME.mp4", source=nas, size_bytes=500)
    make_file("Other/ME.mp4", source=nas, size_bytes=600)
    run(old(ARCHIVE, files=[{"path": "Z:/WSOP/2019/ME.mp4", "size_bytes": 500}]))
    assert ImportedRecord.objects.get().file == moved


def test_the_folder_column_and_the_name_make_a_path(nas: Source, old: Callable[..., Path]) -> None:
    file = make_file("WSOP/2024/ME.mp4", source=nas)
    run(old(ARCHIVE, files=[{"parent_folder": "/mnt/ARCHIVE/WSOP/2024", "filename": "ME.mp4"}]))
    assert ImportedRecord.objects.get().file == file


def test_what_fits_none_or_several_is_reported_with_the_reason(nas: Source, old: Callable[..., Path]) -> None:
    for path in ("A/2024/x.mp4", "B/2024/x.mp4"):
        make_file(path, source=nas, size_bytes=10)
    make_file("HCL/Part1.mp4", source=nas, size_bytes=10)
    make_file("WSOP/once.mp4", source=nas)
    paths = {
        1: "Z:/2024/x.mp4",
        2: "Z:/WSOP/gone.mp4",
        3: "Z:/WSOP/2011/Part1.mp4",
        4: "WSOP/once.mp4",
        5: r"\\nas\WSOP\ONCE.mp4",
        6: "///",
    }
    files = [{"id": pk, "path": path, "size_bytes": 10 if pk == 1 else 11} for pk, path in paths.items()]
    result, left = run(old(ARCHIVE, files=files))
    assert reasons(left) == {
        "1": ImportReason.AMBIGUOUS,
        "2": ImportReason.ABSENT,
        "3": ImportReason.ELSEWHERE,
        "5": ImportReason.DUPLICATE,
        "6": ImportReason.NO_PATH,
    }
    assert (result.placed, result.not_placed) == (1, 5)
    assert ImportedRecord.objects.get(old_id="2").old_row["path"] == "Z:/WSOP/gone.mp4"


def test_what_could_not_be_placed_is_placed_when_its_file_was_found(nas: Source, old: Callable[..., Path]) -> None:
    path = old(POKERVOD, **POKER, files=[FIRST])
    _result, left = run(path)
    assert {row.table: row.reason for row in left} == dict.fromkeys(("catalogs", "series", "contents"), ImportReason.NO_FILE) | {
        "files": ImportReason.ABSENT
    }
    assert not Catalog.objects.exists()
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    result, left = run(path)
    assert not left
    assert (result.placed, result.known) == (4, 1)
    assert set(ImportedRecord.objects.values_list("state", flat=True)) == {ImportState.PLACED}


def test_a_file_that_was_removed_and_found_anew_gets_all_of_it_again(nas: Source, old: Callable[..., Path]) -> None:
    path = old(POKERVOD, **POKER, files=[FIRST])
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    run(path)
    MediaFile.objects.all().delete()
    found = make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    assert run(path)[0].placed == 1
    found.refresh_from_db()
    assert str(found.content) == "Main Event Day 1"
    assert ImportedRecord.objects.get(table="files").file == found


# --- what curators said -----------------------------------------------------------------------------------------------
def test_what_curators_said_is_never_overwritten(nas: Source, old: Callable[..., Path]) -> None:
    ours = make_content(title="Ours", is_curated=True)
    ivey, dwan = make_player("Ivey", aliases=["Phil Ivey"], name_ko="아이비"), make_player("Tom Dwan")
    file = make_file(
        "WSOP/2024/ME_D1_P2.mp4", source=nas, content=ours, placement=Placement.CURATOR, title="Mine", part_number=8, tags=[make_tag("own")]
    )
    file.players.add(dwan)
    tables = POKER | {"file_tags": [{"file_id": "f2", "tag_id": 5}]}
    result, left = run(old(POKERVOD, **tables, files=[SECOND]))
    file.refresh_from_db()
    assert (file.content, file.title, file.part_number, result.kept) == (ours, "Mine", 8, 1)
    assert list(file.players.all()) == [dwan]
    assert sorted(tag.name for tag in file.tags.all()) == ["Bluff", "own"]
    ivey.refresh_from_db()
    assert (ivey.name, ivey.name_ko, ivey.aliases) == ("Ivey", "아이비", ["Phil Ivey", "필 아이비"])
    assert [content.title for content in Content.objects.all()] == ["Ours"]
    assert not left


def test_curated_works_of_the_same_name_are_used_as_they_are(nas: Source, old: Callable[..., Path]) -> None:
    catalog = make_catalog("월드시리즈", key="wsop", description="ours", is_curated=True)
    series = make_series(catalog, "wsop 2024", is_curated=True, year=2023)
    content = make_content(series, "main event day 1", description="ours", is_curated=True)
    file = make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    run(old(POKERVOD, **POKER, files=[FIRST]))
    file.refresh_from_db()
    assert file.content == content
    content.refresh_from_db()
    assert (content.title, content.description, content.series.year) == ("main event day 1", "ours", 2023)
    assert Catalog.objects.get().description == "ours"


def test_players_are_found_by_any_spelling_and_made_once(nas: Source, old: Callable[..., Path]) -> None:
    known = make_player("Daniel Negreanu", name_ko="다니엘 네그라누")
    twins = [make_player("Kim A", aliases=["Kim"]), make_player("Kim B", aliases=["Kim"])]
    names = [{"name": unicodedata.normalize("NFD", "다니엘 네그라누"), "aliases": "Kid Poker"}, {"name": "New One"}, {"name": "NEW ONE"}]
    _result, left = run(old(POKERVOD, players=[*names, {"name": "Kim"}, {"name": None}]))
    known.refresh_from_db()
    assert known.aliases == ["Kid Poker"]
    assert Player.objects.count() == len([known, *twins]) + 1
    assert [row.reason for row in left] == [ImportReason.AMBIGUOUS, ImportReason.NO_NAME]


# --- again, in the midst, and not at all --------------------------------------------------------------------------------
def test_a_second_run_changes_nothing(nas: Source, old: Callable[..., Path]) -> None:
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    path = old(POKERVOD, **POKER, files=[FIRST, SECOND])
    _first, left = run(path)
    before = everything()
    result, left_again = run(path)
    assert everything() == before
    assert (result.placed, result.known) == (0, 5)
    assert left_again == left


def test_a_dry_run_reports_the_same_and_changes_nothing(nas: Source, old: Callable[..., Path]) -> None:
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    path = old(POKERVOD, **POKER, files=[FIRST, SECOND])
    before = everything()
    planned, planned_left = run(path, dry_run=True)
    assert everything() == before
    result, left = run(path)
    assert (planned.placed, planned_left) == (result.placed, left)


class KilledError(Exception):
    """What ends an import in these tests."""


def test_an_import_that_was_killed_goes_on_and_ends_like_one_that_was_not(nas: Source, old: Callable[..., Path]) -> None:
    names = [f"e{number}" for number in range(10)]
    files = [make_file(f"WSOP/2024/{name}.mp4", source=nas) for name in names]
    contents = [{"id": number, "series_id": 3, "headline": f"Episode {number // 2}"} for number in range(10)]
    rows = [{"id": name, "content_id": number // 2, "nas_path": f"WSOP/2024/{name}.mp4"} for number, name in enumerate(names)]
    path = old(POKERVOD, catalogs=POKER["catalogs"], series=POKER["series"], contents=contents, files=rows)
    updates = 0

    def kill_the_second_batch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal updates
        done = execute(sql, params, many, context)
        updates += sql.startswith('UPDATE "catalog_mediafile"')
        if updates == 2:
            raise KilledError
        return done

    with connection.execute_wrapper(kill_the_second_batch), pytest.raises(KilledError):
        run(path, batch_rows=3)
    assert MediaFile.objects.filter(placement=Placement.CURATOR).count() == 3  # of the second batch nothing is left
    assert ImportedRecord.objects.filter(table="files").count() == 3
    result, left = run(path, batch_rows=3)
    assert result.known == 5  # three files and their two contents
    assert [row.table for row in left] == ["contents"] * 5
    assert [file.content.title for file in MediaFile.objects.order_by("pk") if file.content] == [f"Episode {n // 4}" for n in range(10)]
    assert Content.objects.count() == 5
    assert len(files) == ImportedRecord.objects.filter(table="files", state=ImportState.PLACED).count()


# --- what is in old data ------------------------------------------------------------------------------------------------
HOSTILE: list[Any] = [
    "\x00\x07\u202ename\x1b[2J",
    "x" * 5000,
    "가" * 5000,
    "'; DROP TABLE files; --",
    b"\xff\x00",
    1e300,
    -1,
    2**62,
    "[[[[",
    "[" * 9999,
]


@pytest.mark.parametrize("value", [*HOSTILE, None, "", " ", float("inf")], ids=lambda value: repr(value)[:16])
def test_hostile_values_are_cleaned_or_reported(nas: Source, old: Callable[..., Path], value: Any) -> None:
    file = make_file("WSOP/x.mp4", source=nas)
    tables = {
        name: POKERVOD.partition(f"CREATE TABLE {name} (")[2].partition(");")[0] for name in ("catalogs", "series", "contents", "players")
    }
    columns = {name: [column.split()[0] for column in text.replace("\n", " ").split(", ")] for name, text in tables.items()}
    rows = {
        name: [dict.fromkeys([one for one in names if one != "id" and not one.endswith("_id")], value)] for name, names in columns.items()
    }
    rows["contents"][0] |= {"series_id": 1, "nas_path": None}
    rows["series"][0]["catalog_id"] = "c"
    rows["catalogs"][0]["id"] = "c"
    files = [
        {"id": "x", "content_id": 1, "nas_path": "WSOP/x.mp4", "size_bytes": value, "part_number": value, "display_title": value},
        {"id": "y", "content_id": value, "nas_path": value, "filename": value, "size_bytes": value},
        {"id": None, "nas_path": value},
        {"id": None, "nas_path": "WSOP/x.mp4"},
    ]
    result, left = run(old(POKERVOD, **rows, files=files, file_tags=[{"file_id": "x", "tag_id": value}]))
    assert result.placed + result.not_placed == 8
    assert ("files", "x") not in {(row.table, row.old_id) for row in left}
    file.refresh_from_db()
    assert not {"\x00", "\x07", "\u202e", "\x1b"} & set(f"{file.title}{file.description}{file.content}")
    assert ImportedRecord.objects.filter(table="files").count() == 4


def test_rows_with_the_same_id_are_kept_apart(nas: Source, old: Callable[..., Path]) -> None:
    make_file("a.mp4", folder=make_folder(nas, "W"))
    schema = "CREATE TABLE files (id, path)"
    run(old(schema, files=[{"id": 1, "path": "W/a.mp4"}, {"id": "1", "path": "W/b.mp4"}, {"id": 1.0, "path": "W/c.mp4"}]))
    assert sorted(ImportedRecord.objects.values_list("old_id", flat=True)) == ["1", "1 row 1", "1 row 2"]


# --- the old file -------------------------------------------------------------------------------------------------------
def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_the_old_file_and_its_folder_stay_as_they_are(nas: Source, old: Callable[..., Path], mode: str) -> None:
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    path = old(f"PRAGMA journal_mode = {mode}; {POKERVOD}", **POKER, files=[FIRST])
    before = state_of(path.parent)
    assert set(before) == {"pokervod.db"}
    result, _left = run(path)
    assert result.placed == 5
    assert state_of(path.parent) == before


@pytest.mark.parametrize("with_index", [True, False])
def test_what_only_the_log_beside_the_old_file_holds_is_read_too(
    nas: Source, old: Callable[..., Path], tmp_path: Path, with_index: bool
) -> None:
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    path = old(f"PRAGMA journal_mode = WAL; {POKERVOD}", **POKER)
    copied = tmp_path / "copied"
    copied.mkdir()
    with closing(sqlite3.connect(path)) as writer:
        add(writer, "files", [FIRST])
        writer.commit()
        for file in path.parent.iterdir():  # as they lie there while the old system runs
            if with_index or not file.name.endswith("-shm"):
                (copied / file.name).write_bytes(file.read_bytes())
        live = state_of(path.parent)
        assert "pokervod.db-wal" in live
        assert run(path, dry_run=True)[0].placed == 5
        assert state_of(path.parent) == live
    before = state_of(copied)
    assert run(copied / "pokervod.db")[0].placed == 5
    assert state_of(copied) == before


def test_a_file_that_is_none_or_has_nothing_is_refused_in_words(db: None, old: Callable[..., Path], tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("SQLite it is not")
    for path, error in {
        tmp_path / "nowhere.db": ArchiveFileError,
        tmp_path: ArchiveFileError,
        text: ArchiveNotDatabaseError,
        old("CREATE TABLE users (id)", name="users.db"): ArchiveEmptyError,
    }.items():
        with pytest.raises(error) as raised:
            run(path)
        assert type(raised.value) is error
        assert path.name in str(raised.value)


def test_a_damaged_file_is_refused_before_anything_is_taken_over(db: None, old: Callable[..., Path]) -> None:
    path = old(ARCHIVE, files=[{"path": f"WSOP/{number}.mp4", "description": "x" * 900} for number in range(200)])
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:8192] + b"\xff" * 8192 + whole[16384:]):
        path.write_bytes(damaged)
        with pytest.raises(ArchiveDamagedError):
            run(path)
    assert not ImportedRecord.objects.exists()


def test_a_locked_file_is_refused(db: None, old: Callable[..., Path]) -> None:
    path = old(ARCHIVE, files=[{"path": "WSOP/x.mp4"}])
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ArchiveBusyError):
            run(path)


# --- the command --------------------------------------------------------------------------------------------------------
def command(*arguments: Any) -> str:
    out = StringIO()
    call_command("import_archive", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_command_tells_what_it_did_and_lists_what_it_could_not(nas: Source, old: Callable[..., Path], tmp_path: Path) -> None:
    make_file("WSOP/2024/ME_D1_P1.mp4", source=nas)
    report = tmp_path / "left.csv"
    path = old(POKERVOD, **POKER, files=[FIRST, {"id": "=1+1", "nas_path": "WSOP/결승.mp4"}])
    assert "5" in command(path, "--dry-run")
    assert not ImportedRecord.objects.exists()
    said = command(path, "--report", report)
    assert str(report) in said
    with report.open(encoding="utf-8-sig", newline="") as file:
        _head, line = csv.reader(file)
    assert line == ["files", "'=1+1", "WSOP/결승.mp4", str(ImportReason.ABSENT.label)]


def test_the_command_refuses_to_write_its_report_over_the_archive(old: Callable[..., Path], tmp_path: Path) -> None:
    path = old(ARCHIVE)
    before = state_of(path.parent)
    for report in (path, tmp_path / "no folder" / "left.csv"):
        with pytest.raises(CommandError):
            command(path, "--report", report)
    assert state_of(path.parent) == before


def test_parts_of_a_path_that_is_none(db: None) -> None:
    assert [path_parts(path) for path in ("", "/", "..", "Z:", "smb://")] == [()] * 5
