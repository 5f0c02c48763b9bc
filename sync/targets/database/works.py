"""Catalogs, series, contents and players in a database that is a target."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sync.ott.models import OttCatalog, OttContent, OttPlayer, OttSeries
from sync.targets.database.layout import has_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.backends.utils import CursorWrapper
    from django.db.models import Model

    from sync.targets.base import Work

# Kind -> its table, and the columns that say what it belongs to.
_KINDS: dict[str, tuple[type[Model], tuple[str, ...]]] = {
    "catalog": (OttCatalog, ()),
    "series": (OttSeries, ("catalog_id",)),
    "content": (OttContent, ("catalog_id", "series_id")),
    "player": (OttPlayer, ()),
}


def are_ours(cursor: CursorWrapper) -> bool:
    """Whether all tables of works are as we make them, or can be used as if they were."""
    return all(has_columns(cursor, model._meta.db_table, _columns(model), key="id") for model, _ in _KINDS.values())


def put(cursor: CursorWrapper, works: Iterable[Work]) -> None:
    """Write works, over those with the same ids; rows that would stay the same are not touched."""
    by_kind: dict[str, list[Work]] = {}
    for work in works:
        by_kind.setdefault(work.kind, []).append(work)
    for kind, part in by_kind.items():
        model, parents = _KINDS[kind]
        columns = _columns(model)
        others = columns[1:]
        cursor.executemany(
            f"INSERT INTO {model._meta.db_table} AS kept ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608
            f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in others)}"
            f" WHERE NOT ({' AND '.join(f'kept.{column} {_same(cursor)} excluded.{column}' for column in others)})",
            [[_value(work, column, parents) for column in columns] for work in part],
        )


def _same(cursor: CursorWrapper) -> str:
    return "IS" if cursor.db.vendor == "sqlite" else "IS NOT DISTINCT FROM"


def _columns(model: type[Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


def _value(work: Work, column: str, parents: tuple[str, ...]) -> Any:
    if column in parents:
        return work.parent[parents.index(column)]
    if column in {"id", "name"}:
        return work.id if column == "id" else work.name
    value = work.details.get(column)
    if column in {"players", "aliases"}:
        return json.dumps(value or [], ensure_ascii=False)
    return "" if column == "description" and value is None else value
