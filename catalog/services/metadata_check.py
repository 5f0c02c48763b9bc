"""What the lines of a table would change, and what is wrong with them. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypedDict

from catalog import text
from catalog.errors import NameTooLongError, PlayerUnknownError
from catalog.models import Catalog, Content, Folder, MediaFile, Player, Series, Source
from catalog.rules import GROUP_MAX, TITLE_MAX
from catalog.search.players import names_of
from catalog.services.metadata_csv import Problem, quoted, split_names
from catalog.services.metadata_states import FileState, load_states, tidy_lines
from catalog.services.tags import NAME_MAX as TAG_MAX
from mam.lib import messages
from mam.lib.bulk import among
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Cells = dict[str, str]
    _Folders = dict[int, bool]  # that a path may mean -> whether it is spelled exactly so
    Row = Sequence[Any]  # line, cells

PART_MAX = 32_767
_PLACE = ("catalog", "series", "content")

messages.register(
    {
        "import_id_invalid": gettext_noop("“%(value)s” is no file id."),
        "import_file_missing": gettext_noop("The line does not say which file it is about."),
        "import_file_unknown": gettext_noop("There is no such file."),
        "import_file_ambiguous": gettext_noop("Several files have this path. Give the id."),
        "import_path_differs": gettext_noop("The file with this id is “%(value)s”."),
        "import_file_twice": gettext_noop("Line %(line)s is about the same file."),
        "import_player_ambiguous": gettext_noop("Several players are called “%(name)s”."),
        "import_part_invalid": gettext_noop("“%(value)s” is no part number from 0 to %(limit)s."),
        "import_catalog_unknown": gettext_noop("There is no catalog “%(name)s”."),
        "import_series_unknown": gettext_noop("There is no series “%(name)s” in the catalog “%(catalog)s”."),
        "import_series_without_catalog": gettext_noop("The series “%(name)s” needs its catalog."),
        "import_content_without_series": gettext_noop("The content “%(name)s” needs its series."),
        "import_content_missing": gettext_noop("A file is in a series by a content. Give the content’s title."),
        "import_name_ambiguous": gettext_noop("“%(name)s” is not the only one of that name."),
    }
)


class Change(TypedDict):
    """What a line changes. `before` and `after` by column, only those that differ; "place" stands for catalog, series and content."""

    line: int
    file: int
    path: str
    before: dict[str, Any]
    after: dict[str, Any]
    left: int | None  # content the file is in
    to: tuple[int, int | None] | None  # series and content it is put into, content None: to be made; None: the place stays, or is left


class _Wrong(Exception):
    """A cell that cannot be applied."""

    def __init__(self, column: str, code: str, **params: Any) -> None:
        super().__init__(code)
        self.column, self.code, self.params = column, code, params


class Checker:
    """Checks lines, some at a time, in their order. `seen`: the lines before, by file; added to."""

    def __init__(self, seen: dict[int, int]) -> None:
        self.seen = seen
        self._finder = _Finder()
        self._players = _Players()
        self._works = _Works()

    def check(self, rows: Sequence[Row]) -> tuple[list[Change], list[Problem], list[list[int]]]:
        """Changes and problems of `rows`, and which file (id, line) each is about."""
        found = self._finder.find(rows)
        states = load_states([pk for pk in found.values() if isinstance(pk, int)])
        changes: list[Change] = []
        problems: list[Problem] = []
        files: list[list[int]] = []
        for line, cells in rows:
            pk = found[line]
            if isinstance(pk, _Wrong):
                problems.append(Problem(line, pk.column, pk.code, pk.params))
                continue
            wrong = self._wrong_file(line, cells, states.get(pk))
            if wrong is None:
                self.seen[pk] = line
                files.append([pk, line])
            change, others = self._change(line, cells, states[pk]) if pk in states else (None, [])
            problems += [Problem(line, one.column, one.code, one.params) for one in ([wrong] if wrong else []) + others]
            if change is not None and wrong is None and not others:
                changes.append(change)
        return self._works.settle(changes), problems, files

    def _wrong_file(self, line: int, cells: Cells, state: FileState | None) -> _Wrong | None:
        if state is None:
            return _Wrong("id", "import_file_unknown")
        source, path = cells.get("source", ""), cells.get("path", "")
        if source and text.fold(source.strip()) != text.fold(state.source):
            return _Wrong("source", "import_path_differs", value=quoted(f"{state.source}: {state.path}"))
        if path and text.path_key(path) != text.path_key(state.path):
            return _Wrong("path", "import_path_differs", value=quoted(f"{state.source}: {state.path}"))
        if state.pk in self.seen:
            return _Wrong("", "import_file_twice", line=self.seen[state.pk])
        return None

    def _change(self, line: int, cells: Cells, state: FileState) -> tuple[Change | None, list[_Wrong]]:
        change = Change(line=line, file=state.pk, path=state.path, before={}, after={}, left=state.content_id, to=None)
        wrong: list[_Wrong] = []
        readers = {"title": _title, "description": tidy_lines, "part": _part, "tags": _tags, "players": self._players.read}
        for column in (name for name in readers if name in cells):
            try:
                wanted = readers[column](cells[column])
            except _Wrong as one:
                wrong.append(one)
                continue
            if not state.has({column: wanted}):
                change["before"][column], change["after"][column] = getattr(state, column), wanted
        try:
            self._works.place(cells, state, change)
        except _Wrong as one:
            wrong.append(one)
        return (change if change["after"] else None), wrong


# --- cells ------------------------------------------------------------------------------------------------------------
def _title(cell: str) -> str:
    return _bounded("title", text.tidy(cell), TITLE_MAX)


def _part(cell: str) -> int | None:
    digits = cell.strip()
    if not digits:
        return None
    if not digits.isascii() or not digits.isdecimal() or len(digits) > len(str(PART_MAX)) or int(digits) > PART_MAX:
        raise _Wrong("part", "import_part_invalid", value=quoted(digits), limit=PART_MAX)
    return int(digits)


def _tags(cell: str) -> list[str]:
    names = {text.tag_key(name): _bounded("tags", name, TAG_MAX) for name in split_names(cell)}
    return [names[key] for key in sorted(names)]


def _bounded(column: str, value: str, limit: int) -> str:
    if len(value) > limit:
        raise _Wrong(column, NameTooLongError.code, max_length=limit)
    return value


class _Players:
    """Players by every spelling of their names."""

    def __init__(self) -> None:
        self._by_spelling: defaultdict[str, set[str]] = defaultdict(set)
        self._names: set[str] = set()
        for player in Player.objects.all():
            self._names.add(player.name)
            for spelling in names_of(player):
                self._by_spelling[text.fold(text.tidy(spelling))].add(player.name)

    def read(self, cell: str) -> list[str]:
        """Names as they are stored, each once."""
        return sorted({self._one(name) for name in split_names(cell)})

    def _one(self, name: str) -> str:
        if name in self._names:
            return name
        known = self._by_spelling.get(text.fold(name), set())
        if len(known) > 1:
            raise _Wrong("players", "import_player_ambiguous", name=quoted(name))
        if not known:
            raise _Wrong("players", PlayerUnknownError.code, name=quoted(name))
        return next(iter(known))


# --- places -----------------------------------------------------------------------------------------------------------
class _Works:
    """Catalogs and series by name; contents when all lines are known that want one."""

    def __init__(self) -> None:
        self._catalogs = _by_name(Catalog.objects.values_list("pk", "name"))
        self._series: dict[int, dict[str, list[int]]] = {}

    def place(self, cells: Cells, state: FileState, change: Change) -> None:
        """Note in `change` where the file is to be put, if that is elsewhere. _Wrong."""
        given = {column: text.tidy(cells[column]) for column in _PLACE if column in cells}
        wanted = [given.get(column, has) for column, has in zip(_PLACE, state.place, strict=True)]
        if not given or [text.tidy(name) for name in state.place] == wanted:
            return
        catalog, series, content = wanted
        if any(given.values()):
            change["to"] = (self._series_of(catalog, series, content), None)
            _bounded("content", content, TITLE_MAX)
        else:
            wanted = ["", "", ""]
        if wanted != state.place:
            change["before"]["place"], change["after"]["place"] = state.place, wanted

    def _series_of(self, catalog: str, series: str, content: str) -> int:
        if not series:
            code, params = ("import_content_without_series", {"name": quoted(content)}) if content else ("import_content_missing", {})
            raise _Wrong("content", code, **params)
        if not catalog:
            raise _Wrong("series", "import_series_without_catalog", name=quoted(series))
        if not content:
            raise _Wrong("content", "import_content_missing")
        catalog_id = _only(self._catalogs, "catalog", catalog)
        if catalog_id is None:
            raise _Wrong("catalog", "import_catalog_unknown", name=quoted(catalog))
        if catalog_id not in self._series:
            self._series[catalog_id] = _by_name(Series.objects.filter(catalog=catalog_id).values_list("pk", "name"))
        series_id = _only(self._series[catalog_id], "series", series)
        if series_id is None:
            raise _Wrong("series", "import_series_unknown", name=quoted(series), catalog=quoted(catalog))
        return series_id

    def settle(self, changes: list[Change]) -> list[Change]:
        """`changes` with the contents there are already; without those that put a file where it is."""
        moves = [(change, change["to"]) for change in changes if change["to"] is not None]
        contents = find_contents((to[0], change["after"]["place"][2]) for change, to in moves)
        for change, to in moves:
            content_id = contents.get((to[0], change["after"]["place"][2]))
            change["to"] = (to[0], content_id)
            if content_id is not None and content_id == change["left"]:
                change["to"] = None
                del change["before"]["place"], change["after"]["place"]
        return [change for change in changes if change["after"]]


def find_contents(wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Ids of contents by (series, title), those that there are: of this title, else of its key (a curator may have renamed it)."""
    pairs = set(wanted)
    keys = {pair: text.bounded_key(pair[1], GROUP_MAX) for pair in pairs}
    rows = Content.objects.filter(series__in={series_id for series_id, _title in pairs})
    keyed_rows = rows.filter(key__in=set(keys.values())).values_list("pk", "series_id", "key")
    by_key: dict[tuple[int, str], int] = {(series_id, key): pk for pk, series_id, key in keyed_rows}
    by_title: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for pk, series_id, title in rows.filter(title__in={title for _id, title in pairs}).values_list("pk", "series_id", "title"):
        by_title[series_id, title].append(pk)
    found = {}
    for pair in pairs:
        titled, keyed = by_title[pair], by_key.get((pair[0], keys[pair]))
        if titled or keyed:
            found[pair] = keyed if keyed and (keyed in titled or not titled) else min(titled)
    return found


def _by_name(rows: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for pk, name in rows:
        found[text.tidy(name)].append(pk)
    return found


def _only(known: dict[str, list[int]], column: str, name: str) -> int | None:
    """The one of that name, by its spelling or by letters alone; None: there is none."""
    found = known.get(name) or [pk for other, ids in known.items() if text.fold(other) == text.fold(name) for pk in ids]
    if len(found) > 1:
        raise _Wrong(column, "import_name_ambiguous", name=quoted(name))
    return found[0] if found else None


# --- files ------------------------------------------------------------------------------------------------------------
class _Finder:
    """Files by id, or by source and path as the source spells it; spelled otherwise (NFC, case) when only one can be meant."""

    def __init__(self) -> None:
        self._sources = _by_name(Source.objects.values_list("pk", "name"))
        self._roots = dict(Folder.objects.filter(parent=None).values_list("source_id", "pk"))
        self._children: dict[tuple[int, str], dict[str, int]] = {}  # (folder, key of a name) -> spelling -> folder

    def find(self, rows: Sequence[Row]) -> dict[int, int | _Wrong]:
        """Line -> id of a file, which may be unknown, or what is wrong."""
        found: dict[int, int | _Wrong] = {}
        by_path: dict[int, tuple[int, list[str]]] = {}
        for line, cells in rows:
            try:
                pk = _id(cells.get("id", ""))
                if pk is None:
                    by_path[line] = self._root_and_names(cells)
                else:
                    found[line] = pk
            except _Wrong as wrong:
                found[line] = wrong
        return found | self._walk(by_path)

    def _root_and_names(self, cells: Cells) -> tuple[int, list[str]]:
        source, path = text.tidy(cells.get("source", "")), cells.get("path", "").strip("/")
        if not source or not path:
            raise _Wrong("", "import_file_missing")
        source_id = _only(self._sources, "source", source)
        if source_id not in self._roots:
            raise _Wrong("source", "import_file_unknown")
        return self._roots[source_id], path.split("/")

    def _walk(self, wanted: dict[int, tuple[int, list[str]]]) -> dict[int, int | _Wrong]:
        """Down the folders, all lines a step at a time; then the files."""
        here: dict[int, _Folders] = {line: {root: True} for line, (root, _names) in wanted.items()}
        for depth in range(max((len(names) for _root, names in wanted.values()), default=1) - 1):
            steps = {line: (here[line], names[depth]) for line, (_root, names) in wanted.items() if depth < len(names) - 1}
            self._load({(folder, text.name_key(name)) for folders, name in steps.values() for folder in folders})
            here |= {line: self._step(folders, name) for line, (folders, name) in steps.items()}
        return _files_in({line: (here[line], names[-1]) for line, (_root, names) in wanted.items()})

    def _load(self, keys: set[tuple[int, str]]) -> None:
        lacking = keys - self._children.keys()
        self._children |= {key: {} for key in lacking}
        rows = Folder.objects.filter(parent__in=among({folder for folder, _key in lacking}), name_key__in={key for _folder, key in lacking})
        for pk, parent_id, key, name in rows.values_list("pk", "parent_id", "name_key", "name") if lacking else ():
            if (parent_id, key) in lacking:
                self._children[parent_id, key][name] = pk

    def _step(self, folders: _Folders, name: str) -> _Folders:
        key = text.name_key(name)
        return {pk: is_exact and other == name for folder, is_exact in folders.items() for other, pk in self._children[folder, key].items()}


def _id(cell: str) -> int | None:
    digits = cell.strip()
    if not digits:
        return None
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 18:
        raise _Wrong("id", "import_id_invalid", value=quoted(digits))
    return int(digits)


def _files_in(wanted: dict[int, tuple[_Folders, str]]) -> dict[int, int | _Wrong]:
    """Files by folder and name: first those spelled exactly so, then those that are there before those that were."""
    keys = {text.name_key(name) for _folders, name in wanted.values()}
    folders = {folder for some, _name in wanted.values() for folder in some}
    rows = MediaFile.objects.filter(folder__in=among(folders), name_key__in=keys) if folders else MediaFile.objects.none()
    known: defaultdict[tuple[int, str], list[tuple[str, bool, int]]] = defaultdict(list)
    for pk, folder_id, key, name, since in rows.order_by("pk").values_list("pk", "folder_id", "name_key", "name", "absent_since"):
        known[folder_id, key].append((name, since is None, pk))
    found: dict[int, int | _Wrong] = {}
    for line, (some, name) in wanted.items():
        key = text.name_key(name)
        near = [
            (is_exact and other == name, is_there, pk) for folder, is_exact in some.items() for other, is_there, pk in known[folder, key]
        ]
        best = max((one[:2] for one in near), default=None)
        ids = [pk for *rank, pk in near if tuple(rank) == best]
        wrong = _Wrong("path", "import_file_ambiguous" if ids else "import_file_unknown")
        found[line] = ids[0] if len(ids) == 1 else wrong
    return found
