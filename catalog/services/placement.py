"""Path rules at work: which file belongs to which content. A rule never moves what a curator placed.

Everything below a catalog (series, contents, which files they hold) changes only under the lock of the catalog's row, taken
in order of id. So two placements, or a placement and a curator, never meet half-way, and an empty content can be removed
without somebody just moving a file into it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext

from catalog import text
from catalog.choices import PLACED_KINDS, FileKind, Placement
from catalog.models import Catalog, Content, MediaFile, PathRule, Series, Source
from catalog.rules import CATALOG_MAX, SERIES_MAX, TITLE_MAX, Place, RuleBook, compile_usable, sidecar_stems
from catalog.services.arrivals import Placer
from catalog.services.file_rows import NOWHERE, Home
from catalog.services.known import lock_files
from mam.lib.bulk import (
    CHUNK,
    add_to_rows,
    among,
    chunks,
    database_time,
    ids_by,
    insert_rows,
    prefer_indexes,
    reserve_ids,
    update_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from catalog.rules import StoredRule
    from catalog.services.arrivals import Arrival, Foreseen, Keys, Target


@dataclass(slots=True)
class PlacementResult:
    """What a placement did, in numbers of files and contents."""

    examined: int = 0
    changed: int = 0
    contents_made: int = 0
    contents_removed: int = 0

    def add(self, other: PlacementResult) -> None:
        """Add `other` in place."""
        self.examined += other.examined
        self.changed += other.changed
        self.contents_made += other.contents_made
        self.contents_removed += other.contents_removed


class _File(NamedTuple):
    pk: int
    kind: str
    name: str
    folder_id: int
    folder_path: str
    source_id: int
    catalog_id: int | None  # of the content it is in


_FOLLOWERS = frozenset({*PLACED_KINDS, FileKind.SUBTITLE})  # of all other kinds no file is in a content
_CONTENT_COLUMNS = ["id", "series_id", "key", "title", "description", "is_curated", "created_at"]


def load_rules() -> RuleBook:
    """The enabled path rules, ready for use; one object as long as they stay what they are."""
    rows = PathRule.objects.filter(is_enabled=True).order_by("position", "id")
    columns = ("pk", "name", "pattern", "source_id", "catalog_name", "series_name")
    return _compiled(tuple(rows.values_list(*columns, named=True)))


@lru_cache(maxsize=2)
def _compiled(rows: tuple[StoredRule, ...]) -> RuleBook:
    return RuleBook(compile_usable(rows))


def load_placer(source: Source) -> Placer:
    """Where the files of `source` belong by the path rules of now."""
    return Placer(load_rules(), source_id=source.pk, source_name=source.name)


def place_files(*, file_ids: Iterable[int]) -> PlacementResult:
    """Put files where the rules say; make and remove contents for it. Idempotent; each batch is a transaction of its own.

    Subtitles follow the video of the same stem in their folder. Files of other kinds leave their content. Call it without
    locks on files (not inside the transaction that registered them): it takes the locks of catalogs first.
    """
    result, placers = PlacementResult(), dict[int, Placer]()
    for chunk in chunks(file_ids):  # none of most batches of a scan: their files were placed as they were inserted
        placers = placers or _load_placers()
        result.add(_place_chunk_settled(chunk, placers))
    return result


def _load_placers() -> dict[int, Placer]:
    """Of each source."""
    rules = load_rules()
    return {pk: Placer(rules, source_id=pk, source_name=name) for pk, name in Source.objects.values_list("pk", "name")}


def place_all(*, on_progress: Callable[[int, int], None] | None = None) -> PlacementResult:
    """Apply the rules to every file again, in order of id. `on_progress(done, last)` is told the id reached and the last id."""
    last = MediaFile.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    result = PlacementResult()
    reached = 0
    while ids := list(MediaFile.objects.filter(pk__gt=reached, pk__lte=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        result.add(place_files(file_ids=ids))
        reached = ids[-1]
        if on_progress is not None:
            on_progress(reached, last)
    result.contents_removed += remove_empty()
    return result


def remove_empty() -> int:
    """Remove contents of rules that no file is in any more, for whatever reason (rows of files were joined or deleted); return how many."""
    empty = Content.objects.filter(is_curated=False).exclude(Exists(MediaFile.objects.filter(content=OuterRef("pk"))))
    result = PlacementResult()
    for chunk in chunks(empty.order_by("pk").values_list("pk", "series__catalog_id")):
        with transaction.atomic():
            locked = lock_catalogs(catalog_id for _pk, catalog_id in chunk)
            settle(catalog_ids=locked, content_ids=[pk for pk, _catalog_id in chunk], folder_ids=[], result=result)
    return result.contents_removed


def _place_chunk_settled(file_ids: list[int], placers: Mapping[int, Placer]) -> PlacementResult:
    while (result := _place_chunk(file_ids, placers)) is None:
        pass  # each round lost means that somebody else's move of these files was committed
    return result


class NewHomes:
    """Contents for files that are about to be inserted: what `place_files` does, before the rows are there.

    To be made first in the transaction, before locks on totals, folders or files: it locks the catalogs, and makes those that lack.
    Subtitles are left to `place_files`, which sees their videos.
    """

    def __init__(self, foreseen: Iterable[Foreseen]) -> None:
        """`foreseen`: of all files that may turn out to be new."""
        targets = {arrival.target.catalog_key: arrival.target for one in foreseen for arrival in one.arrivals if arrival.target}
        self._catalogs = _lock_catalogs_of(targets.values(), set())

    def of(self, arrivals: Sequence[Arrival | None]) -> list[Home | None]:
        """Where each belongs; None: `place_files` has to tell. Makes and counts the contents that lack.

        To be called once, with all that are new: a catalog made for a file that turned out to be known is taken away again.
        """
        targets = [arrival.target if arrival else None for arrival in arrivals]
        placed = {target.keys: target for target in targets if target}
        contents = self._contents(placed.values()) if placed else {}
        if self._catalogs.keys() - {target.catalog_key for target in placed.values()}:
            _remove_empty_catalogs(self._catalogs.values())
        homes: list[Home | None] = []
        for arrival, target in zip(arrivals, targets, strict=True):
            if target is not None:
                homes.append((contents[target.keys], target.place.part))
            else:
                homes.append(None if arrival is None or arrival.kind in _FOLLOWERS else NOWHERE)
        return homes

    def _contents(self, placed: Collection[Target]) -> dict[Keys, int]:
        contents, made = _ensure_contents(placed, self._catalogs, _ensure_series(placed, self._catalogs))
        add_to_rows(Series, ["total_contents"], ((count, series_id) for series_id, count in sorted(made.items())))
        return contents


@transaction.atomic
def _place_chunk(file_ids: list[int], placers: Mapping[int, Placer]) -> PlacementResult | None:
    """None: a file was moved to a catalog that is not locked, between our look and our lock. Nothing was placed; look again."""
    prefer_indexes()
    columns = ("pk", "kind", "name", "folder_id", "folder__path", "source_id", "content__series__catalog_id")
    by_rule = MediaFile.objects.filter(pk__in=among(file_ids), placement=Placement.RULE)
    files = [_File(*row) for row in by_rule.values_list(*columns)]
    targets = {file.pk: placers[file.source_id].target(file.folder_path, file.name) for file in files if file.kind in PLACED_KINDS}
    catalogs = _lock_catalogs_of(targets.values(), {file.catalog_id for file in files if file.catalog_id})
    homes = _lock_homes(files)
    if not _catalogs_of(homes.values()) <= set(catalogs.values()):
        return None
    result = PlacementResult(examined=len(files))
    targets = {pk: target for pk, target in targets.items() if pk in homes}  # what a curator took meanwhile is not ours to place
    series = _ensure_series(targets.values(), catalogs)
    contents, made = _ensure_contents(targets.values(), catalogs, series)
    result.contents_made += sum(made.values())
    wanted: dict[int, Home] = {pk: (contents[target.keys], target.place.part) for pk, target in targets.items()}
    wanted |= {file.pk: NOWHERE for file in files if file.kind not in _FOLLOWERS and file.pk in homes}
    left = _move(wanted, homes, result)
    settle(
        catalog_ids=catalogs.values(),
        content_ids=left,
        folder_ids={file.folder_id for file in files},
        series_ids=made.keys(),
        result=result,
    )
    return result


def _lock_homes(files: Iterable[_File]) -> dict[int, Home]:
    """Lock the files that rules still may place, in order of id; where each is now."""
    rows = MediaFile.objects.select_for_update().filter(pk__in=among(file.pk for file in files), placement=Placement.RULE)
    return {pk: (content_id, part) for pk, content_id, part in rows.order_by("pk").values_list("pk", "content_id", "part_number")}


def _catalogs_of(homes: Iterable[Home]) -> set[int]:
    content_ids = {content_id for content_id, _part in homes if content_id is not None}
    if not content_ids:
        return set()
    return set(Content.objects.filter(pk__in=among(content_ids)).order_by().values_list("series__catalog_id", flat=True))


def lock_catalogs(catalog_ids: Iterable[int]) -> set[int]:
    """Lock catalogs in order of id; return those that are (still) there."""
    rows = Catalog.objects.select_for_update().filter(pk__in=set(catalog_ids)).order_by("pk")
    return set(rows.values_list("pk", flat=True))


def _lock_catalogs_of(targets: Collection[Target], old_ids: set[int]) -> dict[str, int]:
    """Make the catalogs of `targets`; lock them and those in `old_ids`; return their ids by key (of the old ones too)."""
    names = {target.catalog_key: target.place.catalog for target in targets}
    while True:
        found = dict(Catalog.objects.filter(key__in=names).values_list("key", "pk"))
        lacking = [Catalog(key=key, name=names[key][:CATALOG_MAX]) for key in sorted(names.keys() - found.keys())]
        if lacking:  # in order of key: two transactions that make the same ones wait for each other only one way round
            Catalog.objects.bulk_create(lacking, ignore_conflicts=True)
            found = dict(Catalog.objects.filter(key__in=names).values_list("key", "pk"))
        locked = lock_catalogs({*found.values(), *old_ids})
        if len(found) == len(names) and locked.issuperset(found.values()):
            return dict(Catalog.objects.filter(pk__in=locked).values_list("key", "pk"))
        # Another transaction removed an empty catalog between our look and our lock: make it again.


def _ensure_contents(
    targets: Collection[Target], catalogs: dict[str, int], series: dict[tuple[int, str], int]
) -> tuple[dict[Keys, int], Counter[int]]:
    """Make the contents that are lacking; return content ids by (catalog, series, content) key, and how many were made, by series."""
    wanted = {
        target.keys: (series[catalogs[target.catalog_key], target.series_key], target.content_key, target.place.title) for target in targets
    }
    known = ids_by(Content, ("series_id", "key"), dict.fromkeys((series_id, key) for series_id, key, _title in wanted.values()))
    lacking = {(series_id, key): title for series_id, key, title in wanted.values() if (series_id, key) not in known}
    if lacking:
        made = dict(zip(lacking, reserve_ids(Content, len(lacking)), strict=True))
        now = database_time(timezone.now())
        rows = ((made[place], *place, title[:TITLE_MAX], "", False, now) for place, title in lacking.items())
        insert_rows(Content, _CONTENT_COLUMNS, rows)
        known |= made
    ids = {keys: known[series_id, key] for keys, (series_id, key, _title) in wanted.items()}
    return ids, Counter(series_id for series_id, _key in lacking)


def _ensure_series(targets: Collection[Target], catalogs: dict[str, int]) -> dict[tuple[int, str], int]:
    """Series ids by (catalog id, series key)."""
    wanted = {(catalogs[target.catalog_key], target.series_key): target.place for target in targets}
    rows = Series.objects.filter(catalog__in={catalog_id for catalog_id, _key in wanted}).order_by()
    found = {(catalog_id, key): pk for catalog_id, key, pk in rows.values_list("catalog_id", "key", "pk")}
    made = Series.objects.bulk_create(
        [
            Series(catalog_id=catalog_id, key=key, name=_series_name(place), year=place.year)
            for (catalog_id, key), place in wanted.items()
            if (catalog_id, key) not in found
        ]
    )
    return found | {(row.catalog_id, row.key): row.pk for row in made}


def _series_name(place: Place) -> str:
    if place.series is not None:
        return place.series[:SERIES_MAX]
    with translation.override(settings.LANGUAGE_CODE):  # stored, so in the language of the installation; curators may rename it
        return gettext("Others")


def _move(wanted: dict[int, Home], homes: dict[int, Home], result: PlacementResult) -> set[int]:
    """Write where locked files are wanted, of those that are elsewhere; return the contents that were left."""
    changed = [(*home, pk) for pk, home in wanted.items() if home != homes[pk]]
    update_rows(MediaFile, ["content_id", "part_number"], changed)
    result.changed += len(changed)
    left = {homes[pk][0] for content_id, _part, pk in changed if homes[pk][0] != content_id}
    return {content_id for content_id in left if content_id is not None}


# --- what every change of membership ends with ------------------------------------------------------------------------
def settle(
    *,
    catalog_ids: Collection[int],
    content_ids: Collection[int],
    folder_ids: Collection[int],
    series_ids: Collection[int] = (),
    result: PlacementResult | None = None,
) -> None:
    """Let subtitles follow, remove what rules made and nobody needs any more, and count again.

    Args:
        catalog_ids: catalogs the caller has locked; nothing outside of them is removed or counted.
        content_ids: contents that lost files, or may have none.
        folder_ids: folders of the files that moved.
        series_ids: series that got or lost contents, beside those of `content_ids`.
    """
    result = result if result is not None else PlacementResult()
    touched = set(content_ids) | _follow_sidecars(folder_ids, result)
    recounted = set(series_ids)
    for chunk in chunks(sorted(touched)):
        contents = Content.objects.filter(pk__in=among(chunk), series__catalog__in=catalog_ids).order_by()
        series_of = dict(contents.values_list("pk", "series_id"))
        recounted.update(series_of.values())
        result.contents_removed += _remove_hollow(series_of)
    recount_series(recounted)
    empty = Series.objects.filter(pk__in=recounted, total_contents=0, is_curated=False)
    empty.filter(~Exists(Content.objects.filter(series=OuterRef("pk")))).delete()
    _remove_empty_catalogs(catalog_ids)


def _remove_empty_catalogs(catalog_ids: Collection[int]) -> None:
    Catalog.objects.filter(pk__in=catalog_ids, is_curated=False).filter(~Exists(Series.objects.filter(catalog=OuterRef("pk")))).delete()


def recount_series(series_ids: Collection[int]) -> None:
    """Set `total_contents` of series from their contents."""
    counts = Content.objects.filter(series=OuterRef("pk")).order_by().values("series").annotate(count=Count("pk")).values("count")
    Series.objects.filter(pk__in=series_ids).update(total_contents=Coalesce(Subquery(counts), 0))


def _follow_sidecars(folder_ids: Collection[int], result: PlacementResult) -> set[int]:
    """Put each subtitle file of `folder_ids` that no curator placed into the content of its video; return contents left or joined."""
    subtitles = list(
        MediaFile.objects.filter(folder__in=among(folder_ids), kind=FileKind.SUBTITLE, placement=Placement.RULE).values_list(
            "pk", "folder_id", "name", "content_id", "part_number"
        )
    )
    if not subtitles:
        return set()
    videos = MediaFile.objects.filter(folder__in={folder_id for _pk, folder_id, *_rest in subtitles}, kind__in=PLACED_KINDS)
    homes = {
        (folder_id, text.split_extension(name_key)[0]): (content_id, part)
        for folder_id, name_key, content_id, part in videos.order_by("-pk").values_list(
            "folder_id", "name_key", "content_id", "part_number"
        )
    }
    changed, touched = [], set()
    for file_id, folder_id, name, content_id, part in subtitles:
        stems = [stem for stem in sidecar_stems(name) if (folder_id, stem) in homes]
        home: tuple[int | None, int | None] = homes[folder_id, stems[0]] if stems else (None, None)
        if home != (content_id, part):
            changed.append((*home, file_id))
            touched |= {pk for pk in (content_id, home[0]) if pk is not None}
    lock_files(pk for *_home, pk in changed)
    update_rows(MediaFile, ["content_id", "part_number"], changed)
    result.changed += len(changed)
    return touched


def _remove_hollow(content_ids: Iterable[int]) -> int:
    """Delete contents that rules made and in which nothing but subtitles is left; return how many."""
    by_rule = set(Content.objects.filter(pk__in=among(content_ids), is_curated=False).order_by().values_list("pk", flat=True))
    # Asked apart: as an anti-join PostgreSQL reads every pair of both tables while its statistics do not know the files yet.
    filled = MediaFile.objects.filter(content__in=among(by_rule)).exclude(kind=FileKind.SUBTITLE).order_by()
    hollow = by_rule.difference(filled.values_list("content_id", flat=True).distinct())
    if not hollow:
        return 0
    MediaFile.objects.filter(content__in=among(hollow), placement=Placement.RULE).update(content=None, part_number=None)
    hollow.difference_update(MediaFile.objects.filter(content__in=among(hollow)).values_list("content_id", flat=True))
    Content.objects.filter(pk__in=hollow).delete()
    return len(hollow)
