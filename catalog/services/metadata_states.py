"""The curated metadata of files, as a table shows it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalog import text
from catalog.models import MediaFile
from catalog.services.metadata_csv import join_names
from mam.lib.bulk import among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_COLUMNS = ("pk", "source__name", "folder__path", "name", "title", "description", "part_number", "placement", "content_id")
_WORK = ("content__series__catalog__name", "content__series__name", "content__title")


@dataclass(slots=True)
class FileState:
    """One file. `place`: names of catalog, series and content, each "" outside of every content."""

    pk: int
    source: str
    folder_path: str
    name: str
    title: str
    description: str
    part: int | None
    placement: str
    content_id: int | None
    place: list[str]
    tags: list[str] = field(default_factory=list)
    players: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Relative to the source's root, as the source spells it."""
        return f"{self.folder_path}/{self.name}" if self.folder_path else self.name

    def row(self) -> list[str | int]:
        """The cells of `metadata_csv.COLUMNS`."""
        part = "" if self.part is None else self.part
        names = (join_names(self.tags), join_names(self.players))
        return [self.pk, self.source, self.path, self.title, self.description, *self.place, part, *names]

    def has(self, values: dict[str, Any]) -> bool:
        """Whether it is as `values` (of a change: those of some columns) say."""
        return all(_same(column, getattr(self, column), value) for column, value in values.items())


def load_states(file_ids: Collection[int]) -> dict[int, FileState]:
    """By id, those that there are, in the given order. Three queries."""
    rows: Iterable[tuple[Any, ...]] = MediaFile.objects.filter(pk__in=among(file_ids)).order_by().values_list(*_COLUMNS, *_WORK)
    values = ([*row[:-3], [name or "" for name in row[-3:]]] for row in rows)
    found = {one[0]: FileState(*one) for one in values}
    tagged = MediaFile.tags.through.objects.filter(mediafile__in=among(found)).order_by("tag__key")
    for pk, name in tagged.values_list("mediafile_id", "tag__name"):
        if pk in found:
            found[pk].tags.append(name)
    seen = MediaFile.players.through.objects.filter(mediafile__in=among(found)).order_by("player__name")
    for pk, name in seen.values_list("mediafile_id", "player__name"):
        if pk in found:
            found[pk].players.append(name)
    return {pk: found[pk] for pk in file_ids if pk in found}


def tidy_lines(value: str) -> str:
    """A text of several lines as it is stored; spreadsheets end lines in their own way."""
    return text.nfc(value).replace("\r\n", "\n").replace("\r", "\n").strip()


def _same(column: str, has: Any, wanted: Any) -> bool:
    match column:
        case "tags":
            return {text.tag_key(name) for name in has} == {text.tag_key(name) for name in wanted}
        case "players":
            return set(has) == set(wanted)
        case "title":
            return text.tidy(has) == text.tidy(wanted)
        case "description":
            return tidy_lines(has) == tidy_lines(wanted)
        case _:
            return bool(has == wanted)
