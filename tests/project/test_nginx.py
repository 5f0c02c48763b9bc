"""The site in deploy/nginx.conf: nginx takes it, hands out local sources by our word alone, and passes the rest through."""

from __future__ import annotations

import http.client
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.nginx import nginx, site_of, write_config
from tests.streaming.conftest import Shelf, cookie_of, media_url, noise

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.fixtures.asgi_server import AsgiServer

from tests.factories import make_source, make_user


def test_nginx_takes_the_site(tmp_path: Path) -> None:
    config = write_config(tmp_path, site_of(upstream_port=9, static=tmp_path), 8)
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
