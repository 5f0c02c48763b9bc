"""Brings the stored matches to what both sides are now. What changed is noted (`sync.matching.touches`); what depends on it is looked at.

Reading fills temporary tables, so nobody waits for it; what differs is written in slices, each a short transaction. A write counts only if
nobody else has written since the reading began (`Target.match_version`); else all of it is done again. Whoever is killed leaves the notes;
between two slices these do not tell all any more, so that everything is matched then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import F

from catalog.models import Catalog
from sync.choices import HistoryEvent, HistorySide
from sync.matching import changes, folders, notes
from sync.matching.pairing import pair
from sync.matching.scope import workspace
from sync.matching.touches import touch_all
from sync.models import Target
from sync.services import history
from sync.services.history import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sync.matching.notes import Notes
    from sync.matching.scope import Workspace
    from sync.services.history import Actor

SLICE = 20_000  # changes written in one transaction
_ROUNDS = 5  # of being overtaken

Publish = Callable[[], AbstractContextManager[Any]]


class _OvertakenError(Exception):
    """Somebody else has written matches of this target meanwhile."""


def match_touched(*, by: Actor, publish: Publish = transaction.atomic, on_progress: Callable[[int], None] | None = None) -> int:
    """Match anew what was noted, for every target, until nothing is; how many matches changed.

    Each transaction is one of `publish`. `by`: who the history says it was.
    """
    changed = 0
    while True:
        noted = notes.take()
        if not noted.pks:
            return changed
        for target in Target.objects.order_by("pk"):
            changed += _match(target, noted, by, publish)
        with publish():
            noted.forget()
        if on_progress:
            on_progress(changed)


def _match(target: Target, noted: Notes, by: Actor, publish: Publish) -> int:
    for _ in range(_ROUNDS):
        try:
            return _match_once(target, noted, by, publish)
        except _OvertakenError:
            target.refresh_from_db()
    raise _OvertakenError


def _match_once(target: Target, noted: Notes, by: Actor, publish: Publish) -> int:
    with _reading(), workspace(connection, target) as space:
        if noted.file_ids is None or noted.row_ids is None:
            space.take_all()
        else:
            space.take(noted.file_ids, noted.row_ids)
        pair(space)
        count = changes.compare(space)
        _write(space, count, by, publish)
        return count


@contextmanager
def _reading() -> Iterator[None]:
    """While a small part of large tables is read. PostgreSQL would read all of one rather than ask its index a thousand times."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET random_page_cost = 1.1")
        cursor.execute("SET work_mem = '64MB'")
        try:
            yield
        finally:
            if connection.is_usable():
                cursor.execute("RESET random_page_cost")
                cursor.execute("RESET work_mem")


# --- writing ----------------------------------------------------------------------------------------------------------
def _write(space: Workspace, count: int, by: Actor, publish: Publish) -> None:
    """What is let go first, in slices, then what is taken: no row may be in two matches at any moment."""
    version = space.target.match_version
    slices = [f"seq BETWEEN {first} AND {first + SLICE - 1}" for first in range(1, count + 1, SLICE)]
    steps = [(_release, part) for part in slices] + [(_take, part) for part in slices]
    is_sliced = len(slices) > 1
    with _noted_as_unfinished(publish) if is_sliced else nullcontext():
        for acts in [[step] for step in steps] if is_sliced else [steps]:
            with publish():
                if not Target.objects.filter(pk=space.target.pk, match_version=version).update(match_version=F("match_version") + 1):
                    raise _OvertakenError
                for act, part in acts:
                    act(space, part, by)
            version += 1
    space.target.match_version = version
    _follow_folders(space, publish)


@contextmanager
def _noted_as_unfinished(publish: Publish) -> Iterator[None]:
    """Whoever does not come to the end leaves a note that everything has to be matched."""
    with publish():
        note = touch_all()
    yield
    with publish():
        note.delete()


def _release(space: Workspace, part: str, by: Actor) -> None:
    """Take away matches that are gone, and from the others the rows that they lose; nobody plans anything for those meanwhile."""
    _write_history(space, f"{part} AND kind = 'delete'", by)
    _write_folders(space, f"{part} AND kind = 'delete'")
    space.run(f"DELETE FROM sync_match WHERE id IN (SELECT match_id FROM m_change WHERE {part} AND kind = 'delete')")
    space.run(
        "UPDATE sync_match SET row_id = NULL, action = '' WHERE id IN (SELECT match_id FROM m_change"
        f" WHERE {part} AND kind = 'update' AND old_row_id IS NOT NULL AND row_id IS DISTINCT FROM old_row_id)"
    )


def _take(space: Workspace, part: str, by: Actor) -> None:
    """Write matches that have changed, and those that are new."""
    columns = ", ".join(changes.COLUMNS)
    for extent in range(len(changes.EXTENTS)):
        sets = ", ".join(f"{name} = c.{name}" for names in changes.EXTENTS[: extent + 1] for name in names)
        of_this = f"c.kind = 'update' AND c.extent = {extent} AND c.{part}"
        space.run(f"UPDATE sync_match SET {sets} FROM m_change c WHERE c.match_id = sync_match.id AND {of_this}")
    space.run(
        f"INSERT INTO sync_match (target_id, file_id, {columns}) SELECT {space.target.pk:d}, file_id, {columns} FROM m_change"
        f" WHERE {part} AND kind = 'insert' ORDER BY seq"
    )
    _write_history(space, f"{part} AND kind <> 'delete'", by)
    _write_folders(space, f"{part} AND kind <> 'delete'")


def _write_folders(space: Workspace, part: str) -> None:
    """Count matches where they are now, and no more where they were."""
    deltas: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for side, kind, sign in (("", "delete", 1), ("old_", "insert", -1)):
        space.run(
            f"SELECT {side}folder_id, {side}status, COUNT(*) FROM m_change WHERE {part} AND kind <> '{kind}'"
            f" AND {side}folder_id IS NOT NULL GROUP BY {side}folder_id, {side}status"
        )
        for folder_id, status, count in space.cursor.fetchall():
            deltas[folder_id][status] += sign * count
    folders.add(space.target, {pk: delta for pk, delta in deltas.items() if any(delta.values())})


def _follow_folders(space: Workspace, publish: Publish) -> None:
    """Folders that have moved take their counts with them."""
    space.run(
        "SELECT fm.folder_id FROM sync_foldermatches fm JOIN catalog_folder d ON d.id = fm.folder_id AND d.lineage <> fm.lineage"
        f" WHERE fm.target_id = {space.target.pk:d} AND fm.folder_id IN (SELECT folder_id FROM m_fact)"
    )
    moved = [pk for (pk,) in space.cursor.fetchall()]
    if moved:
        with publish():
            Target.objects.filter(pk=space.target.pk).update(match_version=F("match_version") + 1)
            folders.add(space.target, {}, moved)


def _write_history(space: Workspace, part: str, by: Actor) -> None:
    """Of files: rows of the target have theirs from whoever wrote or read them."""
    space.run(
        "SELECT kind, file_id, status, reason, path, size_bytes, catalog_id, old_status, old_path, old_size_bytes FROM m_change"
        f" WHERE {part} AND file_id IS NOT NULL"
        " AND (kind <> 'update' OR status <> old_status OR path <> old_path OR size_bytes <> old_size_bytes) ORDER BY seq"
    )
    rows = space.cursor.fetchall()
    names = dict(Catalog.objects.filter(pk__in={row[6] for row in rows if row[6]}).values_list("pk", "name"))
    history.record(space.target, (_change(row, names) for row in rows), by=by)


def _change(row: tuple[Any, ...], names: dict[int, str]) -> Change:
    kind, file_id, status, reason, path, size_bytes, catalog_id, old_status, old_path, old_size_bytes = row
    after = {"status": status, "path": path, "size_bytes": size_bytes} | ({"reason": reason} if reason else {})
    before = {"status": old_status, "path": old_path, "size_bytes": old_size_bytes}
    if kind == "insert":
        event, before = HistoryEvent.ADDED, {}
    elif kind == "delete":
        event, after = HistoryEvent.DELETED, {}
    elif path != old_path:
        event = HistoryEvent.MOVED
    else:
        event = HistoryEvent.CHANGED
    return Change(
        event=event,
        side=HistorySide.SOURCE,
        subject=f"file:{file_id}",
        path=path,
        catalog_id=catalog_id or 0,
        catalog_name=names.get(catalog_id, ""),
        before=before,
        after=after,
    )
