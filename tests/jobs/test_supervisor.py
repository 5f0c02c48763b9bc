"""`manage.py up` as a person meets it: it starts, says so, keeps its children alive, and leaves nobody behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.fixtures.processes import MARK, PROJECT, eventually, marked
from tests.fixtures.servers import free_port
from tests.fixtures.system import RunningSystem, running_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

PARTS = {"mam-up", "mam-web", "mam-fast", "mam-media", "mam-clock"}
pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests here: the first start fills it."""
    return tmp_path_factory.mktemp("supervised")


@pytest.fixture
def mark() -> Iterator[str]:
    """The mark of this test's processes; none of them outlives it."""
    made = uuid.uuid4().hex
    yield made
    for left in marked(made):
        left.kill()


def started(data_dir: Path, mark: str) -> AbstractContextManager[RunningSystem]:
    return running_system(data_dir, DJANGO_SETTINGS_MODULE="tests.jobs.work.settings", **{MARK: mark})


def names(mark: str) -> set[str]:
    """Which parts of the system run, by the names they give themselves."""
    found = set()
    for process in marked(mark):
        with suppress(psutil.Error):
            found.add(process.name())
    return found


def answer(system: RunningSystem, path: str) -> tuple[int, str]:
    """Status and text of a page; (0, "") while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{system.port}{path}", timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""
    except OSError:
        return 0, ""


def run_up(data_dir: Path, port: int, **environment: str) -> subprocess.CompletedProcess[str]:
    """`manage.py up` that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=PROJECT,
        env=os.environ | {"MAM_DATA_DIR": str(data_dir), "MAM_PORT": str(port), "DJANGO_SETTINGS_MODULE": "mam.settings"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_ctrl_c_stops_everything_within_ten_seconds(data_dir: Path, mark: str) -> None:
    with started(data_dir, mark) as system:
        eventually(lambda: names(mark) == PARTS, within_s=60)
        assert system.login[0] == "admin@localhost"
        status, page = answer(system, "/accounts/login/")
        assert status == 200
        styles = re.findall(r'href="(/static/[^"]+\.css)"', page)
        assert styles
        assert [answer(system, style)[0] for style in styles] == [200] * len(styles)
        system.process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        assert system.process.wait(20) == 0
        assert time.monotonic() - asked < 10
        assert not marked(mark)
    assert "Traceback" not in system.output


def test_kill_9_of_the_supervisor_leaves_nobody(data_dir: Path, mark: str) -> None:
    with started(data_dir, mark) as system:
        eventually(lambda: names(mark) == PARTS, within_s=60)
        eventually(lambda: len(marked(mark)) >= 10, within_s=60, what="the workers have their own processes")
        system.process.kill()
        system.process.wait()
        eventually(lambda: not marked(mark), within_s=5)
        assert "password" not in system.output  # it was shown at the first start, and never again


def test_a_part_that_dies_is_started_again(data_dir: Path, mark: str) -> None:
    with started(data_dir, mark) as system:
        eventually(lambda: names(mark) == PARTS, within_s=60)
        killed = [found for found in marked(mark) if found.name() in {"mam-web", "mam-clock"}]
        assert len(killed) == 2
        for process in killed:
            process.kill()
        eventually(lambda: "web ended (status -9)" in system.output and "clock ended (status -9)" in system.output)
        eventually(lambda: answer(system, "/health")[0] == 200, within_s=60)
        eventually(lambda: names(mark) == PARTS, within_s=60)


def test_two_never_share_a_data_directory(data_dir: Path, mark: str) -> None:
    with started(data_dir, mark) as system:
        second = run_up(data_dir, free_port())
        assert second.returncode == 1
        assert f"already running on {data_dir} (process {system.process.pid})" in second.stderr
        assert "Traceback" not in second.stderr


@pytest.mark.parametrize(("language", "words"), [("C.UTF-8", "Set MAM_PORT to a free one"), ("en_US.UTF-8", "Cannot listen")])
def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path, language: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = run_up(tmp_path, taken.getsockname()[1], LANG=language, LC_ALL="")
    assert refused.returncode == 1
    assert words in refused.stderr
    assert not (tmp_path / "db.sqlite3").exists()
