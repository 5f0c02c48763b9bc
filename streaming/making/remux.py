"""The stream by copy: H.264 and AAC as they are, in segments that begin with their own keyframes; other sound is encoded beside it.

ffmpeg copies each track into a fragmented MP4. Then the pictures get the exact times of their rate, in place, and the sound is cut at
the borders of the picture's segments.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ffmpeg

from mam.lib.media import fmp4, h264, retiming
from streaming import encoding
from streaming.choices import TrackKind
from streaming.making import ladder, tracks
from streaming.making.copied_sound import UnfitSoundError, pack_copied
from streaming.making.timeline import read_timeline
from streaming.making.workshop import workshop
from streaming.services.renditions import Made, MadeTrack

if TYPE_CHECKING:
    from pathlib import Path

    from streaming.encoding import AudioFacts, PictureFacts
    from streaming.making.jobs import Making
    from streaming.making.ladder import Plan
    from streaming.making.timeline import Timeline

TRACK = "v0"
SEGMENT_S = 4  # a segment ends with the GOP that reaches it
MAX_GOP_S = 10  # players fetch and decode so much after a seek
_TRIAL_S = 30
_FRAGMENT_US = 1_000_000  # at least: of what is all keyframes not each is a fragment
_SOUND_FRAGMENT_US = 10_000_000
_HEAD_BYTES = 64 * 1024  # of a sample: what comes before its first slice
# Added to the times of sound, which may begin before media time 0: the times in a file are never negative.
SOUND_OFFSET_S = 10
_SOUND_FLAGS = "delay_moov+default_base_moof+skip_trailer+frag_discont"


class UnfitForCopyError(Exception):
    """The file cannot be cut into segments as it is: it has to be encoded. Says why, for the log."""


@dataclass(frozen=True, slots=True)
class _Copied:
    """The picture's track after its times were made exact."""

    packed: tracks.Packed
    frames: int
    borders: tuple[Fraction, ...]  # seconds at which segments end


def make_remux(making: Making) -> Made:
    """Make every track. UnfitForCopyError, and what `ladder.make_ladder` raises."""
    plan = ladder.plan_for(making)
    picture = plan.picture
    if picture is None or picture.is_variable or picture.rate * 101 < (making.file.frame_rate or 0) * 100:
        raise UnfitForCopyError("no constant rate of at most 60 frames a second")
    with workshop(needed_bytes=making.file.size_bytes) as directory:
        with making.source() as source:
            timeline = read_timeline(source, cancelled=making.ctx.cancelled)
            if plan.duration > 4 * _TRIAL_S:
                _try(making, ffmpeg.input(source.url, t=_TRIAL_S, **source.options), picture, directory)
            graph = _graph(ffmpeg.input(source.url, **source.options), plan, picture, timeline, directory)
            finished = making.encode(graph, rate=picture.rate, duration=plan.duration)
        return _made(making, plan, picture, timeline, directory, finished.cpu_ms)


def _try(making: Making, source: Any, picture: PictureFacts, directory: Path) -> None:
    """Copy the beginning only: most files that are unfit show it there, and are not read as a whole for nothing."""
    path = directory / f"{TRACK}.mp4"
    making.encode(_picture_output(source, picture, path), rate=picture.rate, duration=Fraction(_TRIAL_S))
    _retime(path, picture, is_cut=True)
    path.unlink()


def _graph(source: Any, plan: Plan, picture: PictureFacts, timeline: Timeline, directory: Path) -> Any:
    outputs = [_picture_output(source, picture, directory / f"{TRACK}.mp4")]
    for audio in plan.audio:
        outputs.append(
            _copied_sound(source, audio, directory) if audio.is_copyable else ladder.sound_output(source, audio, timeline, directory)
        )
    outputs += [ladder.subtitle_output(source, subtitle, directory) for subtitle in plan.subtitles]
    return ffmpeg.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]


def _picture_output(source: Any, picture: PictureFacts, path: Path) -> Any:
    return ffmpeg.output(
        source[str(picture.stream_index)],
        str(path),
        f="mp4",
        movflags=f"{ladder.FRAGMENTS}+negative_cts_offsets",
        min_frag_duration=_FRAGMENT_US,
        video_track_timescale=encoding.timescale_of(picture.rate),
        **ladder.BARE,
        **{"c:v": "copy"},
    )


def _copied_sound(source: Any, audio: AudioFacts, directory: Path) -> Any:
    return ffmpeg.output(
        source[str(audio.stream_index)],
        str(directory / f"{audio.name}.copy.mp4"),
        f="mp4",
        movflags=_SOUND_FLAGS,
        frag_duration=_SOUND_FRAGMENT_US,
        use_editlist=0,
        avoid_negative_ts="disabled",
        output_ts_offset=SOUND_OFFSET_S,
        **ladder.BARE,
        **{"c:a": "copy", "bsf:a": "aac_adtstoasc"},
    )


# --- what was made ----------------------------------------------------------------------------------------------------
def _made(making: Making, plan: Plan, picture: PictureFacts, timeline: Timeline, directory: Path, cpu_ms: int) -> Made:
    path = directory / f"{TRACK}.mp4"
    copied = _retime(path, picture)
    video = MadeTrack(
        object=making.put(path.name, path, content_type=tracks.VIDEO_TYPE),
        name=TRACK,
        kind=TrackKind.VIDEO,
        width_px=picture.width_px,
        height_px=picture.height_px,
        frame_rate_num=picture.rate.numerator,
        frame_rate_den=picture.rate.denominator,
        **tracks.measures(copied.packed),
    )
    path.unlink()
    sounds = [_store_sound(making, audio, plan, timeline, copied, directory) for audio in plan.audio]
    made = [video, *(sound for sound in sounds if sound is not None)]
    seconds = max(map(ladder.duration_of_track, made))
    made += [ladder.store_subtitles(making, subtitle, timeline, seconds, directory) for subtitle in plan.subtitles]
    return Made(
        tracks=made,
        details={"method": "remux", "frames": copied.frames, "rate": [picture.rate.numerator, picture.rate.denominator]},
        cpu_ms=cpu_ms,
        width_px=picture.width_px,
        height_px=picture.height_px,
        preset="remux",
    )


def _store_sound(making: Making, audio: AudioFacts, plan: Plan, timeline: Timeline, copied: _Copied, directory: Path) -> MadeTrack | None:
    if not audio.is_copyable:
        return ladder.store_audio(making, audio, plan.grid, directory)
    source, path = directory / f"{audio.name}.copy.mp4", directory / f"{audio.name}.mp4"
    zero = timeline.zero + SOUND_OFFSET_S
    try:
        packed = pack_copied(source, path, borders=copied.borders, zero=zero, channels=audio.source_channels, language=audio.language)
    except UnfitSoundError as error:
        raise UnfitForCopyError(str(error)) from error
    return ladder.stored_sound(making, audio, packed, path, channels=audio.source_channels) if packed else None


def _retime(path: Path, picture: PictureFacts, *, is_cut: bool = False) -> _Copied:
    """Give every frame its exact time, in the file, and look at every fragment: closed, gapless, not too long. UnfitForCopyError.

    `is_cut`: the file ends somewhere in its last fragment, in the order of decoding, so that frames shown before others are missing there.
    """
    ticks = int(encoding.timescale_of(picture.rate) / picture.rate)
    fragments: list[fmp4.Fragment] = []
    with path.open("r+b") as file:
        try:
            track = fmp4.read_track(file)
            length_bytes = h264.nal_length_bytes(track.init.data)
            frame = 0
            for fragment in track.fragments[:-1] if is_cut and len(track.fragments) > 1 else track.fragments:
                fragments.append(_retime_fragment(file, track, fragment, ticks, frame, length_bytes))
                frame += fragment.samples
        except (fmp4.Fmp4Error, retiming.IrregularError) as error:
            raise UnfitForCopyError(str(error)) from error
    longest = max(fragment.samples for fragment in fragments) / picture.rate
    if longest > MAX_GOP_S:
        raise UnfitForCopyError(f"keyframes are up to {float(longest):.1f} s apart")
    segments = _segments(fragments, int(SEGMENT_S * track.init.timescale))
    packed = tracks.packed(track.init, segments)
    ends = [Fraction(parts[-1].decode_time + parts[-1].duration, packed.timescale) for parts in segments]
    return _Copied(packed, frame, tuple(ends))


def _retime_fragment(
    file: Any, track: fmp4.FragmentedTrack, fragment: fmp4.Fragment, ticks: int, frame: int, length_bytes: int
) -> fmp4.Fragment:
    file.seek(fragment.offset)
    head = file.read(fragment.head_bytes)
    patched, samples = retiming.on_grid(head, track.init.defaults, origin=track.fragments[0].start, ticks=ticks, frame=frame)
    file.seek(fragment.offset + samples.offsets[0])
    if not h264.begins_with_idr(file.read(min(samples.sizes[0], _HEAD_BYTES)), length_bytes):
        raise UnfitForCopyError(f"no IDR picture at frame {frame}")
    file.seek(fragment.offset)
    file.write(patched)
    return fmp4.Fragment(
        offset=fragment.offset,
        head_bytes=fragment.head_bytes,
        size_bytes=fragment.size_bytes,
        decode_time=frame * ticks,
        duration=fragment.samples * ticks,
        start=frame * ticks,
        samples=fragment.samples,
        is_sync=True,
    )


def _segments(fragments: list[fmp4.Fragment], least_ticks: int) -> list[list[fmp4.Fragment]]:
    """Whole fragments, as many as reach `least_ticks`."""
    segments: list[list[fmp4.Fragment]] = []
    for fragment in fragments:
        if not segments or sum(part.duration for part in segments[-1]) >= least_ticks:
            segments.append([])
        segments[-1].append(fragment)
    return segments
