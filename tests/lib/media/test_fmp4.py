"""Fragmented MP4 and AAC packets, as ffmpeg writes and reads them."""

from __future__ import annotations

import io
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from mam.lib.media import aac, fmp4

if TYPE_CHECKING:
    from pathlib import Path

    from tests.media import ClipLibrary

FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"


def ffmpeg(*words: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *words], check=True, timeout=60)


def packets_of(path: Path) -> list[dict[str, Any]]:
    """What ffprobe says of each packet."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_packets", str(path)]
    output = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    packets: list[dict[str, Any]] = json.loads(output)["packets"]
    return packets


@pytest.fixture(scope="module")
def video(clips: ClipLibrary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with B-frames, a fragment each second."""
    path = tmp_path_factory.mktemp("fmp4") / "video.mp4"
    flags = f"{FRAGMENTS}+negative_cts_offsets"
    ffmpeg("-i", str(clips["moov_end.mp4"]), "-map", "0:v", "-c:v", "libx264", "-g", "25", "-bf", "2", "-movflags", flags, str(path))
    return path


@pytest.fixture(scope="module")
def adts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("aac") / "tone.aac"
    ffmpeg("-f", "lavfi", "-i", "sine=f=440:r=48000:d=3", "-ac", "2", "-c:a", "aac", "-f", "adts", str(path))
    return path


def test_a_file_is_indexed_without_a_hole(video: Path) -> None:
    with video.open("rb") as file:
        track = fmp4.read_track(file)
    assert (track.init.timescale, track.init.codecs) == (12800, f"avc1.{track.init.codecs[5:]}")
    assert [fragment.samples for fragment in track.fragments] == [25, 25, 25, 25]
    assert all(fragment.is_sync for fragment in track.fragments)
    assert [fragment.decode_time for fragment in track.fragments] == [0, 12800, 25600, 38400]
    assert [fragment.start for fragment in track.fragments] == [0, 12800, 25600, 38400]
    position = len(track.init.data)
    for fragment in track.fragments:
        assert fragment.offset == position
        position += fragment.size_bytes
    assert position == video.stat().st_size


def test_samples_are_those_that_ffprobe_sees(video: Path) -> None:
    data = video.read_bytes()
    track = fmp4.read_track(io.BytesIO(data))
    found: list[tuple[int, ...]] = []
    for fragment in track.fragments:
        moof = next(fmp4.boxes(data, fragment.offset))
        samples = fmp4.read_samples(data[moof.start : moof.end], track.init.defaults)
        places = [fragment.offset + offset for offset in samples.offsets]
        found += zip(samples.decode_times, samples.shown, samples.sizes, samples.syncs, places, strict=True)
    packets = packets_of(video)
    shift = packets[0]["pts"]  # its demuxer avoids presentation before decoding
    shown = [(one["dts"], one["pts"] - shift, int(one["size"]), "K" in one["flags"], int(one["pos"])) for one in packets]
    assert found == shown


def test_fragments_can_be_moved_in_time(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    track = fmp4.read_track(io.BytesIO(data))
    last = track.fragments[-1]
    moved = fmp4.restamped(data[last.offset : last.offset + last.size_bytes], decode_time=12800 * 7200, sequence=1801)
    (tmp_path / "moved.mp4").write_bytes(track.init.data + moved)
    packets = packets_of(tmp_path / "moved.mp4")
    assert len(packets) == 25
    assert [packet["dts"] for packet in packets] == [12800 * 7200 + 512 * number for number in range(25)]


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_file_that_is_not_whole_is_refused(video: Path, kept: float) -> None:
    data = video.read_bytes()
    with pytest.raises(fmp4.Fmp4Error):
        fmp4.read_track(io.BytesIO(data[: int(kept if kept > 1 else len(data) * kept)]))


def test_a_file_in_which_nothing_is_lacks_only_fragments(video: Path) -> None:
    init = fmp4.read_track(io.BytesIO(video.read_bytes())).init.data
    with pytest.raises(fmp4.NoFragmentError):
        fmp4.read_track(io.BytesIO(init))


def test_what_is_no_fragmented_mp4_is_refused(clips: ClipLibrary) -> None:
    for name in ("moov_start.mp4", "film.mkv", "fragmented.mp4"):  # the last has two tracks
        with clips[name].open("rb") as file, pytest.raises(fmp4.Fmp4Error):
            fmp4.read_track(file)


def test_packets_come_out_of_adts_however_it_is_cut(adts: Path) -> None:
    data = adts.read_bytes()
    whole = aac.AdtsReader().feed(data)
    assert len(whole) == 142  # one of priming, 140.6 of sound
    reader = aac.AdtsReader()
    assert [packet for start in range(0, len(data), 97) for packet in reader.feed(data[start : start + 97])] == whole
    assert (reader.config.hex(), aac.rate_of(reader.config)) == ("1190", 48_000)  # AAC-LC, 48 kHz, stereo


def test_other_bytes_are_no_adts() -> None:
    with pytest.raises(aac.AdtsError):
        aac.AdtsReader().feed(b"RIFF" * 10)


def test_our_fragments_are_what_ffmpeg_reads(adts: Path, tmp_path: Path) -> None:
    reader = aac.AdtsReader()
    packets = reader.feed(adts.read_bytes())[1:]
    first, second = packets[:94], packets[94:]
    out = tmp_path / "tone.mp4"
    out.write_bytes(
        aac.init(reader.config, channels=2, timescale=48_000, language="kor")
        + aac.fragment(first, decode_time=0, sequence=1)
        + aac.fragment(second, decode_time=94 * 1024, sequence=2)
    )
    with out.open("rb") as file:
        track = fmp4.read_track(file)
    assert (track.init.codecs, track.init.timescale, track.init.audio_config) == ("mp4a.40.2", 48_000, reader.config)
    assert [(fragment.samples, fragment.decode_time) for fragment in track.fragments] == [(94, 0), (47, 94 * 1024)]
    assert track.fragments[1].duration == 47 * 1024
    shown = packets_of(out)
    assert [packet["dts"] for packet in shown] == [1024 * number for number in range(141)]
    assert [int(packet["size"]) for packet in shown] == [len(packet) for packet in packets]
    ffmpeg("-xerror", "-i", str(out), "-f", "null", "-")


def test_surround_and_languages_are_said(tmp_path: Path) -> None:
    path = tmp_path / "surround.aac"
    ffmpeg("-f", "lavfi", "-i", "sine=f=440:r=48000:d=1,aformat=channel_layouts=5.1", "-c:a", "aac", "-f", "adts", str(path))
    reader = aac.AdtsReader()
    packets = reader.feed(path.read_bytes())
    out = tmp_path / "surround.mp4"
    init = aac.init(reader.config, channels=6, timescale=48_000, language="english")
    out.write_bytes(init + aac.fragment(packets, decode_time=0, sequence=1))
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", str(out)]
    stream = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)["streams"][0]
    assert (stream["channels"], stream["channel_layout"], stream["tags"]["language"]) == (6, "5.1", "und")
