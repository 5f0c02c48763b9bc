"""What targets keep of a file, as plain values, and back. What comes from a target is hostile: whatever it is, it becomes a `TargetFile`.

Nothing here knows a database; every adapter reads and writes through it, so that all of them keep the same.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any

from mam.lib import messages
from mam.lib.errors import gettext_noop
from sync.targets.base import FileFields, TargetFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACTIVE, DELETED = "active", "deleted"  # of `status`
# What a row is made of, in every target, as `values_of` gives it.
PARTS = (
    *("path", "filename", "size", "extension", "codec", "resolution", "width", "height", "duration_s", "duration_ms", "hls", "content"),
)
REMOTE_ID_MAX = 64
PATH_MAX_BYTES = 2_400  # of UTF-8: a B-tree of PostgreSQL takes 2,704 bytes, and folding case may lengthen it a little
_SHOWN_MAX = 255  # characters of a path that cannot be used
_EXTENSION_MAX, _CODEC_MAX = 16, 32
_SPELLINGS_MAX = 32
_MILLISECONDS_FROM = 100_000_000_000  # a moment as a number: seconds below (to the year 5138), milliseconds above
_SIDES = re.compile(r"\s*(\d{1,5})\s*[x×*]\s*(\d{1,5})\s*", re.IGNORECASE | re.ASCII)
_YES = {"1", "true", "t", "yes", "y", "on"}
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # not in every database, and what stands for bytes that are no UTF-8

messages.register(
    {
        "row_id_unreadable": gettext_noop("The id of the entry cannot be read."),
        "row_path_missing": gettext_noop("The entry has no path."),
        "row_path_unreadable": gettext_noop("The path of the entry is not text."),
        "row_path_too_long": gettext_noop("The path of the entry is too long."),
        "row_size_unreadable": gettext_noop("The size of the entry is not a number of bytes."),
        "row_text_unreadable": gettext_noop("The entry has text that cannot be read."),
    }
)


# --- from a target ----------------------------------------------------------------------------------------------------
def file_of(
    key: Any,
    path: Any,
    size: Any,
    extension: Any = None,
    codec: Any = None,
    resolution: Any = None,
    width: Any = None,
    height: Any = None,
    duration_s: Any = None,
    hls: Any = None,
    content: Any = None,
    status: Any = None,
    deleted_at: Any = None,
) -> TargetFile:
    """A row as it came from a target. What is not essential and no use counts as unknown. The usual goes first: there may be a million."""
    remote_id, error = (str(key), "") if type(key) is int else _remote_id(key)
    if type(path) is not str or not path.isascii() or not 0 < len(path) <= PATH_MAX_BYTES or "\x00" in path:
        path, path_error = _path(path)
        error = error or path_error
    if type(size) is not int or size < 0:
        size_bytes = 0 if size is None else whole(size)
        if size_bytes is None or size_bytes < 0:
            size_bytes, error = 0, error or "row_size_unreadable"
        size = size_bytes
    extension, codec, content = _text(extension, _EXTENSION_MAX), _text(codec, _CODEC_MAX), _text(content, REMOTE_ID_MAX)
    if extension is None or codec is None or content is None:
        error = error or "row_text_unreadable"
    width, height = _sides(resolution) if type(resolution) is str else (_side(width), _side(height))
    duration_ms = None if duration_s is None else _duration_ms(duration_s)
    fields = FileFields(path, size, extension or "", is_true(hls), codec or "", width, height, duration_ms, content or "")
    is_deleted = status != ACTIVE and type(status) is str and status.strip().lower() == DELETED
    return TargetFile(remote_id, fields, is_deleted, moment(deleted_at) if is_deleted else None, error)


def _remote_id(key: Any) -> tuple[str, str]:
    """An id as text, and an error code. One that is no use gets another that is the same each time."""
    if isinstance(key, str) and 0 < len(key) <= REMOTE_ID_MAX and not _UNSTORABLE.search(key):
        return key, ""
    return f"#{hashlib.blake2b(repr(key).encode(), digest_size=12).hexdigest()}", "row_id_unreadable"


def _path(value: Any) -> tuple[str, str]:
    """A path in NFC, and an error code. With one, it is only to be looked at."""
    if value is None or value == "":
        return "", "row_path_missing"
    if not isinstance(value, str):
        return _shown(value.decode(errors="replace") if isinstance(value, bytes) else str(value)), "row_path_unreadable"
    if value.isascii() and len(value) <= PATH_MAX_BYTES and "\x00" not in value:
        return value, ""
    if _UNSTORABLE.search(value):
        return _shown(value), "row_path_unreadable"
    path = unicodedata.normalize("NFC", value)
    return (path, "") if len(path.encode()) <= PATH_MAX_BYTES else (_shown(path), "row_path_too_long")


def _shown(text: str) -> str:
    return unicodedata.normalize("NFC", _UNSTORABLE.sub("\ufffd", text))[:_SHOWN_MAX]


def _text(value: Any, max_length: int) -> str | None:
    """A short text; None for one that cannot be stored."""
    if value is None or value == "":
        return ""
    text = value if type(value) is str else str(value)
    if text.isascii() and len(text) <= max_length and "\x00" not in text:
        return text
    return None if _UNSTORABLE.search(text) else unicodedata.normalize("NFC", text)[:max_length]


@lru_cache(maxsize=4096)
def _sides(resolution: str) -> tuple[int | None, int | None]:
    found = _SIDES.fullmatch(resolution)
    return (int(found[1]), int(found[2])) if found else (None, None)


def _side(value: Any) -> int | None:
    number = whole(value)
    return number if number is not None and 0 <= number < 100_000 else None


def _duration_ms(value: Any) -> int | None:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return round(seconds * 1000) if 0 <= seconds < 1e9 else None


def whole(value: Any) -> int | None:
    """A whole number of at most 63 bits, also from a text or a float that is one; None for everything else."""
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 19 else None
    elif isinstance(value, float | Decimal):
        value = int(value) if math.isfinite(value) and value == int(value) else None
    return int(value) if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def is_true(value: Any) -> bool:
    """Of whatever stands for yes."""
    return value.strip().lower() in _YES if isinstance(value, str) else bool(value)


def moment(value: Any) -> datetime | None:
    """An aware time in UTC, from one, from ISO 8601 (UTC unless it says otherwise) or from seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif isinstance(value, int | float | Decimal):
            value = datetime.fromtimestamp(float(value) / (1000 if value >= _MILLISECONDS_FROM else 1), UTC)
        if not isinstance(value, datetime):
            return None
        at = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return datetime(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, UTC)  # not a library's kind of it


# --- to a target ------------------------------------------------------------------------------------------------------
def values_of(fields: FileFields) -> tuple[Any, ...]:
    """What a target keeps of a file, in the order of PARTS; "" or None for what is not known."""
    path, width, height, duration_ms = fields.path, fields.width_px, fields.height_px, fields.duration_ms
    return (
        path,
        path[path.rfind("/") + 1 :],
        fields.size_bytes,
        fields.extension,
        fields.codec,
        "" if width is None or height is None else f"{width}x{height}",
        width,
        height,
        None if duration_ms is None else duration_ms / 1000,
        duration_ms,
        fields.is_hls,
        fields.content_id,
    )


def spellings(paths: Iterable[str]) -> list[str]:
    """Each path (NFC) in all the ways that it may be spelt in a target: every name of it composed or decomposed."""
    return [spelling for path in paths for spelling in _spellings(path)]


def _spellings(path: str) -> Iterator[str]:
    if path.isascii():
        yield path
        return
    names = [(name, other) if (other := unicodedata.normalize("NFD", name)) != name else (name,) for name in path.split("/")]
    if math.prod(map(len, names)) > _SPELLINGS_MAX:
        names = [(path, unicodedata.normalize("NFD", path))]
    yield from map("/".join, product(*names))


def preferred(files: Iterable[TargetFile]) -> dict[str, TargetFile]:
    """By path the file that stands for it: one that is not deleted before one that is, the first id of several."""
    found: dict[str, TargetFile] = {}
    for file in files:
        path = file.fields.path
        if path not in found or _rank(file) < _rank(found[path]):
            found[path] = file
    return found


def _rank(file: TargetFile) -> tuple[bool, int, str]:
    """Numbers in their order."""
    return file.is_deleted, len(file.remote_id) if file.remote_id.isdecimal() else 0, file.remote_id
