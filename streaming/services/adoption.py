"""Tracks made on demand, published as a prepared stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streaming.choices import RenditionKind, RenditionState
from streaming.models import Rendition
from streaming.services import renditions

if TYPE_CHECKING:
    from catalog.models import MediaFile
    from streaming.services.renditions import Made


def tracks_of(file: MediaFile) -> set[str] | None:
    """The names of the tracks that are prepared of this version of `file`; None while a job prepares all of them."""
    row = Rendition.objects.filter(file=file, kind=RenditionKind.HLS).select_related("job").first()
    if row is None:
        return set()
    if renditions.is_being_made(row, file):
        return None
    return set(row.tracks.values_list("name", flat=True)) if row.made_from == file.fingerprint else set()


def publish(file: MediaFile, made: Made) -> bool:
    """Add tracks to the stream of `file` inside the caller's fenced transaction. False when a job makes it by now.

    What waits for its turn to be made is played meanwhile, and is wanted still: these are not all tracks.
    """
    row, _is_new = Rendition.objects.select_for_update().get_or_create(
        file=file, kind=RenditionKind.HLS, defaults={"state": RenditionState.PURGED, "source_fingerprint": file.fingerprint}
    )
    if renditions.is_being_made(row, file):
        return False
    if row.source_fingerprint != file.fingerprint:
        row.source_fingerprint, row.attempts = file.fingerprint, 0
        row.save(update_fields=["source_fingerprint", "attempts"])
    return renditions.write(row, made, is_merged=True)
