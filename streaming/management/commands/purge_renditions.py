"""`manage.py purge_renditions`: what nobody used for the time to live of its kind; deletes it with --apply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from mam.lib import messages
from mam.lib.errors import MamError
from mam.templatetags.mam_format import format_bytes
from streaming.services import purging

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from streaming.services.purging import Unused


class Command(BaseCommand):
    help = "Show which renditions nobody used for the time to live of their kind (MAM_TTL_DAYS); --apply deletes them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="delete them; they are made again when somebody asks")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = purging.purge_unused() if options["apply"] else purging.list_unused()
        except MamError as error:
            raise CommandError(messages.render(error.code, error.params, gettext)) from error
        for row in found:
            self.stdout.write(_line(row))
        if not found:
            self.stdout.write(gettext("Every rendition is in use."))
        elif not options["apply"]:
            self.stdout.write(gettext("Nothing was deleted. With --apply it is."))


def _line(row: Unused) -> str:
    return f"{row.kind}  {row.renditions}  {format_bytes(row.size_bytes)}"
