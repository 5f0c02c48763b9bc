"""Whom a server lets in, through which door, and what it says to the others."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources import open_source
from mam.lib.sources.errors import (
    AccessDeniedError,
    AuthFailedError,
    NotFoundError,
    ShareMissingError,
    SourceError,
    TransientError,
    UnsupportedError,
)
from tests.fixtures.servers import free_port
from tests.fixtures.smbd import smbd
from tests.lib.sources.conftest import open_smb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.smbd import SmbServer
    from tests.lib.sources.conftest import Naps

pytestmark = pytest.mark.smb


@pytest.fixture(params=["smb", "smb_encrypted", "smb_signing"])
def server(request: pytest.FixtureRequest) -> SmbServer:
    """Each kind of server."""
    found: SmbServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def old_server() -> Iterator[SmbServer]:
    """A NAS that knows no encryption."""
    with smbd({"server min protocol": "SMB2_02", "server max protocol": "SMB2_10"}) as found:
        yield found


def test_a_wrong_password_is_tried_once(server: SmbServer, naps: Naps) -> None:
    before = server.login_attempts("mam")
    fs = open_smb(server, password="wrong", timing=naps.timing)

    for call in (lambda: fs.list_directory(""), lambda: fs.stat("x"), fs.health, lambda: fs.open("x")):
        with pytest.raises(AuthFailedError) as caught:
            call()

    assert server.login_attempts("mam") == before + 1
    assert naps.slept_s == []
    assert "wrong" not in f"{caught.value} {caught.value.params}"


def test_a_wrong_password_is_tried_once_by_all_threads_together(server: SmbServer) -> None:
    before = server.login_attempts("mam")
    fs = open_smb(server, password="wrong", parallelism=8)
    refused: list[SourceError] = []

    def try_it() -> None:
        try:
            fs.list_directory("")
        except SourceError as error:
            refused.append(error)

    threads = [threading.Thread(target=try_it) for _number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [type(error) for error in refused] == [AuthFailedError] * 16
    assert server.login_attempts("mam") == before + 1


def test_an_unknown_user_is_refused(server: SmbServer) -> None:
    with pytest.raises(AuthFailedError):
        open_smb(server, username="nobody here").list_directory("")


def test_a_missing_share_a_missing_root_and_a_missing_folder_are_told_apart(server: SmbServer) -> None:
    share_url, _, folder = server.url.rpartition("/")

    with pytest.raises(ShareMissingError) as caught:
        open_smb(dataclasses.replace(server, url=f"smb://{server.host}:{server.port}/nonexistent/{folder}")).list_directory("")
    assert "nonexistent" in str(caught.value)
    missing = open_smb(dataclasses.replace(server, url=f"{share_url}/nonexistent"))
    for call in (lambda: missing.list_directory(""), lambda: missing.stat(""), missing.health):
        with pytest.raises(ShareMissingError):
            call()
    with pytest.raises(NotFoundError):
        missing.list_directory("folder")
    with pytest.raises(NotFoundError):
        open_smb(server).list_directory("folder")


def test_a_share_of_others_is_denied(server: SmbServer) -> None:
    fs = open_source(f"smb://{server.host}:{server.port}/forbidden", username=server.username, password=server.password)

    with pytest.raises(AccessDeniedError):
        fs.list_directory("")


def test_an_unreadable_folder_is_denied_and_its_neighbours_are_not(server: SmbServer) -> None:
    (server.root / "locked").mkdir(mode=0o700)
    (server.root / "locked" / "secret.mp4").touch()
    (server.root / "locked").chmod(0)
    (server.root / "open").mkdir(mode=0o755)
    fs = open_smb(server)
    unprivileged = open_source(
        server.url.replace(f"/{server.share}/", "/unprivileged/"), username=server.username, password=server.password
    )

    assert {entry.name for entry in unprivileged.list_directory("")} == {"locked", "open"}
    with pytest.raises(AccessDeniedError):
        unprivileged.list_directory("locked")
    assert unprivileged.list_directory("open") == []
    (server.root / "locked").chmod(0o700)
    assert fs.stat("locked").is_dir


def test_encryption_is_used_where_the_server_demands_it(smb_encrypted: SmbServer) -> None:
    health = open_smb(smb_encrypted, require_encryption=False).health()

    assert (health.is_encrypted, health.dialect) == (True, "SMB 3.1.1")


@pytest.mark.parametrize(
    ("protocol", "cipher"),
    [("SMB3_00", "AES-128-CCM"), *(("SMB3_11", cipher) for cipher in ("AES-128-GCM", "AES-128-CCM", "AES-256-GCM", "AES-256-CCM"))],
)
def test_every_cipher_and_dialect_of_encryption_works(protocol: str, cipher: str) -> None:
    options = {
        "server min protocol": protocol,
        "server max protocol": protocol,
        "server smb encrypt": "required",
        "server smb3 encryption algorithms": cipher,
    }
    with smbd(options) as server:
        fs = open_smb(server)
        fs.write("clip.mp4", [b"content" * 100_000])
        with fs.open("clip.mp4") as file:
            assert file.read_at(0, 700_000) == b"content" * 100_000
        assert fs.health().is_encrypted
        fs.close()


@pytest.mark.parametrize("algorithm", ["AES-128-GMAC", "AES-128-CMAC", "HMAC-SHA256"])
def test_every_signing_algorithm_of_smb3_works(algorithm: str) -> None:
    options = {"server min protocol": "SMB3_11", "server signing": "mandatory", "server smb3 signing algorithms": algorithm}
    with smbd(options) as server:
        fs = open_smb(server)
        fs.write("clip.mp4", [b"content" * 100_000])
        assert [entry.size_bytes for entry in fs.list_directory("")] == [700_000]
        health = fs.health()
        assert (health.is_signed, health.is_encrypted, health.dialect) == (True, False, "SMB 3.1.1")
        fs.close()


def test_encryption_is_used_where_we_demand_it(smb: SmbServer) -> None:
    fs = open_smb(smb, require_encryption=True)
    (smb.root / "clip.mp4").touch()

    assert [entry.name for entry in fs.list_directory("")] == ["clip.mp4"]
    assert fs.health().is_encrypted


def test_a_server_without_encryption_is_not_used_when_we_demand_it(old_server: SmbServer, naps: Naps) -> None:
    with pytest.raises(UnsupportedError):
        open_smb(old_server, require_encryption=True, timing=naps.timing).list_directory("")
    assert open_smb(old_server).list_directory("") == []


def test_a_share_that_demands_encryption_is_reached_after_one_look(smb_server: SmbServer) -> None:
    daemon = smb_server.daemon
    daemon.shares["sealed"] = {"path": str(daemon.root), "read only": "no", "server smb encrypt": "required"}
    daemon.configure()
    smb_server.restart()
    try:
        fs = open_source(f"smb://127.0.0.1:{smb_server.port}/sealed", username=smb_server.username, password=smb_server.password)
        assert fs.health().is_encrypted
    finally:
        del daemon.shares["sealed"]
        daemon.configure()
        smb_server.restart()


def test_a_domain_may_be_typed_with_the_user(smb: SmbServer) -> None:
    assert open_smb(smb, username=f"MAMTEST\\{smb.username}").list_directory("") == []
    assert open_smb(smb, domain="MAMTEST").list_directory("") == []


def test_a_server_that_is_not_there_is_tried_again_and_then_given_up(naps: Naps) -> None:
    for require_encryption in (False, True):
        fs = open_source(
            f"smb://127.0.0.1:{free_port()}/share", username="mam", password="x", require_encryption=require_encryption, timing=naps.timing
        )
        with pytest.raises(TransientError):
            fs.list_directory("")
    assert naps.slept_s == [1, 2, 4, 1, 2, 4]


def test_a_host_name_that_nobody_knows_is_transient(naps: Naps) -> None:
    with pytest.raises(TransientError):
        open_source("smb://no-such-host.invalid/share", timing=naps.timing).list_directory("")


def test_the_password_is_in_no_representation(smb: SmbServer) -> None:
    fs = open_smb(smb)
    assert smb.password not in repr(fs)
    assert smb.password not in repr(vars(fs))


def test_guests_reach_what_is_open_to_guests(naps: Naps) -> None:
    for protocol, dialect in [("SMB2_02", "SMB 2.0.2"), ("SMB3_11", "SMB 3.1.1")]:
        with smbd({"server min protocol": protocol, "map to guest": "bad user", "guest account": "nobody"}) as server:
            server.daemon.shares["public"] = {"path": str(server.root), "guest ok": "yes"}
            server.daemon.configure()
            server.restart()
            (server.root / "clip.mp4").touch()
            fs = open_source(f"smb://127.0.0.1:{server.port}/public", timing=naps.timing)
            assert [entry.name for entry in fs.list_directory("")] == ["clip.mp4"]
            assert (fs.health().dialect, fs.health().is_signed) == (dialect, False)
            fs.close()
