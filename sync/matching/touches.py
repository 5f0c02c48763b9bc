"""What the database itself notes for matching: each file of which something has changed that its match depends on, in the transaction of
the change, whoever makes it. Files that are new are noted by their first and last id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mam.lib import triggers
from mam.lib.bulk import insert_rows
from mam.lib.triggers import ROW_OF, Trigger, changed_rows, on_rows, on_statements
from sync.choices import Side
from sync.models import Touch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

FAMILY = "touch"  # of triggers
ALL = 2**53  # after the last id of whatever there is, or will be; of which a few can be added up
_OF_CONTENTS = "SELECT id FROM catalog_mediafile WHERE content_id IN ({keys})"


@dataclass(frozen=True, slots=True)
class _Watch:
    """A table, the columns that matter when a row of it is changed, and the files that this concerns, from the ids of the rows."""

    table: str
    columns: tuple[str, ...]
    files: str
    events: tuple[str, ...] = ("update",)


_WATCHES = (
    _Watch(
        "catalog_mediafile",
        (
            *("folder_id", "name", "size_bytes", "presence", "absent_since", "content_id", "extension", "kind"),
            *("video_codec", "width_px", "height_px", "duration_ms"),  # written to the target
        ),
        "{keys}",
        events=("insert", "update", "delete"),
    ),
    _Watch("catalog_folder", ("path", "lineage"), "SELECT id FROM catalog_mediafile WHERE folder_id IN ({keys})"),
    _Watch("catalog_content", ("series_id",), _OF_CONTENTS),
    _Watch("catalog_series", ("catalog_id",), _OF_CONTENTS.format(keys="SELECT id FROM catalog_content WHERE series_id IN ({keys})")),
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers what they are here. If any was missing or another, every file counts as changed."""
    if triggers.install(connection, FAMILY, _on_sqlite() if connection.vendor == "sqlite" else _on_postgresql()):
        touch_all()


def touch_all() -> Touch:
    """Have everything matched anew: the rules have changed. The note of it."""
    return Touch.objects.create(side=Side.FILE, first_id=0, last_id=ALL)


def touch_rows(row_ids: Iterable[int]) -> None:
    """Have rows of the mirror matched anew, in the transaction that wrote or removed them."""
    insert_rows(Touch, ["side", "first_id", "last_id"], ((Side.ROW.value, first, last) for first, last in _ranges(row_ids)))


def _ranges(ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of ids that follow one another."""
    run: list[int] = []
    for pk in sorted(ids):
        if run and pk != run[-1] + 1:
            yield run[0], run[-1]
            run = []
        run.append(pk)
    if run:
        yield run[0], run[-1]


def _on_sqlite() -> Iterator[Trigger]:
    for watch in _WATCHES:
        for event in watch.events:
            files = watch.files.format(keys=f"SELECT {ROW_OF[event]}.id AS id")
            note = f"INSERT INTO sync_touch (first_id, last_id) SELECT id, id FROM ({files}) AS touched"
            yield on_rows(FAMILY, watch.table, event, note, columns=watch.columns)


def _on_postgresql() -> Iterator[Trigger]:
    for watch in _WATCHES:
        for event in watch.events:
            keys = f"SELECT id FROM {ROW_OF[event]}_rows"
            columns = "id, id"
            if event == "update":
                keys = f"SELECT id FROM ({changed_rows(('id', *watch.columns))}) AS changed"
            elif event == "insert":
                columns = "MIN(id), MAX(id)"
            files = watch.files.format(keys=keys)
            note = f"INSERT INTO sync_touch (first_id, last_id) SELECT {columns} FROM ({files}) AS touched"
            yield on_statements(FAMILY, watch.table, event, note, if_any=keys)
