"""Plans made by chance, done on every kind of target with interruptions: each gives what plain reckoning gives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.sync.targets.places import all_files
from tests.sync.targets.reckoning import PATHS, Reckoning

if TYPE_CHECKING:
    from sync.targets.base import Batch, OttTarget
    from tests.sync.targets.places import Place

BATCHES = 40


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plans_give_what_reckoning_gives(place: Place, target: OttTarget, seed: int) -> None:
    reckoning, plan = Reckoning(seed), str(uuid.UUID(int=seed))
    batches: list[tuple[Batch, list[str]]] = []
    for number in range(BATCHES):
        batch = reckoning.batch(plan, number)
        ids = target.apply(batch)
        reckoning.done(batch, ids)
        batches.append((batch, ids))
        if reckoning.chance.random() < 0.2:  # somebody was killed before he could note it
            again, known = reckoning.chance.choice(batches)
            assert place.target().apply(again) == known
        assert all_files(target) == reckoning.rows
    assert target.applied(plan) == BATCHES
    assert any(row.is_deleted for row in reckoning.rows.values())
    active = {row.fields.path: row.remote_id for row in reckoning.rows.values() if not row.is_deleted}
    found = target.find_by_path(PATHS)
    assert {path: found[path].remote_id for path in active} == active
