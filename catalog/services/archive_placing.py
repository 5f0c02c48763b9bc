"""Puts files where an old archive has them, many at once. What curators said here stays as it is.

Everything happens in the transaction of the caller, under the locks of all catalogs concerned (see `placement`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext

from catalog import text
from catalog.choices import Placement
from catalog.models import Catalog, Content, MediaFile, Series
from catalog.rules import CATALOG_MAX, GROUP_MAX, OTHERS_KEY, SERIES_MAX
from catalog.services.placement import lock_catalogs, settle
from catalog.services.tags import get_or_create_tags
from mam.lib.bulk import among, chunks, database_time, insert_rows, reserve_ids, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import Model

    from catalog.services.archive_people import People
    from catalog.services.archive_works import Said, WantedSeries, WantedWork
    from mam.accounts.models import User

_CONTENT_COLUMNS = ["id", "series_id", "key", "title", "description", "is_curated", "created_at"]
_FILE_COLUMNS = ["content_id", "part_number", "placement", "title", "description"]


class _File(NamedTuple):
    pk: int
    content_id: int | None
    part_number: int | None
    placement: str
    title: str
    description: str
    folder_id: int

    @property
    def is_curated(self) -> bool:
        return self.placement == Placement.CURATOR


@dataclass(slots=True)
class Placed:
    """What a batch did. `contents`: where each file is now, by its id."""

    contents: dict[int, int | None] = field(default_factory=dict)
    kept: int = 0  # files that stayed where a curator had put them
    contents_made: int = 0
    places_before: list[list[int | None]] = field(default_factory=list)  # file, content, part, of those that moved


class Placer:
    """Knows which of our contents stand for contents of the archive."""

    def __init__(self, *, user: User | None, people: People, contents: dict[str, int]) -> None:
        self._user = user
        self._people = people
        self._content_ids = contents  # by the archive's ids
        self._taken = set(contents.values())

    def place(self, said: dict[int, Said]) -> Placed:
        """Do what the archive says of files, by file id. Files that are gone meanwhile are passed over."""
        peeked = MediaFile.objects.filter(pk__in=among(said))
        free = set(peeked.filter(placement=Placement.RULE).values_list("pk", flat=True))
        wanted = {pk: one.work for pk, one in said.items() if one.work is not None and pk in free}
        old_ids = peeked.exclude(content=None).order_by().values_list("content__series__catalog_id", flat=True).distinct()
        series, catalog_ids = _ensure_series({work.series for work in wanted.values()}, set(old_ids))
        columns = ("pk", "content_id", "part_number", "placement", "title", "description", "folder_id")
        rows = MediaFile.objects.select_for_update().filter(pk__in=among(said)).order_by("pk").values_list(*columns)
        files = [_File(*row) for row in rows]
        result = Placed(kept=sum(file.is_curated and said[file.pk].work is not None for file in files))
        moving = {file.pk: wanted[file.pk] for file in files if file.pk in wanted and not file.is_curated}
        contents = self._ensure_contents(set(moving.values()), series, result)
        homes = {pk: contents[work] for pk, work in moving.items()}
        self._write_files(files, said, homes, result)
        _add_tags({file.pk: said[file.pk].tags for file in files}, self._user)
        self._add_players(MediaFile, {file.pk: said[file.pk].players for file in files})
        self._add_players(Content, {home: said[pk].cast for pk, home in homes.items()})
        touched = {*homes.values(), *(file.content_id for file in files if file.content_id is not None and file.pk in homes)}
        folders = {file.folder_id for file in files if file.pk in homes}
        settle(catalog_ids=catalog_ids, content_ids=touched, folder_ids=folders, series_ids=set(series.values()))
        return result

    def _write_files(self, files: list[_File], said: dict[int, Said], homes: dict[int, int], result: Placed) -> None:
        """Content, part, title and description, where no curator has said them."""
        changed = []
        for file in files:
            one = said[file.pk]
            home = homes.get(file.pk, file.content_id)
            part = (one.part or file.part_number) if file.pk in homes else file.part_number
            placement = Placement.CURATOR.value if file.pk in homes else file.placement
            row = (home, part, placement, file.title or one.title, file.description or one.description)
            if row != file[1:6]:
                changed.append((*row, file.pk))
            if file.pk in homes:
                result.places_before.append([file.pk, file.content_id, file.part_number])
            result.contents[file.pk] = home
        update_rows(MediaFile, _FILE_COLUMNS, changed)

    def _ensure_contents(self, works: set[WantedWork], series: dict[WantedSeries, int], result: Placed) -> dict[WantedWork, int]:
        """Our contents for those of the archive: the same as before, else one of that title, else a new one."""
        known = Content.objects.filter(pk__in=among({self._content_ids[work.old_id] for work in works if work.old_id in self._content_ids}))
        still_there = set(known.values_list("pk", flat=True))
        found = {work: pk for work in works if (pk := self._content_ids.get(work.old_id)) in still_there and pk is not None}
        places = {work: (series[work.series], text.bounded_key(work.title, GROUP_MAX)) for work in works if work not in found}
        by_place = _contents_at(places.values())
        new: dict[WantedWork, tuple[int, str]] = {}
        for work, (series_id, key) in sorted(places.items(), key=lambda item: (item[0].old_id, item[0].title)):
            pk = by_place.get((series_id, key))
            if pk is not None and not (work.old_id and pk in self._taken):
                found[work] = pk
                self._taken |= {pk} if work.old_id else set()
            else:  # of the archive's contents of one title each is one of its own
                is_free = pk is None and (series_id, key) not in new.values()
                new[work] = (series_id, key if is_free or not work.old_id else text.bounded_key(f"{work.title} #{work.old_id}", GROUP_MAX))
        new_places = _contents_at(set(new.values()) - set(places.values()))  # a key with a number may be there from an earlier archive
        found |= {work: new_places[place] for work, place in new.items() if place in new_places}
        made = _insert_contents({work: place for work, place in new.items() if place not in new_places})
        _describe_contents({found[work]: work.description for work in found})
        found |= made
        self._content_ids |= {work.old_id: pk for work, pk in found.items() if work.old_id}
        self._taken |= {pk for work, pk in found.items() if work.old_id}
        result.contents_made += len(made)
        return found

    def _add_players(self, model: type[MediaFile | Content], references: dict[int, tuple[str, ...]]) -> None:
        """Name the players of those that name none yet."""
        wanted = {pk: self._people.named(some) for pk, some in references.items() if some}
        column = f"{model._meta.model_name}_id"
        through = model.players.through
        list(model._default_manager.select_for_update().filter(pk__in=among(wanted)).order_by("pk").values_list("pk"))
        named = set(through._default_manager.filter(**{f"{column}__in": among(wanted)}).values_list(column, flat=True))
        rows = [(pk, player_id) for pk, ids in wanted.items() if pk not in named for player_id in ids]
        insert_rows(through, [column, "player_id"], rows)


# --- catalogs and series ------------------------------------------------------------------------------------------------
def _ensure_series(wanted: Collection[WantedSeries], old_ids: set[int]) -> tuple[dict[WantedSeries, int], set[int]]:
    """Our series for those of the archive, and all catalogs that are locked: theirs, and those in `old_ids`."""
    while True:
        catalogs = _ensure_catalogs({one.catalog_names: one.catalog_description for one in wanted})
        locked = lock_catalogs({*catalogs.values(), *old_ids})
        if locked.issuperset(catalogs.values()):
            break  # else somebody removed an empty one between our look and our lock
    by_key: dict[tuple[int, str], Series] = {}
    rows = Series.objects.filter(catalog__in=set(catalogs.values()))
    for row in rows:
        by_key.setdefault((row.catalog_id, text.bounded_key(row.name, SERIES_MAX)), row)
    by_key |= {(row.catalog_id, row.key): row for row in rows}
    found: dict[WantedSeries, int] = {}
    for one in sorted(wanted, key=lambda one: (one.catalog_names, one.name, one.series_id)):
        catalog_id = catalogs[one.catalog_names]
        key = text.bounded_key(one.name, SERIES_MAX) if one.name else OTHERS_KEY
        series = by_key.get((catalog_id, key))
        if series is None:
            fields = {"year": one.year, "description": one.description, "is_curated": True}
            series = Series.objects.create(catalog_id=catalog_id, key=key, name=one.name or _others(), **fields)
            by_key[catalog_id, key] = series
        elif not series.is_curated:
            _fill(series, {"year": one.year, "description": one.description})
        found[one] = series.pk
    return found, locked


def _ensure_catalogs(wanted: dict[tuple[str, ...], str]) -> dict[tuple[str, ...], int]:
    by_key: dict[str, Catalog] = {}
    rows = list(Catalog.objects.order_by("pk"))
    for row in rows:
        by_key.setdefault(text.bounded_key(row.name, CATALOG_MAX), row)
    by_key |= {row.key: row for row in rows}
    found: dict[tuple[str, ...], int] = {}
    for names, description in sorted(wanted.items()):
        keys = [text.bounded_key(name, CATALOG_MAX) for name in names]
        catalog = next((by_key[key] for key in keys if key in by_key), None)
        if catalog is None:
            catalog, _ = Catalog.objects.get_or_create(
                key=keys[0], defaults={"name": names[0], "description": description, "is_curated": True}
            )
            by_key[keys[0]] = catalog
        elif not catalog.is_curated:
            _fill(catalog, {"description": description})
        found[names] = catalog.pk
    return found


def _fill(row: Model, values: dict[str, object]) -> None:
    """Set what is empty; nothing is written when nothing is."""
    lacking = {name: value for name, value in values.items() if value and not getattr(row, name)}
    if lacking:
        type(row)._default_manager.filter(pk=row.pk).update(**lacking, is_curated=True)


def _others() -> str:
    with translation.override(settings.LANGUAGE_CODE):  # stored, so in the language of the installation
        return gettext("Others")


# --- contents, tags -----------------------------------------------------------------------------------------------------
def _contents_at(places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    wanted = set(places)
    if not wanted:
        return {}
    by_both = Content.objects.filter(series__in={series_id for series_id, _key in wanted}, key__in={key for _series_id, key in wanted})
    rows = by_both.order_by().values_list("series_id", "key", "pk")
    return {(series_id, key): pk for series_id, key, pk in rows if (series_id, key) in wanted}


def _insert_contents(places: dict[WantedWork, tuple[int, str]]) -> dict[WantedWork, int]:
    if not places:
        return {}
    made: dict[tuple[int, str], int] = dict(
        zip(dict.fromkeys(places.values()), reserve_ids(Content, len(set(places.values()))), strict=True)
    )
    now = database_time(timezone.now())
    first = {place: work for work, place in reversed(places.items())}
    rows = ((pk, *place, first[place].title, first[place].description, True, now) for place, pk in made.items())
    insert_rows(Content, _CONTENT_COLUMNS, rows)
    return {work: made[place] for work, place in places.items()}


def _describe_contents(descriptions: dict[int, str]) -> None:
    """From now on they are curated: rules neither remove nor rename them. A description is only given to those without."""
    for row in Content.objects.select_for_update().filter(pk__in=among(descriptions), is_curated=False).order_by("pk"):
        row.description, row.is_curated = row.description or descriptions[row.pk], True
        row.save(update_fields=["description", "is_curated"])


def _add_tags(names: dict[int, tuple[str, ...]], user: User | None) -> None:
    """Put tags on files, by name, beside those they have."""
    spelled: dict[str, str] = {}
    for name in chain.from_iterable(names.values()):
        spelled.setdefault(text.tag_key(name), name)
    tags = {tag.key: tag.pk for chunk in chunks(spelled.values()) for tag in get_or_create_tags(names=chunk, user=user)}
    through = MediaFile.tags.through
    has = set(through.objects.filter(mediafile__in=among(pk for pk, some in names.items() if some)).values_list("mediafile_id", "tag_id"))
    pairs = dict.fromkeys((pk, tags[text.tag_key(name)]) for pk, some in names.items() for name in some)
    insert_rows(through, ["mediafile_id", "tag_id"], [pair for pair in pairs if pair not in has])
