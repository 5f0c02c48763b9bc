"""Plans and reconciliations, and what is in them, read a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.errors import ObjectNotFoundError
from mam.accounts.access import require
from sync.choices import Drift
from sync.models import DriftLine, DriftReport, Plan, PlanPart
from sync.selectors.scope import VIEW
from sync.services.documents import Planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

    from catalog.selectors.scope import Reader
    from sync.models import Target

_LINES_AT_ONCE = 1_000


def list_plans(*, user: Reader, target: Target) -> QuerySet[Plan]:
    """The plans of a target with who made and approved them, for keyset pages by id."""
    require(user, VIEW)
    return Plan.objects.filter(target=target).select_related("requested_by", "approved_by", "job", "undone_by")


def get_plan(*, user: Reader, plan_id: int) -> Plan:
    """One plan. ObjectNotFoundError."""
    require(user, VIEW)
    plan = Plan.objects.select_related("target", "requested_by", "approved_by", "job", "undone_by").filter(pk=plan_id).first()
    if plan is None:
        raise ObjectNotFoundError
    return plan


def find_part(*, user: Reader, plan: Plan, number: int) -> PlanPart | None:
    """A part of a plan, by its number from 0. It may hold some hundred actions."""
    require(user, VIEW)
    return PlanPart.objects.filter(plan=plan, number=number).first()


def list_actions(part: PlanPart) -> list[Planned]:
    """The actions of a part, in the order in which they are applied; with the target's ids once they are known."""
    planned = [Planned(*action) for action in part.actions]
    ids = part.remote_ids or [one.remote_id for one in planned]
    return [one._replace(remote_id=remote_id) for one, remote_id in zip(planned, ids, strict=True)]


# --- reconciliations --------------------------------------------------------------------------------------------------
def list_reports(*, user: Reader, target: Target) -> QuerySet[DriftReport]:
    """The reconciliations of a target, for keyset pages by id."""
    require(user, VIEW)
    return DriftReport.objects.filter(target=target).select_related("requested_by", "job")


def get_report(*, user: Reader, report_id: int) -> DriftReport:
    """One reconciliation. ObjectNotFoundError."""
    require(user, VIEW)
    report = DriftReport.objects.select_related("target", "requested_by", "job").filter(pk=report_id).first()
    if report is None:
        raise ObjectNotFoundError
    return report


def list_drift(*, user: Reader, report: DriftReport, sign: str = "") -> QuerySet[DriftLine]:
    """The paths that are not equal on both sides, or those with a sign of `Drift`, for keyset pages by id."""
    require(user, VIEW)
    lines = DriftLine.objects.filter(report=report)
    return lines.filter(sign=sign) if sign else lines


def write_combined(*, user: Reader, report: DriftReport) -> Iterator[bytes]:
    """The lines in the form of `rclone check --combined`: the sign, a space, the path; some at a time.

    Equal paths are counted, not kept, so they have no lines. What is no printable character in a path is escaped, as Python writes it.
    """
    require(user, VIEW)
    lines = list_drift(user=user, report=report)
    for sign in Drift.values:
        last = 0
        while rows := list(lines.filter(sign=sign, pk__gt=last).order_by("pk").values_list("pk", "path")[:_LINES_AT_ONCE]):
            yield "".join(f"{sign} {_on_one_line(path)}\n" for _pk, path in rows).encode()
            last = rows[-1][0]


def _on_one_line(path: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in path)
