"""Brings a data directory up to date before the system starts: database and static files. Quick when nothing changed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Callable


def migrate(say: Callable[[str], None]) -> None:
    """Apply the migrations that are missing."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say(_("Updating the database"))
        call_command("migrate", interactive=False, verbosity=0)


def collect_static(say: Callable[[str], None]) -> None:
    """Collect the static files when one of them changed since the last time."""
    stamp = settings.DATA_DIR / "static.stamp"
    state = _state_of_static_files()
    if settings.STATIC_ROOT.exists() and stamp.exists() and stamp.read_text() == state:
        return
    say(_("Collecting static files"))
    # Anew: otherwise a file is left as it is when its copy is younger, as after a return to an older version.
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(state)


def _state_of_static_files() -> str:
    """A digest of names, sizes and times; reading the files would take longer than the rest of a start."""
    digest = hashlib.sha256(f"{settings.STATIC_ROOT} {settings.STORAGES['staticfiles']}".encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda item: item[0]):
            digest.update(f"{path} {storage.size(path)} {storage.get_modified_time(path).timestamp()}\n".encode())
    return digest.hexdigest()
