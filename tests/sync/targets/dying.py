"""Run as a process of its own that kills itself: does the batches of a plan made by chance, and notes each that is done.

    python -m tests.sync.targets.dying KIND ADDRESS NOTES MOMENT

MOMENT: before how many statements of the database it is killed; between a batch and its note counts as one, too. 0: never.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()

from django.db import connections

from sync.targets.database import DatabaseTarget
from tests.sync.targets.places import PLAN, database_alias
from tests.sync.targets.reckoning import Reckoning

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.targets.base import OttTarget

BATCHES = 12
SEED = 4


class Moments:
    """Counts, and kills."""

    def __init__(self, last: int) -> None:
        self.left = last

    def pass_one(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """Of a statement of Django's."""
        self.pass_one()
        return execute(*arguments)


def run(target: OttTarget, notes: Path, moments: Moments) -> Reckoning:
    """Go on after what is noted; what the target holds at the end."""
    reckoning = Reckoning(SEED)
    noted = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    for number in range(BATCHES):
        batch = reckoning.batch(PLAN, number)
        if number < len(noted):
            reckoning.done(batch, noted[number])
            continue
        ids = target.apply(batch)
        moments.pass_one()
        with notes.open("a") as file:
            file.write(f"{json.dumps(ids)}\n")
        reckoning.done(batch, ids)
    return reckoning


def main(kind: str, address: str, notes: Path, moment: int) -> None:
    """Open the target and go."""
    moments = Moments(moment)
    with ExitStack() as stack:
        target: OttTarget
        if kind == "firestore":
            from sync.targets.firestore.target import FirestoreTarget  # noqa: PLC0415
            from tests.fixtures._firestore_server import connect_to  # noqa: PLC0415

            target = FirestoreTarget(lambda: connect_to(int(address)), name="OTT", location=address)
        else:
            alias = stack.enter_context(database_alias(address))
            target = DatabaseTarget(alias)
            stack.enter_context(connections[alias].execute_wrapper(moments.around))
        run(target, notes, moments)
        target.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
