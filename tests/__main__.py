"""`python -m tests`: what is measured by the clock, alone; then what uses the database on PostgreSQL, then everything on SQLite.

What fails is run once more by itself, and has to pass then: two browsers and an encoder on two processors can make any time-out come
true, and so can whoever else uses the machine. Both outcomes are in the output. Arguments go to pytest.

What a person's shell says about an installation of theirs (MAM_*, S3_*, DATABASE_URL, REDIS_URL) does not reach the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.fixtures.servers import postgres_server

PRODUCT_VARIABLES = ("MAM_", "DATABASE_URL", "REDIS_URL", "S3_", "DJANGO_")
MOST_AT_A_TIME = 4
MOST_AGAIN = 5  # failures: more are no accident


def main(arguments: list[str]) -> int:
    """The exit code of the first run that failed, or 0."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PRODUCT_VARIABLES)}
    # One more than there are processors, for each waits for servers and browsers at times; the tests of one file stay together, because
    # they share what their module has started.
    at_a_time = min(len(os.sched_getaffinity(0)) + 1, MOST_AT_A_TIME)
    together = [f"--numprocesses={at_a_time}", "--dist=loadfile", "--no-loadscope-reorder", "--durations=25"]
    alone = _pytest_twice(["-m", "alone", *arguments], [], environment)
    with postgres_server() as server:
        stored_there = environment | {"DATABASE_URL": server.create_database("mam")}
        on_postgres = _pytest_twice(["-m", "not alone", "--database-only", *arguments], together, stored_there)
    on_sqlite = _pytest_twice(["-m", "not alone", *arguments], together, environment)
    return alone or on_postgres or on_sqlite


def _pytest_twice(arguments: list[str], together: list[str], environment: dict[str, str]) -> int:
    """Once as `together` says; then what failed, one after the other."""
    status = _pytest([*together, *arguments], environment)
    if status != pytest.ExitCode.TESTS_FAILED:
        return status
    sys.stdout.write("\nWhat failed, once more by itself:\n")
    sys.stdout.flush()
    return _pytest(["--last-failed", f"--maxfail={MOST_AGAIN}", *arguments], environment)


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    """0 also when none of the tests that were asked for are of this run."""
    status = subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, check=False).returncode
    return 0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
