"""Work for the night: once, at its hour, and at once when nights were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from mam.jobs.nightly import is_time


@pytest.mark.parametrize(("hours", "hour", "is_due"), [(None, 12, True), (37, 12, True), (20, 12, False), (20, 4, True), (2, 4, False)])
def test_the_night_has_an_hour(hours: int | None, hour: int, is_due: bool) -> None:
    now = datetime(2026, 5, 5, hour, 30, tzinfo=UTC)
    with timezone.override(UTC):
        assert is_time(now, None if hours is None else now - timedelta(hours=hours), 4) is is_due
