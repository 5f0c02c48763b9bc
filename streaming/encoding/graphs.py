"""Filters and options of ffmpeg, for ffmpeg-python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings

from streaming.encoding.grid import AUDIO_RATE_HZ, timescale_of

if TYPE_CHECKING:
    from fractions import Fraction

    import ffmpeg

    from streaming.encoding.facts import PictureFacts
    from streaming.encoding.grid import SegmentGrid
    from streaming.encoding.rungs import Rung

_ZSCALE_TRANSFERS = {"smpte2084", "arib-std-b67", "bt709", "smpte170m", "bt2020-10", "bt2020-12", "iec61966-2-1"}
_ZSCALE_PRIMARIES = {"bt709", "bt470bg", "smpte170m", "bt2020", "smpte431", "smpte432"}
_ZSCALE_MATRICES = {"bt709", "bt470bg", "smpte170m", "bt2020nc", "bt2020c"}


def video_filters(video: ffmpeg.Stream, facts: PictureFacts, rung: Rung) -> ffmpeg.Stream:
    """From decoded frames (already turned upright by ffmpeg) to those of `rung`, at the exact constant rate, in 8-bit 4:2:0.

    Frame n is at n / rate seconds; time 0 of the input is frame 0.
    """
    if facts.is_interlaced:
        parity = "tff" if facts.top_field_first else "bff"
        video = video.filter("bwdif", mode="send_frame", parity=parity, deint="all")
    video = video.filter("fps", fps=_ratio(facts.rate), start_time=0, round="near")
    if facts.is_hdr or facts.is_wide_gamut:
        return _to_sdr(video, facts, rung).filter("setsar", 1)
    video = video.filter("scale", rung.width_px, rung.height_px, flags="bicubic", **_ranges(facts)).filter("setsar", 1)
    return _tagged(video.filter("format", "yuv420p"), _matrix(facts))


def scaled_down(video: ffmpeg.Stream, rung: Rung) -> ffmpeg.Stream:
    """From the frames of a larger rung to those of `rung`."""
    return video.filter("scale", rung.width_px, rung.height_px, flags="bicubic").filter("setsar", 1)


def video_options(rung: Rung, grid: SegmentGrid) -> dict[str, Any]:
    """Options of ffmpeg for one video output: closed GOPs of fixed length, no B-frames, headers that do not depend on the content."""
    return {
        "c:v": "libx264",
        "preset": settings.MAM_PRESETS["hls"]["speed"],
        "profile:v": "high",
        "level:v": f"{rung.level / 10:.1f}",
        "crf": rung.crf,
        "maxrate": rung.max_bps,
        "bufsize": rung.max_bps,
        "g": grid.frames_per_gop,
        "keyint_min": grid.frames_per_gop,
        "sc_threshold": 0,
        "bf": 0,
        "pix_fmt": "yuv420p",
        "fps_mode": "passthrough",  # the filters have made the rate constant
        "x264-params": "stitchable=1",
        "video_track_timescale": timescale_of(grid.rate),
    }


def audio_options(channels: int) -> dict[str, Any]:
    """Options of ffmpeg for one audio output: AAC-LC at 48 kHz, stereo or 5.1."""
    is_surround = channels >= 6
    return {
        "c:a": "aac",
        "ar": AUDIO_RATE_HZ,
        "ac": 6 if is_surround else 2,
        "b:a": audio_bps(channels),
    }


def audio_bps(channels: int) -> int:
    """Bits a second of an audio track."""
    return 384_000 if channels >= 6 else 128_000


def _ratio(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"


def _ranges(facts: PictureFacts) -> dict[str, str]:
    return {"in_range": "pc", "out_range": "tv"} if facts.is_full_range else {}


def _matrix(facts: PictureFacts) -> str:
    """The colour matrix of the output: the source's; where it does not say, what its size suggests."""
    if facts.color_space in ("bt709", "smpte170m", "bt470bg"):
        return facts.color_space
    return "bt709" if min(facts.width_px, facts.height_px) >= 720 else "smpte170m"


def _tagged(video: ffmpeg.Stream, matrix: str) -> ffmpeg.Stream:
    """Say in the stream what its colours mean, so that no player has to guess."""
    transfer = "bt709" if matrix == "bt709" else "smpte170m"
    primaries = matrix
    return video.filter("setparams", range="tv", color_primaries=primaries, color_trc=transfer, colorspace=matrix)


def _to_sdr(video: ffmpeg.Stream, facts: PictureFacts, rung: Rung) -> ffmpeg.Stream:
    """HDR or BT.2020 to BT.709: made smaller first, then mapped in linear light, white at 203 cd/m2 (ITU-R BT.2408)."""
    given = {
        "tin": facts.transfer if facts.transfer in _ZSCALE_TRANSFERS else "bt709",
        "pin": facts.primaries if facts.primaries in _ZSCALE_PRIMARIES else "bt2020",
        "min": facts.color_space if facts.color_space in _ZSCALE_MATRICES else "bt2020nc",
        "rin": "pc" if facts.is_full_range else "tv",
    }
    video = video.filter("zscale", rung.width_px, rung.height_px, filter="bicubic", t="linear", p="bt709", npl=203, **given)
    video = video.filter("format", "gbrpf32le")
    if facts.is_hdr:
        video = video.filter("tonemap", "mobius", desat=0, peak=f"{1000 / 203:.3f}")
    return video.filter("zscale", t="bt709", m="bt709", r="tv").filter("format", "yuv420p")
