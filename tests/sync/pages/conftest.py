"""People of each role before the pages of sync, and an archive with a file of each status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from sync.choices import Action, MatchReason, MatchStatus
from sync.services.settings import ensure_default_target
from tests.factories import make_content, make_file, make_series, make_source, make_user
from tests.sync.factories import make_match, make_synced, make_target_row, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from catalog.models import MediaFile, Source
    from sync.models import Match, Target


@pytest.fixture
def person_of(db: None) -> Callable[[str | None], Client]:
    """Makes a client of a new user who reads English; None: without any role."""

    def make(role: str | None) -> Client:
        client = Client()
        client.force_login(make_user(role, language="en"))
        return client

    return make


@pytest.fixture
def viewer(person_of: Callable[[str | None], Client]) -> Client:
    """Sees."""
    return person_of("viewer")


@pytest.fixture
def operator(person_of: Callable[[str | None], Client]) -> Client:
    """Syncs and reconciles."""
    return person_of("operator")


@pytest.fixture
def administrator(person_of: Callable[[str | None], Client]) -> Client:
    """Approves, sets, scans."""
    return person_of("administrator")


@pytest.fixture
def target(db: None) -> Target:
    """The one that the pages are about."""
    return ensure_default_target()


@pytest.fixture
def source(target: Target) -> Source:
    """Published as it is."""
    made = make_source("NAS")
    publish(target, made)
    return made


@dataclass(frozen=True)
class Archive:
    """A match of each status, and the files of those that have one, by status."""

    target: Target
    matches: dict[str, Match]
    files: dict[str, MediaFile]


@pytest.fixture
def archive(target: Target, source: Source) -> Archive:
    """Seven matches in the catalog of WSOP, but for the one that is gone from the NAS."""
    content = make_content(make_series(name="2024"))

    def file(name: str, folder: str = "WSOP/2024") -> MediaFile:
        return make_file(f"{folder}/{name}", source=source, content=content, size_bytes=1_000_000)

    files = {
        MatchStatus.SYNCED: file("synced.mp4"),
        MatchStatus.SYNCED_WITH_DUPLICATES: file("twice.mp4"),
        MatchStatus.NEW: file("new.mp4"),
        MatchStatus.MOVED: file("moved.mp4"),
        MatchStatus.DUPLICATE: file("twice.mp4", "WSOP/Backup"),
        MatchStatus.NOT_SYNCED: file("special.mxf"),
    }
    twice = files[MatchStatus.SYNCED_WITH_DUPLICATES]
    type(twice).objects.filter(pk=files[MatchStatus.DUPLICATE].pk).update(size_bytes=twice.size_bytes)
    files[MatchStatus.DUPLICATE].refresh_from_db()
    moved = make_target_row(target, "OLD/moved.mp4", file=files[MatchStatus.MOVED])
    gone = make_target_row(target, "WSOP/gone.mp4")
    matches = {
        MatchStatus.SYNCED: make_synced(target, files[MatchStatus.SYNCED]),
        MatchStatus.SYNCED_WITH_DUPLICATES: make_synced(target, twice, status=MatchStatus.SYNCED_WITH_DUPLICATES, copies=1),
        MatchStatus.NEW: make_match(target, files[MatchStatus.NEW], action=Action.INSERT),
        MatchStatus.MOVED: make_match(target, files[MatchStatus.MOVED], moved, status=MatchStatus.MOVED, action=Action.UPDATE),
        MatchStatus.DUPLICATE: make_match(target, files[MatchStatus.DUPLICATE], status=MatchStatus.DUPLICATE),
        MatchStatus.NOT_SYNCED: make_match(
            target, files[MatchStatus.NOT_SYNCED], status=MatchStatus.NOT_SYNCED, reason=MatchReason.NOT_HLS
        ),
        MatchStatus.DELETED: make_match(target, None, gone, action=Action.DELETE),
    }
    return Archive(target, {str(one): match for one, match in matches.items()}, {str(one): file for one, file in files.items()})
