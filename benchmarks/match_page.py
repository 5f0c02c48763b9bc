"""How long a page of the match table takes over HTTP among a million matches: first, middle and last pages, each order and each filter.

MAM_BENCH_FILES files (1,000,000) and 0.7 times as many rows of the target (`benchmarks.sync_rows`), matched. Through Django's WSGI handler
with all its middleware, as a viewer. The reference has the same rows by bare SQL and dumps them as JSON: ids by the same order and filter
from the nearer end of an index, then the rows joined to them, and the total from the cube; no request, no session, no cursors, no copies.
What counts is the 95th percentile of all pages of both. Searches have no counterpart in bare SQL: they are told apart.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from benchmarks.asking import asker
from benchmarks.sync_rows import prepare
from benchmarks.taking_turns import Question, ask_all, bare_rows, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/matching"
GOAL_MS = 100
ORDERS = {  # as asked for -> in SQL
    "newest": "id DESC",
    "oldest": "id",
    "path": "path_key, id",
    "-path": "path_key DESC, id DESC",
    "name": "name_key, size_bytes, id",
    "-name": "name_key DESC, size_bytes DESC, id DESC",
    "size": "size_bytes, id",
    "-size": "size_bytes DESC, id DESC",
}
WORDS = ("final", "ivey", "하이롤러", "gone", "kpo 2020 예선", "c0345")
_ROWS = """SELECT m.id, m.status, m.reason, m.action, m.copies, m.path, m.extension, m.size_bytes, m.catalog_id, c.name, m.file_id,
    f.video_codec, f.width_px, f.height_px, f.duration_ms, r.remote_id, r.path AS row_path, r.size_bytes AS row_size_bytes,
    r.is_hls, r.is_deleted
    FROM ({ids}) AS page JOIN sync_match m ON m.id = page.id LEFT JOIN catalog_mediafile f ON f.id = m.file_id
    LEFT JOIN sync_targetrow r ON r.id = m.row_id LEFT JOIN catalog_catalog c ON c.id = m.catalog_id"""


class Asked(NamedTuple):
    """A list: which order, and what it is narrowed by, as asked for and in SQL over a match or a cell."""

    kind: str
    sort: str = "newest"
    query: dict[str, str] = {}  # noqa: RUF012  (of a tuple, never changed)
    condition: str = "1 = 1"


def lists(target_id: int) -> Iterator[Asked]:
    """All orders; all filters in the default order; some of both."""
    from sync.choices import MatchStatus  # noqa: PLC0415  (Django is set up by who calls)

    yield from (Asked("order", sort) for sort in ORDERS)
    yield from (Asked("status", query={"status": status}, condition=f"status = '{status}'") for status in MatchStatus.values)
    cells = "SELECT DISTINCT {column} AS value FROM sync_matchcell WHERE target_id = {target}"
    catalogs = [row["value"] for row in bare_rows(cells.format(column="catalog_id", target=target_id)) if row["value"]]
    extensions = [row["value"] for row in bare_rows(cells.format(column="extension", target=target_id))]
    yield from (Asked("catalog", query={"catalog": str(pk)}, condition=f"catalog_id = {pk}") for pk in catalogs)
    yield from (Asked("extension", query={"ext": one}, condition=f"extension = '{one}'") for one in extensions)
    both = "status IN ('synced', 'synced_with_duplicates')"
    for sort in ("newest", "path", "-size"):
        yield Asked("status and order", sort, {"status": "synced"}, "status = 'synced'")
        yield Asked("statuses", sort, {"status": "synced,synced_with_duplicates"}, both)
        yield Asked("catalog and order", sort, {"catalog": str(catalogs[0])}, f"catalog_id = {catalogs[0]}")
        yield Asked(
            "three filters",
            sort,
            {"status": "new", "catalog": str(catalogs[0]), "ext": "mp4"},
            f"status = 'new' AND catalog_id = {catalogs[0]} AND extension = 'mp4'",
        )


def bare_page(target_id: int, asked: Asked, number: int, size: int, total: int) -> str:
    """The reference."""
    order, start = ORDERS[asked.sort], (number - 1) * size
    count = min(size, total - start)
    if start > total // 2:  # from the nearer end
        start = total - start - count
        order = ", ".join(f"{one.removesuffix(' DESC')}{'' if one.endswith(' DESC') else ' DESC'}" for one in order.split(", "))
    ids = f"SELECT id FROM sync_match WHERE target_id = {target_id} AND {asked.condition} ORDER BY {order} LIMIT {count} OFFSET {start}"  # noqa: S608
    return json.dumps({"total": bare_total(target_id, asked), "items": bare_rows(_ROWS.format(ids=ids))}, ensure_ascii=False)


def bare_total(target_id: int, asked: Asked) -> int:
    """Of all pages."""
    cells = f"SELECT SUM(matches) AS total FROM sync_matchcell WHERE target_id = {target_id} AND {asked.condition}"  # noqa: S608
    return int(bare_rows(cells)[0]["total"] or 0)


def questions(target_id: int) -> Iterator[Question]:
    """Pages of all lists, and searches."""
    ask = asker()
    for asked in lists(target_id):
        total = bare_total(target_id, asked)
        for size in (20, 200) if asked.kind == "order" else (20,):
            pages = -(-total // size)
            for number in sorted({1, max(1, pages // 2), max(1, pages)} if total else ()):
                query = urlencode({"sort": asked.sort, "page": number, "per_page": size, **asked.query})
                yield Question(asked.kind, partial(ask, PATH, query), partial(bare_page, target_id, asked, number, size, total))
                _compare(ask(PATH, query), bare_page(target_id, asked, number, size, total))
    for words in WORDS:
        for sort in ("newest", "path"):
            yield Question("words", partial(ask, PATH, urlencode({"q": words, "sort": sort})))


def _compare(ours: bytes, bare: str) -> None:
    sides: list[Any] = [json.loads(ours), json.loads(bare)]
    if sides[0]["total"] != sides[1]["total"] or {row["id"] for row in sides[0]["items"]} != {row["id"] for row in sides[1]["items"]}:
        raise RuntimeError("the two sides do not answer the same")


def measure() -> None:
    """In a process of its own."""
    target_id = prepare(is_indexed=True)
    ask_for_pages(target_id)


def ask_for_pages(target_id: int) -> None:
    """The same on what there is."""
    from django.core.cache import caches  # noqa: PLC0415

    ask_all(list(questions(target_id)), forget=caches["answers"].clear)


def main() -> int:
    ratio = compare("match_page", goal_ms=GOAL_MS)
    sys.stdout.write(f"match_page ratio {ratio:.2f} (ours/reference)\n")
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure()
    else:
        sys.exit(main())
