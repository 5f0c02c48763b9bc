"""How long a level of the tree takes over HTTP among a million matches, against the same folders and files by bare SQL, dumped as JSON.

MAM_BENCH_FILES files (1,000,000) and 0.7 times as many rows of the target (`benchmarks.sync_rows`), matched. Through Django's WSGI handler
with all its middleware, as a viewer: the top, events, years with hundreds of folders, folders with files, a folder with three in a hundred
of all files at its beginning and in its middle; all of it also narrowed to a status. What counts is the 95th percentile of all.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from benchmarks.asking import asker
from benchmarks.sync_rows import prepare
from benchmarks.taking_turns import Question, ask_all, bare_rows, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.models import Folder

PATH = "/api/matching/tree"
GOAL_MS = 50
LIMIT = 100
PLACES = 12  # of each depth
_HAS = {"sqlite": "json_extract(fm.total, '$.{status}') > 0", "postgresql": "fm.total ? '{status}'"}
_FILES = """SELECT m.id, m.status, m.reason, m.path, m.size_bytes, f.id AS file_id, f.name, r.remote_id FROM catalog_mediafile f
    JOIN sync_match m ON m.file_id = f.id AND m.target_id = {target} LEFT JOIN sync_targetrow r ON r.id = m.row_id
    WHERE f.folder_id = {folder} AND {condition} ORDER BY f.name_key, f.id LIMIT {limit} OFFSET {skipped}"""


def bare(target_id: int, folder_id: int, status: str, skipped: int = 0) -> str:
    """The reference: what is directly in a folder."""
    from django.db import connection  # noqa: PLC0415  (Django is set up by who calls)

    has = _HAS[connection.vendor].format(status=status) if status else "1 = 1"
    folders = bare_rows(
        "SELECT d.id, d.name, d.path, fm.total FROM catalog_folder d JOIN sync_foldermatches fm ON fm.folder_id = d.id"  # noqa: S608
        f" AND fm.target_id = {target_id} WHERE d.parent_id = {folder_id} AND {has} ORDER BY d.name_key, d.id LIMIT {LIMIT}"
    )
    condition = f"m.status = '{status}'" if status else "1 = 1"
    files = bare_rows(_FILES.format(target=target_id, folder=folder_id, condition=condition, limit=LIMIT, skipped=skipped))
    return json.dumps({"folders": folders, "files": files}, ensure_ascii=False)


def questions(target_id: int) -> Iterator[Question]:
    """Levels at all depths."""
    from catalog.models import Folder  # noqa: PLC0415

    ask = asker()
    root = Folder.objects.get(parent=None, source__name__startswith="Generated")
    copies = Folder.objects.get(parent=root, name="Backup")
    for status in ("", "new", "moved"):
        yield _question("top", target_id, ask, root, status)
        for depth, kind in ((1, "event"), (2, "year"), (3, "folder")):
            for folder in Folder.objects.filter(source=root.source, depth=depth).exclude(pk=copies.pk).order_by("name_key")[:PLACES]:
                yield _question(kind, target_id, ask, folder, status)
        yield _question("large folder", target_id, ask, copies, status)
    yield from _deep(target_id, ask, copies)
    yield Question("three levels at once", partial(ask, PATH, "depth=3"))


def _question(kind: str, target_id: int, ask: Any, folder: Folder, status: str) -> Question:
    query = urlencode({"path": folder.path, "status": status, "limit": LIMIT})
    return Question(kind, partial(ask, PATH, query), partial(bare, target_id, folder.pk, status))


def _deep(target_id: int, ask: Any, folder: Folder) -> Iterator[Question]:
    """The middle of a large folder: by its cursor, and by an offset over the same index."""
    cursor: str | None = None
    for number in range(1, 60):
        page = json.loads(ask(PATH, urlencode({"path": folder.path, "limit": LIMIT, **({"cursor": cursor} if cursor else {})})))
        cursor = page["catalogs"][0]["next"]
        if cursor is None:
            return
        if number % 20 == 0:
            query = urlencode({"path": folder.path, "limit": LIMIT, "cursor": cursor})
            yield Question("deep in a large folder", partial(ask, PATH, query), partial(bare, target_id, folder.pk, "", number * LIMIT))


def measure() -> None:
    """In a process of its own."""
    ask_for_levels(prepare())


def ask_for_levels(target_id: int) -> None:
    """The same on what there is."""
    ask_all(list(questions(target_id)))


def main() -> int:
    ratio = compare("tree_level", goal_ms=GOAL_MS)
    sys.stdout.write(f"tree_level ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
