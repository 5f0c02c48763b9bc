"""Reads of what can be played and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import F, Q
from django.urls import reverse

from catalog.choices import Presence, SourceState
from catalog.errors import ObjectNotFoundError
from catalog.models import Source
from catalog.selectors import list_files, list_parts
from mam.accounts.access import require
from mam.jobs.models import JobState
from mam.lib.storages import StorageError, StorageFullError, StorageMisconfiguredError, StorageRefusedError
from streaming.choices import RenditionKind, RenditionState
from streaming.decision import ClientSupport, Decision, FileFacts, StreamFacts, decide
from streaming.models import Playback, Rendition, StoredObject

if TYPE_CHECKING:
    from collections.abc import Collection

    from catalog.models import MediaFile
    from mam.accounts.models import User

PLAY_FILE = "streaming.play_file"
POSTERS = Rendition.objects.filter(kind=RenditionKind.POSTER)
_STORAGE_FAULTS = [one.code for one in (StorageError, StorageFullError, StorageMisconfiguredError, StorageRefusedError)]  # that last


def get_playable_file(*, user: User, file_id: int) -> MediaFile:
    """A file whose bytes `user` may have: sees the library and may play. One query. PermissionDeniedError, ObjectNotFoundError."""
    require(user, PLAY_FILE)
    file = list_files(user=user).filter(pk=file_id).first()
    if file is None:
        raise ObjectNotFoundError
    return file


def is_online(file: MediaFile) -> bool:
    """Whether `file` (with source) lies on a source that may be read and answers, as far as is known."""
    source = file.source
    return file.presence == Presence.PRESENT and source.is_enabled and source.state != SourceState.OFFLINE


def find_playback(file: MediaFile) -> Playback | None:
    """The stored decision about `file`, also one about an older version."""
    return Playback.objects.filter(file=file).first()


def get_decision(file: MediaFile, client: ClientSupport | None = None, kept: Playback | None = None) -> Decision:
    """What `file` needs to be played by `client`. `kept`: `find_playback`, where it was read already."""
    return decide(facts_of(file, kept or find_playback(file)), client)


def facts_of(file: MediaFile, kept: Playback | None, *, has_unfit_gops: bool = False) -> FileFacts:
    """What is decided by. Reads the streams of `file`; what was found out about its GOPs is only in `kept`."""
    streams = [
        StreamFacts(stream.kind, stream.codec, stream.profile, stream.pixel_format, stream.field_order) for stream in file.streams.all()
    ]
    if kept is not None and kept.source_fingerprint == file.fingerprint:
        has_unfit_gops = has_unfit_gops or any(reason["code"] == "playback_gops" for reason in kept.reasons)
    return FileFacts(
        kind=file.kind,
        presence=file.presence,
        probe_state=file.probe_state,
        probe_reason=file.probe_reason,
        container=file.container,
        extension=file.extension,
        streams=streams,
        rotation=file.rotation,
        has_unfit_gops=has_unfit_gops,
    )


def list_content_parts(*, user: User, file: MediaFile) -> list[MediaFile]:
    """The files of the content that `file` belongs to, in their order; [] for a file without content."""
    return list_parts(user=user, content=file.content) if file.content is not None else []


def find_neighbours(file: MediaFile, parts: list[MediaFile]) -> tuple[MediaFile | None, MediaFile | None]:
    """The parts before and after `file`; None where there is none."""
    place = next((index for index, part in enumerate(parts) if part.pk == file.pk), None)
    if place is None:
        return None, None
    return (parts[place - 1] if place else None), (parts[place + 1] if place + 1 < len(parts) else None)


# --- renditions -------------------------------------------------------------------------------------------------------
def list_renditions(*, file: MediaFile) -> list[Rendition]:
    """What was made, or is to be made, of `file`, in the order of kinds; with jobs."""
    order = {kind: place for place, kind in enumerate(RenditionKind.values)}
    rows = Rendition.objects.filter(file=file).select_related("job")
    return sorted(rows, key=lambda row: order[row.kind])


def list_forgotten_renditions(*, limit: int) -> list[Rendition]:
    """What is wanted, except for posters, and could be made now, but waits for no job (any more); with file and job, the longest so first.

    Not what somebody cancelled, nor what the storage refused for good: that waits until somebody asks again.
    """
    is_forgotten = Q(job=None) | Q(job__state=JobState.SUCCEEDED) | Q(job__state=JobState.FAILED) & ~Q(job__error_code__in=_STORAGE_FAULTS)
    can_be_made = {"file__presence": Presence.PRESENT, "file__source__is_enabled": True}
    wanted = Rendition.objects.filter(is_forgotten, state=RenditionState.WANTED, **can_be_made)
    wanted = wanted.exclude(kind=RenditionKind.POSTER).exclude(file__source__state=SourceState.OFFLINE)
    return list(wanted.select_related("file", "job").order_by(F("job_id").asc(nulls_first=True), "pk")[:limit])


# --- posters ----------------------------------------------------------------------------------------------------------
def find_poster(*, file_id: int) -> StoredObject | None:
    """The file's poster that can be shown, also that of an older version while the new one is made; with rendition and file."""
    shown = StoredObject.objects.select_related("rendition__file")
    return shown.filter(rendition__file=file_id, rendition__kind=RenditionKind.POSTER).first()


def poster_urls(file_ids: Collection[int]) -> dict[int, str]:
    """File id -> address of its picture (or of its placeholder), for all ids: one query.

    With the picture's version, so that browsers keep it for good.
    """
    shown = StoredObject.objects.filter(rendition__file__in=file_ids, rendition__kind=RenditionKind.POSTER)
    versions = {row.rendition.file_id: row.version for row in shown.select_related("rendition").only("checksum", "rendition__file_id")}
    urls = {file_id: reverse("streaming:poster", args=[file_id]) for file_id in file_ids}
    return {file_id: f"{url}?v={versions[file_id]}" if file_id in versions else url for file_id, url in urls.items()}


def list_wanted_posters(*, source: Source, limit: int) -> list[Rendition]:
    """Posters of `source` that are to be made and can be: what has not failed yet first, then what was found last."""
    wanted = POSTERS.filter(state=RenditionState.WANTED, file__source=source, file__presence=Presence.PRESENT)
    return list(wanted.select_related("file__folder").order_by("attempts", "-file_id")[:limit])


def count_wanted_posters(*, source: Source) -> int:
    """How many `list_wanted_posters` would give without a limit."""
    return POSTERS.filter(state=RenditionState.WANTED, file__source=source, file__presence=Presence.PRESENT).count()


def list_sources_wanting_posters() -> list[Source]:
    """Enabled sources with posters to be made."""
    wanted = POSTERS.filter(state=RenditionState.WANTED, file__presence=Presence.PRESENT)
    return list(Source.objects.filter(is_enabled=True, pk__in=wanted.values("file__source")))
