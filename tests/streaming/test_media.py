"""The bytes of source files over a real server: exact, by range, with reasons when they cannot be had."""

from __future__ import annotations

import json
import random
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.factories import make_user
from tests.streaming.conftest import Viewer, cookie_of, make_key, media_url, noise

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

    from tests.fixtures.asgi_server import AsgiServer
    from tests.streaming.conftest import Shelf

pytestmark = pytest.mark.django_db(transaction=True)


def test_random_ranges_are_exactly_the_files_bytes(shelf: Shelf, viewer: Viewer) -> None:
    content = noise(3_500_000)
    url = media_url(shelf.put("WSOP/2024/ME_Day1_Part1.mp4", content))
    chance = random.Random(7)
    for _ in range(60):
        first = chance.randrange(len(content))
        last = min(len(content) - 1, first + chance.choice([0, 1, 100, 65_536, 131_072, 2_000_000]))
        response, body = viewer.get(url, Range=f"bytes={first}-{last}")
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
        assert body == content[first : last + 1]


def test_the_whole_file_comes_with_all_that_players_ask_for(shelf: Shelf, viewer: Viewer) -> None:
    content = noise(2_300_000)
    file = shelf.put("a.mp4", content)
    response, body = viewer.get(media_url(file))
    assert (response.status, body) == (200, content)
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == f'"{file.fingerprint}"'
    assert response.headers["Last-Modified"].endswith("GMT")
    assert response.headers["Content-Disposition"] == 'inline; filename="a.mp4"'
    assert "private" in response.headers["Cache-Control"]


def test_head_tells_the_size_and_sends_nothing(shelf: Shelf, viewer: Viewer) -> None:
    response, body = viewer.get(media_url(shelf.put("a.mp4", noise(5000))), "HEAD", Range="bytes=0-9")
    assert (response.status, response.headers["Content-Length"], body) == (200, "5000", b"")


def test_a_range_behind_the_end_is_416(shelf: Shelf, viewer: Viewer) -> None:
    response, _ = viewer.get(media_url(shelf.put("a.mp4", noise(5000))), Range="bytes=5000-")
    assert (response.status, response.headers["Content-Range"]) == (416, "bytes */5000")


def test_an_empty_file_is_an_empty_answer(shelf: Shelf, viewer: Viewer) -> None:
    response, body = viewer.get(media_url(shelf.put("a.mp4", b"")))
    assert (response.status, response.headers["Content-Length"], body) == (200, "0", b"")


def test_if_range_and_if_none_match_follow_the_files_version(shelf: Shelf, viewer: Viewer) -> None:
    url = media_url(shelf.put("a.mp4", noise(5000)))
    etag = viewer.get(url, "HEAD")[0].headers["ETag"]
    assert viewer.get(url, Range="bytes=0-9", If_Range=etag)[0].status == 206
    assert viewer.get(url, Range="bytes=0-9", If_Range='"older"')[0].status == 200
    response, body = viewer.get(url, If_None_Match=etag)
    assert (response.status, body) == (304, b"")


def test_a_rewrite_that_keeps_the_size_has_another_etag(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("a.mp4", noise(5000, seed=1))
    etag = viewer.get(media_url(file), "HEAD")[0].headers["ETag"]
    (shelf.root / "a.mp4").write_bytes(noise(5000, seed=2))
    response, body = viewer.get(media_url(file), Range="bytes=0-9", If_Range=etag)
    assert (response.status, body) == (200, noise(5000, seed=2))


def test_korean_names_survive_a_download(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("결승전 1부 “최종”.mov", noise(100))
    response, _ = viewer.get(media_url(file, "?download=1"))
    kind, _, encoded = response.headers["Content-Disposition"].partition("; filename*=utf-8''")
    assert kind == "attachment"
    assert urllib.parse.unquote(encoded) == "결승전 1부 “최종”.mov"
    assert response.headers["Content-Type"] == "video/quicktime"


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "script.js", "notes.txt"])
def test_what_a_browser_would_run_is_only_ever_downloaded(shelf: Shelf, viewer: Viewer, name: str) -> None:
    response, _ = viewer.get(media_url(shelf.put(name, b"<script>alert(1)</script>")))
    assert response.headers["Content-Type"] in {"application/octet-stream", "image/svg+xml"}
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_that_grew_since_the_scan_is_refused_with_a_reason(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("a.mp4", noise(5000))
    (shelf.root / "a.mp4").write_bytes(noise(6000))
    response, body = viewer.get(media_url(file), Range="bytes=0-")
    answer = json.loads(body)
    assert (response.status, answer["code"], answer["params"]) == (409, "media_changed", {})
    assert answer["message"]


def test_a_file_that_is_gone_is_410_and_an_unknown_one_404(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("a.mp4", noise(10))
    (shelf.root / "a.mp4").unlink()
    response, body = viewer.get(media_url(file))
    assert (response.status, json.loads(body)["code"]) == (410, "media_gone")
    response, body = viewer.get("/media/999999/a.mp4")
    assert (response.status, json.loads(body)["code"]) == (404, "object_not_found")


def test_a_source_that_is_switched_off_is_not_read(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("a.mp4", noise(10))
    type(shelf.source).objects.update(is_enabled=False)
    response, body = viewer.get(media_url(file))
    assert (response.status, json.loads(body)["code"]) == (503, "media_source_offline")


def test_errors_never_tell_where_the_source_lies(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("a.mp4", noise(10))
    (shelf.root / "a.mp4").unlink()
    _, body = viewer.get(media_url(file))
    assert str(shelf.root) not in body.decode()


@pytest.mark.parametrize("path", ["../secret", "..", "a/../../secret", "/etc/passwd", "a\0b"])
def test_no_path_leaves_the_source(shelf: Shelf, viewer: Viewer, path: str) -> None:
    """Rows are written by scans; even a forged one gets nothing from outside."""
    (shelf.root.parent / "secret").write_bytes(b"secret")
    file = shelf.put("a.mp4", b"public")
    type(file).objects.filter(pk=file.pk).update(name=path.replace("\0", "\x01"))
    response, body = viewer.get(f"/media/{file.pk}/x")
    assert response.status in {404, 410, 502}
    assert b"secret" not in body.replace(b"../secret", b"")


def test_a_link_that_points_outside_is_not_followed(shelf: Shelf, viewer: Viewer) -> None:
    (shelf.root.parent / "secret").write_bytes(b"secret")
    file = shelf.put("a.mp4", b"public")
    (shelf.root / "a.mp4").unlink()
    (shelf.root / "a.mp4").symlink_to(shelf.root.parent / "secret")
    response, body = viewer.get(media_url(file))
    assert response.status == 410
    assert b'"secret"' not in body


def test_the_name_in_the_address_chooses_nothing(shelf: Shelf, viewer: Viewer) -> None:
    file = shelf.put("a.mp4", b"public")
    shelf.put("b.mp4", b"other")
    assert viewer.get(f"/media/{file.pk}/b.mp4")[1] == b"public"
    assert viewer.get(f"/media/{file.pk}/..%2F..%2Fetc%2Fpasswd")[0].status == 404


# --- who may ---------------------------------------------------------------------------------------------------------
def test_only_who_may_play_gets_bytes(shelf: Shelf, asgi_server: AsgiServer) -> None:
    url = media_url(shelf.put("a.mp4", b"public"))
    person, stranger = make_user("viewer"), make_user(None)
    full = make_key(person, "streaming.play_file", "catalog.view_library")
    narrow = make_key(person, "catalog.view_library")
    blind = make_key(person, "streaming.play_file")
    expected = [
        ({}, 401, "not_logged_in"),
        ({"Cookie": "sessionid=forged"}, 401, "not_logged_in"),
        ({"Cookie": cookie_of(person)}, 200, ""),
        ({"Cookie": cookie_of(stranger)}, 403, "permission_denied"),
        ({"Authorization": f"Api-Key {full}"}, 200, ""),
        ({"Authorization": f"Api-Key {narrow}"}, 403, "permission_denied"),
        ({"Authorization": f"Api-Key {blind}"}, 403, "permission_denied"),
        ({"Authorization": "Api-Key forged.forged"}, 401, "invalid_api_key"),
        ({"Authorization": "Bearer forged"}, 401, "not_logged_in"),
        ({"Cookie": cookie_of(person), "Authorization": f"Api-Key {narrow}"}, 403, "permission_denied"),
    ]
    for headers, status, code in expected:
        for method in ("GET", "HEAD"):
            response, body = Viewer(asgi_server, headers).get(url, method)
            assert response.status == status, headers
            if method == "GET":
                assert body == b"public" if status == 200 else json.loads(body)["code"] == code


def test_nothing_but_reading_is_allowed(shelf: Shelf, viewer: Viewer) -> None:
    url = media_url(shelf.put("a.mp4", b"public"))
    for method in ("PUT", "DELETE", "PATCH"):
        assert viewer.get(url, method)[0].status in {403, 405}
    assert (shelf.root / "a.mp4").read_bytes() == b"public"


# --- X-Accel ----------------------------------------------------------------------------------------------------------
def test_behind_nginx_only_the_way_to_the_file_is_told(shelf: Shelf, viewer: Viewer, settings: Settings) -> None:
    settings.X_ACCEL_PREFIX = "/_sources"
    response, body = viewer.get(media_url(shelf.put("대회/a #1?.mp4", noise(100))), Range="bytes=0-9")
    assert (response.status, body) == (200, b"")
    assert urllib.parse.unquote(response.headers["X-Accel-Redirect"]) == f"/_sources{shelf.root}/대회/a #1?.mp4"
    assert response.headers["X-Accel-Redirect"].isascii() and "#" not in response.headers["X-Accel-Redirect"]
    assert response.headers["Content-Type"] == "video/mp4"
    for ours in ("ETag", "Last-Modified", "Content-Range"):
        assert response.headers[ours] is None  # nginx has its own


def test_behind_nginx_a_changed_file_is_refused_all_the_same(shelf: Shelf, viewer: Viewer, settings: Settings) -> None:
    settings.X_ACCEL_PREFIX = "/_sources"
    file = shelf.put("a.mp4", noise(100))
    (shelf.root / "a.mp4").write_bytes(b"short")
    response, _ = viewer.get(media_url(file))
    assert (response.status, response.headers["X-Accel-Redirect"]) == (409, None)


# --- many at once -----------------------------------------------------------------------------------------------------
def test_two_hundred_viewers_get_their_own_bytes(shelf: Shelf, viewer: Viewer) -> None:
    content = noise(4_000_000)
    url = media_url(shelf.put("a.mp4", content))

    def look(number: int) -> bool:
        first = number * 15_000
        response, body = viewer.get(url, Range=f"bytes={first}-{first + 700_000}")
        return response.status == 206 and body == content[first : first + 700_001]

    with ThreadPoolExecutor(200) as people:
        assert all(people.map(look, range(200)))
