"""The walk over a source: lists directories in parallel, registers them in batches, and goes on after any interruption.

The checkpoint is `Folder.listed_at`, written in the transaction that registers the folder's entries: a folder listed since the scan
began is done. A walk killed anywhere therefore goes on with the folders that are not, and ends with the same catalog.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from catalog.choices import Presence
from catalog.models import Folder, MediaFile
from catalog.services import moves, placement
from catalog.services.registration import Listing, Registered, register_listings
from ingest.errors import RootEmptyError, RootReplacedError
from ingest.globs import Globs
from ingest.models import Scan, ScanMode
from mam.jobs.models import LogLevel
from mam.lib.bulk import chunks
from mam.lib.collector import few_collections
from mam.lib.sources.errors import AccessDeniedError, NotFoundError, SourceError, SuspectListingError, TransientError, UnsupportedError
from mam.lib.sources.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from catalog.models import Source
    from mam.jobs.context import JobContext
    from mam.lib.sources import Entry, SourceFileSystem

BATCH_ENTRIES = 10_000
BATCH_S = 1.0  # what was listed is registered within this time, however little it is
ASKED_AT_ONCE = 8  # directories a thread asks for together: over a network in the time of one
VERIFY_PERIOD_S = 24 * 3600  # an unchanged directory is listed anyway once in so long
MTIME_DOUBT = timedelta(seconds=2)  # a directory that changed so shortly before it was listed may have changed again unseen
CHANGED_LATELY = timedelta(hours=24)  # files in it may still be rewritten in place, which no directory mtime tells
A_DIRECTORY = 50  # entries that take a server as long as opening and closing a directory
FAILURES_IN_A_ROW = 4  # then the source is gone, not a directory


@dataclass(frozen=True, slots=True)
class Target:
    """A folder to list: its directory mtime as its parent's listing (or a stat) gave it.

    `loop_ids`: file ids of itself and the folders above. smbd resolves symbolic links by itself and shows them as folders; one that
    leads to a folder above would be walked for ever. `is_new`: never listed before.
    """

    folder_id: int
    path: str
    mtime_ns: int
    loop_ids: frozenset[int]
    is_new: bool


Answer = Listing | SourceError  # of one directory


class _Ready:
    """Listings that wait to be registered together: a transaction costs the same for few as for many."""

    def __init__(self) -> None:
        self.listings: list[Listing] = []
        self._entries = 0
        self._since_s = 0.0

    @property
    def is_due(self) -> bool:
        """Many, or not the newest any more: a slow source is to be seen growing, and a killed scan to go on from near its end."""
        return self._entries >= BATCH_ENTRIES or (bool(self.listings) and time.monotonic() - self._since_s >= BATCH_S)

    def add(self, listing: Listing) -> None:
        if not self.listings:
            self._since_s = time.monotonic()
        self.listings.append(listing)
        self._entries += len(listing.entries)

    def take(self) -> list[Listing]:
        """All of them; none is left."""
        taken, self.listings, self._entries = self.listings, [], 0
        return taken


class Scanner:
    """One run of one scan, possibly the continuation of a killed one. Writes through `catalog.services` and to its Scan row."""

    def __init__(self, *, scan: Scan, source: Source, fs: SourceFileSystem, root: Folder, ctx: JobContext) -> None:
        self.scan = scan
        self.source = source
        self.fs = fs
        self.root = root
        self.ctx = ctx
        self.settle = timedelta(seconds=settings.MAM_SETTLE_S)
        self.globs = Globs(include=source.include_globs, exclude=source.exclude_globs)
        self.frontier: deque[Target] = deque()
        self.retry: list[Target] = []
        self.growing_folder_ids: set[int] = set()
        self.absent_folder_ids: set[int] = set()
        self.known_total = root.total_files or None
        self.failures_in_a_row = 0
        self.file_ids: dict[int, int | None] = dict(Folder.objects.filter(source=source).values_list("pk", "file_id"))
        self.verify_left = self._verify_budget()
        self.entries_per_directory = float(A_DIRECTORY)  # of late
        self.pace = Pace(source.parallelism)
        self.is_slowed = False  # as the log says
        self.placer = placement.load_placer(self.source)

    # --- the root ---------------------------------------------------------------------------------------------------
    def check_root(self) -> None:
        """Make sure that what answers is the source. Raises RootEmptyError, RootReplacedError or a SourceError; changes no file row."""
        health = self.fs.health()
        names = {entry.name for entry in self.fs.list_directory("") if self.globs.wants("", entry)}
        known = set(Folder.objects.filter(parent=self.root, is_missing=False).values_list("name", flat=True))
        known.update(MediaFile.objects.filter(folder=self.root, presence=Presence.PRESENT).values_list("name", flat=True)[:1000])
        if not names and self.root.total_files:
            raise RootEmptyError(source=self.source.name, files=self.root.total_files)
        is_other = self.source.root_identity not in ("", health.root_identity)
        if is_other and known and 2 * len(known & names) < len(known):
            raise RootReplacedError(source=self.source.name)
        if self.source.root_identity != health.root_identity:
            self.source.root_identity = health.root_identity
            type(self.source).objects.filter(pk=self.source.pk).update(root_identity=health.root_identity)
        seen = self.fs.stat("")
        self.root.mtime_ns, self.root.file_id = seen.mtime_ns, seen.file_id

    # --- the walk ---------------------------------------------------------------------------------------------------
    def walk(self, targets: Iterable[Target] | None = None) -> None:
        """List `targets` and everything wanted below them (default: what is left of the whole source), and register it.

        Raises SourceError when the source cannot be reached; what was registered until then stays registered.
        """
        self.frontier.extend(self._initial_targets() if targets is None else targets)
        with few_collections(), ThreadPoolExecutor(self.source.parallelism, thread_name_prefix="list") as pool:
            self._drain(pool)
            self.frontier.extend(self.retry)
            self._drain(pool, is_last_try=True)

    def _drain(self, pool: ThreadPoolExecutor, *, is_last_try: bool = False) -> None:
        running: dict[Future[list[Answer]], list[Target]] = {}
        ready = _Ready()
        try:
            while self.frontier or running or ready.listings:
                self.ctx.check()
                while self.frontier and len(running) < self._most_under_way():
                    targets = self._take_targets(1 if is_last_try else ASKED_AT_ONCE)
                    running[pool.submit(self._list, targets)] = targets
                self._collect(running, ready, is_last_try=is_last_try)
                self._tell_pace()
                # With nothing left to ask for, what is ready has to name more.
                if ready.is_due or (not self.frontier and len(running) < self.source.parallelism):
                    self._register(ready.take())
        except SourceError:
            self._register(ready.take())  # what it gave before it went
            raise
        finally:
            for future in running:
                future.cancel()

    def _most_under_way(self) -> int:
        """Batches of directories handed to the threads: enough for them to list all the time that a batch is registered.

        With no more than the next batch they are done early: its first statements wait for the interpreter, which the threads hold, and
        during the long ones, which leave it free, nothing would be left to list.
        """
        ahead = int(2 * BATCH_ENTRIES / (self.entries_per_directory * ASKED_AT_ONCE))
        least = self.source.parallelism + 1
        return max(least, min(ahead, 8 * least))

    def _tell_pace(self) -> None:
        if self.pace.is_slowed != self.is_slowed:
            self.is_slowed = self.pace.is_slowed
            self.ctx.log("scan_slowed" if self.is_slowed else "scan_full_speed", source=self.source.name)

    def _take_targets(self, most: int) -> list[Target]:
        """The last few of the frontier, so that the walk goes deep before wide; fewer when other threads would have none."""
        count = max(1, min(most, len(self.frontier) // self.source.parallelism))
        return [self.frontier.pop() for _ in range(count)]

    def _list(self, targets: Sequence[Target]) -> list[Answer]:
        """In a thread: no database here."""
        with self.pace.turn() as turn:
            listed_at = timezone.now()
            listings = self.fs.list_directories([target.path for target in targets])
            turn.units = len(targets) * A_DIRECTORY + sum(len(found) for found in listings if not isinstance(found, SourceError))
        answers: list[Answer] = []
        for target, found in zip(targets, listings, strict=True):
            if isinstance(found, SourceError):
                answers.append(found)
            else:
                entries = self._wanted_entries(target, found)
                files = [entry.name for entry in entries if not entry.is_dir] if target.is_new else []
                foreseen = self.placer.foresee(target.path, files) if files else None
                answers.append(Listing(target.folder_id, entries, target.mtime_ns, listed_at, foreseen))
        return answers

    def _wanted_entries(self, target: Target, entries: list[Entry]) -> list[Entry]:
        wants, path, loop_ids = self.globs.wants, target.path, target.loop_ids
        return [entry for entry in entries if wants(path, entry) and not (entry.is_dir and entry.file_id in loop_ids)]

    def _collect(self, running: dict[Future[list[Answer]], list[Target]], ready: _Ready, *, is_last_try: bool) -> None:
        """Take what has been listed: at least one future is waited for, a second at most, and a batch does not become much too large."""
        done, _waiting = wait(running, timeout=1, return_when=FIRST_COMPLETED)
        for future in done:
            targets = running.pop(future)
            try:
                answers = future.result()
            except (TransientError, SuspectListingError) as error:
                self._failed_together(targets, error, is_last_try=is_last_try)
                continue
            self.failures_in_a_row = 0
            for target, answer in zip(targets, answers, strict=True):
                if isinstance(answer, Listing):
                    ready.add(answer)
                    self.entries_per_directory += 0.02 * (len(answer.entries) - self.entries_per_directory)
                else:
                    self._not_listed(target, answer)
            if ready.is_due:
                break

    def _failed_together(self, targets: list[Target], error: TransientError | SuspectListingError, *, is_last_try: bool) -> None:
        """Nobody knows which of them it was: they are tried again, one by one, at the end. Raises it when the source seems to be gone."""
        self.failures_in_a_row += 1
        if self.failures_in_a_row >= FAILURES_IN_A_ROW or any(target.folder_id == self.root.pk for target in targets):
            raise error
        if is_last_try:
            self._unreadable(targets[0], error)
        else:
            self.retry.extend(targets)

    def _not_listed(self, target: Target, error: SourceError) -> None:
        """One directory cannot be listed. Its files stay as they are and the walk goes on; without the root there is no walk."""
        if target.folder_id == self.root.pk:
            raise error
        if isinstance(error, NotFoundError):  # gone since its parent was listed: the parent is looked at again soon
            self.absent_folder_ids.add(Folder.objects.values_list("parent_id", flat=True).get(pk=target.folder_id) or self.root.pk)
        else:
            self._unreadable(target, error)

    def _unreadable(self, target: Target, error: SourceError) -> None:
        Folder.objects.filter(pk=target.folder_id).update(list_error=error.code)
        self.scan.unreadable_directories += 1
        self.ctx.log("scan_directory_unreadable", LogLevel.WARNING, path=target.path, reason=error.code)

    def _register(self, listings: Sequence[Listing]) -> None:
        if not listings:
            return
        listings = list({one.folder_id: one for one in listings}.values())  # a folder may be hinted at and found new by its parent
        gone = self._look_for(moves.suspects(source=self.source, listings=listings)) if self.known_total else moves.NOTHING_GONE
        self.placer = placement.load_placer(self.source)
        with self.ctx.publish():
            result = register_listings(source=self.source, listings=listings, settle=self.settle, gone=gone, placer=self.placer)
            self._count(len(listings), result)
        placement.place_files(file_ids=result.arrived_ids)  # takes locks of its own; what a kill leaves out, `finish` finds
        self.frontier.extend(self._wanted_folders(result.subfolders))
        self.ctx.progress(self.scan.files, self._expected(), unit="files", note=self._where(listings[-1].folder_id))

    def _look_for(self, suspects: list[moves.Suspect]) -> moves.Gone:
        """Which of the suspects are not at their place any more. One listing answers for many of one folder."""
        by_folder: dict[str, list[moves.Suspect]] = {}
        for suspect in suspects:
            by_folder.setdefault(suspect.path.rpartition("/")[0], []).append(suspect)
        files: set[int] = set()
        folders: set[int] = set()
        for folder, group in by_folder.items():
            there = self._ids_in(folder)
            if there is None:
                continue
            for suspect in group:
                if there.get(suspect.path.rpartition("/")[2]) != suspect.file_id:
                    (folders if suspect.is_dir else files).add(suspect.pk)
        return moves.Gone(frozenset(files), frozenset(folders))

    def _ids_in(self, folder: str) -> dict[str, int | None] | None:
        """File ids by name; None where the folder keeps it to itself, which is no evidence that anything left."""
        try:
            return {entry.name: entry.file_id for entry in self.fs.list_directory(folder)}
        except NotFoundError:
            return {}
        except (AccessDeniedError, SuspectListingError, UnsupportedError):
            return None

    # --- what to list -----------------------------------------------------------------------------------------------
    def _initial_targets(self) -> list[Target]:
        """The root, or for a scan that goes on: folders not listed yet below folders that are."""
        if self.root.listed_at is None or self.root.listed_at < self.scan.started_at:
            return [self.target(self.root)]
        is_left = Q(listed_at=None) | Q(listed_at__lt=self.scan.started_at)
        left = Folder.objects.filter(is_left, source=self.source, is_missing=False, parent__listed_at__gte=self.scan.started_at)
        return self._wanted_folders(list(left))

    def _wanted_folders(self, folders: Sequence[Folder]) -> list[Target]:
        if self.scan.mode == ScanMode.FOLDERS:
            wanted = [folder for folder in folders if folder.listed_at is None]
        elif self.scan.mode == ScanMode.GATED:
            wanted = self._changed_folders(folders)
            self.scan.skipped_directories += len(folders) - len(wanted)
        else:
            wanted = list(folders)
        return [self.target(folder) for folder in wanted]

    def target(self, folder: Folder) -> Target:
        """The folder as something to list."""
        self.file_ids[folder.pk] = folder.file_id
        chain = (self.file_ids.get(pk) for pk in (*folder.ancestor_ids, folder.pk))
        loop_ids = frozenset(file_id for file_id in chain if file_id is not None)
        return Target(folder.pk, folder.path, folder.mtime_ns, loop_ids, is_new=folder.listed_at is None)

    def _changed_folders(self, folders: Sequence[Folder]) -> list[Folder]:
        """Folders whose directory mtime does not prove that they are as they were, and a rolling part of the others."""
        gated = [folder for folder in folders if is_unchanged(folder, timezone.now())]
        if not gated:
            return list(folders)
        ids = [folder.pk for folder in gated]
        open_ids: set[int] = set()  # inner folders (their children's mtimes are in their listing), and unfinished business
        for part in chunks(ids):
            open_ids.update(Folder.objects.filter(parent_id__in=part, is_missing=False).values_list("parent_id", flat=True).distinct())
            unsettled = Q(presence=Presence.GROWING) | Q(absent_since__isnull=False, presence=Presence.PRESENT)
            open_ids.update(MediaFile.objects.filter(unsettled, folder_id__in=part).values_list("folder_id", flat=True).distinct())
        skipped = {pk for pk in ids if pk not in open_ids}
        for folder in sorted((one for one in gated if one.pk in skipped), key=lambda one: one.listed_at or one.source.created_at):
            if self.verify_left <= 0:
                break
            self.verify_left -= 1
            skipped.discard(folder.pk)
        return [folder for folder in folders if folder.pk not in skipped]

    def _verify_budget(self) -> int:
        """How many unchanged directories this scan lists anyway, so that all of them are within VERIFY_PERIOD_S."""
        if self.scan.mode != ScanMode.GATED:
            return 0
        total = Folder.objects.filter(source=self.source).count()
        return max(4, round(total * self.source.poll_interval_s / VERIFY_PERIOD_S))

    # --- telling ----------------------------------------------------------------------------------------------------
    def _count(self, directories: int, result: Registered) -> None:
        scan = self.scan
        scan.directories += directories
        scan.files += result.files
        scan.added += result.added
        scan.changed += result.changed
        scan.moved += result.moved
        scan.absent += result.absent
        scan.restored += result.restored
        scan.save()
        self.growing_folder_ids |= result.growing_folder_ids
        self.absent_folder_ids |= result.absent_folder_ids

    def _expected(self) -> int | None:
        """About how many files there will be, from the last scan; None where nobody can know."""
        return max(self.known_total, self.scan.files) if self.known_total and self.scan.mode == ScanMode.FULL else None

    def _where(self, folder_id: int) -> str:
        return Folder.objects.values_list("path", flat=True).get(pk=folder_id)[-255:]


def is_unchanged(folder: Folder, now: datetime) -> bool:
    """The directory's mtime is the one of its last listing, and old enough to be believed (FACTS, SMB 8)."""
    if folder.listed_at is None or folder.list_error or folder.mtime_ns != folder.listed_mtime_ns:
        return False
    changed_at_s = folder.mtime_ns / 1e9
    return changed_at_s < (folder.listed_at - MTIME_DOUBT).timestamp() and changed_at_s < (now - CHANGED_LATELY).timestamp()
