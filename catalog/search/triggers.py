"""What the database itself does for the search: it notes each file whose entry has to be made anew, in the transaction of the change,
whoever makes it. What lists show of a file is noted too, though the search does not know it: answers are kept until something is noted.

Triggers instead of calls: files are written by COPY, by set-based statements and by the services of every entity, and none of them can
forget it. Installed after each `migrate`, because SQLite drops the triggers of a table that a migration makes anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mam.lib import triggers
from mam.lib.triggers import ROW_OF, Trigger, changed_rows, on_rows, on_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

FAMILY = "search"  # of triggers
_BY_CONTENT = "SELECT id FROM catalog_mediafile WHERE content_id IN ({keys})"
_BY_SERIES = _BY_CONTENT.format(keys="SELECT id FROM catalog_content WHERE series_id IN ({keys})")
_BY_CATALOG = _BY_SERIES.format(keys="SELECT id FROM catalog_series WHERE catalog_id IN ({keys})")
_NO_FILE = "SELECT 0"  # what is shown of many files and searched in none: noted once, for answers that are kept
_OF_PLAYERS = _BY_CONTENT.format(keys="SELECT content_id FROM catalog_content_players WHERE player_id IN ({keys})")


@dataclass(frozen=True, slots=True)
class _Watch:
    """Changes of a table after which files have to be indexed anew.

    `files`: their ids, from the values of `key` in the changed rows (or not from them). `columns`: those that matter when a row is changed.
    """

    table: str
    columns: tuple[str, ...]
    key: str = "id"
    files: str = "{keys}"
    on_insert: bool = False
    on_delete: bool = False


_WATCHES = (
    _Watch(
        "catalog_mediafile",
        (
            *("name", "folder_id", "kind", "extension", "size_bytes", "presence", "probe_state", "video_codec", "audio_codec"),
            *("width_px", "height_px", "duration_ms", "content_id", "title", "description"),
            *("mtime_ns", "first_seen_at", "part_number", "placement", "probe_reason", "frame_rate_num", "frame_rate_den"),  # shown
        ),
        on_insert=True,
        on_delete=True,
    ),
    _Watch("catalog_source", ("name",), files=_NO_FILE),  # shown
    _Watch("catalog_folder", ("path",), files="SELECT id FROM catalog_mediafile WHERE folder_id IN ({keys})"),
    _Watch("catalog_content", ("title", "series_id"), files=_BY_CONTENT),
    _Watch("catalog_series", ("name", "year", "catalog_id"), files=_BY_SERIES),
    _Watch("catalog_catalog", ("name",), files=_BY_CATALOG),
    _Watch("catalog_tag", ("color",), files=_NO_FILE),  # shown
    _Watch("catalog_tag", ("name",), files="SELECT mediafile_id FROM catalog_mediafile_tags WHERE tag_id IN ({keys})"),
    _Watch(
        "catalog_player",
        ("name", "name_ko", "name_en", "aliases"),
        files=f"SELECT mediafile_id FROM catalog_mediafile_players WHERE player_id IN ({{keys}}) UNION {_OF_PLAYERS}",  # noqa: S608
    ),
    _Watch("catalog_collection", ("name",), files="SELECT file_id FROM catalog_collectionitem WHERE collection_id IN ({keys})"),
    _Watch("catalog_mediafile_tags", ("tag_id",), "mediafile_id", on_insert=True, on_delete=True),
    _Watch("catalog_mediafile_players", ("player_id",), "mediafile_id", on_insert=True, on_delete=True),
    _Watch("catalog_content_players", ("player_id",), "content_id", _BY_CONTENT, on_insert=True, on_delete=True),
    _Watch("catalog_collectionitem", ("collection_id",), "file_id", on_insert=True, on_delete=True),
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers what they are here. If any was missing or another, every file counts as changed."""
    if triggers.install(connection, FAMILY, _on_sqlite() if connection.vendor == "sqlite" else _on_postgresql()):
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO catalog_searchchange (file_id) SELECT id FROM catalog_mediafile")


def _events(watch: _Watch) -> Iterator[str]:
    """What may happen to a row."""
    yield "update"
    if watch.on_insert:
        yield "insert"
    if watch.on_delete:
        yield "delete"


def _on_sqlite() -> Iterator[Trigger]:
    for watch in _WATCHES:
        for event in _events(watch):
            files = watch.files.format(keys=f"SELECT {ROW_OF[event]}.{watch.key}")
            note = f"INSERT INTO catalog_searchchange (file_id) {files}"
            yield on_rows(FAMILY, watch.table, event, note, columns=watch.columns)


def _on_postgresql() -> Iterator[Trigger]:
    for watch in _WATCHES:
        for event in _events(watch):
            keys = f"SELECT {watch.key} FROM {ROW_OF[event]}_rows"  # noqa: S608
            if event == "update":
                keys = f"SELECT {watch.key} FROM ({changed_rows(('id', watch.key, *watch.columns))}) AS changed"  # noqa: S608
            note = f"INSERT INTO catalog_searchchange (file_id) {watch.files.format(keys=keys)}"
            yield on_statements(FAMILY, watch.table, event, note, if_any=keys)
