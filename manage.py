#!/usr/bin/env python3
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mam.settings")
    # These read the settings named above.
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import DatabaseError, connection  # noqa: PLC0415
    from django.db.migrations.recorder import MigrationRecorder  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except DatabaseError:
        if MigrationRecorder(connection).has_table():
            raise
        sys.exit("There is no archive here yet: `manage.py up` makes one. If it lies somewhere else, set MAM_DATA_DIR or DATABASE_URL.")


if __name__ == "__main__":
    main()
