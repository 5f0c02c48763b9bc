"""Fragments of copied pictures with the exact times of a constant rate, in place: no byte moves.

Containers round times (Matroska to milliseconds), and writers of MP4 keep what they were given. Frame n belongs to n / rate.
"""

from __future__ import annotations

import struct
from itertools import repeat, starmap

from mam.lib.media.fmp4 import (
    TFHD_BASE_OFFSET,
    TFHD_DESCRIPTION,
    TFHD_DURATION,
    TRUN_CTS,
    TRUN_DURATION,
    TRUN_FIRST_FLAGS,
    TRUN_OFFSET,
    Box,
    Fmp4Error,
    Samples,
    TrackDefaults,
    boxes,
    find,
    read_samples,
    trun_fields,
    trun_row,
)


class IrregularError(ValueError):
    """The pictures do not follow a constant rate, or the fragment shows frames from before its keyframe."""


def on_grid(moof: bytes, defaults: TrackDefaults, *, origin: int, ticks: int, frame: int) -> tuple[bytes, Samples]:
    """(the same `moof` with exact times, its samples as they were).

    Args:
        origin: presentation time of the track's first frame, in ticks.
        ticks: of a frame.
        frame: the number of this fragment's first frame.

    Raises IrregularError unless the samples are exactly the frames from `frame` on, the first of them shown first.
    """
    samples = read_samples(moof, defaults)
    # The frame that is nearest to where a sample is shown, counted from the fragment's first.
    places = [(2 * (shown - origin) + ticks) // (2 * ticks) - frame for shown in samples.shown]
    if not places or places[0] != 0 or not samples.syncs[0] or sorted(places) != list(range(len(places))):
        raise IrregularError(f"after frame {frame}")
    patched = bytearray(moof)
    traf = _need(moof, "moof/traf")
    _patch_start(patched, traf, frame * ticks, ticks)
    done = 0
    for trun in (box for box in boxes(moof, traf.body, traf.end) if box.kind == b"trun"):
        (count,) = struct.unpack_from("!I", moof, trun.body + 4)
        shifts = [place - number for number, place in enumerate(places[done : done + count], start=done)]
        _patch_run(patched, trun, ticks, shifts)
        done += count
    return bytes(patched), samples


def _patch_start(patched: bytearray, traf: Box, decode_time: int, ticks: int) -> None:
    """`tfdt`, and the duration that samples have which say nothing themselves."""
    tfdt, tfhd = _need(patched, "tfdt", traf), _need(patched, "tfhd", traf)
    struct.pack_into("!Q" if patched[tfdt.body] == 1 else "!I", patched, tfdt.body + 4, decode_time)
    has = int.from_bytes(patched[tfhd.body + 1 : tfhd.body + 4])
    if has & TFHD_DURATION:
        before = (8 if has & TFHD_BASE_OFFSET else 0) + (4 if has & TFHD_DESCRIPTION else 0)
        struct.pack_into("!I", patched, tfhd.body + 8 + before, ticks)


def _patch_run(patched: bytearray, trun: Box, ticks: int, shifts: list[int]) -> None:
    """Durations and composition offsets of one run; `shifts` in frames."""
    has = int.from_bytes(patched[trun.body + 1 : trun.body + 4])
    fields, row = trun_fields(has), trun_row(has)
    if TRUN_CTS not in fields and any(shifts):
        raise IrregularError("frames out of order, and no room to say so")
    if TRUN_CTS in fields:
        patched[trun.body] = 1  # offsets are signed
    position = trun.body + 8 + (4 if has & TRUN_OFFSET else 0) + (4 if has & TRUN_FIRST_FLAGS else 0)
    exact = {TRUN_DURATION: repeat(ticks), TRUN_CTS: (shift * ticks for shift in shifts)}
    rows = row.iter_unpack(patched[position : position + len(shifts) * row.size]) if fields else ()
    columns = [exact.get(field, column) for field, column in zip(fields, zip(*rows, strict=True), strict=True)]
    table = b"".join(starmap(row.pack, zip(*columns, strict=False)))
    patched[position : position + len(table)] = table


def _need(data: bytes | bytearray, path: str, inside: Box | None = None) -> Box:
    box = find(bytes(data), path, inside.body if inside else 0, inside.end if inside else None)
    if box is None:
        raise Fmp4Error(f"no {path}")
    return box
