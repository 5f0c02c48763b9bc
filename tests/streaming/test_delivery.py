"""Bytes of streams over a real server: whom a token lets in, which bytes come, and that no table is asked."""

from __future__ import annotations

import asyncio
import json
import random
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from streaming import tokens
from streaming.choices import ObjectState
from streaming.delivery import CHUNK_BYTES, CutShortError, Delivery
from streaming.models import Rendition, StoredObject
from streaming.ondemand.errors import EncoderBusyError
from streaming.stores import objects
from tests.factories import make_file, make_user
from tests.streaming.conftest import Viewer, noise

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from catalog.models import MediaFile
    from tests.fixtures.asgi_server import AsgiServer

pytestmark = pytest.mark.django_db(transaction=True)


class Person:
    """A browser in which somebody is logged in."""

    def __init__(self, server: AsgiServer, role: str = "viewer") -> None:
        self.client = Client()
        self.user = make_user(role)
        self.client.force_login(self.user)
        self.server = server

    @property
    def session_key(self) -> str:
        return self.client.cookies[django_settings.SESSION_COOKIE_NAME].value

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.server, {"Cookie": f"theme=dark; {django_settings.SESSION_COOKIE_NAME}={self.session_key}"})

    def token(self, file: MediaFile) -> str:
        return tokens.issue(file, session_key=self.session_key).text


@pytest.fixture
def person(asgi_server: AsgiServer) -> Person:
    return Person(asgi_server)


def store(file: MediaFile, content: bytes, name: str = "v720.mp4") -> str:
    """An object of `file`; its name."""
    folder = objects.folder_for(file_id=file.pk, kind="hls")
    return objects.put(f"{folder}/{name}", content, content_type="video/mp4").name


def address(token: str, name: str) -> str:
    return f"/stream/{token}/o/{name}"


def code_of(body: bytes) -> str:
    code: str = json.loads(body)["code"]
    return code


# --- bytes ------------------------------------------------------------------------------------------------------------
def test_ranges_are_exactly_the_objects_bytes(person: Person) -> None:
    file, content = make_file("a.mxf"), noise(3_300_000)
    url = address(person.token(file), store(file, content))
    chance = random.Random(5)
    for _ in range(40):
        first = chance.randrange(len(content))
        last = min(len(content) - 1, first + chance.choice([0, 1, 700, 65_536, 1_048_576, 2_500_000]))
        response, body = person.viewer.get(url, Range=f"bytes={first}-{last}")
        assert (response.status, response.headers["Content-Range"]) == (206, f"bytes {first}-{last}/{len(content)}")
        assert body == content[first : last + 1]


def test_the_whole_object_comes_with_what_caches_and_players_need(person: Person) -> None:
    file, content = make_file("a.mxf"), noise(2_500_000)
    url = address(person.token(file), store(file, content))
    response, body = person.viewer.get(url)
    assert (response.status, body) == (200, content)
    headers = response.headers
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    private, age, immutable = headers["Cache-Control"].split(", ")
    assert (private, immutable) == ("private", "immutable")
    assert 0 < int(age.removeprefix("max-age=")) <= django_settings.MAM_STREAM_TOKEN_S
    response, body = person.viewer.get(url, If_None_Match=headers["ETag"])
    assert (response.status, body) == (304, b"")
    assert person.viewer.get(url, Range="bytes=0-9", If_Range=headers["ETag"])[0].status == 206
    assert person.viewer.get(url, Range="bytes=0-9", If_Range='"older"')[0].status == 200
    response, body = person.viewer.get(url, "HEAD")
    assert (response.status, response.headers["Content-Length"], body) == (200, "2500000", b"")
    response, _ = person.viewer.get(url, Range="bytes=2500000-")
    assert (response.status, response.headers["Content-Range"]) == (416, "bytes */2500000")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "type_"), [("s0.vtt", "text/vtt; charset=utf-8"), ("sheet-000.jpg", "image/jpeg"), ("peaks.bin", "application/octet-stream")]
)
def test_each_object_says_what_it_is(person: Person, name: str, type_: str) -> None:
    file = make_file("a.mxf")
    response, body = person.viewer.get(address(person.token(file), store(file, b"content", name)))
    assert (response.status, response.headers["Content-Type"], body) == (200, type_, b"content")


def test_only_reading_is_allowed(person: Person) -> None:
    file = make_file("a.mxf")
    url = address(person.token(file), store(file, b"content"))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response, _ = person.viewer.get(url, method)
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")


def test_an_object_that_is_gone_is_404_with_a_reason(person: Person) -> None:
    file = make_file("a.mxf")
    name = store(file, b"content")
    objects.discard([name])
    response, body = person.viewer.get(address(person.token(file), name))
    assert (response.status, code_of(body), response.headers["Cache-Control"]) == (404, "stream_part_missing", "no-store")


def test_an_object_that_should_be_there_is_not_offered_again(person: Person) -> None:
    file = make_file("a.mxf")
    name = store(file, b"content")
    row = Rendition.objects.create(file=file, kind="hls", state="ready", source_fingerprint=file.fingerprint, made_from=file.fingerprint)
    kept = StoredObject.objects.create(rendition=row, name=name, size_bytes=7, checksum="x")
    objects.discard([name])
    person.viewer.get(address(person.token(file), name))
    kept.refresh_from_db()
    assert kept.state == ObjectState.MISSING


def test_a_hundred_viewers_get_their_own_bytes_without_a_query(person: Person, asgi_server: AsgiServer) -> None:
    file, content = make_file("a.mxf"), noise(4_000_000)
    url = address(person.token(file), store(file, content))
    viewer = person.viewer

    def look(number: int) -> bool:
        first = number * 30_000
        response, body = viewer.get(url, Range=f"bytes={first}-{first + 900_000}")
        return response.status == 206 and body == content[first : first + 900_001]

    with CaptureQueriesContext(connection) as queries, ThreadPoolExecutor(100) as people:
        assert all(people.map(look, range(100)))
    assert len(queries) == 0


def test_nothing_of_a_request_asks_the_database(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever thread: the query counter sees only its own. That an object is missing would be noted, and is said without it too."""
    file = make_file("a.mxf")
    url = address(person.token(file), store(file, b"content"))

    def refuse(*_: Any) -> None:
        raise OperationalError("a connection was asked for")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.cursor", refuse)
    assert person.viewer.get(url)[1] == b"content"
    assert person.viewer.get(url + "x")[0].status == 404


# --- who may ----------------------------------------------------------------------------------------------------------
def refused(viewer: Viewer, url: str) -> tuple[int, str]:
    response, body = viewer.get(url)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    return response.status, code_of(body)


def test_a_token_opens_only_its_own_file(person: Person) -> None:
    mine, other = make_file("a.mxf"), make_file("b.mxf")
    name = store(other, b"secret")
    assert refused(person.viewer, address(person.token(mine), name)) == (403, "stream_address_invalid")
    assert person.viewer.get(address(person.token(other), name))[1] == b"secret"


def test_another_session_and_no_session_are_refused(person: Person, asgi_server: AsgiServer) -> None:
    file = make_file("a.mxf")
    url = address(person.token(file), store(file, b"secret"))
    assert refused(Person(asgi_server).viewer, url) == (403, "stream_address_foreign")
    assert refused(Viewer(asgi_server), url) == (403, "stream_address_foreign")
    assert refused(Viewer(asgi_server, {"Cookie": "sessionid="}), url) == (403, "stream_address_foreign")


def test_a_tampered_and_an_expired_token_are_refused(person: Person, settings: Settings) -> None:
    file = make_file("a.mxf")
    name, token = store(file, b"secret"), person.token(file)
    assert refused(person.viewer, address(token[:-1] + ("A" if token[-1] != "A" else "B"), name)) == (403, "stream_address_invalid")
    old = tokens.issue(file, session_key=person.session_key, now_s=1_700_000_000).text
    assert refused(person.viewer, address(old, name)) == (403, "stream_address_expired")


def test_logging_out_ends_it_in_that_browser(person: Person) -> None:
    file = make_file("a.mxf")
    url = address(person.token(file), store(file, b"secret"))
    assert person.viewer.get(url)[1] == b"secret"
    person.client.post(reverse("account_logout"))
    cookie = person.client.cookies.get(django_settings.SESSION_COOKIE_NAME)
    left = Viewer(person.server, {"Cookie": f"{django_settings.SESSION_COOKIE_NAME}={cookie.value if cookie else ''}"})
    assert refused(left, url) == (403, "stream_address_foreign")


def test_who_may_play_no_more_gets_no_new_token(person: Person) -> None:
    """What was given out lives on, for MAM_STREAM_TOKEN_S at most; a player asks for a new one before."""
    file = make_file("a.mxf")
    url = reverse("streaming_api:playback", args=[file.pk])
    assert person.client.get(url).status_code == 200
    person.user.groups.clear()
    assert person.client.get(url).status_code == 403


def test_a_shared_token_opens_for_programs_and_may_be_kept_by_proxies(asgi_server: AsgiServer) -> None:
    file = make_file("a.mxf")
    response, body = Viewer(asgi_server).get(address(tokens.issue(file, session_key=None).text, store(file, b"content")))
    assert (response.status, body) == (200, b"content")
    assert response.headers["Cache-Control"].startswith("public, max-age=")


TRICKS = [
    "../../secret",
    "streams/../../secret",
    "..%2f..%2fsecret",
    "%2e%2e/%2e%2e/secret",
    "streams/{ff}/{pk}-{uuid}/../../../../secret",
    "streams/{ff}/{pk}-{uuid}/..%2f..%2f..%2f..%2fsecret",
    "streams/{ff}/{pk}-{uuid}/.",
    "streams/{ff}/{pk}-{uuid}/..",
    "streams/{ff}/{pk}-{uuid}/",
    "streams/{ff}/{pk}-{uuid}/.v720.mp4.part",
    "streams/{ff}/{pk}-{uuid}/v720.mp4%00.jpg",
    "streams/{ff}/{pk}-{uuid}/v720.mp4%0a",
    "streams/{ff}/{pk}-{uuid}//v720.mp4",
    "streams//{ff}/{pk}-{uuid}/v720.mp4",
    "/streams/{ff}/{pk}-{uuid}/v720.mp4",
    "streams/{ff}/{pk}-{uuid}/v720.mp4/",
    "streams\\{ff}\\{pk}-{uuid}\\v720.mp4",
    "STREAMS/{ff}/{pk}-{uuid}/v720.mp4",
    "streams/{ff}/0{pk}-{uuid}/v720.mp4",
    "streams/{ff}/％{pk}-{uuid}/v720.mp4",
    "streams/{ff}/{pk}-{uuid}/ｖ720.mp4",
    "streams/{ff}/{pk}-{uuid}/v720.mp4;x=1",
]


@pytest.mark.parametrize("trick", TRICKS)
def test_no_path_leads_anywhere_else(person: Person, tmp_path: Path, trick: str) -> None:
    file = make_file("a.mxf")
    name = store(file, b"content")
    (objects.storage().local_path("x").parent / "secret").write_bytes(b"secret")  # type: ignore[union-attr]
    folder, _, _ = name.rpartition("/")
    _, ff, owner = folder.split("/")
    asked = trick.format(ff=ff, pk=file.pk, uuid=owner.partition("-")[2])
    quoted = urllib.parse.quote(asked, safe="/%;\\") if not asked.isascii() else asked.replace("\\", "%5c")
    response, body = person.viewer.get(address(person.token(file), quoted))
    assert response.status in {403, 404}, body
    assert b"content" not in body.replace(b"contents", b"")


@pytest.mark.parametrize(
    "rest",
    ["", "o", "o/", "s/", "s/v720", "s/v720/", "s/v720/-1.m4s", "s/v720/1.mp4", "s/../1.m4s", "s/v720/٣.m4s", "x/y", "s/v720/1.m4s/"],
)
def test_what_is_no_address_is_404(person: Person, rest: str) -> None:
    file = make_file("a.mxf")
    assert refused(person.viewer, f"/stream/{person.token(file)}/{urllib.parse.quote(rest)}") == (404, "stream_part_missing")


def test_reasons_are_in_the_readers_language(person: Person) -> None:
    response, body = person.viewer.get("/stream/x/o/y", Accept_Language="ko")
    assert (response.status, json.loads(body)["message"]) == (403, "올바르지 않은 주소입니다. 플레이어를 다시 여십시오.")


# --- nginx in front ---------------------------------------------------------------------------------------------------
def test_behind_nginx_only_the_way_is_told(person: Person, settings: Settings) -> None:
    settings.X_ACCEL_PREFIX = "/_sources"
    file = make_file("a.mxf")
    name = store(file, b"content")
    response, body = person.viewer.get(address(person.token(file), name), Range="bytes=0-1")
    assert (response.status, body) == (200, b"")
    assert response.headers["X-Accel-Redirect"] == f"/_sources{objects.local_path(name)}"
    assert response.headers["Content-Range"] is None and response.headers["ETag"] is None
    assert response.headers["Cache-Control"].startswith("private, max-age=")
    other = make_file("b.mxf")
    response, _ = person.viewer.get(address(person.token(other), name))
    assert (response.status, response.headers["X-Accel-Redirect"]) == (403, None)


# --- segments that are made -------------------------------------------------------------------------------------------
class Maker:
    """Makes segments of a few bytes, or does what it is told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.is_slow = False
        self.cancelled = asyncio.Event()

    async def init(self, file_id: int, version: str, track: str) -> Path:
        return self._made("init", file_id, version, track)

    async def segment(self, file_id: int, version: str, track: str, index: int, *, viewer: str) -> Path:
        if self.is_slow:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()
        return self._made(str(index), file_id, version, track, viewer)

    def leave(self, *, viewer: str) -> None:
        self.asked.append(("leave", viewer))

    def _made(self, name: str, *arguments: Any) -> Path:
        self.asked.append((name, *arguments))
        if self.error:
            raise self.error
        path = self.directory / name
        path.write_bytes(f"bytes of {name}".encode())
        return path


async def ask(delivery: Delivery, path: str, *, method: str = "GET", leaves: bool = False) -> tuple[int, dict[str, str], bytes]:
    """One request without a server; with `leaves`, the viewer goes away at once."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await delivery({"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}, receive, send)
    if not sent:
        return 0, {}, b""
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


async def _elsewhere(*_: Any) -> None:
    raise AssertionError("not under /stream/")


async def _unexpected(name: str) -> None:
    raise AssertionError(f"{name} is not missing")


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


@pytest.fixture
def made(maker: Maker) -> tuple[Delivery, str, str]:
    """A delivery of what `maker` makes, and token and version of a file."""
    file = MediaFileStandIn()
    return Delivery(_elsewhere, lambda: maker, _unexpected), tokens.issue(file, session_key=None).text, tokens.version_of(file.fingerprint)  # type: ignore[arg-type]


class MediaFileStandIn:
    pk = 12
    fingerprint = "1-2-3"


async def test_a_segment_is_asked_for_by_file_version_track_and_number(maker: Maker, made: tuple[Delivery, str, str]) -> None:
    delivery, token, version = made
    assert (await ask(delivery, f"/stream/{token}/s/v720/17.m4s"))[2] == b"bytes of 17"
    status, headers, body = await ask(delivery, f"/stream/{token}/s/a0/init.mp4")
    assert (status, headers["content-type"], body) == (200, "audio/mp4", b"bytes of init")
    assert maker.asked == [("17", 12, version, "v720", token), ("init", 12, version, "a0")]


async def test_busy_says_when_to_come_back(maker: Maker, made: tuple[Delivery, str, str]) -> None:
    delivery, token, _ = made
    maker.error = EncoderBusyError()
    status, headers, body = await ask(delivery, f"/stream/{token}/s/v720/0.m4s")
    assert (status, headers["retry-after"], code_of(body)) == (503, str(EncoderBusyError.retry_after_s), "encoder_busy")


async def test_a_viewer_who_leaves_is_not_worked_for(maker: Maker, made: tuple[Delivery, str, str]) -> None:
    delivery, token, _ = made
    maker.is_slow = True
    assert (await ask(delivery, f"/stream/{token}/s/v720/0.m4s", leaves=True))[0] == 0
    await asyncio.wait_for(maker.cancelled.wait(), 5)


async def test_a_player_says_that_its_viewer_leaves(maker: Maker, made: tuple[Delivery, str, str]) -> None:
    delivery, token, _ = made
    assert (await ask(delivery, f"/stream/{token}/left", method="POST"))[0] == 204
    assert maker.asked == [("leave", token)]
    assert (await ask(delivery, f"/stream/{token}/left"))[0] == 405
    assert (await ask(delivery, f"/stream/{token[:-4]}AAAA/left", method="POST"))[0] == 403
    assert maker.asked == [("leave", token)]


async def test_bytes_that_end_too_early_are_never_taken_for_whole(maker: Maker, made: tuple[Delivery, str, str]) -> None:
    _, token, _ = made
    path = await maker.segment(12, "", "v720", 3, viewer="")
    path.write_bytes(bytes(3 * CHUNK_BYTES))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            path.write_bytes(b"cut")

    class Kept(Maker):
        def _made(self, name: str, *arguments: Any) -> Path:
            return path

    scope = {"type": "http", "method": "GET", "path": f"/stream/{token}/s/v720/3.m4s", "headers": [], "query_string": b""}
    with pytest.raises(CutShortError):
        await Delivery(_elsewhere, lambda: Kept(maker.directory), _unexpected)(scope, _patient, send)
    assert [len(message.get("body", b"")) for message in sent] == [0, CHUNK_BYTES]


async def _patient() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}
