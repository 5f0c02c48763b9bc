"""Streams whose objects lie in a real S3 bucket: the same bytes, through the cache of this machine or from the store itself."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from streaming import tokens
from streaming.stores import hot, objects
from tests.streaming.conftest import Viewer, noise
from tests.streaming.rfc8216 import read_media
from tests.streaming.stream_rows import INIT_BYTES, SEGMENT_BYTES, make_stream_rows
from tests.streaming.test_hls import make_film

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.fixtures.asgi_server import AsgiServer
    from tests.fixtures.s3 import Bucket

pytestmark = [pytest.mark.s3, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def bucket(s3: Bucket, settings: Settings, tmp_path: Path) -> Bucket:
    """Renditions lie in it; the cache is empty."""
    stores: dict[str, Any] = dict(settings.STORAGES)
    stores["renditions"] = {"BACKEND": "mam.lib.storages.s3.S3Storage", "OPTIONS": s3.options()}
    stores["cache"] = stores["cache"] | {"OPTIONS": {"location": tmp_path / "cache"}}
    settings.STORAGES = stores
    return s3


def test_ranges_come_through_the_cache_and_outlive_the_server(bucket: Bucket, asgi_server: AsgiServer) -> None:
    file, content = make_film(), noise(5_000_000)
    name = objects.put(f"{objects.folder_for(file_id=file.pk, kind='hls')}/v720.mp4", content, content_type="video/mp4").name
    url = f"/stream/{tokens.issue(file, session_key=None).text}/o/{name}"
    viewer, chance = Viewer(asgi_server), random.Random(2)
    assert objects.local_path(name) is None
    for _ in range(12):
        first = chance.randrange(len(content))
        last = min(len(content) - 1, first + chance.choice([0, 1000, 1_500_000]))
        response, body = viewer.get(url, Range=f"bytes={first}-{last}")
        assert (response.status, response.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{len(content)}")
        assert body == content[first : last + 1]
    assert viewer.get(url)[1] == content
    assert hot.cache().used_bytes() >= len(content)
    bucket.server.kill("proxy")
    assert viewer.get(url, Range="bytes=2000000-2999999")[1] == content[2_000_000:3_000_000]


def test_a_store_that_is_away_or_lacks_an_object_is_said_without_its_address(bucket: Bucket, asgi_server: AsgiServer) -> None:
    file = make_film()
    token = tokens.issue(file, session_key=None).text
    folder = objects.folder_for(file_id=file.pk, kind="hls")
    response, body = Viewer(asgi_server).get(f"/stream/{token}/o/{folder}/v720.mp4")
    assert (response.status, json.loads(body)["code"]) == (404, "stream_part_missing")
    bucket.server.kill("proxy")
    response, body = Viewer(asgi_server).get(f"/stream/{token}/o/{folder}/v480.mp4")
    assert (response.status, json.loads(body)["code"]) == (503, "stream_store_offline")
    assert response.headers["Retry-After"] and str(bucket.server.ports["proxy"]).encode() not in body


def test_what_was_there_and_is_not_any_more_is_refused_before_a_byte_is_sent(bucket: Bucket, asgi_server: AsgiServer) -> None:
    file, content = make_film(), noise(5_000_000)
    name = objects.put(f"{objects.folder_for(file_id=file.pk, kind='hls')}/v720.mp4", content, content_type="video/mp4").name
    url = f"/stream/{tokens.issue(file, session_key=None).text}/o/{name}"
    viewer = Viewer(asgi_server)
    assert viewer.get(url, Range="bytes=0-9")[0].status == 206
    objects.discard([name])
    response, body = viewer.get(url, Range="bytes=4000000-4000009")
    assert (response.status, json.loads(body)["code"]) == (404, "stream_part_missing")
    bucket.server.kill("proxy")
    response, body = viewer.get(url, Range="bytes=4000000-4000009")
    assert (response.status, json.loads(body)["code"]) == (503, "stream_store_offline")
    assert response.headers["Retry-After"]
    assert viewer.get(url, Range="bytes=0-9")[1] == content[:10]


def test_a_playlist_may_name_the_store_itself(bucket: Bucket, settings: Settings, asgi_server: AsgiServer) -> None:
    settings.S3_PRESIGNED = True
    file = make_film()
    make_stream_rows(file, "v0", "a0")
    _, text = Viewer(asgi_server).get(f"/hls/{tokens.issue(file, session_key=None).text}/v0.m3u8")
    playlist = read_media(text.decode())
    second = playlist.segments[1]
    assert second.uri.startswith(bucket.server.url)
    assert (second.offset, second.length) == (INIT_BYTES + SEGMENT_BYTES, SEGMENT_BYTES)
    last = INIT_BYTES + 2 * SEGMENT_BYTES - 1
    asked = Request(second.uri, headers={"Range": f"bytes={second.offset}-{last}"})  # noqa: S310
    with urlopen(asked, timeout=20) as answer:  # noqa: S310  (an address of the test's own server)
        assert answer.read() == bytes([1]) * SEGMENT_BYTES
