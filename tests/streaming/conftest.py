"""A source over a folder of the test, files in it, and people and keys that ask for them."""

from __future__ import annotations

import http.client
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse

from mam.accounts.services import create_api_key
from tests.factories import make_file, make_source, make_stream, make_user
from tests.streaming.making import Studio

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile, Source
    from mam.accounts.models import User
    from mam.lib.media import MediaWorkers
    from tests.fixtures.asgi_server import AsgiServer


@dataclass
class Shelf:
    """A local source whose files are really there."""

    root: Path
    source: Source

    def put(self, path: str, content: bytes, **fields: Any) -> MediaFile:
        """Write a file and its row, as a scan and a probe would have."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return self.register(path, **fields)

    def register(self, path: str, **fields: Any) -> MediaFile:
        """The row of a file that lies there, with an H.264 and an AAC stream."""
        status = (self.root / path).stat()
        file = make_file(path, source=self.source, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns, **fields)
        make_stream(file, "video", pixel_format="yuv420p")
        make_stream(file, "audio")
        return file


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty local source."""
    root = tmp_path / "archive"
    root.mkdir()
    return Shelf(root, make_source("archive", url=root.as_uri()))


def noise(size_bytes: int, seed: int = 1) -> bytes:
    """Bytes of which no two places look alike."""
    return random.Random(seed).randbytes(size_bytes)


def media_url(file: MediaFile, query: str = "") -> str:
    return reverse("streaming:media", args=[file.pk, file.name]) + query


def cookie_of(user: User) -> str:
    """The Cookie header of `user`, logged in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def make_key(user: User, *scopes: str) -> str:
    """The text of an API key of `user`."""
    return create_api_key(actor=None, user=user, name="player", scopes=scopes)[1]


@dataclass
class Viewer:
    """Somebody with a session, over real connections to a real server."""

    server: AsgiServer
    headers: dict[str, str] = field(default_factory=dict)

    def open(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """Send a request; the body is still to be read. Header names: "if_range" for If-Range."""
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={**self.headers, **named})
        return connection.getresponse()

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request and read all of the answer."""
        with self.open(path, method, **headers) as response:
            return response, response.read()


@pytest.fixture
def viewer(asgi_server: AsgiServer) -> Viewer:
    """A logged-in person of the role viewer."""
    return Viewer(asgi_server, {"Cookie": cookie_of(make_user("viewer"))})


@pytest.fixture
def studio(shelf: Shelf, media_workers: MediaWorkers, settings: Settings, tmp_path: Path) -> Studio:
    """The shelf with files as a probe describes them; presets so small that clips of 320x180 get a ladder; storage of its own."""
    settings.DATA_DIR = tmp_path / "var"
    settings.STORAGES = settings.STORAGES | {
        "renditions": {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": tmp_path / "var" / "renditions"}}
    }
    rungs = [{"short_px": 180, "crf": 20, "max_bps": 2_000_000}, {"short_px": 90, "crf": 20, "max_bps": 1_000_000}]
    settings.MAM_PRESETS = settings.MAM_PRESETS | {"hls": {"speed": "superfast", "rungs": rungs}}
    return Studio(shelf, media_workers)


@pytest.fixture
def own_store(settings: Settings, tmp_path: Path) -> Path:
    """The folder of this test's own renditions."""
    location = tmp_path / "renditions"
    renditions = {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": location}}
    cache = {"BACKEND": "mam.lib.storages.local.LocalStorage", "OPTIONS": {"location": tmp_path / "cache"}}
    settings.STORAGES = settings.STORAGES | {"renditions": renditions, "cache": cache}
    return location
