"""REST clients by role, and an archive beside an OTT platform with something of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from tests.factories import make_catalog, make_content, make_file, make_series, make_source, make_user
from tests.sync.factories import make_target, make_target_row, match_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.models import Catalog, MediaFile, Source
    from sync.models import Target, TargetRow

SIZE = 1_288_490_188


@dataclass(frozen=True, slots=True)
class World:
    """What there is, all of it matched: files and rows by what they are examples of."""

    target: Target
    source: Source
    catalog: Catalog  # of the one that is synced
    files: dict[str, MediaFile]
    rows: dict[str, TargetRow]


@pytest.fixture
def client_of(db: None) -> Callable[[str | None], APIClient]:
    """Makes a client logged in as a new user of a role; None: a user without any role."""

    def make(role: str | None) -> APIClient:
        client = APIClient()
        client.force_login(make_user(role))
        return client

    return make


@pytest.fixture
def viewer_api(client_of: Callable[[str | None], APIClient]) -> APIClient:
    """May look."""
    return client_of("viewer")


@pytest.fixture
def operator_api(client_of: Callable[[str | None], APIClient]) -> APIClient:
    """May sync."""
    return client_of("operator")


@pytest.fixture
def administrator_api(client_of: Callable[[str | None], APIClient]) -> APIClient:
    """May do everything."""
    return client_of("administrator")


@pytest.fixture
def world(db: None) -> World:
    """An example of each status and reason, made by matching."""
    source = make_source("ARCHIVE")
    target = make_target("OTT 플랫폼", sources={source: ""})
    catalog = make_catalog("WSOP")
    content = make_content(make_series(catalog, "2024"))

    def file(path: str, **fields: Any) -> MediaFile:
        return make_file(path, source=source, **fields)

    files = {
        "synced": file("WSOP/2024/ME_Day1.mp4", size_bytes=SIZE, duration_ms=3_600_000, content=content),
        "elected": file("HCL/EP123.mp4", size_bytes=897_581_056, width_px=1280, height_px=720, duration_ms=1_500),
        "copy": file("HCL/Archive/EP123.mp4", size_bytes=897_581_056),
        "other_copy": file("HCL/Backup/EP123.mp4", size_bytes=897_581_056),
        "not_hls": file("PAD/Special.mxf", size_bytes=2_684_354_560, video_codec="prores", width_px=3840, height_px=2160),
        "unsupported": file("PAD/Special.srt", size_bytes=4_000),
        "growing": file("PAD/today.mp4", presence="growing", size_bytes=5_000),
        "new": file("WSOP/2023/결승전.mov", size_bytes=7_000, content=content),
        "moved": file("WSOP/2023/finals/moved.mp4", size_bytes=8_000),
        "changed": file("loose.mp4", size_bytes=9_000),
    }
    rows = {
        "synced": make_target_row(target, file=files["synced"], remote_id="42"),
        "elected": make_target_row(target, file=files["elected"], remote_id="85"),
        "moved": make_target_row(target, "OLD/moved.mp4", file=files["moved"], remote_id="doc-7"),
        "changed": make_target_row(target, file=files["changed"], size_bytes=1, remote_id="99"),
        "gone": make_target_row(target, "OLD/결승 gone.mp4", remote_id="100", size_bytes=11),
        "marked": make_target_row(target, "OLD/marked.mp4", remote_id="101", is_deleted=True, size_bytes=12),
        "unreadable": make_target_row(target, "OLD/unreadable.mp4", remote_id="102", error="no size", size_bytes=13),
    }
    match_all()
    return World(target, source, catalog, files, rows)
