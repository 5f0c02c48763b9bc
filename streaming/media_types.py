"""What a file is sent as. Only what a browser shows without running anything is sent inline; everything else is a download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.choices import FileKind, ProbeState

if TYPE_CHECKING:
    from catalog.models import MediaFile

DOWNLOAD_TYPE = "application/octet-stream"

# Extension -> media type. Not from the machine's own table: it differs from machine to machine.
_BY_EXTENSION = {
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "ts": "video/mp2t",
    "m2ts": "video/mp2t",
    "mts": "video/mp2t",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "avi": "video/x-msvideo",
    "wmv": "video/x-ms-wmv",
    "3gp": "video/3gpp",
    "ogv": "video/ogg",
    "mxf": "application/mxf",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "weba": "audio/webm",
    "mka": "audio/x-matroska",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
# FFmpeg's container -> media type without the "video/" or "audio/", where the name of a probed file lies about it.
_BY_CONTAINER = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "x-matroska"}
_OF_CONTAINER = {
    "mov,mp4,m4a,3gp,3g2,mj2": {"mp4", "m4v", "mov", "m4a", "3gp"},
    "matroska,webm": {"webm", "mkv", "weba", "mka"},
}


def content_type(file: MediaFile) -> str:
    """The media type of `file`'s bytes: of its name, or of what was found in it where the two disagree."""
    expected = _OF_CONTAINER.get(file.container) if file.probe_state == ProbeState.DONE else None
    if expected is not None and file.extension not in expected:
        family = "audio" if file.kind == FileKind.AUDIO else "video"
        return f"{family}/{_BY_CONTAINER[file.container]}"
    return _BY_EXTENSION.get(file.extension, DOWNLOAD_TYPE)


def is_shown_inline(media_type: str) -> bool:
    """HTML and SVG of an archive would run as pages of ours, so nothing but plain media is opened in place."""
    return media_type.partition("/")[0] in {"video", "audio", "image"}
