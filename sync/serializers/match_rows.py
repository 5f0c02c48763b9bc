"""Matches of a list as JSON, straight from the values of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sync.selectors.matching import MatchPage
    from sync.selectors.rows import Copy, MatchRow


def show_page(page: MatchPage, per_page: int) -> dict[str, Any]:
    """A page of the table: MatchingPageSerializer. Two queries."""
    return {
        "total": page.total,
        "page": page.number,
        "per_page": per_page,
        "items": show_matches(page.rows, page.copies),
        "next": page.next,
        "previous": page.previous,
        "is_capped": page.is_capped,
        "summary": {**page.counts.summary, "by_status": page.counts.by_status},
    }


def show_matches(rows: Iterable[MatchRow], copies: Mapping[int, Sequence[Copy]]) -> list[dict[str, Any]]:
    """Matches with their first copies (`sync.selectors.rows`)."""
    return [show_match(row, copies.get(row.id, ())) for row in rows]


def show_match(row: MatchRow, copies: Sequence[Copy]) -> dict[str, Any]:
    """One match: MatchSerializer."""
    return {
        "id": row.id,
        "status": row.status,
        "source": _source(row) if row.file_id is not None else None,
        "target": _target(row) if row.row_id is not None else None,
        "duplicates": [show_copy(copy) for copy in copies],
        "duplicates_total": row.copies or len(copies),
        "reason": row.reason_text or None,
        "reason_code": row.reason or None,
        "action": row.action or None,
        "catalog": {"id": row.catalog_id, "name": row.catalog_name} if row.catalog_id is not None else None,
    }


def show_copy(copy: Copy) -> dict[str, Any]:
    """One copy: CopySerializer."""
    return {"id": copy.file_id, "path": copy.path, "status": copy.status, "match_id": copy.match_id}


def _source(row: MatchRow) -> dict[str, Any]:
    return {
        "id": row.file_id,
        "path": row.path,
        "size_bytes": row.size_bytes,
        "codec": row.codec or None,
        "resolution": row.resolution,
        "duration_sec": None if row.duration_ms is None else seconds(row.duration_ms),
    }


def _target(row: MatchRow) -> dict[str, Any]:
    return {
        "id": row.shown_remote_id,
        "nas_path": row.row_path,
        "size_bytes": row.row_size_bytes,
        "hls_compatible": bool(row.row_is_hls),
        "status": "deleted" if row.row_is_deleted else "active",
        "error": row.row_error_text or None,
    }


def seconds(duration_ms: int) -> int | float:
    """Whole ones as an integer."""
    return duration_ms // 1000 if duration_ms % 1000 == 0 else duration_ms / 1000
