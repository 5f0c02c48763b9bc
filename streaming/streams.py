"""What the HLS stream of a file consists of now: tracks that lie prepared in the store, and tracks whose segments are made on demand.

Reads only. Both kinds lie on one grid, so they stand in one playlist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streaming import playlists, selectors
from streaming.choices import ObjectState, RenditionKind, TrackKind
from streaming.errors import StreamPartMissingError
from streaming.languages import names_of, tag_of
from streaming.models import Track
from streaming.ondemand.plan import OnDemandPlan, OnDemandTrack, plan_for

if TYPE_CHECKING:
    from catalog.models import MediaFile

REMUX_TRACK = "v0"
AnyTrack = Track | OnDemandTrack


@dataclass(frozen=True, slots=True)
class Stream:
    """The tracks of one version of a file. `plan` None: nothing can be made on demand."""

    prepared: dict[str, Track]
    plan: OnDemandPlan | None
    is_damaged: bool  # a picture or a sound was made and is not what it was
    is_online: bool  # the source answers, as far as is known

    @property
    def is_whole(self) -> bool:
        """Everything that belongs to it is prepared. By today's presets: of an older stream, what it lacks is made on demand."""
        if REMUX_TRACK in self.prepared:
            return not self.is_damaged
        wanted = {track.name for track in self.plan.tracks} if self.plan else {REMUX_TRACK}
        return wanted <= self.prepared.keys()

    @property
    def is_playable(self) -> bool:
        """Something to see, or for a file without picture to hear, is prepared."""
        kinds = {track.kind for track in self.prepared.values()}
        return TrackKind.VIDEO in kinds or (TrackKind.AUDIO in kinds and (self.plan is None or not self.plan.rungs))

    def tracks(self, *, is_on_demand: bool) -> list[AnyTrack]:
        """What a player may choose from: a whole stream as it is, else what is prepared and all that can be made.

        `is_on_demand`: as if no picture and no sound were prepared, for a player that found one broken. Without its source nothing can
        be made, so that what is prepared is all there is.
        """
        if self.plan is None or (self.is_whole and not is_on_demand) or (self.is_playable and not self.is_online):
            return list(self.prepared.values())
        subtitles = [track for track in self.prepared.values() if track.kind == TrackKind.SUBTITLE]
        usable = {} if is_on_demand else self.prepared
        return [*(usable.get(track.name, track) for track in self.plan.tracks), *subtitles]

    def find(self, name: str, *, is_on_demand: bool) -> AnyTrack:
        """One of `tracks`. StreamPartMissingError."""
        for track in self.tracks(is_on_demand=is_on_demand):
            if track.name == name:
                return track
        raise StreamPartMissingError


def get_stream(file: MediaFile, *, with_segments: bool = False) -> Stream:
    """The stream of the present version of `file` (with source): one query, and its streams. Segments are long lists: only
    `with_segments`.
    """
    tracks = Track.objects.filter(rendition__file=file, rendition__kind=RenditionKind.HLS, rendition__made_from=file.fingerprint)
    tracks = tracks.select_related("object", "rendition").order_by("pk")
    if not with_segments:
        tracks = tracks.defer("segments")
    intact = {track.name: track for track in tracks if track.object.state == ObjectState.SOUND}
    is_damaged = any(track.name not in intact and track.kind != TrackKind.SUBTITLE for track in tracks)
    return Stream(intact, plan_for(file), is_damaged, selectors.is_online(file))


def main_playlist(tracks: Sequence[AnyTrack], *, query: str = "") -> str:
    """The multivariant playlist of `tracks`; `query` goes to each of their playlists."""
    sounds = _of_kind(tracks, TrackKind.AUDIO)
    subtitles = _of_kind(tracks, TrackKind.SUBTITLE)
    return playlists.multivariant(
        [_video_entry(track, query) for track in _of_kind(tracks, TrackKind.VIDEO)],
        [_sound_entry(track, name, query) for track, name in zip(sounds, _names(sounds), strict=True)],
        [
            playlists.SubtitleEntry(f"{track.name}.m3u8{query}", name, tag_of(track.language), track.is_default)
            for track, name in zip(subtitles, _names(subtitles), strict=True)
        ],
    )


def track_playlist(track: AnyTrack, plan: OnDemandPlan | None, *, address: Callable[[str], str], base: str) -> str:
    """The media playlist of one track. `address`: of an object of the store; `base`: what addresses of made segments begin with."""
    if isinstance(track, OnDemandTrack):
        if plan is None:
            raise StreamPartMissingError
        segments = playlists.one_by_one(plan.durations_of(track.name), lambda index: f"{base}{track.name}/{index}.m4s")
        return playlists.media(segments, playlists.InitSegment(f"{base}{track.name}/init.mp4"))
    uri = address(track.object.name)
    if track.kind == TrackKind.SUBTITLE:
        return playlists.media(playlists.whole(uri, timescale=track.timescale, ticks=sum(one[0] for one in track.segments)), None)
    segments = list(playlists.back_to_back(uri, timescale=track.timescale, first_byte=track.init_bytes, segments=track.segments))
    return playlists.media(segments, playlists.InitSegment(uri, track.init_bytes))


def _of_kind(tracks: Sequence[AnyTrack], kind: TrackKind) -> list[AnyTrack]:
    return [track for track in tracks if track.kind == kind]


def _names(tracks: Sequence[AnyTrack]) -> list[str]:
    return names_of((track.title, track.language) for track in tracks)


def _video_entry(track: AnyTrack, query: str) -> playlists.VideoEntry:
    return playlists.VideoEntry(
        uri=f"{track.name}.m3u8{query}",
        codecs=track.codecs,
        width_px=track.width_px or 0,
        height_px=track.height_px or 0,
        rate=track.rate if isinstance(track, OnDemandTrack) else track.frame_rate,
        peak_bps=track.peak_bps,
        average_bps=track.average_bps,
    )


def _sound_entry(track: AnyTrack, name: str, query: str) -> playlists.SoundEntry:
    return playlists.SoundEntry(
        uri=f"{track.name}.m3u8{query}",
        name=name,
        language=tag_of(track.language),
        is_default=track.is_default,
        channels=track.channels or 2,
        codecs=track.codecs,
        peak_bps=track.peak_bps,
        average_bps=track.average_bps,
    )
