"""Local disks and mounted shares (NFS, CIFS) as a source.

Every path is walked name by name from the root with O_NOFOLLOW, so no link can lead outside, not even one that is put there
meanwhile. Only regular files and folders exist: links, devices, pipes and sockets are neither listed nor opened.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mam.lib.sources import names
from mam.lib.sources.base import Entry, Health, Listing, as_answer
from mam.lib.sources.errors import ConflictError, NotFoundError, ShareMissingError, SourceError, from_os_error

_RENAME_NOREPLACE = 1  # linux/fs.h
_TRAVERSE = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # O_NONBLOCK: a pipe in the archive must not hold us
_libc = ctypes.CDLL(None, use_errno=True)


class LocalConnection:
    """A Connection to a folder of this machine. A handle is a file descriptor."""

    def __init__(self, root: Path, address: str) -> None:
        self._root = root
        self._address = address
        self._handles: set[int] = set()
        with self._directory(()):
            pass  # ShareMissingError now rather than at the first use

    @property
    def is_usable(self) -> bool:
        return True

    def list_directories(self, folders: Sequence[tuple[str, ...]]) -> list[Listing]:
        return [self._list(parts) for parts in folders]

    def _list(self, parts: tuple[str, ...]) -> Listing:
        try:
            return self._list_directory(parts)
        except SourceError as error:
            return as_answer(error)

    def _list_directory(self, parts: tuple[str, ...]) -> list[Entry]:
        with self._directory(parts) as folder:
            listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
            try:
                with os.scandir(listed) as found:
                    entries = [entry for item in found if (entry := _entry(os.fsencode(item.name), listed))]
                if os.fstat(listed).st_nlink == 0:  # removed while it was read: it looks empty
                    raise NotFoundError(target=self._target(parts))
                return entries
            finally:
                os.close(listed)

    def find(self, parts: tuple[str, ...]) -> Entry | None:
        if not parts:
            return self._root_entry()
        try:
            with self._parent(parts) as (folder, name):
                return _entry(name, folder)
        except NotFoundError:
            return None

    def open_file(self, parts: tuple[str, ...]) -> tuple[int, Entry]:
        return self._open(parts, _READ)

    def read(self, handle: int, offset: int, length: int) -> bytes:
        with self._errors(()):
            data = os.pread(handle, length, offset)
            while len(data) < length and (more := os.pread(handle, length - len(data), offset + len(data))):
                data += more
            return data

    def read_pieces(self, handle: int, pieces: Sequence[tuple[int, int]]) -> list[bytes]:
        return [self.read(handle, offset, length) for offset, length in pieces]

    def close_file(self, handle: int) -> None:
        self._handles.discard(handle)
        with self._errors(()):
            os.close(handle)

    def open_for_writing(self, parts: tuple[str, ...]) -> tuple[int, Entry]:
        return self._open(parts, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)

    def write(self, handle: int, offset: int, data: bytes) -> None:
        with self._errors(()):
            view = memoryview(data)
            while view:
                written = os.pwrite(handle, view, offset)
                offset += written
                view = view[written:]

    def flush(self, handle: int) -> None:
        with self._errors(()):
            os.fsync(handle)

    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        with self._parent(old) as (old_folder, old_name), self._parent(new) as (new_folder, new_name), self._errors(new):
            if _entry(old_name, old_folder) is None:
                raise NotFoundError(target=self._target(old))
            _rename_without_overwriting(old_folder, old_name, new_folder, new_name)
            for folder in (old_folder, new_folder):
                _sync_directory(folder)

    def remove_file(self, parts: tuple[str, ...]) -> None:
        with self._parent(parts) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def health(self) -> Health:
        started_s = time.perf_counter()
        root = self._root_entry()
        latency_ms = (time.perf_counter() - started_s) * 1000
        device, kind = _mount_of(self._root)
        with self._errors(()):
            # The device number of a network mount changes at every boot; the file system's own id does not, and is 0 for NFS.
            identity = f"{os.statvfs(self._root).f_fsid:x}-{root.file_id}"
        return Health(latency_ms=latency_ms, server=device, dialect=kind, is_encrypted=False, is_signed=False, root_identity=identity)

    def close(self) -> None:
        while self._handles:
            os.close(self._handles.pop())

    def _root_entry(self) -> Entry:
        with self._directory(()) as root:
            return _describe("", os.fstat(root))

    def _open(self, parts: tuple[str, ...], flags: int) -> tuple[int, Entry]:
        with self._parent(parts) as (folder, name):
            handle = os.open(name, flags, 0o664, dir_fd=folder)
            try:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise NotFoundError(target=self._target(parts))
            except BaseException:
                os.close(handle)
                raise
        self._handles.add(handle)
        return handle, _describe(parts[-1], status)

    @contextmanager
    def _directory(self, parts: tuple[str, ...]) -> Iterator[int]:
        """A descriptor (O_PATH) of a folder, reached without following any link below the root."""
        with self._errors(parts):
            try:
                current = os.open(self._root, _TRAVERSE)
            except (FileNotFoundError, NotADirectoryError):
                raise ShareMissingError(target=self._address) from None
            try:
                for name in parts:
                    child = os.open(_disk_name(name), _TRAVERSE | os.O_NOFOLLOW, dir_fd=current)
                    os.close(current)
                    current = child
                yield current
            finally:
                os.close(current)

    @contextmanager
    def _parent(self, parts: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
        if not parts:
            raise NotFoundError(target=self._address)  # the root is no file, and stays where it is
        with self._directory(parts[:-1]) as folder, self._errors(parts):
            yield folder, _disk_name(parts[-1])

    @contextmanager
    def _errors(self, parts: tuple[str, ...]) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError:
            raise NotFoundError(target=self._target(parts)) from None  # no disk can hold such a name
        except OSError as error:
            raise from_os_error(error, self._target(parts)) from error

    def _target(self, parts: tuple[str, ...]) -> str:
        return "/".join((self._address, *parts))


def local_path(root: Path, parts: tuple[str, ...]) -> Path:
    """Where a file lies; not checked for links, so for programs that get the path from someone who opened it before."""
    return root.joinpath(*(os.fsdecode(_disk_name(part)) for part in parts))


def _disk_name(name: str) -> bytes:
    return names.to_bytes(name)


def _entry(name: bytes, folder: int) -> Entry | None:
    """What lies under `name`; None for links, devices and the like, and for what has just gone."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return None
    return _describe(names.from_bytes(name), status)


def _describe(name: str, status: os.stat_result) -> Entry:
    is_dir = stat.S_ISDIR(status.st_mode)
    return Entry(
        name=name,
        is_dir=is_dir,
        size_bytes=0 if is_dir else status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        file_id=status.st_ino - (1 << 64) if status.st_ino >> 63 else status.st_ino,
    )


def _rename_without_overwriting(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    """renameat2(RENAME_NOREPLACE); where the file system lacks it (NFS), link and unlink, which refuses as well."""
    if _libc.renameat2(old_folder, old, new_folder, new, _RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        raise OSError(number, os.strerror(number))
    status = os.stat(old, dir_fd=old_folder, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode):
        os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, follow_symlinks=False)
        os.unlink(old, dir_fd=old_folder)
        return
    # Folders cannot be linked. rename(2) itself refuses all that exists but an empty folder.
    with suppress(FileNotFoundError):
        os.stat(new, dir_fd=new_folder, follow_symlinks=False)
        raise ConflictError(target=names.from_bytes(new))
    os.rename(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder)


def _sync_directory(folder: int) -> None:
    """Make a rename outlive a power cut. Some network file systems cannot, which is no failure of the rename."""
    with suppress(OSError):
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mount_of(path: Path) -> tuple[str, str]:
    """(what is mounted, type of the file system) where `path` lies, from proc(5) mountinfo."""
    real = str(path.resolve())
    best, found = -1, ("local", "unknown")
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        left, _, right = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left.split(" ")[4])
        if len(point) >= best and (real == point or real.startswith(point.rstrip("/") + "/")):
            kind, device = right.split(" ")[:2]
            best, found = len(point), (device, kind)
    return found
