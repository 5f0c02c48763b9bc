"""What curators made: collections, tags, players."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Count

from catalog import text
from catalog.errors import PlayerAmbiguousError, PlayerUnknownError
from catalog.models import Collection, CollectionItem, Content, MediaFile, Player, Tag
from catalog.search.players import names_of, players
from catalog.search.tokens import words
from catalog.selectors.scope import get_visible, visible
from mam.lib.bulk import among
from mam.templatetags.mam_format import format_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader


@dataclass(slots=True)
class CollectionNode:
    """A collection in its tree. `total_items` is of its own list, without the collections inside."""

    collection: Collection
    depth: int  # 0 at the top
    total_items: int
    poster_file_id: int | None
    children: list[CollectionNode] = field(default_factory=list)


def list_collection_tree(*, user: Reader, parent: Collection | None = None) -> list[CollectionNode]:
    """The collections inside `parent` (None: all) as trees, in their order. Three queries."""
    rows = list(visible(Collection.objects.all(), user).order_by("position", "name", "id"))
    totals = dict(CollectionItem.objects.values_list("collection_id").annotate(Count("pk")))
    posters = dict(CollectionItem.objects.filter(position=0).order_by("-id").values_list("collection_id", "file_id"))
    by_parent: defaultdict[int | None, list[Collection]] = defaultdict(list)
    for row in rows:
        by_parent[row.parent_id].append(row)

    def nodes(parent_id: int | None, depth: int) -> list[CollectionNode]:
        return [
            CollectionNode(row, depth, totals.get(row.pk, 0), posters.get(row.pk), nodes(row.pk, depth + 1)) for row in by_parent[parent_id]
        ]

    return nodes(parent.pk if parent else None, 0)


def get_collection(*, user: Reader, collection_id: int) -> Collection:
    """One collection."""
    return get_visible(Collection.objects.all(), user, collection_id)


def collection_ancestors(collection: Collection) -> list[Collection]:
    """The collections around `collection`, the outermost first. A query a level; nesting is shallow."""
    above: list[Collection] = []
    while (parent := (above[0] if above else collection).parent) is not None:
        above.insert(0, parent)
    return above


def list_collection_items(*, user: Reader, collection: Collection) -> QuerySet[CollectionItem]:
    """The items of a collection in its order, files loaded, for keyset pages by (position, id)."""
    items = visible(CollectionItem.objects.select_related("file__folder", "file__source"), user)
    return items.filter(collection=collection).order_by("position", "id")


def list_tags(*, user: Reader) -> QuerySet[Tag]:
    """All tags by key."""
    return visible(Tag.objects.all(), user).order_by("key")


def get_tag(*, user: Reader, tag_id: int) -> Tag:
    """One tag."""
    return get_visible(Tag.objects.all(), user, tag_id)


def find_tags(*, user: Reader, names: Iterable[str]) -> list[Tag]:
    """The tags of these names that exist, however the names are spelled."""
    return list(visible(Tag.objects.all(), user).filter(key__in=[text.tag_key(name) for name in names]))


def list_tagged_files(*, user: Reader, tag: Tag) -> QuerySet[MediaFile]:
    """Files with a tag; the caller orders."""
    return visible(MediaFile.objects.select_related("folder", "source"), user).filter(tags=tag)


def list_players(*, user: Reader) -> QuerySet[Player]:
    """All players by name."""
    return visible(Player.objects.all(), user).order_by("name", "id")


def get_player(*, user: Reader, player_id: int) -> Player:
    """One player."""
    return get_visible(Player.objects.all(), user, player_id)


def find_players(*, user: Reader, name: str) -> list[Player]:
    """Players of that name in any of its spellings, whatever the case; those whose name has its words when nobody's is that. By name."""
    wanted = text.fold(text.tidy(name))
    rows = list(list_players(user=user).filter(pk__in=among(players.whose_name_has({text.fold(word) for word in words(name)}))))
    exact = [row for row in rows if wanted in {text.fold(spelling) for spelling in names_of(row)}]
    return exact or rows


def get_player_named(*, user: Reader, name: str) -> Player:
    """The one player that `find_players` finds. PlayerUnknownError, PlayerAmbiguousError."""
    known = find_players(user=user, name=name)
    if not known:
        raise PlayerUnknownError(name=text.tidy(name))
    if len(known) > 1:
        raise PlayerAmbiguousError(name=text.tidy(name), players=format_names([player.name for player in known]))
    return known[0]


def find_namesakes(*, user: Reader, player: Player) -> list[Player]:
    """Other players one of whose spellings is one of theirs: the same person twice, most likely."""
    known = {other.pk: other for name in names_of(player) for other in find_players(user=user, name=name)}
    return [other for pk, other in known.items() if pk != player.pk]


def list_player_files(*, user: Reader, player: Player) -> QuerySet[MediaFile]:
    """Files that a player is named on, beside those of contents that name them; the caller orders."""
    return visible(MediaFile.objects.select_related("folder", "source"), user).filter(players=player).exclude(content__players=player)


def list_player_contents(*, user: Reader, player: Player) -> QuerySet[Content]:
    """Contents a player is named in, by title."""
    return visible(Content.objects.select_related("series__catalog"), user).filter(players=player).order_by("title", "id")
