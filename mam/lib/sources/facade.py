"""The source everybody uses: any backend's connections behind a pool, with retries, the read limit, and safe writing."""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar, cast

from mam.lib.sources.base import MAX_PIECE_BYTES, Connection, Entry, Health, Listing, RangedReader, split_path
from mam.lib.sources.errors import ChangedError, ConflictError, NotFoundError, SourceError, TransientError
from mam.lib.sources.governor import released_on_error
from mam.lib.sources.pool import ConnectionPool, Timing

if TYPE_CHECKING:
    from types import TracebackType

    from mam.lib.sources.governor import Governor

BACKOFF_S = (1.0, 2.0, 4.0)
WRITE_BLOCK_BYTES = 1024 * 1024
PIECES_BYTES = 4 * 1024 * 1024  # of pieces read at once: so much is repeated when a connection breaks
MAX_NAME_BYTES = 255

Watcher = Callable[[Any, Callable[[str], None], threading.Event], bool]  # takes a connection of the backend
LocalPath = Callable[[tuple[str, ...]], Path]
T = TypeVar("T")


class PooledSource:
    """A SourceFileSystem over a backend's `connect`. `address` is shown in errors; it holds no credentials."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        *,
        address: str,
        parallelism: int,
        timing: Timing,
        governor: Governor | None = None,
        watcher: Watcher | None = None,
        local_path: LocalPath | None = None,
    ) -> None:
        self._pool = ConnectionPool(connect, limit=parallelism, timing=timing)
        self._address = address
        self._timing = timing
        self._governor = governor
        self._watcher = watcher
        self._local_path = local_path

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address}>"

    def list_directory(self, path: str) -> list[Entry]:
        (listing,) = self.list_directories([path])
        if isinstance(listing, SourceError):
            raise listing
        return listing

    def list_directories(self, paths: Sequence[str]) -> list[Listing]:
        folders = [split_path(path) for path in paths]
        return self._attempt(lambda connection: connection.list_directories(folders))

    def stat(self, path: str) -> Entry:
        return self._describe(split_path(path))

    def open(self, path: str) -> RangedReader:
        return _Reader(self._pool, self._attempt_with, self._governor, split_path(path), self.target(path))

    def write(self, path: str, data: Iterable[bytes] | BinaryIO) -> Entry:
        parts = split_path(path)
        if not parts:
            raise ConflictError(target=self.target(path))
        part = (*parts[:-1], part_name(parts[-1]))
        if self._find(parts) is not None:
            raise ConflictError(target=self.target(path))
        try:
            self._fill(part, data)
            self._move(part, parts)
        except BaseException:
            with suppress(SourceError), self._pool.borrow() as connection:
                connection.remove_file(part)
            raise
        return self._describe(parts)

    def rename(self, old: str, new: str) -> None:
        old_parts, new_parts = split_path(old), split_path(new)
        if not old_parts or not new_parts:
            raise ConflictError(target=self.target(old or new))
        self._move(old_parts, new_parts)

    def health(self) -> Health:
        return self._attempt(lambda connection: connection.health())

    def watch(self, on_change: Callable[[str], None], stop: threading.Event) -> bool:
        if self._watcher is None:
            return False
        with self._pool.own_connection() as connection:
            return self._watcher(connection, on_change, stop)

    def local_path(self, path: str) -> Path | None:
        if self._local_path is None or self._governor is not None:  # what others read by themselves nobody would count
            return None
        return self._local_path(split_path(path))

    def close(self) -> None:
        self._pool.close()

    def target(self, path: str) -> str:
        """The address of `path`, for error messages."""
        return f"{self._address}/{path}" if path else self._address

    def _attempt(self, action: Callable[[Connection], T]) -> T:
        def borrow_and_act() -> T:
            with self._pool.borrow() as connection:
                return action(connection)

        return self._attempt_with(borrow_and_act)

    def _attempt_with(self, action: Callable[[], T]) -> T:
        """Run `action`; again after 1, 2 and 4 s while it fails with TransientError. Other errors are final."""
        for delay_s in BACKOFF_S:
            try:
                return action()
            except TransientError:
                self._timing.sleep(delay_s)
        return action()

    def _find(self, parts: tuple[str, ...]) -> Entry | None:
        return self._attempt(lambda connection: connection.find(parts))

    def _describe(self, parts: tuple[str, ...]) -> Entry:
        entry = self._find(parts)
        if entry is None:
            raise NotFoundError(target=self.target("/".join(parts)))
        return entry

    def _fill(self, part: tuple[str, ...], data: Iterable[bytes] | BinaryIO) -> None:
        """Write `data` into the new file `part`. After a broken connection it goes on where the server confirmed the last block."""
        written = 0

        def open_part(connection: Connection) -> tuple[Any, Entry]:
            handle, entry = connection.open_for_writing(part)
            if entry.size_bytes < written:
                raise ChangedError(target=self.target("/".join(part)))  # the server lost what it had confirmed
            return handle, entry

        file = _OpenFile(self._pool, open_part)
        try:
            for block in _blocks(data):
                offset = written
                self._attempt_with(lambda: file.use(lambda c, h: c.write(h, offset, block)))  # noqa: B023 - called at once
                written += len(block)
            self._attempt_with(lambda: file.use(lambda c, h: c.flush(h)))
        finally:
            file.close()
        if self._describe(part).size_bytes != written:
            raise ChangedError(target=self.target("/".join(part)))

    def _move(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        """Rename without overwriting. When the answer was lost on the way, look whether it happened instead of failing."""
        moved = self._describe(old)
        was_answer_lost = False

        def move(connection: Connection) -> None:
            nonlocal was_answer_lost
            try:
                connection.rename(old, new)
            except TransientError:
                was_answer_lost = True
                raise

        try:
            self._attempt(move)
        except (NotFoundError, ConflictError):
            arrived = self._find(new) if was_answer_lost else None
            if arrived is None or arrived.file_id is None or arrived.file_id != moved.file_id:
                raise


class _OpenFile:
    """A file open on each connection it was used on. Connections come and go under it; handles go with them."""

    def __init__(self, pool: ConnectionPool, opener: Callable[[Connection], tuple[Any, Entry]]) -> None:
        self._pool = pool
        self._opener = opener
        self._handles: weakref.WeakKeyDictionary[Connection, Any] = weakref.WeakKeyDictionary()

    def use(self, action: Callable[[Connection, Any], T]) -> T:
        """Run `action` with a connection and the file's handle there; a connection where it is open is preferred."""
        with self._pool.borrow(preferred=set(self._handles)) as connection:
            if connection not in self._handles:
                self._handles[connection], _entry = self._opener(connection)
            return action(connection, self._handles[connection])

    def close(self) -> None:
        for connection, handle in list(self._handles.items()):
            self._pool.close_handle(connection, handle)
        self._handles.clear()


class _Reader:
    """A RangedReader: `size_bytes` is the size when it was opened, and nothing beyond is read."""

    def __init__(
        self,
        pool: ConnectionPool,
        attempt: Callable[[Callable[[], Any]], Any],
        governor: Governor | None,
        parts: tuple[str, ...],
        target: str,
    ) -> None:
        self._attempt = attempt
        self._governor = governor
        self._parts = parts
        self._target = target
        self._first: Entry | None = None
        self._file = _OpenFile(pool, self._open)
        self._hold = governor.open_file(target) if governor is not None else None
        with released_on_error(self._hold):
            self._attempt(lambda: self._file.use(lambda connection, handle: None))
        self.entry = cast("Entry", self._first)
        self.size_bytes = self.entry.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        if offset < 0 or length < 0:
            raise ValueError("offset and length must not be negative")
        length = max(0, min(length, self.size_bytes - offset))
        step = self._governor.block_bytes if self._governor is not None else None
        if self._governor is None or step is None:
            return self._read(offset, length)
        pieces = []
        for start in range(offset, offset + length, step):
            wanted = min(step, offset + length - start)
            self._governor.take(wanted)
            pieces.append(self._read(start, wanted))
        return b"".join(pieces)

    def read_pieces(self, offsets: Sequence[int], length: int) -> list[bytes]:
        if not 0 <= length <= MAX_PIECE_BYTES or any(offset < 0 for offset in offsets):
            raise ValueError("offsets must not be negative, nor pieces larger than MAX_PIECE_BYTES")
        pieces = [(offset, max(0, min(length, self.size_bytes - offset))) for offset in offsets]
        limit = self._governor.block_bytes if self._governor is not None else None
        count = max(1, (limit or PIECES_BYTES) // max(1, length))
        found: list[bytes] = []
        for first in range(0, len(pieces), count):
            some = pieces[first : first + count]
            if self._governor is not None:
                self._governor.take(sum(wanted for _, wanted in some))
            found += self._use(lambda connection, handle: connection.read_pieces(handle, some))  # noqa: B023 - called at once
        if any(len(data) < wanted for data, (_, wanted) in zip(found, pieces, strict=True)):
            raise ChangedError(target=self._target)  # it has become shorter
        return found

    def close(self) -> None:
        hold, self._hold = self._hold, None
        self._file.close()
        if hold is not None:
            hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self, connection: Connection) -> tuple[Any, Entry]:
        handle, entry = connection.open_file(self._parts)
        if self._first is None:
            self._first = entry
        if not _is_continuation(self._first, entry):
            raise ChangedError(target=self._target)
        return handle, entry

    def _read(self, offset: int, length: int) -> bytes:
        if length == 0:
            return b""
        return self._use(lambda connection, handle: connection.read(handle, offset, length))

    def _use(self, action: Callable[[Connection, Any], T]) -> T:
        return cast("T", self._attempt(lambda: self._file.use(action)))


def _is_continuation(before: Entry, now: Entry) -> bool:
    """Whether bytes of both belong to one file: the same one, unchanged or only grown."""
    if now.file_id != before.file_id or now.size_bytes < before.size_bytes:
        return False
    return now.size_bytes > before.size_bytes or now.mtime_ns == before.mtime_ns


def part_name(name: str) -> str:
    """NAME.<uuid>.part, with NAME shortened where the whole would be too long for a file system."""
    suffix = f".{uuid.uuid4().hex}.part"
    room = MAX_NAME_BYTES - len(suffix)
    while len(name.encode("utf-8", "surrogatepass")) > room:
        name = name[:-1]
    return name + suffix


def _blocks(data: Iterable[bytes] | BinaryIO) -> Iterator[bytes]:
    """`data` in pieces of exactly WRITE_BLOCK_BYTES, but for the last one."""
    chunks = iter(partial(data.read, WRITE_BLOCK_BYTES), b"") if hasattr(data, "read") else iter(data)
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) >= WRITE_BLOCK_BYTES:
            yield bytes(pending[:WRITE_BLOCK_BYTES])
            del pending[:WRITE_BLOCK_BYTES]
    if pending:
        yield bytes(pending)
