"""Words with a fixed meaning in sync."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Adapter(models.TextChoices):
    """What kind of place a target is."""

    DATABASE = "database", _("Database")
    FIRESTORE = "firestore", "Firestore"


class MatchStatus(models.TextChoices):
    """How a file and a row of the target stand to each other."""

    SYNCED = "synced", _("Synced")
    SYNCED_WITH_DUPLICATES = "synced_with_duplicates", _("Synced, has copies")
    NEW = "new", pgettext_lazy("match status", "New")
    DELETED = "deleted", pgettext_lazy("match status", "Deleted")
    MOVED = "moved", pgettext_lazy("match status", "Moved")
    DUPLICATE = "duplicate", _("Copy")
    NOT_SYNCED = "not_synced", _("Not synced")


class MatchReason(models.TextChoices):
    """Why a match has its status, where that says too little."""

    NONE = "", ""
    NOT_HLS = "not_hls", _("Not HLS compatible (%(extension)s)")
    UNSUPPORTED = "unsupported", _("File type not supported")
    GROWING = "growing", _("Still being written")
    HELD = "held", _("Vanished: waits for an administrator's decision")  # new or synced; nothing is done about it
    CHANGED = "changed", _("Changed since the last sync")  # synced, and its row is to be updated
    RETURNED = "returned", _("Here again: its entry will be restored")  # new
    MARKED = "marked", _("Marked as deleted in the target")  # deleted, nothing is left to do
    UNREADABLE = "unreadable", _("The entry in the target cannot be read")  # deleted; it is left alone


class Side(models.TextChoices):
    """Of what something is an id."""

    FILE = "file", _("File")
    ROW = "row", _("Entry of the target")


class Action(models.TextChoices):
    """What a sync would do to the target's row."""

    NONE = "", ""
    INSERT = "insert", _("Add")
    UPDATE = "update", _("Update")
    DELETE = "delete", _("Mark as deleted")
    RESTORE = "restore", _("Restore")


class PlanState(models.TextChoices):
    """Where a plan is."""

    READY = "ready", _("Ready")
    HELD = "held", _("Held: waits for approval")
    APPLYING = "applying", _("Being applied")
    APPLIED = "applied", _("Applied")
    PARTIAL = "partial", _("Partly applied")
    FAILED = "failed", _("Stopped by an error")
    STALE = "stale", _("Out of date")
    DISCARDED = "discarded", _("Discarded")


class HoldReason(models.TextChoices):
    """Why a plan waits for an administrator."""

    SHARE = "share", _("More than %(limit)s %% of the target would be marked as deleted: %(count)s of %(total)s.")
    ROWS = "rows", _("More than %(limit)s entries would be marked as deleted: %(count)s.")
    TARGET_LOST = (
        "target_lost",
        _("%(count)s of %(total)s entries of the target were gone at once. Is it the right database, and up to date?"),
    )
    SOURCE_OFFLINE = "source_offline", _("The source %(source)s is offline.")
    SCAN_INCOMPLETE = "scan_incomplete", _("The last scan of the source %(source)s was not complete.")


class PartState(models.TextChoices):
    """Where a batch of a plan is."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    PARKED = "parked", _("Put aside after an error")


class HistoryEvent(models.TextChoices):
    """What a row of the history tells of."""

    ADDED = "added", pgettext_lazy("history", "Added")
    DELETED = "deleted", pgettext_lazy("history", "Deleted")
    MOVED = "moved", pgettext_lazy("history", "Moved")
    CHANGED = "changed", pgettext_lazy("history", "Changed")
    SYNCED = "synced", pgettext_lazy("history", "Synced")
    RESTORED = "restored", pgettext_lazy("history", "Restored")
    SETTING_CHANGED = "setting_changed", _("Setting changed")
    PLAN_APPROVED = "plan_approved", _("Plan approved")


class HistorySide(models.TextChoices):
    """Where the change of a row of the history happened."""

    SOURCE = "source", _("Source")
    TARGET = "target", _("Target")
    SYSTEM = "system", _("System")


class Drift(models.TextChoices):
    """What a reconciliation found of one path; the signs are those of `rclone check --combined`."""

    EQUAL = "=", _("Equal")
    ONLY_SOURCE = "+", _("Only in the source")
    ONLY_TARGET = "-", _("Only in the target")
    DIFFERS = "*", _("Differs")
    UNREADABLE = "!", _("Unreadable")


class TargetState(models.TextChoices):
    """How a target was when it was used last."""

    UNKNOWN = "unknown", _("Not checked yet")
    ONLINE = "online", _("Online")
    OFFLINE = "offline", _("Not reachable")


DEFAULT_HLS_EXTENSIONS = ("mp4", "mov", "ts")


def default_hls_extensions() -> list[str]:
    """A fresh list of DEFAULT_HLS_EXTENSIONS."""
    return list(DEFAULT_HLS_EXTENSIONS)


class HistoryFault(models.TextChoices):
    """What is wrong with a row of the history."""

    CHANGED = "changed", _("What the row says was changed.")
    DIGEST = "digest", _("The digest of the row was changed.")
    ORDER = "order", _("The row does not follow the one before it: rows were swapped or put in, or this one was replaced.")
    MISSING = "missing", _("The row is missing.")
    END_CUT = "end_cut", _("The row is missing, and all that followed it.")
    ADDED = "added", _("The row was not written by this system.")
    END = "end", _("The note of which row is the last one does not agree with this row.")


class AlertKind(models.TextChoices):
    """What people are told of."""

    ERROR = "error", _("Error")
    HELD = "held", _("Plan waits for approval")
    TEST = "test", _("Test")


class AlertChannel(models.TextChoices):
    """How they are told."""

    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook")
