"""Static files in front of Django: what WhiteNoise knows is answered, everything else is passed on."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from mam.lib.static_files import StaticFiles

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from mam.lib.asgi import Message, Receive, Scope, Send

TEXT = b"export const frames = 25;\n" * 100


async def inner(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"inner"})


@pytest.fixture
def files(tmp_path: Path, settings: Settings) -> StaticFiles:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "frames.js").write_bytes(TEXT)
    (tmp_path / "js" / "frames.js.gz").write_bytes(gzip.compress(TEXT))
    return StaticFiles(inner)


async def ask(files: StaticFiles, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Header names: "accept_encoding" for Accept-Encoding."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": raw}
    await files(scope, receive, send)
    start, body = sent
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}, body["body"]


async def test_a_file_comes_whole_typed_and_not_to_be_guessed_at(files: StaticFiles) -> None:
    status, headers, body = await ask(files, "/static/js/frames.js")
    assert (status, body) == (200, TEXT)
    assert headers["content-type"].startswith("text/javascript")
    assert headers["content-length"] == str(len(TEXT))
    assert headers["x-content-type-options"] == "nosniff"


async def test_it_comes_compressed_to_who_takes_that(files: StaticFiles) -> None:
    _, headers, body = await ask(files, "/static/js/frames.js", accept_encoding="gzip, br")
    assert headers["content-encoding"] == "gzip"
    assert headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(body) == TEXT


async def test_who_has_it_already_gets_nothing_again(files: StaticFiles) -> None:
    _, headers, _ = await ask(files, "/static/js/frames.js")
    assert (await ask(files, "/static/js/frames.js", if_none_match=headers["etag"]))[::2] == (304, b"")
    assert (await ask(files, "/static/js/frames.js", if_modified_since=headers["last-modified"]))[::2] == (304, b"")


async def test_parts_heads_and_wrong_methods(files: StaticFiles) -> None:
    status, headers, body = await ask(files, "/static/js/frames.js", range="bytes=7-11")
    assert (status, headers["content-range"], body) == (206, f"bytes 7-11/{len(TEXT)}", TEXT[7:12])
    assert (await ask(files, "/static/js/frames.js", "HEAD"))[::2] == (200, b"")
    status, headers, _ = await ask(files, "/static/js/frames.js", "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/static/js/none.js", "/static/../settings.py", "/static/js/", "/static/", "/js/frames.js", "/library/"])
async def test_what_is_no_static_file_is_for_django(files: StaticFiles, path: str) -> None:
    assert (await ask(files, path))[::2] == (418, b"inner")
