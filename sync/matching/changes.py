"""What a matching changes: the difference of what it found (`sync.matching.pairing`) from the stored matches, as rows of `m_change`."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from catalog.choices import Presence
from sync.choices import Action, MatchReason, MatchStatus
from sync.matching.scope import is_hls_compatible

if TYPE_CHECKING:
    from sync.matching.scope import Workspace
    from sync.models import Target

# Of a match, by how much has to be written when one of them changes: an index is written if any column of it is set, changed or not.
EXTENTS = (
    ("reason", "action", "copies"),
    ("row_id",),
    ("status",),  # in most indexes
    ("path", "path_key", "name_key", "extension", "size_bytes", "catalog_id", "folder_id"),
)
COLUMNS = tuple(chain.from_iterable(EXTENTS))
_OLD = "m.row_id, m.status, m.path, m.size_bytes, m.folder_id"
_OLD_COLUMNS = "old_row_id, old_status, old_path, old_size_bytes, old_folder_id"
_INTO = f"INSERT INTO m_change (match_id, file_id, {', '.join(COLUMNS)}, {_OLD_COLUMNS}, extent, kind) "
_KIND = "CASE WHEN m.id IS NULL THEN 'insert' ELSE 'update' END"
# The row says of the file what the file is. (Whether it is HLS compatible: whatever syncs by the rules of today.)
_DIFFERS = (
    "r.size_bytes <> {match}.size_bytes OR r.extension <> {match}.extension OR r.codec <> f.video_codec"
    " OR r.width_px IS DISTINCT FROM f.width_px OR r.height_px IS DISTINCT FROM f.height_px OR r.duration_ms IS DISTINCT FROM f.duration_ms"
    " OR r.is_hls <> {is_hls}"
)
_OTHER_CONTENT = " OR r.content_id <> COALESCE(CAST(f.content_id AS TEXT), '')"  # where the target keeps works


def row_differs(target: Target, match: str) -> tuple[str, list[str]]:
    """SQL, and its parameters: the row r says something else than the file f, and what `match` (an alias) has of it; but for the path."""
    is_hls, extensions = is_hls_compatible(target, f"{match}.extension")
    return _DIFFERS.format(match=match, is_hls=f"({is_hls})") + (_OTHER_CONTENT if target.keeps_works else ""), extensions


def compare(space: Workspace) -> int:
    """Fill `m_change`; how many changes there are. Deletions come first, insertions in the order of ids."""
    space.clear("m_change")
    _compare_gone(space)
    _compare_files(space)
    _compare_rows(space)
    space.look("m_change")
    space.cursor.execute("SELECT COUNT(*) FROM m_change")
    return int(space.cursor.fetchone()[0])


def _compare_gone(space: Workspace) -> None:
    columns = ", ".join(f"m.{name}" for name in COLUMNS)
    space.run(
        f"{_INTO} SELECT m.id, m.file_id, {columns}, {_OLD}, 0, 'delete' {space.matches} WHERE m.target_id = {space.target.pk:d} AND CASE"
        " WHEN m.file_id IS NULL THEN NOT EXISTS (SELECT 1 FROM m_free r WHERE r.id = m.row_id)"
        " ELSE NOT EXISTS (SELECT 1 FROM m_fact x WHERE x.file_id = m.file_id) END"
    )


def _compare_files(space: Workspace) -> None:
    differs, extensions = row_differs(space.target, "x")
    synced = f"CASE WHEN x.copies > 0 THEN '{MatchStatus.SYNCED_WITH_DUPLICATES.value}' ELSE '{MatchStatus.SYNCED.value}' END"
    cases = (  # condition, status, reason, action
        ("x.reason <> ''", f"'{MatchStatus.NOT_SYNCED.value}'", "x.reason", Action.NONE),
        ("w.file_id IS NULL", f"'{MatchStatus.DUPLICATE.value}'", "''", Action.NONE),
        ("r.id IS NULL", f"'{MatchStatus.NEW.value}'", "''", Action.INSERT),
        ("r.is_deleted", f"'{MatchStatus.NEW.value}'", f"'{MatchReason.RETURNED.value}'", Action.RESTORE),
        ("r.path <> x.path", f"'{MatchStatus.MOVED.value}'", "''", Action.UPDATE),
        (differs, synced, f"'{MatchReason.CHANGED.value}'", Action.UPDATE),
        ("1 = 1", synced, "''", Action.NONE),
    )
    is_held = f"f.presence = '{Presence.HELD.value}' AND x.reason = '' AND w.file_id IS NOT NULL"
    number = " ".join(f"WHEN {condition} THEN {place}" for place, (condition, *_) in enumerate(cases))
    status, reason, action = (
        f"CASE x.kind {' '.join(f'WHEN {place} THEN {value}' for place, value in enumerate(values))} END"
        for values in ([one[1] for one in cases], [one[2] for one in cases], [f"'{one[3].value}'" for one in cases])
    )
    found = (
        f"SELECT x.file_id, w.row_id, COALESCE(w.copies, 0) AS copies, x.reason, x.path, x.path_key, x.name_key, x.extension, x.size_bytes,"
        f" x.catalog_id, x.folder_id, CASE {number} END AS kind, {is_held} AS is_held"
        " FROM m_fact x LEFT JOIN m_winner w ON w.file_id = x.file_id"
        " LEFT JOIN sync_targetrow r ON r.id = w.row_id LEFT JOIN catalog_mediafile f ON f.id = x.file_id"
    )
    wanted = (
        f"SELECT x.file_id, x.row_id, {status} AS status, CASE WHEN x.is_held THEN '{MatchReason.HELD.value}' ELSE {reason} END AS reason,"
        f" CASE WHEN x.is_held THEN '{Action.NONE.value}' ELSE {action} END AS action, x.copies,"
        " x.path, x.path_key, x.name_key, x.extension, x.size_bytes, x.catalog_id, x.folder_id"
        f" FROM ({found}) AS x"
    )
    _add(space, wanted, "m.file_id = v.file_id", *extensions, order="v.file_id")


def _compare_rows(space: Workspace) -> None:
    marked, unreadable = MatchReason.MARKED.value, MatchReason.UNREADABLE.value
    wanted = (
        f"SELECT CAST(NULL AS BIGINT) AS file_id, r.id AS row_id, '{MatchStatus.DELETED.value}' AS status,"
        f" CASE WHEN r.is_deleted THEN '{marked}' WHEN r.error <> '' THEN '{unreadable}' ELSE '' END AS reason,"
        f" CASE WHEN r.is_deleted OR r.error <> '' THEN '' ELSE '{Action.DELETE.value}' END AS action, 0 AS copies,"
        " r.path, r.path_key, r.name_key, r.extension, r.size_bytes, s.catalog_id, CAST(NULL AS BIGINT) AS folder_id"
        f" FROM m_free x {space.join} sync_targetrow r ON r.id = x.id"
        " LEFT JOIN catalog_mediafile f ON f.id = r.file_id LEFT JOIN catalog_content c ON c.id = f.content_id"  # of the file that is gone
        " LEFT JOIN catalog_series s ON s.id = c.series_id"
    )
    _add(space, wanted, "m.row_id = v.row_id AND m.file_id IS NULL", order="v.row_id")


def _add(space: Workspace, wanted: str, on: str, *params: str, order: str) -> None:
    """Those of `wanted` that are not stored so."""
    columns = ", ".join(f"v.{name}" for name in COLUMNS)
    parts = [" OR ".join(f"m.{name} IS DISTINCT FROM v.{name}" for name in names) for names in EXTENTS]
    extent = " ".join(f"WHEN {part} THEN {number}" for number, part in reversed(list(enumerate(parts))))
    space.run(
        f"{_INTO} SELECT m.id, v.file_id, {columns}, {_OLD}, CASE {extent} END, {_KIND} FROM ({wanted}) AS v"
        f" LEFT JOIN sync_match m ON {on} AND m.target_id = {space.target.pk:d}"
        f" WHERE m.id IS NULL OR {' OR '.join(parts)} ORDER BY {order}",
        *params,
    )
