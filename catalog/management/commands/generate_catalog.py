"""`manage.py generate_catalog`: an archive of any size, to measure and try things on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from catalog.search import index
from catalog.services.generating import AlreadyGeneratedError, generate
from mam.lib.terminal import progress_bar

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Fill the catalog with files that do not exist, named as a poker broadcaster's are; the same ones for the same seed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--files", type=int, default=100_000, help="how many (default: %(default)s)")
        parser.add_argument("--seed", type=int, default=1, help="another one for another archive (default: %(default)s)")

    def handle(self, *args: Any, files: int, seed: int, **options: Any) -> None:
        if files < 1:
            raise CommandError(gettext("At least one file, please."))
        with progress_bar() as bar:
            try:
                source = generate(files=files, seed=seed, on_progress=lambda done: bar.show(gettext("Writing"), done, files))
            except AlreadyGeneratedError as error:
                raise CommandError(str(error)) from error
            index.refresh_all(lambda done: bar.show(gettext("Indexing"), done, files))
        self.stdout.write(gettext("%(count)s files in the source “%(name)s”.") % {"count": files, "name": source.name})
