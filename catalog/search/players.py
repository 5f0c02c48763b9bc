"""Players by every spelling of their names, in memory: a search asks for them with each word."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING

from django.db import connection

from catalog import text
from catalog.search.tokens import pieces, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalog.models import Player

    Row = tuple[int, str, str, str, str]

_ROWS = "SELECT id, name, name_ko, name_en, CAST(aliases AS text) FROM catalog_player ORDER BY id"


class Players:
    """Asks for the rows each time, and works out what follows from them when they are others. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._spellings: list[str] = []
        self._called: list[tuple[str, str]] = []  # (name, all its spellings folded, a space before each word), in order
        self._words: dict[int, set[str]] = {}  # player -> folded words of all names
        self._others: dict[str, set[str]] = {}  # piece -> the same in other spellings

    def whose_name_has(self, asked: set[str]) -> list[int]:
        """Ids of players with all of these folded words among their names."""
        self._refresh()
        return [pk for pk, known in self._words.items() if asked <= known]

    def called(self, *begun: str, limit: int) -> list[str]:
        """Names of players of whom a spelling, or a word in it, begins in one of these ways; in order of the names."""
        self._refresh()
        wanted = [f" {text.fold(one)}" for one in begun]
        return list(islice((name for name, folded in self._called if any(one in folded for one in wanted)), limit))

    def spellings(self) -> list[str]:
        """All spellings of all names."""
        self._refresh()
        return list(self._spellings)

    def other_spellings(self, searched: Iterable[str]) -> defaultdict[str, set[str]]:
        """Piece -> the same piece of a name in another spelling: 아이비 -> ivey. Where spellings differ in length, the last one."""
        self._refresh()
        return defaultdict(set, {piece: set(self._others[piece]) for piece in searched if piece in self._others})

    def _refresh(self) -> None:
        with connection.cursor() as cursor:  # of all players for each search: Django's part in it would take longer than the database's
            cursor.execute(_ROWS)
            rows = cursor.fetchall()
        with self._lock:
            if rows != self._rows:
                names = {pk: _names(name, ko, en, json.loads(aliases)) for pk, name, ko, en, aliases in rows}
                self._words = {pk: {text.fold(word) for name in one for word in words(name)} for pk, one in names.items()}
                self._spellings = [spelling for one in names.values() for spelling in one]
                self._called = sorted((one[0], "".join(f" {text.fold(spelling)}\n" for spelling in one)) for one in names.values())
                self._others = _others(names.values())
                self._rows = rows


def names_of(player: Player) -> list[str]:
    """All spellings of a player's name, each once."""
    return _names(player.name, player.name_ko, player.name_en, player.aliases)


def _names(name: str, name_ko: str, name_en: str, aliases: list[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, [name, name_ko, name_en, *aliases])))


def _others(names: Iterable[list[str]]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one in names:
        spellings = [spelling for spelling in ([piece for word in words(name) for piece in pieces(word)] for name in one) if spelling]
        for spelling in spellings:
            for index, piece in enumerate(spelling):
                found[piece] |= {other[index] if len(other) == len(spelling) else other[-1] for other in spellings if other is not spelling}
    return dict(found)


players = Players()
