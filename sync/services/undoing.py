"""Takes an applied plan back: by a plan of its own, which restores the rows as they were before."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sync.choices import PartState, PlanState
from sync.models import Plan, PlanPart
from sync.services.documents import Planned, inverse

if TYPE_CHECKING:
    from mam.accounts.models import User


def make_undo(*, plan: Plan, user: User | None) -> Plan:
    """The plan that undoes the batches of `plan` that were done, the last one first; ready to be applied. In the caller's transaction.

    Not in it: whether rows are still as `plan` left them. That is looked at when it is applied, batch by batch.
    """
    undo = Plan.objects.create(target=plan.target, undo_of=plan, requested_by=user)
    counts = Counter[str]()
    for number, part in enumerate(plan.parts.filter(state=PartState.DONE).order_by("-number").iterator(chunk_size=50)):
        pairs = zip(part.actions, part.remote_ids or [], strict=True)
        actions = [inverse(Planned(*one), remote_id) for one, remote_id in pairs][::-1]
        PlanPart.objects.create(plan=undo, number=number, actions=actions)
        counts.update(one.action for one in actions)
        undo.total_parts = number + 1
    undo.counts, undo.total_rows, undo.state = dict(counts), counts.total(), PlanState.READY
    undo.save()
    return undo
