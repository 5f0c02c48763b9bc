"""`manage.py import_archive PATH`: take over the archive.db or pokervod.db of the system before this one."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from catalog.choices import ImportReason
from catalog.services.archive_import import NotPlaced, import_archive
from catalog.services.metadata_csv import guard
from mam.lib import messages
from mam.lib.errors import MamError
from mam.lib.terminal import progress_bar

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterator

    from catalog.services.archive_import import ImportResult


class Command(BaseCommand):
    help = "Take over works, titles, tags and players from an old archive.db or pokervod.db, which is only read. May be repeated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="the old SQLite file")
        parser.add_argument("--dry-run", action="store_true", help="report what would be done, and change nothing")
        parser.add_argument("--report", type=Path, metavar="FILE.csv", help="write down here what could not be placed")

    def handle(self, *args: Any, path: Path, dry_run: bool, report: Path | None, **options: Any) -> None:
        with _report(report, path) as write, progress_bar() as bar:
            try:
                result = import_archive(
                    path=path,
                    user=None,
                    dry_run=dry_run,
                    on_progress=lambda done, total: bar.show(gettext("Importing"), done, total),
                    on_not_placed=write,
                )
            except MamError as error:
                raise CommandError(messages.render(error.code, error.params, gettext)) from error
        self._tell(result, report)
        if dry_run:
            self.stdout.write(gettext("Nothing was changed: this was a dry run."))

    def _tell(self, result: ImportResult, report: Path | None) -> None:
        text = gettext("%(placed)s entries placed, %(known)s placed before, %(not_placed)s not placed.")
        self.stdout.write(text % {"placed": result.placed, "known": result.known, "not_placed": result.not_placed})
        if result.kept:
            self.stdout.write(gettext("%(count)s files stayed where curators had put them.") % {"count": result.kept})
        for reason, count in result.reasons.most_common():
            self.stdout.write(f"  {count:>8}  {ImportReason(reason).label}")
        if report is not None and result.not_placed:
            self.stdout.write(gettext("What was not placed is listed in %(path)s.") % {"path": report})


@contextmanager
def _report(path: Path | None, archive: Path) -> Iterator[Callable[[NotPlaced], None] | None]:
    """What writes a line of the report; None without one."""
    if path is None:
        yield None
        return
    try:
        if path.exists() and archive.exists() and path.samefile(archive):
            raise CommandError(gettext("The report must not be written over the archive."))
        file = path.open("w", encoding="utf-8-sig", newline="")  # with the mark by which spreadsheets know UTF-8
    except OSError as error:
        text = gettext("The report cannot be written: %(detail)s")
        raise CommandError(text % {"detail": error.strerror or str(error)}) from error
    with file:
        lines = csv.writer(file)
        lines.writerow([gettext("table"), gettext("old id"), gettext("path or name"), gettext("reason")])
        yield lambda row: lines.writerow(map(guard, [row.table, row.old_id, row.label, str(row.reason.label)]))
