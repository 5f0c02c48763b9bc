"""Relevance: which of the matches people most likely meant. A score from where the words of a search stand in a file's texts.

Only comparisons of keys, no tokens: hundreds of files are scored for each page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_BETWEEN = re.compile(r"[\W_]+")
_ELSEWHERE = 0.2  # a tag, a player, a description, another spelling
_SIDE_BY_SIDE = 0.5  # for each pair of searched words that stand together
_ALL_OF_IT = 0.8  # times the share of a text that was searched for: a short title that says just that comes first


class Texts(NamedTuple):
    """What is scored of a file, folded."""

    name: str
    title: str
    content_title: str
    path: str


_WEIGHTS = (1.0, 1.0, 0.9, 0.5)  # of its texts


def score(texts: Texts, searched: Sequence[str]) -> float:
    """How well a file answers the folded words of a search; only comparisons of scores mean anything."""
    lines = [(weight, _line(one)) for weight, one in zip(_WEIGHTS, texts, strict=True) if one]
    total = sum(max(_ELSEWHERE, *(weight * _met(word, line) for weight, line in lines)) for word in searched)
    for one, other in pairwise(searched):
        total += _SIDE_BY_SIDE * max(weight * (f" {one} {other} " in line) for weight, line in lines)
    length = sum(map(len, searched))
    return total + _ALL_OF_IT * max(weight * min(1.0, length / len(line)) for weight, line in lines)


def _met(word: str, line: str) -> float:
    """1 for the word, less where it only begins or lies inside one."""
    if f" {word} " in line:
        return 1.0
    if f" {word}" in line:
        return 0.8
    return 0.6 if word in line else 0.0


def stands_side_by_side(texts: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether one of the folded texts has these words next to each other, in this order."""
    wanted = f" {' '.join(phrase)} "
    return any(wanted in _line(one) for one in texts)


@lru_cache(maxsize=1024)  # many files of a page lie in one folder
def _line(text: str) -> str:
    """Its words with a space around each."""
    return f" {_BETWEEN.sub(' ', text)} "
