from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = _("Sync")

    def ready(self) -> None:
        """The cube (made with those of all apps), and what the database notes for matching, made after each `migrate`."""
        from mam.lib import cubes  # noqa: PLC0415  (models are there by now)
        from sync.summary import MATCHES  # noqa: PLC0415

        cubes.register(MATCHES)
        post_migrate.connect(_install, sender=self)


def _install(*, using: str, **_kwargs: Any) -> None:
    if using != DEFAULT_DB_ALIAS:
        return
    from sync.matching import touches  # noqa: PLC0415  (apps are loaded by then)

    touches.install(connections[using])
