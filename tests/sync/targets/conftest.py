"""The places, one of each kind for a test that asks for any."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.sync.targets.places import AdoptedPlace, FirestorePlace, PostgresPlace, SqlitePlace, database_alias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import DjangoDbBlocker

    from sync.targets.base import OttTarget
    from tests.sync.targets.places import Place


@pytest.fixture(autouse=True)
def _databases(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Targets are databases of a test's own, beside the one that Django's tests watch over."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqlitePlace]:
    path = tmp_path / "pokervod.db"
    with database_alias(f"sqlite:///{path}") as alias:
        yield SqlitePlace(path, alias)


@pytest.fixture
def adopted(tmp_path: Path) -> Iterator[AdoptedPlace]:
    path = tmp_path / "pokervod.db"
    with database_alias(f"sqlite:///{path}") as alias:
        yield AdoptedPlace(path, alias)


@pytest.fixture
def postgresql(request: pytest.FixtureRequest) -> Iterator[PostgresPlace]:
    url = request.getfixturevalue("postgres").create_database(f"ott_{uuid.uuid4().hex}")
    with database_alias(url) as alias:
        yield PostgresPlace(url, alias)


@pytest.fixture(params=["sqlite", "adopted", pytest.param("postgresql", marks=pytest.mark.postgres), "firestore"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of place."""
    if request.param == "firestore":
        return FirestorePlace(request.getfixturevalue("firestore"))
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def target(place: Place) -> Iterator[OttTarget]:
    """A prepared target in it."""
    found = place.target()
    found.prepare()
    yield found
    found.close()
