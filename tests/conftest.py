"""Loads every module of `tests/fixtures` as a plugin, and offers `--database-only` for the run on PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [f"tests.fixtures.{module.stem}" for module in sorted((Path(__file__).parent / "fixtures").glob("[!_]*.py"))]
pytest.register_assert_rewrite(*pytest_plugins)  # before one of them imports another

# Debian keeps smbd, nginx and the like out of an ordinary user's PATH.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])

# Tests run beside a running system, on machines that are busy: how long an example takes says nothing.
settings.register_profile("mam", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mam")

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="run only the tests of what depends on the database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if any(item.get_closest_marker(name) for name in ("browser", "processes", "large"))}
    items.sort(key=lambda item: item.path not in slow)  # the long files first, so that no processor waits for the last one
    if not config.getoption("--database-only"):
        return
    config.hook.pytest_deselected(items=[item for item in items if not _uses_database(item)])
    items[:] = [item for item in items if _uses_database(item)]


def _uses_database(item: pytest.Item) -> bool:
    """What a browser shows, and what becomes of a film, does not depend on the database, and takes long: it is looked at once."""
    if any(item.get_closest_marker(name) is not None for name in ("browser", "media", "large")):
        return False
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
