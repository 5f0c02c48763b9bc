"""What an old archive says about files: which content, series and catalog they belong to, tags and players. Reads the archive only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import text
from catalog.choices import ImportReason
from catalog.rules import CATALOG_MAX, SERIES_MAX, TITLE_MAX, clean
from catalog.services.archive_matching import path_parts
from catalog.services.archive_reader import COLUMNS, integer, name_list, one_line, prose, reference

if TYPE_CHECKING:
    from catalog.services.archive_matching import Parts
    from catalog.services.archive_reader import OldArchive, OldRow

TAG_MAX = text.TAG_KEY_MAX
PLAYER_MAX = 120
_YEARS = range(1900, 2101)
_PARTS = range(1, 1000)


@dataclass(frozen=True, slots=True)
class WantedSeries:
    """A series of a catalog, as the archive calls them. The ids are the archive's."""

    catalog_names: tuple[str, ...]  # the first one for a new catalog, any of them for one that is there
    catalog_description: str
    catalog_id: str
    name: str  # "": what lies directly in the catalog
    year: int | None = None
    description: str = ""
    series_id: str = ""


@dataclass(frozen=True, slots=True)
class WantedWork:
    """A content of a series. `old_id` "": the archive has no row for it."""

    series: WantedSeries
    title: str
    description: str = ""
    old_id: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the archive says about one file, beside where it lies."""

    title: str
    description: str
    part: int | None
    tags: tuple[str, ...]
    players: tuple[str, ...]  # references or names
    cast: tuple[str, ...]  # the same of its content
    content: OldRow | None
    work: WantedWork | None


class OldWorks:
    """The catalogs, series and contents of an archive in memory, and what links them with files."""

    def __init__(self, archive: OldArchive) -> None:
        self.catalogs = {row.old_id: row for row in archive.rows("catalogs")}
        self.series = {row.old_id: row for row in archive.rows("series")}
        self.contents = {row.old_id: row for row in archive.rows("contents")}
        self._series: dict[tuple[str, str], WantedSeries | ImportReason] = {}
        self._content_of_file: dict[str, str] = {}
        self._content_of_path: dict[Parts, str] = {}
        for old_id, row in self.contents.items():
            if file_id := row.reference("file"):
                self._content_of_file.setdefault(file_id, old_id)
            if parts := content_parts(row):
                self._content_of_path.setdefault(parts, old_id)
        names = {reference(row.get("id")): one_line(row.get("name"), TAG_MAX) for row in archive.raw_rows("tags")}
        self._file_tags = _links(archive, "file_tags", "file", "tag", names)
        self._content_tags = _links(archive, "content_tags", "content", "tag", names)
        self._file_players = _links(archive, "file_players", "file", "player")
        self._content_players = _links(archive, "content_players", "content", "player")

    def content_of(self, row: OldRow, parts: Parts) -> OldRow | None:
        """The content a file row belongs to, by whichever of the two says so, or by their path."""
        ids = (row.reference("content"), self._content_of_file.get(row.old_id, ""), self._content_of_path.get(parts, ""))
        return next((self.contents[old_id] for old_id in ids if old_id in self.contents), None)

    def of_file(self, row: OldRow, parts: Parts) -> Said:
        """What is said about the file of a row of the files."""
        content = self.content_of(row, parts)
        stem = text.split_extension(parts[-1])[0] if parts else ""
        title = row.line("file_title", TITLE_MAX)
        if text.fold(title) in {parts[-1] if parts else "", stem}:
            title = ""
        series = self.series_of(content or row)
        work = None
        if isinstance(series, WantedSeries):
            work = _work(content, series, title or clean(stem)) if content or row.reference("series") else None
        return Said(
            title=title,
            description=prose(row.get("description")),
            part=_within(integer(row.get("part")), _PARTS),
            tags=_tags(row, content, self._file_tags, self._content_tags),
            players=_people(row, self._file_players),
            cast=_people(content, self._content_players) if content else (),
            content=content,
            work=work,
        )

    def of_content(self, row: OldRow, parts: Parts) -> Said:
        """What is said about the file whose path a content itself has."""
        series = self.series_of(row)
        stem = text.split_extension(parts[-1])[0] if parts else ""
        work = _work(row, series, clean(stem)) if isinstance(series, WantedSeries) else None
        return Said("", "", None, _tags(None, row, {}, self._content_tags), (), _people(row, self._content_players), row, work)

    def series_of(self, row: OldRow) -> WantedSeries | ImportReason:
        """The series of a content, or of a file that says its own; or why there is none."""
        asked = row.reference("series"), row.reference("catalog")
        if asked not in self._series:  # thousands ask for the same few
            self._series[asked] = self._find_series(*asked)
        return self._series[asked]

    def _find_series(self, series_id: str, catalog_id: str) -> WantedSeries | ImportReason:
        series = self.series.get(series_id)
        catalog_id = (series.reference("catalog") if series else "") or catalog_id
        catalog = self.catalogs.get(catalog_id)
        names = _catalog_names(catalog, catalog_id)
        if not names:
            return ImportReason.NO_SERIES
        description = prose(catalog.get("description")) if catalog else ""
        of_catalog = (names, description, catalog_id)
        if series is None:
            return WantedSeries(*of_catalog, _as_name(series_id, SERIES_MAX), series_id=series_id)
        year = _within(integer(series.get("year")), _YEARS)
        name = series.line("title", SERIES_MAX) or (str(year) if year else "")
        return WantedSeries(*of_catalog, name, year, prose(series.get("description")), series_id)


def content_parts(row: OldRow) -> Parts:
    """The path a content itself has, for `Matcher`; () for none."""
    return path_parts(str(row.get("path") or ""))


def _work(content: OldRow | None, series: WantedSeries, other_title: str) -> WantedWork | None:
    title = (content.line("title", TITLE_MAX) if content else "") or other_title[:TITLE_MAX]
    if not title:
        return None
    return WantedWork(series, title, prose(content.get("description")) if content else "", content.old_id if content else "")


def _catalog_names(row: OldRow | None, old_id: str) -> tuple[str, ...]:
    if row is None:
        return tuple(filter(None, [_as_name(old_id, CATALOG_MAX)]))
    names = (row.line("name", CATALOG_MAX), row.line("display_name", CATALOG_MAX), row.line("slug", CATALOG_MAX))
    return tuple(dict.fromkeys(filter(None, [*names, _as_name(row.old_id, CATALOG_MAX)])))


def _as_name(old_id: str, max_length: int) -> str:
    """A reference that is no number and points nowhere is a name: older archives have "WSOP" in the column."""
    return "" if old_id.isdecimal() or old_id.startswith("row ") else text.tidy(old_id)[:max_length].rstrip()


def _links(archive: OldArchive, table: str, owner: str, target: str, names: dict[str, str] | None = None) -> dict[str, list[str]]:
    """Rows that link two tables: owner -> what is linked with it; by name where `names` are given, and an id that has none is left out."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in archive.raw_rows(table):
        ends = [next(filter(None, (reference(row.get(column)) for column in COLUMNS[end])), "") for end in (owner, target)]
        if names is not None:
            ends[1] = names.get(ends[1]) or _as_name(ends[1], TAG_MAX)
        if all(ends):
            found[ends[0]].append(ends[1])
    return found


def _tags(row: OldRow | None, content: OldRow | None, of_files: dict[str, list[str]], of_contents: dict[str, list[str]]) -> tuple[str, ...]:
    names: list[str] = []
    for one, links in ((row, of_files), (content, of_contents)):
        if one is not None:
            names += [*name_list(one.get("tags"), TAG_MAX), *links.get(one.old_id, [])]
    return tuple(dict.fromkeys(names))


def _people(row: OldRow, links: dict[str, list[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*name_list(row.get("players"), PLAYER_MAX), *links.get(row.old_id, [])]))


def _within(number: int | None, allowed: range) -> int | None:
    return number if number is not None and number in allowed else None
