"""Decisions of how files are played: kept in `Playback`, with what they save."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from catalog.models import MediaFile
from mam.jobs.models import JobPriority
from mam.lib.bulk import chunks
from streaming.choices import PlaybackMode, RenditionKind, RenditionState
from streaming.decision import decide
from streaming.effort import ladder_cpu_ms
from streaming.models import Playback, Rendition
from streaming.selectors import facts_of
from streaming.services import renditions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streaming.decision import Decision

_NEED_STREAMS = {PlaybackMode.REMUX, PlaybackMode.ON_DEMAND}


def decide_files(file_ids: Iterable[int]) -> None:
    """A step of ingest: decide anew for files that were just analysed, and have streams prepared where that is the policy.

    Four statements for 1000 files; no job, since deciding costs less than enqueueing one.
    """
    for chunk in chunks(file_ids):
        files = list(MediaFile.objects.filter(pk__in=chunk).prefetch_related("streams"))
        kept = Playback.objects.in_bulk(chunk)
        rows = [_row_of(file, decide(facts_of(file, kept.get(file.pk)))) for file in files]
        _write(rows)
        if settings.MAM_PREPARE == "all":
            needing = {row.file_id for row in rows if row.mode in _NEED_STREAMS}
            for file in files:
                if file.pk in needing:
                    renditions.want(file=file, kind=RenditionKind.HLS, priority=JobPriority.LOW)


def keep_decision(*, file: MediaFile, decision: Decision, kept: Playback | None) -> None:
    """Store `decision`, made for no particular browser, unless `kept` says the same of this version."""
    row = _row_of(file, decision)
    if kept is None or (kept.source_fingerprint, kept.mode, kept.reasons) != (row.source_fingerprint, row.mode, row.reasons):
        _write([row])


def refuse_copy(*, file: MediaFile) -> None:
    """Making segments by copy showed GOPs that are open or irregular: this version of `file` has to be encoded."""
    decision = decide(facts_of(file, None, has_unfit_gops=True))
    _write([_row_of(file, decision)])


def prepare_viewed(*, file: MediaFile, needs: PlaybackMode) -> None:
    """Somebody plays `file`: have its stream prepared, if it needs one and that is the policy.

    Encoding waits behind all other work; a copy is made soon, since every segment encoded meanwhile costs more than its share of it.
    """
    if settings.MAM_PREPARE == "viewed" and needs in _NEED_STREAMS:
        priority = JobPriority.NORMAL if needs is PlaybackMode.REMUX else JobPriority.LOW
        renditions.want(file=file, kind=RenditionKind.HLS, priority=priority)


def retry_failed(*, file: MediaFile) -> None:
    """Have the stream of `file` made again if it was given up. For viewers: what is ready stays, what is running goes on."""
    if Rendition.objects.filter(file=file, kind=RenditionKind.HLS, state=RenditionState.FAILED).exists():
        renditions.want(file=file, kind=RenditionKind.HLS, again=True)


def _row_of(file: MediaFile, decision: Decision) -> Playback:
    return Playback(
        file=file,
        source_fingerprint=file.fingerprint,
        mode=decision.mode,
        reasons=[asdict(reason) for reason in decision.reasons],
        ladder_cpu_ms=ladder_cpu_ms(file) if decision.mode is not PlaybackMode.UNAVAILABLE else 0,
        decided_at=timezone.now(),
    )


def _write(rows: list[Playback]) -> None:
    fields = ["source_fingerprint", "mode", "reasons", "ladder_cpu_ms", "decided_at"]
    Playback.objects.bulk_create(rows, update_conflicts=True, unique_fields=["file"], update_fields=fields)
