"""One frame of a file as a JPEG, as a person should see it. Runs in the worker process only."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.filter import Graph
from av.stream import Discard
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

from mam.lib.media.describe import decoder_of

if TYPE_CHECKING:
    from av.container.input import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_LATER = (Fraction(1), Fraction(2), Fraction(7, 2))  # times `at`: where to look when it is black there (10, 20, 35 percent)
_LAST_SHARE = Fraction(9, 10)
_MAX_PACKETS = 400  # without a frame: there is no picture to be had here
_THUMB = (32, 18)
_BLACK_MEAN = 26  # of 255, limited range: black is 16
_JPEG_QSCALE = 3  # about what other encoders call quality 85 to 90
_SQUARE = Fraction(1)
# Per channel: PQ (SMPTE ST 2084) to light, 1.0 at 203 cd/m2 (ITU-R BT.2408), Reinhard's curve with white at 1000, gamma 2.2.
_PQ_TO_SDR = (
    "st(0,pow(min(1,val/maxval),1/78.84375));"
    "st(1,10000/203*pow(max(ld(0)-0.8359375,0)/(18.8515625-18.6875*ld(0)),1/0.1593017578125));"
    "maxval*pow(min(1,ld(1)*(1+ld(1)/24.3)/(1+ld(1))),1/2.2)"
)
_TO_SDR = {ColorTrc.SMPTE2084: _PQ_TO_SDR, ColorTrc.ARIB_STD_B67: "val"}  # HLG is made to look right on an SDR screen
# BT.2020 to BT.709 (ITU-R BT.2407), here on gamma-coded values: near enough for a poster, and grey stays grey.
_BT2020_TO_BT709 = "1.6605:-0.5876:-0.0728:0:-0.1246:1.1329:-0.0083:0:-0.0182:-0.1006:1.1187"


class NoPictureError(Exception):
    """The file has no picture that can be decoded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG and where it comes from; `at_ms` is None if the stream has no clock."""

    jpeg: bytes
    width_px: int
    height_px: int
    at_ms: int | None


def take(container: InputContainer, *, at: Fraction, max_width_px: int, is_excerpt: bool = False) -> Picture:
    """The picture at share `at` (0 to 1) of the duration, or later if it is black there. Raises NoPictureError, av.FFmpegError.

    `is_excerpt`: what is open begins in the middle of the timeline, so the stream's start is not its zero.
    """
    stream = picture_stream(container)
    stream.codec_context.thread_count = 1
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    frame = _first_not_black(container, stream, at)
    aspect = stream.sample_aspect_ratio or _SQUARE
    at_ms = None
    if frame.pts is not None and frame.time_base:
        zero = 0 if is_excerpt else stream.start_time or 0
        at_ms = max(0, round((frame.pts - zero) * frame.time_base * 1000))
    shown = for_people(frame, aspect, max_width_px)
    return Picture(jpeg_of(shown), shown.width, shown.height, at_ms)


def for_people(frame: VideoFrame, aspect: Fraction, max_width_px: int) -> VideoFrame:
    """A decoded frame as it should be looked at: fields woven, square pixels, upright, SDR, at most `max_width_px` wide."""
    return _upright(_scaled(_woven(frame), aspect, max_width_px), frame.rotation)


def picture_stream(container: InputContainer) -> VideoStream:
    """The first picture track; a cover if there is nothing else."""
    streams = [stream for stream in container.streams.video if decoder_of(stream) is not None]
    streams.sort(key=lambda stream: bool(stream.disposition & stream.disposition.attached_pic))
    if not streams:
        raise NoPictureError("no picture track that can be decoded")
    return streams[0]


def _first_not_black(container: InputContainer, stream: VideoStream, at: Fraction) -> VideoFrame:
    """The first of the places that is not nearly black; the brightest if all are; the start if none has a picture."""
    best: tuple[float, VideoFrame] | None = None
    places = [min(at * factor, _LAST_SHARE) for factor in _LATER] if length_of(container, stream) else []
    # Last the start: where a jump lands between keyframes and none follows, only that can be decoded.
    for place in (*places, Fraction(0)):
        if place == 0 and best is not None:
            break
        frame = _frame_at(container, stream, place)
        if frame is None:
            continue
        brightness = _mean_luma(frame)
        if brightness > _BLACK_MEAN:
            return frame
        if best is None or brightness > best[0]:
            best = (brightness, frame)
    if best is None:
        raise NoPictureError("no frame could be decoded")
    return best[1]


def length_of(container: InputContainer, stream: VideoStream) -> int:
    """Length in ticks of the stream; 0 if nobody knows."""
    if stream.duration:
        return stream.duration
    if container.duration and stream.time_base:
        return int(Fraction(container.duration, 1_000_000) / stream.time_base)
    return 0


def _frame_at(container: InputContainer, stream: VideoStream, share: Fraction) -> VideoFrame | None:
    """The first frame that decodes at or after the keyframe before `share`; from the start where there is no way to seek."""
    target = (stream.start_time or 0) + int(length_of(container, stream) * share)
    try:
        container.seek(target, stream=stream)
    except (av.FFmpegError, OverflowError):
        container.seek(0)
    damaged: VideoFrame | None = None
    for number, packet in enumerate(container.demux(stream)):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            frames = []
        for frame in frames:
            if not frame.is_corrupt:
                return frame
            damaged = damaged or frame
        if number >= _MAX_PACKETS:
            break
    return damaged


def _mean_luma(frame: VideoFrame) -> float:
    thumb = frame.reformat(*_THUMB, format="gray", threads=1)
    plane = thumb.planes[0]
    data = bytes(plane)
    rows = [data[row * plane.line_size : row * plane.line_size + _THUMB[0]] for row in range(_THUMB[1])]
    return sum(map(sum, rows)) / (_THUMB[0] * _THUMB[1])


def _woven(frame: VideoFrame) -> VideoFrame:
    """Without the comb of two fields."""
    return _filtered(frame, ("yadif", None)) if frame.interlaced_frame else frame


def _scaled(frame: VideoFrame, aspect: Fraction, max_width_px: int) -> VideoFrame:
    """Square pixels, at most `max_width_px` wide once upright, in the colours of a JPEG (full range, BT.601)."""
    width, height = (frame.width * aspect, Fraction(frame.height)) if aspect >= 1 else (Fraction(frame.width), frame.height / aspect)
    upright = height if frame.rotation % 180 else width
    scale = min(Fraction(1), max_width_px / upright)
    width_px, height_px = (max(2, round(side * scale / 2) * 2) for side in (width, height))
    if frame.color_trc in _TO_SDR:
        return _mapped_to_sdr(frame, width_px, height_px)
    return frame.reformat(
        width_px,
        height_px,
        format="yuvj420p",
        interpolation=Interpolation.BICUBIC,
        src_colorspace=_matrix(frame),
        src_color_range=frame.color_range,
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )


def _mapped_to_sdr(frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
    """An HDR frame, scaled, roughly as an SDR one. libswscale would do it better, in two to ten seconds a frame."""
    rgb = frame.reformat(
        width_px,
        height_px,
        format="gbrp12le",
        interpolation=Interpolation.BICUBIC,
        src_colorspace=_matrix(frame),
        src_color_range=frame.color_range,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    curve = _TO_SDR[ColorTrc(frame.color_trc)]
    steps: list[tuple[str, str | None]] = [("lutrgb", f"r='{curve}':g='{curve}':b='{curve}'")]
    if frame.color_primaries == ColorPrimaries.BT2020:
        steps.append(("colorchannelmixer", _BT2020_TO_BT709))
    return _filtered(rgb, *steps).reformat(format="yuvj420p", dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG, threads=1)


def _matrix(frame: VideoFrame) -> Colorspace:
    """The frame's colour matrix; where it is not said, what its size suggests."""
    named = {
        1: Colorspace.ITU709,
        4: Colorspace.FCC,
        5: Colorspace.ITU601,
        6: Colorspace.ITU601,
        7: Colorspace.SMPTE240M,
        9: Colorspace.BT2020,
    }
    return named.get(frame.colorspace, Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601)


def _upright(frame: VideoFrame, counter_clockwise: int) -> VideoFrame:
    turns: dict[int, tuple[tuple[str, str | None], ...]] = {
        90: (("transpose", "cclock"),),
        180: (("hflip", None), ("vflip", None)),
        270: (("transpose", "clock"),),
    }
    steps = turns.get(counter_clockwise % 360, ())
    return _filtered(frame, *steps) if steps else frame


def _filtered(frame: VideoFrame, *steps: tuple[str, str | None]) -> VideoFrame:
    """One frame through a chain of filters."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000))
    graph.link_nodes(source, *(graph.add(name, arguments) for name, arguments in steps), graph.add("buffersink")).configure()
    graph.vpush(frame)
    graph.vpush(None)
    return graph.vpull()


def jpeg_of(frame: VideoFrame, *, qscale: int = _JPEG_QSCALE) -> bytes:
    """A frame in yuvj420p as a JPEG; a smaller `qscale` is a better one."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = frame.width, frame.height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.qmin = encoder.qmax = qscale
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
