"""What goes wrong with a database, with the real thing: each has its own error, nothing is half done, and afterwards it goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from sync.errors import (
    TargetAccessError,
    TargetBusyError,
    TargetError,
    TargetFullError,
    TargetNotDatabaseError,
    TargetReadOnlyError,
    TargetRowsChangedError,
    TargetTableError,
    TargetUnreachableError,
)
from sync.targets.base import Write
from sync.targets.database import DatabaseTarget
from sync.targets.database.writing import BatchWriter
from tests.fixtures.processes import eventually
from tests.fixtures.servers import free_port, postgres_server
from tests.sync.targets.places import PostgresPlace, all_files, batch, database_alias, fields, is_root, new, paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.servers import PostgresServer
    from tests.sync.targets.places import AdoptedPlace, SqlitePlace

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def prepared(place: SqlitePlace) -> DatabaseTarget:
    target = place.target()
    target.prepare()
    target.apply(batch([new("a.mp4")]))
    assert isinstance(target, DatabaseTarget)
    return target


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    try:
        yield
    finally:
        holder.communicate(timeout=30)


def child(url: str, *options: str, around: tuple[str, ...] = ()) -> list[str]:
    """What `tests.sync.targets.attempts` prints: the outcome of each thing it tries, in a process that may not do everything."""
    command = [*around, sys.executable, "-m", "tests.sync.targets.attempts", url, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# --- locks ------------------------------------------------------------------------------------------------------------
def test_a_locked_file_is_waited_for_and_told(sqlite: SqlitePlace) -> None:
    target = prepared(sqlite)
    with locked_by_another_process(sqlite.path):
        before = time.monotonic()
        with pytest.raises(TargetBusyError) as refused:
            target.apply(batch([new("b.mp4")], 1))
        assert time.monotonic() - before < 10
        assert not refused.value.is_permanent
        assert len(all_files(target)) == 1  # reading goes on beside a write-ahead log
        with pytest.raises(TargetBusyError):
            target.put_works([])
    assert target.apply(batch([new("b.mp4")], 1)) == ["2"]
    target.close()


def test_a_locked_file_without_a_log_cannot_be_read_either(adopted: AdoptedPlace) -> None:
    target = prepared(adopted)
    with locked_by_another_process(adopted.path):
        for use in (target.fingerprint, lambda: all_files(target), lambda: target.apply(batch([new("b.mp4")], 1)), target.prepare):
            with pytest.raises(TargetBusyError):
                use()
    assert target.apply(batch([new("b.mp4")], 1)) == ["2"]
    target.close()


def test_who_reads_keeps_nobody_from_writing(adopted: AdoptedPlace) -> None:
    target = prepared(adopted)
    reading = target.read_files()
    next(reading)
    adopted.execute("PRAGMA busy_timeout = 0")
    adopted.insert("theirs.mp4", updated="now")
    assert list(reading) == []
    assert len(all_files(target)) == 2
    target.close()


@pytest.mark.postgres
def test_a_locked_table_is_waited_for_and_told(postgresql: PostgresPlace) -> None:
    target = prepared(postgresql)
    with psycopg.connect(postgresql.url) as other:
        other.execute("LOCK TABLE files IN ACCESS EXCLUSIVE MODE")
        for use in (target.fingerprint, lambda: all_files(target), lambda: target.apply(batch([new("b.mp4")], 1))):
            with pytest.raises(TargetBusyError):
                use()
    assert target.apply(batch([new("b.mp4")], 1)) == ["2"]
    target.close()


# --- no writing -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["sqlite", "adopted"])
def test_a_file_that_may_only_be_read_is_read(request: pytest.FixtureRequest, kind: str) -> None:
    place: SqlitePlace = request.getfixturevalue(kind)
    prepared(place).close()
    directory = place.path.parent
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if is_root() else ()
    place.path.chmod(0o444)
    directory.chmod(0o555)
    try:
        outcomes = child(f"sqlite:///{place.path}", "read", "fingerprint", "apply", "read", around=powerless)
    finally:
        directory.chmod(0o755)
        place.path.chmod(0o644)
    if kind == "adopted":
        assert outcomes == ["1", "fine", "target_read_only", "1"]
    else:  # with a log, reading is writing
        assert outcomes == ["target_read_only"] * 4


@pytest.mark.postgres
def test_a_server_that_lets_nobody_write_is_read(postgresql: PostgresPlace) -> None:
    target = prepared(postgresql)
    target.close()
    postgresql.execute(f'ALTER DATABASE "{postgresql.url.rpartition("/")[2]}" SET default_transaction_read_only = on')
    with pytest.raises(TargetReadOnlyError):
        target.apply(batch([new("b.mp4")], 1))
    assert len(all_files(target)) == 1
    target.prepare()
    target.close()


@pytest.mark.postgres
def test_a_role_without_the_right_to_write_may_read(postgres: PostgresServer, postgresql: PostgresPlace) -> None:
    prepared(postgresql).close()
    name = postgresql.url.rpartition("/")[2]
    postgresql.execute(f'CREATE ROLE "{name}" LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{name}"')
    with database_alias(postgresql.url.replace("mam@", f"{name}@")) as alias:
        target = DatabaseTarget(alias)
        assert len(all_files(target)) == 1
        with pytest.raises(TargetReadOnlyError):
            target.apply(batch([new("b.mp4")], 1))


# --- no room ----------------------------------------------------------------------------------------------------------
def test_a_file_that_may_not_grow_is_told(tmp_path: Path) -> None:
    with database_alias(f"sqlite:///{tmp_path / 'pokervod.db'}", init_command="PRAGMA max_page_count = 60;") as alias:
        target = DatabaseTarget(alias)
        target.prepare()
        made: list[str] = []
        with pytest.raises(TargetFullError) as refused:
            for number in range(100):
                made += target.apply(batch([new(f"{number}/{index}.mp4") for index in range(100)], number))
        assert refused.value.stops_all
        assert len(all_files(target)) == len(made) == target.applied(batch([]).plan) * 100 > 0


def test_a_disk_that_is_full_is_told_and_afterwards_it_goes_on(tmp_path: Path) -> None:
    own = ("unshare", "--mount") if is_root() else ("unshare", "--user", "--map-root-user", "--mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (*own, "sh", "-c", 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"', str(disk))
    subprocess.run([*mounted, "true"], check=True)  # needs root, or a kernel that lets anybody have a user namespace
    outcomes = child(f"sqlite:///{disk / 'pokervod.db'}", "apply", "fill", "many", "free", "many", "read", around=mounted)
    assert outcomes == ["fine", "fine", "target_full", "fine", "fine", "2501"]


@pytest.mark.postgres
def test_a_server_without_room_is_told(postgresql: PostgresPlace) -> None:
    target = prepared(postgresql)
    postgresql.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;"
        " CREATE TRIGGER fail BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    with pytest.raises(TargetFullError):
        target.apply(batch([new("b.mp4")], 1))
    postgresql.execute("DROP TRIGGER fail ON files")
    assert target.apply(batch([new("b.mp4")], 1)) == ["2"]
    target.close()


# --- away -------------------------------------------------------------------------------------------------------------
def test_a_file_that_is_put_away_is_not_made_again(sqlite: SqlitePlace) -> None:
    target = prepared(sqlite)
    away = sqlite.path.with_name("away.db")
    sqlite.path.rename(away)
    for use in (target.fingerprint, lambda: all_files(target), lambda: target.apply(batch([new("b.mp4")], 1))):
        with pytest.raises(TargetUnreachableError):
            use()
    assert not sqlite.path.exists()
    assert target.info().size_bytes is None
    away.rename(sqlite.path)
    assert target.apply(batch([new("b.mp4")], 1)) == ["2"]
    target.close()


def test_a_file_that_is_put_away_in_the_midst_of_a_batch_is_noticed(sqlite: SqlitePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    target = prepared(sqlite)
    apply = BatchWriter.apply

    def apply_and_remove(self: BatchWriter) -> list[str]:
        ids = apply(self)
        for file in sqlite.path.parent.iterdir():
            file.unlink()
        return ids

    monkeypatch.setattr(BatchWriter, "apply", apply_and_remove)
    with pytest.raises(TargetUnreachableError):
        target.apply(batch([new("b.mp4")], 1))
    assert not sqlite.path.exists()


def test_another_file_in_its_place_is_read_anew(sqlite: SqlitePlace, tmp_path: Path) -> None:
    target = prepared(sqlite)
    found = all_files(target)["1"]
    other = tmp_path / "other.db"
    with database_alias(f"sqlite:///{other}") as alias:
        second = DatabaseTarget(alias)
        second.prepare()
        second.apply(batch([new("theirs.mp4")]))
    target.close()
    other.replace(sqlite.path)
    assert paths(target) == [("theirs.mp4", False)]
    with pytest.raises(TargetRowsChangedError):
        target.apply(batch([Write("1", fields("b.mp4"), False, found)], 1))
    target.close()


def test_a_file_that_is_damaged_is_told(sqlite: SqlitePlace) -> None:
    target = prepared(sqlite)
    target.apply(batch([new(f"{number}.mp4") for number in range(500)], 1))
    target.close()
    pages = sqlite.path.read_bytes()
    sqlite.path.write_bytes(pages[:8192] + b"\xff" * (len(pages) - 8192))
    with pytest.raises((TargetNotDatabaseError, TargetTableError)):
        all_files(target)
    target.close()


@pytest.mark.postgres
def test_a_connection_that_breaks_in_a_batch_leaves_nothing_and_is_made_anew(postgresql: PostgresPlace) -> None:
    target = prepared(postgresql)
    slow_inserts(postgresql)
    with applying(postgresql, "b.mp4", "c.mp4") as outcome:
        (pid,) = backends_in_an_insert(postgresql)
        postgresql.execute("SELECT pg_terminate_backend(?)", [pid])
    assert isinstance(outcome[0], TargetUnreachableError)
    assert len(all_files(target)) == 1
    postgresql.execute("DROP TRIGGER slow ON files")
    assert target.apply(batch([new("b.mp4"), new("c.mp4")], 1)) == ["2", "3"]
    target.close()


@pytest.mark.postgres
def test_a_server_that_is_killed_in_a_batch_is_told(tmp_path: Path) -> None:
    with postgres_server() as server, database_alias(server.create_database("ott")) as alias:
        place = PostgresPlace(server.url("ott"), alias)
        target = prepared(place)
        slow_inserts(place)
        with applying(place, "b.mp4") as outcome:
            assert backends_in_an_insert(place)
            ((directory,),) = place.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
            os.kill(int((Path(directory) / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)  # "immediate": as in a crash
        assert isinstance(outcome[0], TargetUnreachableError)
        assert target.info().size_bytes is None
        with pytest.raises(TargetUnreachableError):
            all_files(target)


@pytest.mark.postgres
def test_each_reason_why_nobody_gets_in_is_told(postgres: PostgresServer) -> None:
    expected: dict[str, type[TargetError]] = {
        postgres.url("no_such_database"): TargetUnreachableError,
        postgres.url("postgres").replace("mam@", "nobody_here:secret@"): TargetAccessError,
        f"postgres://mam@127.0.0.1:{free_port()}/ott": TargetUnreachableError,
        "postgres://mam@no-such-host.invalid/ott": TargetUnreachableError,
    }
    for url, error in expected.items():
        with database_alias(url) as alias:
            target = DatabaseTarget(alias)
            assert target.info().size_bytes is None
            for use in (target.prepare, target.fingerprint):
                with pytest.raises(error) as refused:
                    use()
                assert "secret" not in str(refused.value)


# --- helpers ----------------------------------------------------------------------------------------------------------
def slow_inserts(place: PostgresPlace) -> None:
    """From now on a new row takes a minute."""
    place.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;"
        " CREATE TRIGGER slow BEFORE INSERT ON files FOR EACH ROW EXECUTE FUNCTION slow()"
    )


def backends_in_an_insert(place: PostgresPlace) -> list[int]:
    """The server's processes that do that, once there are any."""
    statement = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    eventually(lambda: bool(place.execute(statement)), what="a row is being made")
    return [pid for (pid,) in place.execute(statement)]


@contextmanager
def applying(place: PostgresPlace, *names: str) -> Iterator[list[Any]]:
    """A batch that is being done in another thread, in the midst of it; its outcome afterwards."""
    outcome: list[Any] = []

    def apply() -> None:
        target = place.target()
        try:
            outcome.append(target.apply(batch([new(name) for name in names], 1)))
        except TargetError as error:
            outcome.append(error)
        target.close()

    thread = threading.Thread(target=apply)
    thread.start()
    yield outcome
    thread.join(60)
    assert outcome
