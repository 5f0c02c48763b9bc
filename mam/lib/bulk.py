"""Many rows at database speed: COPY on PostgreSQL, `executemany` on SQLite. For services that write listings.

Django's `bulk_create` makes 5 to 10 thousand file rows a second, these two 22 to 65 (FACTS, Database 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db import connections

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import Model

Row = Sequence[Any]


def insert_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Row], *, using: str = "default") -> None:
    """Insert `rows` (values in the order of `columns`, already in database form); other columns get their database default.

    Must run inside a transaction when it has to be atomic with other writes.
    """
    connection = connections[using]
    table = connection.ops.quote_name(model._meta.db_table)
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))  # noqa: S608  (names of our models only)


def update_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Row], *, using: str = "default") -> None:
    """Set `columns` of the rows named by the last value of each row, the primary key."""
    connection = connections[using]
    table = connection.ops.quote_name(model._meta.db_table)
    sets = ", ".join(f"{connection.ops.quote_name(column)} = %s" for column in columns)
    key = connection.ops.quote_name(str(model._meta.pk.column))
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {sets} WHERE {key} = %s", list(rows))  # noqa: S608


def add_to_rows(model: type[Model], columns: Sequence[str], rows: Iterable[Row], *, using: str = "default") -> None:
    """Add to integer `columns` of the rows named by the last value of each row. Callers order rows by key: no deadlocks."""
    connection = connections[using]
    table = connection.ops.quote_name(model._meta.db_table)
    quoted = [connection.ops.quote_name(column) for column in columns]
    sets = ", ".join(f"{column} = {column} + %s" for column in quoted)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {sets} WHERE id = %s", list(rows))  # noqa: S608


def database_time(value: datetime, *, using: str = "default") -> Any:
    """An aware datetime as the driver of `using` wants it."""
    return connections[using].ops.adapt_datetimefield_value(value)
