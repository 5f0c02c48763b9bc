"""Many rows at database speed: COPY and arrays on PostgreSQL, `executemany` on SQLite. For services that write listings.

Django's `bulk_create` makes 5 to 10 thousand file rows a second, these 22 to 65 (FACTS, Database 6).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections
from django.db.models.expressions import RawSQL

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.utils import CursorWrapper
    from django.db.models import Model, QuerySet

    AnyModel = TypeVar("AnyModel", bound=Model)

Row = Sequence[Any]
Item = TypeVar("Item")
CHUNK = 1000  # ids per statement


def reserve_ids(model: type[Model], count: int, *, using: str = "default") -> list[int]:
    """Ids for `count` rows that `insert_rows` shall write, so that nobody has to ask for them afterwards. Inside a transaction.

    PostgreSQL takes them from the column's sequence; on SQLite they follow the last one, which the transaction keeps for itself.
    """
    connection = connections[using]
    table, key = model._meta.db_table, model._meta.pk.column
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            quoted = connection.ops.quote_name(table)
            cursor.execute(
                "SELECT nextval(name) FROM (SELECT pg_get_serial_sequence(%s, %s) AS name OFFSET 0) AS found, generate_series(1, %s)",
                [quoted, key, count],
            )
            return [pk for (pk,) in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        last = cursor.fetchone()
    first = last[0] + 1 if last else 1
    return list(range(first, first + count))


def insert_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Row], *, using: str = "default") -> None:
    """Insert `rows` (values in the order of `columns`, already in database form); other columns get their database default.

    `rows` may be made on the way: PostgreSQL works on the first while the later ones are made. Making them must not use the database.
    Must run inside a transaction when it has to be atomic with other writes.
    """
    connection = connections[using]
    table, names = _quoted(connection, model, columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with connection.wrap_database_errors, cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            staged = _stage(cursor, len(columns), rows)
            cursor.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT * FROM {staged}")  # noqa: S608  (names of our models only)
            cursor.execute(f"DELETE FROM {staged}")  # noqa: S608


def insert_objects(model: type[Model], objects: Sequence[Model], *, using: str = "default") -> None:
    """Insert objects that were never saved, with all their values, and give them their ids. As `insert_rows`; no signals are sent."""
    if not objects:
        return
    fields = list(model._meta.concrete_fields)
    for one, pk in zip(objects, reserve_ids(model, len(objects), using=using), strict=True):
        one.pk = pk
    connection = connections[using]
    rows = [[field.get_db_prep_save(field.pre_save(one, add=True), connection) for field in fields] for one in objects]
    insert_rows(model, [str(field.column) for field in fields], rows, using=using)
    for one in objects:
        one._state.adding, one._state.db = False, using


def ids_by(
    model: type[Model], columns: tuple[str, str], values: Iterable[tuple[int, str]], *, using: str = "default"
) -> dict[tuple[int, str], int]:
    """Primary keys of the rows that have a pair of `values` in `columns`, those of a unique index, by the pair. One query."""
    pairs = list(values)
    if not pairs:
        return {}
    connection = connections[using]
    table, (first, second, key) = _quoted(connection, model, [*columns, str(model._meta.pk.column)])
    given: list[Any]
    if connection.vendor == "postgresql":
        wanted, a, b = "unnest(%s::bigint[], %s::text[]) AS wanted (a, b)", "wanted.a", "wanted.b"
        given = [list(side) for side in zip(*pairs, strict=True)]
    else:
        wanted, a, b = "json_each(%s) AS wanted CROSS", "json_extract(wanted.value, '$[0]')", "json_extract(wanted.value, '$[1]')"
        given = [json.dumps(pairs)]  # CROSS: read in this order
    on = f"{table}.{first} = {a} AND {table}.{second} = {b}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {table}.{first}, {table}.{second}, {table}.{key} FROM {wanted} JOIN {table} ON {on}", given)  # noqa: S608
        return {(number, text): pk for number, text, pk in cursor.fetchall()}


def _stage(cursor: CursorWrapper, width: int, rows: Iterable[Row]) -> str:
    """SQLite: put `rows` into a temporary table of this connection, from where one statement takes them all; its name.

    Before each statement on a table with triggers SQLite saves every page that it will change, to take back that statement alone:
    for one row as many as there are indexes, for a thousand rows hardly more.
    """
    name, columns = f"temp.mam_staged_{width}", [f"c{number}" for number in range(width)]
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name.partition('.')[2]} ({', '.join(columns)})")
    cursor.execute(f"DELETE FROM {name}")  # noqa: S608  (of an insert that failed outside of a transaction)
    cursor.executemany(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * width)})", list(rows))  # noqa: S608
    return name


def update_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Row], *, using: str = "default") -> None:
    """Set `columns` of the rows named by the last value of each row, the primary key. Callers have locked the rows, or something above."""
    _update(model, columns, list(rows), "{column} = {value}", using)


def add_to_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Row], *, using: str = "default") -> None:
    """Add to integer `columns` of the rows named by the last value of each row. Callers as those of `update_rows`."""
    _update(model, columns, list(rows), "{column} = {table}.{column} + {value}", using)


def _update(model: type[Model], columns: Sequence[str], rows: list[Row], change: str, using: str) -> None:
    if not rows:
        return
    connection = connections[using]
    table, (*names, key) = _quoted(connection, model, [*columns, str(model._meta.pk.column)])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # one statement, an array for each column, instead of a round trip for each row
            types = {field.column: str(field.cast_db_type(connection)).partition("(")[0] for field in model._meta.concrete_fields}
            arrays = ", ".join(f"%s::{types[column]}[]" for column in (*columns, model._meta.pk.column))
            sets = ", ".join(change.format(column=name, table=table, value=f"given.{name}") for name in names)
            statement = f"UPDATE {table} SET {sets} FROM unnest({arrays}) AS given ({', '.join([*names, key])})"  # noqa: S608
            cursor.execute(f"{statement} WHERE {table}.{key} = given.{key}", [list(values) for values in zip(*rows, strict=True)])
        else:
            sets = ", ".join(change.format(column=name, table=table, value="%s") for name in names)
            cursor.executemany(f"UPDATE {table} SET {sets} WHERE {key} = %s", rows)  # noqa: S608


def _quoted(connection: BaseDatabaseWrapper, model: type[Model], columns: Sequence[str]) -> tuple[str, list[str]]:
    return connection.ops.quote_name(model._meta.db_table), [connection.ops.quote_name(column) for column in columns]


def prefer_indexes(*, using: str = "default") -> None:
    """To the end of this transaction, read by indexes wherever there are any.

    PostgreSQL's statistics lag minutes behind a bulk load. Until they are there it takes a hundred folders for a large part of the
    table and reads all of it, again for every batch. SQLite reads by indexes anyway.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")


def refresh_statistics(*, using: str = "default") -> None:
    """Let SQLite see how its tables have grown, a thousand entries of each index; PostgreSQL looks by itself.

    Without that it takes every index for equally good, at a million rows as at ten.
    """
    connection = connections[using]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("ANALYZE")


def among(ids: Iterable[int], *, using: str = "default") -> RawSQL:
    """For `id__in=`: any number of ids as one parameter. Django takes some microseconds for each member of a list, in each statement."""
    listed = [id_list(ids, using=using)]
    if connections[using].vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", listed)
    return RawSQL("SELECT value FROM json_each(%s)", listed)


def id_list(ids: Iterable[int], *, using: str = "default") -> str:
    """What `among` gives the database: the ids as text, for psycopg takes as long for a list of numbers as Django."""
    listed = ",".join(map(str, ids))
    return f"{{{listed}}}" if connections[using].vendor == "postgresql" else f"[{listed}]"


def in_order(rows: QuerySet[AnyModel], keys: Iterable[Any]) -> list[AnyModel]:
    """Those of `rows` with these primary keys, in the order of the keys; what is gone is left out. One query."""
    wanted = list(keys)
    found = rows.order_by().in_bulk(wanted)
    return [found[key] for key in wanted if key in found]


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """`items` in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def database_time(value: datetime, *, using: str = "default") -> Any:
    """An aware datetime as the driver of `using` wants it."""
    return connections[using].ops.adapt_datetimefield_value(value)
