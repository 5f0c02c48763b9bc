"""Posting to an address that somebody entered: nowhere else, not for long, and whatever comes back is only text."""

from __future__ import annotations

import datetime
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mam.lib import webhooks
from mam.lib.webhooks import WebhookError, post
from tests.hooks import answering, server

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path


def test_what_is_posted_arrives_as_it_is() -> None:
    with server(answering(204)) as (url, came):
        assert post(f"{url}/훅/a%20b?x=1&y=가", body="드라마".encode(), headers={"X-One": "1"}) == 204
    ((path, headers, body),) = came
    assert (path, body, headers["X-One"]) == ("/%ED%9B%85/a%20b?x=1&y=%EA%B0%80", "드라마".encode(), "1")
    assert headers["Host"] == url.removeprefix("http://")


@pytest.mark.parametrize(
    ("status", "code", "is_permanent"),
    [
        *((301, "webhook_moved", True), (307, "webhook_moved", True), (400, "webhook_refused", True), (404, "webhook_refused", True)),
        *((408, "webhook_busy", False), (429, "webhook_busy", False), (500, "webhook_busy", False), (503, "webhook_busy", False)),
    ],
)
def test_an_answer_that_is_no_success_is_an_error(status: int, code: str, is_permanent: bool) -> None:
    with server(answering(status, b"no\x00  <b>thank\n you</b> " + b"x" * 5_000)) as (url, _came), pytest.raises(WebhookError) as refused:
        post(f"{url}/secret", body=b"", headers={})
    assert (refused.value.code, refused.value.is_permanent, refused.value.params["status"]) == (code, is_permanent, status)
    assert "secret" not in str(refused.value)
    if code != "webhook_moved":
        assert str(refused.value.params["detail"]).startswith("no <b>thank you</b> xxx")
        assert len(str(refused.value.params["detail"])) == 200


def test_a_redirect_is_not_followed() -> None:
    with server(answering(200)) as (elsewhere, came), server(answering(302, Location=f"{elsewhere}/token")) as (url, _came):
        with pytest.raises(webhooks.WebhookMovedError) as refused:
            post(url, body=b"x", headers={})
        assert came == []
        assert "token" not in str(refused.value)


def test_nobody_there_is_an_error_that_may_pass() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(webhooks.WebhookUnreachableError, match="refused") as refused:
            post(f"http://127.0.0.1:{probe.getsockname()[1]}/secret", body=b"", headers={})
    assert not refused.value.is_permanent
    assert "secret" not in str(refused.value)


def test_a_name_that_there_is_not_is_an_error() -> None:
    with pytest.raises(webhooks.WebhookUnreachableError):
        post("http://nowhere.invalid/", body=b"", headers={})


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)  # until the other side gives up


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """Each byte comes well before a socket's own time-out."""
    with suppress(OSError):
        for letter in b"HTTP/1.1 200 OK\r\n" * 20:
            handler.wfile.write(bytes([letter]))
            time.sleep(0.05)


@pytest.mark.parametrize("answer", [silent, dripping])
def test_a_server_that_takes_its_time_is_cut_off(answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
    started = time.monotonic()
    with server(answer) as (url, _came):
        with pytest.raises(webhooks.WebhookSlowError):
            post(url, body=b"", headers={}, within_s=0.5)
        assert time.monotonic() - started < 2


def test_what_is_no_answer_is_not_taken_for_one() -> None:
    def nonsense(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\xff\x00 hello")

    with server(nonsense) as (url, _came), pytest.raises(webhooks.WebhookUnreachableError):
        post(url, body=b"", headers={})


def test_a_long_answer_is_not_read() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(500)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 100_000)
        except OSError:
            stopped.set()

    stopped = threading.Event()
    with server(endless) as (url, _came):
        with pytest.raises(webhooks.WebhookBusyError):
            post(url, body=b"", headers={})
        assert stopped.wait(30)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that is its own authority, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - datetime.timedelta(1), now + datetime.timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "both.pem"
    file.write_bytes(pem + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    with server(answering(200), certificate) as (url, came):
        with pytest.raises(webhooks.WebhookUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            post(url, body=b"x", headers={})
        assert came == []


def test_a_certificate_of_a_known_authority_is_taken(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with server(answering(200), certificate) as (url, came):
        assert post(url, body=b"x", headers={}) == 200
    assert [(path, body) for path, _headers, body in came] == [("/", b"x")]


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.1.1", "224.0.0.1"])
def test_where_clouds_keep_their_keys_nothing_is_sent(address: str) -> None:
    class Connected:
        def getpeername(self) -> tuple[str, int]:
            return address, 80

    with pytest.raises(webhooks.WebhookForbiddenError):
        webhooks._check_address("metadata.test", Connected())  # type: ignore[arg-type]  # no such network to connect to


def test_people_are_shown_the_host_alone() -> None:
    assert webhooks.host_of("https://Hooks.example.test:8443/services/secret?x") == "hooks.example.test"
    assert webhooks.host_of("") == ""
