"""Why a segment cannot be had now."""

from __future__ import annotations

from mam.lib.errors import MamError, gettext_noop


class EncoderBusyError(MamError):
    """All encoders of this machine work for other viewers. `retry_after_s` is for the header of the answer."""

    code = "encoder_busy"
    template = gettext_noop("All encoders are in use by other viewers. Playback starts as soon as one is free.")
    http_status = 503
    is_permanent = False
    retry_after_s = 5


class SegmentMissingError(MamError):
    """The file has no such track or segment, or ends before it."""

    code = "segment_missing"
    template = gettext_noop("The file has no such part.")
    http_status = 404


class EncoderFailedError(MamError):
    """The encoder ended, or stood still, before the segment was complete. `log_tail`: what it said, for staff."""

    code = "encoder_failed"
    template = gettext_noop("This part of the file could not be encoded: %(detail)s")
    http_status = 502

    def __init__(self, log_tail: str = "", **params: str | int | float) -> None:
        super().__init__(**params)
        self.log_tail = log_tail
