"""The site in deploy/nginx.conf: nginx takes it, hands out local sources by our word alone, and passes the rest through."""

from __future__ import annotations

import http.client
import subprocess
from typing import TYPE_CHECKING

import pytest

from streaming import tokens
from streaming.stores import objects
from tests.factories import make_file, make_source, make_user
from tests.fixtures.nginx import nginx, site_of, write_config
from tests.fixtures.servers import free_port
from tests.streaming.conftest import Shelf, cookie_of, media_url, noise

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.fixtures.asgi_server import AsgiServer
    from tests.fixtures.nginx import Nginx


def test_nginx_takes_the_site(tmp_path: Path) -> None:
    config = write_config(tmp_path, site_of(upstream_port=free_port(), static=tmp_path), free_port())
    done = subprocess.run(["nginx", "-t", "-p", tmp_path, "-c", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_files_of_local_sources_come_from_nginx_but_only_by_our_word(asgi_server: AsgiServer, settings: Settings, tmp_path: Path) -> None:
    settings.X_ACCEL_PREFIX = "/_sources"
    root = tmp_path / "archive"
    root.mkdir()
    content = noise(2_000_000)
    shelf = Shelf(root, make_source("archive", url=root.as_uri()))
    url = media_url(shelf.put("결승 #1 100%?.mp4", content))
    with nginx(site_of(upstream_port=asgi_server.port, static=tmp_path)) as server:

        def get(path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response, response.read()

        cookie = cookie_of(make_user("viewer"))
        response, body = get(url, Cookie=cookie, Range="bytes=1000000-1000099")
        assert (response.status, body) == (206, content[1_000_000:1_000_100])
        assert response.headers["Content-Type"] == "video/mp4"
        assert response.headers["Content-Disposition"].startswith("inline; filename*=utf-8''")
        assert response.headers["ETag"]
        assert get(url, Cookie=cookie)[1] == content
        assert get(url)[0].status == 401
        assert get(f"/_sources{root}/x")[0].status == 404
        assert get("/_sources/etc/hostname")[0].status == 404


def ask(server: Nginx, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """One request over a connection of its own. Header names: "if_range" for If-Range."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    return response, response.read()


def address(token: str, content: bytes, file_id: int) -> str:
    """Of a stored object."""
    name = f"{objects.folder_for(file_id=file_id, kind='hls')}/v720.mp4"
    return f"/stream/{token}/o/{objects.put(name, content, content_type='video/mp4').name}"


@pytest.mark.django_db(transaction=True)
def test_segments_come_from_nginx_but_only_for_the_right_session(asgi_server: AsgiServer, settings: Settings, tmp_path: Path) -> None:
    settings.X_ACCEL_PREFIX = "/_sources"
    file, content = make_file("film.mxf"), noise(3_000_000)
    cookie = cookie_of(make_user("viewer"))
    url = address(tokens.issue(file, session_key=cookie.partition("=")[2]).text, content, file.pk)
    with nginx(site_of(upstream_port=asgi_server.port, static=tmp_path)) as server:
        for first, last in ((0, 99), (999_990, 1_100_000), (1_048_576, 2_999_999)):
            response, body = ask(server, url, Cookie=cookie, Range=f"bytes={first}-{last}")
            assert (response.status, response.headers["Content-Range"]) == (206, f"bytes {first}-{last}/3000000")
            assert body == content[first : last + 1]
            assert response.headers["Cache-Control"].startswith("private, max-age=")
        assert ask(server, url, Cookie=cookie)[1] == content
        assert ask(server, url)[0].status == 403
        assert ask(server, url, Cookie=cookie_of(make_user("viewer")), Range="bytes=0-99")[0].status == 403
        assert ask(server, url.replace("/o/", "/o/../"), Cookie=cookie)[0].status in {400, 403, 404}


@pytest.mark.django_db(transaction=True)
def test_nginx_keeps_what_is_public_and_never_what_is_private(asgi_server: AsgiServer, tmp_path: Path) -> None:
    """As with a store on another machine: the application sends the bytes itself."""
    file, content = make_file("film.mxf"), noise(3_000_000)
    cookie = cookie_of(make_user("viewer"))
    public = address(tokens.issue(file, session_key=None).text, content, file.pk)
    private = address(tokens.issue(file, session_key=cookie.partition("=")[2]).text, content, file.pk)
    with nginx(site_of(upstream_port=asgi_server.port, static=tmp_path)) as server:

        def look(url: str) -> tuple[str, bytes]:
            response, body = ask(server, url, Cookie=cookie, Range="bytes=1500000-1599999")
            assert (response.status, response.headers["Content-Range"]) == (206, "bytes 1500000-1599999/3000000")
            return response.headers["X-Cache"], body

        wanted = content[1_500_000:1_600_000]
        assert [look(public), look(public)] == [("MISS", wanted), ("HIT", wanted)]
        assert [look(private), look(private)] == [("MISS", wanted), ("MISS", wanted)]
        objects.discard([url.partition("/o/")[2] for url in (public, private)])
        assert look(public) == ("HIT", wanted)
        assert ask(server, private, Cookie=cookie, Range="bytes=0-9")[0].status == 404
        assert ask(server, private, Range="bytes=0-9")[0].status == 403


@pytest.mark.django_db(transaction=True)
def test_passwords_are_not_tried_for_long_and_pages_go_on(asgi_server: AsgiServer, tmp_path: Path) -> None:
    with nginx(site_of(upstream_port=asgi_server.port, static=tmp_path)) as server:
        answers = [ask(server, "/auth/login", "POST")[0].status for _ in range(14)]
        assert answers[0] != 429 and answers[-1] == 429
        assert ask(server, "/accounts/login/")[0].status == 429
        assert ask(server, "/health")[0].status == 200
