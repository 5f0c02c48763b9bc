"""Connections to SQLite that are kept: the next one to open the file gets one, and never more than what is there now."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from mam.lib.sqlite.base import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "kept.db", "first")


def make(path: Path, *words: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE word (text TEXT)")
        connection.executemany("INSERT INTO word VALUES (?)", [(word,) for word in words])
    return path


def opened(path: Path) -> Any:
    """As a thread's own."""
    return ConnectionHandler({"default": {"ENGINE": "mam.lib.sqlite", "NAME": str(path)}})["default"]


@pytest.fixture
def database(path: Path) -> Iterator[Any]:
    database = opened(path)
    yield database
    database.close()
    database.close_pool()


def words(database: Any) -> list[str]:
    with database.cursor() as cursor:
        cursor.execute("SELECT text FROM word ORDER BY rowid")
        return [word for (word,) in cursor.fetchall()]


def under(database: Any) -> Any:
    """What is really open."""
    database.ensure_connection()
    return database.connection


def test_the_next_one_to_open_it_gets_it_in_any_thread(database: Any, path: Path) -> None:
    first = under(database)
    database.close()
    found: list[Any] = []

    def open_it() -> None:
        other = opened(path)
        found.extend([under(other), words(other)])
        other.close()

    thread = threading.Thread(target=open_it)
    thread.start()
    thread.join()
    assert found == [first, ["first"]]
    assert under(database) is first


def test_what_is_in_use_is_nobody_elses(database: Any, path: Path) -> None:
    other = opened(path)
    assert under(other) is not under(database)
    other.close()


def test_a_file_that_was_replaced_is_opened_anew(database: Any, path: Path) -> None:
    assert words(database) == ["first"]
    database.close()
    make(path.with_name("new.db"), "second").rename(path)
    assert words(database) == ["second"]


def test_whoever_stops_reading_in_the_middle_does_not_stay_in_the_past(database: Any, path: Path) -> None:
    first, cursor = under(database), database.cursor()
    with database.cursor() as filling:
        filling.executemany("INSERT INTO word VALUES (%s)", [(str(number),) for number in range(500)])
    cursor.execute("SELECT text FROM word")
    cursor.fetchone()
    database.close()
    other = opened(path)
    other._take()  # so that it opens one of its own
    with other.cursor() as writing:
        writing.execute("DELETE FROM word")
        writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert writing.fetchone()[0] == 0  # nobody reads what was there before
    other.close()
    assert under(database) is not first  # taken away above
    assert words(database) == []


def test_an_open_transaction_is_taken_back_and_its_connection_not_kept(database: Any) -> None:
    first = under(database)
    with database.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO word VALUES ('lost')")
    database.close()
    assert under(database) is not first
    assert words(database) == ["first"]


def test_a_connection_that_has_failed_is_not_kept(database: Any) -> None:
    first = under(database)
    with database.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT nothing FROM nowhere")
    database.close()
    assert under(database) is not first


def test_foreign_keys_hold_again(database: Any) -> None:
    database.disable_constraint_checking()
    first = under(database)
    database.close()
    assert under(database) is first
    with database.cursor() as cursor:
        cursor.execute("PRAGMA foreign_keys")
        assert cursor.fetchone() == (1,)


def test_none_is_kept_for_long(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = under(database)
    database.close()
    monkeypatch.setattr("mam.lib.sqlite.base.KEPT_S", 0)
    assert under(database) is not first


def test_a_child_has_none_of_its_parents(database: Any, path: Path) -> None:
    database.ensure_connection()
    database.close()
    assert database._connection_pools[str(path)]
    database._pools_lock.acquire()  # by another thread, just when the process forks
    child = os.fork()
    if not child:
        database.close_pool()
        os._exit(bool(database._connection_pools.get(str(path))))
    database._pools_lock.release()
    assert os.waitpid(child, 0)[1] == 0


def test_only_some_are_kept(database: Any, path: Path) -> None:
    many = [opened(path) for _ in range(KEPT + 3)]
    assert len({id(under(one)) for one in many}) == KEPT + 3
    for one in many:
        one.close()
    assert len(database._connection_pools[str(path)]) == KEPT
    database.close_pool()
    assert not database._connection_pools[str(path)]
