"""Files as entries of the index: everything a person may remember of a file, as tokens. Reads the catalog, writes nothing."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F

from catalog.models import CollectionItem, Content, MediaFile, Player
from catalog.search.facets import facet_token, technical_facets, year_in
from catalog.search.players import names_of
from catalog.search.query import Field
from catalog.search.ranking import lines_of
from catalog.search.tokens import index_tokens
from catalog.search.wanted import UNKNOWN
from mam.lib.bulk import among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_TECHNICAL = ("kind", "extension", "presence", "probe_state", "video_codec", "audio_codec", "width_px", "height_px", "duration_ms")


class Entry(NamedTuple):
    """A row of SearchEntry."""

    file_id: int
    words: str
    facets: str
    lines: str
    name_key: str
    size_bytes: int
    duration_ms: int


def make_entries(file_ids: Collection[int]) -> list[Entry]:
    """The entries of those of the files that exist; a fixed number of queries."""
    files = MediaFile.objects.filter(pk__in=among(file_ids)).values(
        *_TECHNICAL,
        "pk",
        "name",
        "name_key",
        "size_bytes",
        "title",
        "description",
        "content_id",
        folder_path=F("folder__path"),
        folder_path_key=F("folder__path_key"),
        content_title=F("content__title"),
        series_id=F("content__series_id"),
        series_name=F("content__series__name"),
        series_year=F("content__series__year"),
        catalog_id=F("content__series__catalog_id"),
        catalog_name=F("content__series__catalog__name"),
    )
    rows = list(files)
    tags, players, collections = _tags_of(file_ids), _players_of(rows), _collections_of(file_ids)
    return [_entry(row, tags[row["pk"]], players[row["pk"]], collections[row["pk"]]) for row in rows]


def names_on(rows: list[dict[str, Any]]) -> dict[int, list[str]]:
    """What files are called by others: their tags, collections and every spelling of their players. `rows`: with "pk", "content_id"."""
    ids = [row["pk"] for row in rows]
    tags, players, collections = _tags_of(ids), _players_of(rows), _collections_of(ids)
    return {pk: [*tags[pk].values(), *players[pk].values(), *collections[pk]] for pk in ids}


def _entry(row: dict[str, Any], tags: dict[int, str], players: dict[int, str], collections: list[str]) -> Entry:
    path = f"{row['folder_path']}/{row['name']}"
    written = [row["title"], row["description"]]
    shared = [row["folder_path"], row["content_title"], row["series_name"], row["catalog_name"]]
    words = index_tokens(row["name"]).union(
        *(index_tokens(text) for text in written if text),
        *(_shared_tokens(text) for text in (*shared, *tags.values(), *players.values(), *collections) if text),
    )
    year = row["series_year"] or year_in(path)
    facets = {
        *technical_facets(**{name: row[name] for name in _TECHNICAL}),
        *(facet_token(Field.TAG, pk) for pk in tags),
        *(facet_token(Field.PLAYER, pk) for pk in players),
    }
    for facet, value in ((Field.CATALOG, row["catalog_id"]), (Field.SERIES, row["series_id"]), (Field.YEAR, year)):
        facets |= {facet_token(facet, value)} if value is not None else set()
    return Entry(
        file_id=row["pk"],
        words=_joined(words),
        facets=_joined(facets),
        lines=lines_of(row["name_key"], row["title"], row["content_title"] or "", row["folder_path_key"]),
        name_key=row["name_key"],
        size_bytes=row["size_bytes"],
        duration_ms=UNKNOWN if row["duration_ms"] is None else row["duration_ms"],
    )


@lru_cache(maxsize=4096)  # the files of a folder and of a content come one after the other
def _shared_tokens(text: str) -> frozenset[str]:
    return frozenset(index_tokens(text))


def _joined(tokens: Iterable[str]) -> str:
    return f" {' '.join(sorted(tokens))} "


def _tags_of(file_ids: Collection[int]) -> defaultdict[int, dict[int, str]]:
    found: defaultdict[int, dict[int, str]] = defaultdict(dict)
    taggings = MediaFile.tags.through.objects.filter(mediafile__in=among(file_ids))
    for file_id, tag_id, name in taggings.values_list("mediafile_id", "tag_id", "tag__name"):
        found[file_id][tag_id] = name
    return found


def _players_of(rows: list[dict[str, Any]]) -> defaultdict[int, dict[int, str]]:
    """Every spelling of the players of a file and of its content."""
    by_content: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        if row["content_id"] is not None:
            by_content[row["content_id"]].append(row["pk"])
    seen = [
        *MediaFile.players.through.objects.filter(mediafile__in=among(row["pk"] for row in rows)).values_list("mediafile_id", "player_id"),
        *(
            (file_id, player_id)
            for content_id, player_id in Content.players.through.objects.filter(content__in=among(by_content)).values_list(
                "content_id", "player_id"
            )
            for file_id in by_content[content_id]
        ),
    ]
    spellings = {player.pk: " / ".join(names_of(player)) for player in Player.objects.filter(pk__in={pk for _, pk in seen})}
    found: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for file_id, player_id in seen:
        found[file_id][player_id] = spellings[player_id]
    return found


def _collections_of(file_ids: Collection[int]) -> defaultdict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for file_id, name in CollectionItem.objects.filter(file__in=among(file_ids)).values_list("file_id", "collection__name"):
        found[file_id].append(name)
    return found
