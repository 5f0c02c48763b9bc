"""The ladder: one run of ffmpeg decodes a source once and writes every rung, every audio track and every text subtitle.

Each track is one file: fragmented MP4 (a fragment is a GOP), sound packaged by us, so that priming is cut and segments lie on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ffmpeg
from django.conf import settings

from streaming import encoding
from streaming.choices import TrackKind
from streaming.making import subtitles, tracks
from streaming.making.timeline import read_timeline
from streaming.making.workshop import workshop
from streaming.services.renditions import Made, MadeTrack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streaming.encoding import AudioFacts, PictureFacts, Rung, SegmentGrid, SubtitleFacts
    from streaming.making.jobs import Making
    from streaming.making.timeline import Timeline

FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"
# Gaps and overlaps of more than 20 ms are filled with silence or cut, so that sound stays where the picture is.
_SYNC = {"async": 1, "first_pts": 0, "min_hard_comp": 0.02}
# A track and nothing else: ffmpeg would make further ones of chapters and of a timecode.
BARE = {"map_metadata": -1, "map_chapters": -1, "write_tmcd": 0}
_MAX_CHANNELS_OF_A_LAYOUT = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of a file. `picture` is None for sound alone, and `rungs` empty."""

    picture: PictureFacts | None
    rungs: tuple[Rung, ...]
    grid: SegmentGrid
    audio: tuple[AudioFacts, ...]
    subtitles: tuple[SubtitleFacts, ...]
    duration: Fraction  # seconds; 0: not known

    @property
    def needed_bytes(self) -> int:
        """More than it will be, by what the encoders are allowed."""
        bps = sum(encoding.bandwidth_of(rung) for rung in self.rungs) + sum(encoding.audio_bps(one.channels) for one in self.audio)
        return int(bps * self.duration / 8)


def plan_for(making: Making) -> Plan:
    """The plan by the catalog's facts."""
    file = making.file
    picture = encoding.picture_facts(file)
    duration = encoding.duration_of(file)
    return Plan(
        picture=picture,
        rungs=encoding.rungs_for(picture) if picture else (),
        grid=encoding.grid_for(picture) if picture else encoding.audio_grid_for(duration),
        audio=encoding.audio_facts(file),
        subtitles=encoding.subtitle_facts(file),
        duration=duration,
    )


def make_ladder(making: Making) -> Made:
    """Make every track. Raises what `Making.source` and `Making.encode` raise, DiskSpaceError, EncodeIncompleteError."""
    plan = plan_for(making)
    if not plan.rungs and not plan.audio:
        raise tracks.NothingToEncodeError
    with workshop(needed_bytes=plan.needed_bytes) as directory:
        with making.source() as source:
            timeline = read_timeline(source, cancelled=making.ctx.cancelled)
            graph = graph_for(ffmpeg.input(source.url, **source.options), plan, timeline, directory)
            finished = making.encode(graph, rate=plan.picture.rate if plan.picture else None, duration=plan.duration)
        return _made(making, plan, timeline, directory, finished.cpu_ms)


def graph_for(source: Any, plan: Plan, timeline: Timeline, directory: Path) -> Any:
    """The one graph of ffmpeg-python: an output file per track, named by it."""
    outputs = list(_video_outputs(source, plan, plan.picture, timeline, directory)) if plan.picture else []
    outputs += [sound_output(source, audio, timeline, directory) for audio in plan.audio]
    outputs += [subtitle_output(source, subtitle, directory) for subtitle in plan.subtitles]
    return ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]


def _video_outputs(source: Any, plan: Plan, picture: PictureFacts, timeline: Timeline, directory: Path) -> Iterator[Any]:
    """Each rung from the one above it: scaling down a picture that is small already is cheap."""
    stream = encoding.video_filters(timeline.shifted(source[str(picture.stream_index)]), picture, plan.rungs[0])
    for number, rung in enumerate(plan.rungs):
        if number:
            stream = encoding.scaled_down(stream, rung)
        own = stream
        if number + 1 < len(plan.rungs):
            both = stream.filter_multi_output("split")
            own, stream = both[0], both[1]
        options = encoding.video_options(rung, plan.grid)
        yield ffmpeg.output(own, str(directory / f"{rung.name}.mp4"), f="mp4", movflags=FRAGMENTS, **BARE, **options)


def sound_output(source: Any, audio: AudioFacts, timeline: Timeline, directory: Path) -> Any:
    """An audio track, encoded, as ADTS in `<name>.aac`: for `store_audio`."""
    sound = sound_of(source, audio, timeline)
    return ffmpeg.output(sound, str(directory / f"{audio.name}.aac"), f="adts", **encoding.audio_options(audio.channels))


def subtitle_output(source: Any, subtitle: SubtitleFacts, directory: Path) -> Any:
    """A subtitle track as WebVTT in `<name>.vtt`: for `store_subtitles`."""
    return ffmpeg.output(source[str(subtitle.stream_index)], str(directory / f"{subtitle.name}.vtt"), f="webvtt", **{"c:s": "webvtt"})


def sound_of(source: Any, audio: AudioFacts, timeline: Timeline) -> Any:
    """The samples of an audio stream from media time 0 on, without holes."""
    sound = source[str(audio.stream_index)]
    if audio.source_channels > _MAX_CHANNELS_OF_A_LAYOUT:
        sound = sound.filter("pan", "stereo|c0=c0|c1=c1")  # so many have no meaning that ffmpeg knows
    return timeline.shifted(sound, is_audio=True).filter("aresample", encoding.AUDIO_RATE_HZ, **_SYNC)


# --- what was made ----------------------------------------------------------------------------------------------------
def _made(making: Making, plan: Plan, timeline: Timeline, directory: Path, cpu_ms: int) -> Made:
    made, frames = _store_video(making, plan, directory)
    made += [track for audio in plan.audio if (track := store_audio(making, audio, plan.grid, directory)) is not None]
    if not made:
        raise tracks.NothingToEncodeError
    seconds = max(map(duration_of_track, made))
    made += [store_subtitles(making, subtitle, timeline, seconds, directory) for subtitle in plan.subtitles]
    top = plan.rungs[0] if plan.rungs else None
    return Made(
        tracks=made,
        details={"method": "ladder", "frames": frames, "rate": [plan.grid.rate.numerator, plan.grid.rate.denominator] if top else None},
        cpu_ms=cpu_ms,
        width_px=top.width_px if top else None,
        height_px=top.height_px if top else None,
        preset=f"ladder {settings.MAM_PRESETS['hls']['speed']}",
    )


def _store_video(making: Making, plan: Plan, directory: Path) -> tuple[list[MadeTrack], int]:
    made, frames = [], 0
    for rung in plan.rungs:
        path = directory / f"{rung.name}.mp4"
        packed, frames = tracks.index_video(path, plan.grid)
        made.append(
            MadeTrack(
                object=making.put(path.name, path, content_type=tracks.VIDEO_TYPE),
                name=rung.name,
                kind=TrackKind.VIDEO,
                width_px=rung.width_px,
                height_px=rung.height_px,
                frame_rate_num=plan.grid.rate.numerator,
                frame_rate_den=plan.grid.rate.denominator,
                **tracks.measures(packed),
            )
        )
        path.unlink()
    return made, frames


def store_audio(making: Making, audio: AudioFacts, grid: SegmentGrid, directory: Path) -> MadeTrack | None:
    """Package and store what was encoded as `<name>.aac`; None if there was no sound in it."""
    encoded, path = directory / f"{audio.name}.aac", directory / f"{audio.name}.mp4"
    packed = tracks.pack_audio(encoded, path, grid, channels=audio.channels, language=audio.language)
    encoded.unlink()
    return stored_sound(making, audio, packed, path, channels=audio.channels) if packed else None


def stored_sound(making: Making, audio: AudioFacts, packed: tracks.Packed, path: Path, *, channels: int) -> MadeTrack:
    """Store the packaged track at `path`, which goes."""
    made = MadeTrack(
        object=making.put(path.name, path, content_type=tracks.AUDIO_TYPE),
        name=audio.name,
        kind=TrackKind.AUDIO,
        language=audio.language,
        title=audio.title,
        is_default=audio.is_default,
        channels=channels,
        **tracks.measures(packed),
    )
    path.unlink()
    return made


def duration_of_track(track: MadeTrack) -> Fraction:
    """Seconds."""
    return sum((Fraction(segment[0]) for segment in track.segments), Fraction(0)) / track.timescale


def store_subtitles(making: Making, subtitle: SubtitleFacts, timeline: Timeline, seconds: Fraction, directory: Path) -> MadeTrack:
    """Store what was written as `<name>.vtt` as one segment of `seconds`."""
    path = directory / f"{subtitle.name}.vtt"
    data = subtitles.for_stream(path.read_text(encoding="utf-8", errors="replace"), timeline.zero).encode()
    ticks = round(seconds * 1000)
    return MadeTrack(
        object=making.put(path.name, data, content_type=tracks.SUBTITLE_TYPE),
        name=subtitle.name,
        kind=TrackKind.SUBTITLE,
        language=subtitle.language,
        title=subtitle.title,
        is_default=subtitle.is_default,
        timescale=1000,
        average_bps=round(8000 * len(data) / ticks),
        peak_bps=round(8000 * len(data) / ticks),
        segments=[[ticks, len(data)]],
    )
