"""A Connection (see `mam.lib.sources.base`) to a folder of an SMB share. A handle is the server's 16-byte file id.

A status other than success raises the error of `mam.lib.sources.errors.from_ntstatus`. The server resolves what Samba keeps as symbolic
links by itself, so such a link looks like what it points to; links of Windows (symbolic links, junctions) are not listed.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from mam.lib.sources import names
from mam.lib.sources.base import Entry, Health, Listing, as_answer
from mam.lib.sources.errors import (
    NotFoundError,
    ShareMissingError,
    SourceError,
    SuspectListingError,
    TransientError,
    UnsupportedError,
    from_ntstatus,
)
from mam.lib.sources.smb2 import messages as m

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mam.lib.sources.smb2.channel import Channel, Reply

LISTING_BUFFER_BYTES = 65536  # all that SMB 2.0.2 allows; larger ones gain nothing
LISTING_WINDOW = 4
READ_BLOCK_BYTES = 65536
LARGE_BLOCK_BYTES = 262_144  # where the server takes more than one credit a request
WINDOW_BYTES = 4 * 1024 * 1024  # under way at once
_FORBIDDEN = frozenset('\\/:*?"<>|') | frozenset(map(chr, range(32)))


class SmbConnection:
    """A Connection over a Channel whose tree is the share; `base` is the source's root in it."""

    def __init__(self, channel: Channel, *, base: tuple[str, ...], address: str, server: str) -> None:
        self._channel = channel
        self._base = base
        self._address = address
        self._server = server
        session = channel.session
        block = LARGE_BLOCK_BYTES if session.is_multi_credit else READ_BLOCK_BYTES
        self._read_block = min(block, session.max_read_bytes)
        self._write_block = min(block, session.max_write_bytes)

    @property
    def channel(self) -> Channel:
        return self._channel

    @property
    def is_usable(self) -> bool:
        return self._channel.is_usable

    def list_directories(self, folders: Sequence[tuple[str, ...]]) -> list[Listing]:
        """Ask for all of them before reading the first answer: the server always has the next one to work on."""
        asked = [self._ask_for_listing(parts) for parts in folders]
        answers = [
            self._take_answer(parts, numbers) if isinstance(numbers, list) else numbers
            for parts, numbers in zip(folders, asked, strict=True)
        ]
        self._channel.flush()
        return answers

    def _ask_for_listing(self, parts: tuple[str, ...]) -> list[int] | SourceError:
        """One round trip for an ordinary folder: open it and ask for two buffers, of which the second says "no more"."""
        try:
            path = self.wire_path(parts)
        except NotFoundError as error:
            return error
        open_folder = m.create(path, access=m.FILE_READ_DATA | m.FILE_READ_ATTRIBUTES, options=m.OPTION_DIRECTORY)
        ask = m.query_directory(m.RELATED_HANDLE, LISTING_BUFFER_BYTES)
        return self._channel.post([open_folder, ask, ask])

    def _take_answer(self, parts: tuple[str, ...], numbers: list[int]) -> Listing:
        opened, *replies = [self._channel.collect(number) for number in numbers]
        try:
            self._check(opened, parts)
        except SourceError as error:
            return as_answer(error)
        handle = m.parse_create(opened.message).handle
        try:
            return self._list(handle, replies, parts)
        except SourceError as error:
            return as_answer(error)
        finally:
            self._channel.ignore(self._channel.post([m.close(handle)])[0])

    def _list(self, handle: bytes, replies: list[Reply], parts: tuple[str, ...]) -> list[Entry]:
        entries, dots, is_complete = self._take_listing(replies, parts)
        if not is_complete:
            more_entries, more_dots = self._list_rest(handle, parts)
            entries += more_entries
            dots += more_dots
        # Only the root of a Windows volume has no dots; it is never empty.
        if dots < 2 and not (entries and not parts and not self._base):
            raise SuspectListingError(target=self._target(parts))
        return entries

    def find(self, parts: tuple[str, ...]) -> Entry | None:
        try:
            return self._stat(parts)
        except NotFoundError:
            return None

    def _stat(self, parts: tuple[str, ...]) -> Entry:
        opened, identity, _closed = self._channel.chain(
            [m.create(self.wire_path(parts), access=m.FILE_READ_ATTRIBUTES), m.query_file_id(), m.close()]
        )
        return self._describe(opened, identity, parts)

    def open_file(self, parts: tuple[str, ...]) -> tuple[bytes, Entry]:
        access = m.FILE_READ_DATA | m.FILE_READ_ATTRIBUTES
        return self._open(m.create(self.wire_path(parts), access=access, options=m.OPTION_NOT_DIRECTORY), parts)

    def read(self, handle: bytes, offset: int, length: int) -> bytes:
        starts = range(0, length, self._read_block)
        pieces = self._read_all(handle, [(offset + start, min(self._read_block, length - start)) for start in starts])
        sizes = [len(piece) for piece in pieces]
        for start, size, following in zip(starts, sizes, [*sizes[1:], 0], strict=True):
            if following and size < min(self._read_block, length - start):
                raise TransientError(target=self._address, detail="short read")  # else a hole in the middle would go unnoticed
        return b"".join(pieces)

    def read_pieces(self, handle: bytes, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        return [bytes(piece) for piece in self._read_all(handle, pieces)]

    def close_file(self, handle: bytes) -> None:
        self._channel.ignore(self._channel.send([m.close(handle)])[0])

    def open_for_writing(self, parts: tuple[str, ...]) -> tuple[bytes, Entry]:
        self._check_new_name(parts)
        access = m.FILE_WRITE_DATA | m.FILE_READ_ATTRIBUTES
        return self._open(
            m.create(self.wire_path(parts), access=access, disposition=m.OPEN_OR_CREATE, options=m.OPTION_NOT_DIRECTORY), parts
        )

    def write(self, handle: bytes, offset: int, data: bytes) -> None:
        view = memoryview(data)
        blocks = [view[start : start + self._write_block] for start in range(0, len(view), self._write_block)]
        requests = [m.write(handle, offset + index * self._write_block, block) for index, block in enumerate(blocks)]
        replies = self._pipelined(requests, self._write_block)
        for reply in replies:
            self._check(reply, ())
        if sum(m.parse_write(reply.message) for reply in replies) != len(data):
            raise TransientError(target=self._address, detail="short write")

    def flush(self, handle: bytes) -> None:
        self._check(self._channel.call(m.flush(handle)), ())

    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        self._check_new_name(new)
        opened, renamed, _closed = self._channel.chain(
            [m.create(self.wire_path(old), access=m.DELETE | m.FILE_READ_ATTRIBUTES), m.rename(self.wire_path(new)), m.close()]
        )
        self._check(opened, old)
        self._check(renamed, new)

    def remove_file(self, parts: tuple[str, ...]) -> None:
        opened, removed, _closed = self._channel.chain(
            [m.create(self.wire_path(parts), access=m.DELETE, options=m.OPTION_NOT_DIRECTORY), m.delete_on_close(), m.close()]
        )
        self._check(opened, parts)
        self._check(removed, parts)

    def health(self) -> Health:
        started_s = time.perf_counter()
        self._channel.ping()
        latency_ms = (time.perf_counter() - started_s) * 1000
        opened, identity, volume, _closed = self._channel.chain(
            [m.create(self.wire_path(()), access=m.FILE_READ_ATTRIBUTES), m.query_file_id(), m.query_volume(), m.close()]
        )
        root = self._describe(opened, identity, ())
        serial = m.parse_volume_serial(volume.message) if volume.status == m.STATUS_SUCCESS else 0
        session = self._channel.session
        return Health(
            latency_ms=latency_ms,
            server=self._server,
            dialect=f"SMB {session.dialect}",
            is_encrypted=session.sealer is not None,
            is_signed=session.signer is not None or session.sealer is not None,
            root_identity=f"{serial:08x}-{root.file_id or 0}",
        )

    def close(self) -> None:
        self._channel.close()

    def wire_path(self, parts: tuple[str, ...]) -> bytes:
        """UTF-16LE with backslashes, relative to the share. NotFoundError for names no share can hold, and for streams ("a:b")."""
        for part in parts:
            # Windows cuts trailing dots and spaces off, so ".. " would be "..".
            if not _FORBIDDEN.isdisjoint(part) or not part.rstrip(". "):
                raise NotFoundError(target=self._target(parts))
        return b"\\\0".join(names.to_utf16(part) for part in (*self._base, *parts))

    def _open(self, request: m.Request, parts: tuple[str, ...]) -> tuple[bytes, Entry]:
        opened, identity = self._channel.chain([request, m.query_file_id()])
        entry = self._describe(opened, identity, parts)
        return m.parse_create(opened.message).handle, entry

    def _describe(self, opened: Reply, identity: Reply, parts: tuple[str, ...]) -> Entry:
        self._check(opened, parts)
        found = m.parse_create(opened.message)
        file_id = m.parse_file_id(identity.message) if identity.status == m.STATUS_SUCCESS else None
        return Entry(parts[-1] if parts else "", found.is_dir, found.size_bytes, found.mtime_ns, found.ctime_ns, file_id)

    def _list_rest(self, handle: bytes, parts: tuple[str, ...]) -> tuple[list[Entry], int]:
        """The buffers after the first two, several asked for at once."""
        entries: list[Entry] = []
        dots = 0
        under_way: deque[int] = deque()
        is_complete = False
        try:
            while not is_complete:
                while len(under_way) < LISTING_WINDOW:
                    under_way += self._channel.send([m.query_directory(handle, LISTING_BUFFER_BYTES)])
                found, more_dots, is_complete = self._take_listing([self._channel.collect(under_way.popleft())], parts)
                entries += found
                dots += more_dots
        finally:
            for number in under_way:
                self._channel.ignore(number)
        return entries, dots

    def _take_listing(self, replies: list[Reply], parts: tuple[str, ...]) -> tuple[list[Entry], int, bool]:
        """Entries, dots, and whether the server said that this is all."""
        entries: list[Entry] = []
        dots = 0
        for reply in replies:
            if reply.status in (m.STATUS_NO_MORE_FILES, m.STATUS_NO_SUCH_FILE):
                return entries, dots, True
            self._check(reply, parts)
            listed = m.parse_query_directory(reply.message)
            entries += listed.entries
            dots += listed.dots
        return entries, dots, False

    def _read_all(self, handle: bytes, pieces: Sequence[tuple[int, int]]) -> list[memoryview]:
        requests = [m.read(handle, offset, length) for offset, length in pieces]
        return [self._data_of(reply) for reply in self._pipelined(requests, self._read_block)]

    def _pipelined(self, requests: list[m.Request], block_bytes: int) -> list[Reply]:
        """Answers to all requests in their order, with a window of them under way."""
        window = max(1, WINDOW_BYTES // block_bytes)
        under_way: deque[int] = deque()
        replies: list[Reply] = []
        for request in requests:
            if len(under_way) == window:
                replies.append(self._channel.collect(under_way.popleft()))
            under_way += self._channel.send([request])
        return replies + [self._channel.collect(number) for number in under_way]

    def _data_of(self, reply: Reply) -> memoryview:
        if reply.status == m.STATUS_END_OF_FILE:
            return memoryview(b"")
        self._check(reply, ())
        return m.parse_read(reply.message)

    def _check_new_name(self, parts: tuple[str, ...]) -> None:
        """UnsupportedError for names that cannot be made on a share."""
        try:
            self.wire_path(parts)
        except NotFoundError as error:
            raise UnsupportedError(target=self._target(parts), detail="name") from error

    def _target(self, parts: tuple[str, ...]) -> str:
        return "/".join((self._address, *parts))

    def _check(self, reply: Reply, parts: tuple[str, ...]) -> None:
        if reply.status == m.STATUS_SUCCESS:
            return
        error = from_ntstatus(reply.status, self._target(parts))
        if not parts and isinstance(error, NotFoundError):
            raise ShareMissingError(**error.params)
        raise error
