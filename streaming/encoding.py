"""How a file is encoded for players: sizes, rates, the segment grid, filters and options of ffmpeg. Facts in, plain values out.

Prepared and on-demand segments stand in one playlist, so both are encoded by what is written here and by nothing else.
Presets come from `settings.MAM_PRESETS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from django.conf import settings

from catalog.choices import FileKind, StreamKind

if TYPE_CHECKING:
    import ffmpeg

    from catalog.models import MediaFile, MediaStream

AUDIO_RATE_HZ = 48_000
AUDIO_PACKET_SAMPLES = 1024  # of AAC-LC
GOP_S = 2  # a keyframe so often; a segment is two of them
SEGMENT_GOPS = 2
MAX_AUDIO_TRACKS = 16
MAX_SUBTITLE_TRACKS = 32
PQ, HLG = "smpte2084", "arib-std-b67"
_ZSCALE_TRANSFERS = {PQ, HLG, "bt709", "smpte170m", "bt2020-10", "bt2020-12", "iec61966-2-1"}
_ZSCALE_PRIMARIES = {"bt709", "bt470bg", "smpte170m", "bt2020", "smpte431", "smpte432"}
_ZSCALE_MATRICES = {"bt709", "bt470bg", "smpte170m", "bt2020nc", "bt2020c"}

_MAX_RATE = 60
_BROADCAST_RATES = tuple(
    Fraction(*pair) for pair in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1))
)
_NEAR = Fraction(2, 100)  # a variable rate so near to a broadcast rate was recorded at it, and frames are missing
_COVER_CODECS = {"mjpeg", "png", "bmp"}  # the only picture of an audio file is its cover
_TEXT_SUBTITLES = {
    "subrip",
    "ass",
    "mov_text",
    "webvtt",
    "text",
    "sami",
    "subviewer",
    "subviewer1",
    "microdvd",
    "realtext",
    "jacosub",
    "stl",
}
# H.264 (ITU-T H.264, table A-1): level -> macroblocks a second, macroblocks a frame.
_LEVELS = {
    13: (11_880, 396),
    21: (19_800, 792),
    30: (40_500, 1_620),
    31: (108_000, 3_600),
    32: (216_000, 5_120),
    40: (245_760, 8_192),
    42: (522_240, 8_704),
    51: (983_040, 36_864),
}
_HIGH_PROFILE = 100


@dataclass(frozen=True, slots=True)
class Rung:
    """One size of a ladder. Even sides, square pixels."""

    name: str  # "v720", by the short side
    width_px: int
    height_px: int
    crf: int
    max_bps: int  # of the video; what a decoder's buffer of one second never exceeds
    level: int  # of H.264, times ten


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """The picture of a file as a viewer sees it, before it is made smaller."""

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


@dataclass(frozen=True, slots=True)
class SubtitleFacts:
    """One text subtitle stream and the track that it becomes."""

    name: str  # "s0"
    stream_index: int
    language: str
    title: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class SegmentGrid:
    """Where segments begin, in whole frames: two GOPs each, the last one shorter. Independent of the content.

    For a file without a picture a frame is one AAC packet.
    """

    rate: Fraction  # frames a second
    frames_per_gop: int
    frames_per_segment: int
    total_frames: int  # by the catalog's duration; what is decoded decides in the end

    @property
    def count(self) -> int:
        """How many segments there are."""
        return ceil(Fraction(self.total_frames, self.frames_per_segment))

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.total_frames / self.rate

    def first_frame(self, index: int) -> int:
        """The number of the first frame of a segment; for `count`, the number of frames."""
        return min(index * self.frames_per_segment, self.total_frames)

    def start_of(self, index: int) -> Fraction:
        """Seconds from the first frame."""
        return self.first_frame(index) / self.rate

    def duration_of(self, index: int) -> Fraction:
        """Seconds."""
        return self.start_of(index + 1) - self.start_of(index)

    def index_at(self, seconds: Fraction | float) -> int:
        """The segment that is shown at a time; the last one after the end."""
        frame = int(Fraction(seconds) * self.rate)
        return max(0, min(frame // self.frames_per_segment, self.count - 1))

    def first_packet(self, index: int) -> int:
        """The first AAC packet of a segment: the first that begins in it. Packet k covers samples [1024 k, 1024 (k + 1))."""
        return ceil(self.start_of(index) * AUDIO_RATE_HZ / AUDIO_PACKET_SAMPLES)


# --- facts ------------------------------------------------------------------------------------------------------------
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
    is_variable = source_rate is None or not _is_regular(source_rate)
    return PictureFacts(
        width_px=width,
        height_px=height,
        rate=_output_rate(source_rate, is_variable=is_variable),
        is_variable=is_variable,
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
    streams = [stream for stream in file.streams.all() if stream.kind == StreamKind.AUDIO and stream.codec][:MAX_AUDIO_TRACKS]
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


def _is_regular(rate: Fraction) -> bool:
    """It looks like a rate that somebody chose: whole frames a second, or a half, or NTSC's 1000/1001 of it."""
    return rate.denominator <= 2 or (rate * 1001 / 1000).denominator == 1


def _output_rate(rate: Fraction | None, *, is_variable: bool) -> Fraction:
    if rate is None:
        return Fraction(30)
    if is_variable:
        nearest = min(_BROADCAST_RATES, key=lambda known: abs(known - rate))
        if abs(nearest - rate) <= nearest * _NEAR:
            return nearest
        return Fraction(60 if rate > 31 else 30)
    return rate / ceil(rate / _MAX_RATE)


# --- ladder and grid --------------------------------------------------------------------------------------------------
def rungs_for(facts: PictureFacts) -> tuple[Rung, ...]:
    """The ladder, largest first: the presets' sizes that the source reaches; its own size if it is smaller than all of them."""
    short = min(facts.width_px, facts.height_px)
    presets = settings.MAM_PRESETS["hls"]["rungs"]
    chosen = [preset for preset in presets if preset["short_px"] <= short]
    if not chosen:
        smallest = min(presets, key=lambda preset: preset["short_px"])
        chosen = [smallest | {"short_px": max(2, short // 2 * 2)}]
    return tuple(_rung(facts, **preset) for preset in chosen)


def _rung(facts: PictureFacts, *, short_px: int, crf: int, max_bps: int) -> Rung:
    width, height = fitted(facts, short_px)
    fast = facts.rate > 31
    return Rung(
        name=f"v{short_px}",
        width_px=width,
        height_px=height,
        crf=crf,
        max_bps=max_bps * 3 // 2 if fast else max_bps,
        level=_level(width, height, facts.rate),
    )


def fitted(facts: PictureFacts, short_px: int) -> tuple[int, int]:
    """Width and height with the picture's aspect and this short side; both even."""
    scale = Fraction(short_px, min(facts.width_px, facts.height_px))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (facts.width_px, facts.height_px))
    return width, height


def _level(width: int, height: int, rate: Fraction) -> int:
    """The lowest level of H.264 that allows this picture; decoders refuse what says less than it needs."""
    frame = ceil(width / 16) * ceil(height / 16)
    for level, (per_second, per_frame) in _LEVELS.items():
        if frame <= per_frame and frame * rate <= per_second:
            return level
    return max(_LEVELS)


def grid_for(facts: PictureFacts) -> SegmentGrid:
    """The segment grid of a file with a picture."""
    return make_grid(facts.rate, round(facts.duration * facts.rate))


def audio_grid_for(duration: Fraction) -> SegmentGrid:
    """The segment grid of a file without a picture, in AAC packets; `duration` in seconds."""
    rate = Fraction(AUDIO_RATE_HZ, AUDIO_PACKET_SAMPLES)
    return make_grid(rate, ceil(duration * rate))


def make_grid(rate: Fraction, total_frames: int) -> SegmentGrid:
    """The grid of `total_frames` frames at `rate`: a GOP is the whole number of frames next to two seconds."""
    gop = max(1, round(GOP_S * rate))
    return SegmentGrid(rate=rate, frames_per_gop=gop, frames_per_segment=SEGMENT_GOPS * gop, total_frames=total_frames)


def timescale_of(rate: Fraction) -> int:
    """Ticks a second of a video track in which each frame lasts a whole number of ticks; at least 10,000, as ffmpeg does it."""
    scale = rate.numerator
    while scale < 10_000:
        scale *= 2
    return scale


def bandwidth_of(rung: Rung) -> int:
    """Bits a second to declare before it is made: what a segment of four seconds needs at most, the buffer's second included."""
    return rung.max_bps * 5 // 4 + 20_000


def codecs_of(rung: Rung) -> str:
    """RFC 6381: H.264 High without constraints, at the rung's level."""
    return f"avc1.{_HIGH_PROFILE:02x}00{rung.level:02x}"


# --- ffmpeg -----------------------------------------------------------------------------------------------------------
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
