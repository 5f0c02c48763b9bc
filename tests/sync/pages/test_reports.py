"""Reconciliations: what they found, path by path, and as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from django.utils import timezone

from sync.choices import Drift
from sync.models import DriftLine, DriftReport
from tests.bodies import body_of
from tests.factories import make_file, make_job
from tests.sync.factories import make_report
from tests.sync.pages.reading import HTMX, show

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from catalog.models import Source
    from sync.models import Target

pytestmark = pytest.mark.django_db

REPORTS = "/sync/reports/"
LINES = {"new.mp4": "+", "gone.mp4": "-", "other.mp4": "*", "broken.mp4": "!"}


def url_of(report: DriftReport, name: str = "detail") -> str:
    return reverse(f"sync:report_{name}", args=[report.pk])


def listed(person: Client, report: DriftReport, **query: Any) -> list[str]:
    return [item["line"].path for item in person.get(url_of(report), query).context["items"]]


def test_reconciliations_are_listed_with_what_they_found(viewer: Client, target: Target) -> None:
    make_report(target, LINES, equal=3)
    make_report(target, equal=1_234)
    page = show(viewer, REPORTS)
    assert "Equal 3 Only in the source 1 Only in the target 1 Differs 1 Unreadable 1" in page
    assert "Both sides are equal Equal 1,234" in page


def test_without_any_it_is_said_what_one_is(viewer: Client, operator: Client, target: Target) -> None:
    assert "No reconciliation yet" in show(viewer, REPORTS)
    assert reverse("sync:reconcile") not in viewer.get(REPORTS).content.decode()
    assert reverse("sync:reconcile") in operator.get(REPORTS).content.decode()


def test_the_one_that_is_being_made_is_shown(operator: Client, target: Target) -> None:
    job = make_job("sync.reconcile", key=f"sync:{target.pk}")
    assert f'data-job="{job.pk}"' in operator.get(REPORTS).content.decode()


def test_paths_can_be_seen_by_result(viewer: Client, target: Target) -> None:
    report = make_report(target, LINES, equal=3)
    assert listed(viewer, report) == list(LINES)
    for name, path in {"only_source": "new.mp4", "only_target": "gone.mp4", "differs": "other.mp4", "unreadable": "broken.mp4"}.items():
        assert listed(viewer, report, sign=name) == [path]
    assert listed(viewer, report, sign="nonsense") == list(LINES)
    tabs = viewer.get(url_of(report)).context["sign_tabs"]
    assert [tab["count"] for tab in tabs] == [4, 1, 1, 1, 1]


def test_a_path_says_what_differs_and_leads_to_its_file(viewer: Client, target: Target, source: Source) -> None:
    file = make_file("new/place.mp4", source=source)
    report = make_report(target)
    details = {"path": ["new/place.mp4", "old/place.mp4"], "size_bytes": [2_000, 1_000], "codec": ["hevc", "h264"]}
    DriftLine.objects.create(report=report, sign=Drift.DIFFERS, path="new/place.mp4", file_id=file.pk, remote_id="42", details=details)
    DriftLine.objects.create(report=report, sign=Drift.UNREADABLE, path="x", details={"error": "row_size_unreadable"})
    DriftReport.objects.update(counts={"*": 1, "!": 1})
    page = show(viewer, url_of(report))
    assert "In the target : old/place.mp4" in page.replace("target:", "target :")
    assert "Size: 2.00 kB on the NAS, 1.00 kB in the target" in page
    assert "Codec: HEVC on the NAS, H.264 in the target" in page
    assert "The size of the entry is not a number of bytes." in page
    item = viewer.get(url_of(report)).context["items"][0]
    assert item["href"] == reverse("catalog:file_detail", args=[file.pk])
    file.delete()
    assert viewer.get(url_of(report)).context["items"][0]["href"] == ""


def test_equal_sides_are_said_to_be_equal(viewer: Client, target: Target) -> None:
    report = make_report(target, equal=7, finished_at=timezone.now())
    page = viewer.get(url_of(report)).content.decode()
    assert "Both sides are equal." in page
    assert url_of(report, "download") not in page


def test_many_paths_come_in_pages(viewer: Client, target: Target) -> None:
    report = make_report(target, {f"{number:03}.mp4": "+" for number in range(120)})
    first = viewer.get(url_of(report))
    second = viewer.get(url_of(report), {"cursor": first.context["page"].next})
    assert len(first.context["items"]) == len(second.context["items"]) == 50
    assert second.context["items"][0]["line"].path == "050.mp4"
    assert viewer.get(url_of(report), {"cursor": "nonsense"}).status_code == 400
    assert b"<html" not in viewer.get(url_of(report), headers={**HTMX, "HX-Target": "results"}).content


def test_the_lines_can_be_taken_along_as_text(viewer: Client, target: Target) -> None:
    report = make_report(target, LINES)
    response = viewer.get(url_of(report, "download"))
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert sorted(body_of(response).decode().splitlines()) == sorted(f"{sign} {path}" for path, sign in LINES.items())


def test_what_is_not_there(viewer: Client, target: Target) -> None:
    for name in ("detail", "download"):
        assert viewer.get(reverse(f"sync:report_{name}", args=[999_999])).status_code == 404


def test_more_lines_take_no_more_queries(viewer: Client, target: Target, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    small, large = make_report(target, {"a": "+"}), make_report(target, {f"{number}": "+" for number in range(50)})
    with django_assert_max_num_queries(12) as few:
        viewer.get(url_of(small))
    with django_assert_max_num_queries(12) as many:
        viewer.get(url_of(large))
    assert len(many) == len(few)
