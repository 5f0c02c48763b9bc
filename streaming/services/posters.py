"""Posters: which are wanted, in batches of one source. Their rows are written by `streaming.services.renditions`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef

from catalog.choices import FileKind, Presence, ProbeState
from catalog.models import MediaFile, Source
from mam.lib.bulk import CHUNK, chunks
from streaming.models import Rendition
from streaming.selectors import POSTERS
from streaming.services import renditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

    from streaming.services.renditions import Made


@dataclass(frozen=True, slots=True)
class MadePoster:
    """A poster whose bytes are stored but not published."""

    rendition: Rendition  # as it was when the work began
    made: Made


@dataclass(frozen=True, slots=True)
class FailedPoster:
    """A poster that could not be made, and why: a message code and its parameters."""

    rendition: Rendition
    error_code: str
    error_params: dict[str, str | int | float]


def want_posters(*, file_ids: Iterable[int]) -> set[int]:
    """Mark the posters that the videos among `file_ids` lack for their present version.

    Return the ids of the sources that now want one of these. A version for which making failed MAX_ATTEMPTS times is left alone.
    """
    source_ids: set[int] = set()
    for ids in chunks(file_ids):
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

    A result for a version that is not wanted any more is dropped.
    """
    if isinstance(poster, FailedPoster):
        renditions.write_failure(poster.rendition, poster.error_code, poster.error_params)
    elif not renditions.write(poster.rendition, poster.made):
        transaction.on_commit(poster.made.discard, robust=True)


def discard_poster(poster: MadePoster | FailedPoster) -> None:
    """Delete the object of a result that will not be published."""
    if isinstance(poster, MadePoster):
        poster.made.discard()


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
    while ids := list(_videos().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        yield from ids
        last = ids[-1]
