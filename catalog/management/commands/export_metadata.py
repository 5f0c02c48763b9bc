"""`manage.py export_metadata`: curated metadata as a CSV file, of every file or of those of a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from catalog.search.query import parse
from catalog.selectors import metadata

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Write titles, descriptions, places, tags and players of all files, or of those that a search finds, to a CSV file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--query", default="", help="as typed into the search box (default: every file, missing ones too)")

    def handle(self, *args: Any, file: Path, query: str, **options: Any) -> None:
        parsed = parse(query)
        pages = metadata.list_found_pages(parsed) if parsed else metadata.list_all_pages()
        count = 0

        def counted() -> Any:
            nonlocal count
            for ids in pages:
                count += len(ids)
                yield ids

        try:
            with file.open("wb") as target:
                target.writelines(metadata.write_table(counted()))
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(gettext("%(count)s files written to %(file)s.") % {"count": count, "file": file})
