"""Progress in a terminal, for commands that take a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTE_CHARS = 40


class Bar:
    """One line: what is done, how much of it, how much longer, a note."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, note="")

    def show(self, text: str, done: int, total: int | None, note: str = "") -> None:
        """`total` None: not known yet."""
        self._progress.update(self._task, description=text, completed=done, total=total, note=note[-_NOTE_CHARS:])


@contextmanager
def progress_bar() -> Iterator[Bar]:
    """A bar on the error output until the block ends; nothing where that is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress)
