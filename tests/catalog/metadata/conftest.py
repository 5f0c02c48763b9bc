"""A small library, and imports in parts of three lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog.selectors import metadata
from catalog.services import metadata_import
from catalog.services.placement import place_all
from tests.factories import make_file, make_rule, make_source, make_user

if TYPE_CHECKING:
    from catalog.models import MediaFile, Source
    from mam.accounts.models import User

    pass


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata_import, "PART_LINES", 3)
    monkeypatch.setattr(metadata, "PAGE_FILES", 3)


@pytest.fixture
def operator() -> User:
    return make_user("operator")


@pytest.fixture
def nas() -> Source:
    return make_source("NAS")


@pytest.fixture
def library(nas: Source) -> list[MediaFile]:
    """Eight files that a rule has placed: three parts."""
    made = [make_file(f"WSOP/2024/Day {number}.mp4", source=nas) for number in range(8)]
    make_rule()
    place_all()
    return made
