"""The same source through every backend: a folder of this machine, pysmb, smbprotocol with encryption, and signed messages."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from mam.lib.sources import SourceFileSystem, Timing, open_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.smbd import SmbServer


@dataclass
class Naps:
    """A clock whose sleeps take no time and are remembered."""

    slept_s: list[float] = field(default_factory=list)

    @property
    def timing(self) -> Timing:
        return Timing(monotonic=time.monotonic, sleep=self.slept_s.append)


@dataclass(frozen=True)
class Place:
    """A source, and where its files lie on this machine."""

    fs: SourceFileSystem
    root: Path
    backend: str
    dialect: str | None  # None: whatever the file system is called


SMB_FIXTURES = {"pysmb": ("smb", "SMB 2.0.2"), "smbprotocol": ("smb_encrypted", "SMB 3.1.1"), "signed": ("smb_signing", "SMB 2.0.2")}


@pytest.fixture(params=["local", *(pytest.param(name, marks=pytest.mark.smb) for name in SMB_FIXTURES)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty source, opened as the product opens it."""
    if request.param == "local":
        opened = Place(open_source(tmp_path.as_uri()), tmp_path, "local", None)
    else:
        fixture, dialect = SMB_FIXTURES[request.param]
        server: SmbServer = request.getfixturevalue(fixture)
        opened = Place(open_smb(server), server.root, request.param, dialect)
    yield opened
    opened.fs.close()


def open_smb(server: SmbServer, **options: Any) -> SourceFileSystem:
    """A source on a test's server with the right password."""
    return open_source(server.url, **{"username": server.username, "password": server.password, "timeout_s": 10.0, **options})


@pytest.fixture
def naps() -> Naps:
    """A clock for sources that have to wait."""
    return Naps()
