"""A database that knows no letters is found by the check, one that does is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from catalog.checks import check_letters
from tests.fixtures.servers import PostgresServer, postgres_server


@pytest.mark.django_db
def test_the_database_of_the_tests_knows_letters() -> None:
    assert check_letters(databases=["default"]) == []
    assert check_letters(databases=None) == []


@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.parametrize(("ctype", "says"), [("C", True), ("C.UTF-8", False)])
def test_a_database_that_knows_only_ascii_is_named(tmp_path: object, ctype: str, says: bool) -> None:
    with postgres_server() as server:
        environment = os.environ | {"DATABASE_URL": _database(server, ctype), "MAM_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "manage.py", "check", "--database", "default"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ("catalog.W001" in done.stderr) is says


def _database(server: PostgresServer, ctype: str) -> str:
    import psycopg  # noqa: PLC0415

    url = server.create_database("plain")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE other TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE '{ctype}'")
    return url.replace("/plain", "/other")
