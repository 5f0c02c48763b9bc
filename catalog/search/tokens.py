"""Words as the index keeps them. One tokeniser for every database, so that all give the same answers (FACTS, Database 1). No Django here.

A word is a run of letters and digits. The index keeps it whole and in pieces: parts of camelCase, letters apart from digits, numbers
without leading zeros, and each run of Hangul with its overlapping pairs of syllables, also across a space: Korean is spaced as people like.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from catalog.text import fold, nfc

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN_MAX = 64  # characters; what is longer is no word that anybody types
_HANGUL = "\uac00-\ud7a3\u3131-\u318e"
_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(rf"[{_HANGUL}]+|\d+|[^\W\d_{_HANGUL}]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_HANGUL_START = re.compile(rf"[{_HANGUL}]")
# Letters and digits that are one name: extensions, codecs, heights.
_WHOLE = re.compile(r"mp[234]|m4[av]|m2ts|3g[p2]|f4v|m2v|w64|rf64|e?ac3|h26[3456]|[xh]26[45]|av1|vp[89]|\d{3,4}[pi]|[248]k")


def index_tokens(text: str) -> set[str]:
    """All tokens by which `text` is found."""
    tokens: set[str] = set()
    previous = ""
    for word in _WORD.findall(nfc(text)):
        found, first, last = _tokens_of(word)
        tokens |= found
        if previous and first:
            tokens.add(previous + first)
        previous = last
    return tokens


@lru_cache(maxsize=1 << 16)  # names repeat their words a thousand times
def _tokens_of(word: str) -> tuple[frozenset[str], str, str]:
    """The tokens of one word, and the syllables with which it begins and ends, "" where those are no Hangul."""
    parts = pieces(word)
    tokens = {fold(word), *parts}
    for one in parts:
        if is_hangul(one):
            tokens |= {one[-1], *(first + second for first, second in pairwise(one))}
    tokens |= {one[-1] + other[0] for one, other in pairwise(parts) if is_hangul(one) and is_hangul(other)}
    first, last = (one if is_hangul(one) else "" for one in (parts[0], parts[-1])) if parts else ("", "")
    return frozenset(token[:TOKEN_MAX] for token in tokens), first[:1], last[-1:]


def words(text: str) -> list[str]:
    """The words of a text in their order, as they are spelled (NFC)."""
    return _WORD.findall(nfc(text))


def pieces(word: str) -> list[str]:
    """What a word is made of, folded: `Day01` is day, 1; `FinalTable` is final, table; `S01E03` is s, 1, e, 3."""
    if _WHOLE.fullmatch(fold(word)):
        return [fold(word)]
    return [_piece(one) for part in _CAMEL.split(word) for one in _PIECE.findall(part)]


def query_tokens(word: str) -> list[str]:
    """The tokens that a text has if it holds `word`, however it is spaced and spelled there. Each once, in order."""
    found: list[str] = []
    for one in pieces(word):
        found += [first + second for first, second in pairwise(one)] if is_hangul(one) and len(one) > 1 else [one]
    return [token[:TOKEN_MAX] for token in dict.fromkeys(found)]


def is_hangul(text: str) -> bool:
    """Whether it begins with Hangul; a piece that does is all Hangul."""
    return bool(_HANGUL_START.match(text))


def spans(text: str, wanted: set[str]) -> Iterator[tuple[int, int]]:
    """Where in `text` (NFC) words lie of which a piece, a pair of syllables or the whole is `wanted`: (start, end), to be marked."""
    for match in _WORD.finditer(text):
        word = match[0]
        if fold(word) in wanted or not wanted.isdisjoint(index_tokens(word)):
            yield match.span()


def _piece(text: str) -> str:
    return (text.lstrip("0") or "0") if text.isdigit() else fold(text)
