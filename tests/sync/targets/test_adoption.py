"""A database that another program has made becomes a target: nothing of it is lost, and what is none stays as it is to the byte."""

from __future__ import annotations

import hashlib
import sqlite3
import unicodedata
import uuid
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sync.errors import (
    TargetColumnDemandedError,
    TargetColumnMissingError,
    TargetError,
    TargetNotDatabaseError,
    TargetRefusedError,
    TargetTableError,
    TargetTableMissingError,
    TargetUnreachableError,
)
from sync.targets.base import FileFields, TargetFile, Work, Write
from sync.targets.database import DatabaseTarget
from tests.sync.targets.places import AT, LATER, all_files, batch, database_alias, fields, new

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sync.targets.places import AdoptedPlace

KOREAN = "시즌 2024/결승전.mp4"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db" / "pokervod.db"


@pytest.fixture
def target(path: Path) -> Iterator[DatabaseTarget]:
    with database_alias(f"sqlite:///{path}") as alias:
        yield DatabaseTarget(alias)


def make(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def rows(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def everything(path: Path) -> dict[str, str]:
    """Each file of the directory, by its digest."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.parent.iterdir()}


def each_refusal(target: DatabaseTarget) -> list[type[TargetError]]:
    """What every way of using it raises."""
    found = []
    for use in (
        target.prepare,
        lambda: list(target.read_files()),
        target.fingerprint,
        lambda: target.applied(str(uuid.uuid4())),
        lambda: target.find_by_path(["a"]),
        lambda: target.apply(batch([new("a")])),
        lambda: target.put_works([]),
    ):
        with pytest.raises(TargetError) as refused:
            use()
        found.append(type(refused.value))
    target.info()
    target.close()
    return found


# --- what is no target ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04 not a database at all", b"S", b"SQLite format 3\x00 but then something else entirely" * 100],
    ids=["zip", "short", "magic only"],
)
def test_what_is_no_database_is_refused_and_stays_as_it_is(path: Path, target: DatabaseTarget, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    before = everything(path)
    assert set(each_refusal(target)) == {TargetNotDatabaseError}
    assert everything(path) == before


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);", TargetTableMissingError),
        (
            "CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE VIEW files AS SELECT id, 'x' AS nas_path FROM users;",
            TargetTableMissingError,
        ),
        ("CREATE VIRTUAL TABLE files USING fts5(nas_path);", TargetTableMissingError),
        ("CREATE TABLE files (id INTEGER PRIMARY KEY, title TEXT);", TargetColumnMissingError),
        ("CREATE TABLE files (nas_path TEXT);", TargetColumnMissingError),
        ("CREATE TABLE files (nas_path TEXT, part INTEGER, PRIMARY KEY (nas_path, part));", TargetColumnMissingError),
        ("CREATE TABLE files (id REAL PRIMARY KEY, nas_path TEXT);", TargetColumnMissingError),
        ("CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT, status INTEGER);", TargetColumnMissingError),
    ],
    ids=["no files", "a view", "a search index", "no path", "no key", "a key of two", "no ids", "a status of another kind"],
)
@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_without_a_usable_table_is_refused_and_stays_as_it_is(
    path: Path, target: DatabaseTarget, script: str, error: type[TargetError], journal: str
) -> None:
    make(path, f"PRAGMA journal_mode={journal}; {script}")
    before = everything(path)
    refused = each_refusal(target)
    assert set(refused) == {error}
    assert issubclass(error, TargetTableError)
    assert everything(path) == before


def test_a_column_that_demands_a_value_is_named_and_nothing_is_changed(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT, owner TEXT NOT NULL); INSERT INTO files VALUES (1, 'a', 'me');")
    before = everything(path)
    with pytest.raises(TargetColumnDemandedError) as refused:
        target.prepare()
    assert refused.value.params["column"] == "owner"
    target.close()
    assert everything(path) == before


def test_a_log_with_changes_is_looked_at_without_touching_it(path: Path, target: DatabaseTarget) -> None:
    """Killed in the midst, its program left a write-ahead log, or a journal to be rolled back."""
    make(path, "PRAGMA journal_mode=wal; CREATE TABLE users (id INTEGER PRIMARY KEY);")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("INSERT INTO users VALUES (1)")
        writer.commit()
        left = {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}
    for file in path.parent.iterdir():
        file.unlink()
    for name, content in left.items():
        path.with_name(name).write_bytes(content)
    assert len(left) == 2
    before = everything(path)
    assert set(each_refusal(target)) == {TargetTableMissingError}
    assert everything(path) == before


def test_a_table_that_is_only_in_the_log_is_found(path: Path, target: DatabaseTarget) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.executescript("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT);")
        other.execute("INSERT INTO files VALUES (7, 'a.mp4')")
        other.commit()
        target.prepare()
        assert set(all_files(target)) == {"7"}


def test_nothing_is_made_before_it_is_prepared(path: Path, target: DatabaseTarget) -> None:
    assert target.info().size_bytes is None
    path.parent.mkdir()
    for use in (target.fingerprint, lambda: list(target.read_files()), lambda: target.apply(batch([new()]))):
        with pytest.raises(TargetUnreachableError):
            use()
    assert not list(path.parent.iterdir())
    target.prepare()
    assert target.info().size_bytes
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_where_no_file_can_be_made_it_says_so(path: Path, target: DatabaseTarget) -> None:
    with pytest.raises(TargetUnreachableError):
        target.prepare()
    assert not path.parent.exists()


def test_an_empty_file_becomes_a_target(path: Path, target: DatabaseTarget) -> None:
    path.parent.mkdir()
    path.touch()
    target.prepare()
    assert target.apply(batch([new()])) == ["1"]


# --- what becomes one -------------------------------------------------------------------------------------------------
def test_rows_columns_indexes_and_triggers_stay(adopted: AdoptedPlace) -> None:
    adopted.execute("CREATE TABLE log (path TEXT)")
    adopted.execute("CREATE TRIGGER noted AFTER UPDATE ON files BEGIN INSERT INTO log VALUES (new.file_path); END")
    for number in range(50):
        path, poster = f"WSOP/{number}.mp4", bytes([number, 0, 255])
        adopted.insert(path, size_bytes=number, views=number, poster=poster, updated="2020-01-01", duration_ms=number)
    before = adopted.execute("SELECT id, file_path, name, file_size, is_hls, status, updated, views, hex(poster) FROM files ORDER BY id")
    schema = adopted.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2")
    target = adopted.target()
    target.prepare()
    assert (
        adopted.execute("SELECT id, file_path, name, file_size, is_hls, status, updated, views, hex(poster) FROM files ORDER BY id")
        == before
    )
    assert set(schema) <= set(adopted.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2"))
    assert adopted.execute("PRAGMA journal_mode") == [("delete",)]
    columns = [name for (name,) in adopted.execute("SELECT name FROM pragma_table_info('files') ORDER BY cid")]
    assert columns[13:] == ["extension", "content_id", "deleted_at", "created_at"]
    found = all_files(target)
    assert found["8"] == TargetFile("8", FileFields("WSOP/7.mp4", 7, duration_ms=7))
    target.apply(batch([Write("8", fields("WSOP/x.mp4"), is_deleted=False, before=found["8"])]))
    row = adopted.row("8")
    assert (row["nas_path"], row["filename"], row["width"], row["height"], row["duration_ms"]) == (
        "WSOP/x.mp4",
        "x.mp4",
        1920,
        1080,
        3_600_040,
    )
    assert (row["views"], row["poster"], row["status"]) == (7, bytes([7, 0, 255]), "available")
    assert adopted.execute("SELECT path FROM log") == [("WSOP/x.mp4",)]
    target.close()


def test_a_new_row_gets_the_word_that_the_platform_has_for_what_is_there(adopted: AdoptedPlace) -> None:
    target = adopted.target()
    target.prepare()
    (remote_id,) = target.apply(batch([new("a.mp4")]))
    assert adopted.row(remote_id)["status"] == "available"
    target.apply(batch([Write(remote_id, fields("a.mp4"), True, all_files(target)[remote_id])], 1))
    target.apply(batch([Write(remote_id, fields("a.mp4"), False, all_files(target)[remote_id])], 2))
    assert adopted.row(remote_id)["status"] == "available"
    target.close()


def test_another_word_of_the_platform_for_a_status_stays(adopted: AdoptedPlace) -> None:
    remote_id = adopted.insert("a.mp4", size_bytes=1, status="transcoding")
    target = adopted.target()
    target.prepare()
    target.apply(batch([Write(remote_id, fields("b.mp4"), False, all_files(target)[remote_id])]))
    assert adopted.row(remote_id)["status"] == "transcoding"
    target.close()


def test_ids_go_on_behind_those_that_were_there_and_are_gone(path: Path, target: DatabaseTarget) -> None:
    make(
        path,
        "CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT, nas_path TEXT); INSERT INTO files VALUES (90, 'a'); DELETE FROM files;",
    )
    target.prepare()
    assert target.apply(batch([new("b"), new("c")])) == ["91", "92"]
    make(path, "DELETE FROM files WHERE id = 92; DELETE FROM sqlite_sequence;")
    assert target.apply(batch([new("d")], 1)) == ["93"]


def test_text_ids_are_kept_and_made(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id TEXT PRIMARY KEY, nas_path TEXT); INSERT INTO files VALUES ('f-1', 'a.mp4'), ('10', 'b.mp4');")
    target.prepare()
    found = all_files(target)
    assert set(found) == {"f-1", "10"}
    ids = target.apply(batch([new("c.mp4"), Write("10", fields("d.mp4"), False, found["10"]), new("e.mp4")]))
    assert ids[1] == "10"
    assert [uuid.UUID(ids[0]).version, uuid.UUID(ids[2]).version] == [5, 5]
    assert target.apply(batch([new("c.mp4"), Write("10", fields("d.mp4"), False, found["10"]), new("e.mp4")])) == ids
    assert {remote_id: file.fields.path for remote_id, file in all_files(target).items()} == {
        "f-1": "a.mp4",
        "10": "d.mp4",
        ids[0]: "c.mp4",
        ids[2]: "e.mp4",
    }


KINDS_OF_TABLES = {
    "without rowid": "(id INT PRIMARY KEY, nas_path TEXT) WITHOUT ROWID",
    "texts": "(no INTEGER PRIMARY KEY, filepath TEXT NOT NULL, size TEXT, duration TEXT NOT NULL, is_hls TEXT, ext TEXT NOT NULL)",
    "strict": "(id INTEGER PRIMARY KEY, path TEXT, duration_sec INTEGER, created_at INTEGER, updated_at REAL, deleted_at INTEGER) STRICT",
    "not null": "(id INTEGER UNIQUE, nas_path TEXT COLLATE NOCASE, width INTEGER NOT NULL, height INTEGER NOT NULL, resolution INTEGER)",
    "generated": "(id INTEGER PRIMARY KEY, nas_path TEXT, filename TEXT AS (nas_path || '!') STORED, \"100%\" TEXT)",
    "capitals": "(ID INTEGER PRIMARY KEY, NAS_PATH TEXT UNIQUE, Size_Bytes REAL, DURATION_SEC INTEGER, HLS_Compatible BOOLEAN NOT NULL)",
    "both": "(id INTEGER PRIMARY KEY, path TEXT, resolution TEXT, width INTEGER, height INTEGER, duration REAL, duration_ms INTEGER)",
}


@pytest.mark.parametrize("kind", KINDS_OF_TABLES)
def test_tables_of_many_kinds_give_back_what_they_were_given(path: Path, target: DatabaseTarget, kind: str) -> None:
    make(path, f"CREATE TABLE files {KINDS_OF_TABLES[kind]}")
    target.prepare()
    wanted = [fields(KOREAN, content_id="3"), FileFields("b.ts", 0), fields("c.mov", duration_ms=1_500, is_hls=False)]
    ids = target.apply(batch([Write("", one, False) for one in wanted]))
    found = all_files(target)
    assert [found[remote_id].fields for remote_id in ids] == wanted
    fingerprint = target.fingerprint()
    target.apply(batch([Write(remote_id, fields(f"moved/{remote_id}"), False, found[remote_id]) for remote_id in ids], 1, at=LATER))
    found = all_files(target)
    assert [found[remote_id].fields for remote_id in ids] == [fields(f"moved/{remote_id}") for remote_id in ids]
    assert target.fingerprint() != fingerprint
    target.apply(batch([Write(ids[0], found[ids[0]].fields, True, found[ids[0]])], 2, at=AT))
    assert (all_files(target)[ids[0]].is_deleted, all_files(target)[ids[0]].deleted_at.replace(microsecond=0)) == (  # type: ignore[union-attr]
        True,
        AT.replace(microsecond=0),
    )


def test_rows_with_anything_in_them_are_read(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id TEXT PRIMARY KEY, nas_path, size_bytes, extension, duration_sec, resolution, status, deleted_at);")
    odd: list[tuple[Any, ...]] = [
        ("ok", "a.mp4", 5, "mp4", "12.5", "640X480", "DELETED", "2024-12-08T13:30:00+09:00"),
        ("null path", None, 5, None, None, None, None, None),
        ("blob path", b"a\xff.mp4", 5, None, None, None, None, None),
        ("number path", 12, 5, None, None, None, None, None),
        ("nul", "a\x00b", 5, None, None, None, None, None),
        ("text size", "b.mp4", "large", None, None, None, None, None),
        ("float size", "c.mp4", 1.5, None, None, None, None, None),
        ("number in text", "d.mp4", " 77 ", 5, "long", "big", 1, None),
        ("negative", "e.mp4", -1, None, None, None, None, None),
        ("infinite", "f.mp4", float("inf"), None, float("inf"), None, "deleted", "soon"),
        ("epoch", "g.mp4", 7.0, None, -5, None, "deleted", 1_733_632_200),
        (None, "h.mp4", 5, None, None, None, None, None),
        (None, "i.mp4", 5, None, None, None, None, None),
        (b"\x00", "j.mp4", 5, None, None, None, None, None),
        ("x" * 65, "k.mp4", 5, None, None, None, None, None),
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", odd)
        connection.execute("INSERT INTO files (id, nas_path, size_bytes) VALUES ('utf', CAST(X'61FF' AS TEXT), 5)")
        connection.execute("INSERT INTO files (id, nas_path, size_bytes, extension) VALUES ('ext', 'l.mp4', 5, CAST(X'FF' AS TEXT))")
        connection.commit()
    target.prepare()
    found = all_files(target)
    assert len(found) == len(odd) + 2
    assert all(len(remote_id) <= 64 and len(file.fields.path) <= 255 for remote_id, file in found.items())
    assert found["ok"] == TargetFile(
        "ok",
        FileFields("a.mp4", 5, "mp4", width_px=640, height_px=480, duration_ms=12_500),
        is_deleted=True,
        deleted_at=datetime(2024, 12, 8, 4, 30, tzinfo=UTC),
    )
    assert found["number in text"] == TargetFile("number in text", FileFields("d.mp4", 77, "5"))
    assert (found["infinite"].error, found["infinite"].deleted_at) == ("row_size_unreadable", None)
    assert (found["epoch"].fields, found["epoch"].deleted_at) == (FileFields("g.mp4", 7), datetime(2024, 12, 8, 4, 30, tzinfo=UTC))
    errors = {remote_id: file.error for remote_id, file in found.items() if file.error and not remote_id.startswith("#")}
    assert errors == {
        "null path": "row_path_missing",
        **dict.fromkeys(("blob path", "number path", "nul", "utf"), "row_path_unreadable"),
        **dict.fromkeys(("text size", "float size", "negative", "infinite"), "row_size_unreadable"),
        "ext": "row_text_unreadable",
    }
    assert [file.error for remote_id, file in found.items() if remote_id.startswith("#")] == ["row_id_unreadable"] * 4
    assert found["utf"].fields.path == "a\ufffd"
    fingerprint = target.fingerprint()
    make(path, "UPDATE files SET nas_path = CAST(X'61FE' AS TEXT) WHERE id = 'utf'")
    assert target.fingerprint() != fingerprint


def test_one_row_that_cannot_be_read_can_still_be_written_over(path: Path, target: DatabaseTarget) -> None:
    make(
        path, "CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT, size_bytes INT); INSERT INTO files VALUES (1, 'a.mp4', 'large');"
    )
    target.prepare()
    broken = all_files(target)["1"]
    assert broken.error
    target.apply(batch([Write("1", fields("a.mp4"), False, broken)]))
    assert all_files(target)["1"] == TargetFile("1", fields("a.mp4"))


def test_a_path_that_is_given_up_is_only_called_otherwise_in_the_table(adopted: AdoptedPlace) -> None:
    target = adopted.target()
    target.prepare()
    (first,) = target.apply(batch([new("a.mp4")]))
    target.apply(batch([Write(first, fields("a.mp4"), True, all_files(target)[first])], 1))
    fingerprint_of_others = [file for file in all_files(target).values() if file.remote_id == first]
    (second,) = target.apply(batch([new("a.mp4")], 2))
    assert [file for file in all_files(target).values() if file.remote_id == first] == fingerprint_of_others
    assert (adopted.row(first)["nas_path"], adopted.row(second)["nas_path"]) == (f"a.mp4 (deleted {first})", "a.mp4")
    found = all_files(target)
    target.apply(batch([Write(second, fields("a.mp4"), True, found[second]), Write(first, fields("a.mp4"), False, found[first])], 3))
    assert (adopted.row(first)["nas_path"], adopted.row(second)["nas_path"]) == ("a.mp4", f"a.mp4 (deleted {second})")
    target.close()


def test_what_the_database_forbids_is_told_and_nothing_is_written(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT CHECK (nas_path NOT LIKE '%x%'), size_bytes INTEGER);")
    target.prepare()
    with pytest.raises(TargetRefusedError):
        target.apply(batch([new("a.mp4"), new("x.mp4")]))
    assert all_files(target) == {}
    assert target.apply(batch([new("a.mp4")], 1)) == ["1"]


def test_an_id_that_is_no_number_among_numbers_is_left_out(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id INT UNIQUE, nas_path TEXT); INSERT INTO files VALUES (4, 'a.mp4'), ('x', 'b.mp4'), (NULL, 'c.mp4');")
    target.prepare()
    assert target.apply(batch([new("d.mp4")])) == ["5"]
    found = all_files(target)
    assert {remote_id for remote_id, file in found.items() if not file.error} == {"4", "5"}
    assert len(found) == 4


def test_ids_that_are_used_up_are_told(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT); INSERT INTO files VALUES (9223372036854775807, 'a');")
    target.prepare()
    with pytest.raises(TargetRefusedError):
        target.apply(batch([new("b")]))


def test_works_of_another_kind_are_left_alone_and_so_are_content_ids(path: Path, target: DatabaseTarget) -> None:
    make(
        path,
        "CREATE TABLE catalogs (varchar_id TEXT, title TEXT NOT NULL); INSERT INTO catalogs VALUES ('WSOP', 'World Series');"
        "CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT, content_id INTEGER REFERENCES contents (id));"
        "CREATE TABLE contents (id INTEGER PRIMARY KEY, headline TEXT); INSERT INTO contents VALUES (5, 'Day 1');"
        "INSERT INTO files VALUES (1, 'a.mp4', 5);",
    )
    target.prepare()
    target.put_works([Work("catalog", "1", (), "x"), Work("content", "9", ("1", "2"), "y")])
    assert not target.keeps_works
    assert rows(path, "SELECT * FROM catalogs") == [("WSOP", "World Series")]
    assert rows(path, "SELECT * FROM contents") == [(5, "Day 1")]
    file = all_files(target)["1"]
    assert file.fields.content_id == ""
    known = replace(file, fields=replace(file.fields, content_id="9"))  # as it was given
    target.apply(batch([Write("1", fields("b.mp4", content_id="9"), False, known), new("c.mp4", content_id="77")]))
    assert rows(path, "SELECT id, nas_path, content_id FROM files") == [(1, "b.mp4", 5), (2, "c.mp4", None)]


def test_marks_of_another_kind_are_left_alone(path: Path, target: DatabaseTarget) -> None:
    make(
        path,
        "CREATE TABLE files (id INTEGER PRIMARY KEY, nas_path TEXT);"
        "CREATE TABLE sync_metadata (id INTEGER PRIMARY KEY, last_sync TEXT NOT NULL); INSERT INTO sync_metadata VALUES (1, 'yesterday');",
    )
    target.prepare()
    ids = target.apply(batch([new("a.mp4")]))
    assert target.apply(batch([new("a.mp4")])) == ids
    assert rows(path, "SELECT * FROM sync_metadata") == [(1, "yesterday")]


def test_a_column_that_went_away_is_added_again(path: Path, target: DatabaseTarget) -> None:
    target_path = path
    path.parent.mkdir()
    target.prepare()
    target.apply(batch([new("a.mp4")]))
    make(target_path, "ALTER TABLE files DROP COLUMN codec")
    with pytest.raises(TargetTableError):
        target.apply(batch([new("b.mp4")], 1))
    target.prepare()
    assert target.apply(batch([new("b.mp4")], 1)) == ["2"]
    assert [file.fields.codec for file in all_files(target).values()] == ["", "h264"]


def test_a_path_in_any_spelling_is_found_by_its_index(path: Path, target: DatabaseTarget) -> None:
    make(path, "CREATE TABLE files (id INTEGER PRIMARY KEY, file_path TEXT)")
    target.prepare()
    statement = "EXPLAIN QUERY PLAN SELECT 1 FROM files WHERE file_path IN (SELECT value FROM json_each('[]'))"
    assert "mam_files_path" in str(rows(path, statement))
    deep = "/".join(["각"] * 9)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO files (id, file_path) VALUES (1, ?)", [unicodedata.normalize("NFD", deep)])
        connection.commit()
    assert set(target.find_by_path([deep])) == {deep}
