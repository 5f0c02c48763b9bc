"""What the summary of sync counts, declared for `mam.lib.cubes`, which keeps it."""

from __future__ import annotations

from mam.lib.cubes import Cube, Table
from sync.models import Match, MatchCell

MATCHES = Cube(
    name="matches",
    table=MatchCell._meta.db_table,
    facts=Table(Match._meta.db_table, "m", ("id", "target_id", "catalog_id", "extension", "status", "reason", "action", "size_bytes")),
    joined=(),
    keys={
        "target_id": "m.target_id",
        "catalog_id": "COALESCE(m.catalog_id, 0)",
        "extension": "m.extension",
        "status": "m.status",
        "reason": "m.reason",
        "action": "m.action",
    },
    measures={"matches": "1", "bytes": "m.size_bytes"},
)
