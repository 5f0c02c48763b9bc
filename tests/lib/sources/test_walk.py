"""Walking a whole source."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mam.lib.sources import Entry, open_source
from mam.lib.sources.errors import AccessDeniedError, SourceError
from mam.lib.sources.walk import BATCH_FOLDERS, walk
from tests.lib.sources.conftest import open_smb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mam.lib.sources import SourceFileSystem
    from mam.lib.sources.base import Listing
    from tests.fixtures.smbd import SmbServer
    from tests.lib.sources.conftest import Place


def test_every_folder_comes_once_with_all_its_entries(place: Place) -> None:
    for top in range(5):
        for below in range(5):
            folder = place.root / f"시리즈 {top}" / f"{below}"
            folder.mkdir(parents=True)
            for file in range(3):
                (folder / f"{file}.mp4").touch()

    seen = list(walk(place.fs, 3))

    tops = [f"시리즈 {top}" for top in range(5)]
    assert sorted(path for path, _entries in seen) == sorted(["", *tops, *(f"{top}/{below}" for top in tops for below in range(5))])
    assert sum(not entry.is_dir for _path, entries in seen for entry in entries) == 75


@pytest.mark.smb
def test_a_loop_that_the_server_hides_ends(smb: SmbServer) -> None:
    """smbd shows a symbolic link inside the share as a folder."""
    deep = smb.root / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "up").symlink_to("../..")
    (deep / "clip.mp4").touch()

    paths = {path for path, _entries in walk(open_smb(smb))}

    assert paths == {"", "a", "a/b"}


def test_an_unreadable_folder_ends_the_walk_or_is_reported(tmp_path: Path) -> None:
    for name in ("good", "vanished", "last"):
        (tmp_path / name).mkdir()
    fs = open_source(tmp_path.as_uri())
    listings = fs.list_directories

    def list_directories(paths: Sequence[str]) -> list[Listing]:
        return [
            AccessDeniedError(target=path) if path == "vanished" else listing for path, listing in zip(paths, listings(paths), strict=True)
        ]

    fs.list_directories = list_directories  # type: ignore[method-assign]
    failed: list[tuple[str, SourceError]] = []

    assert {path for path, _entries in walk(fs, on_error=lambda path, error: failed.append((path, error)))} == {"", "good", "last"}
    assert [(path, type(error)) for path, error in failed] == [("vanished", AccessDeniedError)]
    with pytest.raises(AccessDeniedError):
        list(walk(fs))


def test_a_missing_root_is_an_error_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        next(walk(open_source((tmp_path / "missing").as_uri())))


class EndlessSource:
    """Every folder has two folders; remembers how many listings were asked for."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.lock = threading.Lock()

    def stat(self, path: str) -> Entry:
        return self.entry("")

    def list_directories(self, paths: Sequence[str]) -> list[Listing]:
        with self.lock:
            self.listed += paths
        return [[self.entry("left"), self.entry("right")] for _path in paths]

    @staticmethod
    def entry(name: str) -> Entry:
        return Entry(name, is_dir=True, size_bytes=0, mtime_ns=0, ctime_ns=0, file_id=None)


def test_a_walk_that_is_left_stops_and_asks_for_little_ahead() -> None:
    source = EndlessSource()
    fs: SourceFileSystem = source  # type: ignore[assignment]
    walking = walk(fs, 2)
    for _step in range(10):
        next(walking)

    walking.close()  # type: ignore[attr-defined]

    asked = len(source.listed)
    assert asked <= 10 + (2 + 1 + 1) * BATCH_FOLDERS
    assert not any(thread.name.startswith("walk") for thread in threading.enumerate())
