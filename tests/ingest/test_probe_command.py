"""`manage.py probe PATH`."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

if TYPE_CHECKING:
    from tests.ingest.conftest import Archive
    from tests.media import ClipLibrary


def probe(*arguments: str, **options: Any) -> str:
    output = io.StringIO()
    call_command("probe", *arguments, stdout=output, **options)
    return output.getvalue()


def test_it_shows_what_is_in_a_local_file(clips: ClipLibrary) -> None:
    shown = probe(str(clips["korean.mkv"]))
    assert "h264" in shown and "320×180" in shown
    assert "마지막 핸드" in shown


def test_it_says_it_as_json_too(clips: ClipLibrary) -> None:
    found = json.loads(probe(str(clips["prores_df.mov"]), json=True))
    assert found["description"]["start_timecode"] == "01:00:00;02"
    assert found["bytes_read"] < 300_000


def test_it_reads_from_a_source(archive: Archive, clips: ClipLibrary) -> None:
    archive.put("WSOP/결승.mkv", clips["film.mkv"].read_bytes())
    assert "24000/1001 fps" in probe("archive:WSOP/결승.mkv").replace("\n", " ")


@pytest.mark.parametrize("name", ["text.mp4", "empty.mp4", "truncated.mp4"])
def test_it_fails_where_nothing_is_understood(name: str, clips: ClipLibrary) -> None:
    with pytest.raises(CommandError):
        probe(str(clips[name]))


@pytest.mark.parametrize("path", ["/not/there.mp4", "nowhere:a.mp4", "archive:not/there.mp4", "archive:../../etc/passwd"])
def test_it_fails_where_nothing_is(path: str, archive: Archive) -> None:
    with pytest.raises(CommandError):
        probe(path)
