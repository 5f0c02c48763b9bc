"""How late lines of the live log are: 100 clients of `/ws/logs`, 200 lines a second for 10 s, from the writing of a line to its arrival.

The whole system as `manage.py up` starts it, embedded: SQLite, and a server that looks for new lines by itself. Lines are written by a
process, clients are another. Every client must get every line once and in order, one in ten over a reconnect in the middle, or the
benchmark fails. The ratio is that of the 99th percentile over all lines and clients to the 100 ms that nobody notices.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect

from tests.fixtures.system import running_system

if TYPE_CHECKING:
    from tests.fixtures.system import RunningSystem

CLIENTS = 100
RATE = 200  # lines a second
SECONDS = 10
NOTICED_MS = 100
_LINES = RATE * SECONDS


@dataclass
class Client:
    """What one client has got: the number of each line, and how late it was."""

    numbers: list[int] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    last: int = 0

    async def listen(self, address: str, token: str, ready: asyncio.Event, *, leaves_after: int | None) -> None:
        """Until all lines are there; a client that leaves comes back with the last id it has."""
        while len(self.numbers) < _LINES:
            query = f"?after={self.last}" if self.last else ""
            headers = {"Authorization": f"Bearer {token}", "Origin": address.replace("ws", "http", 1)}
            async with connect(f"{address}/ws/logs{query}", additional_headers=headers) as socket:
                ready.set()
                async for frame in socket:
                    self._take(json.loads(frame))
                    if len(self.numbers) >= _LINES or (leaves_after is not None and len(self.numbers) >= leaves_after):
                        leaves_after = None
                        break

    def _take(self, frame: dict[str, object]) -> None:
        now = time.time()
        lines = frame["lines"]
        for line in lines if isinstance(lines, list) else []:
            if line["code"] == "sync_matched":  # whose number is the time of writing
                self.numbers.append(line["params"]["number"])
                self.late_ms.append(1000 * (now - line["params"]["at"]))
        self.last = int(str(frame["last"]))


def write() -> None:
    """In a process of its own, on the system's database: the lines, at their times."""
    import django  # noqa: PLC0415

    django.setup()
    from mam.jobs import log  # noqa: PLC0415
    from mam.jobs.models import Job  # noqa: PLC0415

    job = Job.objects.create(kind="sync.match", queue="none")
    started = time.time()
    for number in range(_LINES):
        time.sleep(max(0.0, started + number / RATE - time.time()))
        log.write(job.pk, "sync_matched", {"changed": number, "number": number, "at": time.time()})


async def _listen(system: RunningSystem, token: str) -> list[Client]:
    clients = [Client() for _ in range(CLIENTS)]
    ready = [asyncio.Event() for _ in clients]
    address = system.url.replace("http", "ws")
    leaving = {number: _LINES // 2 for number in range(0, CLIENTS, 10)}
    async with asyncio.timeout(10 * SECONDS), asyncio.TaskGroup() as group:
        for number, (client, event) in enumerate(zip(clients, ready, strict=True)):
            group.create_task(client.listen(address, token, event, leaves_after=leaving.get(number)))
        await asyncio.gather(*(event.wait() for event in ready))
        await asyncio.sleep(1)  # subscriptions are made after the handshake
        writer = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.live_log", "write", env=_environment(system))
        await writer.wait()
    return clients


def _environment(system: RunningSystem) -> dict[str, str]:
    return system.environment | {"DJANGO_SETTINGS_MODULE": "mam.settings", "MAM_LOG_LEVEL": "WARNING"}


def _token(system: RunningSystem) -> str:
    email, password = system.login
    body = json.dumps({"email": email, "password": password}).encode()
    request = urllib.request.Request(f"{system.url}/auth/login", body, {"Content-Type": "application/json"})  # noqa: S310  (ours)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(json.load(answer)["access"])


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mam-bench-") as directory:
        data_dir = Path(directory) / "data"
        data_dir.mkdir()
        (data_dir / "demo.made").touch()
        with running_system(data_dir) as system:
            clients = asyncio.run(_listen(system, _token(system)))
    for number, client in enumerate(clients):
        if client.numbers != list(range(_LINES)):
            raise RuntimeError(f"client {number} has got {len(client.numbers)} lines of {_LINES}, or not in order")
    late = sorted(ms for client in clients for ms in client.late_ms)
    p50, p99 = (late[int(share * len(late))] for share in (0.5, 0.99))
    most = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, at most {late[-1]:.0f} ms"
    sys.stdout.write(f"{CLIENTS} clients, {RATE} lines/s: {most}; none lost or doubled\n")
    sys.stdout.write(f"live_log ratio {p99 / NOTICED_MS:.2f} (ours/reference: the 99th percentile against {NOTICED_MS} ms)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write()
    else:
        sys.exit(main())
