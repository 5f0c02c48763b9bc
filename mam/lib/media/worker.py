"""The process that looks into hostile files: `python -m mam.lib.media.worker FD`. Serves one parent over one socket.

It holds no credentials, no connection and no secret: bytes come from the parent on request. Before it says that it is ready it
gives up opening anything at all (files, sockets). It may crash, hang or eat memory; the parent copes (`mam.lib.media.pool`).
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import resource
import socket
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from mam.lib.media import describe, diagnosis, isobmff, mxf, picture, sampletables, sheets
from mam.lib.media.blocks import BLOCK_BYTES, BlockFile, Overlay
from mam.lib.media.description import Description, to_wire
from mam.lib.media.outcomes import Reason, Stage
from mam.lib.media.text import clean
from mam.lib.media.wire import RANGE, Channel, ClosedError, Message, ProtocolError

if TYPE_CHECKING:
    from av.container.input import InputContainer

_DETAIL_LENGTH = 500


class OverBudgetError(Exception):
    """The parent does not read any more for this task."""


def main() -> None:
    """Serve tasks until the parent closes its end."""
    descriptor = int(sys.argv[1])
    channel = Channel(socket.socket(fileno=descriptor))
    _lock_down(descriptor)
    channel.send(Message.READY)
    while True:
        try:
            kind, payload = channel.receive()
        except ClosedError:
            # Without the interpreter's farewell: freeing the kept layouts would abort (see `describe`).
            os._exit(0)
        if kind is not Message.TASK:
            raise ProtocolError(f"{kind.name} instead of a task")
        task = json.loads(payload)
        result, blob = _do(task, channel)
        if blob:
            channel.send(Message.BLOB, blob)
        channel.send(Message.RESULT, json.dumps(result).encode())


def _lock_down(descriptor: int) -> None:
    """From here on nothing can be opened. What Python would load later is loaded first."""
    codecs.lookup("cp949")
    codecs.lookup("unicode_escape")
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptor + 1, descriptor + 1))


def _do(task: dict[str, Any], channel: Channel) -> tuple[dict[str, Any], bytes]:
    def fetch(offset: int, length: int) -> bytes:
        channel.send(Message.READ, RANGE.pack(offset, length))
        kind, data = channel.receive()
        if kind is Message.DATA:
            return data
        raise OverBudgetError

    file = BlockFile(fetch, task["size_bytes"])
    try:
        if task["do"] == "frame":
            return _frame(file, task)
        if task["do"] == "sheet":
            return _sheet(file, task)
        return _probe(file, task["extension"]), b""
    except OverBudgetError:
        return _failure(Reason.BUDGET, "over budget"), b""
    except MemoryError as error:
        return _failure(Reason.CRASHED, f"out of memory: {error}"), b""


def _failure(reason: Reason, detail: object, **more: Any) -> dict[str, Any]:
    return {"ok": False, "reason": reason, "detail": clean(str(detail), _DETAIL_LENGTH), **more}


# --- probe ------------------------------------------------------------------------------------------------------------
def _probe(file: BlockFile, extension: str) -> dict[str, Any]:
    layout = isobmff.layout(file)
    is_cut_off = diagnosis.is_cut_off(file, layout)
    sample = {"sample_hash": sample_hash(file)}
    if is_cut_off and layout.state is isobmff.State.CUT_OFF and layout.moov is None:
        return _failure(Reason.TRUNCATED, "the index (moov) is not there", **sample)
    try:
        description, raw, stage = _described(file, layout, extension)
    except MemoryError:  # FFmpeg's is also one of its errors
        raise
    except (av.FFmpegError, describe.RefusedError, ValueError) as error:
        reason = Reason.TRUNCATED if is_cut_off else Reason.UNSUPPORTED
        return _failure(reason, str(error) or type(error).__name__, **sample)
    if not any(stream.is_understood for stream in description.streams):
        return _failure(Reason.UNSUPPORTED, f"nothing understood in {description.container}", **sample)
    complaint = Reason.TRUNCATED if is_cut_off else None
    return {"ok": True, "reason": complaint, "stage": stage, "description": to_wire(description), "raw": raw, **sample}


def _described(file: BlockFile, layout: isobmff.Layout, extension: str) -> tuple[Description, dict[str, Any], Stage]:
    """By content alone; by the extension where content tells nothing."""
    file.overlays = _shortcuts(file, layout)
    try:
        return _described_as(file, layout, "media")
    except av.error.InvalidDataError:
        if not extension and not file.overlays:
            raise
        file.overlays = ()
        return _described_as(file, layout, f"media.{extension}" if extension else "media")


def _shortcuts(file: BlockFile, layout: isobmff.Layout) -> tuple[Overlay, ...]:
    """Parts of the file shown otherwise, so that FFmpeg does not read what a description does not need."""
    if layout.moov is None:
        return mxf.without_index(file)
    tables = sampletables.shortened(file, layout.moov)
    return (tables,) if tables else ()


def _described_as(file: BlockFile, layout: isobmff.Layout, name: str) -> tuple[Description, dict[str, Any], Stage]:
    """Deeper, and with the index of an MXF, where a field is missing after the head."""
    file.name = name
    for stage, limits in ((Stage.HEAD, describe.HEAD), (Stage.DEEP, describe.DEEP)):
        if stage is Stage.DEEP and layout.moov is None:
            file.overlays = ()
        file.seek(0)
        with describe.open_container(file, limits, _options(layout)) as container:
            description = _description(file, layout, container)
            if stage is Stage.DEEP or not describe.lacks_something(container, description):
                return description, describe.raw_of(container), stage
    raise AssertionError("the last stage returns")


def _options(layout: isobmff.Layout) -> dict[str, str]:
    # FFmpeg would read the header of every fragment to know the length; we know where the last one is.
    return {"fflags": "+ignidx"} if layout.has_fragments and not layout.has_index else {}


def _description(file: BlockFile, layout: isobmff.Layout, container: InputContainer) -> Description:
    is_partial = bool(_options(layout))
    return describe.describe(
        container,
        size_bytes=file.size_bytes,
        rotation=isobmff.rotation(file, layout.moov) if layout.moov else 0,
        duration=isobmff.fragmented_duration(file, layout.moov) if layout.moov and is_partial else None,
        is_partial=layout.has_fragments,
        has_sizes=layout.moov is None or not file.overlays,
    )


def sample_hash(file: BlockFile) -> str:
    """32 hex digits over size, first and last 64 KiB: the same for copies, almost surely different for anything else."""
    digest = hashlib.blake2b(f"{file.size_bytes}:".encode(), digest_size=16)
    digest.update(file.peek(0, BLOCK_BYTES))
    digest.update(file.peek(max(0, file.size_bytes - BLOCK_BYTES), BLOCK_BYTES))
    return digest.hexdigest()


# --- frame ------------------------------------------------------------------------------------------------------------
def _frame(file: BlockFile, task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    layout = isobmff.layout(file)
    at = Fraction(*task["at"])
    try:
        taken = _taken(file, layout, at, task["max_width_px"])
    except MemoryError:
        raise
    except (picture.NoPictureError, av.FFmpegError, describe.RefusedError, ValueError) as error:
        return _failure(Reason.TRUNCATED if diagnosis.is_cut_off(file, layout) else Reason.UNSUPPORTED, error), b""
    result = {"ok": True, "reason": None, "width_px": taken.width_px, "height_px": taken.height_px, "at_ms": taken.at_ms}
    return result, taken.jpeg


def _taken(file: BlockFile, layout: isobmff.Layout, at: Fraction, max_width_px: int) -> picture.Picture:
    options = _options(layout)
    file.overlays = mxf.without_index(file) if layout.moov is None else ()
    if options and layout.moov:
        # Without an index FFmpeg cannot jump: show it a file whose first fragment is the one we want.
        fragment = isobmff.fragment_near(file, layout.moov, at)
        if fragment is not None and fragment >= layout.moov.end + 16:
            file.overlays = (isobmff.blank(layout.moov.end, fragment),)
    with describe.open_container(file, options=options) as container:
        return picture.take(container, at=Fraction(0) if options else at, max_width_px=max_width_px, is_excerpt=bool(options))


# --- sheet ------------------------------------------------------------------------------------------------------------
def _sheet(file: BlockFile, task: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    started = time.process_time()
    sheet = sheets.Sheet(columns=task["columns"], cells=len(task["at"]), tile_width_px=task["tile_width_px"])
    reason: Reason | None = None
    try:
        _fill(sheet, file, [Fraction(*share) for share in task["at"]])
    except OverBudgetError:
        reason = Reason.BUDGET
    except MemoryError:
        raise
    except (picture.NoPictureError, av.FFmpegError, describe.RefusedError, ValueError) as error:
        if sheet.pictures == 0:
            return _failure(Reason.UNSUPPORTED, error), b""
        reason = Reason.TRUNCATED
    if sheet.pictures == 0:
        return _failure(reason or Reason.UNSUPPORTED, "no picture could be read"), b""
    answer = {
        "ok": True,
        "reason": reason,
        "tile_width_px": sheet.tile_width_px,
        "tile_height_px": sheet.tile_height_px,
        "pictures": sheet.pictures,
        "cpu_ms": round((time.process_time() - started) * 1000),
    }
    return answer, sheet.jpeg()


def _fill(sheet: sheets.Sheet, file: BlockFile, shares: list[Fraction]) -> None:
    layout = isobmff.layout(file)
    options = _options(layout)
    if not (options and layout.moov):
        file.overlays = mxf.without_index(file) if layout.moov is None else ()
        with describe.open_container(file, options=options) as container:
            sheet.fill(container, shares, size_bytes=file.size_bytes)
        return
    for share in shares:  # no index: each time a file whose first fragment is the one we want, as in `_taken`
        fragment = isobmff.fragment_near(file, layout.moov, share)
        has_fragment = fragment is not None and fragment >= layout.moov.end + 16
        file.overlays = (isobmff.blank(layout.moov.end, fragment),) if has_fragment and fragment else ()
        file.seek(0)
        with describe.open_container(file, options=options) as container:
            sheet.fill(container, [Fraction(0)], size_bytes=file.size_bytes)


if __name__ == "__main__":
    main()
