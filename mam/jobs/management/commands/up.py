"""`manage.py up`: the whole system on this machine."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mam.jobs.supervisor import CannotStartError, Supervisor


class Command(BaseCommand):
    help = "Prepare the data directory and run web, workers and clock until stopped (Ctrl-C)."
    requires_system_checks = ()  # they belong to deployment (`manage.py check`) and would cost a second of each start

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        try:
            Supervisor().run()
        except CannotStartError as error:
            raise CommandError(str(error)) from error
