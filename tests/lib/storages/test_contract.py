"""What both storages promise, tried on a real folder and on a real S3 server."""

from __future__ import annotations

import http.client
import io
import random
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mam.lib.storages import ByteStore, ObjectMissingError, UploadCancelledError
from mam.lib.storages.local import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

    from mam.lib.storages.s3 import S3Storage

PART = 5 * 1024 * 1024  # the least that S3 takes
LARGE = random.Random(1).randbytes(2 * PART + 12_345)
NAME = "streams/07/7-0123/v720.mp4"


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalStorage | S3Storage:
    if request.param == "local":
        return LocalStorage(location=tmp_path / "store")
    storage: S3Storage = request.getfixturevalue("s3").storage(part_bytes=PART, names_at_once=7)
    return storage


def write(store: ByteStore, name: str, data: bytes) -> None:
    store.write(name, io.BytesIO(data), content_type="video/mp4")


def names(store: ByteStore, prefix: str = "") -> list[str]:
    return [entry.name for entry in store.list_entries(prefix)]


@pytest.mark.parametrize("data", [b"", b"small", LARGE, LARGE[: 2 * PART]], ids=["empty", "small", "in parts", "whole parts"])
def test_what_is_written_is_read(store: ByteStore, data: bytes) -> None:
    write(store, NAME, data)
    assert store.read_range(NAME, 0, len(data) + 1) == data
    entry = store.stat(NAME)
    assert (entry.name, entry.size_bytes) == (NAME, len(data))
    assert abs(datetime.now(UTC) - entry.modified_at) < timedelta(minutes=1)


@pytest.mark.parametrize(("offset", "length"), [(0, 1), (3, 4), (PART - 2, 5), (len(LARGE) - 3, 3), (len(LARGE) - 3, 99), (7, 0)])
def test_any_range_is_read(store: ByteStore, offset: int, length: int) -> None:
    write(store, NAME, LARGE)
    assert store.read_range(NAME, offset, length) == LARGE[offset : offset + length]


@pytest.mark.parametrize("offset", [5, 6, 1000])
def test_behind_the_end_is_nothing(store: ByteStore, offset: int) -> None:
    write(store, NAME, b"12345")
    assert store.read_range(NAME, offset, 10) == b""


def test_a_stream_that_gives_little_at_a_time_is_stored_whole(store: ByteStore) -> None:
    class Trickle(io.BytesIO):
        def read(self, length: int | None = -1, /) -> bytes:
            return super().read(min(length or 0, 700_001))

    store.write(NAME, Trickle(LARGE), content_type="video/mp4")
    assert store.read_range(NAME, 0, len(LARGE) + 1) == LARGE


def test_a_file_is_taken_over_and_stays_where_it_was(store: ByteStore, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    made.write_bytes(LARGE)
    store.adopt(NAME, made, content_type="video/mp4")
    assert made.read_bytes() == LARGE
    made.unlink()
    assert store.read_range(NAME, 0, len(LARGE) + 1) == LARGE


def test_what_is_not_there_is_said_to_be_missing(store: ByteStore) -> None:
    with pytest.raises(ObjectMissingError):
        store.read_range(NAME, 0, 1)
    with pytest.raises(ObjectMissingError):
        store.stat(NAME)


def test_a_listing_shows_names_sizes_and_nothing_of_other_folders(store: ByteStore) -> None:
    for name, size in (("streams/07/a/v", 3), ("streams/07/b/v", 4), ("streams/08/a/v", 5), ("proxies/07/a/v", 6)):
        write(store, name, b"x" * size)
    assert {entry.name: entry.size_bytes for entry in store.list_entries("streams/07/")} == {"streams/07/a/v": 3, "streams/07/b/v": 4}
    assert len(names(store)) == 4
    assert names(store, "thumbnails/") == []


def test_a_long_listing_is_whole(store: ByteStore) -> None:
    expected = [f"thumbnails/00/{number:04}/p" for number in range(20)]  # three pages
    for name in expected:
        write(store, name, b"")
    assert names(store, "thumbnails/") == expected
    store.delete_many(expected)
    assert names(store, "thumbnails/") == []


def test_deleting_what_is_not_there_is_no_error(store: ByteStore) -> None:
    write(store, NAME, b"x")
    store.delete_many([NAME, "streams/07/none/v"])
    assert names(store) == []
    store.delete_many([])


def test_a_reader_that_fails_leaves_nothing(store: ByteStore) -> None:
    class Broken(io.BytesIO):
        def read(self, length: int | None = -1, /) -> bytes:
            if self.tell() > PART:
                raise RuntimeError("the source broke")
            return super().read(length)

    with pytest.raises(RuntimeError):
        store.write(NAME, Broken(LARGE), content_type="video/mp4")
    assert names(store) == []
    assert store.purge_unfinished("", older_than=timedelta(seconds=-5)) == 0


def test_cancelled_on_the_way_leaves_nothing(store: ByteStore) -> None:
    cancelled = threading.Event()

    class Cancelling(io.BytesIO):
        def read(self, length: int | None = -1, /) -> bytes:
            if self.tell() >= PART:
                cancelled.set()
            return super().read(length)

    with pytest.raises(UploadCancelledError):
        store.write(NAME, Cancelling(LARGE), content_type="video/mp4", cancelled=cancelled)
    assert names(store) == []
    assert store.purge_unfinished("", older_than=timedelta(seconds=-5)) == 0


def test_djangos_own_way_in_works_as_well(store: LocalStorage | S3Storage) -> None:
    saved = store.save("notes/a.txt", io.BytesIO(b"by Django"))
    assert (saved, store.exists("notes/a.txt"), store.size(saved)) == ("notes/a.txt", True, 9)
    with store.open(saved) as opened:
        assert opened.read() == b"by Django"
    store.delete(saved)
    assert not store.exists("notes/a.txt")


def test_an_address_without_a_login_exists_where_the_store_has_addresses(store: LocalStorage | S3Storage) -> None:
    write(store, NAME, b"0123456789")
    url = store.presigned_url(NAME, expires_s=60)
    if isinstance(store, LocalStorage):
        assert url is None
        place = store.local_path(NAME)
        assert place is not None
        assert place.read_bytes() == b"0123456789"
        return
    assert store.local_path(NAME) is None
    assert url is not None
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=20)
    connection.request("GET", f"{address.path}?{address.query}", headers={"Range": "bytes=2-4"})
    answer = connection.getresponse()
    assert (answer.status, answer.read(), answer.headers["Content-Type"]) == (206, b"234", "video/mp4")
