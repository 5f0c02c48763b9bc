"""Loads the job kinds of all apps."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "mam.jobs"
    label = "jobs"
    verbose_name = _("Jobs")

    def ready(self) -> None:
        """Import every app's `tasks`, so that `@job` runs."""
        autodiscover_modules("tasks")
