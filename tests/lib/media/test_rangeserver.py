"""The loopback server: right bytes, little read ahead of a seek, nobody else served, gone when it ends."""

from __future__ import annotations

import http.client
import random
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import pytest

from mam.lib.media.rangeserver import FIRST_CHUNK_BYTES, RangeServer, serving

SIZE_BYTES = 8_000_000
DATA = random.Random(5).randbytes(SIZE_BYTES)


@dataclass
class Recorded:
    """A file in memory that knows what was read of it."""

    size_bytes: int = SIZE_BYTES
    reads: list[tuple[int, int]] = field(default_factory=list)

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return DATA[offset : offset + length]


def fetch(server: RangeServer, range_header: str) -> bytes:
    request = urllib.request.Request(server.url, headers={"Range": range_header})  # noqa: S310  (the loopback)
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        body: bytes = answer.read()
        return body


def ask(server: RangeServer, start: int) -> socket.socket:
    """Ask for the rest of the file from `start` and read the first bytes of it, as a demuxer does."""
    port = int(server.url.split(":")[2].split("/")[0])
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(f"GET {server.path} HTTP/1.1\r\nHost: here\r\nRange: bytes={start}-\r\n\r\n".encode())
    received = b""
    while len(received.partition(b"\r\n\r\n")[2]) < 100:
        received += connection.recv(4096)
    assert DATA[start : start + 100] == received.partition(b"\r\n\r\n")[2][:100]
    return connection


@pytest.mark.parametrize(
    ("header", "start", "end"), [("bytes=0-", 0, SIZE_BYTES), ("bytes=5-9", 5, 10), ("bytes=7999990-9000000", 7_999_990, SIZE_BYTES)]
)
def test_a_range_is_answered_with_its_bytes(header: str, start: int, end: int) -> None:
    with serving(Recorded()) as server:
        assert fetch(server, header) == DATA[start:end]


@pytest.mark.parametrize("header", ["bytes=8000000-", "bytes=9-5"])
def test_a_range_outside_of_the_file_is_refused(header: str) -> None:
    with serving(Recorded()) as server:
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(server, header)
        assert refused.value.code == 416
        refused.value.close()


def test_a_seek_costs_one_small_read_and_the_newest_connection_is_served() -> None:
    file = Recorded()
    with serving(file) as server:
        places = [3_000_000, 100, 7_000_000, 1_000_000, 5_000_000]
        connections = [ask(server, place) for place in places]
        assert fetch(server, "bytes=42-99") == DATA[42:100]
        for connection in connections:
            connection.close()
    read = [length for offset, length in file.reads if offset in places]
    assert read == [FIRST_CHUNK_BYTES] * len(places)


def test_who_does_not_know_the_path_neither_gets_bytes_nor_stops_the_reader() -> None:
    with serving(Recorded()) as server:
        connection = ask(server, 0)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(server.url.rpartition("/")[0], timeout=20)  # noqa: S310
        assert refused.value.code == 404
        refused.value.close()
        received = 0
        while received < SIZE_BYTES - 100_000 and (data := connection.recv(1_000_000)):
            received += len(data)
        connection.close()
        assert received >= SIZE_BYTES - 100_000


def test_the_error_of_the_source_ends_the_answer_and_is_kept() -> None:
    class Broken(Recorded):
        def read_at(self, offset: int, length: int) -> bytes:
            if offset > 100_000:
                raise OSError("the share is gone")
            return super().read_at(offset, length)

    with serving(Broken()) as server:
        with pytest.raises(http.client.IncompleteRead):
            fetch(server, "bytes=0-")
        assert str(server.error) == "the share is gone"
