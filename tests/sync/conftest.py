"""People by role; an archive that was scanned, and the target that it is published at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from ingest.models import ScanState
from tests.factories import make_scan, make_source, make_user
from tests.sync.factories import make_target

if TYPE_CHECKING:
    from catalog.models import Source
    from mam.accounts.models import User
    from sync.models import Target


@pytest.fixture
def viewer(db: None) -> User:
    """May look."""
    return make_user("viewer")


@pytest.fixture
def operator(db: None) -> User:
    """May sync."""
    return make_user("operator")


@pytest.fixture
def administrator(db: None) -> User:
    """May do everything."""
    return make_user("administrator")


@pytest.fixture
def source(db: None) -> Source:
    """All of it was read just now."""
    source = make_source("ARCHIVE")
    make_scan(source, state=ScanState.DONE, mode="full", finished_at=timezone.now())
    return source


@pytest.fixture
def target(source: Source) -> Target:
    """Whose guard lets everything through."""
    return make_target("OTT", sources={source: ""}, guard_percent=100)
