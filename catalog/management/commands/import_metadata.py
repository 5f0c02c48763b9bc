"""`manage.py import_metadata`: a CSV file with curated metadata; without --apply it only says what would change and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext

from catalog.choices import MetadataGoal
from catalog.models import MetadataImport
from catalog.selectors import metadata
from catalog.services import metadata_import as imports
from mam.lib.errors import MamError
from mam.lib.terminal import progress_bar
from mam.templatetags.mam_format import message_text

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Read curated metadata from a CSV file. Prints every problem by line; changes something only with --apply."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("file", type=Path, metavar="FILE", nargs="?")
        what.add_argument("--undo", type=int, metavar="NUMBER", help="take back what --apply did, by the number that it printed")
        parser.add_argument("--apply", action="store_true", help="apply the lines that have no problem")

    def handle(self, *args: Any, file: Path | None, undo: int | None, apply: bool, **options: Any) -> None:
        if undo is not None and apply:
            raise CommandError(gettext("Either --apply or --undo."))
        try:
            if file is not None:
                self._import(file, apply=apply)
            elif undo is not None:
                self._undo(undo)
        except (OSError, MamError) as error:
            raise CommandError(str(error)) from error

    def _import(self, file: Path, *, apply: bool) -> None:
        with file.open("rb") as stream:
            found = imports.store(stream=stream, name=file.name, user=None)
        is_applied = False
        try:
            self._settle(found, gettext("Checking"))
            if apply and found.may_be_applied:
                imports.apply_import(found=found, digest=found.digest, user=None, is_here=True)
                is_applied = True
                self.stdout.write(gettext("To take it back: manage.py import_metadata --undo %(number)s") % {"number": found.pk})
                self._settle(found, gettext("Applying"))
            self._report(found, apply=apply)
        finally:
            if not is_applied:
                found.delete()  # nobody's: no page shows it

    def _undo(self, number: int) -> None:
        of_command = MetadataImport.objects.filter(requested_by=None, goal__in=[MetadataGoal.APPLY, MetadataGoal.UNDO])
        found = of_command.filter(pk=number).first()
        if found is None:
            words = gettext(
                "Import %(number)s cannot be taken back: this command did not make it, or it was never applied, or it is undone already."
            )
            raise CommandError(words % {"number": number})
        if found.may_be_undone:
            imports.undo_import(found=found, user=None, is_here=True)
        self._settle(found, gettext("Undoing"))  # also one that somebody interrupted
        self.stdout.write(gettext("Taken back. What was changed after the import stays as it is."))
        found.delete()

    def _settle(self, found: MetadataImport, text: str) -> None:
        with progress_bar() as bar:
            imports.settle(import_id=found.pk, publish=transaction.atomic, on_progress=lambda done, total: bar.show(text, done, total))
        found.refresh_from_db()

    def _report(self, found: MetadataImport, *, apply: bool) -> None:
        for problem in metadata.list_problems(found):
            place = f"{problem.line}:{problem.column}" if problem.column else f"{problem.line}"
            self.stdout.write(f"{place}: {message_text(problem.code, problem.params)}")
        numbers = {"planned": found.planned_files, "changed": found.changed_files, "problems": found.total_problems}
        if apply:
            self.stdout.write(gettext("%(changed)s files changed, %(problems)s problems.") % numbers)
            return
        self.stdout.write(gettext("%(planned)s files would change, %(problems)s problems.") % numbers)
        if found.total_problems:
            raise SystemExit(1)
