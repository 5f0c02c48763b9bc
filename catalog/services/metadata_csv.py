"""Curated metadata as CSV: how a table is written, and how one that came out of a spreadsheet is read. No database here.

Written: UTF-8 with a byte order mark (Excel takes a file without one for CP949), RFC 4180. Read: UTF-8 with or without mark, CP949; comma,
semicolon or tab. Everything that is wrong is a `Problem` with its line; what is right is read nevertheless.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from catalog import text
from mam.lib import messages
from mam.lib.errors import gettext_noop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

COLUMNS = ("id", "source", "path", "title", "description", "catalog", "series", "content", "part", "tags", "players")
BOM = "\ufeff"

messages.register(
    {
        "import_column_unknown": gettext_noop("There is no column “%(name)s”. It is ignored."),
        "import_column_twice": gettext_noop("The column “%(name)s” occurs twice. The second one is ignored."),
        "import_key_missing": gettext_noop("A column “id” is needed, or both “source” and “path”."),
        "import_quotes_broken": gettext_noop("The quotation marks do not match, or a cell has more than %(limit)s characters."),
        "import_cut_off": gettext_noop("The file ends in the middle of this line."),
        "import_too_many_cells": gettext_noop("The line has %(count)s cells, but there are only %(columns)s columns."),
        "import_undecodable": gettext_noop("There are characters that cannot be read. Save the file as “CSV UTF-8”."),
    }
)

_ENCODINGS = ("utf-8-sig", "cp949")
_DELIMITERS = ",;\t"
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), full-width forms as well; perhaps guarded already.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")  # bytes that are no text are read as lone surrogates
_NAME_SEPARATOR = "; "
_READ_CHARS = 1 << 16
_SHOWN_CHARS = 100  # of a value that a problem quotes


class Problem(NamedTuple):
    """What is wrong at a place of the file. `column` "": the whole line. `code`: of `mam.lib.messages`."""

    line: int  # of the file, from 1
    column: str
    code: str
    params: dict[str, Any]


class Record(NamedTuple):
    """One line of the table, which may be several of the file. `cells` by column; empty when there are problems."""

    line: int  # where it begins
    cells: dict[str, str]
    problems: list[Problem]


def quoted(value: str) -> str:
    """`value` as a problem may quote it: short, and text whatever it was."""
    return _UNREADABLE.sub("\ufffd", value)[:_SHOWN_CHARS]


# --- cells ------------------------------------------------------------------------------------------------------------
def guard(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if _FORMULA.match(value) else value


def unguard(cell: str) -> str:
    """What `guard` was given."""
    return cell[1:] if _GUARDED.match(cell) else cell


def join_names(names: Iterable[str]) -> str:
    """Names as one cell; a semicolon within a name gets a backslash."""
    return _NAME_SEPARATOR.join(name.replace("\\", "\\\\").replace(";", "\\;") for name in names)


def split_names(cell: str) -> list[str]:
    r"""The names of a cell, tidy, none of them empty. A backslash stands for itself except before ; and \."""
    parts = re.findall(r"(?:\\[;\\]|[^;])+", cell)
    names = (text.tidy(re.sub(r"\\([;\\])", r"\1", part)) for part in parts)
    return [name for name in names if name]


# --- writing ----------------------------------------------------------------------------------------------------------
class Writer:
    """Makes the bytes of lines."""

    def __init__(self) -> None:
        self._buffer = io.StringIO()
        self._csv = csv.writer(self._buffer, lineterminator="\r\n")

    def head(self, names: Sequence[str]) -> bytes:
        """The beginning of a file."""
        self._buffer.write(BOM)
        return self.lines([names])

    def lines(self, rows: Iterable[Sequence[str | int]]) -> bytes:
        """Lines of cells. Text is guarded, numbers are not."""
        self._csv.writerows([cell if isinstance(cell, int) else guard(cell) for cell in row] for row in rows)
        made = self._buffer.getvalue().encode()
        self._buffer.seek(0)
        self._buffer.truncate()
        return made


# --- reading ----------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Table:
    """A file whose head was read. `problems`: of the head. Without a key column there is nothing to be had from `records`."""

    encoding: str
    columns: dict[str, int] = field(default_factory=dict)  # ours -> where
    ignored: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    width: int = 0
    lines: _Lines | None = None
    delimiter: str = ","

    @property
    def has_key(self) -> bool:
        """The lines say which files they are about."""
        return "id" in self.columns or {"source", "path"} <= self.columns.keys()

    def records(self) -> Iterator[Record]:
        """The lines below the head; empty ones are passed over."""
        if self.lines is None or not self.has_key:
            return
        for line, cells, is_last in _parse(self.lines, self.delimiter):
            if cells is None:
                yield Record(line, {}, [Problem(line, "", "import_quotes_broken", {"limit": csv.field_size_limit()})])
            elif any(cells):
                problems = self._problems_of(line, cells, is_last=is_last)
                yield Record(line, {} if problems else self._named(cells), problems)

    def _named(self, cells: list[str]) -> dict[str, str]:
        """Spreadsheets leave empty cells at the end of a line out."""
        return {name: unguard(cells[index]) if index < len(cells) else "" for name, index in self.columns.items()}

    def _problems_of(self, line: int, cells: list[str], *, is_last: bool) -> list[Problem]:
        found = [
            Problem(line, name, "import_undecodable", {})
            for name, index in self.columns.items()
            if index < len(cells) and _UNREADABLE.search(cells[index])
        ]
        if any(cells[self.width :]):
            found.append(Problem(line, "", "import_too_many_cells", {"count": len(cells), "columns": self.width}))
        if is_last and len(cells) < self.width:
            found.append(Problem(line, "", "import_cut_off", {}))
        return found


def read_table(stream: IO[bytes]) -> Table:
    """Find out how a file is written, and read its head. `stream` can be sought; it is read further by `Table.records`."""
    encoding = _encoding_of(stream)
    table = Table(encoding, lines=_Lines(_decoded(stream, encoding)))
    assert table.lines is not None  # noqa: S101  (for the type checker)
    head = next((line for line in table.lines if line.strip()), "")
    line = table.lines.number
    table.delimiter = max(_DELIMITERS, key=lambda delimiter: _known_in(head, delimiter))
    for index, name in enumerate(_names_of(head, table.delimiter)):
        table.width = index + 1
        _take_column(table, index, name, line)
    if not table.has_key:
        table.problems.append(Problem(max(1, line), "", "import_key_missing", {}))
    return table


def _take_column(table: Table, index: int, name: str, line: int) -> None:
    key = text.fold(name.strip())
    if key in COLUMNS and key not in table.columns:
        table.columns[key] = index
    elif key:
        shown = quoted(name.strip())
        code = "import_column_twice" if key in table.columns else "import_column_unknown"
        table.ignored.append(shown)
        table.problems.append(Problem(line, shown, code, {"name": shown}))


def _names_of(head: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([head], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return head.split(delimiter)


def _known_in(head: str, delimiter: str) -> int:
    return sum(text.fold(name.strip()) in COLUMNS for name in _names_of(head, delimiter))


def _encoding_of(stream: IO[bytes]) -> str:
    """The one of `_ENCODINGS` in which the fewest bytes make no sense."""
    broken: dict[str, int] = {}
    for encoding in _ENCODINGS:
        decoded = _decoded(stream, encoding)
        broken[encoding] = 0
        while part := decoded.read(_READ_CHARS):
            broken[encoding] += 0 if part.isascii() else len(_UNREADABLE.findall(part))
        decoded.detach()
        if not broken[encoding]:
            return encoding
    return min(broken, key=broken.__getitem__)


def _decoded(stream: IO[bytes], encoding: str) -> io.TextIOWrapper:
    stream.seek(0)
    return io.TextIOWrapper(stream, encoding=encoding, errors="surrogateescape", newline="")


_MOST_LINES = 500  # of a cell's text
_MOST_BROKEN = 200


class _Lines:
    """Lines of a file, which can be given back."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.most = _MOST_LINES  # that may be taken for one record
        self.number = 0  # of the last one that was given out, from 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= self.most:
            raise csv.Error
        line = self._again.popleft() if self._again else self._stream.readline()
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        return line

    def give_back_all_but_the_first(self) -> None:
        """Of `taken`."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1


def _parse(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | None, bool]]:
    """(line, cells, whether the file ends here without the end of a line). None for cells: the quotes are broken; goes on in the next line.

    An open quotation mark swallows lines up to the next one, in which there is too much then. So all but the first are read again. Where
    there are many such marks, no line has to do with the next one any more: time grows with the file alone.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    broken = 0
    while True:
        lines.taken.clear()
        begins = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.give_back_all_but_the_first()
            broken += 1
            if broken == _MOST_BROKEN:
                lines.most = 1
            yield begins, None, False
        else:
            yield begins, cells, not lines.taken[-1].endswith(("\r", "\n"))
