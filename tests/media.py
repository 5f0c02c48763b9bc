"""Clips with known frames and tones, made by ffmpeg when first asked for, and files that are not what they seem.

`ClipLibrary(directory)["moov_end.mp4"]` is the path of a clip; tests get a library for the session as the fixture `clips`.
Pictures are ffmpeg's `testsrc2` with the frame number written in; `counter.mp4` shows the number of each frame as eight
vertical bars, bit 0 on the left, white for 1. Sound is a sine of 440 Hz.
"""

from __future__ import annotations

import struct
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COUNTER_BITS = 8
COUNTER_RATE = 25
COUNTER_FRAMES = 200


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is made: inputs, what is done to them, and which other clips it is made of."""

    arguments: tuple[str, ...]


def _picture(rate: str = "25", seconds: float = 4, size: str = "320x180") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}")


def _tone(seconds: float = 4, layout: str = "mono") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds},aformat=channel_layouts={layout}")


def _clip(*parts: tuple[str, ...] | str) -> Recipe:
    return Recipe(tuple(word for part in parts for word in ((part,) if isinstance(part, str) else part)))


_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p")
_AAC = ("-c:a", "aac", "-b:a", "64k")
_COUNTER = "color=c=black:s=320x180:r=25:d=8,format=gray,geq=lum='255*mod(floor(N/pow(2,floor(X*8/W))),2)'"
_HDR10 = "hdr10=1:log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:master-display=" + (
    "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
)

# "{name}" in an argument is the path of the clip of that name.
RECIPES: dict[str, Recipe] = {
    "moov_end.mp4": _clip(_picture(), _tone(), _H264, _AAC),
    "moov_start.mp4": _clip("-i", "{moov_end.mp4}", "-c", "copy", "-movflags", "faststart"),
    "fragmented.mp4": _clip("-i", "{moov_end.mp4}", "-c", "copy", "-movflags", "frag_keyframe+empty_moov"),
    "fragmented_bare.mp4": _clip("-i", "{moov_end.mp4}", "-c", "copy", "-movflags", "frag_keyframe+empty_moov+skip_trailer"),
    "fragmented_sidx.mp4": _clip("-i", "{moov_end.mp4}", "-c", "copy", "-movflags", "frag_keyframe+empty_moov+dash+global_sidx"),
    "counter.mp4": _clip("-f", "lavfi", "-i", _COUNTER, "-c:v", "libx264", "-g", "1", "-bf", "0", "-pix_fmt", "yuv420p", "-crf", "10"),
    "black_start.mp4": _clip(
        "-f", "lavfi", "-i", "color=c=black:s=320x180:r=25:d=3", *_picture(seconds=9),
        "-filter_complex", "[0:v][1:v]concat=n=2:v=1", _H264,
    ),
    "rotated.mp4": _clip("-i", "{moov_end.mp4}", "-c", "copy", "-metadata:s:v", "rotate=90"),
    "anamorphic.mp4": _clip(_picture(size="180x144"), "-vf", "setsar=16/11", _H264),
    "prores_df.mov": _clip(_picture("30000/1001"), _tone(), "-c:v", "prores", "-c:a", "pcm_s16le", "-timecode", "01:00:00;02"),
    "prores_ndf.mov": _clip(_picture("30000/1001"), _tone(), "-c:v", "prores", "-c:a", "pcm_s16le", "-timecode", "01:00:00:02"),
    "stereo.mov": _clip(_tone(1, "stereo"), "-c:a", "pcm_s16le"),
    "op1a.mxf": _clip(_picture(), _tone(), "-c:v", "mpeg2video", "-b:v", "5M", "-c:a", "pcm_s16le", "-ar", "48000"),
    "film.mkv": _clip(_picture("24000/1001"), _tone(), _H264, _AAC),
    "rate_25.mp4": _clip(_picture("25"), _H264),
    "rate_5994.mp4": _clip(_picture("60000/1001"), _H264),
    "vp9.webm": _clip(_picture(), _tone(), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
    "h264.ts": _clip(_picture(), _tone(), _H264, _AAC),
    "h264.m2ts": _clip(_picture(), _tone(), _H264, "-c:a", "ac3", "-mpegts_m2ts_mode", "1", "-f", "mpegts"),
    "interlaced.mpg": _clip(_picture(), "-flags", "+ildct+ilme", "-top", "1", "-c:v", "mpeg2video", "-g", "12"),
    "xvid.avi": _clip(_picture(), _tone(), "-c:v", "mpeg4", "-c:a", "mp3"),
    "wmv2.wmv": _clip(_picture(), _tone(), "-c:v", "wmv2", "-c:a", "wmav2"),
    "sorenson.flv": _clip(_picture(), _tone(), "-c:v", "flv", "-c:a", "mp3", "-ar", "44100"),
    "surround.mp4": _clip(_picture(), _tone(4, "5.1"), _H264, "-c:a", "aac", "-b:a", "192k"),
    "variable.mp4": _clip(_picture(), "-vf", "select='not(mod(n,3))+lt(n,40)'", "-vsync", "vfr", _H264),
    "hdr10.mp4": _clip(
        _picture("24", 2), "-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le",
        "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-x265-params", _HDR10,
    ),
    "tone.mp3": _clip(_tone(), "-c:a", "libmp3lame"),
    "tone.wav": _clip(_tone(), "-c:a", "pcm_s16le"),
    "recorded.mp4": _clip("-i", "{moov_end.mp4}", "-c", "copy", "-metadata", "creation_time=2024-05-06T07:08:09Z"),
}  # fmt: skip

_CHAPTERS = """;FFMETADATA1
title=포커 결승
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1500
title=시작
[CHAPTER]
TIMEBASE=1/1000
START=1500
END=4000
title=마지막 핸드
"""
_SUBTITLES = "1\n00:00:00,500 --> 00:00:02,000\n안녕하세요\n\n2\n00:00:02,500 --> 00:00:03,500\n올인입니다\n"


class ClipLibrary:
    """Clips in one directory, each made once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._making = threading.RLock()
        self._special: dict[str, Callable[[Path], None]] = {
            "korean.mkv": self._make_korean,
            "swapped_channels.mov": self._make_swapped_channels,
            "truncated.mp4": lambda path: self._cut("moov_end.mp4", path, keep=0.6),
            "cut_off.mp4": lambda path: self._cut("moov_start.mp4", path, keep=0.6),
            "cut_off.mkv": lambda path: self._cut("film.mkv", path, keep=0.6),
            "cut_off.avi": lambda path: self._cut("xvid.avi", path, keep=0.6),
            "empty.mp4": lambda path: _write(path, b""),
            "text.mp4": lambda path: _write(path, b"This is not a film.\n" * 200),
            "text.mp3": lambda path: _write(path, b"This is no song either.\n" * 200),
            "mkv_named.mp4": lambda path: _write(path, self["film.mkv"].read_bytes()),
            "mp4_named.txt": lambda path: _write(path, self["moov_end.mp4"].read_bytes()),
        }

    def __getitem__(self, name: str) -> Path:
        """The path of the clip; KeyError for an unknown name."""
        path = self.directory / name
        with self._making:  # tests ask from many threads
            if not path.exists():
                unfinished = path.with_name(f"making-{path.name}")
                if name in self._special:
                    self._special[name](unfinished)
                else:
                    self._run(*RECIPES[name].arguments, str(unfinished))
                unfinished.rename(path)
        return path

    def __iter__(self) -> Iterator[str]:
        return iter((*RECIPES, *self._special))

    def loop(self, name: str, target: str, *, times: int, arguments: tuple[str, ...] = ()) -> Path:
        """A long file: the clip `name`, copied `times` times in a row into a file named `target`."""
        path = self.directory / target
        if not path.exists():
            # The seams of MXF and TS have doubtful timestamps, which ffmpeg says once a seam.
            self._run("-loglevel", "fatal", "-stream_loop", str(times - 1), "-i", str(self[name]), "-c", "copy", *arguments, str(path))
        return path

    def _run(self, *arguments: str) -> None:
        words = [self._filled(word) for word in arguments]
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *words]
        subprocess.run(command, check=True, timeout=300)

    def _filled(self, word: str) -> str:
        return str(self[word[1:-1]]) if word.startswith("{") else word

    def _cut(self, name: str, path: Path, *, keep: float) -> None:
        data = self[name].read_bytes()
        path.write_bytes(data[: int(len(data) * keep)])

    def _make_korean(self, path: Path) -> None:
        """Matroska with Korean titles, two chapters and Korean subtitles."""
        chapters, subtitles = self.directory / "korean.txt", self.directory / "korean.srt"
        chapters.write_text(_CHAPTERS, encoding="utf-8")
        subtitles.write_text(_SUBTITLES, encoding="utf-8")
        self._run(
            *("-i", str(self["film.mkv"]), "-i", str(subtitles), "-i", str(chapters), "-map_metadata", "2", "-map_chapters", "2"),
            *("-map", "0", "-map", "1", "-c", "copy", "-c:s", "srt"),
            *("-metadata:s:a", "language=kor", "-metadata:s:s", "language=kor", "-metadata:s:s", "title=한국어 자막"),
            str(path),
        )  # fmt: skip

    def _make_swapped_channels(self, path: Path) -> None:
        """A valid MOV that lists its channels right, left: FFmpeg calls that a custom order, and PyAV aborts on it."""
        data = self["stereo.mov"].read_bytes()
        # QuickTime File Format, "chan": use descriptions (tag 0), no bitmap, two of them: label, flags, three coordinates.
        descriptions = b"".join(struct.pack("!II3f", label, 0, 0, 0, 0) for label in (2, 1))
        chan = box(b"chan", bytes(4) + struct.pack("!III", 0, 0, 2) + descriptions)
        path.write_bytes(insert_into_box(data, [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"], chan))


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


# --- boxes of MP4 and MOV ---------------------------------------------------------------------------------------------
def box(kind: bytes, payload: bytes) -> bytes:
    """One box."""
    return struct.pack("!I4s", 8 + len(payload), kind) + payload


def insert_into_box(data: bytes, path: list[bytes], new: bytes) -> bytes:
    """`data` with `new` at the end of the first sample entry of the `stsd` at `path`, all sizes above it corrected.

    For files with the index behind the media: no offset changes.
    """
    starts = []
    start, end = 0, len(data)
    for kind in path:
        start = next(position for position, found, _ in _boxes(data, start, end) if found == kind)
        starts.append(start)
        end = start + struct.unpack_from("!I", data, start)[0]
        start += 16 if kind == b"stsd" else 8  # version, flags and count come before the entries
    starts.append(start)
    result = bytearray(data)
    old_chan = next((item for item in _boxes(data, start + 16 + 36, end) if item[1] == b"chan"), None)
    if old_chan is not None:
        del result[old_chan[0] : old_chan[0] + old_chan[2]]
        new_size = len(new) - old_chan[2]
        result[old_chan[0] : old_chan[0]] = new
    else:
        new_size = len(new)
        result[end:end] = new
    for position in starts:
        struct.pack_into("!I", result, position, struct.unpack_from("!I", data, position)[0] + new_size)
    return bytes(result)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """(offset, type, size) of the boxes in [start, end)."""
    while start + 8 <= end:
        size, kind = struct.unpack_from("!I4s", data, start)
        if size < 8:
            return
        yield start, kind, size
        start += size
