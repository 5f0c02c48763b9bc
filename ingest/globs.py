"""Which entries of a source are taken: its include and exclude globs."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

from catalog.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mam.lib.sources import Entry


class Globs:
    """The globs of one source, on the NFC, case-folded path; a pattern without "/" is tried on the name alone.

    Folders are only excluded: an include pattern speaks of files.
    """

    def __init__(self, *, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._include = _Patterns(include)
        self._exclude = _Patterns(exclude)

    def wants(self, folder: str, entry: Entry) -> bool:
        """Whether `entry` of `folder` (a path) is taken."""
        name = fold(entry.name)
        if self._exclude.match(folder, name):
            return False
        return entry.is_dir or not self._include or self._include.match(folder, name)


class _Patterns:
    """Any of some patterns. Most are plain names, which are looked up; the others are one expression."""

    def __init__(self, patterns: Iterable[str]) -> None:
        folded = {fold(pattern) for pattern in patterns}
        globs = {pattern for pattern in folded if "/" in pattern or any(sign in pattern for sign in "*?[")}
        self._names = folded - globs
        self._of_names = _any_of(pattern for pattern in globs if "/" not in pattern)
        self._of_paths = _any_of(pattern for pattern in globs if "/" in pattern)
        self._is_some = bool(folded)

    def __bool__(self) -> bool:
        return self._is_some

    def match(self, folder: str, name: str) -> bool:
        """`name` is folded, `folder` is not."""
        if name in self._names or (self._of_names and self._of_names.match(name)):
            return True
        return bool(self._of_paths and self._of_paths.match(f"{fold(folder)}/{name}" if folder else name))


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    parts = [translate(glob) for glob in sorted(globs)]
    return re.compile("|".join(parts)) if parts else None
