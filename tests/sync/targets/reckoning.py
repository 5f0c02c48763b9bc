"""What a target has to hold, by plain reckoning, while plans made by chance are done."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from sync.targets.base import Batch, TargetFile, Write
from tests.sync.targets.places import AT, fields

PATHS = [f"{folder}/{name}.mp4" for folder in ("WSOP", "시즌 2024") for name in range(12)]


class Reckoning:
    """What a target has to hold: rows by id. Active rows have a path each of their own."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.rows: dict[str, TargetFile] = {}

    def writes(self) -> list[Write]:
        """Some rows deleted, some restored, some moved to paths that are free or become free, some new; in any order."""
        rows = self.chance.sample(list(self.rows.values()), min(len(self.rows), self.chance.randrange(8)))
        taken = {row.fields.path for row in self.rows.values() if not row.is_deleted and row not in rows}
        free = [path for path in PATHS if path not in taken]
        self.chance.shuffle(free)
        made = []
        for row in rows:
            kind = self.chance.choice(["stay", "move", "move", "move", "delete"])
            if kind == "delete" or not free:
                made.append(Write(row.remote_id, row.fields, is_deleted=True, before=row))
                continue
            path = row.fields.path if kind == "stay" and row.fields.path in free else free[-1]
            free.remove(path)
            size = self.chance.choice([row.fields.size_bytes, self.chance.randrange(2**40)])
            made.append(Write(row.remote_id, replace(row.fields, path=path, size_bytes=size), is_deleted=False, before=row))
        made += [Write("", fields(path), is_deleted=False) for path in free[: self.chance.randrange(4)]]
        self.chance.shuffle(made)
        return made

    def batch(self, plan: str, number: int) -> Batch:
        """The next one."""
        return Batch(plan, number, AT + timedelta(minutes=number), self.writes())

    def done(self, batch: Batch, ids: list[str]) -> None:
        """What a batch has made of the rows."""
        for remote_id, write in zip(ids, batch.writes, strict=True):
            before = write.before
            since = (before.deleted_at if before and before.is_deleted else batch.at) if write.is_deleted else None
            self.rows[remote_id] = TargetFile(remote_id, write.fields, write.is_deleted, since)
