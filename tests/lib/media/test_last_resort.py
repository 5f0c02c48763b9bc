"""`ffprobe` on a loopback range server, for what the library cannot open."""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mam.lib.media import Budget, LocalFile, Reason, Stage
from mam.lib.media.ffprobe import describe_with_ffprobe
from mam.lib.media.rangeserver import serving
from tests.lib.media.readers import MemoryFile

if TYPE_CHECKING:
    from mam.lib.media import MediaWorkers
    from tests.media import ClipLibrary

PLENTY = Budget(bytes=64 * 1024 * 1024, requests=2000, seconds=30)


@pytest.mark.parametrize("name", ["moov_end.mp4", "op1a.mxf", "film.mkv", "h264.ts", "rotated.mp4", "prores_df.mov", "tone.mp3"])
def test_it_says_what_the_library_says(name: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    with LocalFile(clips[name]) as file:
        theirs = describe_with_ffprobe(file, budget=PLENTY)
        ours = media_workers.probe(file, name=name)
    assert theirs.ok and theirs.description is not None and ours.description is not None
    assert theirs.stage is Stage.FFPROBE
    assert theirs.description.rotation == ours.description.rotation
    assert theirs.description.start_timecode == ours.description.start_timecode
    assert [(stream.kind, stream.codec) for stream in theirs.description.streams] == [
        (stream.kind, stream.codec) for stream in ours.description.streams
    ]


def test_it_stays_within_its_budget(clips: ClipLibrary) -> None:
    file = MemoryFile.of(clips["op1a.mxf"])
    outcome = describe_with_ffprobe(file, budget=Budget(bytes=100_000, requests=2000, seconds=30))
    assert outcome.reason is Reason.BUDGET
    assert sum(length for _, length in file.reads) <= 100_000


def test_it_ends_in_time(clips: ClipLibrary) -> None:
    never = threading.Event()

    def wait(number: int) -> None:
        never.wait(0.3)

    outcome = describe_with_ffprobe(MemoryFile.of(clips["op1a.mxf"], before_read=wait), budget=Budget(1 << 26, 1000, 0.5))
    assert outcome.reason is Reason.TIMEOUT


def test_errors_of_the_source_reach_the_caller(clips: ClipLibrary) -> None:
    def fail(number: int) -> None:
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        describe_with_ffprobe(MemoryFile.of(clips["op1a.mxf"], before_read=fail), budget=PLENTY)


def test_the_server_answers_ranges_of_one_path_on_loopback() -> None:
    data = bytes(range(256)) * 1000
    with serving(MemoryFile(data), PLENTY) as server:
        address = urlsplit(server.url)
        assert address.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=10)
        for header, status, body in [
            ("bytes=10-19", 206, data[10:20]),
            ("bytes=255990-", 206, data[255_990:]),
            ("bytes=255990-999999", 206, data[255_990:]),
            ("bytes=256000-", 416, b""),
        ]:
            connection.request("GET", address.path, headers={"Range": header})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, body)
        connection.request("GET", "/another/media")
        assert connection.getresponse().status == 404
        connection.close()
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=10).request("GET", address.path)
