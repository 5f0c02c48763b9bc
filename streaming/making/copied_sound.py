"""AAC that was copied, as a track: even packets without holes, from media time 0 on, cut at the borders of the picture's segments."""

from __future__ import annotations

from array import array
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from mam.lib.media import aac, fmp4
from streaming.making.tracks import EncodeIncompleteError, Packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

_MAX_DRIFT_S = 0.05  # of a packet from its place among even ones: containers round, but do not lose


class UnfitSoundError(Exception):
    """The packets have holes, or are no plain AAC."""


class _Packets:
    """Where the packets of a track lie in its file, in numbers of eight bytes: a day has four million of them."""

    def __init__(self, file: BinaryIO, track: fmp4.FragmentedTrack) -> None:
        """UnfitSoundError unless each is right after the one before it."""
        self._file = file
        self._offsets, self._sizes = array("q"), array("q")
        self.start = track.fragments[0].decode_time  # of the first packet, in samples
        for fragment in track.fragments:
            file.seek(fragment.offset)
            samples = fmp4.read_samples(file.read(fragment.head_bytes), track.init.defaults)
            self._check(samples.decode_times, track.init.timescale)
            self._offsets.extend([fragment.offset + offset for offset in samples.offsets])
            self._sizes.extend(samples.sizes)

    def __len__(self) -> int:
        return len(self._sizes)

    def _check(self, times: Sequence[int], rate_hz: int) -> None:
        place = self.start + len(self) * aac.PACKET_SAMPLES
        if max(abs(time - place - number * aac.PACKET_SAMPLES) for number, time in enumerate(times)) > _MAX_DRIFT_S * rate_hz:
            raise UnfitSoundError(f"the sound has a hole or an overlap after {len(self)} packets")

    def read(self, first: int, end: int) -> tuple[Sequence[int], bytes]:
        """(sizes, the packets one after the other)."""
        offsets, sizes = self._offsets[first:end], self._sizes[first:end]
        self._file.seek(offsets[0])
        data = self._file.read(offsets[-1] + sizes[-1] - offsets[0])
        if len(data) > sum(sizes):  # there is a head between two fragments
            starts = [offset - offsets[0] for offset in offsets]
            data = b"".join(data[start : start + size] for start, size in zip(starts, sizes, strict=True))
        return sizes, data


def pack_copied(source: Path, target: Path, *, borders: Sequence[Fraction], zero: Fraction, channels: int, language: str) -> Packed | None:
    """The fragmented MP4 `source` as a track in `target`; None if there is nothing in it from media time 0 on.

    Args:
        borders: where the picture's segments end, in seconds.
        zero: media time 0 on the clock of `source`, in seconds.

    Raises UnfitSoundError, EncodeIncompleteError.
    """
    with source.open("rb") as file:
        try:
            track = fmp4.read_track(file)
        except fmp4.NoFragmentError:
            return None
        except fmp4.Fmp4Error as error:
            raise EncodeIncompleteError(detail=str(error)) from error
        rate_hz = track.init.timescale
        packets = _Packets(file, track)
        start = packets.start - round(zero * rate_hz)
        init = aac.init(track.init.audio_config, channels=channels, timescale=rate_hz, language=language)
        segments: list[tuple[int, int]] = []
        with target.open("wb") as out:
            out.write(init)
            for first, end in _cut(start, len(packets), [border * rate_hz for border in borders]):
                decode_time = start + first * aac.PACKET_SAMPLES
                data = aac.fragment_of(*packets.read(first, end), decode_time=decode_time, sequence=len(segments) + 1)
                out.write(data)
                segments.append(((end - first) * aac.PACKET_SAMPLES, len(data)))
    return Packed(track.init.codecs, rate_hz, len(init), tuple(segments)) if segments else None


def _cut(start: int, count: int, borders: Sequence[Fraction]) -> Iterator[tuple[int, int]]:
    """(first packet, the one after the last) of each segment, by where packets begin; those after the last border belong to the last one.

    `start` is the time of packet 0, `borders` are times, in samples; packets before time 0 are in no segment.
    """
    edges = [min(count, max(0, ceil((border - start) / aac.PACKET_SAMPLES))) for border in (Fraction(0), *borders[:-1])]
    return ((first, end) for first, end in pairwise([*edges, count]) if first < end)
