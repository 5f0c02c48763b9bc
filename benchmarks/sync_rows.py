"""An archive and an OTT platform that hold what each other has, for the benchmarks of sync: written by a few statements, then matched.

Of MAM_BENCH_FILES files (1,000,000) three in a hundred are copies, in one large folder; of 0.7 times as many rows of the target most are
of files that are where they were, one in a hundred of files that have moved, and one in twenty of files that nobody has any more.
"""

from __future__ import annotations

import os

FILES = int(os.environ.get("MAM_BENCH_FILES", "1000000"))
ROWS = FILES * 7 // 10
SEED = 1
_COPIED, _GONE = 33, 20  # one in so many
_OF_FILE = (
    *("source_id", "kind", "size_bytes", "mtime_ns", "ctime_ns", "presence", "settled_since", "first_seen_at", "probe_state"),
    *("probe_priority", "container", "duration_ms", "duration_ticks", "video_codec", "audio_codec", "width_px", "height_px"),
    *("chapters", "extension", "name", "name_key"),
)
_OF_ROW = (
    *("target_id", "remote_id", "path", "path_key", "name_key", "size_bytes", "extension", "is_hls", "codec", "width_px", "height_px"),
    *("duration_ms", "content_id", "is_deleted", "error", "file_id"),
)
_HLS = "f.extension IN ('mp4', 'mov', 'ts')"


def fill(*, files: int = FILES, rows: int = ROWS, is_indexed: bool = False) -> int:
    """Write both sides of a target; its id. Nothing is matched yet. `is_indexed`: files are found by words, which takes long."""
    from catalog.search import index  # noqa: PLC0415  (Django is set up by who calls)
    from catalog.services import rollups  # noqa: PLC0415
    from catalog.services.generating import generate  # noqa: PLC0415
    from sync.models import Target, TargetSource  # noqa: PLC0415

    copies = files // _COPIED
    source = generate(files=files - copies, seed=SEED)
    _copy_files(source.pk, copies)
    rollups.verify(source=source)
    target, _is_new = Target.objects.get_or_create(name="OTT")
    TargetSource.objects.update_or_create(target=target, source=source, defaults={"is_included": True})
    _write_rows(target.pk, rows)
    if is_indexed:
        index.refresh_all()
    return target.pk


def match_all() -> int:
    """Match what was noted: everything; how many matches changed."""
    from sync.matching.recompute import match_touched  # noqa: PLC0415
    from sync.services.history import Actor  # noqa: PLC0415

    return match_touched(by=Actor())


def fold_cubes() -> None:
    """As the clock does every few seconds."""
    from django.db import connection  # noqa: PLC0415

    from mam.lib import cubes  # noqa: PLC0415

    for cube in cubes.registered():
        cube.fold(connection)


def prepare(*, is_indexed: bool = False) -> int:
    """Both sides, matched, on the empty database that Django has; the target's id."""
    from benchmarks.databases import analyse, set_up  # noqa: PLC0415

    set_up()
    target_id = fill(is_indexed=is_indexed)
    analyse()
    match_all()
    fold_cubes()
    analyse()
    return target_id


def _copy_files(source_id: int, count: int) -> None:
    from django.db import connection  # noqa: PLC0415

    from catalog.models import Folder  # noqa: PLC0415

    root = Folder.objects.get(source=source_id, parent=None)
    folder = Folder.objects.create(
        source_id=source_id, parent=root, name="Backup", path="Backup", name_key="backup", path_key="backup", lineage=root.subtree_prefix
    )
    columns = ", ".join(_OF_FILE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO catalog_mediafile (folder_id, {columns}) SELECT %s, {columns} FROM catalog_mediafile f"  # noqa: S608
            f" WHERE {_HLS} ORDER BY f.id DESC LIMIT %s",
            [folder.pk, count],
        )


def _write_rows(target_id: int, count: int) -> None:
    from django.db import connection  # noqa: PLC0415

    gone = count // _GONE
    values = "CAST({is_true} AS BOOLEAN), f.video_codec, f.width_px, f.height_px, f.duration_ms, COALESCE(CAST(f.content_id AS TEXT), '')"
    described = f"{values.format(is_true='1')}, CAST(0 AS BOOLEAN), ''"
    there = "FROM catalog_mediafile f JOIN catalog_folder d ON d.id = f.folder_id"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO sync_targetrow ({', '.join(_OF_ROW)}) SELECT %s, CAST(f.id AS TEXT),"
            " CASE WHEN f.id %% 101 = 0 THEN 'Moved' ELSE d.path END || '/' || f.name,"
            " CASE WHEN f.id %% 101 = 0 THEN 'moved' ELSE d.path_key END || '/' || f.name_key,"
            f" f.name_key, f.size_bytes, f.extension, {described}, f.id {there} WHERE {_HLS} AND d.path <> 'Backup' ORDER BY f.id LIMIT %s",
            [target_id, count - gone],
        )
        cursor.execute(
            f"INSERT INTO sync_targetrow ({', '.join(_OF_ROW)}) SELECT %s, CAST(1000000000 + f.id AS TEXT),"
            f" 'OLD/gone ' || f.name, 'old/gone ' || f.name_key, 'gone ' || f.name_key, f.size_bytes, f.extension, {described}, NULL"
            f" {there} WHERE {_HLS} AND d.path <> 'Backup' ORDER BY f.id LIMIT %s",
            [target_id, gone],
        )
