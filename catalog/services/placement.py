"""Path rules at work: which file belongs to which content. A rule never moves what a curator placed.

Everything below a catalog (series, contents, which files they hold) changes only under the lock of the catalog's row, taken
in order of id. So two placements, or a placement and a curator, never meet half-way, and an empty content can be removed
without somebody just moving a file into it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import translation
from django.utils.translation import gettext

from catalog import text
from catalog.choices import FileKind, Placement
from catalog.models import Catalog, Content, MediaFile, PathRule, Series, Source
from catalog.rules import CATALOG_MAX, SERIES_MAX, TITLE_MAX, Place, RuleBook, compile_rule, sidecar_stems
from catalog.services.common import CHUNK, chunks
from mam.lib.bulk import update_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

PLACED_KINDS = (FileKind.VIDEO, FileKind.AUDIO)


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


class _Target(NamedTuple):
    """A place with its keys, which cost more than everything else and are asked for often."""

    catalog_key: str
    series_key: str
    content_key: str
    place: Place

    @property
    def keys(self) -> tuple[str, str, str]:
        return self.catalog_key, self.series_key, self.content_key


def load_rules() -> RuleBook:
    """The enabled path rules, ready for use."""
    rows = PathRule.objects.filter(is_enabled=True).order_by("position", "id")
    return RuleBook(
        [
            compile_rule(
                name=row.name, pattern=row.pattern, source_id=row.source_id, catalog_name=row.catalog_name, series_name=row.series_name
            )
            for row in rows
        ]
    )


def place_files(*, file_ids: Iterable[int]) -> PlacementResult:
    """Put files where the rules say; make and remove contents for it. Idempotent; each batch is a transaction of its own.

    Subtitles follow the video of the same stem in their folder. Files of other kinds leave their content. Call it without
    locks on files (not inside the transaction that registered them): it takes the locks of catalogs first.
    """
    book = load_rules()
    names = dict(Source.objects.values_list("pk", "name"))
    result = PlacementResult()
    for chunk in chunks(file_ids):
        result.add(_place_chunk_settled(chunk, book, names))
    return result


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


def _place_chunk_settled(file_ids: list[int], book: RuleBook, source_names: dict[int, str]) -> PlacementResult:
    while (result := _place_chunk(file_ids, book, source_names)) is None:
        pass  # each round lost means that somebody else's move of these files was committed
    return result


@transaction.atomic
def _place_chunk(file_ids: list[int], book: RuleBook, source_names: dict[int, str]) -> PlacementResult | None:
    """None: a file was moved to a catalog that is not locked, between our look and our lock. Nothing was placed; look again."""
    columns = ("pk", "kind", "name", "folder_id", "folder__path", "source_id", "content__series__catalog_id")
    files = [_File(*row) for row in MediaFile.objects.filter(pk__in=file_ids, placement=Placement.RULE).values_list(*columns)]
    targets = {file.pk: _target_of(file, book, source_names) for file in files if file.kind in PLACED_KINDS}
    catalogs = _lock_catalogs_of(targets.values(), {file.catalog_id for file in files if file.catalog_id})
    now = MediaFile.objects.filter(pk__in=[file.pk for file in files], placement=Placement.RULE).exclude(content=None)
    if not set(now.values_list("content__series__catalog_id", flat=True)) <= set(catalogs.values()):
        return None
    result = PlacementResult(examined=len(files))
    contents = _ensure_contents(targets.values(), catalogs, result)
    wanted: dict[int, tuple[int | None, int | None]] = {
        file_id: (contents[target.keys], target.place.part) for file_id, target in targets.items()
    }
    wanted |= {file.pk: (None, None) for file in files if file.kind not in {*PLACED_KINDS, FileKind.SUBTITLE}}
    left = _move(wanted, result)
    settle(
        catalog_ids=catalogs.values(),
        content_ids=left | set(contents.values()),
        folder_ids={file.folder_id for file in files},
        result=result,
    )
    return result


def _target_of(file: _File, book: RuleBook, source_names: dict[int, str]) -> _Target:
    path = f"{file.folder_path}/{file.name}" if file.folder_path else file.name
    place = book.place(path, source_id=file.source_id, source_name=source_names[file.source_id])
    return _Target(place.catalog_key, place.series_key, place.content_key, place)


def lock_catalogs(catalog_ids: Iterable[int]) -> set[int]:
    """Lock catalogs in order of id; return those that are (still) there."""
    rows = Catalog.objects.select_for_update().filter(pk__in=set(catalog_ids)).order_by("pk")
    return set(rows.values_list("pk", flat=True))


def _lock_catalogs_of(targets: Collection[_Target], old_ids: set[int]) -> dict[str, int]:
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


def _ensure_contents(targets: Collection[_Target], catalogs: dict[str, int], result: PlacementResult) -> dict[tuple[str, str, str], int]:
    """Make what is lacking of series and contents; return content ids by (catalog, series, content) key."""
    series = _ensure_series(targets, catalogs)
    wanted = {
        target.keys: (series[catalogs[target.catalog_key], target.series_key], target.content_key, target.place.title) for target in targets
    }
    known = _known_contents([(series_id, key) for series_id, key, _title in wanted.values()])
    lacking = {(series_id, key): title for series_id, key, title in wanted.values() if (series_id, key) not in known}
    made = Content.objects.bulk_create(
        [Content(series_id=series_id, key=key, title=title[:TITLE_MAX]) for (series_id, key), title in lacking.items()], batch_size=CHUNK
    )
    result.contents_made += len(made)
    known |= {(content.series_id, content.key): content.pk for content in made}
    return {keys: known[series_id, key] for keys, (series_id, key, _title) in wanted.items()}


def _known_contents(wanted: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    by_series: defaultdict[int, list[str]] = defaultdict(list)
    for series_id, key in wanted:
        by_series[series_id].append(key)
    found: dict[tuple[int, str], int] = {}
    for series_id, keys in by_series.items():  # one query a series: each walks the unique index (series, key)
        rows = Content.objects.filter(series=series_id, key__in=keys).values_list("key", "pk")
        found |= {(series_id, key): pk for key, pk in rows}
    return found


def _ensure_series(targets: Collection[_Target], catalogs: dict[str, int]) -> dict[tuple[int, str], int]:
    """Series ids by (catalog id, series key)."""
    wanted = {(catalogs[target.catalog_key], target.series_key): target.place for target in targets}
    rows = Series.objects.filter(catalog__in={catalog_id for catalog_id, _key in wanted}).values_list("catalog_id", "key", "pk")
    found = {(catalog_id, key): pk for catalog_id, key, pk in rows}
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


def _move(wanted: dict[int, tuple[int | None, int | None]], result: PlacementResult) -> set[int]:
    """Write (content id, part) of files; return the contents that were left. A curator's move in between wins."""
    rows = (
        MediaFile.objects.select_for_update()
        .filter(pk__in=wanted, placement=Placement.RULE)
        .order_by("pk")
        .values_list("pk", "content_id", "part_number")
    )
    changed, left = [], set()
    for file_id, content_id, part in rows:
        new_content_id, new_part = wanted[file_id]
        if (content_id, part) == (new_content_id, new_part):
            continue
        changed.append((new_content_id, new_part, file_id))
        if content_id and content_id != new_content_id:
            left.add(content_id)
    update_rows(MediaFile, ["content_id", "part_number"], changed)
    result.changed += len(changed)
    return left


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
        content_ids: contents that got or lost files.
        folder_ids: folders of the files that moved.
        series_ids: series that lost contents, beside those of `content_ids`.
    """
    result = result if result is not None else PlacementResult()
    touched = set(content_ids) | _follow_sidecars(folder_ids, result)
    recounted = set(series_ids)
    for chunk in chunks(sorted(touched)):
        contents = Content.objects.filter(pk__in=chunk, series__catalog__in=catalog_ids)
        recounted.update(contents.values_list("series_id", flat=True))
        result.contents_removed += _remove_hollow(contents.values_list("pk", flat=True))
    recount_series(recounted)
    empty = Series.objects.filter(pk__in=recounted, total_contents=0, is_curated=False)
    empty.filter(~Exists(Content.objects.filter(series=OuterRef("pk")))).delete()
    Catalog.objects.filter(pk__in=catalog_ids, is_curated=False).filter(~Exists(Series.objects.filter(catalog=OuterRef("pk")))).delete()


def recount_series(series_ids: Collection[int]) -> None:
    """Set `total_contents` of series from their contents."""
    counts = Content.objects.filter(series=OuterRef("pk")).order_by().values("series").annotate(count=Count("pk")).values("count")
    Series.objects.filter(pk__in=series_ids).update(total_contents=Coalesce(Subquery(counts), 0))


def _follow_sidecars(folder_ids: Collection[int], result: PlacementResult) -> set[int]:
    """Put each subtitle file of `folder_ids` that no curator placed into the content of its video; return contents left or joined."""
    subtitles = list(
        MediaFile.objects.filter(folder__in=folder_ids, kind=FileKind.SUBTITLE, placement=Placement.RULE).values_list(
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
    update_rows(MediaFile, ["content_id", "part_number"], changed)
    result.changed += len(changed)
    return touched


def _remove_hollow(content_ids: Iterable[int]) -> int:
    """Delete contents that rules made and in which nothing but subtitles is left; return how many."""
    hollow = Content.objects.filter(pk__in=list(content_ids), is_curated=False).exclude(
        Exists(MediaFile.objects.filter(content=OuterRef("pk")).exclude(kind=FileKind.SUBTITLE))
    )
    ids = list(hollow.values_list("pk", flat=True))
    if not ids:
        return 0
    MediaFile.objects.filter(content__in=ids, placement=Placement.RULE).update(content=None, part_number=None)
    kept = set(MediaFile.objects.filter(content__in=ids).values_list("content_id", flat=True))
    Content.objects.filter(pk__in=set(ids) - kept).delete()
    return len(set(ids) - kept)
