"""The history: lines and what they open, what they can be narrowed by, and the table as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from catalog.models import Catalog
from sync.choices import HistoryEvent, HistorySide
from sync.models import HistoryRow
from sync.services.history import Actor, Change, record
from sync.services.settings import change_target
from tests.factories import make_catalog, make_content, make_file, make_job, make_user
from tests.sync.factories import make_plan, make_synced
from tests.sync.pages.reading import HTMX, show, words_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import Source
    from sync.models import Target

pytestmark = pytest.mark.django_db

HISTORY = "/sync/history/"


def happen(target: Target, event: str, path: str = "", *, at: datetime | None = None, by: Actor | None = None, **fields: Any) -> HistoryRow:
    """One change; `at`: when."""
    fields.setdefault("side", HistorySide.SOURCE)
    fields.setdefault("subject", f"file:{HistoryRow.objects.count() + 1}")
    with transaction.atomic():
        record(target, [Change(event=event, path=path, **fields)], by=by or Actor())
    row = HistoryRow.objects.order_by("pk").last()
    assert row is not None
    if at is not None:
        HistoryRow.objects.filter(pk=row.pk).update(at=at)
    return row


def paths(person: Client, **query: Any) -> list[str]:
    """What the page lists, in its order."""
    return [item["row"].path or item["name"] for item in person.get(HISTORY, query).context["items"]]


def opened(person: Client, row: HistoryRow) -> str:
    """What a line opens."""
    response = person.get(reverse("sync:history_row", args=[row.pk]), headers=HTMX)
    assert response.status_code == 200
    return words_of(response.content.decode())


# --- lines ------------------------------------------------------------------------------------------------------------
def test_a_line_says_what_happened_to_what_and_when(viewer: Client, target: Target) -> None:
    happen(target, HistoryEvent.ADDED, "WSOP/2024/ME_Day1.mp4", catalog_name="WSOP", at=timezone.now() - timedelta(minutes=5))
    assert "Added ME_Day1.mp4 WSOP/2024 Source WSOP 5 minutes ago" in show(viewer, HISTORY)
    assert f'datetime="{HistoryRow.objects.get().at.isoformat()}"' in viewer.get(HISTORY).content.decode()


def test_the_newest_comes_first_and_pages_follow(viewer: Client, target: Target) -> None:
    for number in range(60):
        happen(target, HistoryEvent.ADDED, f"{number}.mp4")
    first = viewer.get(HISTORY)
    assert [item["name"] for item in first.context["items"]] == [f"{number}.mp4" for number in range(59, 9, -1)]
    second = viewer.get(HISTORY, {"cursor": first.context["page"].next})
    assert [item["name"] for item in second.context["items"]] == [f"{number}.mp4" for number in range(9, -1, -1)]


def test_a_setting_and_a_plan_are_named(viewer: Client, target: Target) -> None:
    change_target(target=target, user=make_user("administrator"), guard_percent=5)
    happen(target, HistoryEvent.PLAN_APPROVED, side=HistorySide.SYSTEM, subject="plan:7")
    page = show(viewer, HISTORY)
    assert "Plan approved Plan 7 System" in page
    assert "Setting changed Settings System" in page


def test_an_empty_history_says_what_it_is_for(viewer: Client, target: Target) -> None:
    assert "Nothing has changed yet" in show(viewer, HISTORY)


# --- before and after -------------------------------------------------------------------------------------------------
def test_a_line_opens_what_was_before_and_after(viewer: Client, target: Target, source: Source) -> None:
    file = make_file("B/day1.mp4", source=source)
    before = {"status": "synced", "path": "A/day1.mp4", "size_bytes": 1_000_000}
    after = {"status": "moved", "path": "B/day1.mp4", "size_bytes": 1_000_000}
    row = happen(target, HistoryEvent.MOVED, "B/day1.mp4", subject=f"file:{file.pk}", before=before, after=after)
    page = opened(viewer, row)
    assert "Path A/day1.mp4 B/day1.mp4 Status Synced Moved Size 1.00 MB 1.00 MB" in page
    assert (
        f'href="{reverse("catalog:file_detail", args=[file.pk])}"'
        in viewer.get(reverse("sync:history_row", args=[row.pk]), headers=HTMX).content.decode()
    )


def test_a_content_is_called_by_its_title(viewer: Client, target: Target) -> None:
    content = make_content(title="Main Event Day 1")
    before, after = {"content_id": "an-id-of-theirs"}, {"content_id": str(content.pk)}
    row = happen(target, HistoryEvent.CHANGED, "a.mp4", before=before, after=after)
    assert f"Content an-id-of-theirs Main Event Day 1 ({content.pk})" in opened(viewer, row)


def test_values_that_are_rounded_to_the_same_are_exact(viewer: Client, target: Target) -> None:
    before, after = {"size_bytes": 3_580_000_100}, {"size_bytes": 3_580_000_200}
    row = happen(target, HistoryEvent.CHANGED, "a.mp4", before=before, after=after)
    assert "Size 3,580,000,100 B 3,580,000,200 B" in opened(viewer, row)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"status": "not_synced", "reason": "not_hls", "path": "a/b.mxf"}, "Reason – Not HLS compatible (mxf)"),
        ({"is_hls": True, "is_deleted": False}, "HLS compatible – Yes Marked as deleted – No"),
        ({"interval_s": 1800, "is_automatic": True}, "Sync by itself – Yes Interval – 30 min"),
        ({"hls_extensions": ["mp4", "mov"]}, "HLS compatible file types – mp4, mov"),
        ({"webhook_secret": "changed"}, "Secret of the signature – changed"),
        ({"counts": {"insert": 15, "delete": 0}}, "What it does – Add 15"),
        (
            {"holds": [{"code": "rows", "params": {"limit": 5, "count": 9}}]},
            "Why it waited – More than 5 entries would be marked as deleted: 9.",
        ),
        ({"codec": "h264", "duration_ms": 61_000, "width_px": 1920}, "Codec – H.264 Width – 1,920 px Duration – 1:01"),
        ({"status": "of another time", "whatever": {"a": [1, None]}}, "Status – of another time whatever – a: 1, None"),
        ({"deleted_at": "yesterday"}, "Deleted – –"),
    ],
)
def test_values_are_in_words(viewer: Client, target: Target, after: dict[str, Any], words: str) -> None:
    row = happen(target, HistoryEvent.CHANGED, "a", after=after)
    assert words in opened(viewer, row)


def test_a_change_names_who_made_it_and_why(operator: Client, target: Target) -> None:
    plan, job = make_plan(target), make_job()
    by = Actor("kim@example.test", job.pk, "request-12345678")
    row = happen(target, HistoryEvent.PLAN_APPROVED, plan_id=plan.pk, subject=f"plan:{plan.pk}", reason="새 폴더로 옮김", by=by)
    page = opened(operator, row)
    assert "Reason: 새 폴더로 옮김" in page
    assert f"kim@example.test Job {job.pk} Plan {plan.pk}" in page
    assert "request-12345678" in page


def test_jobs_that_are_forgotten_are_named_without_a_link(operator: Client, target: Target) -> None:
    row = happen(target, HistoryEvent.ADDED, "a.mp4", by=Actor(job_id=4711))
    page = operator.get(reverse("sync:history_row", args=[row.pk]), headers=HTMX).content.decode()
    assert "Job 4711" in page
    assert "/jobs/4711/" not in page


def test_a_change_has_a_page_of_its_own(viewer: Client, target: Target) -> None:
    row = happen(target, HistoryEvent.ADDED, "WSOP/a.mp4", after={"path": "WSOP/a.mp4"})
    page = viewer.get(reverse("sync:history_row", args=[row.pk]))
    assert "<html" in page.content.decode()
    assert "WSOP/a.mp4" in words_of(page.content.decode())
    assert viewer.get(reverse("sync:history_row", args=[999_999])).status_code == 404


# --- narrowing --------------------------------------------------------------------------------------------------------
def test_event_catalog_words_and_subject_narrow_it(viewer: Client, target: Target, source: Source) -> None:
    catalog = make_catalog("WSOP")
    make_synced(target, make_file("WSOP/x.mp4", source=source), catalog_id=catalog.pk)
    happen(target, HistoryEvent.ADDED, "WSOP/new.mp4", catalog_id=catalog.pk, subject="file:1")
    happen(target, HistoryEvent.DELETED, "HCL/old.mp4", subject="file:2")
    happen(target, HistoryEvent.MOVED, "HCL/new.mp4", subject="file:1")
    assert paths(viewer, event="deleted") == ["HCL/old.mp4"]
    assert paths(viewer, catalog=catalog.pk) == ["WSOP/new.mp4"]
    assert paths(viewer, q="NEW") == ["HCL/new.mp4", "WSOP/new.mp4"]
    assert paths(viewer, subject="file:1") == ["HCL/new.mp4", "WSOP/new.mp4"]
    assert paths(viewer, event="restored") == []
    assert "No change fits the filter" in show(viewer, HISTORY, {"event": "restored"})
    assert Catalog.objects.count() == 1


def test_times_are_those_of_the_reader(viewer: Client, target: Target) -> None:
    now = timezone.now()
    happen(target, HistoryEvent.ADDED, "old.mp4", at=now - timedelta(days=3))
    happen(target, HistoryEvent.ADDED, "new.mp4", at=now)
    local = timezone.localtime(now)
    assert paths(viewer, since=f"{local - timedelta(days=1):%Y-%m-%dT%H:%M}") == ["new.mp4"]
    assert paths(viewer, until=f"{local - timedelta(days=1):%Y-%m-%dT%H:%M}") == ["old.mp4"]
    today, week, _month = viewer.get(HISTORY).context["spans"]
    assert paths(viewer, since=today["href"].partition("since=")[2].replace("%3A", ":")) == ["new.mp4"]
    assert len(viewer.get(HISTORY + week["href"]).context["items"]) == 2


@pytest.mark.parametrize(
    ("query", "field"), [({"since": "abc"}, "since"), ({"event": "nonsense"}, "event"), ({"catalog": "77"}, "catalog")]
)
def test_what_makes_no_sense_is_said_and_narrows_nothing(viewer: Client, target: Target, query: dict[str, str], field: str) -> None:
    happen(target, HistoryEvent.ADDED, "a.mp4")
    response = viewer.get(HISTORY, query)
    assert response.status_code == 200
    assert response.context["form"].errors.keys() == {field}
    assert [item["name"] for item in response.context["items"]] == ["a.mp4"]


def test_a_broken_cursor_is_said_to_be_one(viewer: Client, target: Target) -> None:
    assert viewer.get(HISTORY, {"cursor": "nonsense"}).status_code == 400
    assert viewer.get(HISTORY, {"at": "2026-01-01T00:00", "cursor": "a5"}).status_code == 400


def test_typed_words_get_the_lines_alone(viewer: Client, target: Target) -> None:
    happen(target, HistoryEvent.ADDED, "a.mp4")
    response = viewer.get(HISTORY, {"q": "a"}, headers={**HTMX, "HX-Target": "results"})
    assert b"<html" not in response.content
    assert "a.mp4" in words_of(response.content.decode())


# --- as it was --------------------------------------------------------------------------------------------------------
def test_the_table_as_it_was(viewer: Client, target: Target) -> None:
    now = timezone.now()
    new = {"status": "new", "path": "a.mp4", "size_bytes": 5}
    synced = {"status": "synced", "path": "a.mp4", "size_bytes": 5}
    happen(target, HistoryEvent.ADDED, "a.mp4", subject="file:1", after=new, at=now - timedelta(hours=2))
    happen(target, HistoryEvent.CHANGED, "a.mp4", subject="file:1", before=new, after=synced, at=now - timedelta(hours=1))
    written = {"remote_id": "7", "path": "a.mp4", "size_bytes": 5, "is_deleted": False}
    happen(target, HistoryEvent.SYNCED, "a.mp4", side=HistorySide.TARGET, subject="row:1", after=written, at=now - timedelta(hours=1))

    def at(hours: float) -> str:
        return f"{timezone.localtime(now - timedelta(hours=hours)):%Y-%m-%dT%H:%M}"

    (then,) = viewer.get(HISTORY, {"at": at(1.5)}).context["items"]
    assert (then["name"], str(then["label"])) == ("a.mp4", "New")
    (later,) = viewer.get(HISTORY, {"at": at(0.5)}).context["items"]
    assert str(later["label"]) == "Synced"
    assert viewer.get(HISTORY, {"at": at(1.5), "kind": "row"}).context["items"] == []
    (row,) = viewer.get(HISTORY, {"at": at(0.5), "kind": "row"}).context["items"]
    assert row["name"] == "a.mp4"
    assert "Nothing was there at that time" in show(viewer, HISTORY, {"at": at(9)})


# --- cost -------------------------------------------------------------------------------------------------------------
def test_more_changes_take_no_more_queries(viewer: Client, target: Target, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    happen(target, HistoryEvent.ADDED, "a.mp4")
    with django_assert_max_num_queries(14) as few:
        viewer.get(HISTORY)
    for number in range(40):
        happen(target, HistoryEvent.ADDED, f"{number}.mp4")
    with django_assert_max_num_queries(14) as many:
        viewer.get(HISTORY)
    assert len(many) == len(few)
