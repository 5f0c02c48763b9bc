"""Texts of ingest's log lines, by code."""

from mam.lib import messages
from mam.lib.errors import gettext_noop

messages.register(
    {
        "scan_started_full": gettext_noop("Scan of %(source)s started: every folder."),
        "scan_started_gated": gettext_noop("Scan of %(source)s started: what changed."),
        "scan_started_folders": gettext_noop("A look at some folders of %(source)s started."),
        "scan_resumed": gettext_noop("Scan of %(source)s goes on where it stopped: %(files)s files were seen already."),
        "scan_done": gettext_noop(
            "Scan done: %(files)s files in %(directories)s folders; %(added)s added, %(changed)s changed, %(moved)s moved, "
            "%(missing)s missing, %(restored)s back."
        ),
        "scan_directory_unreadable": gettext_noop("The folder %(path)s cannot be read (%(reason)s). What was known of it stays."),
        "scan_slowed": gettext_noop("%(source)s answers slowly: the scan asks for less at once."),
        "scan_full_speed": gettext_noop("%(source)s answers as before: the scan goes on at full speed."),
        "unreadable_folders": gettext_noop("%(folders)s folders cannot be read. What was known of them stays."),
        "scan_files_held": gettext_noop(
            "%(files)s files vanished at once (%(where)s). Nothing was changed; an administrator has to decide."
        ),
        "files_came_back": gettext_noop("%(files)s vanished files are back."),
        "probe_started": gettext_noop("Analysing %(files)s files of %(source)s."),
        "probe_done": gettext_noop("Analysis done: %(done)s understood, %(failed)s not readable."),
    }
)
