"""Which file gets which row, within a scope (`sync.matching.scope`), on its temporary tables.

Of files of the same name and size one syncs, the first that was found: the winner. One that is still being written keeps its place and its
row, though nothing is done about it until it is whole. A winner gets, in this order: the row that was made for it; a row at its path; a row
of its name and size, which then has moved; a row at its path that was marked as deleted. A steady file
has what it was matched with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.choices import MatchReason, MatchStatus
from sync.matching.scope import IS_THERE, PATH, PATH_KEY, STEADY

if TYPE_CHECKING:
    from sync.matching.scope import Workspace


def pair(space: Workspace) -> None:
    """Fill `m_fact` (files that are there), `m_winner` (with their rows) and `m_free` (rows nobody has)."""
    _find_facts(space)
    _elect(space)
    _find_free_rows(space)
    _give(space, "path_key", "0", "NOT is_deleted")
    _give(space, "name_key", "size_bytes", "NOT is_deleted")
    _give(space, "path_key", "0", "is_deleted")


def _find_facts(space: Workspace) -> None:
    path = PATH.format(source="ms", prefix="prefix", path="path", name="name")
    spelt = f"normalize({path}, NFC)" if space.is_postgresql else f"nfc({path})"
    reason, extensions = space.reason
    space.run(
        f"INSERT INTO m_fact SELECT f.id, {spelt}, {PATH_KEY}, f.name_key, f.size_bytes, f.extension, s.catalog_id, f.folder_id,"
        f" {reason} {space.files} {space.joins}"
        f" LEFT JOIN catalog_content c ON c.id = f.content_id LEFT JOIN catalog_series s ON s.id = c.series_id WHERE {IS_THERE}",
        *extensions,
    )
    space.look("m_fact")


def _elect(space: Workspace) -> None:
    alike, steady = "PARTITION BY name_key, size_bytes", f"(SELECT id FROM m_file WHERE round = {STEADY})"
    may_sync = f"reason IN ('', '{MatchReason.GROWING.value}') AND file_id NOT IN {steady}"
    space.run(
        "INSERT INTO m_winner SELECT w.file_id, w.path_key, w.name_key, w.size_bytes, w.many - 1, r.id FROM"
        f" (SELECT file_id, path_key, name_key, size_bytes, ROW_NUMBER() OVER ({alike} ORDER BY file_id) AS place,"
        f" COUNT(*) OVER ({alike}) AS many FROM m_fact WHERE {may_sync}) AS w"
        f" LEFT JOIN sync_targetrow r ON r.file_id = w.file_id AND r.target_id = {space.target.pk:d}"
        " WHERE w.place = 1"
    )
    space.run(
        "INSERT INTO m_winner SELECT x.file_id, x.path_key, x.name_key, x.size_bytes, m.copies, m.row_id"
        f" FROM m_fact x {space.join} sync_match m ON m.file_id = x.file_id AND m.target_id = {space.target.pk:d}"
        f" WHERE x.file_id IN {steady} AND m.status NOT IN ('{MatchStatus.DUPLICATE.value}', '{MatchStatus.NOT_SYNCED.value}')"
    )
    space.run("CREATE INDEX m_winner_row ON m_winner (row_id)")
    space.look("m_winner")


def _find_free_rows(space: Workspace) -> None:
    space.run(
        f"INSERT INTO m_free SELECT r.id, r.path_key, r.name_key, r.size_bytes, r.is_deleted, r.error = '' {space.rows}"
        f" WHERE r.target_id = {space.target.pk:d} AND NOT EXISTS (SELECT 1 FROM m_winner w WHERE w.row_id = r.id)"
    )
    space.look("m_free")


def _give(space: Workspace, name: str, size: str, condition: str) -> None:
    """Free rows with the same `name` and `size` (SQL) to winners without a row, in the order of ids."""
    numbered = (
        f"SELECT {name} AS name, {size} AS size_bytes, ROW_NUMBER() OVER (PARTITION BY {name}, {size} ORDER BY {{pk}}) AS place, {{pk}}"
    )
    space.clear("m_seat", "m_pair")
    if not space.run(f"INSERT INTO m_seat {numbered.format(pk='id')} FROM m_free WHERE is_readable AND {condition}"):
        return
    space.look("m_seat")
    winners = f"({numbered.format(pk='file_id')} FROM m_winner WHERE row_id IS NULL) AS w"
    same = "s.name = w.name AND s.size_bytes = w.size_bytes AND s.place = w.place"
    if space.run(f"INSERT INTO m_pair SELECT w.file_id, s.row_id FROM {winners} {space.join} m_seat s ON {same}"):
        space.look("m_pair")
        space.run("UPDATE m_winner SET row_id = m_pair.row_id FROM m_pair WHERE m_pair.file_id = m_winner.file_id")
        space.run("DELETE FROM m_free WHERE id IN (SELECT row_id FROM m_pair)")
