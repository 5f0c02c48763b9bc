"""Players of an old archive: found among ours by any spelling, made where nobody is called so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import text
from catalog.choices import ImportReason
from catalog.models import Player
from catalog.search.players import names_of
from catalog.services.archive_reader import name_list, one_line
from catalog.services.players import NAME_MAX, create_player, update_player

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalog.services.archive_reader import OldRow
    from mam.accounts.models import User

_DETAILS = ("name_ko", "name_en", "country")


class People:
    """Our players by spelling, and by the ids the archive has for them."""

    def __init__(self, user: User | None) -> None:
        self._user = user
        self._by_spelling: dict[str, set[int]] = {}
        self._by_old_id: dict[str, int] = {}
        for player in Player.objects.all():
            self._learn(player)

    def recall(self, row: OldRow) -> None:
        """Know again whom a row means that was placed before."""
        found = self._find(_spellings(row))
        if len(found) == 1:
            self._by_old_id[row.old_id] = found.pop()

    def place(self, row: OldRow, *, dry_run: bool) -> ImportReason | None:
        """Find or make the player of a row, adding what ours lacks; None, or why there is none. Inside a transaction."""
        spellings = _spellings(row)
        if not spellings:
            return ImportReason.NO_NAME
        found = self._find(spellings)
        if len(found) > 1:
            return ImportReason.AMBIGUOUS
        if dry_run:
            return None
        details: dict[str, Any] = {"name_ko": row.line("name_ko", NAME_MAX), "name_en": row.line("name_en", NAME_MAX)}
        details["country"] = _country(row)
        player = self._complete(found.pop(), spellings, details) if found else self._make(spellings, details)
        self._by_old_id[row.old_id] = player.pk
        return None

    def named(self, references: Iterable[str]) -> list[int]:
        """Ids of the players that the archive refers to by its own ids or by names; who is not known by name is made. In a transaction."""
        ids: list[int] = []
        for one in references:
            name = one_line(one, NAME_MAX)
            if one in self._by_old_id:
                ids.append(self._by_old_id[one])
            elif name and not name.isdecimal():
                found = self._find([name])
                ids += [self._make([name], {}).pk] if not found else list(found) if len(found) == 1 else []
        return list(dict.fromkeys(ids))

    def _find(self, spellings: Iterable[str]) -> set[int]:
        return set().union(*(self._by_spelling.get(text.fold(name), set()) for name in spellings))

    def _make(self, spellings: list[str], details: dict[str, Any]) -> Player:
        own = {spellings[0], details.get("name_ko"), details.get("name_en")}
        aliases = [name for name in spellings if name not in own]
        player = create_player(name=spellings[0], user=self._user, aliases=aliases, **details)
        self._learn(player)
        return player

    def _complete(self, pk: int, spellings: list[str], details: dict[str, Any]) -> Player:
        """Fill what nobody has said of ours; further spellings are added."""
        player = Player.objects.get(pk=pk)
        changes = {name: details[name] for name in _DETAILS if details[name] and not getattr(player, name)}
        known = {text.fold(name) for name in [*names_of(player), *changes.values()]}
        more = [name for name in spellings if text.fold(name) not in known]
        if more:
            changes["aliases"] = [*player.aliases, *more]
        if changes:
            player = update_player(player=player, user=self._user, **changes)
            self._learn(player)
        return player

    def _learn(self, player: Player) -> None:
        for name in names_of(player):
            self._by_spelling.setdefault(text.fold(text.tidy(str(name))), set()).add(player.pk)


def _spellings(row: OldRow) -> list[str]:
    """All names of a row, the one to call the player by first."""
    parts = ("name", "display_name", "name_en", "name_ko")
    names = [*(row.line(part, NAME_MAX) for part in parts), *name_list(row.get("aliases"), NAME_MAX)]
    found: dict[str, str] = {}
    for name in filter(None, names):
        found.setdefault(text.fold(name), name)
    return list(found.values())


def _country(row: OldRow) -> str:
    """Two letters, else nothing: what is longer is kept with the old row."""
    words = one_line(row.get("country"), 3)
    return words.upper() if len(words) == 2 and words.isascii() and words.isalpha() else ""
