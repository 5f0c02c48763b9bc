"""MB/s of the range view (uvicorn, the whole middleware stack, a local source) against nginx with the same file and client; and of
nginx when the application only says which file to send (X-Accel-Redirect, with deploy/nginx.conf).

One gigabyte, or MAM_BENCH_BYTES, from the page cache in one range request; the best of many alternating rounds counts, because
other work on the machine only ever makes a round slower. Seeks into the middle are timed beside it, for information.
"""

from __future__ import annotations

import http.client
import os
import random
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.databases import environment_of, set_up
from tests.fixtures.nginx import nginx, site_of
from tests.fixtures.servers import free_port, stop, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_BYTES = int(os.environ.get("MAM_BENCH_BYTES", str(1024**3)))
ROUNDS = 10
SEEKS = 100
SEEK_BYTES = 256 * 1024
ACCEL_PREFIX = "/_sources"


def prepare(path: Path) -> None:
    """In a process with the benchmark's settings: register the file and somebody who may play it; print address and cookie."""
    set_up()
    from tests.factories import make_file, make_source, make_user  # noqa: PLC0415
    from tests.streaming.conftest import cookie_of, media_url  # noqa: PLC0415

    status = path.stat()
    source = make_source("bench", url=path.parent.as_uri())
    file = make_file(path.name, source=source, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    sys.stdout.write(f"{media_url(file)}\n{cookie_of(make_user(None, is_superuser=True))}\n")


def receive(port: int, path: str, headers: dict[str, str], buffer: bytearray) -> int:
    """GET `path`, throw the body away, return its length. RuntimeError for anything but a success."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    with connection.getresponse() as response:
        if response.status not in {200, 206}:
            raise RuntimeError(f"{response.status} for {path}: {response.read(500)!r}")
        total = 0
        while count := response.readinto(buffer):
            total += count
    connection.close()
    return total


def megabytes_per_s(port: int, path: str, headers: dict[str, str], buffer: bytearray) -> float:
    """Throughput of the whole file by one range request."""
    started = time.perf_counter()
    received = receive(port, path, headers | {"Range": "bytes=0-"}, buffer)
    seconds = time.perf_counter() - started
    if received != SIZE_BYTES:
        raise RuntimeError(f"{received} of {SIZE_BYTES} bytes")
    return SIZE_BYTES / 1e6 / seconds


def seek_ms(port: int, path: str, headers: dict[str, str], buffer: bytearray) -> float:
    """Median time of a small range somewhere in the file, each over a new connection."""
    chance, times = random.Random(1), []  # noqa: S311  (no secrets are made)
    for _ in range(SEEKS):
        offset = chance.randrange(SIZE_BYTES - SEEK_BYTES)
        started = time.perf_counter()
        receive(port, path, headers | {"Range": f"bytes={offset}-{offset + SEEK_BYTES - 1}"}, buffer)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


@contextmanager
def application(environment: dict[str, str], directory: Path, **more: str) -> Iterator[int]:
    """The application as `manage.py up` starts it; yields its port."""
    port = free_port()
    log = directory / f"uvicorn-{port}.log"
    options = ["--port", str(port), "--lifespan", "off", "--log-level", "warning", "--no-access-log", "--no-server-header"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "mam.asgi:application", *options], env=environment | more, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: _answers(port), process, log)
        yield port
    finally:
        stop(process)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    """Three servers over one file in the page cache."""
    with ExitStack() as stack:
        environment = stack.enter_context(environment_of("sqlite"))
        directory = Path(environment["MAM_DATA_DIR"])
        film = directory / "archive" / "film.mp4"
        film.parent.mkdir()
        _write(film)
        command = [sys.executable, "-m", "benchmarks.range", "prepare", str(film)]
        output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        url, cookie = output.split()
        ours = stack.enter_context(application(environment, directory))
        accelerated = stack.enter_context(application(environment, directory, MAM_X_ACCEL_PREFIX=ACCEL_PREFIX))
        proxy = stack.enter_context(nginx(site_of(upstream_port=accelerated, static=directory / "static")))
        plain = stack.enter_context(nginx(f"server {{ listen 127.0.0.1:%(port)s; location / {{ alias {film.parent}/; }} }}"))
        headers = {"Cookie": cookie}
        sides = {
            "ours": (ours, url, headers),
            "X-Accel": (proxy.port, url, headers),
            "nginx": (plain.port, f"/{film.name}", {}),
        }
        _report(sides)


def _report(sides: dict[str, tuple[int, str, dict[str, str]]]) -> None:
    buffer = bytearray(1024 * 1024)
    rates = {name: 0.0 for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            rates[name] = max(rates[name], megabytes_per_s(*side, buffer))
    for name, side in sides.items():
        sys.stdout.write(f"{name}: {rates[name]:.0f} MB/s; a seek {seek_ms(*side, buffer):.1f} ms\n")
    sys.stdout.write(f"range_x_accel ratio {rates['X-Accel'] / rates['nginx']:.2f} (ours/reference)\n")
    sys.stdout.write(f"range ratio {rates['ours'] / rates['nginx']:.2f} (ours/reference)\n")


def _write(path: Path) -> None:
    block = random.Random(0).randbytes(min(SIZE_BYTES, 16 * 1024 * 1024))  # noqa: S311  (no secrets are made)
    with path.open("wb") as out:
        for start in range(0, SIZE_BYTES, len(block)):
            out.write(block[: SIZE_BYTES - start])


if __name__ == "__main__":
    prepare(Path(sys.argv[2])) if sys.argv[1:2] == ["prepare"] else main()
