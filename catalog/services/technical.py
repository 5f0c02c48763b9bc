"""What probing found out about files: the only writer of the technical part of `MediaFile`, and of `MediaStream`.

A result counts only for the version it was made of: every write compares version, size and mtime in its UPDATE.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from django.db import transaction

from catalog.choices import Presence, ProbeReason, ProbeState
from catalog.models import MediaFile, MediaStream
from catalog.services.rollups import Deltas, lock_totals, totals_of_file
from mam.jobs.models import JobPriority
from mam.lib.media import Chapter, Description, Kind, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from fractions import Fraction

_PLAIN_STREAM_FIELDS = [field.name for field in fields(Stream) if field.name not in ("frame_rate", "sample_aspect")]
_NOTHING = Description(container="", size_bytes=0)


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A file as it was when it was looked at."""

    file_id: int
    version: int
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one look. Without a description the file has failed; with one, `reason` may still name a flaw (truncated)."""

    of: FileVersion
    description: Description | None
    reason: ProbeReason | None
    sample_hash: str


@transaction.atomic
def store_descriptions(*, findings: Sequence[Finding]) -> set[int]:
    """Store what still is true, with streams and folder totals; return the ids of those files.

    Left out: files that changed meanwhile, that are being written, or that are gone.
    """
    known = _lock_files(finding.of for finding in findings)
    deltas = Deltas()
    stored = [finding for finding in findings if finding.of.file_id in known and _store(finding, known[finding.of.file_id], deltas)]
    ids = {finding.of.file_id for finding in stored}
    MediaStream.objects.filter(file_id__in=ids).delete()
    MediaStream.objects.bulk_create(
        [
            MediaStream(file_id=finding.of.file_id, **_stream_values(stream))
            for finding in stored
            if finding.description
            for stream in finding.description.streams
        ]
    )
    deltas.apply()
    return ids


@transaction.atomic
def postpone_probes(*, versions: Iterable[FileVersion]) -> set[int]:
    """Leave files waiting, behind all others, after an attempt that may end better the next time; return the ids of those still so."""
    return {
        version.file_id
        for version in sorted(versions, key=lambda one: one.file_id)
        if _same_version(version).filter(probe_state=ProbeState.PENDING).update(probe_priority=JobPriority.LOW)
    }


@transaction.atomic
def queue_probe(*, file: MediaFile) -> tuple[dict[str, Any], dict[str, Any]]:
    """Have `file` analysed before all others; what is known of it stays until then. Returns (before, after) for the audit."""
    lock_totals([file.source_id])
    row = MediaFile.objects.select_for_update().get(pk=file.pk)
    before = {"probe_state": row.probe_state, "probe_reason": row.probe_reason}
    deltas = Deltas()
    was = _totals(row, row.probe_state)
    row.probe_state, row.probe_reason, row.probe_priority = ProbeState.PENDING, "", JobPriority.HIGH
    row.save(update_fields=["probe_state", "probe_reason", "probe_priority"])
    deltas.change(row.folder_id, was, _totals(row, ProbeState.PENDING))
    deltas.apply()
    return before, {"probe_state": row.probe_state, "probe_reason": ""}


def _lock_files(versions: Iterable[FileVersion]) -> Mapping[int, MediaFile]:
    """The rows, locked in order of id, after the totals of their source."""
    ids = [version.file_id for version in versions]
    lock_totals(MediaFile.objects.filter(pk__in=ids).values_list("source_id", flat=True).distinct())
    rows = MediaFile.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    return {row.pk: row for row in rows.only("pk", "folder_id", "kind", "size_bytes", "presence", "probe_state")}


def _same_version(version: FileVersion) -> Any:
    return MediaFile.objects.filter(
        pk=version.file_id, version=version.version, size_bytes=version.size_bytes, mtime_ns=version.mtime_ns
    ).exclude(presence=Presence.GROWING)


def _store(finding: Finding, row: MediaFile, deltas: Deltas) -> bool:
    state = ProbeState.FAILED if finding.description is None else ProbeState.DONE
    values = _file_values(finding.description or _NOTHING)
    if not _same_version(finding.of).update(
        probe_state=state, probe_reason=finding.reason or "", sample_hash=finding.sample_hash, **values
    ):
        return False
    deltas.change(row.folder_id, _totals(row, row.probe_state), _totals(row, state))
    return True


def _totals(row: MediaFile, probe_state: str) -> Any:
    return totals_of_file(kind=row.kind, size_bytes=row.size_bytes, presence=row.presence, probe_state=probe_state)


def _file_values(description: Description) -> dict[str, Any]:
    video, audio = description.first(Kind.VIDEO), description.first(Kind.AUDIO)
    return {
        "container": description.container,
        "duration_ticks": description.duration_ticks,
        "duration_base_num": description.duration_base.numerator,
        "duration_base_den": description.duration_base.denominator,
        "duration_ms": description.duration_ms,
        "bit_rate_bps": description.bit_rate_bps,
        "recorded_at": description.recorded_at,
        "start_timecode": description.start_timecode,
        "is_drop_frame": description.is_drop_frame,
        "rotation": description.rotation,
        "chapters": [_chapter_values(chapter) for chapter in description.chapters],
        "video_codec": video.codec if video else "",
        "audio_codec": audio.codec if audio else "",
        "width_px": video.width_px if video else None,
        "height_px": video.height_px if video else None,
        **_pair("frame_rate", video.frame_rate if video else None),
    }


def _chapter_values(chapter: Chapter) -> dict[str, Any]:
    return {"start_ms": chapter.start_ms, "end_ms": chapter.end_ms, "title": chapter.title}


def _stream_values(stream: Stream) -> dict[str, Any]:
    plain = {name: getattr(stream, name) for name in _PLAIN_STREAM_FIELDS}
    return {**plain, **_pair("frame_rate", stream.frame_rate), **_pair("sample_aspect", stream.sample_aspect)}


def _pair(name: str, value: Fraction | None) -> dict[str, int | None]:
    """The two integer columns of an exact fraction."""
    return {f"{name}_num": value.numerator if value else None, f"{name}_den": value.denominator if value else None}
