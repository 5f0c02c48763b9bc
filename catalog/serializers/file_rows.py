"""Files of a list as FileSerializer shows them, straight from the values of a query: no objects, no fields that are asked one by one.

A test holds both equal. It takes a tenth of the time, and lists are what programs ask for most.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone

from catalog.models import MediaFile
from catalog.selectors import tags_of_files
from catalog.serializers.files import modified_at, ratio
from mam.lib.prepared import Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

_PLAIN = ("part_number", "placement", "kind", "extension", "size_bytes")
_PROBED = ("presence", "probe_state", "probe_reason", "duration_ms", "width_px", "height_px")
_SERIES = "content__series"
_COLUMNS = (
    *("id", "name", "title", "first_seen_at", *_PLAIN, *_PROBED, "mtime_ns", "frame_rate_num", "frame_rate_den"),
    *("video_codec", "audio_codec", "source_id", "source__name", "folder_id", "folder__path", "content_id", "content__title"),
    *("content__series_id", f"{_SERIES}__name", f"{_SERIES}__year", f"{_SERIES}__catalog_id", f"{_SERIES}__catalog__name"),
)
_ROWS = Prepared(lambda ids: MediaFile.objects.filter(pk__in=ids).values_list(*_COLUMNS))


def show_files(file_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Files that somebody may see as JSON, in this order; those that are gone are left out. Times are in the reader's zone. Two queries."""
    found = {values[0]: dict(zip(_COLUMNS, values, strict=True)) for values in _ROWS.rows(file_ids)}
    rows, tags = [found[pk] for pk in file_ids if pk in found], tags_of_files(file_ids)
    zone = timezone.get_current_timezone()
    page_url = reverse("catalog:file_detail", args=[0])
    return [_show(row, tags.get(row["id"], []), zone, page_url) for row in rows]


def _show(row: Mapping[str, Any], tags: list[dict[str, Any]], zone: tzinfo, page_url: str) -> dict[str, Any]:
    path = row["folder__path"]
    return {
        "id": row["id"],
        "name": row["name"],
        "title": row["title"],
        "path": f"{path}/{row['name']}" if path else row["name"],
        "source": {"id": row["source_id"], "name": row["source__name"]},
        "folder": {"id": row["folder_id"], "path": path},
        "content": _content(row),
        **{name: row[name] for name in _PLAIN},
        "modified_at": _text(modified_at(row["mtime_ns"]), UTC),
        "first_seen_at": _text(row["first_seen_at"], zone),
        **{name: row[name] for name in _PROBED},
        "frame_rate": ratio(row["frame_rate_num"], row["frame_rate_den"]),
        "video_codec": row["video_codec"],
        "audio_codec": row["audio_codec"],
        "tags": tags,
        "page_url": page_url.replace("0", str(row["id"])),
    }


def _content(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["content_id"] is None:
        return None
    catalog = {"id": row["content__series__catalog_id"], "name": row["content__series__catalog__name"]}
    series = {"id": row["content__series_id"], "name": row["content__series__name"], "year": row["content__series__year"]}
    return {"id": row["content_id"], "title": row["content__title"], "series": {**series, "catalog": catalog}}


def _text(value: datetime | None, zone: tzinfo) -> str | None:
    """As the REST framework writes a time."""
    if value is None:
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)  # as SQLite has it
    return aware.astimezone(zone).isoformat().replace("+00:00", "Z")
