"""What only the pages ask of sync. Access is checked by the views."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import OuterRef, Subquery, Sum

from catalog.models import Catalog, Folder, MediaFile, Source
from ingest.models import Scan, ScanMode
from mam.jobs.models import ACTIVE, Job
from sync.choices import Action, HistoryEvent, PartState
from sync.models import DriftReport, HistoryRow, MatchCell, Plan, PlanPart, TargetSource
from sync.selectors.dashboard import JOB_KEY
from sync.selectors.filters import NO_CATALOG
from sync.selectors.plans import find_part, list_actions
from sync.services.planning import ORDER
from sync.services.syncing import MATCH_JOB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from catalog.selectors.scope import Reader
    from sync.models import Target
    from sync.selectors.filters import MatchFilter
    from sync.selectors.rows import MatchRow
    from sync.services.documents import Planned

_SETTINGS_LOOKED_AT = 50
_PARKED_SHOWN = 10


# --- the dashboard ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SourceLine:
    """A source that is published, or will be, and its last scan of more than single folders."""

    source: Source
    scan: Scan | None


def list_source_lines(target: Target) -> list[SourceLine]:
    """In the order of their names. Two queries."""
    left_out = target.sources.filter(is_included=False).values("source")
    scans = Scan.objects.filter(source=OuterRef("pk")).exclude(mode=ScanMode.FOLDERS).order_by("-pk").values("pk")[:1]
    sources = list(Source.objects.exclude(pk__in=left_out).annotate(last_scan_id=Subquery(scans)).order_by("name"))
    found = Scan.objects.in_bulk([source.last_scan_id for source in sources if source.last_scan_id])
    return [SourceLine(source, found.get(source.last_scan_id)) for source in sources]


def list_active_jobs(target: Target, source_ids: Iterable[int]) -> list[Job]:
    """What is being done, or waits to be, with the target, the matches and the sources: what runs first. One query."""
    keys = [JOB_KEY.format(pk=target.pk), MATCH_JOB, *(f"scan:{pk}" for pk in source_ids)]
    jobs = Job.objects.filter(key__in=keys, state__in=ACTIVE)
    return list(jobs.select_related("requested_by").order_by("-state", "pk"))


def find_last_report(target: Target) -> DriftReport | None:
    """The last reconciliation that has ended."""
    return DriftReport.objects.filter(target=target, finished_at__isnull=False).order_by("-pk").first()


# --- the match table --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the matches of a target can be narrowed by. `statuses`: as many as the other filters (without words) leave of each."""

    statuses: Mapping[str, int]
    catalogs: list[tuple[int, str]]  # by name; NO_CATALOG last
    extensions: list[str]

    @property
    def total(self) -> int:
        """Of all statuses."""
        return sum(self.statuses.values())


def list_narrowing(target: Target, wanted: MatchFilter) -> Narrowing:
    """Two queries: one over the cube, one of names."""
    cells: Any = MatchCell.objects.filter(target_id=target.pk).order_by()
    rows = cells.values_list("status", "catalog_id", "extension").annotate(n=Sum("matches"))
    statuses, catalogs, extensions = Counter[str](), Counter[int](), Counter[str]()
    for status, catalog_id, extension, count in rows:
        catalogs[catalog_id] += count
        extensions[extension] += count
        if wanted.catalog_id in {None, catalog_id} and wanted.extension in {"", extension}:
            statuses[status] += count
    names = _named({pk for pk, count in catalogs.items() if count})
    return Narrowing(statuses, names, sorted(name for name, count in extensions.items() if count and name))


def list_catalogs(target: Target) -> list[tuple[int, str]]:
    """Those that matches of a target are in, by name; NO_CATALOG last, if some are in none. Two queries."""
    cells: Any = MatchCell.objects.filter(target_id=target.pk).order_by()
    return _named({pk for pk, count in cells.values_list("catalog_id").annotate(n=Sum("matches")) if count})


def _named(ids: set[int]) -> list[tuple[int, str]]:
    names = list(Catalog.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name"))
    return [*names, (NO_CATALOG, "")] if NO_CATALOG in ids else names


def folders_above(rows: Iterable[MatchRow]) -> dict[int, list[tuple[str, int | None]]]:
    """The folders of each match's path from the top down, as (name, id of the folder; None where there is none). One query."""
    rows = list(rows)
    lineages = dict(Folder.objects.filter(pk__in={row.folder_id for row in rows if row.folder_id}).values_list("pk", "lineage"))
    found = {}
    for row in rows:
        names = row.path.split("/")[:-1]
        ids: list[int | None] = [int(part) for part in lineages.get(row.folder_id or 0, "").split("/") if part]
        ids = [*ids, row.folder_id] if row.folder_id in lineages else []
        padded = [None] * (len(names) - len(ids)) + ids[len(ids) - len(names) if len(ids) > len(names) else 0 :]
        found[row.id] = list(zip(names, padded, strict=True))
    return found


def places_above(target: Target, folder_id: int) -> list[tuple[str, int | None]]:
    """The places above a folder, from the top down, as (name, id); of a root without a beginning there is none. Three queries."""
    folder = Folder.objects.get(pk=folder_id)
    ids = [int(part) for part in folder.lineage.split("/") if part]
    names = dict(Folder.objects.filter(pk__in=ids, parent__isnull=False).values_list("pk", "name"))
    prefix = target.sources.filter(source=folder.source_id).values_list("prefix", flat=True).first() or ""
    top: list[tuple[str, int | None]] = [(prefix.rstrip("/"), ids[0])] if prefix and ids else []
    return top + [(names[pk], pk) for pk in ids if pk in names]


# --- plans ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ActionPage:
    """Some of a plan's actions, of `total` (of one kind, if that was asked for); `number` of the page, from 1, of `pages`."""

    items: list[Planned]
    total: int
    number: int
    pages: int


def list_plan_actions(*, user: Reader, plan: Plan, number: int, size: int, action: str = "") -> ActionPage:
    """A page of what a plan does, beyond the last one that; `action`: only these, of a plan that is no undo. Three queries."""
    start, total = _range_of(plan, action)
    pages = max(1, -(-total // size))
    number = min(number, pages)
    first = start + (number - 1) * size
    return ActionPage(_read_actions(user, plan, first, min(size, start + total - first)), total, number, pages)


def _range_of(plan: Plan, action: str) -> tuple[int, int]:
    """The place of the first one and how many there are: a plan has its actions kind by kind."""
    if not action:
        return 0, plan.total_rows
    before = ORDER[: ORDER.index(Action(action))]
    return sum(plan.counts.get(one, 0) for one in before), int(plan.counts.get(action, 0))


def _read_actions(user: Reader, plan: Plan, first: int, count: int) -> list[Planned]:
    """Parts are equally long, but for the last one and, in an undo, the first."""
    found: list[Planned] = []
    head = _part_actions(user, plan, 0)
    if first < len(head):
        found, first = head[first : first + count], len(head)
    length = len(_part_actions(user, plan, 1)) if plan.undo_of_id else len(head)
    part, skipped = divmod(first - len(head), length or 1)
    while len(found) < count and part + 1 < plan.total_parts:
        found += _part_actions(user, plan, part + 1)[skipped : skipped + count - len(found)]
        part, skipped = part + 1, 0
    return found


def _part_actions(user: Reader, plan: Plan, number: int) -> list[Planned]:
    part = find_part(user=user, plan=plan, number=number)
    return list_actions(part) if part else []


def list_parked(plan: Plan) -> list[PlanPart]:
    """The first parts of a plan that were put aside."""
    return list(PlanPart.objects.filter(plan=plan, state=PartState.PARKED).order_by("number")[:_PARKED_SHOWN])


def existing_files(file_ids: Iterable[int]) -> set[int]:
    """Those of the files that there still are. One query."""
    return set(MediaFile.objects.filter(pk__in=set(file_ids)).values_list("pk", flat=True))


# --- settings ---------------------------------------------------------------------------------------------------------
def list_published(target: Target) -> list[TargetSource]:
    """The sources that are, or could be, published at a target, in the order of their names."""
    return list(TargetSource.objects.filter(target=target).select_related("source").order_by("source__name", "pk"))


def find_undo_that_stopped_the_schedule(target: Target) -> Plan | None:
    """The undo of a plan since which no sync starts by itself, unless somebody has switched that off since."""
    if target.is_automatic:
        return None
    undo = Plan.objects.filter(target=target, undo_of__isnull=False).order_by("-pk").first()
    if undo is None:
        return None
    changes = HistoryRow.objects.filter(target_id=target.pk, subject=f"target:{target.pk}", event=HistoryEvent.SETTING_CHANGED)
    since = changes.filter(at__gte=undo.created_at).order_by("-pk").values_list("after", flat=True)[:_SETTINGS_LOOKED_AT]
    return None if any("is_automatic" in after for after in since) else undo
