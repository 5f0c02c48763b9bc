"""The match table as CSV: all that is wanted, a page of lines at a time. How cells are written is the catalog's (`metadata_csv`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext, pgettext

from catalog.services.metadata_csv import Writer, join_names
from sync.choices import MatchStatus
from sync.selectors.matching import list_match_ids
from sync.selectors.rows import read_copies, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catalog.selectors.scope import Reader
    from sync.models import Target
    from sync.selectors.filters import MatchFilter
    from sync.selectors.rows import Copy, MatchRow

AT_ONCE = 1_000  # lines
_LABELS = {status.value: status for status in MatchStatus}


def write_table(*, user: Reader, target: Target, wanted: MatchFilter, sort: str) -> Iterator[bytes]:
    """The head in the reader's language, then the lines of each page; no more than a page is in memory.

    PermissionDeniedError with the first part.
    """
    writer = Writer()
    yield writer.head(_head())
    for ids in list_match_ids(user=user, target=target, wanted=wanted, sort=sort, at_once=AT_ONCE):
        rows = read_rows(ids)
        copies = read_copies(rows)
        yield writer.lines(_cells(row, copies.get(row.id, ())) for row in rows)


def _head() -> list[str]:
    return [
        *(gettext("Status"), gettext("Reason"), gettext("Catalog")),
        *(pgettext("column", "Source: path"), pgettext("column", "Source: size (bytes)"), pgettext("column", "Source: codec")),
        *(pgettext("column", "Source: resolution"), pgettext("column", "Source: duration (s)"), pgettext("column", "Source: ID")),
        *(pgettext("column", "Target: path"), pgettext("column", "Target: size (bytes)"), pgettext("column", "Target: HLS compatible")),
        *(pgettext("column", "Target: ID"), pgettext("column", "Copies"), pgettext("column", "Paths of copies (the first 20)")),
    ]


def _cells(row: MatchRow, copies: Sequence[Copy]) -> list[str | int]:
    return [
        *(str(_LABELS[row.status].label), row.reason_text, row.catalog_name or ""),
        *(["" for _ in range(6)] if row.file_id is None else _of_file(row)),
        *(["" for _ in range(4)] if row.row_id is None else _of_row(row)),
        *(row.copies or len(copies), join_names(copy.path for copy in copies)),
    ]


def _of_file(row: MatchRow) -> list[str | int]:
    duration_s = "" if row.duration_ms is None else round(row.duration_ms / 1000)
    return [row.path, row.size_bytes, row.codec or "", row.resolution or "", duration_s, row.file_id or ""]


def _of_row(row: MatchRow) -> list[str | int]:
    size_bytes = "" if row.row_size_bytes is None else row.row_size_bytes
    return [row.row_path or "", size_bytes, gettext("yes") if row.row_is_hls else gettext("no"), row.shown_remote_id or ""]
