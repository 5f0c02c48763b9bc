"""The one interface of every source: what scanners, probes and players see, and what a backend has to give.

Paths are relative to the source's root, "/" between names, "" is the root itself. A path that could lead out of the root
raises PathOutsideRootError before anything is asked of the server. Links (symbolic links, junctions) are not followed and not
listed, nor is anything but files and folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol, Self, TypeAlias

from mam.lib.sources.errors import AuthFailedError, PathOutsideRootError, ShareMissingError, SourceError

if TYPE_CHECKING:
    import threading
    from pathlib import Path
    from types import TracebackType


class Entry(NamedTuple):
    """A file or folder as its source describes it. Times are nanoseconds since 1970 UTC.

    A tuple: a scan makes one for every file, and a frozen dataclass would take three times as long.
    """

    name: str  # "" for the root
    is_dir: bool
    size_bytes: int  # 0 for folders
    mtime_ns: int  # contents changed
    ctime_ns: int  # anything changed, also rename and rights; smbd repeats mtime_ns here, Windows does not
    file_id: int | None  # 64 bit, signed; the same after a rename; None where the source has none


@dataclass(frozen=True, slots=True)
class Health:
    """How a source answers right now."""

    latency_ms: float  # one round trip
    server: str  # host:port, or what is mounted
    dialect: str  # "SMB 3.1.1", or the type of the file system
    is_encrypted: bool
    is_signed: bool
    root_identity: str  # changes when another disk or share stands behind the same address; at most 64 characters


MAX_PIECE_BYTES = 65536  # what every SMB server gives in one answer

# The entries of a folder, or why it has none to show.
Listing: TypeAlias = list[Entry] | SourceError


class RangedReader(Protocol):
    """An open file. One thread at a time. Reads go on over a new connection when the old one breaks.

    Raises ChangedError when the file is then another one.
    """

    entry: Entry  # as it was when opened
    size_bytes: int

    def read_at(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`; shorter only at the end of the file, b"" past it. ValueError below zero."""

    def read_pieces(self, offsets: Sequence[int], length: int) -> list[bytes]:
        """What `read_at` gives for each offset, at most MAX_PIECE_BYTES; over a network many in the time of one."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class SourceFileSystem(Protocol):
    """A source, safe to use from many threads. Every call may raise SourceError's subclasses, nothing else."""

    def list_directory(self, path: str) -> list[Entry]:
        """All files and folders in a folder, in the server's order, without "." and "..". Never a partial list."""

    def list_directories(self, paths: Sequence[str]) -> list[Listing]:
        """The same for several folders at once, in their order: over a network in the time of one (8 are plenty).

        An error that concerns one folder (missing, denied) stands in its place; what concerns the source is raised.
        """

    def stat(self, path: str) -> Entry: ...
    def open(self, path: str) -> RangedReader: ...

    def write(self, path: str, data: Iterable[bytes] | BinaryIO) -> Entry:
        """Store `data` as NAME.<uuid>.part beside `path`, flush, check the size, then rename to `path`.

        ConflictError when the name exists, before or after; then nothing is left behind.
        """

    def rename(self, old: str, new: str) -> None:
        """Rename or move a file or folder; ConflictError when `new` exists: nothing is ever overwritten."""

    def health(self) -> Health: ...

    def watch(self, on_change: Callable[[str], None], stop: threading.Event) -> bool:
        """Call `on_change(folder)` for folders that probably changed ("" = anywhere) until `stop` is set: then True.

        A hint to look sooner, never the truth (FACTS, SMB 9). False at once where the source cannot watch.
        """

    def local_path(self, path: str) -> Path | None:
        """Where the file lies on this machine, for handing it to another program; None on a network share, or with limits."""

    def close(self) -> None: ...


class Connection(Protocol):
    """One conversation with a source, used by one thread at a time, thrown away after any error.

    Paths are split (`split_path`). A handle is opaque, belongs to its connection and dies with it.
    """

    @property
    def is_usable(self) -> bool:
        """False when the other side is known to have gone; asked before an idle connection is used again."""

    def list_directories(self, folders: Sequence[tuple[str, ...]]) -> list[Listing]:
        """As SourceFileSystem.list_directories. SuspectListingError and TransientError are raised."""

    def find(self, parts: tuple[str, ...]) -> Entry | None:
        """What lies there; None when nothing does: that is an answer, and no reason to throw the connection away."""

    def open_file(self, parts: tuple[str, ...]) -> tuple[Any, Entry]: ...
    def read(self, handle: Any, offset: int, length: int) -> bytes: ...

    def read_pieces(self, handle: Any, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        """Bytes of many (offset, length), none longer than MAX_PIECE_BYTES."""

    def close_file(self, handle: Any) -> None: ...

    def open_for_writing(self, parts: tuple[str, ...]) -> tuple[Any, Entry]:
        """Open a file, made empty if it is not there; what it holds stays."""

    def write(self, handle: Any, offset: int, data: bytes) -> None: ...
    def flush(self, handle: Any) -> None: ...
    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None: ...
    def remove_file(self, parts: tuple[str, ...]) -> None: ...
    def health(self) -> Health: ...
    def close(self) -> None: ...


def as_answer(error: SourceError) -> SourceError:
    """The error back if it says something about one folder; raised if it concerns the connection or the whole source."""
    if error.is_permanent and not isinstance(error, ShareMissingError | AuthFailedError):
        return error
    raise error


def split_path(path: str) -> tuple[str, ...]:
    """Names of a relative path; () for the root. PathOutsideRootError for "..", ".", empty names, "/x" and NUL."""
    if path == "":
        return ()
    parts = tuple(path.split("/"))
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise PathOutsideRootError(target=path)
    return parts
