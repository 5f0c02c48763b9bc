"""What becomes of matches when a plan's actions have been done: they need no action any more. The short way of `sync.matching.recompute`.

It is taken for matches that still want what was done; whatever has changed since was noted, and is matched anew.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F

from sync.choices import Action, MatchReason, MatchStatus
from sync.matching import folders
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

    Inside the transaction that writes the mirror.
    """
    if not done:
        return {}
    Target.objects.filter(pk=target.pk).update(match_version=F("match_version") + 1)
    with connection.cursor() as cursor:
        given, params = _given(done)
        cursor.execute(
            f"SELECT d.row_id, m.folder_id, m.status, {_STATUS} FROM {given} JOIN sync_match m ON m.id = d.match_id"
            f" WHERE m.action <> '' AND {_SAME}",
            params,
        )
        found = cursor.fetchall()
        cursor.execute(
            f"UPDATE sync_match AS m SET row_id = d.row_id, status = {_STATUS}, action = '',"
            f" reason = CASE WHEN m.action = '{Action.DELETE.value}' THEN '{MatchReason.MARKED.value}' ELSE '' END"
            f" FROM {given} WHERE m.id = d.match_id AND m.action <> '' AND {_SAME}",
            params,
        )
    deltas: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for _row_id, folder_id, before, after in found:
        if folder_id is not None and before != after:
            deltas[folder_id][before] -= 1
            deltas[folder_id][after] += 1
    folders.add(target, deltas)
    return {row_id: after for row_id, _folder_id, _before, after in found}


def _given(done: Sequence[tuple[int, int]]) -> tuple[str, list[Any]]:
    """The pairs as a table d, and its parameters."""
    if connection.vendor == "postgresql":
        return "unnest(%s::bigint[], %s::bigint[]) AS d (match_id, row_id)", [list(side) for side in zip(*done, strict=True)]
    columns = "json_extract(value, '$[0]') AS match_id, json_extract(value, '$[1]') AS row_id"
    return f"(SELECT {columns} FROM json_each(%s)) AS d", [json.dumps(done)]
