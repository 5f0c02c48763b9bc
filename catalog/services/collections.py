"""Collections: nested, ordered lists of files. Positions run from 0 without holes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, TypedDict, Unpack

from django.db import transaction
from django.db.models import F, Max, Min, Q

from catalog.errors import CollectionCycleError, FilledBySearchError, NotEmptyError, ObjectNotFoundError, OrderMismatchError
from catalog.models import Collection, CollectionItem, MediaFile
from catalog.search.query import parse
from catalog.services.common import CURATE, audit, audit_files, change, check_access, clean_name, lock, name_is_free
from mam.lib.bulk import chunks, update_rows

if TYPE_CHECKING:
    from collections.abc import Collection as Many
    from collections.abc import Sequence

    from mam.accounts.models import User

NAME_MAX = 200


class CollectionChanges(TypedDict, total=False):
    """What a curator may change of a collection beside its place."""

    name: str
    description: str
    query: str


@transaction.atomic
def create_collection(
    *, name: str, user: User | None, description: str = "", query: str = "", parent: Collection | None = None, file_ids: Sequence[int] = ()
) -> Collection:
    """A collection at the end of `parent` (None: of the top), holding files in the given order, or what `query` finds. NameTakenError."""
    check_access(user, CURATE)
    name = clean_name(name, NAME_MAX)
    _lock_tree()
    row = Collection(
        parent=lock(parent) if parent else None,
        name=name,
        description=description,
        query=str(parse(query)),
        position=_end_of(parent),
        created_by=user,
    )
    with name_is_free(name):
        row.save()
    audit(user, "collection.create", row, {}, {"name": name, "parent": row.parent_id, "query": row.query})
    if file_ids:
        add_files(collection=row, file_ids=file_ids, user=user)
    return row


@transaction.atomic
def update_collection(*, collection: Collection, user: User | None, **changes: Unpack[CollectionChanges]) -> Collection:
    """Rename or describe a collection, or change its search. NameTakenError within its parent; NotEmptyError for a search over files."""
    check_access(user, CURATE)
    row = lock(collection)
    if "query" in changes:
        changes["query"] = str(parse(changes["query"]))
        if changes["query"] and row.items.exists():
            raise NotEmptyError(name=row.name)
    if "name" in changes:
        changes["name"] = clean_name(changes["name"], NAME_MAX)
    before, after = change(row, changes)
    if after:
        with name_is_free(row.name):
            row.save()
        audit(user, "collection.update", row, before, after)
    return row


@transaction.atomic
def nest_collection(*, collection: Collection, parent: Collection | None, user: User | None) -> Collection:
    """Move a collection to the end of another one, or of the top. CollectionCycleError, NameTakenError."""
    check_access(user, CURATE)
    parents = _lock_tree()
    row = lock(collection)
    target = lock(parent) if parent else None
    above = target.pk if target else None
    while above is not None:
        if above == row.pk:
            raise CollectionCycleError
        above = parents[above]
    if row.parent_id != (target.pk if target else None):
        before, after = change(row, {"parent_id": target.pk if target else None, "position": _end_of(target)})
        with name_is_free(row.name):
            row.save()
        audit(user, "collection.nest", row, before, after)
    return row


@transaction.atomic
def order_collections(*, parent: Collection | None, collection_ids: Sequence[int], user: User | None) -> None:
    """Set the order of the collections directly in `parent`; all of them are named. OrderMismatchError."""
    check_access(user, CURATE)
    _lock_tree()
    rows = Collection.objects.filter(parent=parent)
    _write_order(Collection, list(rows.order_by("position", "name", "id").values_list("pk", flat=True)), collection_ids)
    if parent is not None:
        audit(user, "collection.order", parent, {}, {"collections": list(collection_ids)})


@transaction.atomic
def delete_collection(*, collection: Collection, user: User | None) -> None:
    """Delete a collection and the collections inside it; the files themselves stay."""
    check_access(user, CURATE)
    parents = _lock_tree()
    row = lock(collection)
    inside = sum(1 for pk in parents if row.pk in _above(pk, parents))
    audit(user, "collection.delete", row, {"name": row.name, "items": row.items.count(), "collections_inside": inside}, {})
    row.delete()


@transaction.atomic
def add_files(*, collection: Collection, file_ids: Sequence[int], user: User | None) -> list[int]:
    """Put files at the end of a collection, in the given order; return those that are new. Files that are gone are passed over.

    FilledBySearchError when the collection is what a search finds.
    """
    check_access(user, CURATE)
    row = lock(collection)
    if row.query:
        raise FilledBySearchError(name=row.name)
    asked = list(dict.fromkeys(file_ids))
    has = {pk for chunk in chunks(asked) for pk in row.items.filter(file__in=chunk).values_list("file_id", flat=True)}
    there = {pk for chunk in chunks(asked) for pk in MediaFile.objects.filter(pk__in=chunk).values_list("pk", flat=True)}
    new = [pk for pk in asked if pk in there and pk not in has]
    last = row.items.aggregate(last=Max("position"))["last"]
    start = 0 if last is None else last + 1
    CollectionItem.objects.bulk_create(
        [CollectionItem(collection=row, file_id=pk, position=position) for position, pk in enumerate(new, start)], batch_size=200
    )
    if new:
        audit(user, "collection.add", row, {}, {"files": new})
        audit_files(user, "file.collect", new, {}, {"collection": row.name})
    return new


@transaction.atomic
def remove_files(*, collection: Collection, file_ids: Many[int], user: User | None) -> list[int]:
    """Take files out of a collection; return those that were in it. Those behind them move up."""
    check_access(user, CURATE)
    row = lock(collection)
    gone = set(file_ids)
    firsts = [row.items.filter(file__in=chunk).aggregate(first=Min("position"))["first"] for chunk in chunks(gone)]
    first = min((position for position in firsts if position is not None), default=0)
    items = list(row.items.filter(position__gte=first).order_by("position", "id").values_list("pk", "file_id", "position"))
    removed = [(item_id, file_id) for item_id, file_id, _position in items if file_id in gone]
    for chunk in chunks(item_id for item_id, _file_id in removed):
        CollectionItem.objects.filter(pk__in=chunk).delete()
    kept = [(item_id, position) for item_id, file_id, position in items if file_id not in gone]
    before = row.items.filter(position__lt=first).count()  # a file that left the catalog leaves a hole
    moved = [(wanted, item_id) for wanted, (item_id, position) in enumerate(kept, before) if wanted != position]
    update_rows(CollectionItem, ["position"], moved)
    if removed:
        taken = [file_id for _item_id, file_id in removed]
        audit(user, "collection.remove", row, {"files": taken}, {})
        audit_files(user, "file.take_out", taken, {"collection": row.name}, {})
    return [file_id for _item_id, file_id in removed]


@transaction.atomic
def order_files(*, collection: Collection, file_ids: Sequence[int], user: User | None) -> None:
    """Set the order of a collection's files; all of them are named. OrderMismatchError."""
    check_access(user, CURATE)
    row = lock(collection)
    items = dict(row.items.order_by("position", "id").values_list("file_id", "pk"))
    if sorted(file_ids) != sorted(items):
        raise OrderMismatchError
    _write_order(CollectionItem, list(items.values()), [items[file_id] for file_id in file_ids])
    audit(user, "collection.order", row, {"files": list(items)}, {"files": list(file_ids)})


@transaction.atomic
def move_file(*, collection: Collection, file_id: int, to: int, user: User | None) -> None:
    """Put one file at position `to`, or at the nearest there is; those between move by one. ObjectNotFoundError when it is not in there."""
    check_access(user, CURATE)
    row = lock(collection)
    items = row.items.order_by("position", "id")
    item = items.filter(file=file_id).first()
    if item is None:
        raise ObjectNotFoundError
    ids, positions = zip(*items.values_list("pk", "position"), strict=True)
    before, after = ids.index(item.pk), bisect_left(positions, to) if to > item.position else bisect_right(positions, to) - 1
    after = max(0, min(after, len(ids) - 1))
    if positions != tuple(range(len(ids))):  # a file that left the catalog leaves a hole
        update_rows(CollectionItem, ["position"], list(enumerate(ids)))
    if before == after:
        return
    between, step = (
        (Q(position__gt=before, position__lte=after), -1) if after > before else (Q(position__gte=after, position__lt=before), 1)
    )
    row.items.filter(between).update(position=F("position") + step)
    row.items.filter(pk=item.pk).update(position=after)
    audit(user, "collection.order", row, {"file": file_id, "position": before}, {"file": file_id, "position": after})


def _write_order(model: type[Collection] | type[CollectionItem], now: list[int], wanted: Sequence[int]) -> None:
    if sorted(now) != sorted(wanted):
        raise OrderMismatchError
    update_rows(model, ["position"], [(position, pk) for position, pk in enumerate(wanted)])


def _lock_tree() -> dict[int, int | None]:
    """Lock all collections, a small table, and return their parents: two moves at once could close a ring otherwise."""
    return dict(Collection.objects.select_for_update().order_by("pk").values_list("pk", "parent_id"))


def _above(pk: int, parents: dict[int, int | None]) -> set[int]:
    found: set[int] = set()
    above = parents[pk]
    while above is not None:
        found.add(above)
        above = parents[above]
    return found


def _end_of(parent: Collection | None) -> int:
    last = Collection.objects.filter(parent=parent).aggregate(last=Max("position"))["last"]
    return 0 if last is None else last + 1
