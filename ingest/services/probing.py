"""Analysing the files that wait for it: read through the source, looked at by isolated workers, stored in batches.

Threads wait for the network; the database is touched by the calling thread only. What is wrong with a file becomes its state;
what is wrong with the source ends the run and leaves the files waiting.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from catalog.choices import Presence, ProbeReason, ProbeState
from catalog.models import MediaFile, Source
from catalog.services import technical
from catalog.services.file_systems import open_file_system
from catalog.services.technical import FileVersion, Finding
from ingest.errors import SourceUnknownError
from ingest.models import ProbeResult
from ingest.services import scans
from mam.accounts import access
from mam.accounts.services import record_audit
from mam.jobs.models import Job, JobPriority, JobState
from mam.lib.media import LocalFile, ProbeOutcome, Reason, shared_workers
from mam.lib.sources.errors import AccessDeniedError, ChangedError, NotFoundError, SourceError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mam.accounts.models import User
    from mam.jobs.context import JobContext
    from mam.lib.media import MediaWorkers
    from mam.lib.sources import SourceFileSystem

PARALLELISM = 8
BATCH_FILES = 64
# How often one version of a file may end like this before it is left alone until it changes.
ATTEMPTS = {Reason.CRASHED: 2, Reason.TIMEOUT: 2}
_MOST_LEFT = 2_000  # files not as the catalog says: a scan has to come first
_GIVE_WAY_S = 20.0  # a run this long lets other waiting work of its queue go first
_RESULT_FIELDS = ["version", "raw", "stage", "bytes_read", "requests", "elapsed_ms", "crashes", "failures", "detail", "probed_at"]


@dataclass(frozen=True, slots=True)
class Target:
    """A file that waits for analysis."""

    version: FileVersion
    path: str  # on its source
    name: str


@dataclass(frozen=True, slots=True)
class Look:
    """What happened to one target: an outcome, or None where the file is not what the catalog says: the scanner's business."""

    target: Target
    outcome: ProbeOutcome | None


@dataclass(slots=True)
class Tally:
    """Numbers of a run."""

    done: int = 0
    failed: int = 0
    left: set[int] = field(default_factory=set)  # ids not to be tried again in this run
    is_complete: bool = True  # False: gave way to other work

    def as_result(self) -> dict[str, Any]:
        return {"done": self.done, "failed": self.failed, "left": len(self.left), "is_complete": self.is_complete}


def request_probe(*, file: MediaFile, user: User | None) -> None:
    """Have `file` analysed again now, whatever came of it before. `user` needs `ingest.probe_file` (None: the system itself)."""
    if user is not None:
        access.require(user, "ingest.probe_file")
    with transaction.atomic():
        before, after = technical.queue_probe(file=file)
        ProbeResult.objects.filter(file=file).update(crashes=0, failures=0)
        record_audit(actor=user, action="ingest.file.probe", obj=file, before=before, after=after)
        scans.request_probe_of_pending(source=file.source, priority=JobPriority.HIGH)


def run_pending(
    *, source: Source, fs: SourceFileSystem, ctx: JobContext | None = None, workers: MediaWorkers | None = None
) -> dict[str, Any]:
    """Analyse what waits on `source`, most urgent first, until nothing does or other work of the queue waits: then a job follows.

    Raises SourceError when the source does not answer as it should: what was found until then is stored, the rest waits.
    """
    started = time.monotonic()
    tally = Tally()
    total = _waiting(source).count()
    if ctx and total:
        ctx.log("probe_started", source=source.name, files=total)
    with ThreadPoolExecutor(PARALLELISM, thread_name_prefix="probe") as threads:
        while targets := next_targets(source=source, leave=tally.left, limit=BATCH_FILES):
            _run_batch(targets, fs, workers or shared_workers(), threads, ctx, tally)
            if ctx:
                finished = tally.done + tally.failed
                ctx.progress(finished, max(total, finished), unit="files", note=targets[-1].path)
                if time.monotonic() - started > _GIVE_WAY_S and _others_wait(ctx):
                    tally.is_complete = False
                    scans.request_probe_of_pending(source=source)
                    break
            if len(tally.left) > _MOST_LEFT:  # the next scan asks for the rest
                tally.is_complete = False
                break
    if ctx and total:
        ctx.log("probe_done", done=tally.done, failed=tally.failed)
    return tally.as_result()


def next_targets(*, source: Source, leave: set[int], limit: int) -> list[Target]:
    """The most urgent files that wait, except those in `leave`. Growing files are not among them."""
    rows = _waiting(source).exclude(pk__in=leave).order_by("probe_priority", "pk")
    columns = rows.values_list("pk", "version", "size_bytes", "mtime_ns", "folder__path", "name")
    return [
        Target(FileVersion(pk, version, size_bytes, mtime_ns), f"{folder}/{name}" if folder else name, name)
        for pk, version, size_bytes, mtime_ns, folder, name in columns[:limit]
    ]


def _waiting(source: Source) -> Any:
    return MediaFile.objects.filter(source=source, probe_state=ProbeState.PENDING, presence=Presence.PRESENT)


def _others_wait(ctx: JobContext) -> bool:
    """Some other job of this one's queue could run now. One of the same key could not: it follows this one."""
    mine = Job.objects.filter(pk=ctx.job_id)
    due = Job.objects.filter(queue__in=mine.values("queue"), state=JobState.QUEUED, not_before__lte=timezone.now())
    return due.exclude(key__in=mine.values("key")).exists()


def _run_batch(
    targets: Sequence[Target],
    fs: SourceFileSystem,
    workers: MediaWorkers,
    threads: ThreadPoolExecutor,
    ctx: JobContext | None,
    tally: Tally,
) -> None:
    looks, trouble = look_at(targets=targets, fs=fs, workers=workers, threads=threads, stop=ctx.cancelled if ctx else None)
    if ctx:
        ctx.check()
    with _publishing(ctx):
        stored = store(looks=looks)
    for target in targets:
        state = stored.get(target.version.file_id)
        tally.done += state == ProbeState.DONE
        tally.failed += state == ProbeState.FAILED
        if state is None:
            tally.left.add(target.version.file_id)
    if trouble is not None:
        raise trouble


@contextmanager
def _publishing(ctx: JobContext | None) -> Iterator[None]:
    """One transaction; a job's only while the job is still ours."""
    with ctx.publish() if ctx else transaction.atomic():
        yield


def probe_path(path: str) -> ProbeOutcome:
    """Look at one file here and now, store nothing: a local path, or "SOURCE:path/in/source".

    Raises SourceUnknownError, SourceError, and OSError for a local file.
    """
    local = Path(path)
    name, colon, inside = path.partition(":")
    if local.exists() or not colon:
        with LocalFile(local) as file:
            return shared_workers().probe(file, name=local.name)
    source = Source.objects.filter(name=name).first()
    if source is None:
        raise SourceUnknownError(source=name)
    with open_file_system(source).open(inside.strip("/")) as reader:
        return shared_workers().probe(reader, name=inside)


# --- looking: threads, no database ------------------------------------------------------------------------------------
def look_at(
    *,
    targets: Sequence[Target],
    fs: SourceFileSystem,
    workers: MediaWorkers,
    threads: ThreadPoolExecutor,
    stop: threading.Event | None = None,
) -> tuple[list[Look], SourceError | None]:
    """Look at all targets, and what made the source useless half-way, if anything did: the rest was not looked at then."""
    halt = threading.Event()
    troubles: list[SourceError] = []

    def look(target: Target) -> Look | None:
        if halt.is_set() or (stop is not None and stop.is_set()):
            return None
        try:
            return _look(target, fs, workers)
        except SourceError as error:
            halt.set()
            troubles.append(error)
            return None

    looks = [found for found in threads.map(look, targets) if found is not None]
    return looks, troubles[0] if troubles else None


def _look(target: Target, fs: SourceFileSystem, workers: MediaWorkers) -> Look:
    """Raises SourceError if the source, not the file, is the trouble."""
    try:
        with fs.open(target.path) as reader:
            if (reader.entry.size_bytes, reader.entry.mtime_ns) != (target.version.size_bytes, target.version.mtime_ns):
                return Look(target, None)
            return Look(target, workers.probe(reader, name=target.name))
    except (NotFoundError, ChangedError):
        return Look(target, None)
    except (AccessDeniedError, UnsupportedError) as error:
        return Look(target, ProbeOutcome(ok=False, reason=Reason.UNREADABLE, detail=str(error)))


# --- storing: one transaction ------------------------------------------------------------------------------------------
@transaction.atomic
def store(*, looks: Sequence[Look]) -> dict[int, ProbeState]:
    """Store outcomes with what they cost, and start what follows an analysis; return the new state by id of those that counted.

    A crash or a time-out is no state at once: the file waits for another try (`ATTEMPTS`), behind all others.
    """
    results = _results([look for look in looks if look.outcome is not None])
    again = [result for result in results if result.is_tried_again]
    final = [result for result in results if not result.is_tried_again]
    stored = technical.store_descriptions(findings=[result.finding for result in final])
    postponed = technical.postpone_probes(versions=[result.look.target.version for result in again])
    technical.postpone_probes(versions=[look.target.version for look in looks if look.outcome is None])  # the scanner will know
    kept = [result.row for result in results if result.row.file_id in stored | postponed]
    ProbeResult.objects.bulk_create(kept, update_conflicts=True, unique_fields=["file"], update_fields=_RESULT_FIELDS)
    states = {result.row.file_id: result.state for result in results if result.row.file_id in stored | postponed}
    run_steps(file_ids=sorted(pk for pk, state in states.items() if state == ProbeState.DONE))
    return states


def run_steps(*, file_ids: Sequence[int]) -> None:
    """Call every function of `settings.MAM_INGEST_STEPS` with the files that were understood. They enqueue, nothing slow."""
    if file_ids:
        for step in settings.MAM_INGEST_STEPS:
            import_string(step)(file_ids)


@dataclass(frozen=True, slots=True)
class _Result:
    look: Look
    outcome: ProbeOutcome
    row: ProbeResult

    @property
    def is_tried_again(self) -> bool:
        if self.outcome.reason not in ATTEMPTS:
            return False
        attempts = self.row.crashes if self.outcome.reason is Reason.CRASHED else self.row.failures
        return not self.outcome.ok and attempts < ATTEMPTS[self.outcome.reason]

    @property
    def state(self) -> ProbeState:
        if self.is_tried_again:
            return ProbeState.PENDING
        return ProbeState.DONE if self.outcome.ok else ProbeState.FAILED

    @property
    def finding(self) -> Finding:
        reason = ProbeReason(self.outcome.reason) if self.outcome.reason else None
        return Finding(self.look.target.version, self.outcome.description, reason, self.outcome.sample_hash)


def _results(looks: Sequence[Look]) -> list[_Result]:
    """With rows that count the crashes and failures of the same version."""
    before = ProbeResult.objects.in_bulk([look.target.version.file_id for look in looks])
    now = timezone.now()
    results = []
    for look in looks:
        outcome, version = look.outcome, look.target.version
        if outcome is None:
            continue
        old = before.get(version.file_id)
        crashes, failures = (old.crashes, old.failures) if old and old.version == version.version else (0, 0)
        row = ProbeResult(
            file_id=version.file_id,
            version=version.version,
            raw=outcome.raw,
            stage=outcome.stage,
            bytes_read=outcome.bytes_read,
            requests=outcome.requests,
            elapsed_ms=outcome.elapsed_ms,
            crashes=crashes + (outcome.reason is Reason.CRASHED),
            failures=failures + (outcome.reason not in (None, Reason.CRASHED)),
            detail=outcome.detail,
            probed_at=now,
        )
        results.append(_Result(look, outcome, row))
    return results
