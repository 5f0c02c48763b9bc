"""Answers that cost something, kept until anything they depend on changes. Of most, ids and counts are kept and rows read each time; of
what programs ask for again and again, the whole answer.

A key carries the version of all that is searched, as the database has it in this moment, so a change is seen at once whoever made it;
and what its reader may see, so nobody is given the answer of somebody who may see more.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

from django.core.cache import caches
from django.db import connection

from catalog.models import SearchBlock, SearchChange
from catalog.selectors.scope import reader_scope
from mam.lib.bulk import in_order
from mam.lib.keyset import KeysetPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model, QuerySet

    from catalog.selectors.scope import Reader

Answer = TypeVar("Answer")
Row = TypeVar("Row", bound="Model")

Version = tuple[object, ...]

_KEEP_S = 15 * 60
_MANY = 100  # changes that wait; while there are more, the next version is moments away
_CHANGES, _BLOCKS = SearchChange._meta.db_table, SearchBlock._meta.db_table
_VERSION = f"""SELECT * FROM (SELECT 1 AS is_waiting, id, 0 AS revision FROM {_CHANGES} ORDER BY id LIMIT %s) AS waiting
    UNION ALL SELECT 0, number, revision FROM {_BLOCKS}"""  # noqa: S608  (our own names; Django has no LIMIT in a part of a union)


def keep(make: Callable[[], Answer], *, version: Version | None, user: Reader, about: tuple[object, ...], cache: str = "answers") -> Answer:
    """What `make` gives, or gave before for the same `about` (things with an exact repr), reader's scope and version. Not None.

    `cache` "pages" for what the code of this process has rendered: it is this process's own.

    `version` is read before anything that `make` uses: what is kept may be newer than its key, and then nobody asks for that key again.
    """
    if version is None:
        return make()
    key = hashlib.blake2b(repr((version, reader_scope(user), about)).encode(), digest_size=20).hexdigest()
    found: Answer | None = caches[cache].get(key)
    if found is None:
        found = make()
        caches[cache].set(key, found, _KEEP_S)
    return found


def keep_page(
    make: Callable[[], KeysetPage[Row]], rows: QuerySet[Row], *, version: Version | None, user: Reader, about: tuple[object, ...]
) -> KeysetPage[Row]:
    """The page of `rows` that `make` gives; for the same `about` and version its ids are known, and its rows are read by them."""
    made: list[KeysetPage[Row]] = []

    def ids_and_cursors() -> tuple[list[int], str | None, str | None]:
        made.append(make())
        return [row.pk for row in made[0].items], made[0].next, made[0].previous

    ids, after, before = keep(ids_and_cursors, version=version, user=user, about=about)
    if made:
        return made[0]
    return KeysetPage(items=in_order(rows, ids), next=after, previous=before)


def library_version() -> Version | None:
    """Another one after each change of anything that is searched or listed; None while many changes wait for the index.

    None also inside a transaction: what only that sees is nobody else's, and on SQLite the numbers of notes come again when it is rolled
    back. What changed and what waits for the index stands in `SearchChange`, what is in it in the revisions of its blocks; neither number
    ever comes again.
    """
    if connection.in_atomic_block:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_VERSION, [_MANY + 1])
        found = sorted(cursor.fetchall())
    return None if sum(is_waiting for is_waiting, *_numbers in found) > _MANY else tuple(found)
