"""Servers and scanners that die, hang, lie or change: a scan ends with the same catalog, or changes nothing and says why."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from catalog.choices import Presence
from catalog.models import MediaFile, Source
from catalog.services import rollups, sources
from catalog.services.file_systems import close_file_system
from catalog.services.sources import Credentials
from ingest.models import FolderHint, Scan, ScanMode
from ingest.services import scans
from ingest.services.watching import Watchers
from mam.jobs.models import JobState
from mam.jobs.testing import run_pending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.smbd import SmbServer

PROJECT = Path(__file__).resolve().parents[2]
OLD = time.time() - 40 * 24 * 3600


def make_tree(root: Path, folders: int = 60, files: int = 8) -> set[str]:
    """Folders of files; returns their paths."""
    paths = set()
    for number in range(folders):
        folder = root / f"시리즈 {number % 7}" / f"Day {number}"
        folder.mkdir(parents=True)
        for index in range(files):
            (folder / f"clip_{number}_{index}.mp4").write_bytes(b"x" * (index + 1))
            paths.add(str((folder / f"clip_{number}_{index}.mp4").relative_to(root)))
    for folder_name, _folders, names in os.walk(root):
        for name in names:
            os.utime(Path(folder_name) / name, (OLD, OLD))
    return paths


def make_source(server: SmbServer, **options: object) -> Source:
    """The share as a source."""
    credentials = Credentials(server.username, server.password)
    return sources.create_source(name="nas", url=server.url, credentials=credentials, user=None, **options)  # type: ignore[arg-type]


def run(source: Source, mode: str = ScanMode.FULL) -> str:
    """Run a scan job with all its retries; returns the job's state."""
    scans.request_scan(source=source, mode=mode, user=None)
    state: str = run_pending("fast", kinds=[scans.SCAN_KIND])[-1].state
    source.refresh_from_db()
    return state


def run_when_due(source: Source) -> str:
    """What the clock begins at the source's next poll; returns the job's state."""
    assert scans.enqueue_due(timezone.now() + timedelta(seconds=source.poll_interval_s))
    state: str = run_pending("fast", kinds=[scans.SCAN_KIND])[-1].state
    source.refresh_from_db()
    return state


def found(source: Source) -> set[str]:
    return {file.path for file in MediaFile.objects.filter(source=source).select_related("folder")}


@pytest.mark.smb
@pytest.mark.django_db
class TestShares:
    """Sources over a real smbd."""

    @pytest.fixture(autouse=True)
    def _close(self) -> Iterator[None]:
        yield
        for pk in Source.objects.values_list("pk", flat=True):
            close_file_system(pk)

    def test_every_name_that_a_share_holds_is_found(self, smb: SmbServer) -> None:
        names = ["홀덤 결승.mp4", unicodedata.normalize("NFD", "파이널.mkv"), "🂡♠.mov", "a#b%c';.ts", "긴" * 83 + ".mp4", "UPPER.MP4"]
        for name in names:
            (smb.root / name).write_bytes(b"x")
            os.utime(smb.root / name, (OLD, OLD))
        source = make_source(smb)

        assert run(source) == JobState.SUCCEEDED
        assert found(source) == set(names)
        assert MediaFile.objects.get(name=names[1]).name_key == "파이널.mkv"

    def test_an_encrypted_share_is_scanned(self, smb_encrypted: SmbServer) -> None:
        paths = make_tree(smb_encrypted.root, folders=5)
        source = make_source(smb_encrypted, require_encryption=True)
        assert run(source) == JobState.SUCCEEDED
        assert found(source) == paths

    def test_a_signing_share_is_scanned(self, smb_signing: SmbServer) -> None:
        paths = make_tree(smb_signing.root, folders=5)
        source = make_source(smb_signing)
        assert run(source) == JobState.SUCCEEDED
        assert found(source) == paths

    def test_a_move_on_the_share_keeps_the_row(self, smb: SmbServer) -> None:
        make_tree(smb.root, folders=3)
        source = make_source(smb)
        run(source)
        file = MediaFile.objects.get(name="clip_1_3.mp4")
        (smb.root / "시리즈 1" / "Day 1" / "clip_1_3.mp4").rename(smb.root / "시리즈 0" / "renamed.mp4")

        run(source)

        file.refresh_from_db()
        assert file.path == "시리즈 0/renamed.mp4"
        assert Scan.objects.latest("pk").moved == 1

    def test_a_link_that_the_server_follows_round_in_circles_ends(self, smb: SmbServer) -> None:
        paths = make_tree(smb.root, folders=2)
        (smb.root / "시리즈 0" / "loop").symlink_to(smb.root / "시리즈 0")
        (smb.root / "시리즈 1" / "up").symlink_to(smb.root)
        source = make_source(smb)

        assert run(source) == JobState.SUCCEEDED
        assert paths <= found(source)
        assert not any("loop" in path for path in found(source))
        assert len(found(source)) < 4 * len(paths)

    def test_a_wrong_password_is_tried_once_and_said(self, smb: SmbServer) -> None:
        credentials = Credentials("stranger", "wrong")
        source = sources.create_source(name="nas", url=smb.url, credentials=credentials, user=None)
        before = smb.login_attempts("stranger")

        assert run(source) == JobState.FAILED

        assert smb.login_attempts("stranger") == before + 1
        assert (source.state, source.state_code) == ("offline", "source_auth_failed")

    def test_a_share_that_is_gone_changes_no_row(self, smb: SmbServer) -> None:
        paths = make_tree(smb.root, folders=3)
        source = make_source(smb)
        run(source)
        before = list(MediaFile.objects.order_by("pk").values())
        smb.remove_share()
        try:
            assert run(source) == JobState.FAILED
        finally:
            smb.add_share()
        assert list(MediaFile.objects.order_by("pk").values()) == before
        assert source.state == "offline"
        assert run(source) == JobState.SUCCEEDED
        assert found(source) == paths
        assert source.state == "online"

    def test_a_share_that_gets_another_name_changes_no_row_and_is_back_by_itself(self, smb: SmbServer) -> None:
        paths = make_tree(smb.root, folders=3)
        source = make_source(smb)
        run(source)
        before = list(MediaFile.objects.order_by("pk").values())
        smb.rename_share("media", "archive")
        try:
            assert run_when_due(source) == JobState.FAILED
        finally:
            smb.rename_share("archive", "media")
        assert list(MediaFile.objects.order_by("pk").values()) == before
        assert (source.state, source.state_code) == ("offline", "source_share_missing")
        assert source.state_params["target"].startswith(smb.url)

        assert run_when_due(source) == JobState.SUCCEEDED

        assert (source.state, source.state_code) == ("online", "")
        assert found(source) == paths
        assert MediaFile.objects.filter(presence=Presence.PRESENT).count() == len(before)

    def test_other_content_under_the_shares_name_changes_no_row_and_the_right_one_is_back_by_itself(
        self, smb: SmbServer, tmp_path: Path
    ) -> None:
        make_tree(smb.root, folders=3)
        source = make_source(smb)
        run(source)
        before = list(MediaFile.objects.order_by("pk").values())
        (tmp_path / smb.root.name / "Somebody else's").mkdir(parents=True)
        (tmp_path / smb.root.name / "Somebody else's" / "holiday.mp4").touch()
        smb.point_share_at(tmp_path)
        try:
            assert run_when_due(source) == JobState.FAILED
        finally:
            smb.point_share_at(smb.daemon.root)
        assert list(MediaFile.objects.order_by("pk").values()) == before
        assert (source.state, source.state_code) == ("degraded", "root_replaced")

        assert run_when_due(source) == JobState.SUCCEEDED

        assert (source.state, source.state_code) == ("online", "")
        assert MediaFile.objects.filter(presence=Presence.PRESENT).count() == MediaFile.objects.count() == len(before)

    def test_an_emptied_root_changes_no_row(self, smb: SmbServer) -> None:
        make_tree(smb.root, folders=3)
        source = make_source(smb)
        run(source)
        for folder in list(smb.root.iterdir()):
            folder.rename(smb.root.parent / f"hidden {smb.root.name} {folder.name}")

        assert run(source) == JobState.FAILED

        assert source.state_code == "root_empty"
        assert set(MediaFile.objects.values_list("presence", flat=True)) == {Presence.PRESENT}

    def test_a_server_killed_again_and_again_in_a_scan_costs_time_and_nothing_else(self, smb: SmbServer) -> None:
        paths = make_tree(smb.root)
        source = make_source(smb)
        ended = threading.Event()
        chance = random.Random(7)

        def kill_now_and_then() -> None:
            for _ in range(5):
                if ended.wait(chance.uniform(0.02, 0.2)):
                    return
                smb.kill_children()

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            state = run(source)
        finally:
            ended.set()
            killer.join()
        if state != JobState.SUCCEEDED:
            assert run(source) == JobState.SUCCEEDED
        assert found(source) == paths
        assert rollups.verify(source=source) == []

    def test_a_directory_that_the_server_begins_to_hide_keeps_what_was_known(self, smb: SmbServer) -> None:
        paths = make_tree(smb.root, folders=3)
        source = make_source(smb)
        run(source)
        smb.daemon.shares["media"]["veto files"] = "/Day 1/"
        smb.daemon.configure()
        smb.restart()
        try:
            run(source)
            assert found(source) == paths
            assert set(MediaFile.objects.values_list("presence", flat=True)) == {Presence.PRESENT}
        finally:
            del smb.daemon.shares["media"]["veto files"]
            smb.daemon.configure()
            smb.restart()


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_a_scanner_killed_at_random_points_ends_with_the_same_catalog(tmp_path: Path) -> None:
    """`manage.py scan` is killed with -9 until it gets through; the catalog is the one of an undisturbed scan."""
    root = tmp_path / "archive"
    root.mkdir()
    paths = make_tree(root, folders=400, files=6)
    environment = os.environ | {"MAM_DATA_DIR": str(tmp_path / "var"), "DJANGO_SETTINGS_MODULE": "mam.settings", "MAM_JOB_LEASE_S": "2"}
    environment.pop("DATABASE_URL", None)
    manage(environment, "migrate", "--verbosity=0")
    manage(environment, "add_source", "nas", root.as_uri(), "--no-scan")
    chance = random.Random(11)
    kills = 0
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "manage.py", "scan", "nas", "--full"], cwd=PROJECT, env=environment)
        try:
            process.wait(timeout=300 if attempt == 5 else chance.uniform(1.5, 4.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        break
    manage(environment, "scan", "nas", "--full")
    state = json.loads(manage(environment, "shell", "--verbosity=0", "-c", _DUMP))
    assert kills
    assert set(state["paths"]) == paths
    assert len(state["paths"]) == len(paths)
    assert state["wrong_rollups"] == []
    assert set(state["presence"]) == {"present"}


_DUMP = """
import json
from catalog.models import MediaFile, Source
from catalog.services import rollups
files = MediaFile.objects.select_related("folder")
print(json.dumps({
    "paths": [file.path for file in files],
    "presence": list(MediaFile.objects.values_list("presence", flat=True)),
    "wrong_rollups": rollups.verify(source=Source.objects.get()),
}))
"""


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Output of a command of manage.py; CalledProcessError when it fails."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.smb
@pytest.mark.django_db(transaction=True)
def test_a_server_that_tells_of_changes_is_heard(smb: SmbServer) -> None:
    (smb.root / "WSOP").mkdir()
    source = make_source(smb)
    run(source)
    watchers = Watchers()
    deadline = time.monotonic() + 60
    number = 0
    try:
        while not FolderHint.objects.filter(source=source).exists():
            assert time.monotonic() < deadline, "the server said nothing"
            watchers.keep()
            number += 1  # changes made through the share are what it tells of for certain
            fs = sources.open_file_system(source)
            fs.write(f"WSOP/clip {number}.mp4", [b"x"])
        run(source, ScanMode.FOLDERS)
    finally:
        watchers.stop()
        close_file_system(source.pk)
    assert any(path.startswith("WSOP/clip") for path in found(source))
