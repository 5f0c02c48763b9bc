"""What a worker process answers, read with suspicion: it has read hostile bytes and may have been turned against us."""

from __future__ import annotations

import re
from typing import Any

from mam.lib.media.description import MalformedDescriptionError, from_wire
from mam.lib.media.outcomes import FrameOutcome, ProbeOutcome, Reason, SheetOutcome, Stage
from mam.lib.media.text import clean, clean_json

_HASH = re.compile(r"[0-9a-f]{32}|")
_DETAIL_LENGTH = 500


class DiedError(Exception):
    """The worker ended, or said something it must not say, while it had a file."""


def probe_outcome(result: dict[str, Any]) -> ProbeOutcome:
    """A checked outcome. DiedError if the worker was turned against us and says what it must not."""
    try:
        ok = result["ok"] is True
        sample_hash = result.get("sample_hash", "")
        return ProbeOutcome(
            ok=ok,
            reason=Reason(result["reason"]) if result["reason"] is not None else None,
            description=from_wire(result["description"]) if ok else None,
            raw=clean_json(result["raw"]) if ok else {},
            stage=Stage(result.get("stage", Stage.HEAD)),
            sample_hash=sample_hash if _HASH.fullmatch(sample_hash) else "",
            detail=clean(result.get("detail", ""), _DETAIL_LENGTH),
        )
    except (KeyError, TypeError, ValueError, AttributeError, MalformedDescriptionError) as error:
        raise DiedError(f"nonsense from the worker: {error}") from error


def frame_outcome(result: dict[str, Any], blob: bytes) -> FrameOutcome:
    """A checked outcome, as above."""
    try:
        ok = result["ok"] is True
        if ok:
            _need_jpeg(blob)
        at_ms = result.get("at_ms")
        return FrameOutcome(
            ok=ok,
            reason=Reason(result["reason"]) if result["reason"] is not None else None,
            jpeg=blob if ok else b"",
            width_px=int(result["width_px"]) if ok else 0,
            height_px=int(result["height_px"]) if ok else 0,
            at_ms=int(at_ms) if at_ms is not None else None,
            detail=clean(result.get("detail", ""), _DETAIL_LENGTH),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DiedError(f"nonsense from the worker: {error}") from error


def sheet_outcome(result: dict[str, Any], blob: bytes) -> SheetOutcome:
    """A checked outcome, as above."""
    try:
        ok = result["ok"] is True
        if ok:
            _need_jpeg(blob)
        return SheetOutcome(
            ok=ok,
            reason=Reason(result["reason"]) if result["reason"] is not None else None,
            jpeg=blob if ok else b"",
            tile_width_px=int(result["tile_width_px"]) if ok else 0,
            tile_height_px=int(result["tile_height_px"]) if ok else 0,
            pictures=int(result["pictures"]) if ok else 0,
            cpu_ms=max(0, int(result.get("cpu_ms", 0))),
            detail=clean(result.get("detail", ""), _DETAIL_LENGTH),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DiedError(f"nonsense from the worker: {error}") from error


def _need_jpeg(blob: bytes) -> None:
    if not (blob.startswith(b"\xff\xd8") and blob.rstrip(b"\0").endswith(b"\xff\xd9")):
        raise ValueError("no JPEG")
