"""Renditions of every kind: wanted, made (`streaming.making`), then published here together with their objects and tracks.

Publishing is one fenced transaction. Before it nobody knows the objects, after it the old ones are deleted: a process killed at any
line leaves the old rendition or the new one, and at worst objects without a row, which the sweep deletes.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from catalog.choices import FileKind, Presence
from mam.accounts import access
from mam.accounts.services import record_audit
from mam.jobs.errors import JobInterruptedError, WorkerLostError
from mam.jobs.models import JobPriority, JobState
from mam.jobs.services import enqueue
from streaming import selectors
from streaming.choices import RenditionKind, RenditionState
from streaming.models import Rendition, StoredObject, Track
from streaming.stores import objects as store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from catalog.models import MediaFile
    from mam.accounts.models import User
    from mam.jobs.context import JobContext
    from mam.jobs.models import Job
    from mam.lib.errors import MamError
    from streaming.stores.objects import MadeObject

MAKE_RENDITION = "streaming.make_rendition"
MAX_ATTEMPTS = 2  # per version of the file
LOG_LINES = 50
_SHOWN_WITH_PLAYER = (RenditionKind.STORYBOARD, RenditionKind.WAVEFORM)
_FORGOTTEN_AT_ONCE = 200
_ACCESS_STEP = datetime.timedelta(hours=1)  # `last_access_at` is not written more often


@dataclass(frozen=True, slots=True)
class MadeTrack:
    """A track of a stream whose object is stored but not published. Fields as in `Track`."""

    object: MadeObject
    name: str
    kind: str
    codecs: str = ""
    language: str = ""
    title: str = ""
    is_default: bool = False
    width_px: int | None = None
    height_px: int | None = None
    frame_rate_num: int | None = None
    frame_rate_den: int | None = None
    channels: int | None = None
    average_bps: int = 0
    peak_bps: int = 0
    timescale: int = 1
    init_bytes: int = 0
    segments: Sequence[Sequence[int]] = ()

    def columns(self) -> dict[str, Any]:
        """Values for a `Track`, without its object."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "object"}
        return values | {"segments": [list(segment) for segment in self.segments]}


@dataclass(frozen=True, slots=True)
class Made:
    """What came of making a rendition. Objects of tracks need not be repeated in `objects`."""

    objects: Sequence[MadeObject] = ()
    tracks: Sequence[MadeTrack] = ()
    details: dict[str, Any] = field(default_factory=dict)
    cpu_ms: int = 0
    width_px: int | None = None
    height_px: int | None = None
    preset: str = ""

    def all_objects(self) -> list[MadeObject]:
        """Every stored object, tracks included."""
        return [*self.objects, *(track.object for track in self.tracks)]

    def discard(self) -> None:
        """Delete the objects: they will not be published."""
        store.discard(made.name for made in self.all_objects())


def want(*, file: MediaFile, kind: str, priority: int = JobPriority.NORMAL, user: User | None = None, again: bool = False) -> Rendition:
    """Have `kind` made of the present version of `file` by a job; nothing happens when it is ready, or was given up.

    `again`: also when it is ready or was given up. `user` needs `streaming.make_rendition` (None: the system itself).
    """
    if user is not None:
        access.require(user, MAKE_RENDITION)
    with transaction.atomic():
        row, _made = Rendition.objects.select_for_update().get_or_create(
            file=file, kind=kind, defaults={"state": RenditionState.WANTED, "source_fingerprint": file.fingerprint}
        )
        is_settled = row.source_fingerprint == file.fingerprint and row.state in {RenditionState.READY, RenditionState.FAILED}
        if (is_settled or is_being_made(row, file)) and not again:
            return row
        row.job = _enqueue(file, kind, priority, user)
        if is_settled or row.state != RenditionState.WANTED or row.source_fingerprint != file.fingerprint:
            row.attempts, row.error_code, row.error_params, row.log_tail = 0, "", {}, ""
        row.state, row.source_fingerprint = RenditionState.WANTED, file.fingerprint
        row.save(update_fields=["job", "state", "source_fingerprint", "attempts", "error_code", "error_params", "log_tail"])
    return row


def want_forgotten() -> None:
    """Enqueue again what is wanted and could be made, but has no job any more: its source was offline, its worker was killed.

    A bounded number at a time. A version that its workers did not survive MAX_ATTEMPTS times is given up.
    """
    for row in selectors.list_forgotten_renditions(limit=_FORGOTTEN_AT_ONCE):
        if row.job is not None and row.job.error_code == WorkerLostError.code:
            write_failure(row, row.job.error_code, row.job.error_params)
        want(file=row.file, kind=row.kind, priority=row.job.priority if row.job is not None else JobPriority.LOW)


def is_being_made(row: Rendition, file: MediaFile) -> bool:
    """A job is at it now: another one would find nothing to do."""
    is_wanted = row.state == RenditionState.WANTED and row.source_fingerprint == file.fingerprint
    return is_wanted and row.job is not None and row.job.state == JobState.RUNNING


def _enqueue(file: MediaFile, kind: str, priority: int, user: User | None) -> Job:
    """The job that makes it: posters are made for a whole source at once, everything else file by file."""
    if kind == RenditionKind.POSTER:
        params = {"source_id": file.source_id}
        key, subject = f"posters:{file.source_id}", file.source.name
        return enqueue(kind="streaming.posters", params=params, subject=subject, key=key, priority=priority, user=user)
    return enqueue(
        kind=f"streaming.{kind}",
        params={"file_id": file.pk},
        subject=file.name,
        subject_url=reverse("catalog:file_detail", args=[file.pk]),
        key=f"{kind}:{file.pk}",
        priority=priority,
        user=user,
    )


def publish(ctx: JobContext, rendition: Rendition, made: Made, *, is_merged: bool = False) -> bool:
    """Publish in a fenced transaction of its own, see `write`. What is not published is discarded."""
    try:
        with ctx.publish():
            is_written = write(rendition, made, is_merged=is_merged)
    except JobInterruptedError:  # raised before anything is written; of all else nobody knows whether it was committed
        made.discard()
        raise
    if not is_written:
        made.discard()
    return is_written


def write(rendition: Rendition, made: Made, *, is_merged: bool = False) -> bool:
    """Write what was made for `rendition` (as it was when work began) inside the caller's fenced transaction.

    False when another version is wanted by now: nothing is written, the caller discards. Old objects are deleted after commit.
    `is_merged`: tracks are added to those of the same version, of the same name replaced, and a whole stream that is wanted is wanted
    still; else everything old goes.
    """
    row = Rendition.objects.select_for_update().filter(pk=rendition.pk, source_fingerprint=rendition.source_fingerprint).first()
    if row is None:
        return False
    is_still_wanted = is_merged and row.state == RenditionState.WANTED
    is_merged = is_merged and row.made_from == row.source_fingerprint
    _remove(_replaced(row, made) if is_merged else row.stored_objects.all())
    tracks = {track.object.name: track for track in made.tracks}
    for made_object in made.all_objects():
        stored = StoredObject.objects.create(
            rendition=row,
            name=made_object.name,
            content_type=made_object.content_type,
            size_bytes=made_object.size_bytes,
            checksum=made_object.checksum,
        )
        if made_object.name in tracks:
            Track.objects.create(rendition=row, object=stored, **tracks[made_object.name].columns())
    row.state = RenditionState.WANTED if is_still_wanted else RenditionState.READY
    row.made_from = row.source_fingerprint
    row.details = row.details | made.details if is_merged else made.details
    row.cpu_ms = row.cpu_ms + made.cpu_ms if is_merged else made.cpu_ms
    row.size_bytes = row.stored_objects.aggregate(size=Sum("size_bytes"))["size"] or 0
    row.width_px, row.height_px, row.preset = made.width_px, made.height_px, made.preset
    row.error_code, row.error_params, row.log_tail = "", {}, ""
    row.made_at = row.last_access_at = timezone.now()
    row.save()
    return True


def fail(ctx: JobContext, rendition: Rendition, error: MamError, *, log_tail: str = "") -> None:
    """Note in a fenced transaction why `rendition` could not be made, see `write_failure`."""
    with ctx.publish():
        write_failure(rendition, error.code, error.params, log_tail=log_tail)


def write_failure(rendition: Rendition, code: str, params: dict[str, Any], *, log_tail: str = "") -> None:
    """Count a failed attempt inside the caller's fenced transaction; after MAX_ATTEMPTS the version is given up."""
    attempts = rendition.attempts + 1
    Rendition.objects.filter(pk=rendition.pk, state=RenditionState.WANTED, source_fingerprint=rendition.source_fingerprint).update(
        state=RenditionState.FAILED if attempts >= MAX_ATTEMPTS else RenditionState.WANTED,
        attempts=attempts,
        error_code=code,
        error_params=params,
        log_tail="\n".join(log_tail.splitlines()[-LOG_LINES:]),
    )


def purge(*, rendition: Rendition, user: User | None = None, unused_since: datetime.datetime | None = None) -> bool:
    """Delete the objects of a rendition; it is made again when asked for. `user` needs `streaming.make_rendition`.

    With `unused_since` only if nobody has used it after that moment; False: somebody has, or it is gone.
    """
    if user is not None:
        access.require(user, MAKE_RENDITION)
    with transaction.atomic():
        row = Rendition.objects.select_for_update().filter(pk=rendition.pk).first()
        if row is None or (unused_since is not None and row.last_access_at > unused_since):
            return False
        before = {"state": str(row.state), "size_bytes": row.size_bytes}
        _remove(row.stored_objects.all())
        row.state = RenditionState.PURGED if row.state == RenditionState.READY else row.state
        row.made_from, row.size_bytes = "", 0
        row.save(update_fields=["state", "made_from", "size_bytes"])
        if user is not None:
            record_audit(actor=user, action="streaming.rendition.purge", obj=row, before=before, after={"state": str(row.state)})
    return True


def touch(rendition_ids: Iterable[int]) -> None:
    """Somebody uses these renditions now. Writes at most once an hour each."""
    now = timezone.now()
    Rendition.objects.filter(pk__in=set(rendition_ids), last_access_at__lt=now - _ACCESS_STEP).update(last_access_at=now)


def note_use(row: Rendition) -> None:
    """As `touch`, of a row that was just read: no statement while its hour is not over."""
    if row.last_access_at < timezone.now() - _ACCESS_STEP:
        touch([row.pk])


def note_viewing(*, file: MediaFile) -> None:
    """Somebody plays `file`: the pictures beside its player are in use. What it lacks of them, and what was purged, is made behind all
    other work.
    """
    rows = {row.kind: row for row in Rendition.objects.filter(file=file, kind__in=[*_SHOWN_WITH_PLAYER, RenditionKind.HLS])}
    touch(row.pk for kind, row in rows.items() if kind in _SHOWN_WITH_PLAYER)
    for kind in (*_SHOWN_WITH_PLAYER, RenditionKind.HLS):
        if _is_missed(file, kind, rows.get(kind)):
            want(file=file, kind=kind, priority=JobPriority.LOW)


def _is_missed(file: MediaFile, kind: RenditionKind, row: Rendition | None) -> bool:
    """Whether a viewing has `kind` made: again after it was purged, for the first time or for a new version by policy."""
    may_prepare = settings.MAM_PREPARE != "never"
    if row is not None and row.state == RenditionState.PURGED:
        return may_prepare or kind in _SHOWN_WITH_PLAYER
    if not may_prepare or file.presence != Presence.PRESENT or (row is not None and row.source_fingerprint == file.fingerprint):
        return False
    if kind == RenditionKind.STORYBOARD:
        return file.kind == FileKind.VIDEO and bool(file.video_codec)
    return kind == RenditionKind.WAVEFORM and bool(file.audio_codec)


def _replaced(row: Rendition, made: Made) -> Any:
    return row.stored_objects.filter(track__name__in=[track.name for track in made.tracks])


def _remove(objects: Any) -> None:
    """Delete rows now, and their bytes once that is certain. A failed deletion leaves an orphan, which the sweep finds."""
    names = list(objects.values_list("name", flat=True))
    objects.delete()
    if names:
        transaction.on_commit(lambda: store.discard(names), robust=True)
