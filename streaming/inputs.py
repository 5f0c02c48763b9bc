"""Source files as inputs of ffmpeg: a path where the file lies on this machine and nothing limits its readers, else a loopback address.

ffmpeg gets no address of a server and no password, opens no other file (formats and protocols are whitelisted), and reads through the
source's own connections and limits.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalog.services.sources import open_file_system
from mam.lib.media import mxf
from mam.lib.media.formats import FORMAT_WHITELIST
from mam.lib.media.rangeserver import FIRST_CHUNK_BYTES, serving
from mam.lib.media.remembered import Memory, RememberedFile
from mam.lib.sources.errors import ChangedError, NotFoundError, SourceError
from streaming.errors import MediaChangedError, MediaGoneError, MediaSourceOfflineError, MediaUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.models import MediaFile
    from mam.lib.errors import MamError
    from mam.lib.media.rangeserver import RangeServer
    from mam.lib.sources import Entry, SourceFileSystem

_MEMORY_BYTES = 64 * 1024 * 1024  # the headers of five two-hour MXF files
_memory = Memory(_MEMORY_BYTES, piece_bytes=FIRST_CHUNK_BYTES)


@dataclass(frozen=True, slots=True)
class SourceInput:
    """What to give to `ffmpeg.input(source.url, **source.options)`, and the question whether what was read is the right thing."""

    url: str
    options: dict[str, Any]
    _file: MediaFile = field(repr=False)
    _file_system: SourceFileSystem = field(repr=False)
    _server: RangeServer | None = field(repr=False)

    @property
    def has_failed(self) -> bool:
        """Something could not be read, so what ffmpeg got ended early. Costs nothing; `verify` says what it was."""
        return self._server is not None and self._server.error is not None

    def verify(self) -> None:
        """Return if all that was read is of the catalogued version of the file, which still lies there.

        Raises MediaChangedError, MediaGoneError, MediaUnreadableError or MediaSourceOfflineError; ask also after ffmpeg failed.
        """
        if self._server is not None and self._server.error is not None:
            raise for_viewers(self._server.error) from self._server.error
        try:
            _check(self._file, self._file_system.stat(self._file.path))
        except SourceError as error:
            raise for_viewers(error) from error


@contextmanager
def ffmpeg_input(file: MediaFile) -> Iterator[SourceInput]:
    """`file` (with source and folder loaded) for ffmpeg, until the block ends. Raises what `SourceInput.verify` raises."""
    file_system = open_file_system(file.source)
    limits: dict[str, Any] = {"format_whitelist": FORMAT_WHITELIST}
    try:
        path = file_system.local_path(file.path)
        if path is not None:
            _check(file, file_system.stat(file.path))
            options = limits | {"protocol_whitelist": "file"}
            yield SourceInput(f"file:{os.fspath(path)}", options, file, file_system, None)
            return
        with file_system.open(file.path) as reader:
            _check(file, reader.entry)
            remembered = RememberedFile(reader, (file.pk, file.size_bytes, file.mtime_ns), _memory)
            remembered.remember(mxf.partitions(remembered))
            with serving(remembered) as server:
                options = limits | {"protocol_whitelist": "http,tcp", "seekable": 1}
                yield SourceInput(server.url, options, file, file_system, server)
    except SourceError as error:
        raise for_viewers(error) from error


def for_viewers(error: Exception) -> MamError | Exception:
    """A source's error in the viewer's words; another exception as it is."""
    if not isinstance(error, SourceError):
        return error
    if isinstance(error, NotFoundError):
        return MediaGoneError()
    if isinstance(error, ChangedError):
        return MediaChangedError()
    return MediaUnreadableError(reason=error.code) if error.is_permanent else MediaSourceOfflineError()


def _check(file: MediaFile, entry: Entry) -> None:
    if (entry.size_bytes, entry.mtime_ns) != (file.size_bytes, file.mtime_ns):
        raise MediaChangedError
