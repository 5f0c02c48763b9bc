"""Scans as people and programs ask for them: request, run, finish. One scan of a source at a time, by its job's key."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from catalog.choices import Placement, Presence, ProbeState, SourceState
from catalog.models import Folder, MediaFile, Source
from catalog.services import absence, placement
from catalog.services import sources as catalog_sources
from catalog.services.registration import ensure_root
from ingest.errors import RootEmptyError, RootReplacedError, SourceDisabledError
from ingest.models import FolderHint, Scan, ScanMode, ScanPlan, ScanState
from ingest.services import holds
from ingest.services.scanner import Scanner, Target
from mam.accounts import access
from mam.accounts.services import record_audit
from mam.jobs.models import JobPriority, LogLevel
from mam.jobs.services import enqueue
from mam.lib.sources.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mam.accounts.models import User
    from mam.jobs.context import JobContext
    from mam.jobs.models import Job

SCAN_KIND = "ingest.scan"
PROBE_KIND = "ingest.probe"
_RANK = {"": 0, ScanMode.FOLDERS: 1, ScanMode.GATED: 2, ScanMode.FULL: 3}
_NEWS = ("added", "changed", "moved", "absent", "missing", "restored")  # counts of a scan; of one without any nothing has to be kept
_RESUME_WITHIN = timedelta(hours=12)  # what an older scan has seen is too old to count as seen
_SECOND_LOOK_S = 2.0  # after an absence; two listings must agree before a file is missing


def request_scan(*, source: Source, mode: str = ScanMode.GATED, user: User | None, priority: int = JobPriority.NORMAL) -> Job:
    """Ask for a scan; the waiting job of the source is shared and does the most that was asked for.

    `user` needs `ingest.scan_source` (None: the system itself). Raises SourceDisabledError.
    """
    if user is not None:
        access.require(user, "ingest.scan_source")
    if not source.is_enabled:
        raise SourceDisabledError(source=source.name)
    with transaction.atomic():
        plan, _made = ScanPlan.objects.select_for_update().get_or_create(source=source)
        if _RANK[mode] > _RANK[plan.wanted_mode]:
            plan.wanted_mode = mode
            plan.save(update_fields=["wanted_mode"])
        job = enqueue(
            kind=SCAN_KIND,
            key=f"scan:{source.pk}",
            params={"source_id": source.pk},
            subject=source.name,
            subject_url=reverse("catalog:source_list"),
            priority=priority,
            user=user,
        )
        if user is not None:
            record_audit(actor=user, action="ingest.scan.request", obj=source, before={}, after={"mode": mode, "job": job.pk})
    return job


def hint_folders(*, source: Source, paths: Iterable[str], delay_s: float = 0) -> None:
    """Have folders looked at soon: the last word on a folder says when. A hint never changes a file's row by itself."""
    _write_hints(source, dict.fromkeys(paths, delay_s))


def request_probe_of_pending(*, source: Source, priority: int = JobPriority.NORMAL) -> Job | None:
    """Enqueue the analysis of what waits for it on `source`; None where nothing does."""
    waits = MediaFile.objects.filter(source=source, probe_state=ProbeState.PENDING, presence=Presence.PRESENT)
    if not waits.exists():
        return None
    return enqueue(
        kind=PROBE_KIND,
        key=f"probe:{source.pk}",
        params={"source_id": source.pk},
        subject=source.name,
        subject_url=reverse("catalog:source_list"),
        priority=priority,
    )


def run_scan(*, source: Source, ctx: JobContext) -> dict[str, Any]:
    """Do what the source's plan asks for, going on with an interrupted scan. Runs inside the job with the source's key.

    Raises SourceError when the source cannot be reached (transient: the job is retried and the scan goes on), RootEmptyError and
    RootReplacedError when what answers is not the source; no file row is changed then.
    """
    with ctx.publish():  # one with the plan: a kill in between would forget what was asked for
        scan, is_resumed = _open_scan(source, _take_plan(source), ctx)
    if is_resumed:
        _place_again(source)
    try:
        root = ensure_root(source=source)
        fs = catalog_sources.open_file_system(source)
        scanner = Scanner(scan=scan, source=source, fs=fs, root=root, ctx=ctx)
        scanner.check_root()
        request_probe_of_pending(source=source)
        hints = _due_hints(source)
        scanner.walk(_hinted_targets(source, scanner, hints) if scan.mode == ScanMode.FOLDERS else None)
    except SourceError as error:
        _failed(scan, error, SourceState.OFFLINE)
        raise
    except (RootEmptyError, RootReplacedError) as error:
        _failed(scan, error, SourceState.DEGRADED)
        raise
    if scan.mode == ScanMode.FOLDERS or (scan.mode == ScanMode.FULL and not is_resumed):
        # A scan for changes may have skipped the folder, a resumed one may have listed it before the hint: a look at it follows.
        _forget_hints(hints)
    return _finish(scan, scanner, ctx)


def _take_plan(source: Source) -> str:
    with transaction.atomic():
        plan, _made = ScanPlan.objects.select_for_update().get_or_create(source=source)
        mode, plan.wanted_mode = plan.wanted_mode, ""
        plan.last_attempt_at = timezone.now()  # however this one ends, even by a bug: the clock does not begin it again at once
        plan.save(update_fields=["wanted_mode", "last_attempt_at"])
    return mode or ScanMode.FOLDERS


def _note_attempt(source: Source) -> None:
    ScanPlan.objects.filter(source=source).update(last_attempt_at=timezone.now())


def _open_scan(source: Source, mode: str, ctx: JobContext) -> tuple[Scan, bool]:
    """The interrupted scan (and True) where it does at least what is asked, else a new one. A first scan is a full one."""
    unfinished = (
        Scan.objects.filter(source=source, state=ScanState.RUNNING, started_at__gte=timezone.now() - _RESUME_WITHIN).order_by("-pk").first()
    )
    if unfinished is not None and _RANK[unfinished.mode] >= _RANK[mode]:
        scan = unfinished
        ctx.log("scan_resumed", source=source.name, files=scan.files)
    else:
        Scan.objects.filter(source=source, state=ScanState.RUNNING).update(state=ScanState.FAILED, finished_at=timezone.now())
        if mode == ScanMode.GATED and source.last_scan_at is None:
            mode = ScanMode.FULL
        scan = Scan(source=source, mode=mode)
        ctx.log(f"scan_started_{mode}", ctx.level, source=source.name)
    scan.job_id = ctx.job_id
    scan.save()
    return scan, scan is unfinished


def _due_hints(source: Source) -> list[FolderHint]:
    return list(FolderHint.objects.filter(source=source, due_at__lte=timezone.now())[:5_000])


def _forget_hints(hints: list[FolderHint]) -> None:
    """Delete the rows that nobody renewed since they were read."""
    read = {hint.pk: hint.due_at for hint in hints}
    with transaction.atomic():
        # A row that is locked is being renewed at this moment.
        present = FolderHint.objects.select_for_update(skip_locked=True).in_bulk(read)
        FolderHint.objects.filter(pk__in=[pk for pk, hint in present.items() if hint.due_at == read[pk]]).delete()


def _write_hints(source: Source, delays: Mapping[str, float]) -> None:
    """One row a folder: path -> seconds until it is due. Always in the order of the digests, so that two writers do not deadlock."""
    now = timezone.now()
    hints = [
        FolderHint(source=source, path=path, path_digest=hashlib.sha256(path.encode()).hexdigest(), due_at=now + timedelta(seconds=delay_s))
        for path, delay_s in delays.items()
    ]
    FolderHint.objects.bulk_create(
        sorted(hints, key=lambda hint: hint.path_digest),
        update_conflicts=True,
        unique_fields=["source", "path_digest"],
        update_fields=["due_at"],
    )


def _hinted_targets(source: Source, scanner: Scanner, hints: list[FolderHint]) -> list[Target]:
    """The nearest known folder at or above each hinted path."""
    wanted: set[str] = set()
    for hint in hints:
        parts = hint.path.split("/") if hint.path else []
        wanted.update("/".join(parts[:length]) for length in range(len(parts) + 1))
    known = {folder.path: folder for folder in _folders_at(source, wanted)}
    targets: dict[int, Target] = {}
    for hint in hints:
        path = hint.path
        while path and path not in known:
            path = path.rpartition("/")[0]
        folder = known.get(path, scanner.root)
        targets[folder.pk] = scanner.target(folder)
    return list(targets.values())


def _folders_at(source: Source, paths: set[str]) -> Iterable[Folder]:
    """Present folders by path, level by level along (parent, name): paths are too long to index."""
    level = list(Folder.objects.filter(source=source, parent=None))
    while level:
        yield from level
        names = {path.rpartition("/")[2] for path in paths if path.rpartition("/")[0] in {folder.path for folder in level}}
        children = Folder.objects.filter(parent__in=level, name__in=names, is_missing=False) if names else []
        level = [folder for folder in children if folder.path in paths]


def _failed(scan: Scan, error: SourceError | RootEmptyError | RootReplacedError, state: SourceState) -> None:
    """Keep a scan that may go on; end one that may not. The source says why."""
    if error.is_permanent:
        scan.state = ScanState.REFUSED if state == SourceState.DEGRADED else ScanState.FAILED
        scan.finished_at = timezone.now()
    scan.error_code, scan.error_params = error.code, error.params
    scan.save()
    catalog_sources.set_state(source_id=scan.source_id, state=state, code=error.code, params=error.params)
    _note_attempt(scan.source)


def _finish(scan: Scan, scanner: Scanner, ctx: JobContext) -> dict[str, Any]:
    source = scan.source
    with ctx.publish():
        rejoined = absence.rejoin_moved(source=source, since=scan.started_at)
        scan.moved += len(rejoined)
        confirmed = absence.confirm(source=source, since=scan.started_at)
        scan.missing = confirmed.missing
        scan.state, scan.finished_at = ScanState.DONE, timezone.now()
        scan.error_code, scan.error_params = "", {}
        scan.save()
        _note_attempt(source)
        for held in confirmed.held:
            holds.open_hold(scan=scan, held=held)
            where = held.folder.path if held.folder else source.name
            ctx.log("scan_files_held", LogLevel.WARNING, files=len(held.file_ids), where=where)
        for came_back in holds.close_returned(source=source):
            ctx.log("files_came_back", files=came_back.files)
        _stamp_source(source, scan)
        _plan_second_looks(source, scanner)
        has_news = any(getattr(scan, name) for name in _NEWS)
        if not has_news:
            ctx.note_nothing_new()
        ctx.log("scan_done", LogLevel.INFO if has_news else ctx.level, **_numbers(scan))
    placement.place_files(file_ids=rejoined)
    request_probe_of_pending(source=source)
    ctx.progress(scan.files, scan.files, unit="files")
    return _numbers(scan)


def _place_again(source: Source) -> None:
    """After a scan was killed: what it registered, or moved, it may not have placed. Files that are in their place cost little."""
    by_rule = MediaFile.objects.filter(source=source, placement=Placement.RULE).exclude(presence=Presence.MISSING)
    placement.place_files(file_ids=by_rule.values_list("pk", flat=True).iterator())


def _numbers(scan: Scan) -> dict[str, int]:
    names = ("files", "directories", "skipped_directories", "added", "changed", "moved", "missing", "restored", "unreadable_directories")
    return {name: getattr(scan, name) for name in names}


def _stamp_source(source: Source, scan: Scan) -> None:
    finished = {"last_scan_at": scan.finished_at} if scan.mode != ScanMode.FOLDERS else {}
    if scan.mode == ScanMode.FULL:
        finished["last_full_scan_at"] = scan.finished_at
    if finished:
        Source.objects.filter(pk=source.pk).update(**finished)
    unreadable = Folder.objects.filter(source=source, is_missing=False).exclude(list_error="").count()
    if unreadable:
        catalog_sources.set_state(
            source_id=source.pk, state=SourceState.DEGRADED, code="unreadable_folders", params={"folders": unreadable}
        )
    else:
        catalog_sources.set_state(source_id=source.pk, state=SourceState.ONLINE)


def _plan_second_looks(source: Source, scanner: Scanner) -> None:
    delays = dict.fromkeys(scanner.growing_folder_ids, float(settings.MAM_SETTLE_S)) | dict.fromkeys(
        scanner.absent_folder_ids, _SECOND_LOOK_S
    )
    paths = Folder.objects.filter(pk__in=delays).values_list("path", "pk")
    _write_hints(source, {path: delays[pk] for path, pk in paths})


def enqueue_due(now: datetime) -> list[Job]:
    """What the clock finds to do: nightly full scans, polls, due hints. Sources that are switched off are left alone."""
    jobs = []
    hinted = set(FolderHint.objects.filter(due_at__lte=now).values_list("source_id", flat=True).distinct())
    for source in Source.objects.filter(is_enabled=True).select_related("scan_plan"):
        mode = _due_mode(source, now, has_hints=source.pk in hinted)
        if mode is not None:
            jobs.append(request_scan(source=source, mode=mode, user=None))
    return jobs


def _due_mode(source: Source, now: datetime, *, has_hints: bool) -> str | None:
    plan: ScanPlan | None = getattr(source, "scan_plan", None)
    attempted_at = plan.last_attempt_at if plan else None
    if attempted_at is None:
        return ScanMode.FULL
    is_poll_due = (now - attempted_at).total_seconds() >= source.poll_interval_s
    local = timezone.localtime(now)
    is_night = local.hour == settings.MAM_FULL_SCAN_HOUR
    full_at = source.last_full_scan_at
    if is_poll_due and (full_at is None or (is_night and now - full_at > timedelta(hours=12)) or now - full_at > timedelta(hours=36)):
        return ScanMode.FULL
    if is_poll_due:
        return ScanMode.GATED
    is_calm = (now - attempted_at).total_seconds() >= 1  # a stream of hints becomes one look a second
    return ScanMode.FOLDERS if has_hints and is_calm else None


def purge_scans(*, older_than: datetime) -> int:
    """Forget scans that changed nothing and ended before `older_than`; returns how many."""
    dull = Scan.objects.filter(finished_at__lt=older_than, **dict.fromkeys(_NEWS, 0))
    return dull.delete()[0]
