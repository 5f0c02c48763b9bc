"""Relevance: which of the matches people most likely meant. A score from where the words of a search stand in a file's texts.

Comparisons of lines that the index keeps, no tokens: hundreds of files are scored for each page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from catalog import text

if TYPE_CHECKING:
    from collections.abc import Sequence

_BETWEEN = re.compile(r"[\W_]+")
_ELSEWHERE = 0.2  # a tag, a player, a description, another spelling
_SIDE_BY_SIDE = 0.5  # for each pair of searched words that stand together
_ALL_OF_IT = 0.8  # times the share of a text that was searched for: a short title that says just that comes first


_WEIGHTS = (1.0, 1.0, 0.9, 0.5)  # of the lines: name, title, title of the content, folder; the heaviest first


def lines_of(name_key: str, title: str, content_title: str, path_key: str) -> str:
    """What a file is ranked by: its folded texts, a line each, with a space around each word. `_key`: folded already."""
    return "\n".join(_line(one) if one else "" for one in (name_key, text.fold(title), text.fold(content_title), path_key))


class Ranking:
    """How well files answer the folded words of a search."""

    def __init__(self, searched: Sequence[str]) -> None:
        self._words = [(word, f" {word}", f" {word} ") for word in searched]
        self._pairs = [f" {one} {other} " for one, other in pairwise(searched)]
        self._length = sum(map(len, searched))

    def score(self, lines: str) -> float:
        """Of a file with these `lines_of`; only comparisons of scores mean anything."""
        weighed: list[tuple[float, str]] = []
        share = 0.0  # of a text that was searched for
        for weight, line in zip(_WEIGHTS, lines.split("\n"), strict=False):
            if line:
                weighed.append((weight, line))
                share = max(share, weight * min(1.0, self._length / len(line)))
        total = _ALL_OF_IT * share
        for word in self._words:
            total += _met(word, weighed) if word[0] in lines else _ELSEWHERE
        for pair in self._pairs:
            if pair in lines:
                total += _SIDE_BY_SIDE * next(weight for weight, line in weighed if pair in line)
        return total


def _met(word: tuple[str, str, str], weighed: Sequence[tuple[float, str]]) -> float:
    """The most that a line gives for the word, less where it only begins or lies inside one."""
    inside, begun, whole = word
    best = _ELSEWHERE
    for weight, line in weighed:
        if best >= weight:
            break
        if inside in line:
            best = max(best, weight * (1.0 if whole in line else 0.8 if begun in line else 0.6))
    return best


def stands_side_by_side(texts: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether one of the folded texts has these words next to each other, in this order."""
    wanted = f" {' '.join(phrase)} "
    return any(wanted in _line(one) for one in texts)


@lru_cache(maxsize=1024)  # many files of a batch lie in one folder
def _line(folded: str) -> str:
    """Its words with a space around each."""
    return f" {_BETWEEN.sub(' ', folded)} "
