"""Requests a second of signed local segments with 50 clients: nginx with `deploy/nginx.conf` in front of the application, which checks the
token of each and says which file to send (X-Accel-Redirect), against nginx alone on the same files. The application alone beside it.

Segments are byte ranges of four objects with the sizes that a ladder has; each client keeps its connection and plays one quality from a
place of its own. All from the page cache; the best of alternating rounds counts, because other work on the machine only slows a round.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.databases import environment_of, set_up
from benchmarks.range import application
from tests.fixtures.nginx import nginx, site_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = 50
ROUNDS = 6
SECONDS = float(os.environ.get("MAM_BENCH_SECONDS", "4"))
SEGMENTS = 60  # of each object: four minutes
SEGMENT_BYTES = {"v1080": 1_900_000, "v720": 1_100_000, "v480": 500_000, "v360": 280_000}  # 4 s at ordinary rates of our ladder
ACCEL_PREFIX = "/_sources"


def prepare() -> None:
    """In a process with the benchmark's settings: store four objects of a file; print a token's cookie, and address and place of each."""
    set_up()
    from streaming import tokens  # noqa: PLC0415
    from streaming.stores import objects  # noqa: PLC0415
    from tests.factories import make_file, make_source, make_user  # noqa: PLC0415
    from tests.streaming.conftest import cookie_of  # noqa: PLC0415

    file = make_file("film.mxf", source=make_source("bench"))
    cookie = cookie_of(make_user(None, is_superuser=True))
    token = tokens.issue(file, session_key=cookie.partition("=")[2]).text
    folder = objects.folder_for(file_id=file.pk, kind="hls")
    sys.stdout.write(f"{cookie}\n")
    for name, size_bytes in SEGMENT_BYTES.items():
        made = objects.put(f"{folder}/{name}.mp4", os.urandom(size_bytes) * SEGMENTS, content_type="video/mp4")
        sys.stdout.write(f"/stream/{token}/o/{made.name} {objects.local_path(made.name)}\n")


@dataclass(frozen=True)
class Side:
    """A server and how its requests look: one object for each quality."""

    port: int
    paths: list[str]
    cookie: str

    def requests_of(self, client: int) -> Iterator[tuple[bytes, int]]:
        """The requests of one client for ever, with the length of their bodies."""
        quality = client % len(self.paths)
        size_bytes = list(SEGMENT_BYTES.values())[quality]
        start = random.Random(client).randrange(SEGMENTS)  # noqa: S311  (no secrets are made)
        for number in itertools.count(start):
            first = number % SEGMENTS * size_bytes
            head = f"GET {self.paths[quality]} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n"
            yield f"{head}Range: bytes={first}-{first + size_bytes - 1}\r\n\r\n".encode(), size_bytes


def play(side: Side, client: int, deadline: float, counts: list[int]) -> None:
    """One viewer that does not wait between segments. RuntimeError for anything but the bytes that were asked for."""
    buffer = bytearray(256 * 1024)
    with socket.create_connection(("127.0.0.1", side.port), timeout=60) as connection:
        for request, size_bytes in side.requests_of(client):
            connection.sendall(request)
            head = bytearray()
            while (end := head.find(b"\r\n\r\n")) < 0:
                head += connection.recv(4096)
            if not head.startswith(b"HTTP/1.1 206") or f"ength: {size_bytes}\r\n".encode() not in head:
                raise RuntimeError(bytes(head[:500]))
            left = size_bytes - (len(head) - end - 4)
            while left:
                left -= connection.recv_into(buffer, min(left, len(buffer)))
            if time.perf_counter() > deadline:
                return
            counts[client] += 1


def requests_per_s(side: Side) -> float:
    """Of all clients together."""
    counts = [0] * CLIENTS
    started = time.perf_counter()
    clients = [threading.Thread(target=play, args=(side, number, started + SECONDS, counts)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return sum(counts) / SECONDS


def main() -> None:
    """Three servers over the same files."""
    with ExitStack() as stack:
        environment = stack.enter_context(environment_of("sqlite"))
        directory = Path(environment["MAM_DATA_DIR"])
        command = [sys.executable, "-m", "benchmarks.segments", "prepare"]
        output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        cookie, *lines = output.splitlines()
        signed, places = zip(*(line.split(" ", 1) for line in lines), strict=True)
        alone = stack.enter_context(application(environment, directory))
        accelerated = stack.enter_context(application(environment, directory, MAM_X_ACCEL_PREFIX=ACCEL_PREFIX))
        proxy = stack.enter_context(nginx(site_of(upstream_port=accelerated, static=directory / "static")))
        plain = stack.enter_context(nginx("server { listen 127.0.0.1:%(port)s; location / { root /; } }"))
        sides = {
            "X-Accel": Side(proxy.port, list(signed), cookie),
            "nginx": Side(plain.port, list(places), cookie),
            "application alone": Side(alone, list(signed), cookie),
        }
        rates = dict.fromkeys(sides, 0.0)
        for _ in range(ROUNDS):
            for name, side in sides.items():
                rates[name] = max(rates[name], requests_per_s(side))
        for name, rate in rates.items():
            sys.stdout.write(f"{name}: {rate:.0f} segments/s\n")
        sys.stdout.write(f"segments_alone ratio {rates['application alone'] / rates['nginx']:.2f} (ours/reference)\n")
        sys.stdout.write(f"segments ratio {rates['X-Accel'] / rates['nginx']:.2f} (ours/reference)\n")


if __name__ == "__main__":
    prepare() if sys.argv[1:] == ["prepare"] else main()
