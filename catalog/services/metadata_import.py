"""Imports of curated metadata: upload, check, apply, undo, by a job in parts, each in a transaction of its own.

Only what the check has planned is applied, and only to files that still are as the check showed them. Taken back is only what still is as
it was made. A part is done or not, so whoever is killed goes on with the next one.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import IO, TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.choices import MetadataGoal, MetadataState
from catalog.errors import ImportNotAsShownError, ImportTooLargeError, ObjectNotFoundError
from catalog.models import MetadataImport, MetadataImportPart
from catalog.services.common import CURATE, audit, check_access, lock
from catalog.services.metadata_apply import apply_changes, undo_changes
from catalog.services.metadata_check import Checker
from catalog.services.metadata_csv import COLUMNS, read_table
from catalog.services.settling import settle_soon
from mam.lib.bulk import chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from catalog.services.metadata_csv import Record, Table
    from mam.accounts.models import User

IMPORT_JOB = "catalog.metadata_import"
MAX_LINES = 100_000
MAX_BYTES = 64_000_000
PART_LINES = 500
_KEPT_UNUSED = datetime.timedelta(days=7)  # uploads that nobody applied
_KEPT_OF_COMMAND = datetime.timedelta(days=180)  # so long it can be undone
_READ_BYTES = 1 << 20
_PARTS_AT_ONCE = 20


# --- what curators do -------------------------------------------------------------------------------------------------
def upload(*, stream: IO[bytes], name: str, user: User | None) -> MetadataImport:
    """Keep the lines of a CSV file and have a job check them. ImportTooLargeError."""
    found = store(stream=stream, name=name, user=user)
    with transaction.atomic():
        return _go(lock(found), user)


def store(*, stream: IO[bytes], name: str, user: User | None) -> MetadataImport:
    """As `upload`, without the job: `settle` checks it. Older uploads of the user that were not applied go away.

    All of it is read before the transaction begins: while a large file is read nobody else could write to SQLite.
    """
    check_access(user, CURATE)
    digest, size = _digest(stream)
    table = read_table(stream)
    parts = [_part(number, records) for number, records in enumerate(chunks(_limited(table), PART_LINES))]
    with transaction.atomic():
        found = _store_head(table, digest, size, name, user)
        for part, _lines in parts:
            part.metadata_import = found
        MetadataImportPart.objects.bulk_create((part for part, _lines in parts), batch_size=_PARTS_AT_ONCE)
        found.total_parts, found.total_lines = len(parts), sum(lines for _part, lines in parts)
        found.save()
    return found


def _part(number: int, records: list[Record]) -> tuple[MetadataImportPart, int]:
    """Some lines as they are stored, and how many they are."""
    rows = [[record.line, record.cells] for record in records if not record.problems]
    problems = [problem for record in records for problem in record.problems]
    return MetadataImportPart(number=number, rows=rows, problems=problems), len(records)


def _store_head(table: Table, digest: str, size: int, name: str, user: User | None) -> MetadataImport:
    own, now = MetadataImport.objects.filter(requested_by=user), timezone.now()
    own.filter(goal=MetadataGoal.CHECK, requested_at__lt=now - _KEPT_UNUSED).delete()
    if user is None:  # of the command, which no page lists
        own.filter(requested_at__lt=now - _KEPT_OF_COMMAND).delete()
    return MetadataImport.objects.create(
        name=name[:255],
        digest=digest,
        size_bytes=size,
        encoding=table.encoding,
        columns=[column for column in COLUMNS if column in table.columns],
        ignored_columns=table.ignored,
        problems=table.problems,
        total_problems=len(table.problems),
        requested_by=user,
    )


@transaction.atomic
def apply_import(*, found: MetadataImport, digest: str, user: User | None, is_here: bool = False) -> MetadataImport:
    """Have what was shown applied (`is_here`: by the caller, through `settle`). ImportNotAsShownError."""
    row = _lock_own(found, user)
    if row.digest != digest or not row.may_be_applied:
        raise ImportNotAsShownError
    row.goal = MetadataGoal.APPLY
    audit(user, "metadata_import.apply", row, {}, {"name": row.name, "digest": row.digest, "files": row.planned_files})
    return _go(row, user, is_here=is_here)


@transaction.atomic
def undo_import(*, found: MetadataImport, user: User | None, is_here: bool = False) -> MetadataImport:
    """Have what was applied taken back, also while it is being done. What others changed since then stays. `is_here`: as above."""
    row = _lock_own(found, user)
    if not row.may_be_undone:
        raise ImportNotAsShownError
    row.goal = MetadataGoal.UNDO
    audit(user, "metadata_import.undo", row, {}, {"name": row.name, "files": row.changed_files})
    return _go(row, user, is_here=is_here)


@transaction.atomic
def resume_import(*, found: MetadataImport, user: User | None) -> MetadataImport:
    """Have a job go on with one that stopped."""
    return _go(_lock_own(found, user), user)


def _lock_own(found: MetadataImport, user: User | None) -> MetadataImport:
    check_access(user, CURATE)
    row = lock(found)
    if user is not None and row.requested_by_id != user.pk:
        raise ObjectNotFoundError
    return row


def _go(row: MetadataImport, user: User | None, *, is_here: bool = False) -> MetadataImport:
    if is_here:
        row.save()
        return row
    settle_soon(row, kind=IMPORT_JOB, params={"import_id": row.pk}, page="catalog:metadata_import_detail", user=user)
    return row


def _digest(stream: IO[bytes]) -> tuple[str, int]:
    """SHA-256 and size. ImportTooLargeError."""
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while part := stream.read(_READ_BYTES):
        digest.update(part)
        size += len(part)
        if size > MAX_BYTES:
            raise _too_large()
    return digest.hexdigest(), size


def _limited(table: Table) -> Iterator[Record]:
    for number, record in enumerate(table.records()):
        if number >= MAX_LINES:
            raise _too_large()
        yield record


def _too_large() -> ImportTooLargeError:
    return ImportTooLargeError(lines=f"{MAX_LINES:,}", megabytes=MAX_BYTES // 1_000_000)


# --- what the job does ------------------------------------------------------------------------------------------------
def settle(
    *, import_id: int, publish: Callable[[], AbstractContextManager[None]], on_progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Check, apply or undo one part after the other until all are where they are wanted; return how many files that is."""
    checker: Checker | None = None
    while True:
        with publish():
            found = MetadataImport.objects.select_for_update(of=("self",)).select_related("requested_by").filter(pk=import_id).first()
            if found is None:
                raise ObjectNotFoundError
            if found.is_settled:
                return {"planned": found.planned_files, "changed": found.changed_files, "problems": found.total_problems}
            if found.state == MetadataState.CHECKING:
                checker = checker or Checker(_seen(found))
                _check_part(found, checker)
            else:
                _turn_part(found)
        on_progress(found.settled_parts, found.total_parts)


def _seen(found: MetadataImport) -> dict[int, int]:
    """Which files the lines are about that were checked already."""
    parts = found.parts.filter(plan__isnull=False).order_by("number").values_list("file_lines", flat=True)
    return {pk: line for files in parts.iterator(chunk_size=1) for pk, line in files}


def _check_part(found: MetadataImport, checker: Checker) -> None:
    part = found.parts.filter(plan__isnull=True).order_by("number")[0]
    plan, problems, part.file_lines = checker.check(part.rows)
    part.problems = sorted([*part.problems, *problems], key=lambda problem: problem[0])
    part.plan, part.rows = plan, []
    part.save(update_fields=["plan", "rows", "problems", "file_lines"])
    _count(found, checked_parts=1, planned_files=len(plan), total_problems=len(part.problems))


def _turn_part(found: MetadataImport) -> None:
    is_wanted = found.goal == MetadataGoal.APPLY
    part = found.parts.filter(applied__isnull=is_wanted).order_by("number" if is_wanted else "-number")[0]
    if is_wanted:
        applied, part.left_out = apply_changes(part.plan or [], found.requested_by)
        part.applied = applied
        _count(found, applied_parts=1, changed_files=len(applied["changes"]), total_problems=len(part.left_out))
    else:
        applied = part.applied  # type: ignore[assignment]  # not None: asked for so
        undo_changes(applied, found.requested_by)
        _count(found, applied_parts=-1, changed_files=-len(applied["changes"]), total_problems=-len(part.left_out))
        part.applied, part.left_out = None, []
    part.save(update_fields=["applied", "left_out"])


def _count(found: MetadataImport, **steps: int) -> None:
    """Add to the numbers of the row, and of `found`."""
    MetadataImport.objects.filter(pk=found.pk).update(**{name: F(name) + step for name, step in steps.items()})
    for name, step in steps.items():
        setattr(found, name, getattr(found, name) + step)
