"""Files on a real SMB server are understood over the wire: from little of each, with either login, and while the server fails."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest

from catalog.choices import ProbeState
from catalog.models import MediaFile, Source
from catalog.services import sources
from catalog.services.file_systems import close_file_system
from catalog.services.sources import Credentials
from ingest.models import ProbeResult
from ingest.services import probing, scans
from mam.jobs.models import JobState
from mam.jobs.testing import run_pending
from mam.lib.sources import Timing
from mam.lib.sources.errors import TransientError
from tests.lib.sources.conftest import open_smb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from tests.fixtures.smbd import SmbServer
    from tests.media import ClipLibrary

pytestmark = [pytest.mark.smb, pytest.mark.django_db]

OLD = time.time() - 40 * 24 * 3600
CLIPS = {
    "WSOP/결승.mp4": "moov_end.mp4",
    "WSOP/master.mov": "prores_df.mov",
    "WSOP/half.mp4": "truncated.mp4",
    "HCL/talk.mp4": "text.mp4",
    "HCL/tone.wav": "tone.wav",
}
PADDING_BYTES = 64 * 1024 * 1024


@pytest.fixture(autouse=True)
def _no_steps(settings: Settings) -> None:
    settings.MAM_INGEST_STEPS = []


@pytest.fixture(params=["smb", "smb_encrypted"])
def server(request: pytest.FixtureRequest) -> SmbServer:
    """A server per login: pysmb's, smbprotocol's."""
    found: SmbServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def nas(server: SmbServer, clips: ClipLibrary) -> Iterator[Source]:
    """The share as a source, filled with clips and scanned."""
    for path, clip in CLIPS.items():
        target = server.root / path
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(clips[clip], target)
        os.utime(target, (OLD, OLD))
    source = sources.create_source(name="nas", url=server.url, credentials=Credentials(server.username, server.password), user=None)
    scan(source)
    yield source
    close_file_system(source.pk)


def scan(source: Source) -> None:
    scans.request_scan(source=source, mode="full", user=None)
    assert run_pending("fast", kinds=[scans.SCAN_KIND])[-1].state == JobState.SUCCEEDED


def probe(source: Source) -> str:
    """Run the analysis with all its retries; returns the job's state."""
    scans.request_probe_of_pending(source=source)
    state: str = run_pending("fast", kinds=[scans.PROBE_KIND])[-1].state
    return state


def by_name(name: str) -> MediaFile:
    return MediaFile.objects.get(name=name)


def states() -> dict[str, str]:
    return dict(MediaFile.objects.values_list("name", "probe_state"))


DESCRIBED = {"결승.mp4": "done", "master.mov": "done", "half.mp4": "failed", "talk.mp4": "failed", "tone.wav": "done"}


def test_what_lies_on_a_share_is_understood(nas: Source) -> None:
    assert probe(nas) == JobState.SUCCEEDED
    assert states() == DESCRIBED
    film, master = by_name("결승.mp4"), by_name("master.mov")
    assert (film.video_codec, film.audio_codec, film.width_px, film.height_px, film.duration_ms) == ("h264", "aac", 320, 180, 4000)
    assert (master.start_timecode, master.is_drop_frame, str(master.frame_rate)) == ("01:00:00;02", True, "30000/1001")
    assert (by_name("half.mp4").probe_reason, by_name("talk.mp4").probe_reason) == ("truncated", "unsupported")


def test_little_of_a_long_file_goes_over_the_wire(nas: Source, server: SmbServer) -> None:
    """An index behind 64 MiB of pictures is found by a few ranged reads."""
    long = server.root / "WSOP" / "long.mp4"
    clip = (server.root / "WSOP" / "결승.mp4").read_bytes()
    at = clip.index(b"mdat") - 4
    size = int.from_bytes(clip[at : at + 4], "big")
    header = (size + PADDING_BYTES).to_bytes(4, "big") + b"mdat"
    with long.open("wb") as file:
        file.write(clip[:at] + header + clip[at + 8 : at + size])
        file.seek(PADDING_BYTES, os.SEEK_CUR)
        file.write(clip[at + size :])
    os.utime(long, (OLD, OLD))
    scan(nas)

    assert probe(nas) == JobState.SUCCEEDED

    file_row = by_name("long.mp4")
    assert (file_row.probe_state, file_row.duration_ms, file_row.video_codec) == ("done", 4000, "h264")
    cost = ProbeResult.objects.get(file=file_row)
    assert 0 < cost.bytes_read < file_row.size_bytes / 100
    assert cost.requests <= 6


def test_a_server_that_is_away_fails_no_file(nas: Source, server: SmbServer) -> None:
    server.kill()
    fs = open_smb(server, timing=Timing(sleep=lambda _seconds: None))
    with pytest.raises(TransientError):
        probing.run_pending(source=nas, fs=fs)
    assert set(states().values()) == {ProbeState.PENDING}
    assert not ProbeResult.objects.exists()

    server.restart()

    assert probe(nas) == JobState.SUCCEEDED
    assert states() == DESCRIBED


def test_a_server_killed_while_files_are_read_costs_time_and_nothing_else(nas: Source, server: SmbServer) -> None:
    ended = threading.Event()
    chance = random.Random(3)

    def kill_now_and_then() -> None:
        for _ in range(5):
            if ended.wait(chance.uniform(0.01, 0.1)):
                return
            server.kill_children()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        state = probe(nas)
    finally:
        ended.set()
        killer.join()
    if state != JobState.SUCCEEDED:
        assert probe(nas) == JobState.SUCCEEDED
    assert states() == DESCRIBED


def test_one_file_is_looked_at_by_its_path_on_the_share(nas: Source) -> None:
    assert probing.probe_path("nas:WSOP/결승.mp4").ok
