"""What becomes of matches when a plan's actions have been done: they need no action any more. The short way of `sync.matching.recompute`.

It is taken for matches whose row is as they want it now; the others are matched anew.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F

from sync.choices import Action, MatchReason, MatchStatus
from sync.matching import folders
from sync.matching.changes import row_differs
from sync.models import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

_STATUS = (
    f"CASE WHEN m.action = '{Action.DELETE.value}' THEN m.status"
    f" WHEN m.copies > 0 THEN '{MatchStatus.SYNCED_WITH_DUPLICATES.value}' ELSE '{MatchStatus.SYNCED.value}' END"
)
_SAME = "(m.row_id = d.row_id OR (m.row_id IS NULL AND m.action = 'insert'))"


def settle(target: Target, done: Sequence[tuple[int, int]]) -> dict[int, str]:
    """Note of matches that their action was done on a row of the mirror: (match, row). Row -> status of those of which it could be noted.

    Inside the transaction that writes the mirror. Not of a row that says something else than its file does by now: what was planned was
    written, and is not what is wanted any more.
    """
    if not done:
        return {}
    Target.objects.filter(pk=target.pk).update(match_version=F("match_version") + 1)
    differs, params = row_differs(target, "m")
    with connection.cursor() as cursor:
        given, pairs = _given(done)
        cursor.execute(
            f"SELECT m.id, d.row_id, m.folder_id, m.status, {_STATUS} FROM {given} JOIN sync_match m ON m.id = d.match_id"
            " JOIN sync_targetrow r ON r.id = d.row_id LEFT JOIN catalog_mediafile f ON f.id = m.file_id"
            f" WHERE m.action <> '' AND {_SAME} AND (m.action = '{Action.DELETE.value}' OR (r.path = m.path AND NOT ({differs})))",
            [*pairs, *params],
        )
        found = cursor.fetchall()
        given, pairs = _given([(match_id, row_id) for match_id, row_id, *_ in found])
        cursor.execute(
            f"UPDATE sync_match AS m SET row_id = d.row_id, status = {_STATUS}, action = '',"
            f" reason = CASE WHEN m.action = '{Action.DELETE.value}' THEN '{MatchReason.MARKED.value}' ELSE '' END"
            f" FROM {given} WHERE m.id = d.match_id",
            pairs,
        )
    deltas: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for _match_id, _row_id, folder_id, before, after in found:
        if folder_id is not None and before != after:
            deltas[folder_id][before] -= 1
            deltas[folder_id][after] += 1
    folders.add(target, deltas)
    return {row_id: after for _match_id, row_id, _folder_id, _before, after in found}


def _given(done: Sequence[tuple[int, int]]) -> tuple[str, list[Any]]:
    """The pairs as a table d, and its parameters."""
    if connection.vendor == "postgresql":
        return "unnest(%s::bigint[], %s::bigint[]) AS d (match_id, row_id)", [[one[side] for one in done] for side in (0, 1)]
    columns = "json_extract(value, '$[0]') AS match_id, json_extract(value, '$[1]') AS row_id"
    return f"(SELECT {columns} FROM json_each(%s)) AS d", [json.dumps(done)]
