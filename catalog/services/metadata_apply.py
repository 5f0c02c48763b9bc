"""Writing what an import has planned, and taking it back. Inside the caller's transaction.

Locks as `arranging` does: first the catalogs, then the files.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from catalog import text
from catalog.choices import Placement
from catalog.models import Content, MediaFile, Player, Series, Tag
from catalog.rules import GROUP_MAX
from catalog.services import arranging
from catalog.services.common import audit, change
from catalog.services.links import link, unlink
from catalog.services.metadata_check import find_contents
from catalog.services.metadata_csv import Problem
from catalog.services.metadata_states import load_states
from catalog.services.placement import settle
from catalog.services.places import Places, lock_for_moves, note_moved, note_places, place_back
from catalog.services.tags import get_or_create_tags
from mam.lib import messages
from mam.lib.bulk import among, update_rows
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from catalog.services.metadata_check import Change
    from catalog.services.metadata_states import FileState
    from mam.accounts.models import User

_TEXTS = {"title": "title", "description": "description", "part": "part_number"}

messages.register(
    {
        "import_changed_meanwhile": gettext_noop("The file was changed after the check. It was left as it is."),
        "import_target_gone": gettext_noop("A series or a player of this line is gone. The file was left as it is."),
    }
)


class Applied(Places):
    """What was done: the changes, and where the files were that were placed."""

    changes: list[Change]


def apply_changes(plan: Sequence[Change], user: User | None) -> tuple[Applied, list[Problem]]:
    """Make the changes of files that are as the plan says they were; why the others were left out."""
    targets = _Targets(plan)
    states = _lock(plan)
    chosen: list[Change] = []
    left_out: list[Problem] = []
    for one in plan:
        state = states.get(one["file"])
        if state is None or not _is_as_planned(one, state):
            left_out.append(Problem(one["line"], "", "import_changed_meanwhile", {}))
        elif not targets.are_there(one):
            left_out.append(Problem(one["line"], "", "import_target_gone", {}))
        else:
            chosen.append(one)
    applied = _place(chosen, states, targets, user)
    _link(chosen, "before", "after", user)
    _write({one["file"]: one["after"] for one in chosen}, user)
    return applied, left_out


def undo_changes(applied: Applied, user: User | None) -> None:
    """Take changes back, of each file those of columns that still are as they were made."""
    now = dict(applied["now"])
    states = _lock(applied["changes"])
    kept = [_still_so(one, states[one["file"]], now) for one in applied["changes"] if one["file"] in states]
    if applied["places"]:
        place_back(Places(places=applied["places"], works=applied["works"], now=applied["now"]), user)
    _link(kept, "after", "before", user)
    _write({one["file"]: one["before"] for one in kept}, user)


def _is_as_planned(one: Change, state: FileState) -> bool:
    """The same content, or one of the same names: what rules have made is made anew when it had gone away."""
    is_there = state.content_id == one["left"] or state.has({"place": one["before"].get("place", state.place)})
    return is_there and state.has({column: value for column, value in one["before"].items() if column != "place"})


def _still_so(one: Change, state: FileState, now: dict[int, int | None]) -> Change:
    """`one` with the columns that are as it has made them."""
    is_there = one["file"] not in now or state.content_id == now[one["file"]]
    columns = [column for column, value in one["after"].items() if column != "place" and state.has({column: value})]
    columns = [column for column in columns if column != "part" or is_there]
    return {**one, "before": {name: one["before"][name] for name in columns}, "after": {name: one["after"][name] for name in columns}}


def _lock(changes: Iterable[Change]) -> dict[int, FileState]:
    """The files as they are now, locked."""
    ids = [one["file"] for one in changes]
    lock_for_moves(ids)
    return load_states(ids)


# --- places -----------------------------------------------------------------------------------------------------------
class _Targets:
    """The series, players and contents that a plan names, as far as they are there."""

    def __init__(self, plan: Sequence[Change]) -> None:
        self._series = Series.objects.in_bulk({to[0] for to in (one["to"] for one in plan) if to})
        names = {name for one in plan for name in one["after"].get("players", [])}
        self._players = set(Player.objects.filter(name__in=names).values_list("name", flat=True))

    def are_there(self, one: Change) -> bool:
        """All of them."""
        return (not one["to"] or one["to"][0] in self._series) and self._players.issuperset(one["after"].get("players", []))

    def content(self, one: Change) -> Content | None:
        """The content that the change puts its file into, made if need be. Inside the lock of its catalog."""
        if not one["to"]:
            return None
        series_id, content_id = one["to"]
        title = one["after"]["place"][2]
        contents = Content.objects.select_related("series")
        found = contents.filter(pk=content_id, series=series_id).first() if content_id else None
        if found is None and (known := find_contents([(series_id, title)])):
            found = contents.get(pk=next(iter(known.values())))
        if found is None:  # as rules make them: it goes away again with its last file
            key = text.bounded_key(title, GROUP_MAX)
            found = Content.objects.create(series=self._series[series_id], key=key, title=title)
        return found


def _place(chosen: list[Change], states: dict[int, FileState], targets: _Targets, user: User | None) -> Applied:
    """Put files into their contents. One that only gets a part becomes the curator's where it is, or a rule would set the part again."""
    moves = [one for one in chosen if "place" in one["after"]]
    kept = [one["file"] for one in chosen if "part" in one["after"] and "place" not in one["after"]]
    by_rule = [pk for pk in kept if states[pk].placement == Placement.RULE]
    noted = note_places([*(one["file"] for one in moves), *by_rule])
    MediaFile.objects.filter(pk__in=among(by_rule)).update(placement=Placement.CURATOR)
    groups: defaultdict[tuple[Any, ...], list[int]] = defaultdict(list)
    for one in moves:
        groups[(*one["to"], one["after"]["place"][2]) if one["to"] else ()].append(one["file"])
    first = {one["file"]: one for one in moves}
    for ids in groups.values():
        arranging.move_files(file_ids=ids, content=targets.content(first[ids[0]]), user=user)
    note_moved(noted)
    return Applied(changes=chosen, **noted)


# --- tags, players, texts ---------------------------------------------------------------------------------------------
def _link(changes: Sequence[Change], old: str, new: str, user: User | None) -> None:
    tags = _Links(changes, "tags", text.tag_key, old, new)
    known = {tag.key: tag for tag in Tag.objects.filter(key__in=tags.names)}
    lacking = [tags.names[key] for key in tags.added if key not in known]
    known |= {tag.key: tag for tag in get_or_create_tags(names=lacking, user=user)}
    tags.settle(known, user)
    players = _Links(changes, "players", str, old, new)
    players.settle({player.name: player for player in Player.objects.filter(name__in=players.names)}, user)


class _Links:
    """Which files get and lose what, by its key."""

    def __init__(self, changes: Sequence[Any], column: str, key_of: Callable[[str], str], old: str, new: str) -> None:
        self.names: dict[str, str] = {}
        self.added: defaultdict[str, list[int]] = defaultdict(list)
        self.removed: defaultdict[str, list[int]] = defaultdict(list)
        for one in changes:
            had, gets = ({key_of(name): name for name in one[side].get(column, [])} for side in (old, new))
            self.names |= had | gets
            for key in gets.keys() - had.keys():
                self.added[key].append(one["file"])
            for key in had.keys() - gets.keys():
                self.removed[key].append(one["file"])

    def settle(self, known: dict[str, Any], user: User | None) -> None:
        """Link and unlink, with those that are there."""
        for key in sorted(self.names.keys() & known.keys(), key=lambda key: int(known[key].pk)):
            if self.added[key]:
                link(known[key], self.added[key], user)
            if self.removed[key]:
                unlink(known[key], self.removed[key], user)


def _write(wanted: dict[int, dict[str, Any]], user: User | None) -> None:
    """Titles, descriptions and parts of locked files."""
    texts = {pk: {_TEXTS[name]: value for name, value in values.items() if name in _TEXTS} for pk, values in wanted.items()}
    rows = MediaFile.objects.filter(pk__in=among(pk for pk, values in texts.items() if values)).order_by("pk")
    changed, folder_ids = [], set()
    for row in rows.only("pk", "name", "folder_id", *_TEXTS.values()):
        before, after = change(row, texts[row.pk])
        if after:
            audit(user, "file.update", row, before, after)
            changed.append((row.title, row.description, row.part_number, row.pk))
            folder_ids |= {row.folder_id} if "part_number" in after else set()
    update_rows(MediaFile, ["title", "description", "part_number"], changed)
    settle(catalog_ids=[], content_ids=[], folder_ids=folder_ids)  # subtitles have the part of their video
