"""The history as people read it: pages of changes, and the table as it was at some time. At a million rows as fast as at a hundred.

The order is that of the chain, which is that of time (`sync.services.history`). What no index knows, a word in a path, is looked for in so
many rows at once; a page that has found less than it may hold says how far it has looked, and its cursor goes on from there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from django.db import connection

from catalog import text
from catalog.errors import ObjectNotFoundError
from mam.accounts.access import require
from mam.lib.bulk import in_order
from mam.lib.keyset import InvalidCursorError, KeysetPage
from sync.choices import HistoryEvent, HistorySide, MatchStatus
from sync.models import HistoryRow
from sync.selectors.scope import VIEW

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from catalog.selectors.scope import Reader
    from sync.models import Target

LOOKED_AT = 10_000  # rows in which a page looks for words
SUBJECTS_LOOKED_AT = 4_000  # and things among which it looks for those that there were
FEW = 5_000  # rows; of a catalog with so many all are looked at
_GROWTH = 4  # of the parts that are looked at, one after the other
_END = 2**62  # more than any id
_TABLE = HistoryRow._meta.db_table
_CURSOR = re.compile(r"([ab])([0-9]{1,18})")
_SUBJECT = re.compile(r"([a-z]{1,12}):[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class HistoryPage(KeysetPage[HistoryRow]):
    """Changes, the newest first. `looked_to`: when the last row happened that was looked at, if the page might hold more than it does and
    its cursor (`next`, or `previous` where it leads there) goes on; else None.
    """

    looked_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastMatch:
    """A file or a row of the target as it was: `after` of the last change by then, `row_id` of that change, and when it happened."""

    subject: str  # "file:7", "row:7"
    path: str
    status: str  # of MatchStatus; "" of a row that was there
    catalog_id: int
    catalog_name: str
    after: dict[str, Any]
    row_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PastPage:
    """Some of the table as it was. `is_partial`: there may be more than the page holds although it is not full; `next` goes on."""

    items: list[PastMatch]
    next: str | None
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which rows: the ids lie between `low` and `high`, and are neither. None and "": any."""

    target_id: int
    low: int = 0
    high: int = _END
    side: str = ""
    event: str = ""
    catalog_id: int | None = None
    subject: str = ""

    def after(self, cursor: _Cursor) -> _Wanted:
        if cursor.is_backward:
            return replace(self, low=max(self.low, cursor.id))
        return replace(self, high=min(self.high, cursor.id))


@dataclass(frozen=True, slots=True)
class _Cursor:
    """The rows older than that with an id, or, read backward, those newer than it."""

    id: int = _END
    is_backward: bool = False

    def __str__(self) -> str:
        return f"{'b' if self.is_backward else 'a'}{self.id}"

    @classmethod
    def read(cls, cursor: str | None) -> _Cursor:
        if not cursor:
            return cls()
        found = _CURSOR.fullmatch(cursor)
        if not found:
            raise InvalidCursorError
        return cls(int(found[2]), is_backward=found[1] == "b")


# --- changes ----------------------------------------------------------------------------------------------------------
def list_history(
    *,
    user: Reader,
    target: Target,
    event: str = "",
    side: str = "",
    catalog: int | None = None,
    subject: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    q: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> HistoryPage:
    """A page of the changes at a target. `catalog`: an id, 0 for none; `subject`: one file or row; `since` (with it) to `until` (without).

    `q`: in the path, in any case and any spelling of Unicode. InvalidCursorError.
    """
    require(user, VIEW)
    place = _Cursor.read(cursor)
    low = _first_id_from(since) - 1 if since else 0
    high = _last_id_before(until) + 1 if until else _END
    wanted = _Wanted(target.pk, low, high, side, event, catalog, subject).after(place)
    words = text.fold(q.strip())
    ids, looked_to = _search(wanted, words, limit + 1, place) if words else (_ids(wanted, limit + 1, is_backward=place.is_backward), None)
    return _page(ids, limit, place, looked_to)


def get_history_row(*, user: Reader, pk: int) -> HistoryRow:
    """One change with its before and after. ObjectNotFoundError."""
    require(user, VIEW)
    row = HistoryRow.objects.filter(pk=pk).first()
    if row is None:
        raise ObjectNotFoundError
    return row


def _page(ids: list[int], limit: int, place: _Cursor, looked_to: int | None) -> HistoryPage:
    """The page of the first `limit` of `ids`, which were read from `place`; `looked_to`: the row where reading stopped early."""
    shown, at, onward = ids[:limit], None, ""
    if len(ids) > limit:
        onward = str(_Cursor(shown[-1], place.is_backward))
    elif looked_to is not None:
        onward = str(_Cursor(looked_to, place.is_backward))
        at = HistoryRow.objects.filter(pk=looked_to).values_list("at", flat=True).first()
    if place.is_backward:
        shown.reverse()
        older = _Cursor(shown[-1] if shown else place.id + 1)
        return HistoryPage(in_order(HistoryRow.objects.all(), shown), next=str(older), previous=onward or None, looked_to=at)
    newer = None if place == _Cursor() else str(_Cursor(shown[0] if shown else place.id - 1, is_backward=True))
    return HistoryPage(in_order(HistoryRow.objects.all(), shown), next=onward or None, previous=newer, looked_to=at)


def _search(wanted: _Wanted, words: str, count: int, place: _Cursor) -> tuple[list[int], int | None]:
    """At most `count` ids of rows with `words` in their path, and the last row looked at unless there was no other."""
    found: list[int] = []
    looked_at, size = 0, _GROWTH * count
    while looked_at < LOOKED_AT:
        size = min(size, LOOKED_AT - looked_at)
        rows = _read(wanted, "id, path", size, is_backward=place.is_backward)
        found += [pk for pk, path, _place in rows if words in text.fold(path)]
        if len(found) >= count or len(rows) < size:
            return found[:count], None
        looked_at, size = looked_at + size, size * _GROWTH
        wanted = wanted.after(_Cursor(rows[-1][0], place.is_backward))
    return found, rows[-1][0]


# --- the table as it was ----------------------------------------------------------------------------------------------
def list_matches_as_of(
    *,
    user: Reader,
    target: Target,
    at: datetime,
    kind: Literal["file", "row"] = "file",
    catalog: int | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> PastPage:
    """What there was at a time, in the order of `subject`: files ("file") or rows of the target ("row"), each as its last change by then
    left it. `catalog`: only those that were in it. Only `next`, no way back. InvalidCursorError.
    """
    require(user, VIEW)
    if cursor and not ((named := _SUBJECT.fullmatch(cursor)) and named[1] == kind):
        raise InvalidCursorError
    wanted = _Wanted(target.pk, high=_last_id_at(at) + 1, catalog_id=catalog)
    found: list[int] = []
    last, seen = cursor or f"{kind}:", 0
    for subjects in _subjects_after(last, kind, wanted, limit + 1):
        found += _as_left(subjects, wanted)
        if len(found) > limit:
            break
        last, seen = subjects[-1], seen + len(subjects)
        if seen >= SUBJECTS_LOOKED_AT:
            return PastPage(_past(found), last, is_partial=True)
    rows = _past(found[:limit])
    return PastPage(rows, rows[-1].subject if len(found) > limit else None)


def _subjects_after(last: str, kind: str, wanted: _Wanted, size: int) -> Iterator[list[str]]:
    """Things that may have been there, in their order, from the one after `last`: in lists, each longer than the one before."""
    few = _few_subjects(wanted)
    while True:
        part = _next_subjects(wanted.target_id, last, size) if few is None else [one for one in few if one > last][:size]
        ours = [one for one in part if one.startswith(f"{kind}:")]
        if ours:
            yield ours
        if len(ours) < size:
            return
        last, size = ours[-1], min(size * _GROWTH, SUBJECTS_LOOKED_AT)


def _few_subjects(wanted: _Wanted) -> list[str] | None:
    """In order, all things that changed, if these are FEW changes; None if they are more, so that one does not look in vain for long."""
    if wanted.catalog_id is None and wanted.high > FEW:
        return None
    rows = _read(wanted, "id, subject", FEW + 1)
    return sorted({subject for _pk, subject, _place in rows}) if len(rows) <= FEW else None


def _next_subjects(target_id: int, last: str, count: int) -> list[str]:
    """Things that ever changed at a target. Seeks from one to the next in the index, past all changes of each."""
    first, following = (
        f"SELECT subject FROM {_TABLE} WHERE target_id = %s AND subject > {before} ORDER BY subject LIMIT 1"  # noqa: S608
        for before in ("%s", "walk.subject")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE walk (subject, step) AS (SELECT ({first}), 1"  # noqa: S608
            f" UNION ALL SELECT ({following}), step + 1 FROM walk WHERE walk.subject IS NOT NULL AND step < %s)"
            " SELECT subject FROM walk WHERE subject IS NOT NULL ORDER BY step",
            [target_id, last, target_id, count],
        )
        return [subject for (subject,) in cursor.fetchall()]


def _as_left(subjects: Sequence[str], wanted: _Wanted) -> list[int]:
    """The last change of each thing, in their order, before `wanted.high`; left out where it took the thing away, or out of the catalog."""
    is_postgresql = connection.vendor == "postgresql"
    given = "SELECT unnest(%s::text[]) AS subject" if is_postgresql else "SELECT value AS subject FROM json_each(%s)"
    last = f"SELECT id FROM {_TABLE} WHERE target_id = %s AND subject = given.subject AND id < %s ORDER BY id DESC LIMIT 1"  # noqa: S608
    is_there, params = "h.after <> '{}'", [list(subjects) if is_postgresql else json.dumps(subjects), wanted.target_id, wanted.high]
    if wanted.catalog_id is not None:
        is_there, params = f"{is_there} AND h.catalog_id = %s", [*params, wanted.catalog_id]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT h.subject, h.id FROM (SELECT subject, ({last}) AS id FROM ({given}) AS given) AS last"  # noqa: S608
            f" JOIN {_TABLE} h ON h.id = last.id WHERE {is_there}",
            [*params[1:3], params[0], *params[3:]],
        )
        found = dict(cursor.fetchall())
    return [found[subject] for subject in subjects if subject in found]


def _past(ids: Sequence[int]) -> list[PastMatch]:
    return [
        PastMatch(
            subject=row.subject,
            path=row.after.get("path") or row.path,
            status=row.after.get("status") or (MatchStatus.DELETED.value if row.after.get("is_deleted") else ""),
            catalog_id=row.catalog_id,
            catalog_name=row.catalog_name,
            after=row.after,
            row_id=row.pk,
            at=row.at,
        )
        for row in in_order(HistoryRow.objects.all(), ids)
    ]


# --- reading along the indexes ----------------------------------------------------------------------------------------
def _ids(wanted: _Wanted, count: int, *, is_backward: bool = False) -> list[int]:
    return [pk for pk, _place in _read(wanted, "id", count, is_backward=is_backward)]


def _read(wanted: _Wanted, columns: str, count: int, *, is_backward: bool = False) -> list[tuple[Any, ...]]:
    """`columns` (and one more) of the first `count` rows: the newest first, or, backward, the oldest. One query.

    Rows of one side and one event lie together in an index, in this order. What is said of neither is such a range for each pair; the
    database merges them, and reads no row that is not asked for.
    """
    base: dict[str, Any] = {"target_id": wanted.target_id}
    base |= {"catalog_id": wanted.catalog_id} if wanted.catalog_id is not None else {}
    given = {name: value for name, value in (("side", wanted.side), ("event", wanted.event)) if value}
    if wanted.subject:
        ranges = [base | {"subject": wanted.subject} | given]
    else:
        pairs = [{"side": side, "event": event} for side in HistorySide.values for event in HistoryEvent.values]
        ranges = [base | pair for pair in pairs if given.items() <= pair.items()]
    if not ranges or (wanted.subject and not _SUBJECT.fullmatch(wanted.subject)):
        return []
    order = f"ORDER BY place {'DESC' if is_backward else 'ASC'} LIMIT {count:d}"
    parts, params = [], list[Any]()
    for one in ranges:
        conditions = " AND ".join(f"{name} = %s" for name in one)
        part = f"SELECT {columns}, id * -1 AS place FROM {_TABLE} WHERE {conditions} AND id * -1 > %s AND id * -1 < %s"  # noqa: S608
        # SQLite merges parts as they are, PostgreSQL only those whose order is said.
        parts.append(f"SELECT * FROM ({part} {order}) AS part" if connection.vendor == "postgresql" else part)  # noqa: S608
        params += [*one.values(), -wanted.high, -wanted.low]
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(parts)} {order}", params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


# --- times ------------------------------------------------------------------------------------------------------------
def _first_id_from(time: datetime) -> int:
    found = HistoryRow.objects.filter(at__gte=time).order_by("at", "pk").values_list("pk", flat=True).first()
    return _END if found is None else found


def _last_id_before(time: datetime) -> int:
    return HistoryRow.objects.filter(at__lt=time).order_by("-at", "-pk").values_list("pk", flat=True).first() or 0


def _last_id_at(time: datetime) -> int:
    return HistoryRow.objects.filter(at__lte=time).order_by("-at", "-pk").values_list("pk", flat=True).first() or 0
