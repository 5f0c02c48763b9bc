"""What is peculiar to local disks: links, devices, names that are no text, rights."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources import SourceFileSystem, local, open_source
from mam.lib.sources.errors import AccessDeniedError, ConflictError, NotFoundError, ShareMissingError, TransientError, from_os_error
from mam.lib.sources.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def fs(tmp_path: Path) -> Iterator[SourceFileSystem]:
    """The folder `tmp_path / "root"` as a source; beside it lies what nobody may reach."""
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "passwords").write_text("secret")
    source = open_source((tmp_path / "root").as_uri())
    yield source
    source.close()


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's rights, which no file mode stops."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def names_of(fs: SourceFileSystem, path: str = "") -> set[str]:
    return {entry.name for entry in fs.list_directory(path)}


@pytest.mark.parametrize("target", ["../secret", "/etc", "inside", "missing", "link"])
def test_links_are_neither_listed_nor_followed(fs: SourceFileSystem, tmp_path: Path, target: str) -> None:
    root = tmp_path / "root"
    (root / "inside").mkdir()
    (root / "inside" / "passwords").touch()
    (root / "link").symlink_to(target)
    (root / "file-link").symlink_to(tmp_path / "secret" / "passwords")

    assert names_of(fs) == {"inside"}
    for call in (fs.stat, fs.open, fs.list_directory):
        for path in ("link", "link/passwords", "file-link"):
            with pytest.raises(NotFoundError):
                call(path)
    with pytest.raises(NotFoundError):
        fs.write("link/new", [b"data"])
    with pytest.raises(NotFoundError):
        fs.rename("inside/passwords", "link/new")
    assert {path.name for path in (tmp_path / "secret").iterdir()} == {"passwords"}


def test_a_folder_that_becomes_a_link_is_not_followed(fs: SourceFileSystem, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "folder"
    folder.mkdir()
    assert fs.list_directory("folder") == []

    folder.rmdir()
    folder.symlink_to(tmp_path / "secret")

    with pytest.raises(NotFoundError):
        fs.list_directory("folder")


def test_loops_of_links_end_no_walk(fs: SourceFileSystem, tmp_path: Path) -> None:
    deep = tmp_path / "root" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "up").symlink_to("../..")
    (deep / "self").symlink_to("self")
    (tmp_path / "root" / "root").symlink_to(".")

    assert {path for path, _entries in walk(fs)} == {"", "a", "a/b"}


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "clip.mp4").touch()
    (tmp_path / "link").symlink_to("real")

    assert names_of(open_source((tmp_path / "link").as_uri())) == {"clip.mp4"}


def test_pipes_sockets_and_devices_are_not_there(fs: SourceFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    os.mkfifo(root / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)  # a socket's path is short
        listener.bind("socket.mp4")
    for path in ("pipe.mp4", "socket.mp4"):
        with pytest.raises(NotFoundError):
            fs.stat(path)
    with pytest.raises(NotFoundError):
        fs.open("pipe.mp4")  # and it does not wait for a writer

    assert names_of(fs) == set()


NO_TEXT = [b"\xff\xfe.mp4", b"caf\xe9.mov", b"\xed\x95 broken \xed\x95\x9c.mxf", bytes(range(128, 256)) + b".ts", b"back\\slash\n"]


@pytest.mark.parametrize("raw", NO_TEXT)
def test_names_that_are_no_text_keep_working(fs: SourceFileSystem, tmp_path: Path, raw: bytes) -> None:
    path = os.fsencode(tmp_path / "root") + b"/" + raw
    Path(os.fsdecode(path)).write_bytes(b"content")

    (name,) = names_of(fs)

    name.encode()  # every database stores it
    assert fs.stat(name).size_bytes == 7
    with fs.open(name) as file:
        assert file.read_at(0, 10) == b"content"
    fs.rename(name, f"new {name}")
    assert os.listdir(os.fsencode(tmp_path / "root")) == [b"new " + raw]  # noqa: PTH208 - bytes


def test_ctime_tells_of_a_rewrite_that_mtime_hides(fs: SourceFileSystem, tmp_path: Path) -> None:
    clip = tmp_path / "root" / "clip.mp4"
    clip.write_bytes(b"before")
    os.utime(clip, ns=(0, 10**18))
    before = fs.stat("clip.mp4")
    clip.write_bytes(b"after!")
    os.utime(clip, ns=(0, 10**18))

    after = fs.stat("clip.mp4")

    assert (after.size_bytes, after.mtime_ns) == (before.size_bytes, before.mtime_ns)
    assert after.ctime_ns != before.ctime_ns


def test_what_may_not_be_read_is_denied() -> None:
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        (root / "locked").mkdir(mode=0o700)
        (root / "names only").mkdir()
        (root / "names only" / "clip.mp4").touch()
        (root / "clip.mp4").touch()
        for path, mode in [("locked", 0), ("names only", 0o444), ("clip.mp4", 0)]:
            (root / path).chmod(mode)
        fs = open_source(root.as_uri())
        with unprivileged():
            assert names_of(fs) == {"locked", "names only", "clip.mp4"}
            # A folder whose names may be read but not its files' sizes must not look empty.
            for call, path in [(fs.list_directory, "locked"), (fs.list_directory, "names only"), (fs.open, "clip.mp4")]:
                with pytest.raises(AccessDeniedError):
                    call(path)
            with pytest.raises(AccessDeniedError):
                fs.write("names only/new.mp4", [b""])
    finally:
        for path in ("locked", "names only"):
            (root / path).chmod(0o700)
        shutil.rmtree(root)


def test_a_root_that_is_gone_is_a_missing_share_and_not_an_empty_one(fs: SourceFileSystem, tmp_path: Path) -> None:
    (tmp_path / "root").rmdir()
    for call in (lambda: fs.list_directory(""), lambda: fs.stat(""), fs.health, lambda: fs.list_directory("folder")):
        with pytest.raises(ShareMissingError):
            call()
    (tmp_path / "root").touch()
    with pytest.raises(ShareMissingError):
        fs.list_directory("")


def test_a_local_file_can_be_handed_to_another_program(fs: SourceFileSystem, tmp_path: Path) -> None:
    raw = Path(os.fsdecode(os.fsencode(tmp_path / "root") + b"/caf\xe9.mov"))
    raw.write_bytes(b"content")
    (name,) = names_of(fs)

    found = fs.local_path(name)

    assert found is not None
    assert found.read_bytes() == b"content"


def test_where_the_kernel_cannot_rename_safely_links_are_used(
    fs: SourceFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS."""

    class Libc:
        def renameat2(self, *_arguments: object) -> int:
            ctypes.set_errno(errno.EINVAL)
            return -1

    monkeypatch.setattr(local, "_libc", Libc())
    root = tmp_path / "root"
    for name in ("old", "taken"):
        (root / name).write_text(name)
        (root / f"{name} folder").mkdir()

    for suffix in ("", " folder"):
        with pytest.raises(ConflictError):
            fs.rename(f"old{suffix}", f"taken{suffix}")
        fs.rename(f"old{suffix}", f"new{suffix}")

    assert names_of(fs) == {"new", "taken", "new folder", "taken folder"}
    assert (root / "new").read_text() == "old"


def test_a_stale_network_mount_is_transient() -> None:
    error = from_os_error(OSError(errno.ESTALE, "Stale file handle"), "file:///mnt/nas")
    assert isinstance(error, TransientError)
    assert error.params == {"target": "file:///mnt/nas", "detail": "ESTALE"}
