"""Compares both sides row by row and tells what differs, when mirror and matches were just brought up to date. Changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Case, CharField, Count, Q, Value, When
from django.utils import timezone

from mam.jobs.models import LogLevel
from mam.lib import messages
from mam.lib.bulk import chunks
from mam.lib.errors import gettext_noop
from sync.choices import Action, Drift, MatchReason, MatchStatus
from sync.models import DriftLine, DriftReport, Match, TargetRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from mam.jobs.context import JobContext
    from sync.models import Target

_AT_ONCE = 2_000
_COMPARED = {"path": "path", "size_bytes": "size_bytes", "extension": "extension"}  # of a match -> of a row
_OF_FILE = {"codec": "video_codec", "width_px": "width_px", "height_px": "height_px", "duration_ms": "duration_ms"}

messages.register(
    {
        "drift_found": gettext_noop(
            "%(equal)s equal, %(only_source)s only in the source, %(only_target)s only in the target, %(differs)s differ,"
            " %(unreadable)s unreadable."
        ),
    }
)

_SIGN = Case(
    When(reason=MatchReason.UNREADABLE, then=Value(Drift.UNREADABLE)),
    When(action=Action.DELETE, then=Value(Drift.ONLY_TARGET)),
    When(action__in=[Action.INSERT, Action.RESTORE], then=Value(Drift.ONLY_SOURCE)),
    When(action=Action.UPDATE, then=Value(Drift.DIFFERS)),
    default=Value(Drift.EQUAL),
    output_field=CharField(),
)


def report(*, target: Target, ctx: JobContext) -> dict[str, Any]:
    """Write a `DriftReport` and a line for each path that is not equal; the job's result.

    What is not to be in the target (copies, other file types, what is marked as deleted there) is on neither side.
    """
    counted = _compared(target).annotate(sign=_SIGN).order_by().values_list("sign").annotate(n=Count("pk"))
    counts = {sign.value: 0 for sign in Drift} | dict(counted)
    with ctx.publish():
        row = DriftReport.objects.create(target=target, job_id=ctx.job_id, requested_by_id=ctx.requested_by_id, counts=counts)
    written = 0
    for lines in chunks(_lines(row, target), _AT_ONCE):
        with ctx.publish():
            DriftLine.objects.bulk_create(lines)
        written += len(lines)
        ctx.progress(written, sum(counts.values()) - counts[Drift.EQUAL])
    with ctx.publish():
        DriftReport.objects.filter(pk=row.pk).update(finished_at=timezone.now())
        names = {sign.name.lower(): counts[sign] for sign in Drift}
        is_equal = counts[Drift.EQUAL] == sum(counts.values())
        ctx.log("drift_found", level=LogLevel.INFO if is_equal else LogLevel.WARNING, **names)
    return {"report": row.pk, "counts": counts}


def _compared(target: Target) -> QuerySet[Match]:
    synced = [MatchStatus.SYNCED, MatchStatus.SYNCED_WITH_DUPLICATES]
    return Match.objects.filter(target=target).filter(Q(status__in=synced) | ~Q(action=Action.NONE) | Q(reason=MatchReason.UNREADABLE))


def _lines(report: DriftReport, target: Target) -> Iterator[DriftLine]:
    found = _compared(target).annotate(sign=_SIGN).exclude(sign=Drift.EQUAL).select_related("file", "target").order_by("pk")
    for part in chunks(found.iterator(_AT_ONCE), _AT_ONCE):
        rows = TargetRow.objects.in_bulk([one.row_id for one in part if one.row_id])
        for match in part:
            row = rows.get(match.row_id) if match.row_id else None
            yield DriftLine(
                report=report,
                sign=match.sign,
                path=match.path,
                file_id=match.file_id,
                remote_id=row.remote_id if row else "",
                details=_details(match, row),
            )


def _details(match: Match, row: TargetRow | None) -> dict[str, Any]:
    if row is not None and row.error:
        return {"error": row.error}
    if row is None or match.file is None or match.action != Action.UPDATE:
        return {}
    pairs = {name: (getattr(match, name), getattr(row, other)) for name, other in _COMPARED.items()}
    pairs |= {name: (getattr(match.file, other), getattr(row, name)) for name, other in _OF_FILE.items()}
    if match.target.keeps_works:
        pairs["content_id"] = (str(match.file.content_id or ""), row.content_id)
    return {name: list(values) for name, values in pairs.items() if values[0] != values[1]}
