"""Playlists over a real server as ffmpeg reads them: prepared, by copy and on demand, each without a warning."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from ingest.models import ScanMode
from ingest.services import scans
from mam.jobs.testing import run_pending
from streaming import tokens
from streaming.choices import RenditionKind, RenditionState
from streaming.services import renditions
from tests.frame_clips import Numbered, make
from tests.streaming.conftest import Viewer
from tests.streaming.rfc8216 import read_media, read_multivariant

if TYPE_CHECKING:
    from catalog.models import MediaFile
    from tests.fixtures.asgi_server import AsgiServer
    from tests.streaming.conftest import Shelf

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.media, pytest.mark.timeout(300)]

RATE = Fraction(30000, 1001)
SECONDS = 9
MPEG2 = ("-c:v", "mpeg2video", "-b:v", "2M", "-c:a", "pcm_s16le")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "60", "-sc_threshold", "0", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "aac")


def shelve(shelf: Shelf, name: str, options: tuple[str, ...]) -> MediaFile:
    """A clip that a scan found and a probe understood."""
    path = make(shelf.root / name, Numbered(RATE, int(SECONDS * RATE), options))
    settled_s = path.stat().st_mtime - 3600
    os.utime(path, (settled_s, settled_s))
    scans.request_scan(source=shelf.source, mode=ScanMode.FULL, user=None)
    run_pending("fast")
    return shelf.source.files.select_related("folder", "source").get(name=name)


def prepare(file: MediaFile) -> None:
    rendition = renditions.want(file=file, kind=RenditionKind.HLS)
    run_pending("media", kinds=["streaming.hls"])
    rendition.refresh_from_db()
    assert rendition.state == RenditionState.READY, (rendition.error_code, rendition.log_tail)


def frames_and_complaints(url: str) -> tuple[int, str]:
    """How many frames of the first picture ffmpeg decodes, and everything it has to say from a warning on."""
    command = ["ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames"]
    done = subprocess.run([*command, "-of", "csv=p=0", url], capture_output=True, text=True, timeout=120, check=True)
    return int(done.stdout.split()[0]), done.stderr


@pytest.mark.parametrize(
    ("name", "options", "is_prepared", "query"),
    [
        ("prepared.mxf", MPEG2, True, ""),
        ("copied.mkv", H264, True, ""),
        ("ondemand.mxf", MPEG2, False, ""),
        ("broken.mxf", MPEG2, True, "?on_demand=1"),
    ],
    ids=["prepared", "remux", "on-demand", "fallback"],
)
def test_ffmpeg_reads_every_frame_without_a_warning(
    asgi_server: AsgiServer, shelf: Shelf, name: str, options: tuple[str, ...], is_prepared: bool, query: str
) -> None:
    file = shelve(shelf, name, options)
    if is_prepared:
        prepare(file)
    base = f"/hls/{tokens.issue(file, session_key=None).text}/"
    viewer = Viewer(asgi_server)
    main = read_multivariant(viewer.get(f"{base}main.m3u8{query}")[1].decode())
    for uri in main.uris():
        read_media(viewer.get(base + uri)[1].decode())
    frames, complaints = frames_and_complaints(f"{asgi_server.url}{base}main.m3u8{query}")
    assert (frames, complaints) == (int(SECONDS * RATE), "")
