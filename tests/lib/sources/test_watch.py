"""CHANGE_NOTIFY from a real server, which sees what other SMB clients do."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources import open_source
from mam.lib.sources.errors import AuthFailedError, SourceError, TransientError
from tests.lib.sources.conftest import open_smb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.smbd import SmbServer

WITHIN_S = 20.0


class Watch:
    """A watch in a thread, and what it said."""

    def __init__(self, server: SmbServer, *, require_encryption: bool) -> None:
        self.fs = open_smb(server, require_encryption=require_encryption, timeout_s=3.0)
        self.changes: queue.Queue[str] = queue.Queue()
        self.stop = threading.Event()
        self.outcome: list[bool | SourceError] = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.outcome.append(self.fs.watch(self.changes.put, self.stop))
        except SourceError as error:
            self.outcome.append(error)

    def wait_for(self, folder: str) -> None:
        """Until this folder is named; queue.Empty when it is not."""
        while self.changes.get(timeout=WITHIN_S) != folder:
            pass

    def end(self) -> None:
        self.stop.set()
        self.thread.join(WITHIN_S)
        self.fs.close()


@pytest.fixture(params=[False, True], ids=["pysmb", "smbprotocol"])
def watch(request: pytest.FixtureRequest, smb: SmbServer) -> Iterator[Watch]:
    """A watch that is known to have begun."""
    (smb.root / "folder 폴더" / "deep").mkdir(parents=True)
    watching = Watch(smb, require_encryption=request.param)
    writer = open_smb(smb)
    for number in range(200):  # until the watch is set up, changes go unnoticed
        writer.write(f"first {number}", [b""])
        with contextlib.suppress(queue.Empty):
            watching.changes.get(timeout=0.1)
            break
    yield watching
    watching.end()
    writer.close()


@pytest.mark.smb
def test_changes_by_others_are_told_by_folder(watch: Watch, smb: SmbServer) -> None:
    other = open_smb(smb)

    other.write("folder 폴더/deep/새 클립.mp4", [b"content"])
    watch.wait_for("folder 폴더/deep")
    other.rename("folder 폴더/deep/새 클립.mp4", "folder 폴더/clip.mp4")
    watch.wait_for("folder 폴더")

    watch.end()
    assert watch.outcome == [True]


@pytest.mark.smb
def test_a_watch_ends_with_its_server(watch: Watch, smb: SmbServer) -> None:
    smb.kill()
    watch.thread.join(WITHIN_S)
    assert [type(outcome) for outcome in watch.outcome] == [TransientError]


def test_a_local_source_says_at_once_that_it_cannot_watch(tmp_path: Path) -> None:
    assert open_source(tmp_path.as_uri()).watch(lambda _folder: None, threading.Event()) is False


@pytest.mark.smb
def test_a_watch_tries_a_wrong_password_no_second_time(smb: SmbServer) -> None:
    before = smb.login_attempts("mam")
    fs = open_smb(smb, password="wrong")
    for _attempt in range(3):
        with pytest.raises(AuthFailedError):
            fs.watch(lambda _folder: None, threading.Event())
    assert smb.login_attempts("mam") == before + 1
