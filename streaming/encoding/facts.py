"""What the catalog knows about a file, as encoders need it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from catalog.choices import FileKind, StreamKind

if TYPE_CHECKING:
    from catalog.models import MediaFile, MediaStream

MAX_AUDIO_TRACKS = 16
MAX_SUBTITLE_TRACKS = 32
PQ, HLG = "smpte2084", "arib-std-b67"

_AAC_CHANNELS = {1, 2, 6}  # what every browser plays
_MAX_RATE = 60
_BROADCAST_RATES = tuple(
    Fraction(*pair) for pair in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1))
)
_SAME = Fraction(1, 4000)  # a quarter of the distance of 24 and 23.976
_NEAR = Fraction(2, 100)  # a variable rate so near to a broadcast rate was recorded at it, and frames are missing
_COVER_CODECS = {"mjpeg", "png", "bmp"}  # the only picture of an audio file is its cover
_TEXT_SUBTITLES = {
    *("subrip", "ass", "mov_text", "webvtt", "text", "sami", "subviewer", "subviewer1", "microdvd", "realtext", "jacosub", "stl")
}


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """The picture of a file as a viewer sees it, before it is made smaller."""

    stream_index: int  # in the file
    width_px: int  # upright, with square pixels
    height_px: int
    rate: Fraction  # frames a second of the output: exact, constant, at most 60
    is_variable: bool  # the source's frames do not follow a constant rate
    is_interlaced: bool
    top_field_first: bool
    transfer: str  # FFmpeg's names; "" where the file does not say
    primaries: str
    color_space: str
    is_full_range: bool
    rotation: int  # degrees clockwise that ffmpeg turns it
    sample_aspect: Fraction
    duration: Fraction  # seconds; 0: not known

    @property
    def is_hdr(self) -> bool:
        """It has to be tone-mapped for an ordinary screen."""
        return self.transfer in (PQ, HLG)

    @property
    def is_wide_gamut(self) -> bool:
        """Its colours are those of BT.2020."""
        return self.primaries == "bt2020" or self.color_space in ("bt2020nc", "bt2020c")


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """One audio stream and the track that it becomes."""

    name: str  # "a0"
    stream_index: int  # in the file
    channels: int  # of the track: 2, or 6 for 5.1
    language: str
    title: str
    is_default: bool
    codec: str
    source_channels: int
    is_copyable: bool = False  # AAC-LC as it is: browsers play it


@dataclass(frozen=True, slots=True)
class SubtitleFacts:
    """One text subtitle stream and the track that it becomes."""

    name: str  # "s0"
    stream_index: int
    language: str
    title: str
    is_default: bool


def picture_facts(file: MediaFile) -> PictureFacts | None:
    """What the catalog says about the picture of `file`; None for a file without one. Reads its streams."""
    stream = next((stream for stream in file.streams.all() if _is_picture(file, stream)), None)
    if stream is None or not stream.width_px or not stream.height_px:
        return None
    aspect = Fraction(stream.sample_aspect_num or 1, stream.sample_aspect_den or 1)
    width, height = _square(stream.width_px, stream.height_px, aspect)
    if file.rotation % 180:
        width, height = height, width
    source_rate = stream.frame_rate
    return PictureFacts(
        stream_index=stream.index,
        width_px=width,
        height_px=height,
        rate=_output_rate(source_rate),
        is_variable=source_rate is None or _exact(source_rate) is None,
        is_interlaced=stream.field_order in ("tt", "bb", "tb", "bt"),
        top_field_first=stream.field_order in ("tt", "bt"),  # the second letter is what is shown first, of woven fields
        transfer=stream.color_transfer,
        primaries=stream.color_primaries,
        color_space=stream.color_space,
        is_full_range=stream.color_range == "pc" or stream.pixel_format.startswith("yuvj"),
        rotation=file.rotation,
        sample_aspect=aspect,
        duration=duration_of(file),
    )


def duration_of(file: MediaFile) -> Fraction:
    """Length of the file in seconds, exact; 0 where nobody knows."""
    return Fraction((file.duration_ticks or 0) * file.duration_base_num, file.duration_base_den)


def audio_facts(file: MediaFile) -> tuple[AudioFacts, ...]:
    """The audio tracks that `file` gets, in the order of its streams. Exactly one of them is the default."""
    streams = [stream for stream in file.streams.all() if stream.kind == StreamKind.AUDIO and stream.codec and stream.channels][
        :MAX_AUDIO_TRACKS
    ]
    default = next((stream for stream in streams if stream.is_default), streams[0] if streams else None)
    return tuple(
        AudioFacts(
            name=f"a{number}",
            stream_index=stream.index,
            channels=6 if (stream.channels or 2) >= 6 else 2,
            language=stream.language,
            title=stream.title,
            is_default=stream is default,
            codec=stream.codec,
            source_channels=stream.channels or 0,
            is_copyable=stream.codec == "aac" and stream.profile == "LC" and (stream.channels or 0) in _AAC_CHANNELS,
        )
        for number, stream in enumerate(streams)
    )


def subtitle_facts(file: MediaFile) -> tuple[SubtitleFacts, ...]:
    """The text subtitle tracks that `file` gets. Pictures of text (DVD, Blu-ray, DVB) are left out."""
    streams = [stream for stream in file.streams.all() if stream.kind == StreamKind.SUBTITLE and stream.codec in _TEXT_SUBTITLES]
    return tuple(
        SubtitleFacts(f"s{number}", stream.index, stream.language, stream.title, stream.is_default)
        for number, stream in enumerate(streams[:MAX_SUBTITLE_TRACKS])
    )


def _is_picture(file: MediaFile, stream: MediaStream) -> bool:
    return stream.kind == StreamKind.VIDEO and not (file.kind == FileKind.AUDIO and stream.codec in _COVER_CODECS)


def _square(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height with square pixels; the shorter sampled side is the one that grows."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _exact(rate: Fraction) -> Fraction | None:
    """The constant rate that this is; None if it looks like the average of a changing one.

    Containers that write a frame's length in nanoseconds give 19001/317 for 60000/1001.
    """
    nearest = min(_BROADCAST_RATES, key=lambda known: abs(known - rate))
    if abs(nearest - rate) <= nearest * _SAME:
        return nearest
    # Whole frames a second, or a half, or NTSC's 1000/1001 of it.
    return rate if rate.denominator <= 2 or (rate * 1001 / 1000).denominator == 1 else None


def _output_rate(rate: Fraction | None) -> Fraction:
    """The constant rate in which a picture of this rate, or of this rate on average, is shown."""
    if rate is None:
        return Fraction(30)
    exact = _exact(rate)
    if exact is not None:
        return exact / ceil(exact / _MAX_RATE)
    nearest = min(_BROADCAST_RATES, key=lambda known: abs(known - rate))
    if abs(nearest - rate) <= nearest * _NEAR:
        return nearest
    return Fraction(60 if rate > 31 else 30)
