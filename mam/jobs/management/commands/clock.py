"""`manage.py clock`: calls what is due. Any number may run; one leads."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

from mam.jobs.clock import Clock


class Command(BaseCommand):
    help = "Call the periodic functions of the product until stopped. Run one on each machine: one of them leads."
    requires_system_checks = ()  # as for `up`

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        clock = Clock()
        signal.signal(signal.SIGTERM, clock.stop)
        signal.signal(signal.SIGINT, clock.stop)
        clock.run()
