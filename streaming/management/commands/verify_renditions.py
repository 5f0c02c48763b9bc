"""`manage.py verify_renditions`: are the stored objects those that were published?

Names each that is not. Ends with 0 when all that was seen is sound, or is being made again; else with 2.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from mam.lib import messages
from mam.lib.errors import MamError
from mam.lib.terminal import progress_bar
from streaming.services import fixity

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from streaming.choices import ObjectState
    from streaming.models import StoredObject
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
        if not (report.missing or report.changed or report.orphans > report.deleted):
            return
        if not options["repair"]:
            raise CommandError(gettext("Not everything is as it was published. --repair has it made again."), returncode=2)
        left = fixity.count_left_damaged()
        if left or report.orphans > report.deleted:
            text = gettext("Left as they are: %(damaged)s damaged renditions (the page of the file says why), %(orphans)s orphans.")
            raise CommandError(text % {"damaged": left, "orphans": report.orphans - report.deleted}, returncode=2)
        self.stdout.write(gettext("What was damaged is being made again: the Jobs page shows how far it is."))

    def _name(self, row: StoredObject, state: ObjectState) -> None:
        self.stdout.write(f"{state.label}: {row.name}")

    def _verify(self, budget_bytes: int | None, *, repair: bool, is_forced: bool) -> FixityReport:
        with progress_bar() as bar:

            def show(step: Step) -> None:
                bar.show(gettext("Reading") if step.unit else gettext("Listing"), step.done, step.total, step.note)

            try:
                return fixity.verify(budget_bytes=budget_bytes, repair=repair, is_forced=is_forced, on_step=show, on_damage=self._name)
            except MamError as error:
                raise CommandError(messages.render(error.code, error.params, gettext)) from error
