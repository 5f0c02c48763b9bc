"""Texts out of media files: written by anybody, in any encoding. What leaves here can be stored and shown."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

MAX_TAGS = 64
_TAG_NAME_LENGTH = 64
_TAG_VALUE_LENGTH = 1000
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
_TIMECODE = re.compile(r"\d{2}:\d{2}:\d{2}[:;.]\d{2,3}")
_OLDEST_RECORDING = datetime(1970, 1, 2, tzinfo=UTC)  # before it, clocks and header fields that were never set

_NO_RECORDING_YET = datetime(2200, 1, 1, tzinfo=UTC)


def clean(text: str, max_length: int) -> str:
    """`text` on one line, without control, direction and unassigned characters, at most `max_length` characters.

    Bytes that were not UTF-8 arrive as surrogates ("surrogateescape"); old Korean tools wrote CP949, so that is tried.
    """
    text = _decoded(text)
    kept = "".join(" " if character.isspace() else character for character in text if character.isspace() or _is_shown(character))
    return " ".join(kept.split())[:max_length].rstrip()


def _decoded(text: str) -> str:
    if text.isascii():
        return text
    data = text.encode("utf-8", "surrogateescape" if _has_only_escapes(text) else "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp949")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _has_only_escapes(text: str) -> bool:
    """No surrogate but those that stand for undecodable bytes."""
    return not any("\ud800" <= character <= "\udfff" and not "\udc80" <= character <= "\udcff" for character in text)


def _is_shown(character: str) -> bool:
    category = unicodedata.category(character)
    # Cf holds direction overrides, but also the joiners that emoji and some scripts need.
    return category not in {"Cc", "Cs", "Cn", "Co", "Cf"} or character in "\u200c\u200d"


def language(text: str) -> str:
    """A language tag as the file gives it, lower case ("kor", "pt-br"); "" for none and for anything else."""
    text = text.strip("\0 ").lower()
    return text[:16] if _LANGUAGE.fullmatch(text) and text != "und" else ""


def timecode(text: str) -> tuple[str, bool]:
    """(label, is drop-frame) or ("", False). The separator before the frames tells; it is never inferred from the rate."""
    text = text.strip()
    if not _TIMECODE.fullmatch(text):
        return "", False
    drops = ";" in text or "." in text
    return text.replace(".", ";"), drops


def recording_time(text: str) -> datetime | None:
    """A complete ISO date and time (UTC where it has no zone); None for anything else and for zero values."""
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if len(text.strip()) < len("2000-01-01T00:00"):
        return None
    try:
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
    return value if _OLDEST_RECORDING <= value < _NO_RECORDING_YET else None


def tags(metadata: dict[str, str]) -> dict[str, str]:
    """All tags, clean and bounded, for the raw result."""
    pairs = list(metadata.items())[:MAX_TAGS]
    return {clean(name, _TAG_NAME_LENGTH): clean(value, _TAG_VALUE_LENGTH) for name, value in pairs}


def clean_json(value: Any, depth: int = 0) -> Any:
    """Any JSON value with its texts cleaned and bounded, nesting cut at eight levels."""
    if isinstance(value, str):
        return clean(value, _TAG_VALUE_LENGTH)
    if depth >= 8:
        return None
    if isinstance(value, dict):
        return {clean(str(name), _TAG_NAME_LENGTH): clean_json(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [clean_json(item, depth + 1) for item in value[:1000]]
    return value
