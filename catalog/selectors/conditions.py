"""What the conditions of a list of files say of them before any is read (`narrowing`): no other files meet one than those named here."""

from __future__ import annotations

from bisect import bisect_right
from functools import reduce
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from catalog.choices import FileKind, Placement, ProbeState
from catalog.models import Catalog, CollectionItem, Folder, MediaFile, SearchEntry
from catalog.search.facets import facet_token
from catalog.search.query import Field
from catalog.selectors.narrowing import Having, Narrowing, ids_of
from mam.lib.resolution import RESOLUTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from catalog.models import Collection, Content, Source, Tag

_MOST = 200_000  # files below a folder that are sorted, and ids of a collection that are read at once
_KINDS = frozenset(facet_token(Field.KIND, kind) for kind in FileKind.values)  # every file has one
_WAITING = {state: facet_token(Field.STATE, state) for state in (ProbeState.PENDING, ProbeState.FAILED)}
_ANALYSED = frozenset(facet_token(Field.HLS, value) for value in ("yes", "no"))  # videos


def lies_in(source_id: int) -> Q:
    """The files of a source. Without its index, of which SQLite thinks that it finds few files: it would read and sort all."""
    return Q(Exact(Coalesce("source_id", "source_id"), source_id))


def lies_below(folder: Folder) -> Q:
    """The files in a folder or anywhere below it."""
    if folder.parent_id is None:
        return lies_in(folder.source_id)
    return Q(folder__in=Folder.objects.filter(_lies_at_or_below(folder)).values("pk"))


def _lies_at_or_below(folder: Folder) -> Q:
    return Q(pk=folder.pk) | Q(lineage__startswith=folder.subtree_prefix)


def narrow(asked: Mapping[str, Any]) -> Narrowing:
    """What is known of the files that meet these conditions: name in `FileFilter` -> cleaned value. A few queries."""
    known = {name: value for name, value in asked.items() if name in _SAYS and value not in (None, "") and not _is_none(value)}
    narrowing = reduce(lambda so_far, name: _SAYS[name](so_far, known[name]), sorted(known), Narrowing())
    return _between(narrowing, asked)


def _is_none(value: Any) -> bool:
    return hasattr(value, "__len__") and not len(value)


# --- by the bitmaps ---------------------------------------------------------------------------------------------------
def _one_of(narrowing: Narrowing, field: Field, values: Iterable[str | int]) -> Narrowing:
    return narrowing.to(Having(frozenset(facet_token(field, value) for value in values)))


def _tags(narrowing: Narrowing, tags: Iterable[Tag]) -> Narrowing:
    return reduce(lambda so_far, tag: _one_of(so_far, Field.TAG, [tag.pk]), tags, narrowing)


def _probe_state(narrowing: Narrowing, states: Iterable[str]) -> Narrowing:
    """Two states have a token. What has neither is understood or no media; a video that is understood has another one."""
    others = frozenset(_WAITING.values())
    shapes = {state: Having(frozenset({token})) for state, token in _WAITING.items()}
    shapes |= {ProbeState.DONE: Having(_KINDS, others), ProbeState.NONE: Having(_KINDS, others | _ANALYSED)}
    return narrowing.to(*(shapes[ProbeState(state)] for state in states))


def _is_placed(narrowing: Narrowing, is_placed: bool) -> Narrowing:
    placed = frozenset(facet_token(Field.CATALOG, pk) for pk in Catalog.objects.values_list("pk", flat=True))
    return narrowing.to(Having(placed) if is_placed else Having(_KINDS, placed))


def _min_height(narrowing: Narrowing, height_px: Any) -> Narrowing:
    """A picture is of the class of its height, or of that of its width where this is less: of nine sixteenths of the height at least."""
    lowest = max(0, bisect_right(RESOLUTIONS, int(height_px) * 9 / 16) - 1)
    return _one_of(narrowing, Field.RESOLUTION, RESOLUTIONS[lowest:])


# --- by indexes -------------------------------------------------------------------------------------------------------
def _source(narrowing: Narrowing, source: Source) -> Narrowing:
    root = Folder.objects.filter(source=source, parent=None).first()
    return narrowing if root is None else _below(narrowing, root)


def _below(narrowing: Narrowing, folder: Folder) -> Narrowing:
    if folder.total_files + folder.total_missing > _MOST:
        return narrowing
    # Also of a whole source: the index of folders has names and ids, that of sources has not.
    below = Q(source=folder.source_id) if folder.parent_id is None else _lies_at_or_below(folder)
    return narrowing.to_folders(Q(folder__in=Folder.objects.filter(below).values("pk")))


def _folder(narrowing: Narrowing, folder: Folder) -> Narrowing:
    return narrowing.to_folders(Q(folder=folder), is_one=True)


def _content(narrowing: Narrowing, content: Content) -> Narrowing:
    return narrowing.to_ids(ids_of(MediaFile.objects.filter(content=content)))


def _collection(narrowing: Narrowing, collection: Collection) -> Narrowing:
    return narrowing.to_ids(ids_of(CollectionItem.objects.filter(collection=collection), "file_id", at_most=_MOST))


def _placement(narrowing: Narrowing, placement: str) -> Narrowing:
    return narrowing.to_ids(ids_of(MediaFile.objects.filter(placement=placement))) if placement == Placement.CURATOR else narrowing


def _between(narrowing: Narrowing, asked: Mapping[str, Any]) -> Narrowing:
    """Sizes and lengths are in the entries of the search, with an index; when a file was found is in its own."""
    for column in ("size_bytes", "duration_ms"):
        low, high = asked.get(f"min_{column}"), asked.get(f"max_{column}")
        if low is not None or high is not None:
            entries = SearchEntry.objects.filter(**{f"{column}__gte": max(0, low or 0)})  # less than nothing: not known
            narrowing = narrowing.to_entries(entries if high is None else entries.filter(**{f"{column}__lte": high}))
    found = {"gte": asked.get("found_after"), "lt": asked.get("found_before")}
    times = {f"first_seen_at__{side}": value for side, value in found.items() if value is not None}
    return narrowing.to_ids(ids_of(MediaFile.objects.filter(**times))) if times else narrowing


_SAYS: Mapping[str, Any] = {
    "source": _source,
    "folder": _folder,
    "below": _below,
    "content": _content,
    "collection": _collection,
    "placement": _placement,
    "tag": _tags,
    "probe_state": _probe_state,
    "is_placed": _is_placed,
    "min_height_px": _min_height,
    "kind": lambda narrowing, kinds: _one_of(narrowing, Field.KIND, kinds),
    "presence": lambda narrowing, states: _one_of(narrowing, Field.STATE, states),
    "extension": lambda narrowing, extension: _one_of(narrowing, Field.CONTAINER, [extension]),
    "video_codec": lambda narrowing, codec: _one_of(narrowing, Field.CODEC, [codec]),
    "catalog": lambda narrowing, catalog: _one_of(narrowing, Field.CATALOG, [catalog.pk]),
    "series": lambda narrowing, series: _one_of(narrowing, Field.SERIES, [series.pk]),
    "player": lambda narrowing, player: _one_of(narrowing, Field.PLAYER, [player.pk]),
}
