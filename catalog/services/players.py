"""Players, and the files they are seen in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction

from catalog import text
from catalog.errors import MergeIntoItselfError, ObjectNotFoundError
from catalog.models import MediaFile, Player
from catalog.services.common import CURATE, audit, change, check_access, clean_name, lock, name_is_free
from catalog.services.links import link, unlink

if TYPE_CHECKING:
    from collections.abc import Collection

    from mam.accounts.models import User

NAME_MAX = 120


class PlayerDetails(TypedDict, total=False):
    """What is known of a player beside the name. `country`: ISO 3166-1 alpha-2, or ""."""

    name_ko: str
    name_en: str
    aliases: Sequence[str]
    country: str


class PlayerChanges(PlayerDetails, total=False):
    """What a curator may change of a player."""

    name: str


@transaction.atomic
def create_player(*, name: str, user: User | None, **details: Unpack[PlayerDetails]) -> Player:
    """A new player. NameTakenError."""
    check_access(user, CURATE)
    row = Player()
    _before, after = change(row, _clean({"name": name, **details}))
    with name_is_free(row.name):
        row.save()
    audit(user, "player.create", row, {}, after)
    return row


@transaction.atomic
def update_player(*, player: Player, user: User | None, **changes: Unpack[PlayerChanges]) -> Player:
    """Change names, spellings or country. NameTakenError."""
    check_access(user, CURATE)
    row = lock(player)
    before, after = change(row, _clean(changes))
    if after:
        with name_is_free(row.name):
            row.save()
        audit(user, "player.update", row, before, after)
    return row


@transaction.atomic
def merge_players(*, into: Player, other: Player, user: User | None) -> Player:
    """Let `into` stand for `other` everywhere; the other's names become spellings of it. MergeIntoItselfError."""
    check_access(user, CURATE)
    if into.pk == other.pk:
        raise MergeIntoItselfError
    rows = Player.objects.select_for_update().in_bulk([into.pk, other.pk])
    if len(rows) < 2:
        raise ObjectNotFoundError
    target, gone = rows[into.pk], rows[other.pk]
    spellings = [*target.aliases, gone.name, gone.name_ko, gone.name_en, *gone.aliases]
    own = {target.name, target.name_ko, target.name_en, ""}
    target.aliases = [spelling for spelling in dict.fromkeys(spellings) if spelling not in own]
    target.save()
    for links, column in ((Player.files.through, "mediafile_id"), (Player.contents.through, "content_id")):
        doubled = links._default_manager.filter(player=target).values(column)
        links._default_manager.filter(player=gone).exclude(**{f"{column}__in": doubled}).update(player=target)
    audit(user, "player.merge", target, {"name": gone.name, "id": gone.pk}, {"aliases": target.aliases})
    gone.delete()
    return target


@transaction.atomic
def delete_player(*, player: Player, user: User | None) -> None:
    """Take a player off all files and contents and delete it."""
    check_access(user, CURATE)
    row = lock(player)
    audit(user, "player.delete", row, {"name": row.name}, {})
    row.delete()


@transaction.atomic
def add_player(*, file: MediaFile, player: Player, user: User | None) -> None:
    """Name a player on a file."""
    check_access(user, CURATE)
    link(player, [file.pk], user)


@transaction.atomic
def remove_player(*, file: MediaFile, player: Player, user: User | None) -> None:
    """Take a player off a file."""
    check_access(user, CURATE)
    unlink(player, [file.pk], user)


@transaction.atomic
def set_players(*, file: MediaFile, players: Collection[Player], user: User | None) -> None:
    """Make `players` the players seen in a file."""
    check_access(user, CURATE)
    row = lock(file)
    before, after = sorted(row.players.values_list("pk", flat=True)), sorted(player.pk for player in players)
    if before != after:
        row.players.set(players)
        audit(user, "file.players", row, {"players": before}, {"players": after})


def _clean(values: PlayerChanges) -> PlayerChanges:
    cleaned = values.copy()
    if "name" in cleaned:
        cleaned["name"] = clean_name(cleaned["name"], NAME_MAX)
    if "name_ko" in cleaned:
        cleaned["name_ko"] = text.tidy(cleaned["name_ko"])[:NAME_MAX]
    if "name_en" in cleaned:
        cleaned["name_en"] = text.tidy(cleaned["name_en"])[:NAME_MAX]
    if "aliases" in cleaned:
        cleaned["aliases"] = [spelling for spelling in dict.fromkeys(map(text.tidy, cleaned["aliases"])) if spelling]
    if "country" in cleaned:
        cleaned["country"] = cleaned["country"].strip().upper()[:2]
    return cleaned
