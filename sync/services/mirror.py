"""The mirror of a target's rows in the main database: compared with what was read there, and told of what was written there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from catalog import text
from mam.lib.bulk import among, chunks, database_time, insert_rows, reserve_ids, update_rows
from sync.choices import HistoryEvent, HistorySide
from sync.matching.touches import touch_all, touch_rows
from sync.models import Target, TargetRow
from sync.services import history
from sync.services.documents import document, pack
from sync.services.history import Change
from sync.targets.base import FileFields, TargetFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sync.matching.recompute import Publish
    from sync.services.history import Actor
    from sync.targets.base import OttTarget

COLUMNS = (
    *("path", "path_key", "name_key", "size_bytes", "extension", "is_hls", "codec", "width_px", "height_px", "duration_ms", "content_id"),
    *("is_deleted", "deleted_at", "error"),
)
NOTHING_LOST = {"lost_rows": 0, "lost_of": 0}  # of a Target
_folder_key = lru_cache(maxsize=1024)(text.path_key)  # files of a folder come one after the other


@dataclass(slots=True)
class Difference:
    """How many rows of a target were not as the mirror had them."""

    rows: int = 0  # that there are
    added: int = 0
    changed: int = 0
    gone: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def values_of(file: TargetFile) -> tuple[Any, ...]:
    """A row of the target, in the order of COLUMNS."""
    fields = file.fields
    folder, _, name = fields.path.rpartition("/")
    name_key = text.name_key(name)
    path_key = f"{_folder_key(folder)}/{name_key}" if folder else name_key  # as the keys of a folder and of a name in it
    return (
        *(fields.path, path_key, name_key, fields.size_bytes, fields.extension, fields.is_hls, fields.codec),
        *(fields.width_px, fields.height_px, fields.duration_ms, fields.content_id),
        *(file.is_deleted, file.deleted_at, file.error),
    )


def as_target_file(row: TargetRow) -> TargetFile:
    """A row of the mirror, as the target would give it."""
    fields = FileFields(
        path=row.path,
        size_bytes=row.size_bytes,
        extension=row.extension,
        is_hls=row.is_hls,
        codec=row.codec,
        width_px=row.width_px,
        height_px=row.height_px,
        duration_ms=row.duration_ms,
        content_id=row.content_id,
    )
    return TargetFile(row.remote_id, fields, row.is_deleted, row.deleted_at, row.error)


def refresh(
    *,
    target: Target,
    adapter: OttTarget,
    by: Actor,
    publish: Publish = transaction.atomic,
    is_thorough: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Difference:
    """Read the target itself, make the mirror equal to it, and note what has to be matched anew. Nothing is written there.

    Skipped when the target's fingerprint is that of the last time, unless `is_thorough`. Raises what the adapter raises; the mirror stays
    usable.
    """
    _note_works(target, adapter, publish)
    fingerprint = adapter.fingerprint()
    if fingerprint == target.fingerprint and not is_thorough:
        return Difference(rows=TargetRow.objects.filter(target=target).count())
    found = Difference()
    unseen = _ids_by_remote_id(target)
    before = len(unseen)
    for batch in adapter.read_files():
        known = {file.remote_id: unseen.pop(file.remote_id) for file in batch if file.remote_id in unseen}
        _compare(target, batch, known, found, by, publish)
        found.rows += len(batch)
        if on_progress:
            on_progress(found.rows)
    _note_losses(target, len(unseen), before, found.added, publish)
    for part in chunks(unseen.values()):
        with publish():
            _remove(target, part, by)
        found.gone += len(part)
    info = adapter.info()
    with publish():
        if is_thorough or found.gone:  # somebody may have taken works away too: the next sync tells of all of them
            target.works.all().delete()
        Target.objects.filter(pk=target.pk).update(fingerprint=fingerprint, read_at=timezone.now(), size_bytes=info.size_bytes)
    target.refresh_from_db()
    return found


def _note_works(target: Target, adapter: OttTarget, publish: Publish) -> None:
    """A target that has works of its own now, or none any more, is told other things of every file."""
    if adapter.keeps_works != target.keeps_works:
        with publish():
            Target.objects.filter(pk=target.pk).update(keeps_works=adapter.keeps_works)
            touch_all()
        target.keeps_works = adapter.keeps_works


def _note_losses(target: Target, gone: int, before: int, added: int, publish: Publish) -> None:
    """What is gone at once keeps plans waiting (`sync.services.planning.holds`), until it is there again or somebody approves."""
    if target.is_over_share(gone, before) or target.is_over_rows(gone):
        lost = {"lost_rows": gone, "lost_of": before}
    elif added >= target.lost_rows > 0:
        lost = NOTHING_LOST
    else:
        return
    with publish():
        Target.objects.filter(pk=target.pk).update(**lost)


def _ids_by_remote_id(target: Target) -> dict[str, int]:
    return dict(TargetRow.objects.filter(target=target).values_list("remote_id", "pk").iterator())


def _compare(target: Target, batch: Sequence[TargetFile], known: dict[str, int], found: Difference, by: Actor, publish: Publish) -> None:
    stored = {row[-1]: row[:-1] for row in TargetRow.objects.filter(pk__in=among(known.values())).values_list(*COLUMNS, "pk").iterator()}
    made, changed = [], []
    for file in batch:
        pk = known.get(file.remote_id)
        values = values_of(file)
        if pk is None or pk not in stored:
            made.append((file, values))
        elif stored[pk] != values:
            changed.append((pk, file, stored[pk], values))
    if not made and not changed:
        return
    with publish():
        pks = reserve_ids(TargetRow, len(made))
        rows = zip(pks, made, strict=True)
        insert_rows(
            TargetRow,
            ["id", "target_id", "remote_id", *COLUMNS],
            ((pk, target.pk, file.remote_id, *_for_database(values)) for pk, (file, values) in rows),
        )
        update_rows(TargetRow, COLUMNS, ((*_for_database(values), pk) for pk, _file, _old, values in changed))
        touch_rows([*pks, *(pk for pk, *_ in changed)])
        history.record(target, _changes(pks, made, changed), by=by)
    found.added += len(made)
    found.changed += len(changed)


def _for_database(values: tuple[Any, ...]) -> tuple[Any, ...]:
    *rest, deleted_at, error = values
    return (*rest, database_time(deleted_at) if deleted_at else None, error)


def stored(file: TargetFile) -> tuple[Any, ...]:
    """A row of the target in the order of COLUMNS, as the driver of the main database wants it."""
    return _for_database(values_of(file))


def _changes(pks: Sequence[int], made: list[Any], changed: list[Any]) -> Iterator[Change]:
    for pk, (file, _values) in zip(pks, made, strict=True):
        yield target_change(HistoryEvent.ADDED, pk, {}, document(file.remote_id, pack(file)))
    for pk, file, old, _values in changed:  # `old` in the order of COLUMNS: without its keys that of `pack`
        before, after = document(file.remote_id, (old[0], *old[3:])), document(file.remote_id, pack(file))
        event = HistoryEvent.MOVED if before["path"] != after["path"] else HistoryEvent.CHANGED
        if before["is_deleted"] != after["is_deleted"]:
            event = HistoryEvent.DELETED if after["is_deleted"] else HistoryEvent.RESTORED
        yield target_change(event, pk, before, after)


def target_change(event: HistoryEvent, row_id: int, before: dict[str, Any], after: dict[str, Any], plan_id: int | None = None) -> Change:
    """What happened to a row of the target, for the history."""
    path = (after or before)["path"]
    return Change(event=event, side=HistorySide.TARGET, subject=f"row:{row_id}", path=path, before=before, after=after, plan_id=plan_id)


def _remove(target: Target, pks: Iterable[int], by: Actor) -> None:
    """Rows that some program has taken out of the target. We never do."""
    rows = list(TargetRow.objects.filter(pk__in=among(pks)))
    touch_rows(row.pk for row in rows)
    history.record(
        target,
        (target_change(HistoryEvent.DELETED, row.pk, document(row.remote_id, pack(as_target_file(row))), {}) for row in rows),
        by=by,
    )
    TargetRow.objects.filter(pk__in=among(pks)).delete()
