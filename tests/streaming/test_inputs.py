"""Source files for ffmpeg: whatever the source, what is read is the catalogued version, and failures have the viewer's words."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from catalog.models import MediaFile, Source
from streaming.errors import MediaChangedError, MediaGoneError, MediaSourceOfflineError
from streaming.inputs import ffmpeg_input
from tests.factories import make_file, make_source
from tests.streaming.conftest import Shelf, noise

if TYPE_CHECKING:
    from tests.fixtures.smbd import SmbServer
    from tests.media import ClipLibrary

pytestmark = [pytest.mark.django_db, pytest.mark.media]


def frames_of(file: MediaFile, *more: str) -> int:
    """What ffmpeg counts, reading as the product has it read."""
    with ffmpeg_input(file) as source:
        options = [word for name, value in source.options.items() for word in (f"-{name}", str(value))]
        command = ["ffmpeg", "-v", "error", *options, *more, "-i", source.url, "-map", "0:v", "-f", "null", "-progress", "pipe:1", "-"]
        done = subprocess.run(command, capture_output=True, check=True)
        source.verify()
    return int([line for line in done.stdout.decode().splitlines() if line.startswith("frame=")][-1].removeprefix("frame="))


def on_share(smb: SmbServer, data: bytes) -> MediaFile:
    (smb.root / "결승.mp4").write_bytes(data)
    source = make_source("nas", url=smb.url)
    from catalog.services.sources import Credentials, set_credentials  # noqa: PLC0415

    set_credentials(source=source, credentials=Credentials(smb.username, smb.password), user=None)
    status = (smb.root / "결승.mp4").stat()
    return make_file("결승.mp4", source=source, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns // 100 * 100)


def test_a_local_file_is_read_where_it_lies(shelf: Shelf, clips: ClipLibrary) -> None:
    file = shelf.put("a b'c.mp4", clips["counter.mp4"].read_bytes())
    with ffmpeg_input(file) as source:
        assert source.url == f"file:{shelf.root}/a b'c.mp4"
    assert frames_of(file) == 200
    assert frames_of(file, "-ss", "6") == 50


def test_a_local_file_of_a_limited_source_is_read_through_its_limit(shelf: Shelf, clips: ClipLibrary) -> None:
    Source.objects.filter(pk=shelf.source.pk).update(read_limit_bytes_per_s=500_000_000)
    shelf.source.refresh_from_db()
    file = shelf.put("a.mp4", clips["counter.mp4"].read_bytes())
    with ffmpeg_input(file) as source:
        assert source.url.startswith("http://127.0.0.1:")
    assert frames_of(file) == 200


@pytest.mark.smb
def test_a_file_on_a_share_is_read_through_the_loopback(smb: SmbServer, clips: ClipLibrary) -> None:
    file = on_share(smb, clips["counter.mp4"].read_bytes())
    assert frames_of(file) == 200
    assert frames_of(file, "-ss", "6") == 50


@pytest.mark.smb
def test_a_share_that_goes_away_is_offline(smb: SmbServer, clips: ClipLibrary) -> None:
    file = on_share(smb, clips["counter.mp4"].read_bytes())
    with pytest.raises(MediaSourceOfflineError), ffmpeg_input(file) as source:
        smb.kill()
        source.verify()
    smb.restart()


def test_another_version_is_not_read(shelf: Shelf) -> None:
    file = shelf.put("a.mp4", noise(1000))
    with pytest.raises(MediaChangedError), ffmpeg_input(file) as source:
        os.utime(shelf.root / "a.mp4", (1, 1))
        source.verify()
    with pytest.raises(MediaChangedError), ffmpeg_input(file):
        pass


def test_a_file_that_is_gone_says_so(shelf: Shelf) -> None:
    file = shelf.put("a.mp4", noise(1000))
    (shelf.root / "a.mp4").unlink()
    with pytest.raises(MediaGoneError), ffmpeg_input(file):
        pass


def test_a_playlist_under_the_name_of_a_film_opens_nothing(shelf: Shelf) -> None:
    file = shelf.put("a.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n/etc/hostname\n")
    with pytest.raises(subprocess.CalledProcessError):
        frames_of(file)
