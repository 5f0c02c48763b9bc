"""How both sides stand, in numbers and in a word: sums of the cubes, and what was noted when a target was used last. Nothing is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import connection, connections
from django.db.models import CharField, Max, Q, Sum, Value
from django.db.models.functions import Cast, Concat

from catalog import selectors as library
from catalog.choices import FileKind, SourceState
from catalog.services.known import kind_of
from ingest.models import MissingHold
from mam.accounts.access import require
from mam.jobs.models import ACTIVE, Job, JobState
from mam.lib.prepared import Prepared
from sync.choices import Action, Adapter, MatchReason, MatchStatus, PlanState, TargetState
from sync.models import MatchCell, Plan, Target, TargetSource
from sync.selectors.scope import VIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from catalog.selectors.scope import Reader

JOB_KEY = "sync:{pk}"  # of what works on a target (sync.services.syncing)
_RESULTS = ("added", "updated", "deleted", "restored", "errors")
_SYNCED = (MatchStatus.SYNCED.value, MatchStatus.SYNCED_WITH_DUPLICATES.value)
_REGISTERED = (*_SYNCED, MatchStatus.MOVED.value, MatchStatus.DELETED.value)
_KEYS = ("catalog_id", "extension", "status", "reason", "action")
_CELLS = Prepared(
    lambda ids: MatchCell.objects.filter(target_id__in=ids).order_by().values_list(*_KEYS).annotate(Sum("matches"), Sum("bytes"))
)


_JOBS = Prepared(
    lambda ids: Job.objects.filter(
        key__in=Target.objects.filter(pk__in=ids).values(key=Concat(Value(JOB_KEY.format(pk="")), Cast("pk", CharField()))),
        state__in=ACTIVE,
    ).values_list("pk")
)
_HELD = Prepared(lambda ids: Plan.objects.filter(target__in=ids, state=PlanState.HELD).order_by("-pk").values_list("pk")[:1])
_TROUBLES = Prepared(
    lambda ids: (
        TargetSource.objects.filter(target__in=ids, is_included=True)
        .annotate(held=Sum("source__holds__files", filter=Q(source__holds__decision=MissingHold.Decision.OPEN), default=0))
        .filter(Q(source__state=SourceState.OFFLINE) | Q(held__gt=0))
        .order_by("source__name")
        .values_list("source__name", "source__state", "held")
    )
)


class _Cell(NamedTuple):
    """Matches that are alike in all this: how many, and the bytes of their files. `catalog_id` 0: of no catalog."""

    catalog_id: int
    extension: str
    status: str
    reason: str
    action: str
    matches: int
    bytes: int


class SyncState(StrEnum):
    """What holds of a target, the most pressing first."""

    RUNNING = "running"
    ERROR = "error"
    HELD = "held"
    SOURCE_OFFLINE = "source_offline"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class CatalogCount:
    """How many files a catalog has, and how many of them are on both sides as they are. None: the files of no catalog."""

    catalog_id: int | None
    name: str
    files: int
    synced: int


@dataclass(frozen=True, slots=True)
class FormatCount:
    """How many videos have an extension. `is_hls`: by the target's rules."""

    extension: str
    files: int
    bytes: int
    is_hls: bool


@dataclass(frozen=True, slots=True)
class SourceSide:
    """Files of the published sources that are there. `location`: what their catalog is kept in, without its place on the machine."""

    files: int
    bytes: int
    by_type: Mapping[str, int]  # kind of file -> files
    location: str
    database_bytes: int


@dataclass(frozen=True, slots=True)
class TargetSide:
    """Entries of the target that are not marked as deleted, and files that get none."""

    files: int
    bytes: int
    by_format: Mapping[str, int]
    non_hls: int
    duplicates: int
    growing: int  # still being written
    location: str
    database_bytes: int | None


@dataclass(frozen=True, slots=True)
class SourceTrouble:
    """A published source that cannot be read, or of which files vanished at once that an administrator has to decide about."""

    name: str
    is_offline: bool
    held_files: int


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of it. `waiting`: action -> what the next sync would do; `states`: all that hold, the most pressing first."""

    target: Target
    source_side: SourceSide
    target_side: TargetSide
    by_status: Mapping[str, int]
    waiting: Mapping[str, int]
    catalogs: list[CatalogCount]
    formats: list[FormatCount]
    jobs: list[Job] = field(default_factory=list)  # that work on the target, or will
    held_plan_id: int | None = None
    troubles: list[SourceTrouble] = field(default_factory=list)
    states: tuple[SyncState, ...] = (SyncState.NORMAL,)

    @property
    def state(self) -> SyncState:
        """The most pressing of `states`."""
        return self.states[0]

    @property
    def offline_sources(self) -> list[str]:
        """The names of those of `troubles`."""
        return [one.name for one in self.troubles if one.is_offline]

    @property
    def hls_files(self) -> int:
        """Videos with an extension that the target's rules let in."""
        return sum(one.files for one in self.formats if one.is_hls)

    @property
    def video_files(self) -> int:
        """All videos."""
        return sum(one.files for one in self.formats)

    @property
    def last_result(self) -> dict[str, Any]:
        """What the last sync did: numbers, and the state of its plan ("" before the first)."""
        stored = self.target.last_result
        return {**{name: int(stored.get(name, 0)) for name in _RESULTS}, "state": stored.get("state", "")}


def get_dashboard(*, user: Reader, target: Target) -> Dashboard:
    """How both sides stand. A dozen queries, whatever there is. PermissionDeniedError for who may not see the library."""
    require(user, VIEW)
    cells = _cells(target)
    files = _there(cells)
    jobs = list_target_jobs(target)
    held_plan_id = next((pk for (pk,) in _HELD.rows([target.pk])), None)
    troubles = _troubles(target)
    return Dashboard(
        target=target,
        source_side=_source_side(files),
        target_side=_target_side(target, cells),
        by_status=_sums(cells, "status"),
        waiting={action: count for action, count in _sums(cells, "action").items() if action != Action.NONE},
        catalogs=_catalogs(user, files),
        formats=_formats(target, files),
        jobs=jobs,
        held_plan_id=held_plan_id,
        troubles=troubles,
        states=_states(target, jobs, troubles, has_held_plan=held_plan_id is not None),
    )


def list_target_jobs(target: Target) -> list[Job]:
    """Those that work on the target, then those that will. Mostly there are none."""
    ids = [pk for (pk,) in _JOBS.rows([target.pk])]
    return list(Job.objects.filter(pk__in=ids).select_related("requested_by").order_by("-state", "pk")) if ids else []


def last_sync() -> str | None:
    """When the last sync of any target ended (settings.MAM_HEALTH_FACTS); None before the first."""
    last = Target.objects.aggregate(at=Max("last_sync_at"))["at"]
    return last.isoformat() if last else None


# --- the sides --------------------------------------------------------------------------------------------------------
def _source_side(files: list[_Cell]) -> SourceSide:
    by_type: dict[str, int] = {}
    for cell in files:
        is_video = cell.reason != MatchReason.UNSUPPORTED
        kind = FileKind.VIDEO.value if is_video else kind_of(cell.extension)
        by_type[kind] = by_type.get(kind, 0) + cell.matches
    return SourceSide(sum(by_type.values()), sum(cell.bytes for cell in files), by_type, _location("default"), _database_bytes())


def _target_side(target: Target, cells: list[_Cell]) -> TargetSide:
    there = [cell for cell in cells if cell.status in _REGISTERED and cell.reason != MatchReason.MARKED]
    reasons = _sums((cell for cell in cells if cell.status == MatchStatus.NOT_SYNCED), "reason")
    growing = reasons.pop(MatchReason.GROWING, 0)
    return TargetSide(
        files=sum(cell.matches for cell in there),
        bytes=sum(cell.bytes for cell in there),
        by_format=dict(sorted(_sums(there, "extension").items(), key=lambda one: -one[1])),
        non_hls=sum(reasons.values()),
        duplicates=_sums(cells, "status").get(MatchStatus.DUPLICATE, 0),
        growing=growing,
        location=_location("ott") if target.adapter == Adapter.DATABASE else str(target.options.get("project", "")),
        database_bytes=target.size_bytes,
    )


def _catalogs(user: Reader, files: list[_Cell]) -> list[CatalogCount]:
    """The largest first, the files of no catalog last."""
    counted = _sums(files, "catalog_id")
    synced = _sums((cell for cell in files if cell.status in _SYNCED), "catalog_id")
    names = library.catalog_names(user=user, catalog_ids=[pk for pk in counted if pk])
    found = [CatalogCount(pk or None, names.get(pk, ""), count, synced.get(pk, 0)) for pk, count in counted.items()]
    return sorted(found, key=lambda one: (one.catalog_id is None, -one.files, one.name))


def _formats(target: Target, files: list[_Cell]) -> list[FormatCount]:
    """Of videos, the most frequent first."""
    hls = set(target.hls_extensions)
    sums: dict[str, tuple[int, int]] = {}
    for cell in files:
        if cell.reason != MatchReason.UNSUPPORTED:
            count, size_bytes = sums.get(cell.extension, (0, 0))
            sums[cell.extension] = count + cell.matches, size_bytes + cell.bytes
    found = [FormatCount(extension, count, size_bytes, extension in hls) for extension, (count, size_bytes) in sums.items()]
    return sorted(found, key=lambda one: (-one.files, one.extension))


def _cells(target: Target) -> list[_Cell]:
    """The target's matches and their bytes, by all that the cube tells apart. One query."""
    return [_Cell._make((*keys, int(matches), int(size))) for *keys, matches, size in _CELLS.rows([target.pk]) if matches]


def _there(cells: list[_Cell]) -> list[_Cell]:
    """Those of files that are there."""
    return [cell for cell in cells if cell.status != MatchStatus.DELETED and cell.reason != MatchReason.HELD]


def _sums(cells: Iterable[_Cell], key: str) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for cell in cells:
        value = getattr(cell, key)
        found[value] = found.get(value, 0) + cell.matches
    return found


def _location(alias: str) -> str:
    """The name of a database; of a file its last part."""
    name = str(settings.DATABASES[alias]["NAME"])
    return PurePath(name).name if connections[alias].vendor == "sqlite" else name


def _database_bytes() -> int:
    """How large the main database is."""
    sizes = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    with connection.cursor() as cursor:
        cursor.execute(sizes[connection.vendor])
        return int(cursor.fetchone()[0])


# --- the state --------------------------------------------------------------------------------------------------------
def _troubles(target: Target) -> list[SourceTrouble]:
    """By name. One query."""
    return [SourceTrouble(name, state == SourceState.OFFLINE, int(count)) for name, state, count in _TROUBLES.rows([target.pk])]


def _states(target: Target, jobs: list[Job], troubles: list[SourceTrouble], *, has_held_plan: bool) -> tuple[SyncState, ...]:
    result = target.last_result
    has_failed = result.get("state") in {PlanState.FAILED, PlanState.PARTIAL} or bool(result.get("errors"))
    holding = {
        SyncState.RUNNING: any(job.state == JobState.RUNNING for job in jobs),
        SyncState.ERROR: target.state == TargetState.OFFLINE or has_failed,
        SyncState.HELD: has_held_plan or any(one.held_files for one in troubles),
        SyncState.SOURCE_OFFLINE: any(one.is_offline for one in troubles),
    }
    return tuple(state for state, holds in holding.items() if holds) or (SyncState.NORMAL,)
