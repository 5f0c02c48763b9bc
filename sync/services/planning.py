"""Makes plans: what would have to be done at a target for it to be equal to the archive. Reads the matches; writes nothing there."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from catalog.choices import SourceState
from ingest.models import Scan, ScanMode, ScanState
from mam.lib.bulk import chunks
from sync.choices import Action, HoldReason, PartState, PlanState
from sync.models import Match, Plan, PlanPart, Target, TargetRow
from sync.services.documents import Planned, pack
from sync.services.mirror import as_target_file
from sync.targets.base import FileFields, TargetFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mam.accounts.models import User
    from sync.matching.recompute import Publish
# Rows go away from paths before others come there.
ORDER = (Action.UPDATE, Action.RESTORE, Action.DELETE, Action.INSERT)
_FILE = ("file__video_codec", "file__width_px", "file__height_px", "file__duration_ms", "file__content_id")
_ROWS_AT_ONCE = 5_000
_PARTS_AT_ONCE = 20


def make(*, target: Target, batch_rows: int, user: User | None, publish: Publish) -> Plan | None:
    """A plan of all that is to be done now, held if it has to be; None when there is nothing. The matches are up to date."""
    plan: Plan | None = None
    digest, counts, total_bytes, number = _new_digest(target), Counter[str](), 0, 0
    for parts in chunks(chunks(actions(target), batch_rows), _PARTS_AT_ONCE):
        with publish():
            plan = plan or Plan.objects.create(target=target, state=PlanState.DISCARDED, requested_by=user)
            PlanPart.objects.bulk_create(PlanPart(plan=plan, number=number + place, actions=part) for place, part in enumerate(parts))
        number += len(parts)
        for part in parts:
            _add(digest, part)
            counts.update(one.action for one in part)
            total_bytes += sum(one.after[1] for one in part if one.after and one.action in {Action.INSERT, Action.RESTORE})
    if plan is None:
        return None
    plan.counts, plan.total_rows, plan.total_bytes, plan.total_parts = dict(counts), counts.total(), total_bytes, number
    plan.digest, plan.target_fingerprint = digest.hexdigest(), target.fingerprint
    plan.holds = holds(target, counts)
    plan.state = PlanState.HELD if plan.holds else PlanState.READY
    with publish():
        plan.save()
    return plan


def digest_of_now(target: Target, batch_rows: int) -> str:
    """The digest that a plan would have that is made now."""
    digest = _new_digest(target)
    for part in chunks(actions(target), batch_rows):
        _add(digest, part)
    return str(digest.hexdigest())


def is_what_is_left(plan: Plan) -> bool:
    """Whether what of a plan is not done is all that is to be done now, and so. In any order: what was done has made some of it free."""
    parts = plan.parts.exclude(state=PartState.DONE).order_by("number").iterator(chunk_size=_PARTS_AT_ONCE)
    target = Target.objects.get(pk=plan.target_id)
    return _sum_of(Planned(*one) for part in parts for one in part.actions) == _sum_of(actions(target))


def _sum_of(planned: Iterable[Planned]) -> tuple[int, int]:
    """How many, and the sum of their hashes, which does not depend on their order."""
    count = total = 0
    for one in planned:
        count += 1
        total += int.from_bytes(hashlib.sha256(json.dumps(one).encode()).digest())
    return count, total


def _new_digest(target: Target) -> Any:
    return hashlib.sha256(target.fingerprint.encode())


def _add(digest: Any, part: list[Planned]) -> None:
    digest.update(json.dumps(part, ensure_ascii=True, separators=(",", ":")).encode())


# --- what is to be done -----------------------------------------------------------------------------------------------
def actions(target: Target) -> Iterator[Planned]:
    """All of it, in the order in which it is to be done; read in parts."""
    return chain.from_iterable(_in_order(target) if action is Action.UPDATE else _read(target, action) for action in ORDER)


def _read(target: Target, action: Action) -> Iterator[Planned]:
    found = Match.objects.filter(target=target, action=action).order_by("pk")
    rows = found.values_list("pk", "file_id", "row_id", "path", "size_bytes", "extension", *_FILE).iterator(_ROWS_AT_ONCE)
    for part in chunks(rows, _ROWS_AT_ONCE):
        stored = TargetRow.objects.in_bulk([one[2] for one in part if one[2]])
        for match_id, file_id, row_id, *values in part:
            row = stored.get(row_id) if row_id else None
            if row is None and action is not Action.INSERT:
                continue  # somebody is matching it anew
            before, after = _before_and_after(target, action, row, values)
            yield Planned(action.value, match_id, file_id, row.pk if row else None, row.remote_id if row else "", before, after)


def _before_and_after(target: Target, action: Action, row: TargetRow | None, values: list[Any]) -> tuple[list[Any] | None, list[Any]]:
    before = pack(as_target_file(row)) if row else None
    if action is Action.DELETE:
        return before, [*(before or [])[:-2], True, None]
    path, size_bytes, extension, codec, width_px, height_px, duration_ms, content_id = values
    content = str(content_id) if content_id and target.keeps_works else ""
    is_hls = extension in target.hls_extensions
    return before, pack(TargetFile("", FileFields(path, size_bytes, extension, is_hls, codec, width_px, height_px, duration_ms, content)))


def _in_order(target: Target) -> Iterable[Planned]:
    """Rows whose new path is the old one of another row that moves come after that: a target may want its paths to be unique."""
    leaving = set(Match.objects.filter(target=target, action=Action.UPDATE).values_list("row__path", flat=True).iterator())
    waiting: defaultdict[str, list[Planned]] = defaultdict(list)  # by the path that they leave
    for one in _read(target, Action.UPDATE):
        before, after = (one.before or [""])[0], (one.after or [""])[0]
        if after != before and after in leaving:
            waiting[before].append(one)
        else:
            yield one
    yield from _unwound(waiting)


def _unwound(waiting: dict[str, list[Planned]]) -> Iterator[Planned]:
    """Each after the one at whose path it will be; those of a circle one after the other."""
    while waiting:
        chain_of = [next(iter(waiting))]
        following = (waiting[chain_of[-1]][0].after or [""])[0]
        while following in waiting and following not in chain_of:
            chain_of.append(following)
            following = (waiting[following][0].after or [""])[0]
        for path in reversed(chain_of):
            yield from waiting.pop(path)


# --- the guard --------------------------------------------------------------------------------------------------------
def holds(target: Target, counts: Counter[str]) -> list[dict[str, Any]]:
    """Why a plan with these counts must wait for an administrator: [{code, params}]."""
    return [*_holds_of_deletions(target, counts[Action.DELETE]), *_holds_of_losses(target), *_holds_of_sources(target)]


def _holds_of_deletions(target: Target, count: int) -> Iterator[dict[str, Any]]:
    if not count:
        return
    total = TargetRow.objects.filter(target=target, is_deleted=False).count()
    if target.is_over_share(count, total):
        yield {"code": HoldReason.SHARE, "params": {"limit": target.guard_percent, "count": count, "total": total}}
    if target.is_over_rows(count):
        yield {"code": HoldReason.ROWS, "params": {"limit": target.guard_rows, "count": count}}


def _holds_of_losses(target: Target) -> Iterator[dict[str, Any]]:
    """Another database, or an old copy of it, would be filled with what it lacks."""
    if target.lost_rows:
        yield {"code": HoldReason.TARGET_LOST, "params": {"count": target.lost_rows, "total": target.lost_of}}


def _holds_of_sources(target: Target) -> Iterator[dict[str, Any]]:
    for published in target.sources.filter(is_included=True).select_related("source"):
        source = published.source
        scans = Scan.objects.filter(source=source, finished_at__isnull=False).exclude(mode=ScanMode.FOLDERS).order_by("-pk")
        last = scans.first()
        if source.state == SourceState.OFFLINE:
            yield {"code": HoldReason.SOURCE_OFFLINE, "params": {"source": source.name}}
        elif last is None or last.state != ScanState.DONE or last.unreadable_directories:
            yield {"code": HoldReason.SCAN_INCOMPLETE, "params": {"source": source.name}}
