from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _write_roles(sender: AppConfig, apps: Any = apps, **kwargs: Any) -> None:
    """Django makes permissions app by app; after the last app that has one of ours, all of them are there."""
    from mam.accounts.services import write_roles  # noqa: PLC0415  (models are not loaded when this module is)

    labels = [config.label for config in apps.get_app_configs()]
    ours = {name.partition(".")[0] for names in settings.MAM_ROLES.values() for name in names}
    if ours <= set(labels) and sender.label == max(ours, key=labels.index):
        write_roles()


class AccountsConfig(AppConfig):
    name = "mam.accounts"
    label = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Connect what runs without being called: checks, API schema parts, the library's signals, roles after every migrate."""
        from mam.accounts import checks, receivers, schema  # noqa: F401, PLC0415  (they register themselves)

        post_migrate.connect(_write_roles, dispatch_uid="accounts.write_roles")
