"""A PostgreSQL database that another program has made, and goes on using."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from sync.errors import TargetColumnDemandedError, TargetError, TargetRefusedError, TargetTableMissingError
from sync.targets.base import FileFields, TargetFile, Write
from tests.sync.targets.places import LATER, all_files, batch, fields, new

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync.targets.base import OttTarget
    from tests.sync.targets.places import PostgresPlace

pytestmark = pytest.mark.postgres


@pytest.fixture
def target(postgresql: PostgresPlace) -> Iterator[OttTarget]:
    found = postgresql.target()
    yield found
    found.close()


TABLES = {
    "identity": "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, path text)",
    "serial": "(id serial PRIMARY KEY, path varchar(1000) NOT NULL UNIQUE, duration integer)",
    "own sequence": "(id integer PRIMARY KEY DEFAULT nextval('numbers'), path text, size numeric(20))",
    "uuid": '(id uuid PRIMARY KEY DEFAULT gen_random_uuid(), nas_path text COLLATE "C")',
    "varchar": "(id varchar(40) PRIMARY KEY, filepath text, size text, is_hls smallint, created timestamp, updated date)",
    "words": "(id bigserial PRIMARY KEY, path text, status state NOT NULL DEFAULT 'ready', duration interval, codec jsonb, extension text)",
    "not null": "(id int PRIMARY KEY, path text, codec text NOT NULL, width int NOT NULL, height int NOT NULL, duration real NOT NULL)",
    "seconds in text": "(id int PRIMARY KEY, path text, duration text NOT NULL, duration_ms bigint, height text, width text)",
    "parts": "(id bigint PRIMARY KEY, path text) PARTITION BY RANGE (id); CREATE TABLE files_1 PARTITION OF files DEFAULT",
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_many_kinds_give_back_what_they_were_given(postgresql: PostgresPlace, target: OttTarget, kind: str) -> None:
    postgresql.execute("CREATE SEQUENCE numbers; CREATE TYPE state AS ENUM ('ready', 'deleted')")
    postgresql.execute(f"CREATE TABLE files {TABLES[kind]}")
    target.prepare()
    wanted = [fields("시즌/a.mp4", content_id="3"), FileFields("b.ts", 0), fields("c.mov", is_hls=False)]
    if kind == "words":  # its own codec is another thing
        wanted = [FileFields(one.path, one.size_bytes, one.extension, one.is_hls) for one in wanted]
    if kind == "not null":
        wanted = [FileFields(one.path, one.size_bytes, one.extension, one.is_hls, one.codec, duration_ms=3_600_500) for one in wanted]
    ids = target.apply(batch([Write("", one, False) for one in wanted]))
    found = all_files(target)
    assert [found[remote_id].fields for remote_id in ids] == wanted
    assert target.find_by_id(ids) == found
    assert set(target.find_by_path(["시즌/a.mp4"])) == {"시즌/a.mp4"}
    fingerprint = target.fingerprint()
    moves = [Write(remote_id, FileFields(f"moved/{remote_id}", 7), False, found[remote_id]) for remote_id in ids]
    target.apply(batch(moves, 1, at=LATER))
    found = all_files(target)
    assert [found[remote_id].fields for remote_id in ids] == [FileFields(f"moved/{remote_id}", 7) for remote_id in ids]
    assert target.fingerprint() != fingerprint
    target.apply(batch([Write(ids[0], found[ids[0]].fields, True, found[ids[0]])], 2, at=LATER))
    assert all_files(target)[ids[0]] == TargetFile(ids[0], found[ids[0]].fields, is_deleted=True, deleted_at=LATER)
    assert target.apply(batch([Write("", one, False) for one in wanted])) == ids


@pytest.mark.parametrize(
    ("kind", "taken"),
    [("identity", "OVERRIDING SYSTEM VALUE VALUES (40, 'x')"), ("serial", "VALUES (40, 'x')"), ("own sequence", "VALUES (40, 'x')")],
)
def test_rows_of_other_programs_come_after_ours(postgresql: PostgresPlace, target: OttTarget, kind: str, taken: str) -> None:
    postgresql.execute("CREATE SEQUENCE numbers")
    postgresql.execute(f"CREATE TABLE files {TABLES[kind]}")
    postgresql.execute(f"INSERT INTO files (id, path) {taken}")
    target.prepare()
    assert target.apply(batch([new("a"), new("b")])) == ["41", "42"]
    assert postgresql.execute("INSERT INTO files (path) VALUES ('theirs') RETURNING id") == [(43,)]
    assert target.apply(batch([new("c")], 1)) == ["44"]
    postgresql.execute("SELECT setval(%s, 100)", [{"serial": "files_id_seq", "identity": "files_id_seq"}.get(kind, "numbers")])
    assert target.apply(batch([new("d")], 2)) == ["45"]
    assert postgresql.execute("INSERT INTO files (path) VALUES ('again theirs') RETURNING id") == [(101,)]


def test_a_database_with_other_tables_only_is_refused(postgresql: PostgresPlace, target: OttTarget) -> None:
    postgresql.execute("CREATE TABLE users (id int)")
    with pytest.raises(TargetTableMissingError):
        target.prepare()
    assert postgresql.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("users",)]


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("TABLE files (id int PRIMARY KEY, path text, owner text NOT NULL)", TargetColumnDemandedError),
        ("TABLE files (id char(8) PRIMARY KEY, path text)", TargetError),
        ("TABLE files (id int PRIMARY KEY, path bytea)", TargetError),
        ("TABLE files (path text)", TargetError),
        ("VIEW files AS SELECT 1 AS id, 'a' AS path", TargetError),
    ],
    ids=["a column that demands a value", "no room for ids", "no text", "no key", "a view"],
)
def test_a_table_that_cannot_serve_is_refused_before_anything_is_changed(
    postgresql: PostgresPlace, target: OttTarget, table: str, error: type[TargetError]
) -> None:
    postgresql.execute(f"CREATE {table}")
    with pytest.raises(error):
        target.prepare()
    assert postgresql.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'") in (
        [(0,)],
        [(1,)],
    )


def test_rows_with_anything_in_them_are_read(postgresql: PostgresPlace, target: OttTarget) -> None:
    postgresql.execute(
        "CREATE TABLE files (id int PRIMARY KEY, path text, size numeric, duration double precision, status text, deleted_at timestamptz)"
    )
    values: list[tuple[Any, ...]] = [
        (1, "a", 5, 1.5, "deleted", "infinity"),
        (2, "b", "NaN", float("nan"), "deleted", "0044-03-15 12:00:00+00 BC"),
        (3, None, 10**30, float("inf"), "deleted", "20240-01-01"),
        (4, "d", "7.0", -1, " Deleted ", "2024-12-08 13:30:00+09"),
        (5, "e", None, None, None, None),
    ]
    for row in values:
        postgresql.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)", row)
    target.prepare()
    assert list(all_files(target).values()) == [
        TargetFile("1", FileFields("a", 5, duration_ms=1500), is_deleted=True),
        TargetFile("2", FileFields("b", 0), is_deleted=True, error="row_size_unreadable"),
        TargetFile("3", FileFields("", 0), is_deleted=True, error="row_path_missing"),
        TargetFile("4", FileFields("d", 7), is_deleted=True, deleted_at=datetime(2024, 12, 8, 4, 30, tzinfo=UTC)),
        TargetFile("5", FileFields("e", 0)),
    ]


def test_a_text_that_is_too_long_is_refused_and_not_cut(postgresql: PostgresPlace, target: OttTarget) -> None:
    postgresql.execute("CREATE TABLE files (id int PRIMARY KEY, path varchar(10))")
    target.prepare()
    ids = target.apply(batch([new("short.mp4")]))
    with pytest.raises(TargetRefusedError):
        target.apply(batch([new("longer than ten.mp4")], 1))
    with pytest.raises(TargetRefusedError):
        target.apply(batch([Write(ids[0], fields("longer than ten.mp4"), False, all_files(target)[ids[0]])], 1))
    assert [file.fields.path for file in all_files(target).values()] == ["short.mp4"]


def test_others_read_while_we_write_and_write_when_we_have(postgresql: PostgresPlace, target: OttTarget) -> None:
    target.prepare()
    target.apply(batch([new("a")]))
    with psycopg.connect(postgresql.url) as reader:
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (1,)  # and its transaction stays open
        assert target.apply(batch([new("b")], 1)) == ["2"]
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (2,)
