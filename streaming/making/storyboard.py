"""The storyboard: keyframes as small pictures on sheets, from partial reads, by the isolated media workers."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from django.conf import settings

from catalog.services.sources import open_file_system
from mam.lib.errors import MamError, gettext_noop
from mam.lib.media import SHEET_BUDGET, shared_workers
from mam.lib.sources.errors import SourceError
from streaming.encoding import duration_of
from streaming.errors import MediaChangedError
from streaming.inputs import for_viewers
from streaming.services.renditions import Made

if TYPE_CHECKING:
    from mam.jobs.context import JobContext
    from mam.lib.media import SheetOutcome
    from mam.lib.sources import Entry, RangedReader
    from streaming.making.jobs import Making

_MIN_INTERVAL_S = 1  # pictures of one second look alike


class NoStoryboardError(MamError):
    code = "no_storyboard"
    template = gettext_noop("No pictures could be read from the file (%(reason)s).")


def make_storyboard(making: Making) -> Made:
    """Make the sheets. Raises NoStoryboardError, MediaChangedError and what its source raises, in the viewer's words."""
    preset = settings.MAM_PRESETS["storyboard"]
    duration = duration_of(making.file)
    count = max(1, min(preset["pictures"], ceil(duration / _MIN_INTERVAL_S)))
    cells = preset["columns"] * preset["rows"]
    try:
        sheets = _read_sheets(making, count, cells)
    except SourceError as error:
        raise for_viewers(error) from error
    making.ctx.progress(count, count)
    return Made(
        objects=[making.put(f"sheet-{number:03}.jpg", sheet.jpeg, content_type="image/jpeg") for number, sheet in enumerate(sheets)],
        details={
            "columns": min(preset["columns"], count),
            "rows": ceil(min(count, cells) / preset["columns"]),
            "width_px": sheets[0].tile_width_px,
            "height_px": sheets[0].tile_height_px,
            "starts_ms": [int(duration * 1000 * number / count) for number in range(count)],
            "duration_ms": round(duration * 1000),
        },
        cpu_ms=sum(sheet.cpu_ms for sheet in sheets),
        width_px=sheets[0].tile_width_px,
        height_px=sheets[0].tile_height_px,
        preset=f"{count} pictures",
    )


def _read_sheets(making: Making, count: int, cells: int) -> list[SheetOutcome]:
    """All sheets, each full but the last. The file is the catalogued version before and after."""
    preset = settings.MAM_PRESETS["storyboard"]
    file_system = open_file_system(making.file.source)
    sheets = []
    with file_system.open(making.file.path) as reader:
        _check(making, reader.entry)
        watched = _Watched(reader, making.ctx)
        for first in range(0, count, cells):
            making.ctx.progress(first, count)
            numbers = range(first, min(first + cells, count))
            middles = [Fraction(2 * number + 1, 2 * count) for number in numbers]
            sheet = shared_workers().sheet(
                watched, at=middles, columns=preset["columns"], tile_width_px=preset["width_px"], budget=SHEET_BUDGET
            )
            if not sheet.ok:
                raise NoStoryboardError(reason=str(sheet.reason))
            sheets.append(sheet)
    _check(making, file_system.stat(making.file.path))
    return sheets


def _check(making: Making, entry: Entry) -> None:
    if (entry.size_bytes, entry.mtime_ns) != (making.file.size_bytes, making.file.mtime_ns):
        raise MediaChangedError


class _Watched:
    """A file whose reads end as soon as the job has to."""

    def __init__(self, reader: RangedReader, ctx: JobContext) -> None:
        self.size_bytes = reader.size_bytes
        self._reader = reader
        self._ctx = ctx

    def read_at(self, offset: int, length: int) -> bytes:
        """As the reader; raises what `JobContext.check` raises."""
        self._ctx.check()
        return self._reader.read_at(offset, length)
