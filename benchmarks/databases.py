"""Django on an empty database of its own, SQLite or PostgreSQL, for benchmarks that write to the catalog."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.fixtures.servers import postgres_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENGINES = ("sqlite", "postgresql")
BUFFERS = "2GB"  # of PostgreSQL, as docs/operations.md says; a server that nobody has told anything takes 128 MB


@contextmanager
def environment_of(engine: str) -> Iterator[dict[str, str]]:
    """The environment of a process that shall use an empty database of `engine`; server and files go away afterwards."""
    with tempfile.TemporaryDirectory(prefix="mam-bench-") as directory:
        environment = os.environ | {"MAM_DATA_DIR": directory, "DJANGO_SETTINGS_MODULE": "mam.settings", "MAM_LOG_LEVEL": "WARNING"}
        for name in ("DATABASE_URL", "OTT_DATABASE_URL"):
            environment.pop(name, None)
        if engine == "sqlite":
            yield environment
            return
        with postgres_server(shared_buffers=BUFFERS) as server:
            yield environment | {"DATABASE_URL": server.create_database("bench"), "OTT_DATABASE_URL": server.create_database("ott")}


def run_on_each(module: str) -> dict[str, dict[str, float]]:
    """Run `python -m module engine` on each engine; it prints `key value` lines of numbers. Engine -> key -> value."""
    results: dict[str, dict[str, float]] = {}
    for engine in ENGINES:
        with environment_of(engine) as environment:
            command = [sys.executable, "-m", module, engine]
            output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        results[engine] = {key: float(value) for key, value in (line.split() for line in output.splitlines())}
    return results


def compare_on_each(name: str, reference: str, unit: str = "rows/s", more: Callable[[dict[str, float]], str] | None = None) -> float:
    """Run `benchmarks.NAME` on each engine, where it prints rates as `ours` and `reference`; tell both sides. The worse ratio."""
    ratios = []
    for engine, found in run_on_each(f"benchmarks.{name}").items():
        ratio = found["ours"] / found["reference"]
        ratios.append(ratio)
        rates = f"ours {found['ours']:,.0f} {unit}, {reference} {found['reference']:,.0f} {unit}"
        sys.stdout.write(f"{engine}: {rates}, ratio {ratio:.2f}{more(found) if more else ''}\n")
    return min(ratios)


def analyse() -> None:
    """Let the database look at what it holds, as it does by itself after a while."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def set_up() -> None:
    """Load Django and make the tables, in a process as `manage.py up` begins one."""
    import django  # noqa: PLC0415  (the environment says which database)
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    gc.freeze()
