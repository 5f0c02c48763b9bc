"""The live log: the last lines of syncs, scans and matchings, and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mam.jobs import registry, selectors
from tests.factories import make_job, make_job_log
from tests.sync.pages.reading import show

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

    from sync.models import Target

pytestmark = pytest.mark.django_db

LOG = "/sync/log/"


def test_lines_of_sync_scans_and_matching_are_there_with_their_job(operator: Client, target: Target) -> None:
    for kind in ("sync.sync", "ingest.probe", "ingest.scan", "sync.match"):
        make_job_log(make_job(kind, subject=kind), "job_started", params={"attempt": 1})
    lines = operator.get(LOG).context["lines"]
    assert [line.job.kind for line in lines] == ["sync.sync", "ingest.scan", "sync.match"]
    page = show(operator, LOG)
    assert "INFO Sync · sync.sync Started, attempt 1." in page
    assert 'data-kinds="sync.,ingest.scan"' in operator.get(LOG).content.decode()


def test_the_last_thousand_lines_are_shown(operator: Client, target: Target, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    job = make_job("sync.sync")
    for number in range(1_003):
        make_job_log(job, "job_started", params={"attempt": number})
    with django_assert_max_num_queries(12):
        lines = operator.get(LOG).context["lines"]
    assert (len(lines), lines[0].params, lines[-1].params) == (1_000, {"attempt": 3}, {"attempt": 1_002})


def test_details_do_not_push_out_the_news(target: Target) -> None:
    job = make_job("sync.sync")
    lines = [make_job_log(job, "job_started", params={"attempt": number}, level=level) for number, level in enumerate([20, 10, 10, 10, 20])]
    shown = selectors.list_log_tail_of_kinds(kinds=["sync.sync"], limit=2)
    assert shown == [lines[0], lines[2], lines[3], lines[4]]


def test_a_log_full_of_others_is_not_searched_to_its_beginning(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "LOOKED_BACK", 5)
    make_job_log(make_job("sync.sync"), "job_started")
    probe = make_job("ingest.probe")
    for _ in range(4):
        make_job_log(probe, "job_started")
    kinds = registry.names_of("sync.")
    assert len(selectors.list_log_tail_of_kinds(kinds=kinds)) == 1
    make_job_log(probe, "job_started")
    assert selectors.list_log_tail_of_kinds(kinds=kinds) == []


def test_kinds_are_named_alone_or_by_app() -> None:
    assert registry.names_of("ingest.scan") == ["ingest.scan"]
    assert set(registry.names_of("sync.")) >= {"sync.sync", "sync.apply", "sync.match", "sync.reconcile", "sync.plan"}
    assert registry.names_of("sync.,ingest.scan")[0] == "ingest.scan"
    assert registry.names_of("") == registry.names_of("nonsense") == registry.names_of("syn") == []
