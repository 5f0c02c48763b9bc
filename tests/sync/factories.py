"""Rows of sync for tests, as `tests.factories` makes those of the catalog: every field can be given, and what matching keeps is kept."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

from catalog import text
from sync.choices import Action, Drift, MatchStatus
from sync.matching import folders
from sync.matching.recompute import match_touched
from sync.matching.touches import touch_all
from sync.models import DriftLine, DriftReport, Match, Plan, PlanPart, Target, TargetRow, TargetSource
from sync.services.documents import Planned, pack
from sync.services.history import Actor
from sync.targets.base import FileFields, TargetFile

if TYPE_CHECKING:
    from catalog.models import MediaFile, Source

_numbers = itertools.count(1)


# --- targets ----------------------------------------------------------------------------------------------------------
def make_target(name: str | None = None, *, sources: dict[Source, str] | None = None, **fields: Any) -> Target:
    """A target at which `sources` are published: source -> what paths begin with there."""
    target = Target.objects.create(name=name or f"target {next(_numbers)}", **fields)
    for source, prefix in (sources or {}).items():
        publish(target, source, prefix)
    return target


def publish(target: Target, source: Source, prefix: str = "", **fields: Any) -> TargetSource:
    """Publish the files of `source`; their paths begin with `prefix` ("" or "NAME/")."""
    return TargetSource.objects.create(target=target, source=source, prefix=prefix, **fields)


def make_target_row(target: Target, path: str | None = None, *, file: MediaFile | None = None, **fields: Any) -> TargetRow:
    """A row of the mirror: as it would be if `file` had been synced to `path` (default: where the file is published)."""
    number = next(_numbers)
    path = text.nfc(path or (target_path(target, file) if file else f"OLD/clip {number}.mp4"))
    name = path.rpartition("/")[2]
    extension = text.split_extension(name)[1]
    defaults: dict[str, Any] = {
        "remote_id": str(number),
        "size_bytes": file.size_bytes if file else 1_000_000 + number,
        "extension": extension,
        "is_hls": extension in target.hls_extensions,
        "codec": file.video_codec if file else "h264",
        "width_px": file.width_px if file else 1920,
        "height_px": file.height_px if file else 1080,
        "duration_ms": file.duration_ms if file else 10_000,
        "content_id": str(file.content_id or "") if file else "",
        "is_deleted": False,
        "file": file,
    }
    keys = {"path": path, "path_key": text.path_key(path), "name_key": text.name_key(name)}
    return TargetRow.objects.create(target=target, **(keys | defaults | fields))


def target_path(target: Target, file: MediaFile) -> str:
    """Where a file is published."""
    return text.nfc(f"{TargetSource.objects.get(target=target, source=file.source_id).prefix}{file.path}")


# --- matches ----------------------------------------------------------------------------------------------------------
def make_match(target: Target, file: MediaFile | None = None, row: TargetRow | None = None, **fields: Any) -> Match:
    """A match of a file, of a row, or of both; its status is what that makes it, unless given. Counted in the folders above."""
    statuses = {(True, True): MatchStatus.SYNCED, (True, False): MatchStatus.NEW, (False, True): MatchStatus.DELETED}
    one = file or row
    if one is None:
        raise ValueError("a match is of something")
    path = target_path(target, file) if file else row.path if row else ""
    defaults: dict[str, Any] = {
        "status": statuses[file is not None, row is not None],
        "path": path,
        "path_key": text.path_key(path),
        "name_key": one.name_key,
        "extension": one.extension,
        "size_bytes": one.size_bytes,
        "catalog_id": file.content.series.catalog_id if file and file.content else None,
        "folder": file.folder if file else None,
    }
    match = Match.objects.create(target=target, file=file, row=row, **(defaults | fields))
    if match.folder_id is not None:
        folders.add(target, {match.folder_id: Counter({match.status: 1})})
    return match


def make_synced(target: Target, file: MediaFile, **fields: Any) -> Match:
    """A file with its row."""
    return make_match(target, file, make_target_row(target, file=file), **fields)


def match_all() -> int:
    """Match everything, as the job does; how many matches changed."""
    touch_all()
    return match_touched(by=Actor())


# --- plans, reports ---------------------------------------------------------------------------------------------------
def planned(action: str = Action.INSERT, path: str | None = None, *, before: str | None = None, **fields: Any) -> Planned:
    """An action of a plan: what leads to a row at `path`; `before`: where that row was, unless it is added."""
    path = path or f"WSOP/planned {next(_numbers)}.mp4"
    number, has_row = next(_numbers), action != Action.INSERT

    def packed(path: str, *, is_deleted: bool = False) -> list[Any]:
        return pack(TargetFile("", FileFields(path, 1_000_000, text.split_extension(path)[1], is_hls=True), is_deleted))

    values: dict[str, Any] = {
        "action": str(action),
        "match_id": number,
        "file_id": None if action == Action.DELETE else number,
        "row_id": number if has_row else None,
        "remote_id": str(number) if has_row else "",
        "before": packed(before or path, is_deleted=action == Action.RESTORE) if has_row else None,
        "after": packed(path, is_deleted=action == Action.DELETE),
    }
    return Planned(**(values | fields))


def make_plan(target: Target, parts: list[list[Planned]] | None = None, **fields: Any) -> Plan:
    """A plan with these actions, part by part; what it counts follows from them unless given."""
    parts = parts or []
    actions = [action for part in parts for action in part]
    defaults: dict[str, Any] = {
        "counts": dict(Counter(action.action for action in actions)),
        "total_rows": len(actions),
        "total_parts": len(parts),
    }
    plan = Plan.objects.create(target=target, **(defaults | fields))
    for number, part in enumerate(parts):
        PlanPart.objects.create(plan=plan, number=number, actions=part)
    return plan


def make_report(target: Target, lines: dict[str, str] | None = None, **fields: Any) -> DriftReport:
    """A finished reconciliation; `lines`: path -> sign. Equal paths are only counted, by `equal`."""
    equal = fields.pop("equal", 0)
    lines = lines or {}
    fields.setdefault("counts", dict(Counter(lines.values())) | ({Drift.EQUAL.value: equal} if equal else {}))
    report = DriftReport.objects.create(target=target, **fields)
    DriftLine.objects.bulk_create(DriftLine(report=report, sign=sign, path=path) for path, sign in lines.items())
    return report
