"""The history: the only place that adds rows to it, and the proof that nobody else has touched it. No row is ever changed.

Rows form a chain. They are numbered from 1 without gaps, and the digest of each is the SHA-256, as 64 hexadecimal digits, of four lines in
UTF-8 with a line feed between them: the digest of the row before (GENESIS before the first); a JSON list of [id, target_id, at, event,
side, subject, path, catalog_id, catalog_name, actor, job_id, request_id, plan_id, reason]; `before`; `after`. JSON is without spaces, keys
sorted, text as it is; `at` is UTC with six digits of a second, "2026-01-31T09:00:00.000000+00:00". So any program can check it.
Which row is the last one is noted apart (`HistoryHead`), else rows at the end could go unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

from mam.accounts.context import current_request_id
from mam.accounts.models import User
from mam.lib.bulk import chunks, database_time, insert_rows
from sync.choices import HistoryEvent, HistoryFault, HistorySide
from sync.models import HistoryHead, HistoryRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from mam.jobs.context import JobContext
    from sync.models import Target

    # Without fractions: PostgreSQL gives some of them back in another spelling.
    Document = Mapping[str, str | int | bool | list[str] | dict[str, str | int | None] | None]

GENESIS = "0" * 64
_HEAD = 1  # primary key of the one row
_NOTHING = ""  # in the place of the digest before, where it is not clear what that is: never right
_CHUNK = 5_000  # rows
# Clocks of several machines differ a little: no row is earlier than the one before it. A clock that was set right by more is believed.
_CLOCKS_DIFFER = timedelta(minutes=5)
_LINE = (
    *("id", "target_id", "at", "event", "side", "subject", "path", "catalog_id", "catalog_name", "actor"),
    *("job_id", "request_id", "plan_id", "reason"),
)
_COLUMNS = (*_LINE, "before", "after", "digest")
_EVENTS: dict[str, str] = {event: event.value for event in HistoryEvent}  # plain text: the driver takes longer for a member
_SIDES: dict[str, str] = {side: side.value for side in HistorySide}
_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
_dumps_anything = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=repr).encode  # of a forged row


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one thing. `subject`: "file:7", "row:7", "target:1", "plan:3"; `before` and `after`: what is known of it then.

    `after` of a file or row that is gone is empty (`sync.selectors.history.list_matches_as_of`).
    """

    event: str  # HistoryEvent
    side: str  # HistorySide
    subject: str
    path: str = ""
    catalog_id: int = 0
    catalog_name: str = ""
    before: Document = field(default_factory=dict)
    after: Document = field(default_factory=dict)
    plan_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """On whose behalf, and in which job or request. Without e-mail address: the system's own."""

    email: str = ""
    job_id: int | None = None
    request_id: str = ""

    @classmethod
    def of_user(cls, user: User | None) -> Actor:
        """A person, or the system itself (None), in the request being served."""
        return cls(email=user.email if user else "", request_id=current_request_id())

    @classmethod
    def of_job(cls, ctx: JobContext) -> Actor:
        """Whoever asked for the job. One query, if that was a person."""
        asked = User.objects.filter(pk=ctx.requested_by_id).first() if ctx.requested_by_id else None
        return cls(asked.email if asked else "", ctx.job_id, ctx.request_id)


def record(target: Target, changes: Iterable[Change], *, by: Actor) -> int:
    """Write down changes at `target`, in their order; return how many. Inside the transaction that makes them.

    Whoever else has something to write down waits until that transaction ends, so call it as its last step (lines of the job log come
    after it). Memory does not grow with the number of changes. KeyError for an event or a side that there is not.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a change and its history are written in one transaction")
    chain: _Chain | None = None
    with transaction.atomic():  # all of the chain, or nothing, also for a caller that goes on after an error
        for chunk in chunks(changes, _CHUNK):
            chain = chain or _Chain.locked(target.pk, by)
            insert_rows(HistoryRow, _COLUMNS, chain.link(chunk))
        if chain is None:
            return 0
        HistoryHead.objects.filter(pk=_HEAD).update(last_id=chain.last_id, digest=chain.digest)
    return chain.count


class _Chain:
    """The end of the chain, while rows are added to it."""

    def __init__(self, target_id: int, by: Actor, last_id: int, digest: str, at: datetime) -> None:
        self.last_id, self.digest, self.count = last_id, digest, 0
        self._target_id, self._at, self._by = target_id, at, by

    @classmethod
    def locked(cls, target_id: int, by: Actor) -> _Chain:
        """To the end of the transaction."""
        head = HistoryHead.objects.select_for_update().filter(pk=_HEAD).first() or _new_head()
        now = timezone.now()
        # Rows behind the head are somebody else's. The history goes on behind them, and does not follow them.
        last_id, last_at = HistoryRow.objects.order_by("-pk").values_list("pk", "at").first() or (0, now)
        at = last_at if now < last_at <= now + _CLOCKS_DIFFER else now
        is_whole = last_id <= head.last_id
        return cls(target_id, by, head.last_id if is_whole else last_id, head.digest if is_whole else _NOTHING, at)

    def link(self, changes: Iterable[Change]) -> Iterator[tuple[Any, ...]]:
        """Rows in database form, each behind the one before."""
        last_id, digest, target_id, by = self.last_id, self.digest, self._target_id, self._by
        stored_at = str(database_time(self._at))
        # Put together by hand: the same text as that of a whole list, in a third of the time.
        place, actor, cause = f"{target_id},{_dumps(_time(self._at))}", _dumps(by.email), f"{_dumps(by.job_id)},{_dumps(by.request_id)}"
        for one in changes:
            last_id += 1
            event, side = _EVENTS[one.event], _SIDES[one.side]
            what = f'"{event}","{side}",{_dumps(one.subject)},{_dumps(one.path)},{one.catalog_id},{_dumps(one.catalog_name)}'
            plan = "null" if one.plan_id is None else one.plan_id
            line = f"[{last_id},{place},{what},{actor},{cause},{plan},{_dumps(one.reason)}]"
            before = _dumps(one.before) if one.before else "{}"
            after = _dumps(one.after) if one.after else "{}"
            digest = _digest(digest, line, before, after)
            yield (
                *(last_id, target_id, stored_at, event, side, one.subject, one.path, one.catalog_id, one.catalog_name, by.email),
                *(by.job_id, by.request_id, one.plan_id, one.reason, before, after, digest),
            )
        self.count += last_id - self.last_id
        self.last_id, self.digest = last_id, digest


def _digest(last: str, line: str, before: str, after: str) -> str:
    return hashlib.sha256(f"{last}\n{line}\n{before}\n{after}".encode()).hexdigest()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _new_head() -> HistoryHead:
    """Of a chain that begins; of several writers that find none one makes it. Where there are rows somebody has taken it away: what is
    added from now on follows none of them, and shows as a break.
    """
    last_id = HistoryRow.objects.aggregate(last=Max("pk"))["last"] or 0
    start = {"last_id": last_id, "digest": _NOTHING if last_id else GENESIS}
    return HistoryHead.objects.select_for_update().get_or_create(pk=_HEAD, defaults=start)[0]


# --- proof ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Broken:
    """The first row at which the history is not what was written."""

    row_id: int
    fault: HistoryFault


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of it: rows that are as they were written, one after the other, and the digest of the last of them."""

    rows: int
    digest: str
    broken: Broken | None = None


class _State(NamedTuple):
    """How far the chain goes: what the head says (None: it is gone), and the first and the last row that there are."""

    head_id: int | None
    digest: str
    first: int
    last: int


def verify(on_progress: Callable[[int, int], None] | None = None) -> Verification:
    """Read all of the history, also what is added meanwhile, and compare; locks nothing. `on_progress`: rows done, rows in all."""
    done, digest = 0, GENESIS
    while True:
        state = _state()
        if state.first < 1 and state.last:
            return Verification(done, digest, Broken(state.first, HistoryFault.ADDED))
        end = state.last if state.head_id is None else state.head_id
        if done >= end:
            return Verification(done, digest, _end_fault(state, digest))
        for row in _rows(done, end):
            fault = _fault_of(row, done + 1, digest, state)
            if fault:
                return Verification(done, digest, fault)
            done, digest = row.id, row.digest
            if on_progress and done % _CHUNK == 0:
                on_progress(done, end)
        if done < end:
            return Verification(done, digest, Broken(done + 1, HistoryFault.END_CUT))


def _fault_of(row: _Row, expected: int, last_digest: str, state: _State) -> Broken | None:
    if row.id != expected:
        return Broken(expected, HistoryFault.MISSING)
    right = row.digest_after(last_digest)
    if right == row.digest:
        return None
    # What comes next tells whether the digest that stands here was the right one once.
    following = next(_rows(row.id, row.id + 1), None)

    def goes_on(digest: str) -> bool:
        return following.digest_after(digest) == following.digest if following else state.head_id == row.id and state.digest == digest

    if goes_on(row.digest) and row.digest_after(_NOTHING) != row.digest:
        return Broken(row.id, HistoryFault.CHANGED)
    return Broken(row.id, HistoryFault.DIGEST if goes_on(right) else HistoryFault.ORDER)


def _end_fault(state: _State, digest: str) -> Broken | None:
    """What is wrong behind rows that are all right."""
    if state.head_id is None:
        return Broken(state.last, HistoryFault.END) if state.last else None
    if state.digest != digest:
        return Broken(state.head_id, HistoryFault.END)
    if state.last <= state.head_id:
        return None
    behind = HistoryRow.objects.filter(pk__gt=state.head_id).aggregate(first=Min("pk"))["first"]
    return Broken(behind or state.last, HistoryFault.ADDED)


def _state() -> _State:
    """In one statement, so that no writer comes between."""
    rows, heads = HistoryRow._meta.db_table, HistoryHead._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT last_id FROM {heads} WHERE id = %s), (SELECT digest FROM {heads} WHERE id = %s),"  # noqa: S608  (our own names)
            f" (SELECT MIN(id) FROM {rows}), (SELECT MAX(id) FROM {rows})",
            [_HEAD, _HEAD],
        )
        head_id, digest, first, last = cursor.fetchone()
    return _State(head_id, digest or "", first or 0, last or 0)


class _Row(NamedTuple):
    """A row as it is read: what its digest is of, and the digest."""

    id: int
    line: str
    before: str
    after: str
    digest: str

    def digest_after(self, last: str) -> str:
        """What the digest of this row has to be behind one with the digest `last`."""
        return _digest(last, self.line, self.before, self.after)


def _rows(after: int, end: int) -> Iterator[_Row]:
    """Rows after an id, to the end, in order. Each part is a query of its own: nothing is kept open, here or at a pooler.

    As the driver gives them: SQLite holds what the digest is of (or whatever somebody has put there), PostgreSQL has spelt it anew.
    """
    as_read, time = (_of_postgresql, "at") if connection.vendor == "postgresql" else (_of_sqlite, "quote(at)")
    names = ", ".join((*_COLUMNS[:2], time, *_COLUMNS[3:]))
    while after < end:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {names} FROM {HistoryRow._meta.db_table} WHERE id > %s AND id <= %s ORDER BY id LIMIT {_CHUNK}",  # noqa: S608
                [after, end],
            )
            rows = cursor.fetchall()
        yield from map(as_read, rows)
        if len(rows) < _CHUNK:
            return
        after = rows[-1][0]


def _of_sqlite(row: tuple[Any, ...]) -> _Row:
    time = str(row[2]).strip("'")
    time = f"{time.replace(' ', 'T')}{'' if '.' in time else '.000000'}+00:00"
    return _Row(row[0], _dumps_anything((*row[:2], time, *row[3:14])), *row[14:])


def _of_postgresql(row: tuple[Any, ...]) -> _Row:
    before, after = (text if text == "{}" else _dumps(json.loads(text)) for text in row[14:16])
    return _Row(row[0], _dumps((*row[:2], _time(row[2]), *row[3:14])), before, after, row[16])
