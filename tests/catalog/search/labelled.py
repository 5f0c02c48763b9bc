"""A labelled set of searches: what somebody who has seen a film of the generated archive may type, and the files that answer it.

What answers a search follows from what the generator knows of its files (year, event, stage, moment, who plays), never from a search.
`python -m tests.catalog.search.labelled` makes the archive in an empty database, asks everything, and prints the answers as JSON.
"""

from __future__ import annotations

import json
import random
import sys
import unicodedata
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from catalog.generated import EVENTS, STAGES, Archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from catalog.generated import GeneratedContent, GeneratedFolder, GeneratedPlayer

SEED, FILES = 11, 4000
OF_EACH = 32  # searches of each kind
_SHORT = {name: short for short, name in EVENTS}


@dataclass(frozen=True, slots=True)
class Known:
    """A content, and what people remember of it."""

    year: int
    event: str  # as it is abbreviated
    stage: str
    moment: str
    cast: tuple[GeneratedPlayer, ...]
    names: tuple[str, ...]  # of its files


@dataclass(frozen=True, slots=True)
class Search:
    """`typed`, of a kind, is answered by any file of `names`."""

    kind: str
    typed: str
    names: frozenset[str]


def contents() -> list[Known]:
    """What the archive holds."""
    archive, left = Archive(SEED), FILES
    found: list[Known] = []
    for folder in archive.folders():
        for content in folder.contents:
            names = tuple(file.name for file in content.files[:left])
            left -= len(names)
            found.append(_known(archive, folder, content, names))
            if not left:
                return found
    raise AssertionError("an archive has no end")


def _known(archive: Archive, folder: GeneratedFolder, content: GeneratedContent, names: tuple[str, ...]) -> Known:
    stage = next(stage for stage in STAGES if content.title.startswith(f"{stage} "))
    moment = content.title.removeprefix(f"{stage} ").rpartition(" ")[0]
    return Known(folder.year, _SHORT[folder.catalog], stage, moment, tuple(archive.players[index] for index in content.cast), names)


def searches() -> list[Search]:
    """All of them, the same each time."""
    known = contents()
    found: list[Search] = []
    for kind, (typed, answers) in _KINDS.items():
        chance = random.Random(kind)
        some = iter(chance.sample(known, len(known)))
        made = (
            Search(kind, text, frozenset(name for other in known if answers(one, other) for name in other.names))
            for one in some
            if (text := typed(one, chance))
        )
        found += islice(made, OF_EACH)
    return found


# --- what somebody types ----------------------------------------------------------------------------------------------
def _exact(one: Known, chance: random.Random) -> str:
    return chance.choice(one.names).rpartition(".")[0]


def _partial(one: Known, _: random.Random) -> str:
    return f"{one.event} {one.year} {one.stage[:4]} {one.moment}"


def _typo(one: Known, chance: random.Random) -> str | None:
    """Two letters swapped in a player's name, and the year."""
    name = one.cast[0].name_en.rpartition(" ")[2].lower()
    if len(name) < 5:
        return None
    at = chance.randrange(1, len(name) - 2)
    return f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]} {one.year} {one.event}"


def _korean_typo(one: Known, chance: random.Random) -> str | None:
    """One vowel or final of a Korean name is another."""
    name = one.cast[0].name_ko.rpartition(" ")[2]
    if len(name) < 3:
        return None
    at = chance.randrange(1, len(name))
    letters = list(unicodedata.normalize("NFD", name[at]))
    letters[1] = {"ᅡ": "ᅥ", "ᅥ": "ᅡ", "ᅩ": "ᅮ", "ᅮ": "ᅩ", "ᅵ": "ᅳ", "ᅳ": "ᅵ", "ᅦ": "ᅢ", "ᅢ": "ᅦ"}.get(letters[1], "ᅡ")
    slipped = unicodedata.normalize("NFC", "".join(letters))
    return f"{name[:at]}{slipped}{name[at + 1 :]} {one.year} {one.event}" if slipped != name[at] else None


def _korean(one: Known, _: random.Random) -> str:
    return f"{one.cast[0].name_ko} {one.cast[1].name_ko} {one.year}"


def _mixed(one: Known, _: random.Random) -> str:
    return f"{one.cast[0].name_ko} {one.cast[1].name_en.rpartition(' ')[2]} {one.event}"


def _numbers(one: Known, chance: random.Random) -> str:
    name = chance.choice(one.names)
    digits = "".join(sign if sign.isdigit() else " " for sign in name.rpartition(".")[0]).split()
    return max(digits, key=len).lstrip("0")


def _written_together(one: Known, _: random.Random) -> str | None:
    return f"{one.stage}{one.moment} {one.year} {one.event}".replace(" ", "", one.stage.count(" ") + one.moment.count(" "))


def _written_apart(one: Known, _: random.Random) -> str | None:
    """Korean with a space in the middle of a word."""
    name = one.cast[0].name_ko.replace(" ", "")
    if len(name) < 4 or not one.moment[0] > "가":
        return None
    joined = one.moment.replace(" ", "")
    return f"{joined[:2]} {joined[2:]} {one.year} {one.event} {one.stage}"


def _fields(one: Known, _: random.Random) -> str:
    return f'{one.moment} year:{one.year} player:"{one.cast[0].name_en}"'


# --- what answers it --------------------------------------------------------------------------------------------------
def _same(one: Known, other: Known) -> bool:
    return other.names == one.names


def _same_place(one: Known, other: Known) -> bool:
    return (other.event, other.year, other.stage) == (one.event, one.year, one.stage) and _squeezed(other.moment) == _squeezed(one.moment)


def _namesake_plays_there(one: Known, other: Known) -> bool:
    """Only the last name was typed."""
    names = {player.name_en.rpartition(" ")[2] for player in other.cast}
    return one.cast[0].name_en.rpartition(" ")[2] in names and (other.year, other.event) == (one.year, one.event)


def _both_play_that_year(one: Known, other: Known) -> bool:
    return set(one.cast[:2]) <= set(other.cast) and other.year == one.year


def _both_play_there(one: Known, other: Known) -> bool:
    return set(one.cast[:2]) <= set(other.cast) and other.event == one.event


def _plays_that_moment(one: Known, other: Known) -> bool:
    return one.cast[0] in other.cast and other.year == one.year and _squeezed(other.moment) == _squeezed(one.moment)


def _squeezed(moment: str) -> str:
    return moment.replace(" ", "")


_KINDS: dict[str, tuple[Callable[[Known, random.Random], str | None], Callable[[Known, Known], bool]]] = {
    "exact": (_exact, _same),
    "partial": (_partial, _same_place),
    "typo": (_typo, _namesake_plays_there),
    "korean typo": (_korean_typo, _namesake_plays_there),
    "korean": (_korean, _both_play_that_year),
    "mixed": (_mixed, _both_play_there),
    "numbers": (_numbers, _same),
    "together": (_written_together, _same_place),
    "apart": (_written_apart, _same_place),
    "fields": (_fields, _plays_that_moment),
}


def answers() -> Iterator[tuple[Search, list[str]]]:
    """Every search and the names of the first ten files it finds. Makes the archive."""
    from catalog import selectors  # noqa: PLC0415  (Django has to be set up)
    from catalog.search import index  # noqa: PLC0415
    from catalog.search.query import parse  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415
    from mam.accounts.models import User  # noqa: PLC0415

    generate(files=FILES, seed=SEED)
    index.refresh_all()
    user = User(is_active=True, is_superuser=True)
    for search in searches():
        found = selectors.search(user=user, query=parse(search.typed), limit=10)
        yield search, [file.name for file in found.items]


if __name__ == "__main__":
    from benchmarks.databases import set_up

    set_up()
    json.dump([[search.typed, names] for search, names in answers()], sys.stdout)
