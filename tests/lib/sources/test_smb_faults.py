"""Servers that die, hang and change under a source that is at work: no wrong answer, and it goes on."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources import SourceFileSystem, Timing
from mam.lib.sources.errors import ChangedError, ShareMissingError, TransientError
from mam.lib.sources.walk import walk
from tests.lib.sources.conftest import open_smb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.smbd import SmbServer
    from tests.lib.sources.conftest import Naps

pytestmark = pytest.mark.smb


@pytest.fixture(params=["smb", "smb_encrypted"])
def server(request: pytest.FixtureRequest) -> SmbServer:
    """A server per backend."""
    found: SmbServer = request.getfixturevalue(request.param)
    return found


def restarting(server: SmbServer) -> Timing:
    """A clock that starts the server unless it runs, instead of each sleep, and lets a killing come to its end."""
    return Timing(sleep=lambda _seconds: server.daemon.start())


def all_entries(fs: SourceFileSystem) -> set[str]:
    return {f"{path}/{entry.name}" for path, entries in walk(fs, 3) for entry in entries}


def wait_for(fs: SourceFileSystem) -> None:
    """Until a server that was stopped has worked off the connections that waited meanwhile."""
    for _attempt in range(50):
        with contextlib.suppress(TransientError):
            fs.health()
            return
    raise AssertionError("it did not recover")


def make_tree(server: SmbServer, folders: int = 40, files: int = 25) -> set[str]:
    """Every path in it, as `all_entries` spells them."""
    for folder in range(folders):
        (server.root / f"{folder}").mkdir()
        for file in range(files):
            (server.root / f"{folder}" / f"{file}.mp4").touch()
    return {f"/{folder}" for folder in range(folders)} | {f"{folder}/{file}.mp4" for folder in range(folders) for file in range(files)}


def test_a_walk_survives_the_death_of_the_server_in_its_midst(server: SmbServer) -> None:
    expected = make_tree(server)
    fs = open_smb(server, timing=restarting(server))
    seen: set[str] = set()

    for number, (path, entries) in enumerate(walk(fs, 3)):
        seen |= {f"{path}/{entry.name}" for entry in entries}
        if number in (5, 20):
            server.kill()

    assert seen == expected


def test_a_walk_survives_the_death_of_its_own_connections(server: SmbServer) -> None:
    expected = make_tree(server)
    fs = open_smb(server, timing=restarting(server))
    seen: set[str] = set()

    for number, (path, entries) in enumerate(walk(fs, 3)):
        seen |= {f"{path}/{entry.name}" for entry in entries}
        if number in (5, 20, 35):  # no listing may be hit by more of them than it has attempts
            server.kill_children()

    assert seen == expected


def test_a_reader_goes_on_after_the_death_of_the_server(server: SmbServer) -> None:
    data = os.urandom(4_000_000)
    (server.root / "clip.mp4").write_bytes(data)
    fs = open_smb(server, timing=restarting(server))

    with fs.open("clip.mp4") as file:
        read = file.read_at(0, 1_000_000)
        server.kill()
        read += file.read_at(1_000_000, 1_000_000)
        server.kill_children()
        read += file.read_at(2_000_000, 5_000_000)

    assert hashlib.sha256(read).digest() == hashlib.sha256(data).digest()


def test_a_reader_notices_that_its_file_was_replaced_meanwhile(server: SmbServer) -> None:
    (server.root / "clip.mp4").write_bytes(b"first version")
    fs = open_smb(server, timing=restarting(server))

    with fs.open("clip.mp4") as file:
        assert file.read_at(0, 5) == b"first"
        server.kill()
        (server.root / "new").write_bytes(b"other version")
        (server.root / "new").rename(server.root / "clip.mp4")
        with pytest.raises(ChangedError):
            file.read_at(0, 5)


def test_a_write_goes_on_after_the_death_of_the_server(server: SmbServer) -> None:
    data = os.urandom(6_000_000)
    fs = open_smb(server, timing=restarting(server))

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), 500_000):
            if start in (2_000_000, 4_000_000):
                server.kill()
            yield data[start : start + 500_000]

    fs.write("clip.mp4", pieces())

    assert hashlib.sha256((server.root / "clip.mp4").read_bytes()).digest() == hashlib.sha256(data).digest()
    assert [entry.name for entry in fs.list_directory("")] == ["clip.mp4"]


def test_a_server_that_hangs_gives_an_error_and_never_an_empty_listing(server: SmbServer, naps: Naps) -> None:
    expected = make_tree(server, folders=2, files=3)
    fs = open_smb(server, timeout_s=0.3, timing=naps.timing, parallelism=1)
    assert all_entries(fs) == expected

    server.pause()
    for call in (lambda: fs.list_directory(""), lambda: fs.list_directory("1"), fs.health):
        with pytest.raises(TransientError):
            call()
    assert naps.slept_s == [1, 2, 4] * 3
    server.resume()
    wait_for(fs)

    assert all_entries(fs) == expected


def test_a_hanging_connection_is_replaced_and_its_late_answers_are_not_believed(server: SmbServer, naps: Naps) -> None:
    expected = make_tree(server, folders=3, files=3)
    (server.root / "empty").mkdir()
    fs = open_smb(server, timeout_s=0.5, timing=naps.timing, parallelism=1)
    assert fs.list_directory("empty") == []

    server.pause_children()
    names = {entry.name for entry in fs.list_directory("1")}
    server.resume_children()

    assert names == {"0.mp4", "1.mp4", "2.mp4"}
    assert naps.slept_s == [1]
    assert all_entries(fs) == expected | {"/empty"}


def test_a_reader_recovers_from_a_hanging_connection(server: SmbServer, naps: Naps) -> None:
    data = os.urandom(2_000_000)
    (server.root / "clip.mp4").write_bytes(data)
    fs = open_smb(server, timeout_s=0.5, timing=naps.timing)

    with fs.open("clip.mp4") as file:
        first = file.read_at(0, 1_000_000)
        server.pause_children()
        second = file.read_at(1_000_000, 1_000_000)
        server.resume_children()

    assert first + second == data


def test_a_share_that_is_taken_away_is_missing_until_it_is_back(server: SmbServer, naps: Naps) -> None:
    expected = make_tree(server, folders=2, files=2)
    fs = open_smb(server, timing=naps.timing)
    assert all_entries(fs) == expected

    server.remove_share()
    for call in (lambda: fs.list_directory(""), lambda: fs.list_directory("1"), lambda: fs.stat("1"), fs.health):
        with pytest.raises(ShareMissingError):
            call()
    server.add_share()

    assert all_entries(fs) == expected


def test_a_root_that_was_emptied_is_empty_and_one_that_was_removed_is_missing(server: SmbServer, naps: Naps) -> None:
    fs = open_smb(server, timing=naps.timing)
    assert fs.list_directory("") == []

    server.root.rmdir()

    with pytest.raises(ShareMissingError):
        fs.list_directory("")
    server.root.mkdir()
    assert fs.list_directory("") == []
