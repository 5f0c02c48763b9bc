"""Changes of many files at once, and taking them back: by a job, in parts, each in a transaction that notes what it changed.

A part is done or not, so whoever is killed goes on with the next one; and an edit that is taken back while it is being done turns round.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from catalog.choices import EditKind
from catalog.errors import AskerGoneError, NothingToChangeError, ObjectNotFoundError, TooManyFilesError
from catalog.models import BulkEdit, BulkEditPart, Collection, Player, Series, Tag
from catalog.services import arranging, collections
from catalog.services.common import CURATE, audit, check_access, lock
from catalog.services.links import link, unlink
from catalog.services.places import Places, lock_for_moves, note_moved, note_places, place_back
from catalog.services.settling import settle_soon
from mam.lib.bulk import chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from mam.accounts.models import User

    Changes = dict[str, list[Any]]
    Target = Tag | Player | Collection | Series

EDIT_JOB = "catalog.bulk_edit"
MAX_FILES = 100_000
PART_FILES = 1_000


# --- what curators do -------------------------------------------------------------------------------------------------
@transaction.atomic
def start_edit(*, kind: EditKind, targets: Sequence[Target], file_ids: Sequence[int], user: User | None, query: str = "") -> BulkEdit:
    """Have a job do `kind` with `targets` to files, in the given order. NothingToChangeError, TooManyFilesError."""
    check_access(user, CURATE)
    ids = list(dict.fromkeys(file_ids))
    if not ids or not targets:
        raise NothingToChangeError
    if len(ids) > MAX_FILES:
        raise TooManyFilesError(limit=MAX_FILES)
    parts = list(chunks(ids, max(1, PART_FILES // len(targets))))
    edit = BulkEdit.objects.create(
        kind=kind,
        target_ids=[target.pk for target in targets],
        target_label=", ".join(map(str, targets))[:500],
        query=query,
        total_files=len(ids),
        total_parts=len(parts),
        requested_by=user,
        turned_by=user,
    )
    BulkEditPart.objects.bulk_create(BulkEditPart(edit=edit, number=number, file_ids=part) for number, part in enumerate(parts))
    return _go(edit, user, "start")


@transaction.atomic
def undo_edit(*, edit: BulkEdit, user: User | None) -> BulkEdit:
    """Have what an edit changed taken back, also while it is being done. What others changed since then stays."""
    return _turn(edit, user, is_wanted=False)


@transaction.atomic
def redo_edit(*, edit: BulkEdit, user: User | None) -> BulkEdit:
    """Have an edit that was undone, or that stopped, done (further)."""
    return _turn(edit, user, is_wanted=True)


def _turn(edit: BulkEdit, user: User | None, *, is_wanted: bool) -> BulkEdit:
    check_access(user, CURATE)
    row = lock(edit)
    row.is_wanted, row.turned_by = is_wanted, user
    return _go(row, user, "redo" if is_wanted else "undo")


def _go(edit: BulkEdit, user: User | None, action: str) -> BulkEdit:
    params = {"edit_id": edit.pk, "user_id": user.pk if user else None}
    settle_soon(edit, kind=EDIT_JOB, params=params, page="catalog:edit_detail", user=user)
    audit(user, f"bulk_edit.{action}", edit, {}, {"files": edit.total_files, "query": edit.query})
    return edit


# --- what the job does ------------------------------------------------------------------------------------------------
def settle(
    *,
    edit_id: int,
    publish: Callable[[], AbstractContextManager[None]],
    on_progress: Callable[[int, int], None],
    user_id: int | None = None,
) -> int:
    """Do or undo one part after the other until all are where they are wanted; return how many files are changed now.

    Each part in a transaction of `publish`. ObjectNotFoundError when a target of an edit that is to be done is gone, AskerGoneError
    when the user `user_id` who asked for it is: nobody's wish is not the system's.
    """
    while True:
        with publish():
            edit = BulkEdit.objects.select_for_update(of=("self",)).select_related("turned_by").filter(pk=edit_id).first()
            if edit is None:
                raise ObjectNotFoundError
            if edit.is_settled:
                return edit.changed_files
            if user_id is not None and edit.turned_by is None:
                raise AskerGoneError
            _settle_part(edit)
        on_progress(edit.settled_parts, edit.total_parts)


def _settle_part(edit: BulkEdit) -> None:
    unsettled = edit.parts.filter(changes__isnull=edit.is_wanted)
    part = unsettled.order_by("number" if edit.is_wanted else "-number")[0]
    way = _WAYS[EditKind(edit.kind)]
    targets = way.model._default_manager.in_bulk(edit.target_ids)
    check_access(edit.turned_by, CURATE)  # it may have been taken away meanwhile
    if edit.is_wanted:
        if len(targets) < len(edit.target_ids):
            raise ObjectNotFoundError
        changes: Changes = way.make(targets, part.file_ids, edit.turned_by)
        part.changes = changes
        step = 1
    else:
        changes = part.changes or {}
        way.unmake(targets, changes, edit.turned_by)
        part.changes = None
        step = -1
    part.save(update_fields=["changes"])
    BulkEdit.objects.filter(pk=edit.pk).update(done_parts=F("done_parts") + step, changed_files=F("changed_files") + step * _count(changes))
    edit.done_parts += step


def _count(changes: Changes) -> int:
    """Different files in it."""
    rows = changes["places"] if "places" in changes else chain.from_iterable(changes.values())
    return len({row[0] if isinstance(row, list) else row for row in rows})


# --- the kinds --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Way:
    """How a kind changes files for its targets, and takes back what that returned. Targets by id; those that are gone are left out."""

    model: type[Target]
    make: Callable[[dict[int, Any], list[int], User | None], Changes]
    unmake: Callable[[dict[int, Any], Changes, User | None], None]


def _noting(act: Callable[[Any, list[int], User | None], list[int]]) -> Callable[[dict[int, Any], list[int], User | None], Changes]:
    """Does `act` with each target, and notes the files it changed."""
    return lambda targets, file_ids, user: {str(pk): act(target, file_ids, user) for pk, target in sorted(targets.items())}


def _to_noted(act: Callable[[Any, list[int], User | None], list[int]]) -> Callable[[dict[int, Any], Changes, User | None], None]:
    """Does `act` with each target and the files noted for it."""

    def unmake(targets: dict[int, Any], changes: Changes, user: User | None) -> None:
        for pk, target in sorted(targets.items()):
            act(target, changes[str(pk)], user)

    return unmake


def _collect(targets: dict[int, Any], file_ids: list[int], user: User | None) -> Changes:
    return {str(pk): collections.add_files(collection=target, file_ids=file_ids, user=user) for pk, target in sorted(targets.items())}


def _take_out(targets: dict[int, Any], changes: Changes, user: User | None) -> None:
    for pk, target in sorted(targets.items()):
        collections.remove_files(collection=target, file_ids=changes[str(pk)], user=user)


def _place(targets: dict[int, Any], file_ids: list[int], user: User | None) -> Changes:
    lock_for_moves(file_ids)
    noted = note_places(file_ids)
    for series in targets.values():
        arranging.move_files_to_series(file_ids=[row[0] for row in noted["places"]], series=series, user=user)
    note_moved(noted)
    return {"places": noted["places"], "works": noted["works"], "now": noted["now"]}


def _place_back(_targets: dict[int, Any], changes: Changes, user: User | None) -> None:
    place_back(Places(places=changes["places"], works=changes["works"], now=changes["now"]), user)


_WAYS = {
    EditKind.ADD_TAGS: _Way(Tag, _noting(link), _to_noted(unlink)),
    EditKind.REMOVE_TAGS: _Way(Tag, _noting(unlink), _to_noted(link)),
    EditKind.ADD_PLAYERS: _Way(Player, _noting(link), _to_noted(unlink)),
    EditKind.REMOVE_PLAYERS: _Way(Player, _noting(unlink), _to_noted(link)),
    EditKind.COLLECT: _Way(Collection, _collect, _take_out),
    EditKind.PLACE: _Way(Series, _place, _place_back),
}
