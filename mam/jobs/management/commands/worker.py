"""`manage.py worker --queue media`: runs the jobs of one queue."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mam.jobs.worker import Worker


class Command(BaseCommand):
    help = "Run the jobs of one queue until stopped. Start as many as you like, on as many machines."
    requires_system_checks = ()  # as for `up`

    def add_arguments(self, parser: CommandParser) -> None:
        """--queue, --processes."""
        parser.add_argument("--queue", required=True, choices=sorted(settings.MAM_QUEUES))
        parser.add_argument("--processes", type=int, default=None, help="jobs at a time (default: as the settings say)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        asked = options["processes"]
        processes = max(1, settings.MAM_QUEUES[options["queue"]]) if asked is None else asked
        if processes < 1:
            raise CommandError("--processes has to be 1 or more")
        Worker(options["queue"], processes).run()
