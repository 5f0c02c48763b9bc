"""What the summary of the catalog counts, declared for `mam.lib.cubes`, which keeps it."""

from __future__ import annotations

from catalog.choices import FileKind, ProbeState
from catalog.models import Content, MediaFile, Series, SummaryCell
from catalog.search.facets import HLS_PICTURE, HLS_SOUND
from mam.lib.cubes import Cube, Table

_SOUND = ", ".join(f"'{codec}'" for codec in sorted(HLS_SOUND))
_HLS = (
    f"CASE WHEN f.kind <> '{FileKind.VIDEO.value}' OR f.probe_state <> '{ProbeState.DONE.value}' THEN ''"
    f" WHEN f.video_codec = '{HLS_PICTURE}' AND f.audio_codec IN ({_SOUND}) THEN 'yes' ELSE 'no' END"
)
_READ = ("id", "content_id", "kind", "extension", "presence", "probe_state", "video_codec", "audio_codec", "size_bytes", "duration_ms")

FILES = Cube(
    name="files",
    table=SummaryCell._meta.db_table,
    facts=Table(MediaFile._meta.db_table, "f", _READ),
    joined=(
        Table(Content._meta.db_table, "c", ("id", "series_id"), on="c.id = f.content_id", to="f"),
        Table(Series._meta.db_table, "s", ("id", "year", "catalog_id"), on="s.id = c.series_id", to="c"),
    ),
    keys={
        "catalog_id": "COALESCE(s.catalog_id, 0)",
        "year": "COALESCE(s.year, 0)",
        "kind": "f.kind",
        "extension": "f.extension",
        "presence": "f.presence",
        "probe_state": "f.probe_state",
        "hls": _HLS,
    },
    measures={"files": "1", "bytes": "f.size_bytes", "duration_ms": "COALESCE(f.duration_ms, 0)"},
)
