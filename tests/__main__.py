"""`python -m tests`: the tests that use the database on PostgreSQL, then every test on SQLite. Arguments go to pytest.

What a person's shell says about an installation of theirs (MAM_*, S3_*, DATABASE_URL, REDIS_URL) does not reach the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.fixtures.servers import postgres_server

PRODUCT_VARIABLES = ("MAM_", "DATABASE_URL", "REDIS_URL", "S3_", "DJANGO_")
MOST_AT_A_TIME = 4


def main(arguments: list[str]) -> int:
    """The exit code of the first run that failed, or 0."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PRODUCT_VARIABLES)}
    with postgres_server() as server:
        on_postgres = _pytest(["--database-only", *arguments], environment | {"DATABASE_URL": server.create_database("mam")})
    on_sqlite = _pytest(arguments, environment)
    return on_postgres or on_sqlite


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    """On all processors; the tests of one file stay together, because they share what their module has started."""
    at_a_time = min(len(os.sched_getaffinity(0)), MOST_AT_A_TIME)
    command = [sys.executable, "-m", "pytest", f"--numprocesses={at_a_time}", "--dist=loadfile", "--no-loadscope-reorder", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
