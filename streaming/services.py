"""The only writer of renditions. A poster is wanted, then made (`streaming.posters`), then published here with its row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from django.core.files.storage import Storage, storages
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from catalog.choices import FileKind, Presence, ProbeState
from catalog.models import MediaFile, Source
from streaming.models import Rendition
from streaming.selectors import POSTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from django.db.models import QuerySet

MAX_ATTEMPTS = 2  # per version of the file
POSTER_FOLDER = "posters"
_CHUNK = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MadePoster:
    """A poster whose bytes lie in the storage under a name that nobody else knows yet."""

    rendition: Rendition  # as it was when the work began
    object_name: str
    size_bytes: int
    checksum: str  # SHA-256, hex
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class FailedPoster:
    """A poster that could not be made, and why: a message code and its parameters."""

    rendition: Rendition
    error_code: str
    error_params: dict[str, str | int | float]


def rendition_storage() -> Storage:
    """Where renditions lie."""
    return storages["renditions"]


def want_posters(*, file_ids: Iterable[int]) -> set[int]:
    """Mark the posters that the videos among `file_ids` lack for their present version.

    Return the ids of the sources that now want one of these. A version for which making failed MAX_ATTEMPTS times is left alone.
    """
    source_ids: set[int] = set()
    for ids in _chunks(file_ids):
        posters = {poster.file_id: poster for poster in POSTERS.filter(file__in=ids)}
        lacking = []
        for file in _videos().filter(pk__in=ids):
            poster = posters.get(file.pk)
            if poster is None or poster.source_fingerprint != file.fingerprint:
                lacking.append(file)
            elif poster.state == Rendition.State.WANTED:
                source_ids.add(file.source_id)
        if lacking:
            _write_wanted(lacking, posters)
            source_ids.update(file.source_id for file in lacking)
    return source_ids


def want_missing_posters(*, source: Source) -> None:
    """Mark the posters of all videos of `source` that never had one."""
    bare = _videos().filter(source=source, presence=Presence.PRESENT).exclude(Exists(POSTERS.filter(file=OuterRef("pk"))))
    want_posters(file_ids=list(bare.values_list("pk", flat=True)))


def want_outdated_posters() -> None:
    """Look at every video there is, for what an interrupted step forgot. Reads the whole table, in chunks by id."""
    want_posters(file_ids=_ids_of_all_videos())


def publish_poster(poster: MadePoster | FailedPoster) -> None:
    """Write a result into its row, inside of the caller's fenced transaction.

    A result for a version that is not wanted any more is dropped. Objects that nobody shows any more are deleted after commit.
    """
    row = POSTERS.filter(pk=poster.rendition.pk, state=Rendition.State.WANTED, source_fingerprint=poster.rendition.source_fingerprint)
    if isinstance(poster, FailedPoster):
        attempts = poster.rendition.attempts + 1
        state = Rendition.State.FAILED if attempts >= MAX_ATTEMPTS else Rendition.State.WANTED
        row.update(state=state, attempts=attempts, error_code=poster.error_code, error_params=poster.error_params)
        return
    is_written = row.update(
        state=Rendition.State.READY,
        object_name=poster.object_name,
        content_type="image/jpeg",
        size_bytes=poster.size_bytes,
        checksum=poster.checksum,
        width_px=poster.width_px,
        height_px=poster.height_px,
        error_code="",
        error_params={},
        made_at=timezone.now(),
    )
    useless = poster.rendition.object_name if is_written else poster.object_name
    if useless:
        transaction.on_commit(lambda: rendition_storage().delete(useless), robust=True)  # else the tidying finds it


def discard_poster(poster: MadePoster | FailedPoster) -> None:
    """Delete the object of a result that will not be published."""
    if isinstance(poster, MadePoster):
        rendition_storage().delete(poster.object_name)


def purge_orphans(*, older_than: timedelta) -> int:
    """Delete poster objects that no row names, left by killed workers and deleted files; return how many.

    Young ones are left: somebody may be about to publish them.
    """
    storage, deleted = rendition_storage(), 0
    for folder in _folders(storage):
        names = [f"{POSTER_FOLDER}/{folder}/{name}" for name in storage.listdir(f"{POSTER_FOLDER}/{folder}")[1]]
        for chunk in _chunks(names):
            shown = set(Rendition.objects.filter(object_name__in=chunk).values_list("object_name", flat=True))
            for name in set(chunk) - shown:
                if storage.get_modified_time(name) < timezone.now() - older_than:
                    storage.delete(name)
                    deleted += 1
    return deleted


def _folders(storage: Storage) -> list[str]:
    try:
        return storage.listdir(POSTER_FOLDER)[0]
    except FileNotFoundError:  # nothing was ever stored
        return []


def _videos() -> QuerySet[MediaFile]:
    """Files with a picture that was understood."""
    return MediaFile.objects.filter(kind=FileKind.VIDEO, probe_state=ProbeState.DONE).exclude(video_codec="")


def _write_wanted(files: list[MediaFile], posters: dict[int, Rendition]) -> None:
    wanted = {"state": Rendition.State.WANTED, "attempts": 0, "error_code": "", "error_params": {}}
    with transaction.atomic():
        new = [
            Rendition(file=file, kind=Rendition.Kind.POSTER, source_fingerprint=file.fingerprint, **wanted)
            for file in files
            if file.pk not in posters
        ]
        Rendition.objects.bulk_create(new, ignore_conflicts=True)  # another process may have been first
        for file in files:
            if file.pk in posters:
                POSTERS.filter(pk=posters[file.pk].pk).update(source_fingerprint=file.fingerprint, **wanted)


def _ids_of_all_videos() -> Iterator[int]:
    last = 0
    while ids := list(_videos().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_CHUNK]):
        yield from ids
        last = ids[-1]


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
