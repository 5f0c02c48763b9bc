"""What a person typed into the search box, taken apart; and put together again, so that the box is all there is to a search. No Django.

misspelt words   "exact words"   -without   codec:h264   year:2020..2024   duration:>1h   catalog:"WSOP Classic"
Within quotation marks one more is written \\": player:"Phil \\"Unabomber\\" Laak"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from catalog.text import nfc, tidy

MAX_CHARS = 300
MAX_TERMS = 16
_TERM = re.compile(
    r"""(?P<minus>-?)(?:(?P<field>[a-z가-힣]{2,10}):)?(?:"(?P<quoted>(?:\\["\\]|[^"])*)(?P<end>"?)|(?P<bare>[^\s"]+))""", re.IGNORECASE
)
_SPECIAL, _ESCAPED = re.compile(r'["\\]'), re.compile(r'\\(["\\])')  # within quotation marks


class Field(StrEnum):
    """What may stand before a colon; in Korean too (`FIELDS`)."""

    CATALOG = "catalog"
    SERIES = "series"
    YEAR = "year"
    PLAYER = "player"
    TAG = "tag"
    KIND = "kind"
    CONTAINER = "ext"
    CODEC = "codec"
    RESOLUTION = "res"
    DURATION = "duration"
    HLS = "hls"
    STATE = "is"
    SIZE = "size"


FIELDS = {  # by what they are called
    **{str(field): field for field in Field},
    "카탈로그": Field.CATALOG,
    "시리즈": Field.SERIES,
    **dict.fromkeys(("연도", "년도"), Field.YEAR),
    "선수": Field.PLAYER,
    "태그": Field.TAG,
    "종류": Field.KIND,
    "확장자": Field.CONTAINER,
    "코덱": Field.CODEC,
    "해상도": Field.RESOLUTION,
    "길이": Field.DURATION,
    "상태": Field.STATE,
    **dict.fromkeys(("크기", "용량"), Field.SIZE),
}
# Of these a file may have several values, and a search for several of them wants all. Of any other field it has one.
_HAS_SEVERAL = {Field.TAG, Field.PLAYER, Field.STATE}


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a search. `field` None: words. `is_exact`: they stand side by side."""

    text: str
    field: Field | None = None
    is_exact: bool = False
    is_excluded: bool = False

    def __str__(self) -> str:
        is_quoted = self.is_exact or " " in self.text or '"' in self.text
        text = '"' + _SPECIAL.sub(r"\\\g<0>", self.text) + '"' if is_quoted else self.text
        return f"{'-' if self.is_excluded else ''}{f'{self.field}:' if self.field else ''}{text}"

    @property
    def is_alternative(self) -> bool:
        """Another term like this widens the search: `codec:h264 codec:hevc`. Not borders: `res:>=720p res:<=1080p` is between."""
        has_one = self.field is not None and self.field not in _HAS_SEVERAL
        return has_one and not self.is_excluded and not self.text.startswith(("<", ">"))


@dataclass(frozen=True, slots=True)
class Query:
    """The terms of a search, in the order in which they were typed."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def words(self) -> list[Term]:
        """The terms that are words, neither fields nor excluded."""
        return [term for term in self.terms if term.field is None and not term.is_excluded]

    def with_term(self, term: Term) -> Query:
        """This search with one more term, at its end."""
        return Query((*self.without_term(term).terms, term))

    def without_term(self, term: Term) -> Query:
        """This search without that term."""
        return Query(tuple(one for one in self.terms if one != term))

    @property
    def unquoted(self) -> Query:
        """This search with each exact word by itself; an excluded phrase stays."""
        parts = ([Term(word) for word in term.text.split()] if term.is_exact and not term.is_excluded else [term] for term in self.terms)
        return Query(tuple(dict.fromkeys(chain.from_iterable(parts))))

    def with_instead(self, term: Term, other: Term) -> Query:
        """This search with `other` where `term` stands."""
        return Query(tuple(dict.fromkeys(other if one == term else one for one in self.terms)))

    def corrected(self, words: dict[str, str]) -> Query:
        """This search with words replaced."""
        return Query(tuple(replace(term, text=words.get(term.text, term.text)) if term.field is None else term for term in self.terms))


@dataclass(frozen=True, slots=True)
class HalfTyped:
    """A search whose last term is still being typed: what stands before that, and the term as far as it is known."""

    before: str
    text: str
    field: Field | None
    is_excluded: bool


def half_typed(text: str) -> HalfTyped:
    """Split off the last term. After a space or a closed quotation none is being typed: its text is ""."""
    typed = nfc(text)[:MAX_CHARS]
    match = next((one for one in _TERM.finditer(typed) if one.end() == len(typed)), None)
    if match is None or (match["quoted"] and match["end"]):
        return HalfTyped(typed, "", None, is_excluded=False)
    name, value = match["field"] or "", match["bare"] or _unquoted(match["quoted"] or "")
    if not name and value.endswith(":"):
        name, value = value[:-1], ""
    field = FIELDS.get(name.lower())
    if name and field is None:
        value = f"{name}:{value}"
    return HalfTyped(typed[: match.start()], value, field, is_excluded=bool(match["minus"]))


def _unquoted(quoted: str) -> str:
    return _ESCAPED.sub(r"\1", quoted)


def parse(text: str) -> Query:
    """Take a search apart. Nothing is an error: what is no field is words. At most MAX_TERMS terms of the first MAX_CHARS characters."""
    terms: list[Term] = []
    for match in _TERM.finditer(tidy(text)[:MAX_CHARS]):
        quoted, bare = match["quoted"], match["bare"]
        name = (match["field"] or "").lower()
        field = FIELDS.get(name)
        value = tidy(_unquoted(quoted) if quoted is not None else bare)
        if name and field is None:
            value = f"{match['field']}:{value}"
        if value.strip("-"):
            terms.append(Term(value, field, is_exact=quoted is not None and field is None, is_excluded=bool(match["minus"])))
    return Query(tuple(dict.fromkeys(terms))[:MAX_TERMS])
