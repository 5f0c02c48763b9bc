"""Clips in which every frame carries its number and every second its beep, for proofs that no frame and no sound is out of place.

The number stands in 16 vertical bars, bit 0 on the left, white for 1. The picture is white on a black bar below them (`flash`) and a
tone of 1 kHz sounds, both for as long as the frames of the first tenth of each second last.
"""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

BITS = 16
WIDTH_PX, HEIGHT_PX = 320, 180
FLASH_TOP_PX = 140  # rows below are the flash's
SOUND_HZ = 48_000
TONE_HZ = 1000
RATES = {"23.976": Fraction(24000, 1001), "25": Fraction(25), "29.97": Fraction(30000, 1001), "59.94": Fraction(60000, 1001)}

# Reads the number on the screen; evaluated in the page. -1: there is no picture yet.
SHOWN_FRAME = """(() => {
  const video = document.querySelector("video");
  if (!video.videoWidth) return -1;
  const canvas = document.createElement("canvas"); canvas.width = 160; canvas.height = 90;
  const pen = canvas.getContext("2d", { willReadFrequently: true }); pen.drawImage(video, 0, 0, 160, 90);
  const row = pen.getImageData(0, 30, 160, 1).data;
  let number = 0;
  for (let bit = 0; bit < 16; bit++) if (row[4 * (bit * 10 + 5)] > 127) number += 1 << bit;
  return number;
})()"""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A clip to be made. `options` are ffmpeg's output options; `{rate}` frames a second, exact."""

    rate: Fraction
    frames: int
    options: tuple[str, ...]
    size: str = f"{WIDTH_PX}x{HEIGHT_PX}"

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.frames / self.rate


def make(path: Path, clip: Numbered, *, extra_inputs: tuple[str, ...] = ()) -> Path:
    """Write the clip. `extra_inputs` come after picture (0) and sound (1), to be mapped by `options`."""
    sound = path.with_suffix(".sound.wav")
    _write_sound(sound, clip.duration)
    command = [
        "ffmpeg", "-v", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH_PX}x{HEIGHT_PX}", "-r", str(clip.rate), "-i", "pipe:0",
        "-i", str(sound), *extra_inputs,
        "-vf", f"scale={clip.size}:flags=neighbor,format=yuv420p", *clip.options, str(path),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        writer = threading.Thread(target=_write_pictures, args=(program.stdin, clip))
        writer.start()
        status = program.wait()
        writer.join()
    sound.unlink()
    assert status == 0, command
    return path


def picture(frame: int, rate: Fraction) -> np.ndarray:
    """The picture of a frame: (HEIGHT_PX, WIDTH_PX), uint8, full range."""
    bits = (frame >> np.arange(BITS)) & 1
    rows = np.repeat(bits * 255, WIDTH_PX // BITS).astype(np.uint8)
    pixels = np.tile(rows, (HEIGHT_PX, 1))
    pixels[FLASH_TOP_PX:] = 255 if is_flash(frame, rate) else 0
    return pixels


def number_in(pixels: np.ndarray) -> int:
    """The number in a decoded picture: any (height, width) of luma."""
    height, width = pixels.shape
    columns = (np.arange(BITS) + 0.5) * width / BITS
    bits = pixels[height // 3, columns.astype(int)] > 127
    return int((bits << np.arange(BITS)).sum())


def is_flash(frame: int, rate: Fraction) -> bool:
    """Whether the frame begins within the first tenth of a second of the timeline."""
    return Fraction(frame) / rate % 1 < Fraction(1, 10)


def _write_pictures(pipe: IO[bytes], clip: Numbered) -> None:
    with pipe:
        for frame in range(clip.frames):
            pipe.write(picture(frame, clip.rate).tobytes())


def _write_sound(path: Path, duration: Fraction) -> None:
    """A beep from the beginning of the first flash frame of each second to the end of the last one would need; a tenth is near enough."""
    seconds = np.arange(int(duration * SOUND_HZ)) / SOUND_HZ
    tone = np.sin(2 * np.pi * TONE_HZ * seconds) * (seconds % 1 < 0.1)
    samples = (tone * 16000).astype("<i2")
    command = ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(SOUND_HZ), "-ac", "1", "-i", "pipe:0", str(path)]
    subprocess.run(command, input=samples.tobytes(), check=True)


def make_long(path: Path, clip: Numbered, repeats: int) -> Path:
    """A film of `repeats` times `clip`, without encoding it again: frame n carries the number n % clip.frames."""
    once = make(path.with_name(f"once{path.suffix}"), clip)
    words = ["ffmpeg", "-v", "fatal", "-y", "-stream_loop", str(repeats - 1), "-i", str(once), "-map", "0", "-c", "copy", str(path)]
    subprocess.run(words, check=True)
    once.unlink()
    return path
