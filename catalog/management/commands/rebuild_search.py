"""`manage.py rebuild_search`: make the search anew while it is in use."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext

from catalog.search import index
from mam.lib.terminal import progress_bar


class Command(BaseCommand):
    help = "Compare the search with every file of the catalog, repair what differs, and make the index and the list of words anew."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_bar() as bar:
            found = index.rebuild(lambda reached, last: bar.show(gettext("Comparing"), reached, last))
        text = gettext("%(files)s files compared, %(wrong)s search entries made anew.")
        self.stdout.write(text % {"files": found.files, "wrong": found.wrong})
