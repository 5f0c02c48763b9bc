"""The second `make up` of a machine: from the command to the first page, against a bare uvicorn with the same application.

The difference is what make, bootstrap and supervisor cost. Stopping is timed too, because it has a limit (10 s).
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fixtures.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
GIVE_UP_S = 120.0


def seconds_to_first_page(command: Sequence[str], port: int, environment: dict[str, str], log: Path) -> tuple[float, float]:
    """Start `command`, wait for the login page, stop it as Ctrl-C does; seconds to the page, seconds to the end."""
    started = time.perf_counter()
    with log.open("ab") as output:
        # A group of its own: Ctrl-C in a terminal reaches all of them, make included.
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True)
    while not _page_is_there(port):
        if process.poll() is not None or time.perf_counter() - started > GIVE_UP_S:
            raise RuntimeError(log.read_text(errors="replace"))
        time.sleep(0.005)
    until_page = time.perf_counter() - started
    stopping = time.perf_counter()
    os.killpg(process.pid, signal.SIGINT)
    process.wait()
    return until_page, time.perf_counter() - stopping


def _page_is_there(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/login/", timeout=10) as page:
            return bool(page.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def main() -> None:
    """Both sides alternately; the medians count."""
    directory = Path(tempfile.mkdtemp(prefix="mam-bench-"))
    ours: list[float] = []
    reference: list[float] = []
    stops: list[float] = []
    try:
        (directory / "demo.made").touch()  # as if the demo archive had been deleted
        port = free_port()
        environment = os.environ | {"MAM_DATA_DIR": str(directory), "MAM_PORT": str(port), "DJANGO_SETTINGS_MODULE": "mam.settings"}
        bare = [sys.executable, "-m", "uvicorn", "mam.asgi:application", "--port", str(port), "--lifespan", "off", "--log-level", "warning"]
        seconds_to_first_page(["make", "up"], port, environment, directory / "log")
        for _ in range(ROUNDS):
            until_page, until_end = seconds_to_first_page(["make", "up"], port, environment, directory / "log")
            ours.append(until_page)
            stops.append(until_end)
            reference.append(seconds_to_first_page(bare, port, environment, directory / "log")[0])
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    mine, theirs = statistics.median(ours), statistics.median(reference)
    sys.stdout.write(f"second `make up` to the first page: {mine:.2f} s (worst {max(ours):.2f} s); stopped in {max(stops):.2f} s at most\n")
    sys.stdout.write(f"bare uvicorn to the first page: {theirs:.2f} s\n")
    sys.stdout.write(f"start ratio {mine / theirs:.2f} (ours/reference)\n")


if __name__ == "__main__":
    main()
