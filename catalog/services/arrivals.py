"""What path and name say of a file before it has a row. No queries here: scans work this out in the threads that list directories, while
the database is busy with what was listed before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from catalog import text
from catalog.choices import PLACED_KINDS
from catalog.services.known import first_probe_state, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from catalog.rules import Place, RuleBook


Keys = tuple[str, str, str]  # of a catalog, a series in it, and a content in that


class Target(NamedTuple):
    """A place, and the keys of the works there, which cost more than everything else and are asked for often."""

    keys: Keys
    place: Place

    @property
    def catalog_key(self) -> str:
        """Of `Catalog.key`."""
        return self.keys[0]

    @property
    def series_key(self) -> str:
        """Of `Series.key`."""
        return self.keys[1]

    @property
    def content_key(self) -> str:
        """Of `Content.key`."""
        return self.keys[2]


class Arrival(NamedTuple):
    """A file that may be new, as its row will have it. `target`, the last: of kinds that have a place by their path."""

    name_key: str
    extension: str
    kind: str
    probe_state: str
    target: Target | None


class Foreseen(NamedTuple):
    """The arrivals of one folder's files, in their order, by the rules and the folder's path of a moment."""

    rules: RuleBook
    folder_path: str
    arrivals: list[Arrival]


class Placer:
    """Where the files of one source belong by `rules`."""

    def __init__(self, rules: RuleBook, *, source_id: int, source_name: str) -> None:
        self.rules = rules
        self._source_id = source_id
        self._source_name = source_name

    def target(self, folder_path: str, name: str) -> Target:
        """Where a media file belongs."""
        (target,) = self._targets(folder_path, [name])
        return target

    def foresee(self, folder_path: str, names: Iterable[str]) -> Foreseen:
        """Of all files of one folder."""
        files = list(names)
        arrivals = [arrival_of(name) for name in files]
        targets = self._targets(folder_path, [name for name, one in zip(files, arrivals, strict=True) if one.kind in PLACED_KINDS])
        placed = [Arrival(*one[:-1], next(targets)) if one.kind in PLACED_KINDS else one for one in arrivals]
        return Foreseen(self.rules, folder_path, placed)

    def _targets(self, folder_path: str, names: Iterable[str]) -> Iterator[Target]:
        places = self.rules.place_in(folder_path, names, source_id=self._source_id, source_name=self._source_name)
        return (Target((place.catalog_key, place.series_key, place.content_key), place) for place in places)


def arrival_of(name: str) -> Arrival:
    """What the name alone says."""
    extension = text.split_extension(name)[1]
    kind = kind_of(extension)
    return Arrival(text.name_key(name), extension, kind, first_probe_state(kind), None)
