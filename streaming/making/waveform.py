"""The waveform: how loud each moment is, as one byte a peak, from the sound at a low rate."""

from __future__ import annotations

import sys
from array import array
from math import ceil
from typing import TYPE_CHECKING

import ffmpeg
from django.conf import settings

from mam.lib.errors import MamError, gettext_noop
from streaming.encoding import audio_facts, duration_of
from streaming.making.ladder import sound_of
from streaming.making.timeline import read_timeline
from streaming.making.workshop import workshop
from streaming.services.renditions import Made

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from streaming.making.jobs import Making

_SAMPLE_BYTES = 2
_FULL_SCALE = 32768
_PEAKS_A_READ = 256


class NoSoundError(MamError):
    code = "no_sound"
    template = gettext_noop("The file has no sound.")


def make_waveform(making: Making) -> Made:
    """Make the peaks of the default audio track. Raises NoSoundError, and what `Making.source` and `Making.encode` raise."""
    tracks = audio_facts(making.file)
    audio = next((track for track in tracks if track.is_default), None)
    if audio is None:
        raise NoSoundError
    preset = settings.MAM_PRESETS["waveform"]
    duration, rate_hz = duration_of(making.file), preset["rate_hz"]
    peak_ms = peak_length(duration)
    with workshop(needed_bytes=int(duration * rate_hz) * _SAMPLE_BYTES) as directory:
        samples = directory / "samples"
        with making.source() as source:
            timeline = read_timeline(source, cancelled=making.ctx.cancelled)
            sound = sound_of(ffmpeg.input(source.url, **source.options), audio, timeline)
            graph = ffmpeg.output(sound, str(samples), f="s16le", ar=rate_hz, ac=1, acodec="pcm_s16le")
            finished = making.encode(graph, rate=None, duration=duration)
        peaks = read_peaks(samples, peak_ms * rate_hz // 1000)
    if not peaks:
        raise NoSoundError
    return Made(
        objects=[making.put("peaks.bin", peaks, content_type="application/octet-stream")],
        details={"channels": 1, "peaks": len(peaks), "peak_ms": peak_ms},
        cpu_ms=finished.cpu_ms,
        preset=f"{peak_ms} ms",
    )


def peak_length(duration: Fraction) -> int:
    """Milliseconds that one peak stands for; longer ones where there would be too many."""
    preset = settings.MAM_PRESETS["waveform"]
    return max(1000 // int(preset["peaks_per_s"]), ceil(duration * 1000 / int(preset["max_peaks"])))


def read_peaks(path: Path, samples_a_peak: int) -> bytes:
    """One byte a peak: the largest magnitude in it, 255 for full scale. `path` holds signed 16-bit samples, little endian."""
    peaks = bytearray()
    with path.open("rb") as file:
        while data := file.read(_PEAKS_A_READ * samples_a_peak * _SAMPLE_BYTES):
            samples = array("h", data[: len(data) // _SAMPLE_BYTES * _SAMPLE_BYTES])
            if sys.byteorder == "big":
                samples.byteswap()
            for start in range(0, len(samples), samples_a_peak):
                part = samples[start : start + samples_a_peak]
                peaks.append(min(255, max(max(part), -min(part)) * 256 // _FULL_SCALE))
    return bytes(peaks)
