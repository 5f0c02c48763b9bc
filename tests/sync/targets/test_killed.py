"""A process that is killed at any moment of a plan, and begun again, leaves what an uninterrupted one would have left, to the id."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sync.targets.database import DatabaseTarget
from tests.sync.targets.dying import BATCHES, Moments, run
from tests.sync.targets.places import PLAN, FirestorePlace, PostgresPlace, all_files, database_alias

if TYPE_CHECKING:
    from sync.targets.base import TargetFile
    from tests.fixtures._firestore_server import FirestoreServer
    from tests.sync.targets.places import AdoptedPlace, SqlitePlace

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
KILLS = 6  # of a plan that is done once
STATEMENTS = 60  # in which one of them falls


def start(kind: str, address: str, notes: Path, moment: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.sync.targets.dying", kind, address, str(notes), str(moment)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


def die_often(kind: str, address: str, notes: Path, seed: int) -> int:
    """Begin again until it ends well; how often it was killed."""
    chance, killed = random.Random(seed), 0
    while status := start(kind, address, notes, chance.randrange(1, STATEMENTS) if killed < KILLS else 0).wait():
        assert status == -signal.SIGKILL
        killed += 1
    return killed


@pytest.mark.parametrize("kind", ["sqlite", "adopted", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_database_is_as_if_nobody_had_been_killed(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> None:
    place: SqlitePlace | AdoptedPlace | PostgresPlace = request.getfixturevalue(kind)
    target = place.target()
    target.prepare()
    address = place.url if isinstance(place, PostgresPlace) else f"sqlite:///{place.path}"
    assert die_often(kind, address, tmp_path / "notes", seed=7) >= 3
    assert all_files(target) == uninterrupted(tmp_path)
    assert target.applied(PLAN) == BATCHES
    target.close()


def test_a_firestore_is_as_if_nobody_had_been_killed(firestore: FirestoreServer, tmp_path: Path) -> None:
    """Killed while a call is on its way, or its answer."""
    target, chance, killed = FirestorePlace(firestore).target(), random.Random(3), 0
    while True:
        left = [chance.randrange(1, 14)] if killed < KILLS else [0]
        process = start("firestore", str(firestore.port), tmp_path / "notes", 0)

        def at_call(process: subprocess.Popen[bytes] = process, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                os.kill(process.pid, signal.SIGKILL)

        firestore.at_call = at_call
        if process.wait() == 0:
            break
        killed += 1
    firestore.at_call = None
    assert killed >= 3
    assert target.applied(PLAN) == BATCHES
    reckoned = run(target, tmp_path / "notes", Moments(0)).rows
    assert all_files(target) == reckoned


def uninterrupted(tmp_path: Path) -> dict[str, TargetFile]:
    """What a database of ours holds after the same plan."""
    with database_alias(f"sqlite:///{tmp_path / 'uninterrupted.db'}") as alias:
        target = DatabaseTarget(alias)
        target.prepare()
        rows = run(target, tmp_path / "other notes", Moments(0)).rows
        assert all_files(target) == rows
        return rows
