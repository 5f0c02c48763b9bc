"""`manage.py verify_history`: is the history what was written? Names the first row that is not; ends with 1 then."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from mam.lib.terminal import progress_bar
from sync.services import history


class Command(BaseCommand):
    help = "Check that no row of the sync history was changed, taken out, put in or moved. Ends with 1 and names the first one that was."

    def handle(self, *args: Any, **options: Any) -> None:
        with progress_bar() as bar:
            found = history.verify(lambda done, total: bar.show("", done, total))
        if found.broken is not None:
            words = gettext("The history is broken at row %(row)s: %(fault)s The %(rows)s rows before it are as they were written.")
            numbers = {"row": found.broken.row_id, "fault": found.broken.fault.label, "rows": found.rows}
            raise CommandError(words % numbers, returncode=1)
        # Whoever keeps this line elsewhere can show later that nothing up to here was written anew.
        self.stdout.write(
            gettext("The history is whole: %(rows)s rows. The last digest is %(digest)s.") % {"rows": found.rows, "digest": found.digest}
        )
