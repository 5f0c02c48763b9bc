"""How long the dashboard takes over HTTP among a million matches, against the same sums by bare SQL, dumped as JSON.

MAM_BENCH_FILES files (1,000,000) and 0.7 times as many rows of the target (`benchmarks.sync_rows`), matched. Through Django's WSGI handler
with all its middleware, as a viewer. The reference sums the same cells, and reads what else is told: names of catalogs, the target, its
jobs, plans and sources, the size of the database. Nothing is kept between requests on either side. What counts is the 95th percentile.
"""

from __future__ import annotations

import json
import sys

from benchmarks.asking import asker
from benchmarks.sync_rows import prepare
from benchmarks.taking_turns import Question, ask_all, bare_rows, compare

PATH = "/api/dashboard"
GOAL_MS = 100
_SIZES = {
    "sqlite": "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database()) AS bytes",
}


def statements(target_id: int) -> list[str]:
    """What the dashboard tells."""
    from django.db import connection  # noqa: PLC0415  (Django is set up by who calls)

    cells = f"FROM sync_matchcell WHERE target_id = {target_id}"
    catalogs = f"SELECT catalog_id, status, reason, SUM(matches) AS files {cells} GROUP BY catalog_id, status, reason"
    held = "SELECT source_id, SUM(files) AS files FROM ingest_missinghold WHERE decision = 'open' GROUP BY source_id"
    return [
        f"SELECT extension, status, reason, action, SUM(matches) AS files, SUM(bytes) AS bytes {cells}"
        " GROUP BY extension, status, reason, action",
        f"SELECT c.name, n.* FROM ({catalogs}) AS n LEFT JOIN catalog_catalog c ON c.id = n.catalog_id",  # noqa: S608
        f"SELECT name, state, last_sync_at, last_result, next_sync_at, size_bytes FROM sync_target WHERE id = {target_id}",  # noqa: S608
        f"SELECT id, kind, state FROM jobs_job WHERE key = 'sync:{target_id}' AND state IN ('queued', 'running')",  # noqa: S608
        f"SELECT id FROM sync_plan WHERE target_id = {target_id} AND state = 'held' ORDER BY id DESC LIMIT 1",  # noqa: S608
        f"SELECT s.name, s.state, h.files FROM sync_targetsource t JOIN catalog_source s ON s.id = t.source_id LEFT JOIN ({held}) AS h"  # noqa: S608
        f" ON h.source_id = s.id WHERE t.target_id = {target_id} AND t.is_included AND (s.state = 'offline' OR h.files > 0)",
        _SIZES[connection.vendor],
    ]


def bare(target_id: int) -> str:
    """The reference."""
    return json.dumps([bare_rows(statement) for statement in statements(target_id)], ensure_ascii=False, default=str)


def measure() -> None:
    """In a process of its own."""
    ask_for_it(prepare())


def ask_for_it(target_id: int) -> None:
    """The same on what there is."""
    ask = asker()
    ask_all([Question("dashboard", lambda: ask(PATH), lambda: bare(target_id))] * 40)


def main() -> int:
    ratio = compare("dashboard", goal_ms=GOAL_MS)
    sys.stdout.write(f"dashboard ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
