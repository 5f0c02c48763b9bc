"""AAC that was copied, as a track: even packets without holes, from media time 0 on, cut at the borders of the picture's segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mam.lib.media import aac, fmp4
from streaming.making.tracks import EncodeIncompleteError, Packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction
    from pathlib import Path
    from typing import BinaryIO

_MAX_DRIFT_S = 0.05  # of a packet from its place among even ones: containers round, but do not lose


class UnfitSoundError(Exception):
    """The packets have holes, or are no plain AAC."""


class _Packet(NamedTuple):
    """Where a packet lies in the file, and when it sounds, in samples from media time 0."""

    at: int
    offset: int
    size_bytes: int


def pack_copied(source: Path, target: Path, *, borders: Sequence[Fraction], zero: Fraction, channels: int, language: str) -> Packed | None:
    """The fragmented MP4 `source` as a track in `target`; None if there is nothing in it from media time 0 on.

    Args:
        borders: where the picture's segments end, in seconds.
        zero: media time 0 on the clock of `source`, in seconds.

    Raises UnfitSoundError.
    """
    with source.open("rb") as file:
        try:
            track = fmp4.read_track(file)
        except fmp4.Fmp4Error as error:
            raise EncodeIncompleteError(detail=str(error)) from error
        rate_hz = track.init.timescale
        packets = [packet for packet in _even(_packets(file, track, round(zero * rate_hz)), rate_hz) if packet.at >= 0]
        if not packets:
            return None
        init = aac.init(track.init.audio_config, channels=channels, timescale=rate_hz, language=language)
        segments: list[tuple[int, int]] = []
        with target.open("wb") as out:
            out.write(init)
            for batch in _batches(packets, [border * rate_hz for border in borders]):
                data = aac.fragment(list(_read(file, batch)), decode_time=batch[0].at, sequence=len(segments) + 1)
                out.write(data)
                segments.append((len(batch) * aac.PACKET_SAMPLES, len(data)))
    return Packed(track.init.codecs, rate_hz, len(init), tuple(segments))


def _packets(file: BinaryIO, track: fmp4.FragmentedTrack, zero: int) -> Iterator[_Packet]:
    for fragment in track.fragments:
        file.seek(fragment.offset)
        for sample in fmp4.read_samples(file.read(fragment.head_bytes), track.init.defaults):
            yield _Packet(sample.decode_time - zero, fragment.offset + sample.offset, sample.size_bytes)


def _even(packets: Iterator[_Packet], rate_hz: int) -> Iterator[_Packet]:
    """The packets, each right after the one before it. UnfitSoundError where that is not where it was."""
    first: int | None = None
    for number, packet in enumerate(packets):
        first = packet.at if first is None else first
        place = first + number * aac.PACKET_SAMPLES
        if abs(packet.at - place) > _MAX_DRIFT_S * rate_hz:
            raise UnfitSoundError(f"the sound has a hole or an overlap after {number} packets")
        yield packet._replace(at=place)


def _batches(packets: Sequence[_Packet], borders: Sequence[Fraction]) -> Iterator[list[_Packet]]:
    """Packets by the segment in which they begin; what comes after the last border belongs to the last segment."""
    batch: list[_Packet] = []
    index = 0
    for packet in packets:
        if index < len(borders) - 1 and packet.at >= borders[index]:
            if batch:
                yield batch
            batch = []
            while index < len(borders) - 1 and packet.at >= borders[index]:
                index += 1
        batch.append(packet)
    yield batch


def _read(file: BinaryIO, batch: Sequence[_Packet]) -> Iterator[aac.Packet]:
    """The bytes of packets that lie in a row, but for what is between two fragments."""
    start, end = batch[0].offset, batch[-1].offset + batch[-1].size_bytes
    file.seek(start)
    data = file.read(end - start)
    for packet in batch:
        yield aac.Packet(data[packet.offset - start : packet.offset - start + packet.size_bytes], aac.PACKET_SAMPLES)
