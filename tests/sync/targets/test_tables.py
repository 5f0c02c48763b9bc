"""A target's tables are in the target, all others in the main database; and nobody but sync notices a target that is away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.db import connections, router

from sync.ott.models import OttFile
from sync.targets.database import layout
from tests.sync.targets.places import all_files, batch, new

if TYPE_CHECKING:
    from tests.sync.targets.places import SqlitePlace

ROOT = Path(__file__).resolve().parents[3]
OURS = {"files", "catalogs", "series", "contents", "players", "sync_metadata"}


def test_every_model_has_one_place() -> None:
    for model in apps.get_models(include_auto_created=True):
        is_of_target = model._meta.app_label == "ott"
        assert router.allow_migrate_model("ott", model) is is_of_target
        assert router.allow_migrate_model("default", model) is not is_of_target
        assert (router.db_for_read(model), router.db_for_write(model)) == (("ott", "ott") if is_of_target else ("default", "default"))


@pytest.mark.django_db
def test_the_main_database_has_none_of_a_targets_tables() -> None:
    assert not OURS & layout.tables(connections["default"])


def test_a_target_has_its_own_tables_alone(sqlite: SqlitePlace) -> None:
    sqlite.target().prepare()
    found = {name for (name,) in sqlite.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")}
    assert found == OURS | {"django_migrations"}
    assert {app for (app,) in sqlite.execute("SELECT app FROM django_migrations")} == {"ott"}


def test_what_we_make_is_what_we_look_for(sqlite: SqlitePlace) -> None:
    """Columns of the models have the names by which a layout finds them, and nothing has to be added."""
    target = sqlite.target()
    target.prepare()
    target.apply(batch([new()]))
    assert len(all_files(target)) == 1
    columns = {str(field.column) for field in OttFile._meta.concrete_fields}
    assert columns == {"id", *(names[0] for part, names in layout.NAMES.items() if part not in {"width", "height", "duration_ms"})}
    assert set(sqlite.row("1")) == columns


@pytest.mark.processes
@pytest.mark.parametrize("url", ["sqlite:////proc/no/such/place/pokervod.db", "postgres://mam@127.0.0.1:9/ott"])
@pytest.mark.parametrize(
    "command", [["migrate", "--verbosity=0"], ["check"], ["makemigrations", "--check", "--dry-run", "ott"]], ids=" ".join
)
def test_commands_work_while_the_target_is_away(tmp_path: Path, url: str, command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAM_", "DATABASE_URL", "DJANGO_"))}
    environment |= {"MAM_DATA_DIR": str(tmp_path), "OTT_DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "mam.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
