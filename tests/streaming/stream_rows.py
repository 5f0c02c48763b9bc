"""Rows of prepared streams, with objects that are really stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streaming.choices import RenditionKind, RenditionState, TrackKind
from streaming.models import Rendition, StoredObject, Track
from streaming.stores import objects

if TYPE_CHECKING:
    from catalog.models import MediaFile

SEGMENT_BYTES = 1000
INIT_BYTES = 100


def make_stream_rows(file: MediaFile, *names: str, segments: int = 3, **fields: Any) -> Rendition:
    """A ready stream with tracks of these names ("v720", "a0", "s0", "v0")."""
    defaults = {"state": RenditionState.READY, "source_fingerprint": file.fingerprint, "made_from": file.fingerprint}
    rendition = Rendition.objects.create(file=file, kind=RenditionKind.HLS, **(defaults | fields))
    folder = objects.folder_for(file_id=file.pk, kind=RenditionKind.HLS)
    for name in names:
        content = bytes(INIT_BYTES) + b"".join(bytes([number]) * SEGMENT_BYTES for number in range(segments))
        suffix = "vtt" if name[0] == "s" else "mp4"
        made = objects.put(f"{folder}/{name}.{suffix}", content, content_type="video/mp4")
        stored = StoredObject.objects.create(
            rendition=rendition, name=made.name, content_type=made.content_type, size_bytes=made.size_bytes, checksum=made.checksum
        )
        Track.objects.create(rendition=rendition, object=stored, name=name, **_columns(name, segments))
    return rendition


def _columns(name: str, segments: int) -> dict[str, Any]:
    if name[0] == "s":
        return {"kind": TrackKind.SUBTITLE, "language": "kor", "timescale": 1000, "segments": [[segments * 4000, 3 * SEGMENT_BYTES]]}
    ticks = {"timescale": 30_000, "init_bytes": INIT_BYTES, "segments": [[120_120, SEGMENT_BYTES]] * segments}
    if name[0] == "a":
        sound = {"kind": TrackKind.AUDIO, "codecs": "mp4a.40.2", "channels": 2, "language": "kor", "is_default": name == "a0"}
        return ticks | sound | {"average_bps": 128_000, "peak_bps": 140_000}
    height = int(name[1:]) or 1080
    size = {"width_px": height * 16 // 9, "height_px": height, "frame_rate_num": 30_000, "frame_rate_den": 1001}
    return ticks | size | {"kind": TrackKind.VIDEO, "codecs": "avc1.640028", "average_bps": 3_000_000, "peak_bps": 4_000_000}
