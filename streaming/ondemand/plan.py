"""What can be made of a file on demand, from the catalog's facts alone: tracks, their measures, and where segments lie.

Nothing is read from the source: a playlist exists before the first byte of the file was looked at.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

from django.conf import settings

from mam.lib.media import aac
from streaming import encoding
from streaming.choices import TrackKind
from streaming.ondemand.errors import SegmentMissingError
from streaming.tokens import version_of

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.models import MediaFile
    from streaming.encoding import AudioFacts, PictureFacts, Rung, SegmentGrid
    from streaming.stores.hot import HotCache

AUDIO_CODECS = "mp4a.40.2"  # AAC-LC
_REVISION = 1  # of how segments are encoded: another one where old and new segments of a track would not fit together
_AUDIO_OVERHEAD = Fraction(105, 100)  # what packaging and a lively encoder add to the nominal rate


@dataclass(frozen=True, slots=True)
class OnDemandTrack:
    """One track as a playlist names it. Bandwidths are declared: what the encoder is held to, not what it will need."""

    name: str  # "v720", "a0"
    kind: TrackKind
    codecs: str  # RFC 6381
    average_bps: int
    peak_bps: int
    width_px: int | None = None
    height_px: int | None = None
    rate: Fraction | None = None
    channels: int | None = None
    language: str = ""
    title: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class OnDemandPlan:
    """A version of a file, cut into segments on one grid for all tracks."""

    file_id: int
    version: str  # `streaming.tokens.version_of` its fingerprint
    picture: PictureFacts | None
    grid: SegmentGrid
    rungs: tuple[Rung, ...]  # largest first; empty for sound alone
    audio: tuple[AudioFacts, ...]

    @property
    def tracks(self) -> tuple[OnDemandTrack, ...]:
        """Video tracks, largest first, then audio tracks in the order of the file."""
        return (*(self._video(rung) for rung in self.rungs), *(_audio(facts) for facts in self.audio))

    def durations_of(self, track: str) -> list[Fraction]:
        """Seconds of each segment of a track, in order. Sound is cut at whole packets, so its durations differ a little."""
        segments = range(self.grid.count)
        if self.find_rung(track) is not None:
            return [self.grid.duration_of(index) for index in segments]
        packets = [self.first_packet(index) for index in range(self.grid.count + 1)]
        return [Fraction((packets[i + 1] - packets[i]) * aac.PACKET_SAMPLES, encoding.AUDIO_RATE_HZ) for i in segments]

    def first_packet(self, index: int) -> int:
        """The first AAC packet of a segment; for `grid.count`, the number of packets until nothing is left of the timeline."""
        if index < self.grid.count:
            return self.grid.first_packet(index)
        end = ceil(self.grid.duration * encoding.AUDIO_RATE_HZ / aac.PACKET_SAMPLES)
        return max(end, self.grid.first_packet(self.grid.count - 1) + 1)  # the last segment is never empty

    def find_rung(self, track: str) -> Rung | None:
        """The size that a video track has; None if `track` is none."""
        return next((rung for rung in self.rungs if rung.name == track), None)

    def find_audio(self, track: str) -> AudioFacts | None:
        """The stream that an audio track is made from; None if `track` is none."""
        return next((facts for facts in self.audio if facts.name == track), None)

    def check(self, track: str, index: int = 0) -> None:
        """SegmentMissingError unless there is such a segment."""
        if (self.find_rung(track) or self.find_audio(track)) is None or not 0 <= index < self.grid.count:
            raise SegmentMissingError

    def _video(self, rung: Rung) -> OnDemandTrack:
        return OnDemandTrack(
            name=rung.name,
            kind=TrackKind.VIDEO,
            codecs=encoding.codecs_of(rung),
            average_bps=rung.max_bps,
            peak_bps=encoding.bandwidth_of(rung),
            width_px=rung.width_px,
            height_px=rung.height_px,
            rate=self.grid.rate,
        )


def segments_directory(cache: HotCache, *, file_id: int, version: str, track: str) -> Path:
    """Where the segments of a track lie in the cache. Those of other presets lie elsewhere: in one track they would not fit together."""
    digest = _digest(json.dumps([_REVISION, settings.MAM_PRESETS["hls"]], sort_keys=True))
    return cache.directory_of(file_id=file_id, fingerprint=f"{version}-{digest}", track=track)


@lru_cache(maxsize=8)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def plan_for(file: MediaFile) -> OnDemandPlan | None:
    """The plan of `file`; None where the catalog knows no duration, picture or sound. Reads the file's streams."""
    picture, audio = encoding.picture_facts(file), encoding.audio_facts(file)
    if picture is not None:
        grid, rungs = encoding.grid_for(picture), encoding.rungs_for(picture)
    else:
        grid, rungs = encoding.audio_grid_for(encoding.duration_of(file)), ()
    if grid.count == 0 or not (rungs or audio):
        return None
    return OnDemandPlan(file.pk, version_of(file.fingerprint), picture, grid, rungs, audio)


def _audio(facts: AudioFacts) -> OnDemandTrack:
    bps = int(encoding.audio_bps(facts.channels) * _AUDIO_OVERHEAD)
    return OnDemandTrack(
        name=facts.name,
        kind=TrackKind.AUDIO,
        codecs=AUDIO_CODECS,
        average_bps=bps,
        peak_bps=bps,
        channels=facts.channels,
        language=facts.language,
        title=facts.title,
        is_default=facts.is_default,
    )
