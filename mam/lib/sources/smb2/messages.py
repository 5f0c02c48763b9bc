"""Bodies of SMB2 requests and replies (MS-SMB2 2.2), by `struct`. Pure functions: no socket, no state.

A request body starts after the 64-byte header; a reply is the whole message, because offsets in it count from the header.
"""

from __future__ import annotations

import struct
from codecs import utf_16_le_decode
from dataclasses import dataclass
from enum import IntEnum

from mam.lib.sources import names
from mam.lib.sources.base import Entry

HEADER_BYTES = 64
RELATED_HANDLE = b"\xff" * 16  # "the file the compound's first request opened" (MS-SMB2 3.2.4.1.4)

STATUS_SUCCESS = 0
STATUS_PENDING = 0x00000103
STATUS_NOTIFY_ENUM_DIR = 0x0000010C
STATUS_NO_MORE_FILES = 0x80000006
STATUS_NO_SUCH_FILE = 0xC000000F
STATUS_END_OF_FILE = 0xC0000011

FILE_READ_DATA = 0x00000001  # also: list a directory
FILE_WRITE_DATA = 0x00000002
FILE_READ_ATTRIBUTES = 0x00000080
DELETE = 0x00010000
SYNCHRONIZE = 0x00100000
SHARE_ALL = 0x7  # others may read, write and delete meanwhile: we never stand in the way of the people at the NAS

OPEN_EXISTING = 1
OPEN_OR_CREATE = 3
OPTION_DIRECTORY = 0x00000001
OPTION_NOT_DIRECTORY = 0x00000040

ATTRIBUTE_DIRECTORY = 0x10
ATTRIBUTE_REPARSE_POINT = 0x400
_NAME_SURROGATE = 0x20000000  # bit of a reparse tag: it stands for another name, as links and junctions do (MS-FSCC 2.1.2.1)

_INFO_FILE = 1
_INFO_FILE_SYSTEM = 2
_FILE_INTERNAL = 6
_FILE_RENAME = 10
_FILE_DISPOSITION = 13
_FILE_SYSTEM_VOLUME = 1
_FILE_ID_FULL_DIRECTORY = 0x26
_NOTIFY_WHOLE_TREE = 1
_NOTIFY_NAMES_SIZES_TIMES = 0x1 | 0x2 | 0x8 | 0x10 | 0x40

_NO_FILE_ID = (0, -1)  # MS-FSCC 2.1.9
_EPOCH_1601 = 116_444_736_000_000_000  # FILETIME (100 ns since 1601 UTC) of 1970-01-01

_CREATE = struct.Struct("<HBBIQQIIIIIHHII")
_CREATE_REPLY = struct.Struct("<HBBIQQqqQqII16s")
_QUERY_DIRECTORY = struct.Struct("<HBBI16sHHI")
_QUERY_INFO = struct.Struct("<HBBIHHIII16s")
_SET_INFO = struct.Struct("<HBBIHHI16s")
_READ = struct.Struct("<HBBIQ16sIIIHHx")
_WRITE = struct.Struct("<HHIQ16sIIHHI")
_BUFFER_REPLY = struct.Struct("<HHI")
_READ_REPLY = struct.Struct("<HBBI")
_FULL_ENTRY = struct.Struct("<I20xqqq8xIII4xq")  # MS-FSCC 2.4.17, but for the name: next, mtime, ctime, size, attributes, ...
_NOTIFY_ENTRY = struct.Struct("<III")
_make_tuple = tuple.__new__  # half of the time of calling a named tuple


class Command(IntEnum):
    """MS-SMB2 2.2.1.2."""

    LOGOFF = 2
    TREE_CONNECT = 3
    CREATE = 5
    CLOSE = 6
    FLUSH = 7
    READ = 8
    WRITE = 9
    ECHO = 13
    QUERY_DIRECTORY = 14
    CHANGE_NOTIFY = 15
    QUERY_INFO = 16
    SET_INFO = 17


@dataclass(frozen=True, slots=True)
class Request:
    command: Command
    body: bytes
    payload_bytes: int = 0  # the larger of what is sent and what may come back: decides the credits it costs


@dataclass(frozen=True, slots=True)
class Opened:
    """What CREATE tells about the file it opened."""

    handle: bytes
    is_dir: bool
    size_bytes: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One buffer of a directory listing. The dots say that the buffer is the listing's beginning, and genuine."""

    entries: list[Entry]
    dots: int


def tree_connect(host: str, share: str) -> Request:
    path = f"\\\\{host}\\{share}".encode("utf-16-le")
    return Request(Command.TREE_CONNECT, struct.pack("<HHHH", 9, 0, HEADER_BYTES + 8, len(path)) + path)


def echo() -> Request:
    return Request(Command.ECHO, struct.pack("<HH", 4, 0))


def logoff() -> Request:
    return Request(Command.LOGOFF, struct.pack("<HH", 4, 0))


def create(path: bytes, *, access: int, disposition: int = OPEN_EXISTING, options: int = 0) -> Request:
    """Open `path` (UTF-16LE, backslashes, relative to the share). Never an oplock or lease: the server must not have to ask us."""
    impersonation, name_at = 2, HEADER_BYTES + _CREATE.size
    access |= SYNCHRONIZE
    fixed = _CREATE.pack(57, 0, 0, impersonation, 0, 0, access, 0, SHARE_ALL, disposition, options, name_at, len(path), 0, 0)
    return Request(Command.CREATE, fixed + (path or b"\0"))


def parse_create(reply: memoryview) -> Opened:
    fields = _CREATE_REPLY.unpack_from(reply, HEADER_BYTES)
    _size, _oplock, _flags, _action, _created, _accessed, written, changed, _allocated, end, attributes, _reserved, handle = fields
    is_dir = bool(attributes & ATTRIBUTE_DIRECTORY)
    return Opened(handle, is_dir, 0 if is_dir else end, _to_unix_ns(written), _to_unix_ns(changed))


def close(handle: bytes = RELATED_HANDLE) -> Request:
    return Request(Command.CLOSE, struct.pack("<HHI16s", 24, 0, 0, handle))


def flush(handle: bytes) -> Request:
    return Request(Command.FLUSH, struct.pack("<HHI16s", 24, 0, 0, handle))


def read(handle: bytes, offset: int, length: int) -> Request:
    # The padding asks for the data at the very place where it comes to lie anyway, 16 bytes into the reply's body.
    return Request(Command.READ, _READ.pack(49, HEADER_BYTES + 16, 0, length, offset, handle, 0, 0, 0, 0, 0), length)


def parse_read(reply: memoryview) -> memoryview:
    _size, start, _reserved, length = _READ_REPLY.unpack_from(reply, HEADER_BYTES)
    return reply[start : start + length]


def write(handle: bytes, offset: int, data: bytes | memoryview) -> Request:
    fixed = _WRITE.pack(49, HEADER_BYTES + _WRITE.size, len(data), offset, handle, 0, 0, 0, 0, 0)
    return Request(Command.WRITE, fixed + data, len(data))


def parse_write(reply: memoryview) -> int:
    """Bytes written."""
    return int(struct.unpack_from("<I", reply, HEADER_BYTES + 4)[0])


def query_directory(handle: bytes, buffer_bytes: int) -> Request:
    everything = "*".encode("utf-16-le")
    fixed = _QUERY_DIRECTORY.pack(
        33, _FILE_ID_FULL_DIRECTORY, 0, 0, handle, HEADER_BYTES + _QUERY_DIRECTORY.size, len(everything), buffer_bytes
    )
    return Request(Command.QUERY_DIRECTORY, fixed + everything, buffer_bytes)


def parse_query_directory(reply: memoryview) -> Listed:
    """Entries of a FileIdFullDirectoryInformation buffer, without the dots and without links."""
    data = _buffer(reply)
    entries: list[Entry] = []
    dots = 0
    at, step = 0, 1
    while step and data:  # the innermost loop of every scan: no calls that can be avoided
        step, written, changed, size, attributes, name_bytes, tag, file_id = _FULL_ENTRY.unpack_from(data, at)
        name = utf_16_le_decode(data[at + 80 : at + 80 + name_bytes], "surrogatepass", True)[0]
        at += step
        if not name.isascii():
            name = names.storable(name)
        elif name == "." or name == "..":
            dots += 1
            continue
        if attributes & ATTRIBUTE_REPARSE_POINT and tag & _NAME_SURROGATE:
            continue
        is_dir = attributes & ATTRIBUTE_DIRECTORY != 0
        mtime_ns, ctime_ns = (written - _EPOCH_1601) * 100, (changed - _EPOCH_1601) * 100
        facts = (name, is_dir, 0 if is_dir else size, mtime_ns, ctime_ns, file_id if file_id not in _NO_FILE_ID else None)
        entries.append(_make_tuple(Entry, facts))
    return Listed(entries, dots)


def query_file_id(handle: bytes = RELATED_HANDLE) -> Request:
    return Request(Command.QUERY_INFO, _QUERY_INFO.pack(41, _INFO_FILE, _FILE_INTERNAL, 8, 0, 0, 0, 0, 0, handle))


def parse_file_id(reply: memoryview) -> int | None:
    file_id = struct.unpack_from("<q", _buffer(reply))[0]
    return None if file_id in _NO_FILE_ID else file_id


def query_volume(handle: bytes = RELATED_HANDLE) -> Request:
    return Request(Command.QUERY_INFO, _QUERY_INFO.pack(41, _INFO_FILE_SYSTEM, _FILE_SYSTEM_VOLUME, 1024, 0, 0, 0, 0, 0, handle))


def parse_volume_serial(reply: memoryview) -> int:
    return int(struct.unpack_from("<8xI", _buffer(reply))[0])


def rename(new_path: bytes, handle: bytes = RELATED_HANDLE) -> Request:
    """Rename the open file; ReplaceIfExists is off."""
    return _set_info(_FILE_RENAME, struct.pack("<8xQI", 0, len(new_path)) + new_path, handle)


def delete_on_close(handle: bytes = RELATED_HANDLE) -> Request:
    return _set_info(_FILE_DISPOSITION, b"\x01", handle)


def change_notify(handle: bytes, buffer_bytes: int) -> Request:
    """Tell us of changes in the whole tree below the open folder."""
    body = struct.pack("<HHI16sII", 32, _NOTIFY_WHOLE_TREE, buffer_bytes, handle, _NOTIFY_NAMES_SIZES_TIMES, 0)
    return Request(Command.CHANGE_NOTIFY, body, buffer_bytes)


def parse_change_notify(reply: memoryview) -> list[str]:
    """Changed paths, relative to the watched folder, "/" between names; [] when there were too many to tell."""
    data = _buffer(reply)
    paths: list[str] = []
    at, step = 0, 1
    while step and data:
        step, _action, name_bytes = _NOTIFY_ENTRY.unpack_from(data, at)
        paths.append(names.from_utf16(bytes(data[at + 12 : at + 12 + name_bytes])).replace("\\", "/"))
        at += step
    return paths


def _set_info(kind: int, data: bytes, handle: bytes) -> Request:
    fixed = _SET_INFO.pack(33, _INFO_FILE, kind, len(data), HEADER_BYTES + _SET_INFO.size, 0, 0, handle)
    return Request(Command.SET_INFO, fixed + data, len(data))


def _buffer(reply: memoryview) -> memoryview:
    """The output buffer of a QUERY_DIRECTORY, QUERY_INFO or CHANGE_NOTIFY reply."""
    _size, start, length = _BUFFER_REPLY.unpack_from(reply, HEADER_BYTES)
    return reply[start : start + length]


def _to_unix_ns(filetime: int) -> int:
    return (filetime - _EPOCH_1601) * 100
