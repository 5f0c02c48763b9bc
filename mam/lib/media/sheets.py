"""Many small pictures of a file as cells of one JPEG: keyframes only, reached by jumps. Runs in the worker process only."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.stream import Discard
from av.video.frame import VideoFrame

from mam.lib.media import picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container.input import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_QSCALE = 5
_MAX_PACKETS = 600  # without a keyframe: there is none to be had here
_SQUARE = Fraction(1)
# FFmpeg finds a time in these by halving the file again and again; where the bytes of a share lie is near enough.
_BY_BYTES = {"mpegts", "mpeg"}


class Sheet:
    """Cells in rows of `columns`, filled in order; the first picture decides how high they are."""

    def __init__(self, *, columns: int, cells: int, tile_width_px: int) -> None:
        self.tile_width_px = tile_width_px
        self.tile_height_px = 0
        self.pictures = 0  # that were read
        self._columns = columns
        self._cells = cells
        self._tiles: list[VideoFrame] = []

    def fill(self, container: InputContainer, shares: Sequence[Fraction], *, size_bytes: int) -> None:
        """The next cells: a picture near each share of the duration, or the one before it again. NoPictureError, av.FFmpegError."""
        stream = picture.picture_stream(container)
        stream.codec_context.thread_count = 1
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        aspect = stream.sample_aspect_ratio or _SQUARE
        for share in shares:
            _jump(container, stream, share, size_bytes)
            frame = _keyframe(container, stream)
            if frame is not None:
                self._add(frame, aspect)
            elif self._tiles:
                self._tiles.append(self._tiles[-1])

    def _add(self, frame: VideoFrame, aspect: Fraction) -> None:
        tile = picture.for_people(frame, aspect, self.tile_width_px)
        if not self._tiles:
            self.tile_width_px, self.tile_height_px = tile.width, tile.height
        elif (tile.width, tile.height) != (self.tile_width_px, self.tile_height_px):
            tile = tile.reformat(self.tile_width_px, self.tile_height_px, threads=1)
        self._tiles.append(tile)
        self.pictures += 1

    def jpeg(self) -> bytes:
        """The sheet, all cells filled: those that were never reached repeat the last one. Needs at least one picture."""
        tiles = (self._tiles + [self._tiles[-1]] * self._cells)[: self._cells]
        columns = min(self._columns, self._cells)
        rows = -(-self._cells // columns)
        sheet = VideoFrame(columns * self.tile_width_px, rows * self.tile_height_px, "yuvj420p")
        for number, plane in enumerate(sheet.planes):
            halves = 1 if number else 0  # chroma has half as many in both directions
            canvas = bytearray((b"\x80" if number else b"\x00") * plane.buffer_size)
            for cell, tile in enumerate(tiles):
                left, top = cell % columns * self.tile_width_px >> halves, cell // columns * self.tile_height_px >> halves
                _paste(canvas, plane.line_size, left, top, tile, number, self.tile_width_px >> halves)
            plane.update(bytes(canvas))
        return picture.jpeg_of(sheet, qscale=_QSCALE)


def _paste(canvas: bytearray, line_bytes: int, left: int, top: int, tile: VideoFrame, plane: int, width: int) -> None:
    source = tile.planes[plane]
    data = memoryview(bytes(source))
    for row in range(source.height):
        start = (top + row) * line_bytes + left
        canvas[start : start + width] = data[row * source.line_size : row * source.line_size + width]


def _jump(container: InputContainer, stream: VideoStream, share: Fraction, size_bytes: int) -> None:
    """To the keyframe before `share`; to the start where there is no way to jump."""
    try:
        if container.format.name in _BY_BYTES:
            container.seek(int(size_bytes * share), unsupported_byte_offset=True)
        else:
            container.seek((stream.start_time or 0) + int(picture.length_of(container, stream) * share), stream=stream)
    except (av.FFmpegError, OverflowError):
        container.seek(0)


def _keyframe(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    """The next keyframe from here, decoded alone: nothing after it is read that its decoder can do without."""
    for packet in _from_keyframe(container, stream):
        try:
            frames = [*packet.decode(), *stream.codec_context.decode(None)]
        except av.FFmpegError:
            frames = []
        stream.codec_context.flush_buffers()
        good = next((frame for frame in frames if not frame.is_corrupt), None)
        if good is not None:
            return good
    return None


def _from_keyframe(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The keyframes that come next, one packet each."""
    for number, packet in enumerate(container.demux(stream)):
        if number >= _MAX_PACKETS or packet.size == 0:
            return
        if packet.is_keyframe:
            yield packet
