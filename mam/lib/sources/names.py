"""File names as storable text, and back, without losing any of them.

Disks hold names that are not valid text: bytes that are not UTF-8 (Linux), lone surrogates (Windows). They are mapped to
code points of private use at the end of plane 16, which every database stores, and mapped back for opening:
byte 0x80..0xFF -> U+10FF80..U+10FFFF, surrogate U+D800..U+DFFF -> U+10F000..U+10F7FF. A name that already holds such a code
point has it mapped byte by byte (or surrogate by surrogate) as well, so the way back is always exact.
"""

from __future__ import annotations

import re
from codecs import utf_16_le_decode

_BYTE_BASE = 0x10FF00
_SURROGATE_BASE = 0x10F000 - 0xD800
_MAPPED_BYTES = re.compile("[\U0010ff80-\U0010ffff]")
_MAPPED_SURROGATES = re.compile("[\U0010f000-\U0010f7ff]")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def from_bytes(name: bytes) -> str:
    """Storable text of a name on a local disk."""
    text = name.decode("utf-8", "surrogateescape")
    if text.isascii():
        return text
    text = _MAPPED_BYTES.sub(lambda found: "".join(chr(_BYTE_BASE + byte) for byte in found[0].encode()), text)
    return _LONE_SURROGATES.sub(lambda found: chr(_BYTE_BASE + ord(found[0]) - 0xDC00), text)


def to_bytes(name: str) -> bytes:
    """The name on a local disk; UnicodeEncodeError for text that no `from_bytes` gives (lone surrogates)."""
    if name.isascii():
        return name.encode()
    return _MAPPED_BYTES.sub(lambda found: chr(ord(found[0]) - _BYTE_BASE + 0xDC00), name).encode("utf-8", "surrogateescape")


def from_utf16(name: bytes | memoryview) -> str:
    """Storable text of a name on the wire (UTF-16LE)."""
    text = utf_16_le_decode(name, "surrogatepass", True)[0]  # without the detour through `bytes.decode`
    return text if text.isascii() else storable(text)


def storable(text: str) -> str:
    """Storable text of a name that is no valid text: it may hold lone surrogates."""
    if max(text) < "\ud800":
        return text
    text = _MAPPED_SURROGATES.sub(lambda found: "".join(chr(_SURROGATE_BASE + unit) for unit in _units(found[0])), text)
    return _LONE_SURROGATES.sub(lambda found: chr(_SURROGATE_BASE + ord(found[0])), text)


def to_utf16(name: str) -> bytes:
    """The name on the wire (UTF-16LE)."""
    return _MAPPED_SURROGATES.sub(lambda found: chr(ord(found[0]) - _SURROGATE_BASE), name).encode("utf-16-le", "surrogatepass")


def _units(character: str) -> tuple[int, int]:
    data = character.encode("utf-16-le")
    return int.from_bytes(data[:2], "little"), int.from_bytes(data[2:], "little")
