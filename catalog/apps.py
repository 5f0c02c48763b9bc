from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalog")

    def ready(self) -> None:
        """Checks, the cube; and the database's part of search and cubes is made after each `migrate`: a migration may have dropped some."""
        from catalog import checks  # noqa: F401, PLC0415  (registers them)
        from catalog.summary import FILES  # noqa: PLC0415  (models are there by now)
        from mam.lib import cubes  # noqa: PLC0415

        cubes.register(FILES)
        post_migrate.connect(_install, sender=self)


def _install(*, using: str, **_kwargs: Any) -> None:
    """Of the cubes of all apps; in the database that has their tables."""
    if using != DEFAULT_DB_ALIAS:
        return
    from catalog.search import triggers  # noqa: PLC0415  (apps are loaded by then)
    from mam.lib import cubes  # noqa: PLC0415

    triggers.install(connections[using])
    for cube in cubes.registered():
        cube.install(connections[using])
