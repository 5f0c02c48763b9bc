"""`manage.py verify_renditions`: are the stored objects those that were published? Ends with 0 only when all that was seen is sound."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mam.lib import messages
from mam.lib.errors import MamError
from streaming.services import fixity

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from streaming.services.fixity import FixityReport, Step


class Command(BaseCommand):
    help = "List the store and read objects back: finds missing, changed and orphaned ones. With --repair they are made again or deleted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--budget", type=int, metavar="BYTES", help="bytes to read back (MAM_VERIFY_BYTES)")
        parser.add_argument("--all", action="store_true", help="read everything back, whatever the budget")
        parser.add_argument("--repair", action="store_true", help="delete orphans, have damaged renditions made again")
        parser.add_argument("--force", action="store_true", help="also when the store looks like one of another database")

    def handle(self, *args: Any, **options: Any) -> None:
        budget = options["budget"] if options["budget"] is not None else settings.MAM_VERIFY_BYTES
        report = self._verify(None if options["all"] else budget, repair=options["repair"], is_forced=options["force"])
        self.stdout.write("  ".join(f"{name} {value}" for name, value in asdict(report).items()))
        if report.missing or report.changed or report.orphans > report.deleted:
            raise CommandError(gettext("Not everything is as it was published."), returncode=2)

    def _verify(self, budget_bytes: int | None, *, repair: bool, is_forced: bool) -> FixityReport:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=Console(stderr=True), disable=not self.stderr.isatty()) as bar:
            task = bar.add_task("", total=None, note="")

            def show(step: Step) -> None:
                description = gettext("Reading") if step.unit else gettext("Listing")
                bar.update(task, description=description, completed=step.done, total=step.total, note=step.note[-40:])

            try:
                return fixity.verify(budget_bytes=budget_bytes, repair=repair, is_forced=is_forced, on_step=show)
            except MamError as error:
                raise CommandError(messages.render(error.code, error.params, gettext)) from error
