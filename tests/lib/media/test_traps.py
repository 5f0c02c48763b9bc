"""Measured misbehaviour of the library, each with what we do about it: a change of it should be noticed here."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mam.lib.media import Kind, LocalFile
from tests.lib.media.readers import MemoryFile

if TYPE_CHECKING:
    from mam.lib.media import MediaWorkers
    from tests.media import ClipLibrary

_NAIVE = "import av, sys\nwith av.open(sys.argv[1]) as c: print(c.streams.audio[0].layout.name)"
_PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{address}\n#EXT-X-ENDLIST\n"


def test_a_custom_channel_order_aborts_the_library_and_not_us(clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    path = clips["swapped_channels.mov"]
    naive = subprocess.run([sys.executable, "-c", _NAIVE, str(path)], capture_output=True, timeout=60, check=False)
    assert naive.returncode == -signal.SIGABRT
    for _ in range(3):  # a second free would come with the next file
        with LocalFile(path) as file:
            outcome = media_workers.probe(file, name=path.name)
        assert outcome.ok and outcome.description is not None
        audio = outcome.description.first(Kind.AUDIO)
        assert audio is not None
        assert (audio.channels, audio.channel_layout, audio.sample_rate_hz) == (2, "2 channels (FR+FL)", 48000)


@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8", "a.ffconcat"])
@pytest.mark.parametrize(
    "content", [_PLAYLIST, "ffconcat version 1.0\nfile '{address}'\n", "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"]
)
def test_a_file_never_makes_us_open_another(name: str, content: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    data = content.format(address=clips["moov_end.mp4"]).encode()
    outcome = media_workers.probe(MemoryFile(data), name=name)
    assert not outcome.ok


@pytest.mark.parametrize("name", ["fragmented.mp4", "fragmented_bare.mp4", "fragmented_sidx.mp4"])
def test_fragments_are_not_walked_one_by_one(name: str, clips: ClipLibrary, media_workers: MediaWorkers) -> None:
    flags = {"fragmented.mp4": "", "fragmented_bare.mp4": "+skip_trailer", "fragmented_sidx.mp4": "+dash+global_sidx"}[name]
    path = clips.loop("moov_end.mp4", f"long_{name}", times=150, arguments=("-movflags", f"frag_keyframe+empty_moov{flags}"))
    with LocalFile(path) as file:
        outcome = media_workers.probe(file, name=name)
    assert outcome.ok and outcome.description is not None and outcome.description.duration_ms is not None
    assert outcome.description.duration_ms == pytest.approx(602_000, abs=4_000)
    assert outcome.bytes_read < 1_500_000  # of 54 MB
    assert outcome.requests <= 10


@pytest.mark.parametrize(
    ("clip", "target", "arguments"),
    [
        ("moov_end.mp4", "long.mp4", ()),
        ("prores_df.mov", "long.mov", ()),
        ("film.mkv", "long.mkv", ()),
        ("h264.ts", "long.ts", ()),
        ("op1a.mxf", "long.mxf", ()),
        ("xvid.avi", "long.avi", ()),
    ],
)
def test_long_files_are_understood_from_a_little_of_them(
    clip: str, target: str, arguments: tuple[str, ...], clips: ClipLibrary, media_workers: MediaWorkers
) -> None:
    path = clips.loop(clip, target, times=150, arguments=arguments)
    with LocalFile(path) as file:
        outcome = media_workers.probe(file, name=target)
    assert outcome.ok
    assert outcome.bytes_read < 0.05 * path.stat().st_size
    assert outcome.bytes_read < 3_500_000
    assert outcome.requests <= 16
