"""Keyset pages: any depth of a list costs the same, because a page starts at a row and not at a number of rows.

No COUNT, no OFFSET (FACTS, Database 4: at the end of a million rows OFFSET takes seconds, this under a millisecond).
Who asks for a page by its number gets it by `jump`, which is an OFFSET, but over no more than an index.
The order may be any columns; the primary key is added so that it is total. NULLs come last, whichever way a column runs and
whichever database it is.

What follows a row is read as ranges, one query each until the page is full: first the rows equal to it in all columns but
the last, then in all but the last two, and so on. An index over the columns serves each range at once, also where a million
rows share a value; for one condition with OR or a row value SQLite reads all of those. The NULLs of a column are a range of
their own, because a plain index of neither database serves the other's idea of where NULLs go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from django.core import signing
from django.core.exceptions import EmptyResultSet, FieldDoesNotExist
from django.db import connections
from django.db.models import F, Field, Model, Q
from django.db.models.functions import Coalesce

from mam.lib.bulk import in_order
from mam.lib.errors import MamError, gettext_noop
from mam.lib.landmarks import landmarks

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from django.db.models import QuerySet
    from django.db.models.expressions import OrderBy

T = TypeVar("T", bound=Model)

_SORTED = "sorted_by_"
_SIGNER = signing.Signer(salt="mam.keyset")  # a cursor comes back as we gave it, so its values need no further check


class InvalidCursorError(MamError):
    code = "invalid_cursor"
    template = gettext_noop("This page address is damaged. Start at the first page.")
    http_status = 400


class CursorMismatchError(MamError):
    code = "cursor_mismatch"
    template = gettext_noop("This page address belongs to a list in another order. Start at the first page.")
    http_status = 400


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[T]):
    """Rows of one page and the cursors of its neighbours (None: there is none)."""

    items: list[T]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class _Column:
    """One term of the order, as it is read in one direction."""

    path: str  # "name_key", "series__name"
    is_descending: bool
    is_nullable: bool
    nulls_first: bool = False

    def reversed(self) -> _Column:
        return _Column(self.path, not self.is_descending, self.is_nullable, not self.nulls_first)

    def equal(self, value: object) -> Q:
        return self._nulls(is_null=True) if value is None else Q(**{self.path: value})

    def sorted(self) -> _Column:
        """The same without any index of it."""
        return replace(self, path=f"{_SORTED}{self.path}")

    def ranges(self) -> list[_Range]:
        """All rows."""
        if not self.is_nullable:
            return [_Range(Q(), [self])]
        values = _Range(self._nulls(is_null=False), [_Column(self.path, self.is_descending, is_nullable=False)])
        nulls = _Range(self._nulls(is_null=True), [])
        return [nulls, values] if self.nulls_first else [values, nulls]

    def ranges_after(self, value: object) -> list[_Range]:
        """The rows after those with `value`."""
        if value is None:
            return self.ranges()[1:] if self.nulls_first else []
        past = Q(**{f"{self.path}__{'lt' if self.is_descending else 'gt'}": value})
        values = _Range(past, [_Column(self.path, self.is_descending, is_nullable=False)])
        return [values, *(self.ranges()[1:] if self.is_nullable and not self.nulls_first else [])]

    def term(self) -> OrderBy:
        """Its place in ORDER BY. Where no NULL can be nothing is said of them, so that a plain index serves."""
        first, last = (self.nulls_first or None, not self.nulls_first or None) if self.is_nullable else (None, None)
        make = F(self.path).desc if self.is_descending else F(self.path).asc
        return make(nulls_first=first, nulls_last=last)

    def _nulls(self, *, is_null: bool) -> Q:
        return Q(**{f"{self.path}__isnull": is_null})


@dataclass(frozen=True, slots=True)
class _Range:
    """Rows that lie together in the order: which, and what still orders them."""

    condition: Q
    columns: list[_Column]


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page starts: after (or, read backwards, before) the row with these values."""

    values: list[Any]
    is_backward: bool


def keyset_page(queryset: QuerySet[T], ordering: Sequence[str], cursor: str | None, limit: int, *, is_small: bool = False) -> KeysetPage[T]:
    """At most `limit` rows of `queryset` in `ordering`, from where `cursor` (of a page before) says, else from the start.

    `ordering` is like Django's: ("-year", "name"); the primary key follows unless it is there. An order of the queryset's
    own is replaced; one of `values()` has the columns of the order among them. One query for a first page (two, if its first column has
    NULLs), at most one more per column for others.
    `is_small`: the rows are few beside the table, so they are found first and sorted. Both databases would rather walk an index of the
    order, past all others.
    Raises InvalidCursorError, and CursorMismatchError for a cursor of another ordering.
    """
    columns = _columns_of(queryset, ordering)
    walked, position = _walked(columns, cursor)
    is_backward = position is not None and position.is_backward
    if is_small:
        walked, queryset = _sorted(walked), _sortable(queryset, columns)
    rows = _fetch(queryset, _ranges_after(walked, position.values if position else None), limit + 1)
    has_more, items = len(rows) > limit, rows[:limit]
    if is_backward:
        items.reverse()
    before, after = (has_more, True) if is_backward else (position is not None, has_more)
    return KeysetPage(
        items=items,
        next=_write(columns, items[-1], is_backward=False) if items and after else None,
        previous=_write(columns, items[0], is_backward=True) if items and before else None,
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """How a page is read: from which value of the first column on (None: the start), and which way."""

    first: Any
    is_descending: bool
    is_backward: bool


def reading_after(queryset: QuerySet[Any], ordering: Sequence[str], cursor: str | None) -> Reading:
    """How `keyset_page` reads its page. No query. Raises as that does."""
    walked, position = _walked(_columns_of(queryset, ordering), cursor)
    is_backward = position is not None and position.is_backward
    return Reading(position.values[0] if position else None, walked[0].is_descending, is_backward)


def walk(queryset: QuerySet[Any], ordering: Sequence[str], cursor: str | None, size: int, growth: int, most: int) -> Iterator[list[Any]]:
    """Primary keys in the order of reading, from where `cursor` says to the end: first `size`, then `growth` times as many, and so on, but
    never more than `most` at once.

    For orders that an index serves; then no row is read but the last of each part.
    """
    columns, position = _walked(_columns_of(queryset, ordering), cursor)
    values = position.values if position else None
    while True:
        size = min(size, most)
        keys = _keys(queryset, _ranges_after(columns, values), size)
        if keys:
            yield keys
        if len(keys) < size:
            return
        rows = queryset.order_by().values_list(*(column.path for column in columns))
        found = (row for key in reversed(keys) for row in rows.filter(pk=key))  # the last one that was not deleted meanwhile
        last = next(found, None)
        if last is None:
            return
        values, size = list(last), size * growth


def _walked(columns: list[_Column], cursor: str | None) -> tuple[list[_Column], _Position | None]:
    """The columns as they are read, and from where."""
    position = _read(cursor, columns) if cursor else None
    return ([column.reversed() for column in columns] if position and position.is_backward else columns), position


def jump(
    queryset: QuerySet[T],
    ordering: Sequence[str],
    number: int,
    size: int,
    total: int,
    *,
    rows: QuerySet[T] | None = None,
    is_small: bool = False,
    unchanged: Hashable | None = None,
) -> KeysetPage[T]:
    """The page of that number (from 1), of `size` rows, as `keyset_page` would have come to it; its cursors lead on from there.

    A deferred join: keys are counted off along an index over `ordering`, from the nearer end of `total` rows, and only the rows of
    the page are read. Beyond the last page it is the last one. With a wrong `total` a page begins some rows from where it should.
    `rows`: from which the page is read by its keys, unless from `queryset`, whose conditions may have an index that leads a database past
    the keys. `is_small`: as of `keyset_page`. `unchanged`: what tells this list, in this order and as it is now, from all others; then
    pages are also counted off from pages that were read before.
    """
    columns = _columns_of(queryset, ordering)
    walked, sortable = (_sorted(columns), _sortable(queryset, columns)) if is_small else (columns, queryset)
    pages = max(1, -(-total // size))
    start = (min(max(number, 1), pages) - 1) * size
    count = min(size, max(total - start, 0))
    end = start + count - 1
    before, after = (None, None) if unchanged is None else landmarks.around(unchanged, start, end)
    first, first_values = before or (-1, None)
    last, last_values = after or (total, None)
    if last - end < start - first:
        backward = [column.reversed() for column in walked]
        keys = _keys_from(sortable, backward, last_values, last - end, count)[::-1]
    else:
        keys = _keys_from(sortable, walked, first_values, start - first, count)
    items = in_order(queryset if rows is None else rows, keys)
    if unchanged is not None and len(items) == count > 0:
        landmarks.note(unchanged, ((place, _values_of(columns, item)) for place, item in ((start, items[0]), (end, items[-1]))))
    return KeysetPage(
        items=items,
        next=_write(columns, items[-1], is_backward=False) if items and start + count < total else None,
        previous=_write(columns, items[0], is_backward=True) if items and start else None,
    )


def _keys_from(queryset: QuerySet[Any], columns: list[_Column], values: list[Any] | None, distance: int, count: int) -> list[Any]:
    """`count` primary keys from the row on that is so many after the one with `values` (None: before all others)."""
    if distance == 0 and values is not None:
        return [values[-1], *_keys(queryset, _ranges_after(columns, values), count - 1)]
    return _keys(queryset, _ranges_after(columns, values), count, skipped=distance - 1)


def _sorted(columns: list[_Column]) -> list[_Column]:
    return [column.sorted() for column in columns]


def _sortable(queryset: QuerySet[T], columns: list[_Column]) -> QuerySet[T]:
    """With what columns are that are `sorted`."""
    sortable: QuerySet[T] = queryset.alias(**{f"{_SORTED}{column.path}": Coalesce(column.path, column.path) for column in columns})
    return sortable


def _keys(queryset: QuerySet[Any], ranges: list[_Range], count: int, *, skipped: int = 0) -> list[Any]:
    """`count` primary keys (numbers: as the driver gives them) of the rows of `ranges`, after the first `skipped`."""
    keys: list[Any] = []
    for part in ranges:
        if len(keys) == count:
            break
        rows = queryset.filter(part.condition).order_by(*(column.term() for column in part.columns)).values_list("pk")
        try:
            statement, params = rows[skipped : skipped + count - len(keys)].query.sql_with_params()
        except EmptyResultSet:  # no row can meet the conditions
            continue
        with connections[queryset.db].cursor() as cursor:  # Django makes an object of every row, which takes longer than finding it
            cursor.execute(statement, params)
            found = [key for (key,) in cursor.fetchall()]
        if skipped:
            skipped = 0 if found else skipped - rows.order_by().count()
        keys += found
    return keys


def _columns_of(queryset: QuerySet[Any], ordering: Sequence[str]) -> list[_Column]:
    names = [(name.removeprefix("-"), name.startswith("-")) for name in ordering]
    primary_key = queryset.model._meta.pk.name
    names = [(primary_key if name == "pk" else name, is_descending) for name, is_descending in names]
    names.append((primary_key, names[-1][1] if names else False))
    end = [name for name, _ in names].index(primary_key) + 1  # what follows the primary key orders nothing
    return [_Column(name, is_descending, _is_nullable(queryset, name)) for name, is_descending in names[:end]]


def _is_nullable(queryset: QuerySet[Any], path: str) -> bool:
    """Whether any step of `path` may be NULL; what is not a field (an annotation) may."""
    if path in queryset.query.annotations:
        return True
    model: type[Model] | None = queryset.model
    for step in path.split("__"):
        if model is None:
            return True
        try:
            field = model._meta.get_field(step)
        except FieldDoesNotExist:
            return True  # a transform or an expression
        if not isinstance(field, Field) or field.null:
            return True
        model = field.related_model if isinstance(field.related_model, type) else None
    return False


def _ranges_after(columns: list[_Column], values: list[Any] | None) -> list[_Range]:
    """What follows the row with `values` (None: everything), in the order of reading."""
    if values is None:
        return [_Range(part.condition, [*part.columns, *columns[1:]]) for part in columns[0].ranges()]
    ranges: list[_Range] = []
    same = Q()
    for depth, (column, value) in enumerate(zip(columns, values, strict=True)):
        parts = column.ranges_after(value)
        ranges[:0] = [_Range(same & part.condition, [*part.columns, *columns[depth + 1 :]]) for part in parts]
        same &= column.equal(value)
    return ranges


def _fetch(queryset: QuerySet[T], ranges: list[_Range], count: int) -> list[T]:
    rows: list[T] = []
    for part in ranges:
        found = queryset.filter(part.condition).order_by(*(column.term() for column in part.columns))
        rows += found[: count - len(rows)]
        if len(rows) == count:
            break
    return rows


def _write(columns: list[_Column], row: Model | dict[str, Any], *, is_backward: bool) -> str:
    names = [("-" if column.is_descending else "") + column.path for column in columns]
    values = [_pack(value) for value in _values_of(columns, row)]
    signed = _SIGNER.sign_object([names, values, int(is_backward)])
    return signed.replace(":", ".")  # ":" would be escaped in a query string


def _read(cursor: str, columns: list[_Column]) -> _Position:
    payload, _, signature = cursor.rpartition(".")
    try:
        names, values, is_backward = _SIGNER.unsign_object(f"{payload}:{signature}")
    except (signing.BadSignature, ValueError) as error:
        raise InvalidCursorError from error
    if names != [("-" if column.is_descending else "") + column.path for column in columns]:
        raise CursorMismatchError
    return _Position([_unpack(value) for value in values], bool(is_backward))


def _values_of(columns: list[_Column], row: Model | dict[str, Any]) -> list[Any]:
    return [_value_of(row, column.path) for column in columns]


def _value_of(row: Model | dict[str, Any], path: str) -> Any:
    if isinstance(row, dict):  # of `values()`, the order among them
        return row[path]
    value: Any = row
    for step in path.split("__"):
        value = getattr(value, step) if value is not None else None
    return value.pk if isinstance(value, Model) else value


# JSON has no type for these; each is one letter and its text.
_TEXT_TYPES: dict[str, tuple[type[Any], Any]] = {
    "t": (datetime, datetime.fromisoformat),
    "d": (date, date.fromisoformat),
    "n": (Decimal, Decimal),
    "u": (UUID, UUID),
}


def _pack(value: Any) -> Any:
    for letter, (kind, _parse) in _TEXT_TYPES.items():
        if isinstance(value, kind):
            return [letter, value.isoformat() if isinstance(value, date) else str(value)]
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        letter, text = value
        return _TEXT_TYPES[letter][1](text)
    return value
