"""The history as people read it: pages, filters, words, and the table as it was."""

from __future__ import annotations

import random
import unicodedata
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.errors import ObjectNotFoundError
from mam.accounts.errors import PermissionDeniedError
from mam.lib.keyset import InvalidCursorError
from sync.choices import HistoryEvent, HistorySide
from sync.models import HistoryRow, Target
from sync.selectors import history
from sync.selectors.history import HistoryPage, PastMatch, get_history_row, list_history, list_matches_as_of
from sync.services.history import Actor, Change, record
from tests.factories import make_user
from tests.sync.factories import make_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from mam.accounts.models import User

pytestmark = pytest.mark.django_db

START = timezone.now().replace(microsecond=0) - timedelta(days=30)
CATALOGS = {0: "", 1: "WSOP", 2: "HCL"}
EVENTS = [HistoryEvent.ADDED, HistoryEvent.CHANGED, HistoryEvent.MOVED, HistoryEvent.DELETED]


@pytest.fixture
def target() -> Target:
    return make_target()


@pytest.fixture
def write(target: Target) -> Callable[..., HistoryRow]:
    """Writes one change; each an hour after the one before, the first at START."""

    def make(subject: str = "file:1", **fields: Any) -> HistoryRow:
        return write_all(target, [{"subject": subject} | fields])[0]

    return make


def write_all(target: Target, changes: list[dict[str, Any]]) -> list[HistoryRow]:
    """As `write`, of many, which are of `target` unless they say otherwise."""
    count = HistoryRow.objects.count()
    defaults = {"event": HistoryEvent.ADDED, "side": HistorySide.SOURCE, "after": {"status": "new"}}
    fields = [defaults | {"path": f"{change['subject']}.mp4"} | change for change in changes]
    targets = [one.pop("target", target).pk for one in fields]
    with transaction.atomic():
        record(target, [Change(**one) for one in fields], by=Actor())
    rows = list(HistoryRow.objects.filter(pk__gt=count).order_by("pk"))
    for number, (row, target_id) in enumerate(zip(rows, targets, strict=True), start=count):
        row.at, row.target_id = START + timedelta(hours=number), target_id
    HistoryRow.objects.bulk_update(rows, ["at", "target_id"])
    return rows


@pytest.fixture
def rows(target: Target) -> list[HistoryRow]:
    """A hundred changes of everything, and some of another target between them; the newest first."""
    dice, other, changes = random.Random(5), make_target(), []
    for number in range(100):
        catalog = dice.choice(list(CATALOGS))
        change: dict[str, Any] = {"subject": f"file:{number % 7}", "event": dice.choice(EVENTS), "side": dice.choice(HistorySide.values)}
        change |= {"catalog_id": catalog, "catalog_name": CATALOGS[catalog], "path": f"{CATALOGS[catalog]}/Day {number % 5}.mp4"}
        changes += [change] if number % 4 else [change, change | {"target": other}]
    return [row for row in write_all(target, changes) if row.target_id == target.pk][::-1]


def ids(page: HistoryPage) -> list[int]:
    return [row.pk for row in page.items]


def walk(user: User, target: Target, *, limit: int = 7, **filters: Any) -> list[int]:
    """All ids, page by page to the end, having gone back one page on each; what goes back gives the page before."""
    found: list[int] = []
    cursor, before = None, None
    while True:
        page = list_history(user=user, target=target, cursor=cursor, limit=limit, **filters)
        assert len(page.items) <= limit
        if before is not None and page.previous:
            assert ids(list_history(user=user, target=target, cursor=page.previous, limit=limit, **filters)) == before
        found, before, cursor = found + ids(page), ids(page), page.next
        if cursor is None:
            return found


# --- pages ------------------------------------------------------------------------------------------------------------
FILTERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "event": {"event": "moved"},
    "side": {"side": "target"},
    "event and side": {"event": "moved", "side": "target"},
    "catalog": {"catalog": 1},
    "no catalog": {"catalog": 0},
    "catalog and event": {"catalog": 2, "event": "added"},
    "catalog, event and side": {"catalog": 2, "event": "added", "side": "target"},
    "since": {"since": START + timedelta(hours=50)},
    "until": {"until": START + timedelta(hours=50)},
    "a time and an event": {"since": START + timedelta(hours=20), "until": START + timedelta(hours=80, minutes=1), "event": "changed"},
    "before everything": {"until": START},
    "after everything": {"since": START + timedelta(days=29)},
    "a subject": {"subject": "file:3"},
    "a subject and an event": {"subject": "file:3", "event": "added", "catalog": 1},
    "no such event": {"event": "vanished"},
    "no such catalog": {"catalog": 77},
    "no such subject": {"subject": "file:\x00"},
    "words": {"q": "day 3"},
    "words in a catalog": {"q": "WSOP/DAY", "catalog": 1},
    "words and an event": {"q": "2.MP4", "event": "deleted", "since": START + timedelta(hours=30)},
    "words that there are not": {"q": "day 9"},
}


def is_meant(row: HistoryRow, filters: dict[str, Any]) -> bool:
    return (
        filters.get("event", row.event) == row.event
        and filters.get("side", row.side) == row.side
        and filters.get("catalog", row.catalog_id) == row.catalog_id
        and filters.get("subject", row.subject) == row.subject
        and filters.get("since", row.at) <= row.at
        and row.at < filters.get("until", row.at + timedelta(1))
        and filters.get("q", "").lower() in row.path.lower()
    )


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_finds_just_what_it_says_on_any_page(viewer: User, target: Target, rows: list[HistoryRow], name: str) -> None:
    wanted = [row.pk for row in rows if is_meant(row, FILTERS[name])]
    assert walk(viewer, target, **FILTERS[name]) == wanted
    assert walk(viewer, target, limit=200, **FILTERS[name]) == wanted
    assert bool(wanted) != name.startswith(("no such", "before", "after", "words that"))


def test_a_page_of_which_the_rows_are_gone_leads_back(viewer: User, target: Target, rows: list[HistoryRow]) -> None:
    page = list_history(user=viewer, target=target, cursor="a1", limit=5)
    assert (page.items, page.next) == ([], None)
    assert ids(list_history(user=viewer, target=target, cursor=page.previous, limit=5)) == [row.pk for row in rows[-5:]]


def test_pages_stay_as_they_are_while_rows_are_added(
    viewer: User, target: Target, rows: list[HistoryRow], write: Callable[..., HistoryRow]
) -> None:
    first = list_history(user=viewer, target=target, limit=10)
    write()
    assert ids(list_history(user=viewer, target=target, cursor=first.next, limit=10)) == [row.pk for row in rows[10:20]]


@pytest.mark.parametrize("cursor", ["x", "a", "a-1", "12", "a١", "a1234567890123456789", "a1\n", "ab1"])
def test_a_cursor_that_we_have_not_made_is_refused(viewer: User, target: Target, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        list_history(user=viewer, target=target, cursor=cursor)
    with pytest.raises(InvalidCursorError):
        list_matches_as_of(user=viewer, target=target, at=START, cursor=cursor)


def test_who_may_not_look_sees_nothing(target: Target, rows: list[HistoryRow]) -> None:
    stranger = make_user(None)
    with pytest.raises(PermissionDeniedError):
        list_history(user=stranger, target=target)
    with pytest.raises(PermissionDeniedError):
        get_history_row(user=stranger, pk=rows[0].pk)
    with pytest.raises(PermissionDeniedError):
        list_matches_as_of(user=stranger, target=target, at=START)


def test_one_row_is_found_by_its_number(viewer: User, rows: list[HistoryRow]) -> None:
    assert get_history_row(user=viewer, pk=rows[0].pk) == rows[0]
    with pytest.raises(ObjectNotFoundError):
        get_history_row(user=viewer, pk=10_000)


@pytest.mark.parametrize("name", ["nothing", "event", "side", "catalog", "catalog and event"])
def test_pages_are_read_along_an_index(viewer: User, target: Target, rows: list[HistoryRow], name: str) -> None:
    """A million rows would tell; here the database says how it would read them."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        list_history(user=viewer, target=target, cursor="a90", **FILTERS[name])
    statement = next(query["sql"] for query in queries if "AS place" in query["sql"])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {'' if connection.vendor == 'postgresql' else 'QUERY PLAN '}{statement}")
        plan = "\n".join(str(line[-1]) for line in cursor.fetchall())
    assert ("history_catalog" if "catalog" in name else "history_kind") in plan
    assert "->  Sort" not in plan
    assert "TEMP B-TREE" not in plan


# --- words ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("spelling", ["NFC", "NFD"])
@pytest.mark.parametrize("q", ["드라마", unicodedata.normalize("NFD", "드라마"), " STRASSE ", "straße", "1화.MP4"])
def test_words_are_found_in_any_spelling(viewer: User, target: Target, write: Callable[..., HistoryRow], spelling: Any, q: str) -> None:
    write(path="else.mp4")
    row = write(path=unicodedata.normalize(spelling, "드라마/Straße/1화.mp4"))
    assert ids(list_history(user=viewer, target=target, q=q)) == [row.pk]


@pytest.mark.parametrize("q", ["%", "_", "\\", "'", '"', "day*"])
def test_words_are_no_pattern(viewer: User, target: Target, rows: list[HistoryRow], q: str) -> None:
    assert list_history(user=viewer, target=target, q=q).items == []


def test_a_search_that_takes_long_says_how_far_it_came_and_goes_on(
    viewer: User, target: Target, rows: list[HistoryRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_AT", 30)
    oldest = rows[-1]
    HistoryRow.objects.filter(pk=oldest.pk).update(path="needle.mp4")
    seen: list[datetime] = []
    page = list_history(user=viewer, target=target, q="needle")
    while page.looked_to:
        assert page.items == []
        seen.append(page.looked_to)
        page = list_history(user=viewer, target=target, q="needle", cursor=page.next)
    assert seen == [row.at for row in rows[29::30]]
    assert (ids(page), page.next) == ([oldest.pk], None)


def test_a_search_backward_goes_on_likewise(viewer: User, target: Target, rows: list[HistoryRow], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LOOKED_AT", 30)
    newest = rows[0]
    HistoryRow.objects.filter(pk=newest.pk).update(path="needle.mp4")
    steps, page = 0, list_history(user=viewer, target=target, q="needle", cursor=f"b{rows[-1].pk}")
    while page.looked_to:
        steps, page = steps + 1, list_history(user=viewer, target=target, q="needle", cursor=page.previous)
    assert (steps, ids(page), page.previous) == (3, [newest.pk], None)


def test_a_page_that_is_full_before_the_end_of_the_search_is_not_called_short(
    viewer: User, target: Target, rows: list[HistoryRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_AT", 30)
    assert walk(viewer, target, q="day 3", limit=2) == [row.pk for row in rows if "Day 3" in row.path]


# --- the table as it was ----------------------------------------------------------------------------------------------
def as_of(user: User, target: Target, at: datetime, *, limit: int = 50, **filters: Any) -> list[PastMatch]:
    """All of it, page by page."""
    found: list[PastMatch] = []
    cursor = None
    while True:
        page = list_matches_as_of(user=user, target=target, at=at, cursor=cursor, limit=limit, **filters)
        found, cursor = found + page.items, page.next
        if cursor is None:
            return found


@pytest.fixture
def past(target: Target) -> list[HistoryRow]:
    """Two hundred changes of thirty files and of rows of the target, some of which go and come again."""
    dice, other = random.Random(3), make_target()
    changes: list[dict[str, Any]] = []
    for number in range(200):
        subject, catalog = f"{dice.choice(['file', 'file', 'row'])}:{dice.randrange(1, 31)}", dice.choice(list(CATALOGS))
        path = f"{CATALOGS[catalog]}/{number}.mp4"
        is_gone = dice.random() < 0.3
        change: dict[str, Any] = {"subject": subject, "path": path, "catalog_id": catalog, "catalog_name": CATALOGS[catalog]}
        change["event"] = HistoryEvent.DELETED if is_gone else HistoryEvent.CHANGED
        change["after"] = {} if is_gone else {"status": "synced", "path": path}
        changes.append(change)
        if number % 5 == 0:
            changes.append({"subject": subject, "target": other})
            changes.append({"subject": f"target:{target.pk}", "event": HistoryEvent.SETTING_CHANGED, "side": HistorySide.SYSTEM})
    return [row for row in write_all(target, changes) if row.target_id == target.pk]


def reference(past: list[HistoryRow], at: datetime, kind: str, catalog: int | None) -> dict[str, HistoryRow]:
    last = {row.subject: row for row in past if row.at <= at and row.subject.startswith(f"{kind}:")}
    return {subject: row for subject, row in last.items() if row.after and catalog in {None, row.catalog_id}}


@pytest.mark.parametrize("few", [0, 5_000], ids=["walked", "few"])
@pytest.mark.parametrize("catalog", [None, 0, 1, 77])
@pytest.mark.parametrize("kind", ["file", "row"])
def test_what_there_was_at_a_time_is_what_the_last_changes_by_then_left(
    viewer: User, target: Target, past: list[HistoryRow], monkeypatch: pytest.MonkeyPatch, few: int, catalog: int | None, kind: Any
) -> None:
    monkeypatch.setattr(history, "FEW", few)
    for at in (START - timedelta(1), START, past[20].at, past[20].at + timedelta(minutes=1), past[150].at, past[-1].at, timezone.now()):
        wanted = reference(past, at, kind, catalog)
        for limit in (3, 100):
            found = as_of(viewer, target, at, kind=kind, catalog=catalog, limit=limit)
            assert {one.subject: one.row_id for one in found} == {subject: row.pk for subject, row in wanted.items()}
            assert len(found) == len(wanted)
            assert [(one.path, one.status, one.after, one.at) for one in found] == [
                (row.path, "synced", row.after, row.at) for row in (wanted[one.subject] for one in found)
            ]


def test_one_change_at_the_very_time_counts(viewer: User, target: Target, write: Callable[..., HistoryRow]) -> None:
    row, gone = write("file:1"), write("file:1", event=HistoryEvent.DELETED, after={})
    assert [one.row_id for one in as_of(viewer, target, row.at)] == [row.pk]
    assert [one.row_id for one in as_of(viewer, target, gone.at - timedelta(microseconds=1))] == [row.pk]
    assert as_of(viewer, target, gone.at) == []


def test_a_row_that_was_marked_as_deleted_was_there(viewer: User, target: Target, write: Callable[..., HistoryRow]) -> None:
    write("row:1", side=HistorySide.TARGET, after={"path": "a.mp4", "is_deleted": True})
    write("row:2", side=HistorySide.TARGET, after={"path": "b.mp4", "is_deleted": False})
    found = as_of(viewer, target, timezone.now(), kind="row")
    assert [(one.path, one.status) for one in found] == [("a.mp4", "deleted"), ("b.mp4", "")]


def test_a_time_of_which_little_is_found_says_so_and_goes_on(
    viewer: User, target: Target, write: Callable[..., HistoryRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "FEW", 0)
    monkeypatch.setattr(history, "SUBJECTS_LOOKED_AT", 10)
    old = write("file:55")
    for number in range(10, 50):
        write(f"file:{number}")
    page = list_matches_as_of(user=viewer, target=target, at=old.at, limit=5)
    assert (page.items, page.is_partial) == ([], True)
    assert [one.subject for one in as_of(viewer, target, old.at, limit=5)] == ["file:55"]
