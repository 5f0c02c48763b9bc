"""How a file is encoded for players: sizes, rates, the segment grid, filters and options of ffmpeg. Facts in, plain values out.

Prepared and on-demand segments stand in one playlist, so both are encoded by what is written here and by nothing else.
Presets come from `settings.MAM_PRESETS`.
"""

from streaming.encoding.facts import AudioFacts, PictureFacts, SubtitleFacts, audio_facts, duration_of, picture_facts, subtitle_facts
from streaming.encoding.graphs import audio_bps, audio_options, scaled_down, video_filters, video_options
from streaming.encoding.grid import AUDIO_RATE_HZ, SegmentGrid, audio_grid_for, grid_for, make_grid, timescale_of
from streaming.encoding.rungs import Rung, bandwidth_of, codecs_of, rung_of, rungs_for

__all__ = [
    "AUDIO_RATE_HZ",
    "AudioFacts",
    "PictureFacts",
    "Rung",
    "SegmentGrid",
    "SubtitleFacts",
    "audio_bps",
    "audio_facts",
    "audio_grid_for",
    "audio_options",
    "bandwidth_of",
    "codecs_of",
    "duration_of",
    "grid_for",
    "make_grid",
    "picture_facts",
    "rung_of",
    "rungs_for",
    "scaled_down",
    "subtitle_facts",
    "timescale_of",
    "video_filters",
    "video_options",
]
