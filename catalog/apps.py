from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalog")

    def ready(self) -> None:
        """Checks; and the database's part of the search is made after each `migrate`: a migration may have dropped some of it."""
        from catalog import checks  # noqa: F401, PLC0415  (registers them)

        post_migrate.connect(_install_search, sender=self)


def _install_search(*, using: str, **_kwargs: Any) -> None:
    from catalog.search import triggers  # noqa: PLC0415  (apps are loaded by then)

    triggers.install(connections[using])
