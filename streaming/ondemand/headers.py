"""Init segments, made without touching the source: a player asks for them before anything else.

They depend on the size, the rate and the colours alone (`stitchable` keeps x264 from adapting them to the content), so one black frame
through the same filters and options has the same headers as the film.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import ffmpeg as ffmpeg_python

from mam.lib import ffmpeg, process
from mam.lib.media import aac, fmp4
from streaming import encoding
from streaming.ondemand.errors import EncoderFailedError, SegmentMissingError
from streaming.ondemand.graphs import FRAGMENTS

if TYPE_CHECKING:
    from streaming.encoding import AudioFacts, PictureFacts, Rung
    from streaming.ondemand.plan import OnDemandPlan

_TIMEOUT_S = 30.0
_CONFIGS = {2: b"\x11\x90", 6: b"\x11\xb0"}  # AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): AAC-LC, 48 kHz, stereo or 5.1


def make_init(plan: OnDemandPlan, track: str) -> bytes:
    """The init segment of a track. SegmentMissingError for an unknown one, EncoderFailedError."""
    rung, audio = plan.find_rung(track), plan.find_audio(track)
    if rung is not None and plan.picture is not None:
        return _video(plan, plan.picture, rung)
    if audio is None:
        raise SegmentMissingError
    return _audio(audio)


def _audio(facts: AudioFacts) -> bytes:
    return aac.init(_CONFIGS[facts.channels], channels=facts.channels, timescale=encoding.AUDIO_RATE_HZ, language=facts.language)


def _video(plan: OnDemandPlan, picture: PictureFacts, rung: Rung) -> bytes:
    return _init_of(tuple(ffmpeg.command(_graph(plan, picture, rung), log_level="error")))


@lru_cache(maxsize=256)  # most films of an archive are of a few kinds
def _init_of(words: tuple[str, ...]) -> bytes:
    """The init segment that the ffmpeg call `words` writes first."""
    done = process.run(words, timeout_s=_TIMEOUT_S, memory_limit_bytes=ffmpeg.MEMORY_LIMIT_BYTES)
    cutter = fmp4.FragmentCutter()
    try:
        cutter.feed(done.stdout)
    except fmp4.Fmp4Error as error:
        raise EncoderFailedError(detail=str(error)) from error
    if cutter.init is None:
        raise EncoderFailedError(detail=done.stderr.decode(errors="replace")[-200:])
    return cutter.init.data


def _graph(plan: OnDemandPlan, picture: PictureFacts, rung: Rung) -> object:
    size = f"{picture.width_px // 2 * 2}x{picture.height_px // 2 * 2}"
    black = ffmpeg_python.input(f"color=black:s={size}:r={plan.grid.rate}:d=1", f="lavfi")
    video = encoding.video_filters(black.video, picture, rung)
    options = encoding.video_options(rung, plan.grid) | {"frames:v": 1}
    return ffmpeg_python.output(video, "pipe:1", f="mp4", movflags=FRAGMENTS, **options)
