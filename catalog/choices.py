"""Words with a fixed meaning in the catalog."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class SourceState(models.TextChoices):
    UNKNOWN = "unknown", _("Not checked yet")
    ONLINE = "online", _("Online")
    DEGRADED = "degraded", _("Degraded")
    OFFLINE = "offline", _("Offline")


class FileKind(models.TextChoices):
    VIDEO = "video", _("Video")
    AUDIO = "audio", _("Audio")
    IMAGE = "image", _("Image")
    SUBTITLE = "subtitle", _("Subtitle")
    OTHER = "other", pgettext_lazy("file kind", "Other")


PLACED_KINDS = (FileKind.VIDEO.value, FileKind.AUDIO.value)  # of a file that path rules place; others follow, or belong to nothing


class Presence(models.TextChoices):
    PRESENT = "present", _("Present")
    GROWING = "growing", _("Being written")
    HELD = "held", _("Gone, waiting for a decision")
    MISSING = "missing", _("Missing")


HERE = (Presence.PRESENT.value, Presence.GROWING.value)  # of a file that is there


class ProbeState(models.TextChoices):
    NONE = "none", _("Not media")
    PENDING = "pending", _("Waiting for analysis")
    DONE = "done", _("Analysed")
    FAILED = "failed", _("Not readable")


class ProbeReason(models.TextChoices):
    """Why there is no (complete) technical description."""

    EMPTY = "empty", _("The file is empty.")
    TRUNCATED = "truncated", _("The file ends too early: it was cut off or not copied completely.")
    UNSUPPORTED = "unsupported", _("This is not a media format we know, whatever its name says.")
    CRASHED = "crashed", _("The file crashed the analysis twice. It is left alone until it changes.")
    TIMEOUT = "timeout", _("The analysis took too long.")
    BUDGET = "budget", _("Too much would have to be read to understand this file.")
    UNREADABLE = "unreadable", _("The file could not be read from the source.")


class StreamKind(models.TextChoices):
    VIDEO = "video", _("Video")
    AUDIO = "audio", _("Audio")
    SUBTITLE = "subtitle", _("Subtitle")
    DATA = "data", _("Data")


class Placement(models.TextChoices):
    """Who put a file into its content. A rule never moves what a curator placed."""

    RULE = "rule", _("By rule")
    CURATOR = "curator", _("By a curator")


class EditKind(models.TextChoices):
    """What a bulk edit does with its files."""

    COLLECT = "collect", _("Add to a collection")
    ADD_TAGS = "add_tags", _("Add tags")
    REMOVE_TAGS = "remove_tags", _("Remove tags")
    ADD_PLAYERS = "add_players", _("Add players")
    REMOVE_PLAYERS = "remove_players", _("Remove players")
    PLACE = "place", _("Move to a series")


# What model the targets of a kind are.
EDIT_TARGETS: dict[EditKind, str] = {
    EditKind.COLLECT: "collection",
    EditKind.ADD_TAGS: "tag",
    EditKind.REMOVE_TAGS: "tag",
    EditKind.ADD_PLAYERS: "player",
    EditKind.REMOVE_PLAYERS: "player",
    EditKind.PLACE: "series",
}


class EditState(models.TextChoices):
    """Where a bulk edit is."""

    DOING = "doing", _("In progress")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class MetadataGoal(models.TextChoices):
    """Where a metadata import is to be brought."""

    CHECK = "check", _("Check")
    APPLY = "apply", _("Apply")
    UNDO = "undo", _("Undo")


class MetadataState(models.TextChoices):
    """Where a metadata import is."""

    CHECKING = "checking", _("Being checked")
    READY = "ready", _("Checked")
    DOING = "doing", _("In progress")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class ImportState(models.TextChoices):
    """What became of a row of an old archive."""

    PLACED = "placed", _("Placed")
    NOT_PLACED = "not_placed", _("Not placed")


class ImportReason(models.TextChoices):
    """Why a row of an old archive is not placed."""

    NO_PATH = "no_path", _("The entry has no usable path.")
    ABSENT = "absent", _("No file of this name is in the catalog.")
    ELSEWHERE = "elsewhere", _("A file of this name is in the catalog, but neither its folder nor its size agrees.")
    AMBIGUOUS = "ambiguous", _("Several fit equally well.")
    DUPLICATE = "duplicate", _("Another entry of the archive belongs to the same file.")
    NO_FILE = "no_file", _("None of its files is in the catalog.")
    NO_SERIES = "no_series", _("The series and the catalog it belongs to are not in the archive.")
    NO_NAME = "no_name", _("The entry has no usable name.")


# Lower-case extension -> kind. Only video and audio are analysed on their own; any file can be analysed on request.
KIND_BY_EXTENSION: dict[str, str] = {
    **dict.fromkeys(
        [
            "mp4",
            "m4v",
            "mov",
            "mxf",
            "mkv",
            "webm",
            "avi",
            "ts",
            "m2ts",
            "mts",
            "mpg",
            "mpeg",
            "m2v",
            "vob",
            "wmv",
            "asf",
            "flv",
            "f4v",
            "3gp",
            "3g2",
            "ogv",
            "dv",
            "gxf",
            "lxf",
            "r3d",
            "braw",
        ],
        FileKind.VIDEO,
    ),
    **dict.fromkeys(
        ["wav", "mp3", "m4a", "aac", "flac", "ogg", "opus", "wma", "aif", "aiff", "ac3", "eac3", "dts", "mka", "caf", "w64", "rf64"],
        FileKind.AUDIO,
    ),
    **dict.fromkeys(
        ["jpg", "jpeg", "png", "gif", "webp", "tif", "tiff", "bmp", "psd", "exr", "dpx", "svg", "heic", "avif"], FileKind.IMAGE
    ),
    **dict.fromkeys(["srt", "vtt", "ass", "ssa", "sub", "scc", "stl", "ttml", "dfxp", "smi", "sami"], FileKind.SUBTITLE),
}

# What NAS systems, desktops and copying programs leave among the media; a new source leaves it out unless told otherwise.
DEFAULT_EXCLUDES = (
    "@eaDir",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "System Volume Information",
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "desktop.ini",
    "*.part",
)


def default_excludes() -> list[str]:
    """A fresh list of DEFAULT_EXCLUDES."""
    return list(DEFAULT_EXCLUDES)
