"""Vanished files that wait for an administrator's word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from catalog.models import Folder
from catalog.services import absence
from ingest.errors import HoldDecidedError
from ingest.models import MissingHold
from mam.accounts import access
from mam.accounts.services import record_audit

if TYPE_CHECKING:
    from catalog.models import Source
    from catalog.services.absence import Held
    from ingest.models import Scan
    from mam.accounts.models import User


def open_hold(*, scan: Scan, held: Held) -> MissingHold:
    """Note a hold of this scan; one that is open for the same place grows."""
    root_total = Folder.objects.filter(source=scan.source, parent=None).values_list("total_files", "total_missing").first() or (0, 0)
    hold = (
        MissingHold.objects.filter(source=scan.source, folder=held.folder, decision=MissingHold.Decision.OPEN).select_for_update().first()
    )
    if hold is None:
        hold = MissingHold(source=scan.source, folder=held.folder, files=0, total_bytes=0)
    hold.scan = scan
    hold.files += len(held.file_ids)
    hold.total_bytes += held.total_bytes
    hold.share_percent = min(100, round(100 * hold.files / max(1, sum(root_total))))
    hold.save()
    return hold


def close_returned(*, source: Source) -> list[MissingHold]:
    """Close the open holds of which no file is held any more: they came back. Returns them."""
    closed = []
    open_holds = MissingHold.objects.filter(source=source, decision=MissingHold.Decision.OPEN)
    for hold in open_holds.select_for_update(of=("self",)).select_related("folder").order_by("pk"):
        if not absence.held_files(source=source, folder=hold.folder).exists():
            hold.decision, hold.decided_at = MissingHold.Decision.CAME_BACK, timezone.now()
            hold.save()
            closed.append(hold)
    return closed


def declare_gone(*, hold: MissingHold, user: User) -> int:
    """The administrator says the files are gone: they become missing (never deleted). Returns how many.

    Needs `ingest.decide_hold`. Raises HoldDecidedError when someone decided before.
    """
    access.require(user, "ingest.decide_hold")
    with transaction.atomic():
        hold = MissingHold.objects.select_for_update(of=("self",)).select_related("source", "folder").get(pk=hold.pk)
        if hold.decision != MissingHold.Decision.OPEN:
            raise HoldDecidedError
        count = absence.release_held(source=hold.source, folder=hold.folder)
        hold.decision, hold.decided_by, hold.decided_at = MissingHold.Decision.GONE, user, timezone.now()
        hold.save()
        record_audit(
            actor=user, action="ingest.hold.gone", obj=hold, before={"decision": "open"}, after={"decision": "gone", "files": count}
        )
    return count


def accept_root(*, source: Source, user: User) -> None:
    """The administrator says that what answers now is the source: the next scan takes its root as the right one.

    Needs `catalog.manage_source`. What was known stays until scans and holds decide over it.
    """
    access.require(user, "catalog.manage_source")
    with transaction.atomic():
        before = source.root_identity
        type(source).objects.filter(pk=source.pk).update(root_identity="")
        source.root_identity = ""
        record_audit(actor=user, action="ingest.root.accept", obj=source, before={"root_identity": before}, after={"root_identity": ""})
