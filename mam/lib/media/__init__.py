"""Media files: what is in them, from a few kilobytes, and a picture of them; looked at by processes that may crash.

`shared_workers().probe(file, name=...)` and `.frame(file, at=Fraction(1, 10))`, `.sheet(...)`; `file` is anything with `size_bytes` and
`read_at`: a `RangedReader` of `mam.lib.sources`, or a `LocalFile`. No Django, no models here.
"""

from mam.lib.media.description import Chapter, Description, Kind, Stream
from mam.lib.media.description import to_wire as description_as_json
from mam.lib.media.local import LocalFile
from mam.lib.media.outcomes import (
    FRAME_BUDGET,
    PROBE_BUDGET,
    SHEET_BUDGET,
    Budget,
    FrameOutcome,
    ProbeOutcome,
    ReadableFile,
    Reason,
    SheetOutcome,
    Stage,
)
from mam.lib.media.pool import MediaWorkerError, MediaWorkers, shared_workers

__all__ = [
    "FRAME_BUDGET",
    "PROBE_BUDGET",
    "SHEET_BUDGET",
    "Budget",
    "Chapter",
    "Description",
    "FrameOutcome",
    "Kind",
    "LocalFile",
    "MediaWorkerError",
    "MediaWorkers",
    "ProbeOutcome",
    "ReadableFile",
    "Reason",
    "SheetOutcome",
    "Stage",
    "Stream",
    "description_as_json",
    "shared_workers",
]
