"""Keys of names: how the catalog compares, sorts and searches what people and disks spell differently. No Django here.

Files written on macOS arrive decomposed (NFD), people type composed (NFC); both must find the same file. The spelling of
the source is kept beside the key, because only that opens the file.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache

NAME_KEY_MAX = 255
EXTENSION_MAX = 16
TAG_KEY_MAX = 100


def nfc(text: str) -> str:
    """Composed form, as people type it and as the catalog stores what people wrote."""
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """NFC and case-folded, of any length; equal for names people would call the same. Idempotent."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


def name_key(text: str) -> str:
    """`fold` of one name, cut to the 255 characters of a `name_key` column (folding can lengthen a name)."""
    return fold(text)[:NAME_KEY_MAX]


def path_key(path: str) -> str:
    """`fold` of a whole path ("/" between names), not cut."""
    return fold(path)


@lru_cache(maxsize=4096)  # the files of a folder ask for the same few
def bounded_key(text: str, max_length: int) -> str:
    """`fold` of `text` in at most `max_length` (>= 40) characters; a longer one ends in its own hash, so it stays distinct."""
    key = fold(text)
    if len(key) <= max_length:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    return f"{key[: max_length - len(digest) - 1]}#{digest}"


def tidy(text: str) -> str:
    """NFC, runs of white space as one space, trimmed: what is stored of a name that a person typed."""
    return " ".join(nfc(text).split())


def tag_key(name: str) -> str:
    """What makes two tags one: of `Tag.key`."""
    return bounded_key(tidy(name), TAG_KEY_MAX)


def split_extension(name: str) -> tuple[str, str]:
    """(stem, extension): the extension lower case, without the dot; "" for none, for dot files and for absurdly long ones."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem.strip(".") or not 0 < len(extension) <= EXTENSION_MAX or " " in extension:
        return name, ""
    return stem, fold(extension)[:EXTENSION_MAX]
