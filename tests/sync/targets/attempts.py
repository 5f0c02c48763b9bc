"""Run as a process of its own, in a place where not everything is allowed: tries one thing after the other, and prints how each went."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from sync.errors import TargetError  # noqa: E402  (needs what was set up above)
from sync.targets.database import DatabaseTarget  # noqa: E402
from tests.sync.targets.places import all_files, batch, database_alias, new  # noqa: E402

FILLER = "filler"


def attempt(target: DatabaseTarget, what: str, directory: Path) -> str:
    if what == "read":
        return str(len(all_files(target)))
    if what == "fingerprint":
        target.fingerprint()
    elif what == "apply":
        if not (directory / "pokervod.db").exists():
            target.prepare()
        target.apply(batch([new("first.mp4")], 1))
    elif what == "many":
        for number in range(2, 7):
            target.apply(batch([new(f"{number}/{index}.mp4") for index in range(500)], number))
    elif what == "fill":
        with (directory / FILLER).open("wb") as file:
            file.write(bytes(os.statvfs(directory).f_bavail * os.statvfs(directory).f_frsize - 65_536))
    elif what == "free":
        (directory / FILLER).unlink()
    return "fine"


def main(url: str, attempts: list[str]) -> None:
    """Print a word for each."""
    directory = Path(url.removeprefix("sqlite:///")).parent
    with database_alias(url) as alias:
        target = DatabaseTarget(alias)
        for what in attempts:
            try:
                sys.stdout.write(f"{attempt(target, what, directory)}\n")
            except TargetError as error:
                sys.stdout.write(f"{error.code}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
