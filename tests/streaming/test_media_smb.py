"""The media view over a real SMB server: exact bytes, many seeks over few connections, and what a dead server looks like."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from catalog.services import file_systems
from streaming import source_files
from tests.factories import make_source
from tests.streaming.conftest import Shelf, Viewer, media_url, noise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.smbd import SmbServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.smb]


def shelf_on(server: SmbServer, **options: bool) -> Shelf:
    credentials = file_systems.Credentials(username=server.username, password=server.password)
    return Shelf(server.root, make_source(f"nas {server.port}", url=server.url, credentials=credentials.seal(), **options))


@pytest.fixture
def nas(smb: SmbServer) -> Iterator[Shelf]:
    """A share as a source."""
    shelf = shelf_on(smb)
    yield shelf
    file_systems.close_file_system(shelf.source.pk)


def test_random_ranges_are_exactly_the_files_bytes(nas: Shelf, viewer: Viewer) -> None:
    content = noise(9_000_000)
    url = media_url(nas.put("WSOP/결승전 1부.mp4", content))
    chance = random.Random(7)
    for _ in range(30):
        first = chance.randrange(len(content))
        last = min(len(content) - 1, first + chance.choice([0, 100, 65_536, 3_000_000]))
        response, body = viewer.get(url, Range=f"bytes={first}-{last}")
        assert (response.status, body) == (206, content[first : last + 1])


def test_forty_viewers_share_a_few_connections(nas: Shelf, viewer: Viewer) -> None:
    content = noise(6_000_000)
    url = media_url(nas.put("a.mp4", content))

    def look(number: int) -> bool:
        first = number * 100_000
        return viewer.get(url, Range=f"bytes={first}-{first + 1_500_000}")[1] == content[first : first + 1_500_001]

    with ThreadPoolExecutor(40) as people:
        assert all(people.map(look, range(40)))


def test_an_encrypted_share_plays(smb_encrypted: SmbServer, viewer: Viewer) -> None:
    nas = shelf_on(smb_encrypted, require_encryption=True)
    content = noise(3_000_000)
    assert viewer.get(media_url(nas.put("a.mp4", content)))[1] == content
    file_systems.close_file_system(nas.source.pk)


def test_a_film_goes_on_after_the_server_was_restarted(nas: Shelf, viewer: Viewer, smb: SmbServer) -> None:
    content = noise(64_000_000)
    with viewer.open(media_url(nas.put("a.mp4", content))) as response:
        begin = response.read(1_000_000)
        smb.restart()
        assert begin + response.read() == content


def test_a_server_that_is_down_is_503_with_a_time_to_come_back(
    nas: Shelf, viewer: Viewer, smb: SmbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = media_url(nas.put("a.mp4", noise(10)))
    monkeypatch.setattr(source_files, "OPEN_TIMEOUT_S", 1.0)
    smb.kill()
    response, body = viewer.get(url)
    answer = json.loads(body)
    assert (response.status, answer["code"], response.headers["Retry-After"]) == (503, "media_source_offline", "5")
    assert smb.host not in body.decode()


def test_a_wrong_password_is_said_to_be_the_sources_trouble(smb: SmbServer, viewer: Viewer) -> None:
    nas = shelf_on(smb)
    nas.source.credentials = file_systems.Credentials(username=smb.username, password="wrong").seal()
    nas.source.save()
    response, body = viewer.get(media_url(nas.put("a.mp4", noise(10))))
    answer = json.loads(body)
    assert (response.status, answer["code"], answer["params"]) == (502, "media_unreadable", {"reason": "source_auth_failed"})
    file_systems.close_file_system(nas.source.pk)
