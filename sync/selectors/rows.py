"""What a list shows of matches, read by their ids: a fixed number of queries for any number of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.utils.translation import gettext

from mam.lib.bulk import among
from mam.lib.messages import fill, render
from mam.lib.prepared import Prepared
from sync.choices import MatchReason, MatchStatus
from sync.models import Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

COPIES_SHOWN = 20  # of each match in a list


class MatchRow(NamedTuple):
    """A match as lists show it; "" or None: not known, or there is no such side. Truths come as the driver gives them."""

    id: int
    status: str
    reason: str
    action: str
    copies: int
    path: str
    extension: str
    size_bytes: int
    catalog_id: int | None
    catalog_name: str | None
    folder_id: int | None
    file_id: int | None
    codec: str | None
    width_px: int | None
    height_px: int | None
    duration_ms: int | None
    row_id: int | None
    remote_id: str | None
    row_path: str | None
    row_size_bytes: int | None
    row_is_hls: bool | None
    row_is_deleted: bool | None
    row_error: str | None  # message code of why the row cannot be read

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def has_copies(self) -> bool:
        """Other files are the same by name and size."""
        return self.copies > 0 or self.status == MatchStatus.DUPLICATE

    @property
    def resolution(self) -> str | None:
        """`"1920x1080"` of the file."""
        return f"{self.width_px}x{self.height_px}" if self.width_px and self.height_px else None

    @property
    def reason_text(self) -> str:
        """In the reader's language; "" for none."""
        return reason_text(self.reason, self.extension)

    @property
    def row_error_text(self) -> str:
        """Why the row cannot be read, in the reader's language; "" if it can."""
        return render(self.row_error, {}, gettext) if self.row_error else ""

    @property
    def shown_remote_id(self) -> int | str | None:
        """The row's id, a number where the target's ids are numbers; None without a row."""
        return shown_remote_id(self.remote_id)


class Copy(NamedTuple):
    """Another file of the same name and size."""

    match_id: int
    file_id: int
    path: str
    status: str


_COLUMNS = (
    *("id", "status", "reason", "action", "copies", "path", "extension", "size_bytes", "catalog_id", "catalog__name", "folder_id"),
    *("file_id", "file__video_codec", "file__width_px", "file__height_px", "file__duration_ms"),
    *("row_id", "row__remote_id", "row__path", "row__size_bytes", "row__is_hls", "row__is_deleted", "row__error"),
)
_ROWS = Prepared(lambda ids: Match.objects.filter(pk__in=ids).values_list(*_COLUMNS))
# Those of the same name and size that would sync if they could, the first ones; bounded, for there may be any number.
_COPIES = f"""SELECT m.id, (SELECT {{collected}} FROM (
        SELECT d.id AS match_id, d.file_id, d.path, d.status FROM sync_match d WHERE d.target_id = m.target_id
        AND d.name_key = m.name_key AND d.size_bytes = m.size_bytes AND d.file_id IS NOT NULL AND d.id <> m.id
        AND (d.copies > 0 OR d.status = '{MatchStatus.DUPLICATE.value}') ORDER BY d.id LIMIT {COPIES_SHOWN}) AS x)
    FROM sync_match m WHERE m.id IN ({{ids}})"""  # noqa: S608  (our own names)
_COLLECTED = {
    "sqlite": "json_group_array(json_array(x.match_id, x.file_id, x.path, x.status))",
    "postgresql": "json_agg(json_build_array(x.match_id, x.file_id, x.path, x.status))::text",
}
_REASONS = dict(MatchReason.choices)
_NUMBER = re.compile("0|[1-9][0-9]{0,14}")


def read_rows(match_ids: Sequence[int]) -> list[MatchRow]:
    """Matches that somebody may see, in this order; those that are gone are left out. One query."""
    found = {values[0]: MatchRow(*values) for values in _ROWS.rows(match_ids)}
    return [found[pk] for pk in match_ids if pk in found]


def read_copies(rows: Iterable[MatchRow]) -> dict[int, list[Copy]]:
    """The first COPIES_SHOWN copies of those that have any, by match. One query, or none."""
    ids = [row.id for row in rows if row.has_copies]
    if not ids:
        return {}
    given = among(ids)
    with connection.cursor() as cursor:
        cursor.execute(_COPIES.format(collected=_COLLECTED[connection.vendor], ids=given.sql), given.params)
        return {pk: [Copy(*copy) for copy in json.loads(found or "[]")] for pk, found in cursor.fetchall()}


def reason_text(reason: str, extension: str) -> str:
    """Why a match has its status, in the reader's language; "" where that says enough."""
    return fill(str(_REASONS.get(reason, reason)), {"extension": extension}) if reason else ""


def shown_remote_id(remote_id: str | None) -> int | str | None:
    """A number where it is one that every reader of JSON takes for the same; the target's own text else; None for no row."""
    if not remote_id:
        return None
    return int(remote_id) if _NUMBER.fullmatch(remote_id) else remote_id
