"""What every source does, whatever lies behind it."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
from typing import TYPE_CHECKING, Literal

import pytest

from mam.lib.sources.errors import (
    ChangedError,
    ConflictError,
    NotFoundError,
    PathOutsideRootError,
    SourceError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lib.sources.conftest import Place

NAMES = [
    "plain.mp4",
    unicodedata.normalize("NFC", "월드시리즈 메인이벤트 1일차.mp4"),
    unicodedata.normalize("NFD", "월드시리즈 메인이벤트 1일차 사본.mp4"),
    "🎬🃏 final table 🏆.mov",
    "# 100% 'quoted'; [a] {b} $c & d + e = f, g!.mxf",
    "한" * 85,  # 255 bytes
    "x" * 251 + ".mp4",
    ".hidden",
    "two  spaces.mkv",
]


def names_of(place: Place, path: str = "") -> set[str]:
    return {entry.name for entry in place.fs.list_directory(path)}


def test_a_listing_shows_files_and_folders_as_stat_does(place: Place) -> None:
    (place.root / "Season 1").mkdir()
    (place.root / "clip.mp4").write_bytes(b"x" * 1234)
    os.utime(place.root / "clip.mp4", ns=(0, 1_600_000_000_123_456_700))

    entries = {entry.name: entry for entry in place.fs.list_directory("")}

    assert entries.keys() == {"Season 1", "clip.mp4"}
    clip, folder = entries["clip.mp4"], entries["Season 1"]
    assert (clip.is_dir, clip.size_bytes, clip.mtime_ns) == (False, 1234, 1_600_000_000_123_456_700)
    assert (folder.is_dir, folder.size_bytes) == (True, 0)
    assert clip.file_id == (place.root / "clip.mp4").stat().st_ino
    assert clip == place.fs.stat("clip.mp4")
    assert folder == place.fs.stat("Season 1")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_listed_described_read_and_renamed(place: Place, name: str) -> None:
    (place.root / "folder 폴더 📁").mkdir()
    (place.root / "folder 폴더 📁" / name).write_bytes(name.encode())
    path = f"folder 폴더 📁/{name}"

    assert names_of(place, "folder 폴더 📁") == {name}
    assert place.fs.stat(path).name == name
    with place.fs.open(path) as file:
        assert file.read_at(0, 1000) == name.encode()
    place.fs.rename(path, name)
    assert (place.root / name).read_bytes() == name.encode()
    place.fs.rename(name, path)
    assert (place.root / path).exists()


def test_nfc_and_nfd_of_one_name_are_two_files(place: Place) -> None:
    forms: tuple[Literal["NFC"], Literal["NFD"]] = ("NFC", "NFD")
    for form in forms:
        (place.root / unicodedata.normalize(form, "강남.mp4")).write_text(form)

    assert len(names_of(place)) == 2
    for form in forms:
        with place.fs.open(unicodedata.normalize(form, "강남.mp4")) as file:
            assert file.read_at(0, 10) == form.encode()


def test_an_empty_folder_is_empty_and_an_empty_file_too(place: Place) -> None:
    (place.root / "empty").mkdir()
    (place.root / "empty.mp4").touch()

    assert place.fs.list_directory("empty") == []
    with place.fs.open("empty.mp4") as file:
        assert (file.size_bytes, file.read_at(0, 10)) == (0, b"")


def test_a_large_folder_is_listed_completely(place: Place) -> None:
    expected = {f"{'긴 이름 ' * 8}{number:05d}.mp4" for number in range(4000)}
    for name in expected:
        (place.root / name).touch()

    assert names_of(place) == expected


def test_many_folders_are_listed_at_once_each_with_its_own_outcome(place: Place) -> None:
    for number in range(40):
        (place.root / f"{number}").mkdir()
        for file in range(number * 30):
            (place.root / f"{number}" / f"{file:04d} {'긴 이름' * 10}.mp4").touch()
    paths = [f"{number}" for number in range(40)]
    paths[7:7] = ["missing"]
    paths[20:20] = ["missing/too", "0"]

    found = place.fs.list_directories(paths)

    for path, listing in zip(paths, found, strict=True):
        if path.startswith("missing"):
            assert isinstance(listing, NotFoundError)
        else:
            assert isinstance(listing, list)
            assert len(listing) == int(path) * 30
    assert place.fs.list_directories([]) == []


def test_deep_paths_work(place: Place) -> None:
    deep = "/".join(f"level {number}" for number in range(30))
    (place.root / deep).mkdir(parents=True)
    (place.root / deep / "clip.mp4").write_bytes(b"deep")

    with place.fs.open(f"{deep}/clip.mp4") as file:
        assert file.read_at(1, 2) == b"ee"


def test_reads_give_exactly_the_bytes_asked_for(place: Place) -> None:
    data = os.urandom(3_000_017)
    (place.root / "clip.mp4").write_bytes(data)

    with place.fs.open("clip.mp4") as file:
        assert file.size_bytes == len(data)
        for offset, length in [(0, 1), (0, 65536), (65535, 2), (1, 65536), (123_456, 1_500_000), (0, len(data)), (2_999_999, 18)]:
            assert file.read_at(offset, length) == data[offset : offset + length]


def test_reads_are_short_only_at_the_end(place: Place) -> None:
    (place.root / "clip.mp4").write_bytes(b"0123456789")

    with place.fs.open("clip.mp4") as file:
        assert file.read_at(8, 100) == b"89"
        assert file.read_at(10, 1) == b""
        assert file.read_at(10**12, 100) == b""
        assert file.read_at(3, 0) == b""
        for offset, length in [(-1, 1), (0, -1)]:
            with pytest.raises(ValueError, match="negative"):
                file.read_at(offset, length)


def test_many_pieces_are_read_at_once(place: Place) -> None:
    data = os.urandom(3_000_017)
    (place.root / "clip.mxf").write_bytes(data)

    with place.fs.open("clip.mxf") as file:
        offsets = [*range(0, 3_000_000, 7_001), 2_999_990, 10**12]
        assert file.read_pieces(offsets, 16_384) == [data[offset : offset + 16_384] for offset in offsets]
        assert file.read_pieces([5, 5], 65_536) == [data[5:65_541]] * 2
        assert file.read_pieces([], 100) == []
        for wrong, length in [(-1, 1), (0, -1), (0, 65_537)]:
            with pytest.raises(ValueError, match="negative"):
                file.read_pieces([wrong], length)
        (place.root / "clip.mxf").write_bytes(b"shorter")
        with pytest.raises(ChangedError):
            file.read_pieces([0, 100_000], 1000)


def test_offsets_beyond_four_gigabytes_work(place: Place) -> None:
    far = 5 * 1024**3 - 7
    with (place.root / "huge.mxf").open("wb") as out:
        out.seek(far)
        out.write(b"the end")

    assert place.fs.stat("huge.mxf").size_bytes == 5 * 1024**3
    with place.fs.open("huge.mxf") as file:
        assert file.read_at(far, 100) == b"the end"
        assert file.read_at(4 * 1024**3 - 1, 2) == b"\0\0"


def test_many_files_can_be_open_at_once(place: Place) -> None:
    for number in range(20):
        (place.root / f"{number}").write_text(f"content {number}")

    files = [place.fs.open(f"{number}") for number in range(20)]

    for _round in range(2):
        assert [file.read_at(0, 100).decode() for file in files] == [f"content {number}" for number in range(20)]
    for file in files:
        file.close()


def test_an_open_file_keeps_nobody_from_renaming_and_deleting_it(place: Place) -> None:
    (place.root / "clip.mp4").write_bytes(b"content")
    with place.fs.open("clip.mp4") as file:
        place.fs.rename("clip.mp4", "moved.mp4")
        assert file.read_at(0, 100) == b"content"
    assert names_of(place) == {"moved.mp4"}


def test_what_is_written_is_there_and_nothing_else(place: Place) -> None:
    data = os.urandom(5_000_000)

    entry = place.fs.write("새 파일.mp4", io.BytesIO(data))

    assert (entry.name, entry.size_bytes) == ("새 파일.mp4", len(data))
    assert hashlib.sha256((place.root / "새 파일.mp4").read_bytes()).digest() == hashlib.sha256(data).digest()
    assert names_of(place) == {"새 파일.mp4"}
    assert entry == place.fs.stat("새 파일.mp4")


def test_data_may_come_in_pieces_of_any_size(place: Place) -> None:
    pieces = [b"", b"a", b"b" * 3_000_000, b"", b"c" * 1_048_575]

    place.fs.write("clip.mp4", iter(pieces))
    place.fs.write("empty.mp4", [])

    assert (place.root / "clip.mp4").read_bytes() == b"".join(pieces)
    assert (place.root / "empty.mp4").read_bytes() == b""


def test_a_name_of_255_bytes_can_be_written(place: Place) -> None:
    name = "가" * 85

    place.fs.write(name, [b"content"])

    assert names_of(place) == {name}


def test_writing_never_overwrites(place: Place) -> None:
    (place.root / "clip.mp4").write_bytes(b"theirs")

    with pytest.raises(ConflictError):
        place.fs.write("clip.mp4", [b"ours"])

    assert (place.root / "clip.mp4").read_bytes() == b"theirs"
    assert names_of(place) == {"clip.mp4"}


def test_a_name_taken_while_it_was_written_is_not_overwritten(place: Place) -> None:
    def data_that_takes_long() -> list[bytes]:
        return [b"ours"]

    def somebody_is_faster() -> object:
        yield from data_that_takes_long()
        (place.root / "clip.mp4").write_bytes(b"theirs")

    with pytest.raises(ConflictError):
        place.fs.write("clip.mp4", somebody_is_faster())  # type: ignore[arg-type]

    assert (place.root / "clip.mp4").read_bytes() == b"theirs"
    assert names_of(place) == {"clip.mp4"}


def test_a_write_whose_data_fails_leaves_nothing(place: Place) -> None:
    def broken() -> object:
        yield b"x" * 2_000_000
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        place.fs.write("clip.mp4", broken())  # type: ignore[arg-type]

    assert names_of(place) == set()


def test_writing_into_a_missing_folder_says_so(place: Place) -> None:
    with pytest.raises(NotFoundError):
        place.fs.write("missing/clip.mp4", [b"data"])


def test_a_move_keeps_the_file_id(place: Place) -> None:
    (place.root / "a").mkdir()
    (place.root / "b").mkdir()
    (place.root / "a" / "clip 🎬.mp4").write_bytes(b"content")
    before = place.fs.stat("a/clip 🎬.mp4")

    place.fs.rename("a/clip 🎬.mp4", "b/옮긴 🎬 클립.mp4")

    after = place.fs.stat("b/옮긴 🎬 클립.mp4")
    assert (after.file_id, after.size_bytes, after.mtime_ns) == (before.file_id, before.size_bytes, before.mtime_ns)
    assert names_of(place, "a") == set()


def test_a_folder_can_be_moved(place: Place) -> None:
    (place.root / "a" / "inner").mkdir(parents=True)
    (place.root / "b").mkdir()

    place.fs.rename("a", "b/a")

    assert names_of(place, "b/a") == {"inner"}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_rename_never_overwrites(place: Place, kind: str) -> None:
    for name in ("old", "new"):
        if kind == "file":
            (place.root / name).write_text(name)
        else:
            (place.root / name).mkdir()

    with pytest.raises(ConflictError):
        place.fs.rename("old", "new")

    assert names_of(place) == {"old", "new"}
    assert kind == "folder" or (place.root / "new").read_text() == "new"


@pytest.mark.parametrize("path", ["..", "../x", "a/../..", "a/../b", "/etc/passwd", "a//b", "a/", ".", "./a", "a\0b"])
def test_paths_that_could_leave_the_root_are_refused(place: Place, path: str) -> None:
    (place.root / "a").mkdir()
    for call in (
        place.fs.list_directory,
        place.fs.stat,
        place.fs.open,
        lambda p: place.fs.write(p, [b""]),
        lambda p: place.fs.rename("a", p),
    ):
        with pytest.raises(PathOutsideRootError):
            call(path)
    assert names_of(place) == {"a"}


def test_what_is_not_there_is_not_found(place: Place) -> None:
    (place.root / "clip.mp4").touch()
    (place.root / "folder").mkdir()

    for call, path in [
        (place.fs.stat, "missing"),
        (place.fs.stat, "missing/clip.mp4"),
        (place.fs.open, "missing"),
        (place.fs.open, "folder"),
        (place.fs.list_directory, "missing"),
        (place.fs.list_directory, "clip.mp4"),
        (lambda path: place.fs.rename(path, "new"), "missing"),
    ]:
        with pytest.raises(NotFoundError) as caught:
            call(path)
        assert str(caught.value.params["target"]).endswith(path)


def test_the_root_can_be_described_but_not_replaced(place: Place) -> None:
    (place.root / "a").mkdir()

    root = place.fs.stat("")

    assert (root.name, root.is_dir, root.file_id) == ("", True, place.root.stat().st_ino)
    for call in (lambda: place.fs.rename("", "b"), lambda: place.fs.rename("a", ""), lambda: place.fs.write("", [b""])):
        with pytest.raises(SourceError):
            call()
    assert names_of(place) == {"a"}


def test_health_says_what_answers(place: Place) -> None:
    health = place.fs.health()

    assert 0 <= health.latency_ms < 10_000
    assert health.is_encrypted == (place.backend == "smbprotocol")
    assert health.is_signed == (place.backend in ("smbprotocol", "signed"))
    assert place.dialect is None or health.dialect == place.dialect
    assert 0 < len(health.root_identity) <= 64
    assert health.root_identity == place.fs.health().root_identity


def test_another_folder_at_the_same_place_has_another_identity(place: Place) -> None:
    before = place.fs.health().root_identity
    aside: Path = place.root.with_name(place.root.name + "-aside")
    place.root.rename(aside)
    place.root.mkdir()

    after = place.fs.health().root_identity

    place.root.rmdir()
    aside.rename(place.root)
    assert after != before
    assert place.fs.health().root_identity == before
