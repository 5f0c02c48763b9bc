"""What an encoder wrote, as tracks of a stream: segments on the grid, their measures, and the object that holds them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

from mam.lib.errors import MamError, gettext_noop
from mam.lib.media import aac, fmp4
from streaming.encoding import AUDIO_RATE_HZ, timescale_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streaming.encoding import SegmentGrid

_CHUNK_BYTES = 1024 * 1024
VIDEO_TYPE, AUDIO_TYPE, SUBTITLE_TYPE = "video/mp4", "audio/mp4", "text/vtt"


class EncodeIncompleteError(MamError):
    """The encoder ended well, and yet what it wrote cannot be played."""

    code = "encode_incomplete"
    template = gettext_noop("What was encoded is not complete: %(detail)s")


class NothingToEncodeError(EncodeIncompleteError):
    code = "nothing_to_encode"
    template = gettext_noop("Neither picture nor sound of the file can be decoded.")


@dataclass(frozen=True, slots=True)
class Packed:
    """A track in one file: an init segment, then the segments without holes."""

    codecs: str
    timescale: int
    init_bytes: int
    segments: tuple[tuple[int, int], ...]  # (duration in ticks, length in bytes)

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return Fraction(sum(ticks for ticks, _ in self.segments), self.timescale)

    @property
    def average_bps(self) -> int:
        """Over the whole track."""
        return round(8 * sum(size for _, size in self.segments) / self.duration)

    @property
    def peak_bps(self) -> int:
        """Of the largest segment (RFC 8216, 4.1); one that is shorter than half of the longest counts with the one before it."""
        longest = max(ticks for ticks, _ in self.segments)
        rows: list[tuple[int, int]] = []
        for ticks, size in self.segments:
            if rows and ticks * 2 < longest:
                ticks, size = ticks + rows[-1][0], size + rows[-1][1]
                rows.pop()
            rows.append((ticks, size))
        return max(round(Fraction(8 * size * self.timescale, ticks)) for ticks, size in rows)


def index_video(path: Path, grid: SegmentGrid) -> tuple[Packed, int]:
    """(track, frames) of a fragmented MP4 that `encoding.video_options` made: a fragment is a GOP.

    EncodeIncompleteError if a frame is missing between the first and the last, or a segment does not begin with a keyframe.
    """
    with path.open("rb") as file:
        track = _read(file)
    if track.init.timescale != timescale_of(grid.rate):
        raise EncodeIncompleteError(detail=f"{track.init.timescale} ticks a second")
    ticks_per_frame = int(track.init.timescale / grid.rate)
    segments: list[list[fmp4.Fragment]] = []
    frames = 0
    for fragment in track.fragments:
        if fragment.decode_time != frames * ticks_per_frame or fragment.duration != fragment.samples * ticks_per_frame:
            raise EncodeIncompleteError(detail=f"a gap after frame {frames}")
        if not fragment.is_sync or frames % grid.frames_per_gop:
            raise EncodeIncompleteError(detail=f"no keyframe at frame {frames}")
        if frames % grid.frames_per_segment == 0:
            segments.append([])
        segments[-1].append(fragment)
        frames += fragment.samples
    return packed(track.init, segments), frames


def _read(file: BinaryIO) -> fmp4.FragmentedTrack:
    try:
        return fmp4.read_track(file)
    except fmp4.Fmp4Error as error:
        raise EncodeIncompleteError(detail=str(error)) from error


def packed(init: fmp4.Init, segments: Sequence[Sequence[fmp4.Fragment]]) -> Packed:
    """The measures of a file that is `init` and then `segments`, each of whole fragments."""
    return Packed(
        codecs=init.codecs,
        timescale=init.timescale,
        init_bytes=len(init.data),
        segments=tuple((sum(one.duration for one in parts), sum(one.size_bytes for one in parts)) for parts in segments),
    )


def pack_audio(source: Path, target: Path, grid: SegmentGrid, *, channels: int, language: str) -> Packed | None:
    """An ADTS file that `encoding.audio_options` made, from media time 0 on, as a track of `grid`; None if there is no sound in it.

    The encoder's priming is cut off: packet k covers samples [1024 k, 1024 (k + 1)) of the timeline.
    """
    reader = aac.AdtsReader()
    segments: list[tuple[int, int]] = []
    with source.open("rb") as file, target.open("wb") as out:
        packets = _after_priming(file_chunks(file), reader)
        first = next(packets, None)
        if first is None:
            return None
        init = aac.init(reader.config, channels=channels, timescale=AUDIO_RATE_HZ, language=language)
        out.write(init)
        position = 0
        for batch in _batches(first, packets, grid):
            data = aac.fragment(batch, decode_time=position * aac.PACKET_SAMPLES, sequence=len(segments) + 1)
            out.write(data)
            segments.append((len(batch) * aac.PACKET_SAMPLES, len(data)))
            position += len(batch)
    return Packed(fmp4.read_init(init).codecs, AUDIO_RATE_HZ, len(init), tuple(segments))


def file_chunks(file: BinaryIO) -> Iterator[bytes]:
    """The rest of an open file, a megabyte at a time."""
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def _after_priming(chunks: Iterator[bytes], reader: aac.AdtsReader) -> Iterator[bytes]:
    is_first = True
    for chunk in chunks:
        for packet in reader.feed(chunk):
            if not is_first:
                yield packet
            is_first = False


def _batches(first: bytes, rest: Iterator[bytes], grid: SegmentGrid) -> Iterator[list[bytes]]:
    """Packets by segment; sound that goes on after the picture has segments of the same length."""
    batch, number, index = [first], 1, 1
    for packet in rest:
        if number == grid.first_packet(index):
            yield batch
            batch, index = [], index + 1
        batch.append(packet)
        number += 1
    yield batch


def measures(track: Packed) -> dict[str, Any]:
    """The fields of a `MadeTrack` that come from the bytes."""
    return {
        "codecs": track.codecs,
        "timescale": track.timescale,
        "init_bytes": track.init_bytes,
        "segments": track.segments,
        "average_bps": track.average_bps,
        "peak_bps": track.peak_bps,
    }
