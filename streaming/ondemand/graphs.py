"""The ffmpeg calls of encoder runs: from a segment on, one track, into a pipe.

Timestamps stay those of the source (`-copyts`) until a filter subtracts the exact start of the run: so every run, wherever it begins,
puts a frame or sample at the same place of the timeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ffmpeg

from mam.lib.media import aac
from streaming import encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streaming.encoding import AudioFacts, Rung
    from streaming.inputs import SourceInput
    from streaming.ondemand.clock import SourceClock
    from streaming.ondemand.plan import OnDemandPlan

FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"
PREROLL_PACKETS = 4  # encoded before the first that is kept: an encoder's bit reservoir and block switching have a memory
# Where ffmpeg cannot seek to a keyframe, it has to begin so much earlier to have seen one.
_BLIND_MARGIN_S = Fraction(3)
_TAIL_MARGIN_S = Fraction(8)  # so much longer than what can be decoded may the catalog's duration be
# Nothing of the source beside the stream: time codes and chapters would become tracks.
_BARE = {"map_metadata": -1, "map_chapters": -1, "write_tmcd": 0}
_SOUND_MARGIN_S = Fraction(1)  # containers interleave, and seek to the picture
_SYNC = {"async": 1, "first_pts": 0, "min_hard_comp": 0.02}  # as prepared tracks: gaps and overlaps above 20 ms are evened out
_MAX_CHANNELS_OF_A_LAYOUT = 8


@dataclass(frozen=True, slots=True)
class Input:
    """What a run reads: a source, its clock, and how far ffmpeg analyses it first.

    `is_padded`: the picture stands still after its end, for a file that is shorter than the catalog says.
    """

    source: SourceInput
    clock: SourceClock
    effort: Mapping[str, int]
    is_padded: bool = False

    def opened(self, at: Fraction) -> Any:
        """The input of ffmpeg-python, from before `at` seconds of the source's clock; from the start where that is near."""
        options = self.source.options | dict(self.effort)
        if at > self.clock.zero + Fraction(1, 10):
            # What lies before is not cut by ffmpeg (`-accurate_seek`), which would round, but by the filters.
            options |= {"ss": f"{float(at):.6f}", "seek_timestamp": 1, "noaccurate_seek": None}
        return ffmpeg.input(self.source.url, **options)


def video_graph(given: Input, plan: OnDemandPlan, rung: Rung, index: int) -> Any:
    """From the first frame of segment `index` to the end, as fragmented MP4 (a fragment is a GOP) that begins at time 0."""
    picture, grid = plan.picture, plan.grid
    if picture is None:
        raise ValueError("there is no picture")
    start = given.clock.zero + grid.start_of(index)
    video = given.opened(start - _video_margin(given, plan, index))[str(picture.stream_index)]
    video = video.filter("setpts", f"round(PTS-({start.numerator}/{start.denominator})/TB)")
    if given.is_padded:
        video = video.filter("tpad", stop_mode="clone", stop=-1)  # `frames:v` ends it
    video = encoding.video_filters(video, picture, rung)
    options = encoding.video_options(rung, grid) | {"frames:v": grid.total_frames - grid.first_frame(index)}
    return ffmpeg.output(video, "pipe:1", f="mp4", movflags=FRAGMENTS, **_BARE, **options).global_args("-copyts")


def _video_margin(given: Input, plan: OnDemandPlan, index: int) -> Fraction:
    """How many seconds before the first frame to begin reading; with an index, half a frame after it finds the keyframe before it."""
    frame = 1 / plan.grid.rate
    if given.is_padded:
        return _TAIL_MARGIN_S
    if not given.clock.has_index:
        return _BLIND_MARGIN_S
    return 2 * frame if plan.picture and plan.picture.is_interlaced else -frame / 2  # a deinterlacer looks back


def audio_graph(given: Input, plan: OnDemandPlan, facts: AudioFacts, index: int) -> Any:
    """From `first_packet_of` segment `index` on, as ADTS; silence after the sound has ended."""
    sound = given.clock.sounds[facts.stream_index]
    start = given.clock.zero + Fraction(first_packet_of(plan, index) * aac.PACKET_SAMPLES, encoding.AUDIO_RATE_HZ)
    audio = given.opened(start - _SOUND_MARGIN_S)[str(facts.stream_index)]
    if facts.source_channels > _MAX_CHANNELS_OF_A_LAYOUT:
        audio = audio.filter("pan", "stereo|c0=c0|c1=c1")  # so many have no meaning that ffmpeg knows
    at = "PTS*TB"
    if sound.step is not None:  # every packet begins a whole number of packets after the first: undo the container's rounding
        at = f"round(({at}-({_text(sound.start)}))/({_text(sound.step)}))*({_text(sound.step)})+({_text(sound.start)})"
    audio = audio.filter("asetpts", f"round(({at}-({_text(start)}))*SR)")
    audio = audio.filter("atrim", start_pts=0).filter("aresample", encoding.AUDIO_RATE_HZ, **_SYNC).filter("apad")
    return ffmpeg.output(audio, "pipe:1", f="adts", **encoding.audio_options(facts.channels)).global_args("-copyts")


def first_packet_of(plan: OnDemandPlan, index: int) -> int:
    """The packet with which the sound of a run begins: some before the first of its segment, whose encoder then has warmed up."""
    return max(0, plan.first_packet(index) - PREROLL_PACKETS)


def _text(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
