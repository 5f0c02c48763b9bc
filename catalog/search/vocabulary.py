"""The words of the index in memory: what a word that hardly occurs may have meant.

The table only grows (a rebuild makes it anew), so a process asks for the words it has not got yet. Words are compared by their letters,
which of Hangul are those a syllable is made of: 홀뎀 is as near to 홀덤 as `holden` to `holdem`.
"""

from __future__ import annotations

import threading
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog.models import SearchWord
from catalog.search.tokens import is_hangul

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_MEANINGS = 8
_MAX_COMMON = 10_000
_MIN_LETTERS = 4  # shorter words are near to everything, and only taken for those that have one letter more, or two of them swapped


class Vocabulary:
    """All words that occur, or occurred. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[int, str] | None = None  # row read last
        self._by_letters: defaultdict[int, dict[str, str]] = defaultdict(dict)  # number of letters -> letters -> word
        self._words: set[str] = set()
        self._sorted: list[str] = []
        self._text = ""  # they with a space between them
        self.common: set[object] = set()  # what was searched and is not rare: hardly anything ever becomes so

    def note_common(self, clause: object) -> None:
        """Remember that it need not be asked again."""
        if len(self.common) >= _MAX_COMMON:
            self.common.clear()
        self.common.add(clause)

    def refresh(self) -> None:
        """Learn the words that have come; forget all of them first when the table was made anew."""
        with self._lock:
            fresh = _words_from(self._last[0] if self._last else 0)
            if self._last and fresh[:1] != [self._last]:
                self.forget()
                fresh = _words_from(0)
            elif self._last:
                del fresh[0]
            if not fresh:
                return
            for _, word in fresh:
                self._words.add(word)
                if word.isalpha():  # nobody is near to a number
                    letters = letters_of(word)
                    self._by_letters[len(letters)][letters] = word
            new = [word for _, word in fresh]
            self._sorted += new
            self._sorted.sort()  # nearly sorted already, so it is merged
            self._text = f"{self._text} {' '.join(new)}"
            self._last = fresh[-1]

    def forget(self) -> None:
        """Know nothing."""
        self._by_letters.clear()
        self.common.clear()
        self._words.clear()
        self._sorted = []
        self._text = ""
        self._last = None

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def beginning_with(self, prefix: str, limit: int) -> list[str]:
        """Words that begin so, in order of their letters."""
        with self._lock:
            return list(islice(_from(prefix, self._sorted), limit))

    def is_inside_some(self, piece: str) -> bool:
        """Whether a word is `piece`, or has it in it."""
        return piece in self._text

    def near(self, word: str) -> list[str]:
        """Words one or two slips away (a letter too many, too few, another, two swapped), the nearest first."""
        letters = letters_of(word)
        if any(sign.isdigit() for sign in word):
            return []
        if len(letters) < _MIN_LETTERS:
            return [] if len(letters) < _MIN_LETTERS - 1 or is_hangul(word) else self._near_short(letters)
        slips = 1 if len(letters) < 2 * _MIN_LETTERS else 2
        with self._lock:
            near = [
                (distance, self._by_letters[length][found])
                for length in range(len(letters) - slips, len(letters) + slips + 1)
                if length in self._by_letters
                for found, distance, _ in process.extract(
                    letters, self._by_letters[length].keys(), scorer=OSA.distance, score_cutoff=slips, limit=MAX_MEANINGS
                )
            ]
        return [found for _, found in sorted(near) if found != word][:MAX_MEANINGS]

    def _near_short(self, letters: str) -> list[str]:
        swapped = (f"{letters[:at]}{letters[at + 1]}{letters[at]}{letters[at + 2 :]}" for at in range(len(letters) - 1))
        with self._lock:
            longer = (found for found in self._by_letters[len(letters) + 1] if found[0] == letters[0] and _is_within(letters, found))
            near = [*sorted(longer), *(one for one in swapped if one in self._by_letters[len(letters)])]
            return [self._by_letters[len(one)][one] for one in near if one != letters][:MAX_MEANINGS]

    def split(self, word: str) -> list[tuple[str, str]]:
        """Two words that it may be, written together. Hangul needs none of this: its pairs of syllables are found across spaces."""
        if is_hangul(word):
            return []
        halves = [(word[:at], word[at:]) for at in range(2, len(word) - 1)]
        return [(left, right) for left, right in halves if left in self._words and right in self._words]


def _words_from(pk: int) -> list[tuple[int, str]]:
    return list(SearchWord.objects.filter(pk__gte=pk).order_by("pk").values_list("pk", "word"))


def _from(prefix: str, words: list[str]) -> Iterator[str]:
    for index in range(bisect_left(words, prefix), len(words)):
        if not words[index].startswith(prefix):
            return
        yield words[index]


def _is_within(letters: str, longer: str) -> bool:
    """Whether `longer` is `letters` with others between them."""
    rest = iter(longer)
    return all(letter in rest for letter in letters)


def letters_of(word: str) -> str:
    """A word by its letters: of Hangul those of its syllables, accents apart from what they stand on."""
    return word if word.isascii() else unicodedata.normalize("NFD", word)


vocabulary = Vocabulary()
