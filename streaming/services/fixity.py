"""Fixity: are the stored bytes still those that were published? Finds missing, changed and orphaned objects, and repairs.

Repairing is making again: nobody has another copy, but the source is there. What is damaged stays marked (and out of playlists)
until the new rendition replaces it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from catalog.choices import Presence
from mam.jobs.models import ACTIVE, JobPriority
from mam.lib.storages import ObjectMissingError
from streaming.choices import ObjectState, RenditionState
from streaming.models import Rendition, StoredObject
from streaming.services import renditions
from streaming.services.inventory import delete_orphans, purge_unfinished, take_inventory
from streaming.stores import objects as store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

logger = logging.getLogger(__name__)

_READ_BYTES = 8 * 1024 * 1024  # a request
_CHUNK = 200


@dataclass(slots=True)
class FixityReport:
    """What a verification found and did. Bytes are of objects in the store."""

    listed: int = 0
    listed_bytes: int = 0
    read: int = 0
    read_bytes: int = 0
    missing: int = 0
    changed: int = 0
    orphans: int = 0
    orphan_bytes: int = 0
    deleted: int = 0
    unfinished: int = 0
    wanted_again: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """Where a verification is: `unit` is "bytes" while objects are read, "" while the store is listed."""

    done: int
    total: int
    unit: str = ""
    note: str = ""


OnStep = Callable[[Step], None]
OnDamage = Callable[[StoredObject, ObjectState], None]


def verify(
    *,
    budget_bytes: int | None,
    repair: bool,
    is_forced: bool = False,
    on_step: OnStep = lambda _step: None,
    on_damage: OnDamage = lambda _row, _state: None,
) -> FixityReport:
    """Compare the whole store with the rows by listing it, then read back `budget_bytes` of it (None: all), longest unread first.

    `repair` deletes orphans and has damaged renditions made again. StoreSuspectError when the listing looks like another store
    (unless `is_forced`), StorageErrors; then nothing was changed. `on_step` may raise to stop: what was read counts. `on_damage` is
    told each object that is not as it was published.
    """
    inventory = take_inventory(step=lambda part: on_step(Step(int(part * 100), 100)))
    if not is_forced:
        inventory.check()
    report = FixityReport(listed=inventory.listed, listed_bytes=inventory.listed_bytes)
    report.orphans, report.orphan_bytes = len(inventory.orphans), sum(entry.size_bytes for entry in inventory.orphans)
    damaged = inventory.damaged
    _mark(damaged)
    for row in (*inventory.missing, *inventory.changed):
        on_damage(row, damaged[row.pk])
    for row in inventory.returned:
        StoredObject.objects.filter(pk=row.pk, state=ObjectState.MISSING).update(state=ObjectState.SOUND)
    damaged |= _read_back(report, budget_bytes, set(damaged), on_step, on_damage)
    report.missing = sum(state == ObjectState.MISSING for state in damaged.values())
    report.changed = len(damaged) - report.missing
    if repair:
        report.deleted = delete_orphans(inventory)
        report.unfinished = purge_unfinished()
        report.wanted_again = _want_again()
    return report


def _read_back(
    report: FixityReport, budget_bytes: int | None, known: set[int], on_step: OnStep, on_damage: OnDamage
) -> dict[int, ObjectState]:
    """Read objects within the budget (at least one) and compare; id -> state of what is damaged."""
    damaged: dict[int, ObjectState] = {}
    total_bytes = report.listed_bytes if budget_bytes is None else min(budget_bytes, report.listed_bytes)
    for row in _longest_unread():
        if row.pk in known:
            continue
        if budget_bytes is not None and report.read and report.read_bytes + row.size_bytes > budget_bytes:
            break
        state = _state_of(row, partial(_report_reading, on_step, report.read_bytes, total_bytes, row.name))
        report.read += 1
        report.read_bytes += row.size_bytes
        _mark({row.pk: state})
        if state != ObjectState.SOUND:
            damaged[row.pk] = state
            on_damage(row, state)
    return damaged


def _report_reading(on_step: OnStep, before_bytes: int, total_bytes: int, name: str, done_bytes: int) -> None:
    on_step(Step(before_bytes + done_bytes, total_bytes, "bytes", name))


def _longest_unread() -> Iterator[StoredObject]:
    """Every object there is now, the one whose bytes were not looked at for the longest time first."""
    everything = StoredObject.objects.filter(verified_at__lt=timezone.now()).order_by("verified_at", "pk")
    rows = list(everything[:_CHUNK])
    while rows:
        yield from rows
        last = rows[-1]
        after = Q(verified_at=last.verified_at, pk__gt=last.pk) | Q(verified_at__gt=last.verified_at)
        rows = list(everything.filter(after)[:_CHUNK])


def _state_of(row: StoredObject, check: Callable[[int], None]) -> ObjectState:
    """Read the object from the store itself, past the cache."""
    read = store.Checksum()
    check(0)
    try:
        while data := store.storage().read_range(row.name, read.size_bytes, _READ_BYTES):
            read.update(data)
            check(read.size_bytes)
    except ObjectMissingError:
        return ObjectState.MISSING
    return ObjectState.SOUND if (read.size_bytes, read.hexdigest()) == (row.size_bytes, row.checksum) else ObjectState.CHANGED


def note_missing(name: str) -> None:
    """Somebody was refused this object: what it belongs to is not played any more, until a verification finds it or has it made again."""
    try:
        is_news = StoredObject.objects.filter(name=name, state=ObjectState.SOUND).update(state=ObjectState.MISSING)
    except DatabaseError:
        logger.warning("the object %s is missing in the store, which could not be noted", name, exc_info=True)
        return  # who asked is answered all the same
    if is_news:
        logger.warning("the object %s is missing in the store", name)


def _mark(states: dict[int, ObjectState]) -> None:
    """Note what was found. A row that was replaced meanwhile is gone, and its finding with it."""
    now = timezone.now()
    for pk, state in states.items():
        StoredObject.objects.filter(pk=pk).update(state=state, verified_at=now)


def count_left_damaged() -> int:
    """How many renditions are damaged without a job that makes them again."""
    return _damaged().exclude(state=RenditionState.WANTED, job__state__in=ACTIVE).count()


def _damaged() -> QuerySet[Rendition]:
    return Rendition.objects.filter(stored_objects__state__in=[ObjectState.MISSING, ObjectState.CHANGED]).distinct()


def _want_again() -> int:
    """Have every damaged rendition made again whose source is there, unless that was given up already; how many."""
    damaged = _damaged().filter(state=RenditionState.READY, file__presence=Presence.PRESENT)
    found = list(damaged.select_related("file__source", "file__folder"))
    for rendition in found:
        renditions.want(file=rendition.file, kind=rendition.kind, priority=JobPriority.LOW, again=True)
    return len(found)
